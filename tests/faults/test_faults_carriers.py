"""Limits of carriers in a random walk: whatever is asked for and fails, no carrier refuses a text for them."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier, CarrierStop, Subscription
from longcode.domain.errors import Unavailable
from longcode.domain.message import Message
from longcode.domain.status import HeldBy, Status
from tests.chance import SEED, showing, times
from tests.functional.test_carrier_limits import ATT, MINUTE, T_MOBILE, VERIZON, at_pacific, numbers
from tests.support.fakes import OURS, FakeClock, make_settings, make_world
from tests.support.fakes import provider as behaviours
from tests.support.fakes.fault_injector import Died, unavailable
from tests.support.fakes.network import NetworkProvider

pytestmark = pytest.mark.slow

DAY = 86_400_000
LASTS_MS = 10 * MINUTE
DATES = ("2026-10-31", "2026-11-01", "2026-11-27", "2027-03-13", "2027-03-14")
TIMES = ("00:00:00", "09:00:00", "23:50:00", "23:58:00", "23:59:30", "23:59:55", "23:59:59")
CALLS = (
    *(("carriers", call) for call in ("take", "learn", "give_back", "subscriptions")),
    *(("limits", call) for call in ("reserve", "give_back", "push", "cover", "read_gate")),
    *(("messages", call) for call in ("hold", "release", "claim", "submitted", "read", "end")),
    *(("queue", call) for call in ("hide", "delete")),
    ("provider", "send"),
)


class Walk:
    """One walk, wholly determined by its seed. With `faults` stores fail, workers die and sending is stopped.

    Then a part of the day is left for texts in doubt, whose replays may need it on another day.
    """

    def __init__(self, seed: str, *, faults: bool) -> None:
        self.chance = chance = random.Random(seed)
        self.faulty = faults
        self.clock = clock = FakeClock(at_pacific(f"{chance.choice(DATES)}T{chance.choice(TIMES)}"))
        att, cap = chance.choice("TTWE"), chance.choice((60, 150, 300))
        self.provider = provider = NetworkProvider(
            clock, OURS, registration={"campaign": {"message_class": att}, "brand": {"daily_cap": cap}}
        )
        shared = chance.choice((0, 0, 0, 1))
        margin = 20 if faults else chance.choice((0, 3))
        settings = make_settings(
            campaign=CampaignSettings(
                att, t_mobile_per_day=cap, margin=margin, transactional=chance.choice((0, 20))
            ),
            validity_minutes=chance.choice((4, 1)) * 1440,
            max_pending_per_recipient=1_000,
            daily_texts_per_key=0,
            recipient_interval_ms=chance.choice((0, 1_000, 1_000, 4_000)),
            sender_segment_ms=shared * chance.choice((200, 1_000)),
            account_segment_ms=shared * 100,
        )
        self.world = world = make_world(settings, clock=clock, provider=provider)
        vars(world.service)["deps"] = replace(world.service.deps, jitter=chance.random)
        self.people = [
            *numbers(ATT, chance.choice((1, 10, 40))),
            *numbers(T_MOBILE, chance.choice((1, 10, 60))),
            *numbers(VERIZON, 3),
        ]
        for number in self.people:
            network = provider.networks.of(number).network
            world.carriers.learn(number, Subscription(Carrier(network), "wireless", clock.now))
        # Long texts alone, short ones alone, or both; none is longer than a minute of its carrier.
        self.parts = chance.choice(((1,), (3,), (1, 1, 1, 2, 3, 10), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)))
        self.accepted: list[str] = []
        self.injectors = {
            "messages": world.messages.faults, "limits": world.limits.faults, "carriers": world.carriers.faults,
            "queue": world.queue.faults, "provider": provider.faults,
        }  # fmt: skip
        self._start_ms = self._swept_ms = clock.now
        self._mapping, self._polling, self._pollers = world.mapping(), 0, chance.choice((1, 3, 10))
        self._answer = provider._behaviour
        provider._behaviour = self._slowly  # type: ignore[method-assign]

    def _slowly(self, message: Message) -> behaviours.Behaviour:
        """One in ten requests takes its time, most of it after it arrived."""
        ms = self.chance.choice((6_000, 12_000)) if self.chance.random() < 0.1 else self.chance.choice((50, 300))
        found = self._answer(message)
        return found if found.latency_ms is not None else replace(found, latency_ms=ms, way_ms=20)

    def walk(self) -> None:
        """Let it all happen."""
        deeds: list[Callable[[], None]] = [
            self._burst,
            self._burst,
            self._burst,
            self._trickle,
            self._one,
            self._send,
        ]
        planned = self.chance.choices(deeds, k=self.chance.randint(1, 8))
        if self.faulty:
            planned += [self._fault] * self.chance.randint(0, 6)
            odd = [self._pause, self._outage, self._stop, self._process]
            planned += self.chance.sample(odd, self.chance.randint(0, len(odd)))
        for deed in planned:
            self.clock.at(self._start_ms + int(self.chance.random() ** 2 * LASTS_MS), deed)
        self.clock.at(self._start_ms + 3 * LASTS_MS, self._end_faults)
        self.clock.standing += [self._next_poll, self._next_reconcile]
        self.clock.sleep_until(self._start_ms + 5 * DAY)

    def _next_poll(self) -> tuple[int, Any] | None:
        visible = None if self._polling == self._pollers else self.world.queue.next_visible_ms()
        return None if visible is None else (visible, self._poll)

    def _poll(self) -> None:
        self._polling += 1
        try:
            if self.chance.random() < 0.2:
                self.clock.pass_ms(self.chance.randint(1, 4_000))
            if self._mapping.poll() is None:
                self.clock.pass_ms(1)
        finally:
            self._polling -= 1

    def _next_reconcile(self) -> tuple[int, Any] | None:
        ahead, due = self._swept_ms // MINUTE * MINUTE + MINUTE, self.world.messages.next_due_at_ms()
        return None if due is None else (max(ahead, -(-due // MINUTE) * MINUTE), self._reconcile)

    def _reconcile(self) -> None:
        self._swept_ms = self.clock.now
        try:
            self.world.reconcile()
        except (Unavailable, Died):
            assert self.faulty

    # ------------------------------------------------------------------------------------- what happens

    def _queue(self, number: str) -> None:
        parts = self.chance.choice(self.parts)
        try:
            reply = self.world.enqueue(number, "Hello" if parts == 1 else "x" * (153 * parts - 3))
        except Died:
            return
        if reply.status == 202:
            self.accepted.append(reply.fields["message_id"])

    def _burst(self) -> None:
        for _ in range(self.chance.randint(5, 80)):
            self._queue(self.chance.choice(self.people))

    def _trickle(self) -> None:
        for _ in range(20):
            self._queue(self.chance.choice(self.people))
            self.clock.pass_ms(self.chance.randint(100, 9_000))

    def _one(self) -> None:
        number = self.chance.choice(self.people)
        for _ in range(self.chance.randint(10, 40)):
            self._queue(number)

    def _send(self) -> None:
        for _ in range(self.chance.randint(1, 20)):
            try:
                self.world.send(self.chance.choice(self.people))
            except Died:
                assert self.faulty
            self.clock.pass_ms(self.chance.choice((1, 1, 500)))

    def _fault(self) -> None:
        store, call = self.chance.choice(CALLS)
        failure = Died if store == "provider" or self.chance.random() < 0.5 else unavailable
        self.injectors[store].fail(
            call, failure, after=self.chance.random() < 0.5, skip=self.chance.randint(0, 5),
            times=1 if failure is Died else self.chance.choice((1, 1, 3)),
        )  # fmt: skip

    def _end_faults(self) -> None:
        for injector in self.injectors.values():
            injector.clear()

    def _pause(self) -> None:
        limits = self.world.limits
        limits.control = replace(limits.control, paused_since_ms=self.clock.now, pause_reason="a walk")
        self.clock.pass_ms(self.chance.choice((20_000, 5 * MINUTE, 30 * MINUTE)))
        limits.control = replace(limits.control, paused_since_ms=None, pause_reason="")

    def _outage(self) -> None:
        self.provider.usual = self.chance.choice(
            (behaviours.UNREACHABLE, behaviours.BAD_KEY, behaviours.FAILS_500)
        )
        self.clock.pass_ms(self.chance.choice((20_000, 5 * MINUTE)))
        self.provider.usual = behaviours.ACCEPTS

    def _stop(self) -> None:
        until_ms = self.clock.now + self.chance.choice((1, 3)) * MINUTE
        stops = self.world.carriers.stops.setdefault(OURS, {})
        stops[Carrier.ATT] = CarrierStop(Carrier.ATT, until_ms, HeldBy.CARRIER_RATE)

    def _process(self) -> None:
        try:
            self.world.process()
        except Died:
            assert self.faulty

    # ------------------------------------------------------------------------------------- the oracle

    def faults(self) -> list[str]:
        """What was promised and not kept."""
        world, provider = self.world, self.provider
        messages = {message.id: message for message in world.messages.all}
        taken = Counter(text.key for text in provider.texts)
        # What was in doubt and could not leave on its own day takes others' places at last.
        replayed = sum(message.segments for message in messages.values() if message.replays)
        found = [f"refused: {code} {count} times" for code, count in provider.refused.items() if count > replayed]
        found += [f"twice: {ident}" for ident, count in taken.items() if count > 1]
        ended = (Status.EXPIRED_UNSENT, Status.FAILED)
        found += [
            f"lost: {messages[i]}" for i in self.accepted if not taken[i] and messages[i].status not in ended
        ]
        last: dict[str, int] = {}
        for text in sorted(provider.texts, key=lambda text: text.taken_ms):
            message = messages[text.key]
            # What was claimed in time may be under way.
            if text.taken_ms > message.accepted_ms + world.settings.validity_minutes * MINUTE + 1_000:
                found.append(f"out of date: {message}")
            # A text in doubt may leave by a replay, after others.
            if message.route == "send" or any(entry.status == "unknown" for entry in message.history):
                continue
            if message.accepted_ms < last.get(message.recipient, 0):
                found.append(f"out of order: {message}")
            last[message.recipient] = message.accepted_ms
        return [*found, *map(str, world.logger.crashes)]


@pytest.mark.parametrize("faults", [False, True], ids=["all works", "stores fail, workers die, sending stops"])
def test_whatever_is_asked_for_no_carrier_refuses_a_text_and_none_is_lost(faults: bool) -> None:
    for number in range(times(3)):
        seed = f"{SEED}/{number}"
        with showing(seed):
            walk = Walk(seed, faults=faults)
            walk.walk()
            assert not walk.faults()
