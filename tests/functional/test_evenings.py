"""Campaigns that run into the evenings, over both changes of clock, with other texts and troubles between them."""

import bisect
import itertools
import random
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from longcode.domain.message import Message
from longcode.domain.status import Status
from tests.chance import FULL, SEED
from tests.support.evenings import (
    HOUR,
    MINUTE,
    NEW_YORK,
    NIGHT,
    at,
    is_quiet,
    run,
    store,
    text_of,
)
from tests.support.fakes import FakeClock, World, make_settings, make_world
from tests.support.fakes.provider import ACCEPTS_THEN_DROPS, BAD_KEY, RATE_LIMITED

pytestmark = pytest.mark.slow

# Days of which the night has both changes of clock, and one that has none.
DAYS = ("2026-03-07", "2026-10-31", "2026-07-01")
ZONES = (
    NEW_YORK,
    "America/Chicago",
    "America/Los_Angeles",
    "America/Phoenix",
    "America/New_York,America/Chicago",
    "America/Los_Angeles,Pacific/Honolulu",
)
EVENINGS = 3
CAMPAIGN, OTHERS = 150, 20
# About 2,000 texts in each run, and 100,000 with FULL=1.
WALKS = 200 if FULL else 3


@dataclass
class Walk:
    """Some evenings of one seed: what was accepted, and when all were disturbed."""

    world: World
    random: random.Random
    texts: list[Message] = field(default_factory=list)
    troubles: list[tuple[int, int]] = field(default_factory=list)

    def plan(self, first_day_ms: int) -> None:
        """What is accepted and what goes wrong, from the afternoon of the first day on."""
        people = [(f"+1202555{number:04}", self.random.choice(ZONES)) for number in range(100, 160)]
        for evening in range(EVENINGS):
            # The clock of New York has moved by an hour since, perhaps: some begin an hour early or late.
            begins_ms = first_day_ms + evening * 24 * HOUR + self.random.choice([0, HOUR, 3 * HOUR])
            for number in range(CAMPAIGN):
                self._accept(begins_ms + number * self.random.choice([5, 50, 500]), *self.random.choice(people))
            for _ in range(OTHERS):
                to, _zones = self.random.choice(people)
                self._accept(begins_ms + self.random.randrange(12 * HOUR), to, "")
            self._trouble(begins_ms + self.random.randrange(25 * MINUTE))

    def _accept(self, at_ms: int, to: str, zones: str) -> None:
        number = len(self.texts)
        ident = f"00000000-0000-4000-8000-{number:012x}"
        message = text_of(ident, to, at_ms + number % 5, zones)
        self.texts.append(message)
        self.world.clock.at(message.accepted_ms, lambda: store(self.world, [message]))

    def _trouble(self, at_ms: int) -> None:
        world, kind = self.world, self.random.choice(["breaker", "pause", "429", "no answer", "none"])
        until_ms = at_ms + self.random.choice([MINUTE, 10 * MINUTE, 30 * MINUTE])
        self.troubles.append((at_ms, until_ms + 15 * MINUTE))
        if kind == "pause":
            world.clock.at(at_ms, lambda: world.limits.pause(world.clock.now, "a test"))
            world.clock.at(until_ms, world.limits.resume)
        # What it was to say to texts that did not come.
        world.clock.at(until_ms, world.provider._next.clear)
        if kind == "breaker":
            world.clock.at(at_ms, lambda: world.provider.then(*[BAD_KEY] * 4))
        elif kind == "429":
            world.clock.at(at_ms, lambda: world.provider.then(*[RATE_LIMITED] * 6))
        elif kind == "no answer":
            world.clock.at(at_ms, lambda: world.provider.then(*[ACCEPTS_THEN_DROPS] * 2))

    def disturbed(self, at_ms: int) -> bool:
        """Whether a trouble of all may delay what was accepted then."""
        return any(begins <= at_ms <= ends for begins, ends in self.troubles)


