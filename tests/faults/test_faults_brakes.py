"""What stops all sending, and how it starts again: the breaker, the spend limit, the operator's pause."""

import itertools

import pytest

from longcode.domain import pacing
from longcode.domain.gate import Control
from longcode.domain.status import Status
from tests.faults.matrix import HOUR, INTERVAL_MS, LASTS_MS, MINUTE, OTHER, RECIPIENT, Evidence, Stage
from tests.support.fakes import provider as behaviours
from tests.support.fakes.fault_injector import FaultInjector, unavailable
from tests.support.fakes.provider import Behaviour


def _enqueue(stage: Stage, count: int = 5) -> list[str]:
    return [stage.world.enqueue(RECIPIENT, str(number)).fields["message_id"] for number in range(count)]


def _all_delivered_in_order(stage: Stage, ids: list[str]) -> None:
    world, provider = stage.world, stage.world.provider
    assert [provider.taken(ident) for ident in ids] == [1] * len(ids)
    taken = [provider.text(ident).taken_ms for ident in ids]
    assert taken == sorted(taken)
    assert all(b - a >= INTERVAL_MS for a, b in itertools.pairwise(taken))
    assert {message.status for message in world.messages.all} == {Status.DELIVERED}
    # Waiting is not failing: no attempt was burnt.
    assert {message.attempts for message in world.messages.all} == {1}
    assert not world.queue.dead


@pytest.mark.parametrize("fault", [behaviours.BAD_KEY, behaviours.NO_FUNDS], ids=["bad key", "no funds"])
def test_a_fault_of_the_account_stops_everything_burns_nothing_and_heals(fault: Behaviour) -> None:
    stage = Stage()
    world, provider = stage.world, stage.world.provider
    provider.usual = fault
    ids = [*_enqueue(stage), world.enqueue(OTHER).fields["message_id"]]
    stage.run(2 * HOUR)
    assert not provider.texts
    assert {message.status for message in world.messages.all} == {Status.QUEUED}
    # It asks now and then, not for every text: 15 s at first, then ever more rarely.
    assert len(provider.requests) < 100
    assert world.limits.control.breaker_until_ms is not None

    provider.usual = behaviours.ACCEPTS
    healed = stage.clock.now_ms()
    stage.run(HOUR)
    _all_delivered_in_order(stage, ids[:5])
    assert provider.taken(ids[5]) == 1
    assert min(provider.arrivals()) <= healed + 10 * MINUTE + 1_000
    assert max(provider.arrivals()) <= healed + 11 * MINUTE
    assert world.limits.control.breaker_until_ms is None


def test_a_daily_spend_limit_waits_for_midnight_utc_and_asks_once() -> None:
    stage = Stage()
    provider = stage.world.provider
    provider.usual = behaviours.SPEND_LIMIT
    midnight = pacing.next_utc_midnight_ms(stage.start_ms)
    ids = _enqueue(stage)

    def lift() -> None:
        provider.usual = behaviours.ACCEPTS

    stage.clock.at(midnight, lift)
    stage.run(LASTS_MS)
    _all_delivered_in_order(stage, ids)
    assert len([request for request in provider.requests if request.arrived_ms < midnight]) == 1
    assert midnight <= min(provider.arrivals()) <= midnight + 2_000


def test_a_spend_limit_reached_just_after_midnight_waits_for_the_next_one_far_from_the_dead_letters() -> None:
    """Longer than SQS can hide a message at a time."""
    stage = Stage(validity_minutes=3 * 1440)
    stage.clock.sleep_until(pacing.next_utc_midnight_ms(stage.start_ms) + 5_000)
    provider = stage.world.provider
    provider.usual = behaviours.SPEND_LIMIT
    midnight = pacing.next_utc_midnight_ms(stage.clock.now_ms())
    ids = _enqueue(stage)

    def lift() -> None:
        provider.usual = behaviours.ACCEPTS

    stage.clock.at(midnight, lift)
    stage.run(LASTS_MS)
    _all_delivered_in_order(stage, ids)
    assert midnight <= min(provider.arrivals()) <= midnight + 2_000
    # Of a thousand that the queue allows.
    assert max(stage.world.queue.receives.values()) < 400


def test_a_pause_in_the_middle_of_a_recipient_queue_holds_it_within_a_slot_and_it_goes_on_where_it_was() -> None:
    stage = Stage()
    world, provider = stage.world, stage.world.provider
    ids = _enqueue(stage, 12)
    stage.clock.at(stage.start_ms + 4_500, lambda: world.limits.pause(stage.clock.now_ms(), "a test"))
    stage.run(HOUR)
    held = len(provider.texts)
    assert 4 <= held <= 5
    assert max(provider.arrivals()) <= stage.start_ms + 4_500 + INTERVAL_MS

    world.limits.resume()
    resumed = stage.clock.now_ms()
    stage.run(HOUR)
    _all_delivered_in_order(stage, ids)
    assert provider.arrivals()[held] <= resumed + 5 * MINUTE + 1_000


