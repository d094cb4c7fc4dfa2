"""Quiet hours at departure: a text that would leave in them waits for their end, whatever made it late."""

from dataclasses import replace

import pytest

from longcode.domain import pacing
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier
from longcode.domain.gate import Limiter
from longcode.domain.message import epoch_ms, iso
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Claim
from tests.functional.consumer_steps import A, B, C
from tests.support.evenings import MINUTE, NEW_YORK, at, evening, is_quiet, keep, marketing, run, status, texts
from tests.support.fakes import OURS
from tests.support.fakes.provider import RATE_LIMITED, Behaviour

MORNING = at("2026-07-02 08:00:00")
HELD = (Status.HELD, HeldBy.QUIET_HOURS, iso(MORNING))


def test_what_comes_to_its_turn_in_quiet_hours_is_held_until_they_end() -> None:
    world = evening("2026-07-01 20:59:40")
    ident = marketing(world, A)
    world.clock.pass_ms(10_000)

    world.consume()

    assert status(world, ident) == HELD
    assert not world.provider.requests
    assert not world.queue.stored
    fields = world.status(ident).fields
    assert (fields["status"], fields["held_by"], fields["eta"]) == ("held", "quiet_hours", iso(MORNING))
    world.clock.now = MORNING - 5 * MINUTE
    run(world, MORNING + MINUTE)
    (arrival,) = world.provider.arrivals()
    assert 0 <= arrival - MORNING <= 2_000


def test_a_text_that_need_not_keep_them_leaves_before_those_that_must_and_those_keep_their_order() -> None:
    world = evening("2026-07-01 20:59:42", recipient_interval_ms=2_000)
    for number in range(3):
        marketing(world, A, f"sale {number}")
    world.enqueue(A, "code")
    marketing(world, A, "sale 3")

    world.consume()

    # The first two leave before the last quarter of a minute.
    assert texts(world) == ["sale 0", "sale 1", "code"]
    world.clock.now = MORNING - MINUTE
    run(world, MORNING + MINUTE)
    assert texts(world) == ["sale 0", "sale 1", "code", "sale 2", "sale 3"]


def test_slots_of_the_recipient_that_are_not_used_are_given_back() -> None:
    world = evening("2026-07-01 20:59:43")
    for number in range(8):
        marketing(world, A, f"sale {number}")
    world.consume()
    left = len(texts(world))
    assert 0 < left < 8

    world.enqueue(A, "code")
    before = world.clock.now
    world.consume()

    assert texts(world)[-1] == "code"
    assert world.provider.arrivals()[-1] - before <= 1_100


def test_a_campaign_that_runs_into_the_evening_fills_no_shared_limit_with_unused_slots() -> None:
    world = evening("2026-07-01 20:58:45", sender_segment_ms=1_000)
    idents = [marketing(world, f"+1202555{number:04}") for number in range(101, 200)]
    world.consume(until_ms=at("2026-07-01 20:58:50"))

    tat_ms = world.limits.limiters[pacing.sender_key(OURS)].tat_ms or 0

    # One batch of ten may have been dealt slots of which some are too late.
    assert tat_ms <= at("2026-07-01 20:59:55")
    held = [ident for ident in idents if status(world, ident) == HELD]
    assert len(held) >= 30
    run(world, at("2026-07-01 21:01:00"))
    late = [ident for ident in idents if status(world, ident) == HELD]
    assert len(late) + len(world.provider.texts) == 99
    assert world.provider.arrivals()[-1] < at("2026-07-01 20:59:45")


