"""`expires_at` and `ttl_s`: a text ends at its minute wherever it waits, and never leaves after it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from longcode.domain import pacing
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier
from longcode.domain.message import Message, iso
from longcode.domain.opt_outs import OptOutChange
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import opt_outs
from tests.functional.consumer_steps import A, B
from tests.support.evenings import MINUTE, at, evening, marketing, run
from tests.support.fakes import FakeClock, World, make_settings, make_world
from tests.support.fakes.provider import Behaviour
from tests.support.fakes.stream import event

TTL_MS = 10 * MINUTE
# The reconciler comes each minute.
RUN_MS = MINUTE + 1_000


def _held(world: World) -> str:
    at_ms = world.clock.now + 2 * TTL_MS
    # Its time and its end, of which the latter comes first only if it was put off: by quiet hours, say.
    ident = _queued(world)
    message = _message(world, ident)
    assert world.messages.put_off(message, at_ms, HeldBy.QUIET_HOURS, world.clock.now)
    return ident


def _queued(world: World, to: str = A) -> str:
    return str(world.enqueue(to, ttl_s=TTL_MS // 1000).fields["message_id"])


def _hidden(world: World) -> str:
    ident = _queued(world)
    world.messages.hold(_message(world, ident), world.clock.now + 2 * TTL_MS, HeldBy.SENDER_RATE)
    world.queue.stored[-1].visible_ms = world.clock.now + 2 * TTL_MS
    return ident


def _paused(world: World) -> str:
    world.limits.pause(world.clock.now, "a test")
    return _queued(world)


def _breaker(world: World) -> str:
    world.limits.open_breaker(world.clock.now, world.clock.now + 2 * TTL_MS, "10009 Authentication failed")
    return _queued(world)


def _backoff(world: World) -> str:
    refused = Behaviour(takes=False, status=429, code="10011", headers={"retry-after": str(2 * TTL_MS // 1000)})
    world.provider.then(*[refused] * 4, to=A)
    return _queued(world)


def _carriers_day(world: World) -> str:
    world.enqueue(B)
    return _queued(world)


def _carriers_rate(world: World) -> str:
    for number in range(15):
        world.enqueue(f"+1202555{number + 130:04}")
    return _queued(world)


def _lost(world: World) -> str:
    world.queue.faults.fail("put")
    return _queued(world)


def _message(world: World, ident: str) -> Message:
    message = world.messages.get(ident)
    assert message
    return message


@pytest.mark.parametrize(
    ("waits", "held_by"),
    [
        (_held, HeldBy.QUIET_HOURS),
        (_hidden, HeldBy.SENDER_RATE),
        (_paused, None),
        (_breaker, None),
        (_backoff, HeldBy.PROVIDER_BACKOFF),
        (_carriers_day, HeldBy.CARRIER_DAY_CAP),
        (_carriers_rate, HeldBy.CARRIER_RATE),
    ],
)
def test_a_text_ends_at_its_minute_wherever_it_waits(
    waits: Callable[[World], str], held_by: HeldBy | None
) -> None:
    campaign = CampaignSettings(
        t_mobile_per_day=1 if waits is _carriers_day else None,
        att_per_minute=1 if waits is _carriers_rate else None,
    )
    # Early in the day of the Pacific coast.
    world = make_world(make_settings(campaign=campaign), clock=FakeClock(at("2026-07-01 12:00:00")))
    ident = waits(world)
    end_ms = _message(world, ident).expires_ms or 0

    run(world, end_ms - 1)
    assert (_message(world, ident).status.waiting, _message(world, ident).held_by) == (True, held_by)
    run(world, end_ms + RUN_MS)

    ended = _message(world, ident)
    assert (ended.status, ended.faults[0].code) == (Status.EXPIRED_UNSENT, "expired_unsent")
    assert end_ms <= ended.updated_ms <= end_ms + RUN_MS
    world.limits.resume()
    run(world, end_ms + 26 * 60 * MINUTE)
    assert world.provider.taken(ident) == 0
    assert sum(world.carriers.counted.values()) <= 1


@pytest.mark.parametrize("ttl_s", [5, 90])
def test_one_that_no_queue_message_stands_for_ends_at_its_minute_too(ttl_s: int) -> None:
    world = make_world()
    world.queue.faults.fail("put", times=99)
    ident = str(world.enqueue(A, ttl_s=ttl_s).fields["message_id"])
    end_ms = _message(world, ident).expires_ms or 0

    run(world, end_ms + RUN_MS)

    assert _message(world, ident).status is Status.EXPIRED_UNSENT
    assert _message(world, ident).updated_ms <= end_ms + RUN_MS


@pytest.mark.parametrize("ttl_s", [1, 20, 100])
def test_one_that_is_put_off_beyond_its_end_has_its_timer_at_that(ttl_s: int) -> None:
    world = evening("2026-07-01 21:30:00")
    ident = marketing(world, A, ttl_s=ttl_s)
    end_ms = _message(world, ident).expires_ms or 0
    world.consume(until_ms=world.clock.now)
    assert _message(world, ident).status is Status.HELD

    world.consume(until_ms=end_ms + 2_000)

    assert _message(world, ident).status is Status.EXPIRED_UNSENT
    assert _message(world, ident).updated_ms <= end_ms + 2_000


def test_the_end_of_a_held_text_is_an_event() -> None:
    world = evening("2026-07-01 21:30:00")
    ident = marketing(world, A, ttl_s=600)
    run(world, world.clock.now + 5 * MINUTE)
    held = _message(world, ident)
    assert held.status is Status.HELD
    run(world, world.clock.now + 7 * MINUTE)
    ended = _message(world, ident)

    world.invoke("publisher", event((held, ended)))

    assert ended.status.final
    (heard,) = world.event_bus.heard
    assert (heard.kind, heard.about) == ("sms.status_changed", ident)
    assert heard.detail["status"] == "expired_unsent"


@pytest.mark.parametrize("spare_ms", [-9_000, -1_000, -60, -1, 0, 1, 5_000])
def test_a_text_whose_slot_comes_after_its_end_does_not_leave(spare_ms: int) -> None:
    world = make_world(make_settings(recipient_interval_ms=10_000))
    world.enqueue(A, "first")
    ident = str(world.enqueue(A, "second", expires_at=iso(world.clock.now + 60_000)).fields["message_id"])
    row = world.messages._rows[ident]
    slot_ms = world.clock.now + 10_020
    row.message = replace(row.message, expires_ms=slot_ms + spare_ms)

    world.consume()

    left = world.provider.arrivals()
    assert all(arrival < slot_ms + spare_ms for arrival in left[1:])
    expected = Status.SUBMITTED if spare_ms > 100 else Status.EXPIRED_UNSENT
    if spare_ms not in (0, 1):
        assert _message(world, ident).status is expected


@pytest.mark.parametrize("who", ["consumer", "reconciler"])
def test_what_expires_is_taken_off_the_count_of_a_carriers_day(who: str) -> None:
    world = make_world(make_settings(campaign=CampaignSettings(t_mobile_per_day=10)))
    ident, day = _queued(world), "2023-11-14"
    message = _message(world, ident)
    world.messages.hold(message, world.clock.now, HeldBy.CARRIER_DAY_CAP, None, day)
    world.carriers.counted[Carrier.T_MOBILE, day] = 3
    world.clock.now = message.expires_ms or 0

    if who == "reconciler":
        world.reconcile()
    world.consume()

    assert _message(world, ident).status is Status.EXPIRED_UNSENT
    assert world.carriers.counted[Carrier.T_MOBILE, day] == 2


@pytest.mark.parametrize("how", ["cancelled", "opted out"])
def test_what_ends_between_its_count_and_its_claim_is_taken_off_it_too(how: str) -> None:
    world = make_world(make_settings(campaign=CampaignSettings(t_mobile_per_day=10)))
    ident = _queued(world)
    reserve = world.limits.reserve

    def ended_first(*given: Any, **named: Any) -> pacing.Reservation:
        if how == "cancelled":
            world.request("queue", "DELETE", "/sms/queue/{id}", parameters={"id": ident})
        else:
            opt_outs.apply(world.optouts, A, OptOutChange(world.clock.now, True, "block", "STOP"), world.clock.now)
        return reserve(*given, **named)

    world.limits.reserve = ended_first  # type: ignore[method-assign]

    world.consume()

    assert _message(world, ident).status is (Status.CANCELLED if how == "cancelled" else Status.SUPPRESSED)
    assert sum(world.carriers.counted.values()) == 0
    assert len(world.carriers.counted) == 1