def test_a_pause_and_an_opt_out_hold_back_a_replay_too() -> None:
    stage = Stage()
    world, provider = stage.world, stage.world.provider
    first = _enqueue(stage, 1)[0]
    provider.then(behaviours.FAILS_500, to=first)
    stage.run(MINUTE)
    world.limits.pause(stage.clock.now_ms(), "a test")
    stage.run(2 * HOUR)
    assert provider.taken(first) == 0

    world.limits.resume()
    stage.run(15 * MINUTE)
    assert provider.taken(first) == 1


def test_a_text_that_went_out_of_date_in_doubt_is_not_replayed() -> None:
    stage = Stage(validity_minutes=5)
    provider = stage.world.provider
    first = _enqueue(stage, 1)[0]
    provider.then(behaviours.FAILS_500, to=first)
    stage.run(LASTS_MS)
    assert provider.taken(first) == 0
    assert stage.world.messages.all[0].status is Status.UNKNOWN


def test_a_breaker_open_for_less_than_a_second_costs_one_receive() -> None:
    """Visibility is whole seconds: a text that came back too soon would go round until the breaker closes."""
    stage = Stage()
    world = stage.world
    world.limits.control = Control(
        breaker_since_ms=stage.start_ms, breaker_until_ms=stage.start_ms + 900, breaker_reason="a test"
    )
    ids = _enqueue(stage, 3)
    stage.run(HOUR)
    _all_delivered_in_order(stage, ids)
    assert max(world.queue.receives.values()) <= 3


def test_a_message_that_can_not_be_looked_at_does_not_hide_the_others_from_the_reconciler() -> None:
    stage = Stage(evidence=Evidence.NOTHING)
    world, provider = stage.world, stage.world.provider
    provider.usual = behaviours.FAILS_500
    ids = _enqueue(stage, 4)
    stage.run(MINUTE)
    provider.usual = behaviours.ACCEPTS
    provider.faults.fail("record_of", lambda: ValueError("not to be read"))
    stage.run(5 * MINUTE)
    assert len(world.logger.crashes) == 1
    # The others were looked at in the same run.
    assert provider.faults.count("record_of") >= 4
    stage.run(HOUR)
    assert [provider.taken(ident) for ident in ids] == [1] * 4


# ----------------------------------------------------------------------------------------- the direct route

SEND_CALLS = [
    (store, call, number, after)
    for store, call, number in (
        ("provider", "prepare", 0),
        ("limits", "read_gate", 0),
        ("limits", "count", 0),
        ("limits", "reserve", 0),
        ("limits", "push", 0),
        ("limits", "push", 1),
        ("messages", "accept", 0),
        ("messages", "submitted", 0),
    )
    for after in (False, True)
]


@pytest.mark.parametrize(("store", "call", "number", "after"), SEND_CALLS)
def test_a_direct_send_under_a_failing_store_says_what_is_true(
    store: str, call: str, number: int, after: bool
) -> None:
    stage = Stage()
    world, provider = stage.world, stage.world.provider
    injectors: dict[str, FaultInjector] = {
        "messages": world.messages.faults,
        "limits": world.limits.faults,
        "provider": provider.faults,
    }
    injectors[store].fail(call, unavailable, after=after, skip=number)
    answer = world.send(RECIPIENT, key="one")
    stage.run(LASTS_MS)
    if answer.status == 200:
        assert len(provider.texts) == 1
    elif answer.status == 504:
        assert answer.fields["status"] == "unknown"
        assert len(provider.texts) == 1
        assert world.status(answer.fields["message_id"]).fields["status"] == "delivered"
    else:
        assert answer.status == 503
        # Except where the claim itself was written and only the answer to it lost.
        assert len(provider.texts) == ((store, call, after) == ("messages", "accept", True))
    # The same request again, as 503 asks for: one text in all.
    world.send(RECIPIENT, key="one")
    stage.run(HOUR)
    assert len(provider.texts) == 1


@pytest.mark.parametrize("fault", [behaviours.ACCEPTS_THEN_500, behaviours.ACCEPTS_AND_HANGS], ids=["500", "hang"])
def test_a_direct_send_in_doubt_is_resolved_and_the_recipient_queue_keeps_its_distance(fault: Behaviour) -> None:
    stage = Stage()
    world, provider = stage.world, stage.world.provider
    provider.then(fault)
    answer = world.send(RECIPIENT, key="one")
    assert (answer.status, answer.fields["status"]) == (504, "unknown")
    ids = _enqueue(stage, 2)
    stage.run(HOUR)
    assert world.status(answer.fields["message_id"]).fields["status"] == "delivered"
    assert [provider.taken(ident) for ident in ids] == [1, 1]
    assert min(b - a for a, b in itertools.pairwise(provider.arrivals(RECIPIENT))) >= INTERVAL_MS