@pytest.mark.parametrize("why", ["pause", "breaker", "backoff", "brake"])
def test_what_waited_for_something_else_into_the_night_does_not_leave_when_that_ends(why: str) -> None:
    world = evening("2026-07-01 20:55:00")
    idents = [marketing(world, number) for number in (A, B, C)]
    if why == "pause":
        world.limits.pause(world.clock.now, "a test")
        world.clock.at(at("2026-07-01 21:20:00"), world.limits.resume)
    elif why == "breaker":
        world.limits.open_breaker(world.clock.now, at("2026-07-01 21:10:00"), "10009 Authentication failed")
    elif why == "backoff":
        refused = Behaviour(takes=False, status=429, code="10011", headers={"retry-after": "599"})
        world.provider.then(refused, refused, refused)
    else:
        world.provider.then(*[RATE_LIMITED] * 3)
        world.clock.now = at("2026-07-01 20:59:43")

    run(world, at("2026-07-01 21:40:00"))

    assert [status(world, ident) for ident in idents] == [HELD] * 3
    assert not world.provider.texts
    world.limits.resume()
    run(world, MORNING + 20 * MINUTE)
    assert len(world.provider.texts) == 3
    assert not any(is_quiet(arrival) for arrival in world.provider.arrivals())


def test_a_text_whose_slot_is_in_the_night_does_not_leave_at_it() -> None:
    world = evening("2026-07-01 20:55:00")
    ident = marketing(world, A)
    # As an earlier release, or another one's slot, left it.
    world.messages.hold(world.messages.get(ident), at("2026-07-01 21:05:00"), HeldBy.SENDER_RATE)  # type: ignore[arg-type]
    (stored,) = world.queue.stored
    stored.visible_ms = at("2026-07-01 21:05:00")

    run(world, at("2026-07-01 21:10:00"))

    assert status(world, ident) == HELD
    assert not world.provider.requests


def test_what_sleeps_until_its_slot_does_not_leave_after_their_beginning() -> None:
    world = evening("2026-07-01 20:59:44")
    ident = marketing(world, A)
    # A store that hangs after the claim.
    claim = world.messages.claim

    def slow(message_id: str, claim_id: str, now_ms: int) -> object:
        found = claim(message_id, claim_id, now_ms)
        world.clock.pass_ms(5_000)
        return found

    world.messages.claim = slow  # type: ignore[method-assign, assignment]

    world.consume(until_ms=at("2026-07-01 20:59:50"))

    assert status(world, ident) == HELD
    message = world.messages.get(ident)
    assert message
    assert (message.claim_id, message.attempts) == (None, 0)
    assert not world.provider.requests


def test_a_count_for_a_carriers_day_is_given_back_by_what_is_put_off() -> None:
    world = evening("2026-07-01 20:55:00", campaign=CampaignSettings(t_mobile_per_day=1))
    marketing(world, A, "first")
    second = marketing(world, B, "second")

    run(world, at("2026-07-01 20:57:00"))

    # The second was counted for the next day, which begins in the night of New York.
    assert status(world, second) == HELD
    assert [used for used in world.carriers.counted.values() if used] == [1]


def test_a_text_that_is_put_off_and_cancelled_meanwhile_stays_cancelled() -> None:
    world = evening("2026-07-01 20:59:50")
    ident = marketing(world, A)
    put_off = world.messages.put_off

    def cancelled_first(*given: object) -> bool:
        world.request("queue", "DELETE", "/sms/queue/{id}", parameters={"id": ident})
        return put_off(*given)  # type: ignore[arg-type]

    world.messages.put_off = cancelled_first  # type: ignore[method-assign, assignment]

    world.consume()

    assert world.messages.get(ident).status is Status.CANCELLED  # type: ignore[union-attr]
    assert not world.provider.requests
    assert not world.queue.stored


def test_their_end_within_minutes_sets_a_timer_at_once() -> None:
    world = evening("2026-07-02 07:59:00")
    marketing(world, A)

    world.consume(until_ms=MORNING + MINUTE)

    (arrival,) = world.provider.arrivals()
    assert 0 <= arrival - MORNING <= 2_000


