"""Codes beside a campaign that waits: they leave at once, and the limits hold for both together.

In virtual time, with the latencies of AWS. The real network's limits are the simulator's.
"""

import random
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from longcode.domain import destinations
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.message import Message
from longcode.domain.priority import Priority
from longcode.domain.status import Status
from longcode.use_cases import backlog
from tests.chance import FULL, drawn
from tests.support.fakes import OURS, FakeClock, World, make_settings, make_world
from tests.support.fakes.both_queues import work
from tests.support.fakes.network import NetworkProvider

pytestmark = pytest.mark.slow

MINUTE = 60_000
BULK = 100_000 if FULL else 2_000
MINUTES = 60 if FULL else 12
# Those who ask for codes.
CODES = 1_000
# Class T, low volume.
PER_MINUTE = 75
SHARE = 20


def recipient(number: int) -> str:
    """Ten thousand areas have ten such numbers each, all on AT&T's network."""
    return f"+1{number // 10:03d}555018{number % 10}"


def campaign(world: World, texts: Sequence[int]) -> None:
    """A campaign that was accepted just now: one text for each recipient, of so many segments."""
    for number, segments in enumerate(texts):
        message = Message(
            id=str(uuid.UUID(int=number + (4 << 76) + (8 << 60))),
            direction="outbound",
            status=Status.QUEUED,
            sender=OURS,
            recipient=recipient(number),
            text="Hello",
            accepted_ms=world.clock.now,
            updated_ms=world.clock.now,
            route="queue",
            segments=segments,
            priority=Priority.BULK,
        )
        assert world.messages.accept(message) is None
        world.bulk_queue.put([backlog.waiting(message)])


def slow_down(world: World, chance: random.Random) -> None:
    """Let each call take its time from now on."""

    def takes(least_ms: int, most_ms: int) -> Callable[[], None]:
        return lambda: world.clock.pass_ms(chance.randint(least_ms, most_ms))

    world.messages.faults.takes = world.limits.faults.takes = world.carriers.faults.takes = takes(4, 14)
    world.queue.faults.takes = world.bulk_queue.faults.takes = takes(8, 25)
    world.provider.latency_ms = 150


def limited_world(**settings: Any) -> tuple[World, NetworkProvider]:
    clock = FakeClock()
    provider = NetworkProvider(clock, OURS, registration={"campaign": {"message_class": "T"}})
    world = make_world(
        make_settings(daily_texts_per_key=0, allowed_destinations=destinations.parse("*"), **settings),
        clock=clock,
        provider=provider,
    )
    for number in range(BULK + CODES):
        world.carriers.learn(recipient(number), Subscription(Carrier.ATT, "wireless", clock.now))
    return world, provider


def codes(world: World, chance: random.Random, every_ms: int, minutes: int = MINUTES - 1) -> list[str]:
    """Codes that are asked for at random, one in `every_ms` on average, from the first minute on."""
    sent: list[str] = []

    def ask() -> None:
        reply = world.enqueue(recipient(BULK + chance.randrange(CODES)), "Your code is 123456")
        assert reply.status == 202, reply.fields
        sent.append(str(reply.fields["message_id"]))

    at_ms = world.clock.now + MINUTE
    while at_ms < world.clock.now + minutes * MINUTE:
        at_ms += round(chance.expovariate(1 / every_ms))
        world.clock.at(at_ms, ask)
    return sent


def waits(world: World, ids: Sequence[str]) -> list[int]:
    """How long texts took from their acceptance to the provider, from the least to the most."""
    taken = {text.key: text.taken_ms for text in world.provider.texts}
    found = [world.messages.get(ident) for ident in ids]
    return sorted(taken[message.id] - message.accepted_ms for message in found if message)


def most_in_a_minute(moments: Sequence[tuple[int, int]]) -> int:
    """The most segments in any minute."""
    most, first, within = 0, 0, 0
    for at_ms, segments in moments:
        within += segments
        while moments[first][0] <= at_ms - MINUTE:
            within -= moments[first][1]
            first += 1
        most = max(most, within)
    return most