@pytest.fixture(scope="module", params=range(WALKS))
def walk(request: pytest.FixtureRequest) -> Walk:
    made = random.Random(f"{SEED}/{request.param}")
    begins_ms = at(f"{DAYS[request.param % len(DAYS)]} 20:45:00")
    settings = make_settings(
        quiet_hours=NIGHT, sender_segment_ms=made.choice([2_000, 8_000, 30_000]), validity_minutes=5 * 1440
    )
    found = Walk(make_world(settings, clock=FakeClock(begins_ms - HOUR)), made)
    found.plan(begins_ms)
    found.texts.sort(key=lambda text: text.accepted_ms)
    found.world.report()
    run(found.world, begins_ms + (EVENINGS + 1) * 24 * HOUR, concurrency=4)
    return found


def test_nothing_leaves_in_the_quiet_hours_of_its_recipient(walk: Walk) -> None:
    zones = {text.id: text.quiet_zones for text in walk.texts if text.quiet_zones}

    asked = [request for request in walk.world.provider.requests if request.key in zones]

    assert len(asked) >= EVENINGS * CAMPAIGN
    assert [request for request in asked if is_quiet(request.arrived_ms, zones[request.key])] == []


def test_none_is_lost_and_none_leaves_twice(walk: Walk) -> None:
    taken = defaultdict[str, int](int)
    for text in walk.world.provider.texts:
        taken[text.key] += 1

    assert {text.id: taken[text.id] for text in walk.texts if taken[text.id] != 1} == {}
    assert {message.status for message in walk.world.messages.all} == {Status.DELIVERED}
    assert not walk.world.queue.dead


def test_those_of_one_recipient_that_keep_them_leave_in_their_order(walk: Walk) -> None:
    place = {text.id: text.accepted_ms for text in walk.texts if text.quiet_zones}
    left = defaultdict[str, list[int]](list)
    for request in walk.world.provider.requests:
        if request.took and request.key in place:
            left[request.recipient].append(place[request.key])

    assert [moments for moments in left.values() if moments != sorted(moments)] == []


def test_what_is_held_delays_no_other(walk: Walk) -> None:
    arrived = {request.key: request.arrived_ms for request in walk.world.provider.requests if request.took}
    moments, interval_ms = sorted(arrived.values()), walk.world.settings.sender_segment_ms

    def idle_ms(text: Message) -> int:
        """For how long it waited while the sender's limit was free."""
        before = moments[: bisect.bisect_left(moments, arrived[text.id])]
        free_ms = before[-1] + interval_ms if before else 0
        return arrived[text.id] - max(text.accepted_ms, free_ms)

    waits = sorted(
        idle_ms(text)
        for text in walk.texts
        # In the night of all zones: nothing that keeps quiet hours leaves.
        if not text.quiet_zones
        and not walk.disturbed(text.accepted_ms)
        and all(is_quiet(text.accepted_ms + ahead * MINUTE, zone) for zone in ZONES[:4] for ahead in (-30, 0))
    )

    assert len(waits) >= 8
    assert waits[int(len(waits) * 0.99)] <= 2_000


def test_a_campaign_of_some_evenings_uses_its_limit_in_the_mornings() -> None:
    interval_ms, texts = 1_000, 400
    world = make_world(
        make_settings(quiet_hours=NIGHT, sender_segment_ms=interval_ms), clock=FakeClock(at("2026-10-31 20:58:00"))
    )
    walk = Walk(world, random.Random(0))
    for number in range(texts):
        walk._accept(world.clock.now + 10 * number, f"+1202555{number + 101:04}", NEW_YORK)

    run(world, at("2026-11-01 08:30:00"), concurrency=4)

    arrivals = world.provider.arrivals()
    evening = [moment for moment in arrivals if moment < at("2026-10-31 22:00:00")]
    morning = arrivals[len(evening) :]
    assert len(arrivals) == texts
    # From the first to the last moment that is allowed: the last quarter of a minute is not.
    assert len(evening) >= 0.95 * 105
    assert morning[0] - at("2026-11-01 08:00:00") <= 3_000
    assert len(morning) / ((morning[-1] - morning[0]) / interval_ms + 1) >= 0.95
    assert min(later - sooner for sooner, later in itertools.pairwise(morning)) >= interval_ms - 200