def test_process_sends_nothing_in_quiet_hours() -> None:
    world = evening("2026-07-01 22:00:00")
    ident = marketing(world, A)
    world.enqueue(B, "code")

    reply = world.process()

    assert (reply.fields["processed"], reply.fields["failed"]) == (1, 0)
    assert texts(world) == ["code"]
    assert status(world, ident) == HELD


def test_a_forecast_that_falls_into_them_names_their_end() -> None:
    world = evening("2026-07-01 20:59:00", sender_segment_ms=10_000)
    for number in range(10):
        world.enqueue(f"+1202555{number + 100:04}", "code")
    world.consume(until_ms=world.clock.now)
    ident = str(world.enqueue(A, "Sale").fields["message_id"])
    keep(world, ident, f"{NEW_YORK},America/Los_Angeles")

    fields = world.status(ident).fields

    assert (fields["status"], fields["held_by"]) == ("queued", "quiet_hours")
    assert epoch_ms(str(fields["eta"])) == at("2026-07-02 08:00:00", "America/Los_Angeles")


def test_a_text_in_doubt_is_not_repeated_in_quiet_hours_but_at_their_end() -> None:
    world = evening("2026-07-01 20:50:00")
    world.provider.then(Behaviour(takes=False, status=None, latency_ms=10_000))
    ident = marketing(world, A)

    run(world, at("2026-07-02 07:59:00"))

    assert world.messages.get(ident).status is Status.UNKNOWN  # type: ignore[union-attr]
    assert len(world.provider.requests) == 1
    # Nor is it marked each minute.
    assert world.messages.faults.count("mark_replayed") == 0
    run(world, MORNING + 3 * MINUTE)
    assert len(world.provider.requests) == 2
    assert MORNING <= world.provider.requests[1].arrived_ms <= MORNING + 2 * MINUTE


def test_a_text_in_doubt_that_waits_for_the_morning_delays_no_other() -> None:
    world = evening("2026-07-01 20:50:00")
    world.provider.then(Behaviour(takes=False, status=None, latency_ms=10_000))
    marketing(world, A)
    world.consume(until_ms=world.clock.now)
    # An outage that ended after their beginning.
    world.limits.open_breaker(world.clock.now, at("2026-07-01 21:10:00"), "outage")
    world.clock.now = at("2026-07-01 21:15:00")
    world.limits.close_breaker(world.clock.now)
    world.enqueue(A, "code")
    before = world.clock.now

    run(world, before + 2 * MINUTE)

    assert texts(world) == ["code"]
    assert world.provider.arrivals()[0] - before <= 2_000


@pytest.mark.parametrize("what", ["expires", "quiet hours"])
def test_a_replay_whose_time_is_over_when_its_turn_comes_is_not_made(what: str) -> None:
    world = evening("2026-07-01 20:49:00", sender_segment_ms=1_000)
    world.provider.then(Behaviour(takes=False, status=None, latency_ms=10_000))
    ident = marketing(world, A)
    world.consume(until_ms=world.clock.now)
    world.clock.now = at("2026-07-01 20:59:40")
    over_ms = world.clock.now + 4_000
    if what == "expires":
        row = world.messages._rows[ident]
        row.message = replace(row.message, quiet_zones="", expires_ms=over_ms)
    # Its turn at the sender's limit comes later.
    key = pacing.sender_key(OURS)
    world.limits.limiters[key] = replace(world.limits.limiters[key], tat_ms=over_ms + 4_000)

    world.reconcile()

    assert world.clock.now > over_ms
    assert len(world.provider.requests) == 1
    message = world.messages.get(ident)
    assert message
    assert (message.status, message.replays) == (Status.UNKNOWN, 0)


def test_a_text_in_quiet_hours_is_not_the_one_that_tries_an_open_breaker() -> None:
    world = evening("2026-07-01 20:50:00")
    world.limits.open_breaker(world.clock.now, at("2026-07-01 20:51:00"), "10009 Authentication failed")
    world.clock.now = at("2026-07-01 21:30:00")
    ident = marketing(world, A)
    world.enqueue(B, "code")

    world.consume(until_ms=world.clock.now + 1_000)

    assert status(world, ident) == HELD
    assert texts(world) == ["code"]