# A long text finds room less often.
@pytest.mark.parametrize(("segments", "used"), [(1, 0.95), (3, 0.8)], ids=["short", "long"])
def test_codes_leave_within_two_seconds_beside_a_campaign_at_class_t(segments: int, used: float) -> None:
    world, provider = limited_world(campaign=CampaignSettings("T", transactional=SHARE))
    chance = drawn("priorities")
    campaign(world, [segments] * BULK)
    slow_down(world, chance)
    end = work(world)
    asked = codes(world, chance, every_ms=8_000)
    began = world.clock.now
    world.clock.sleep_until(began + MINUTES * MINUTE)
    end()

    late = waits(world, asked)
    assert len(late) == len(asked) >= (MINUTES - 2) * 4
    assert late[len(late) * 99 // 100] <= 2_000, late[-20:]
    sizes = {message.id: message.segments for message in world.messages.all}
    left = sorted((text.taken_ms, sizes[text.key]) for text in provider.texts)
    assert provider.refused == {}
    assert most_in_a_minute(left) <= PER_MINUTE
    bulk = sum(count for _, count in left) - len(asked)
    assert bulk >= used * (MINUTES - 1) * PER_MINUTE * (100 - SHARE) / 100


def test_a_campaign_gives_way_to_more_codes_than_the_limit_takes() -> None:
    world, provider = limited_world(campaign=CampaignSettings("T", transactional=SHARE))
    chance = drawn("more codes")
    campaign(world, [1 + chance.randrange(3) for _ in range(BULK)])
    slow_down(world, chance)
    end = work(world)
    asked = codes(world, chance, every_ms=600)
    began = world.clock.now
    world.clock.sleep_until(began + MINUTES * MINUTE)
    end()

    taken = [world.messages.get(text.key) for text in provider.texts if text.taken_ms > began + 2 * MINUTE]
    bulk = sum(message.segments for message in taken if message and message.priority is Priority.BULK)
    assert provider.refused == {}
    # From when on codes wait for each other, next to nothing else leaves.
    assert len(asked) > (MINUTES - 2) * PER_MINUTE
    assert bulk <= 0.1 * len(taken)


def test_a_campaign_that_gives_way_keeps_its_turns_and_does_not_go_to_the_end_of_a_day() -> None:
    world, provider = limited_world(campaign=CampaignSettings("T", transactional=SHARE))
    chance = drawn("turns")
    campaign(world, [1] * 600)
    slow_down(world, chance)
    end = work(world)
    began = world.clock.now
    # More codes than the limit takes, for three minutes.
    for at_ms in range(0, 3 * MINUTE, 700):
        to = recipient(BULK + chance.randrange(CODES))
        world.clock.at(began + at_ms, partial(world.enqueue, to, "Your code is 123456"))
    world.clock.sleep_until(began + 7 * MINUTE)
    end()

    bulk = [message for message in world.messages.all if message.priority is Priority.BULK]
    assert provider.refused == {}
    # All that had a turn by then have left, or are about to; behind them 400 others wait.
    ahead = [(message.slot_ms or 0) - world.clock.now for message in bulk[:150] if message.status.waiting]
    assert len(ahead) < 75
    assert max(ahead) < MINUTE


def test_codes_leave_within_seconds_beside_a_campaign_while_the_provider_takes_less() -> None:
    clock = FakeClock()
    settings = make_settings(daily_texts_per_key=0, allowed_destinations=destinations.parse("*"))
    world, chance = make_world(settings, clock=clock), drawn("429")
    world.provider.takes_a_second = 2
    campaign(world, [1] * 200)
    slow_down(world, chance)
    end = work(world)
    asked = codes(world, chance, every_ms=2_000, minutes=3)
    clock.sleep_until(clock.now + 5 * MINUTE)
    end()

    late = waits(world, asked)
    assert len(late) == len(asked) >= 30
    assert late[len(late) * 9 // 10] <= 10_000, late
    assert len(world.provider.texts) == len(asked) + 200