def test_those_behind_one_that_is_put_off_follow_it_whatever_their_zones() -> None:
    world = evening("2026-07-01 21:30:00")
    marketing(world, A, "first")
    marketing(world, A, "second", zones="America/Phoenix")

    world.consume()

    assert not world.provider.requests
    world.clock.now = MORNING - MINUTE
    run(world, MORNING + 4 * 60 * MINUTE)
    assert texts(world) == ["first", "second"]


def test_a_campaign_fills_no_minutes_of_a_carrier_in_the_night_either() -> None:
    world = evening("2026-07-01 20:58:45", campaign=CampaignSettings(att_per_minute=60, margin=0))
    for number in range(101, 200):
        marketing(world, f"+1202555{number:04}")

    run(world, at("2026-07-01 21:05:00"))

    tats = [found.tat_ms or 0 for key, found in world.limits.limiters.items() if key.startswith("carrier")]
    # One batch of ten may have been dealt slots of which some are too late.
    assert max(tats) <= at("2026-07-01 21:00:00")
    assert len(world.provider.texts) >= 50
    assert all(message.status in (Status.HELD, Status.SUBMITTED) for message in world.messages.all)


def test_what_another_put_off_meanwhile_is_not_taken_for_erased() -> None:
    world = evening("2026-07-01 12:00:00")
    ident = marketing(world, A)
    claim = world.messages.claim

    def put_off_first(message_id: str, claim_id: str, now_ms: int) -> Claim:
        message = world.messages.get(message_id)
        assert message
        assert world.messages.put_off(message, MORNING, HeldBy.QUIET_HOURS, now_ms)
        return claim(message_id, claim_id, now_ms)

    world.messages.claim = put_off_first  # type: ignore[method-assign]

    world.consume()

    assert status(world, ident) == HELD
    assert not world.queue.stored


@pytest.mark.parametrize("written", [False, True])
def test_a_store_that_is_down_loses_no_text_that_is_put_off(written: bool) -> None:
    world = evening("2026-07-01 21:30:00")
    idents = [marketing(world, A), marketing(world, B)]
    world.messages.faults.fail("put_off", after=written)

    run(world, world.clock.now + 5 * MINUTE)
    assert [status(world, ident) for ident in idents] == [HELD] * 2

    world.clock.now = MORNING - 5 * MINUTE
    run(world, MORNING + MINUTE)
    assert [world.provider.taken(ident) for ident in idents] == [1, 1]


def test_those_behind_it_that_have_slots_already_follow_one_that_is_put_off_before_its_time() -> None:
    world = evening("2026-07-01 20:55:00", sender_segment_ms=1_000, campaign=CampaignSettings(t_mobile_per_day=9))
    marketing(world, A, "first")
    second, day = marketing(world, A, "second"), "2026-07-01"
    world.enqueue(A, "code")
    slot_ms = world.clock.now + 2 * MINUTE
    world.carriers.counted[Carrier.T_MOBILE, day] = 5
    for stored, message in list(zip(world.queue.stored, world.messages.all, strict=True))[1:]:
        counted = day if message.id == second else None
        world.messages.hold(message, slot_ms, HeldBy.SENDER_RATE, None, counted)
        stored.visible_ms = slot_ms
    # A campaign has all moments of the evening.
    key = pacing.sender_key(OURS)
    world.limits.limiters[key] = replace(Limiter(), tat_ms=at("2026-07-01 21:05:00"))

    run(world, at("2026-07-01 21:00:00"))

    assert texts(world) == ["code"]
    assert status(world, second) == HELD
    assert world.carriers.counted[Carrier.T_MOBILE, day] <= 5
    run(world, MORNING + MINUTE)
    assert texts(world) == ["code", "first", "second"]
