"""What every store of limits promises: no slot is given twice, and a stop holds for everybody."""

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longcode.aws.limits import DynamoLimits
from longcode.domain import braking, pacing
from longcode.domain.braking import Brake
from longcode.domain.gate import Control, Gate, Limiter, Refusal, Trouble
from longcode.use_cases.ports import Limits
from tests.chance import times
from tests.contract.tables import create_table
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, THEIRS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

KEY = pacing.recipient_key(THEIRS)
_numbers = itertools.count(1)


def test_nothing_stands_in_the_way_of_the_first_text(limits: Limits) -> None:
    assert limits.read_gate(THEIRS, OURS) == Gate()
    assert limits.read_gate("", "") == Gate()


def test_of_no_one_only_what_all_have_is_read(limits: Limits) -> None:
    for number, key in enumerate((KEY, pacing.sender_key(OURS), pacing.ACCOUNT_KEY), 1):
        limits.reserve(key, 1, 1_000 * number, START_MS)
    limits.pause(START_MS, "closed")
    whole = limits.read_gate(THEIRS, OURS)
    assert None not in (whole.recipient.tat_ms, whole.sender.tat_ms, whole.account.tat_ms)

    assert limits.read_gate("", OURS) == replace(whole, recipient=Limiter())
    assert limits.read_gate(THEIRS, "") == replace(whole, sender=Limiter())
    assert limits.read_gate("", "") == replace(whole, recipient=Limiter(), sender=Limiter())


def test_a_first_reservation_starts_now(limits: Limits) -> None:
    found = limits.reserve(KEY, 3, 1_000, START_MS)

    assert limits.read_gate(THEIRS, OURS).recipient.tat_ms == START_MS + 3_000
    assert found == pacing.Reservation(START_MS, START_MS + 3_000)


def test_reservations_line_up_behind_each_other(limits: Limits) -> None:
    limits.reserve(KEY, 2, 1_000, START_MS)

    found = limits.reserve(KEY, 1, 1_000, START_MS + 10)

    assert found == pacing.Reservation(START_MS + 2_000, START_MS + 3_000)


def test_a_limit_that_has_run_dry_starts_from_now_again(limits: Limits) -> None:
    limits.reserve(KEY, 1, 1_000, START_MS)

    found = limits.reserve(KEY, 1, 1_000, START_MS + 60_000)

    assert found == pacing.Reservation(START_MS + 60_000, START_MS + 61_000)


def test_a_limit_that_is_free_at_this_very_moment_gives_this_moment(limits: Limits) -> None:
    limits.reserve(KEY, 1, 1_000, START_MS)

    assert limits.reserve(KEY, 1, 1_000, START_MS + 1_000).first_ms == START_MS + 1_000


def test_limits_do_not_know_each_other(limits: Limits) -> None:
    limits.reserve(KEY, 5, 1_000, START_MS)
    limits.reserve(pacing.sender_key(OURS), 1, 50, START_MS)
    limits.reserve(pacing.ACCOUNT_KEY, 2, 20, START_MS)

    gate = limits.read_gate(THEIRS, OURS)

    assert gate.recipient == Limiter(START_MS + 5_000)
    assert gate.sender == Limiter(START_MS + 50)
    assert gate.account == Limiter(START_MS + 40)


@settings(deadline=None, max_examples=times(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 4_000), st.integers(1, 10), st.sampled_from([1, 100, 1_000])), max_size=12
    ),
)
def test_a_store_gives_the_slots_that_the_arithmetic_says(
    limits: Limits, steps: list[tuple[int, int, int]]
) -> None:
    key = f"to#{next(_numbers)}"
    now, tat = START_MS, None
    for later, count, interval in steps:
        now += later
        expected = pacing.reserve(tat, now, count, interval)

        assert limits.reserve(key, count, interval, now) == expected

        tat = expected.tat_ms


def test_a_push_keeps_everybody_back_and_never_brings_anything_forward(limits: Limits) -> None:
    limits.push(KEY, START_MS + 9_000)
    limits.push(KEY, START_MS + 4_000)
    limits.push(pacing.sender_key(OURS), START_MS + 7_000)

    gate = limits.read_gate(THEIRS, OURS)

    assert gate.recipient.not_before_ms == START_MS + 9_000
    assert gate.not_before_ms == START_MS + 9_000
    # A wait of the sender is its brake's: it does not stand in the way of single recipients.
    assert limits.read_gate("+12025550124", OURS).not_before_ms == 0
    assert limits.read_gate("+12025550124", OURS).sender.not_before_ms == START_MS + 7_000


def test_a_push_leaves_the_reserved_slots_alone(limits: Limits) -> None:
    limits.reserve(KEY, 1, 1_000, START_MS)
    limits.push(KEY, START_MS + 9_000)

    assert limits.read_gate(THEIRS, OURS).recipient == Limiter(START_MS + 1_000, START_MS + 9_000)
    assert limits.reserve(KEY, 1, 1_000, START_MS).first_ms == START_MS + 1_000


# ------------------------------------------------------------------------------------- pause and breaker


def test_a_pause_is_seen_by_everybody_and_keeps_its_first_moment(limits: Limits) -> None:
    limits.pause(START_MS, "wrong text")
    limits.pause(START_MS + 5, "still the wrong text")

    control = limits.read_gate(THEIRS, OURS).control

    assert control == Control(paused_since_ms=START_MS, pause_reason="still the wrong text")
    assert limits.read_gate("+12025550124", "+12025550101").control == control


def test_a_resume_ends_the_pause(limits: Limits) -> None:
    limits.pause(START_MS, "wrong text")

    limits.resume()

    assert limits.read_gate(THEIRS, OURS).control == Control()


def test_a_resume_leaves_an_open_breaker_open(limits: Limits) -> None:
    limits.open_breaker(START_MS, START_MS + 15_000, "10009 bad key")
    limits.pause(START_MS, "")

    limits.resume()

    assert limits.read_gate(THEIRS, OURS).control == Control(
        breaker_since_ms=START_MS, breaker_until_ms=START_MS + 15_000, breaker_reason="10009 bad key"
    )


def test_a_breaker_that_opens_again_keeps_its_first_moment_and_takes_the_new_end(limits: Limits) -> None:
    limits.open_breaker(START_MS, START_MS + 15_000, "10009 bad key")
    limits.open_breaker(START_MS + 15_000, START_MS + 40_000, "20100 no funds")

    assert limits.read_gate("", "").control == Control(
        breaker_since_ms=START_MS, breaker_until_ms=START_MS + 40_000, breaker_reason="20100 no funds"
    )


def test_a_closed_breaker_is_gone_and_a_pause_is_not(limits: Limits) -> None:
    limits.pause(START_MS, "lunch")
    limits.open_breaker(START_MS, START_MS + 15_000, "10009 bad key")

    limits.close_breaker(START_MS + 9)

    assert limits.read_gate("", "").control == Control(
        paused_since_ms=START_MS,
        pause_reason="lunch",
        sound_ms=START_MS + 9,
        opened_ms=START_MS,
        closed_ms=START_MS + 9,
    )


def test_one_probe_goes_through_a_breaker_whose_time_has_passed(limits: Limits) -> None:
    limits.open_breaker(START_MS, START_MS + 15_000, "10009 bad key")

    assert not limits.probe(START_MS + 14_999, START_MS + 30_000, "one")
    assert limits.probe(START_MS + 15_000, START_MS + 30_000, "one")
    assert not limits.probe(START_MS + 15_000, START_MS + 30_000, "another")

    assert limits.read_gate("", "").control.breaker_until_ms == START_MS + 30_000


def test_nothing_is_probed_where_no_breaker_is_open(limits: Limits) -> None:
    assert not limits.probe(START_MS, START_MS + 15_000, "one")

    assert limits.read_gate("", "").control == Control()


def test_ending_what_never_began_is_harmless(limits: Limits) -> None:
    limits.resume()
    limits.close_breaker(START_MS)

    assert limits.read_gate("", "").control == Control(sound_ms=START_MS)


# ------------------------------------------------------------------------------------------- counts of a day

DAY = "day#2023-11-14#key#example"


def test_a_count_takes_as_many_as_it_may_and_no_more(limits: Limits) -> None:
    assert [limits.count(DAY, 3, START_MS) for _ in range(5)] == [True, True, True, False, False]

    assert limits.read_counts([DAY]) == {DAY: 3}


def test_several_are_counted_at_once_as_far_as_they_fit(limits: Limits) -> None:
    assert limits.count(DAY, 10, START_MS, 4) == 4
    assert limits.count(DAY, 10, START_MS, 7) == 6
    assert limits.count(DAY, 10, START_MS, 3) == 0
    assert limits.count(DAY, 12, START_MS, 500) == 2
    # A cap that was lowered since.
    assert limits.count(DAY, 5, START_MS, 2) == 0
    assert limits.count("day#2023-11-14#key#other", 3, START_MS, 5) == 3

    assert limits.read_counts([DAY, "day#2023-11-14#key#other"]) == {DAY: 12, "day#2023-11-14#key#other": 3}


def test_several_are_taken_back_at_once_and_never_more_than_there_are(limits: Limits) -> None:
    limits.count(DAY, 10, START_MS, 6)

    limits.uncount(DAY, 4)
    limits.uncount(DAY, 3)

    assert limits.read_counts([DAY]) == {DAY: 2}


def test_what_was_never_counted_is_none(limits: Limits) -> None:
    assert limits.read_counts([DAY]) == {DAY: 0}
    assert limits.read_counts([]) == {}


def test_counts_do_not_know_each_other(limits: Limits) -> None:
    limits.count(DAY, 1, START_MS)

    assert not limits.count(DAY, 1, START_MS)
    assert limits.count("day#2023-11-15#key#example", 1, START_MS)
    assert limits.read_gate(THEIRS, OURS) == Gate()


def test_a_cap_that_was_changed_holds_at_once(limits: Limits) -> None:
    limits.count(DAY, 2, START_MS)
    limits.count(DAY, 2, START_MS)

    assert not limits.count(DAY, 1, START_MS)
    assert limits.count(DAY, 3, START_MS)


def test_one_that_is_taken_back_makes_room_for_one(limits: Limits) -> None:
    limits.count(DAY, 1, START_MS)

    limits.uncount(DAY)

    assert [limits.count(DAY, 1, START_MS) for _ in range(2)] == [True, False]


def test_taking_back_what_was_not_counted_makes_no_room(limits: Limits) -> None:
    limits.uncount(DAY)
    limits.uncount(DAY)

    assert [limits.count(DAY, 1, START_MS) for _ in range(2)] == [True, False]


def test_a_count_is_forgotten_two_days_after_its_last_change(dynamodb: "DynamoDBClient") -> None:
    table = create_table(dynamodb, "LimitsTable")
    DynamoLimits(dynamodb, table, "messages").count(DAY, 1, START_MS)

    (item,) = dynamodb.scan(TableName=table)["Items"]

    # The mark of the call that counted last.
    assert item.pop("counted_by")
    assert item == {
        "pk": {"S": DAY},
        "counted": {"N": "1"},
        "expires_at": {"N": str(START_MS // 1000 + 2 * 86_400)},
    }


# ---------------------------------------------------------------------------------------------- giving back


def test_slots_that_are_given_back_are_the_next_ones(limits: Limits) -> None:
    reservation = limits.reserve(KEY, 4, 1_000, START_MS)

    limits.give_back(KEY, reservation, 3, 1_000)

    assert limits.reserve(KEY, 1, 1_000, START_MS).first_ms == START_MS + 1_000


def test_slots_are_not_given_back_once_another_has_reserved_after_them(limits: Limits) -> None:
    mine = limits.reserve(KEY, 2, 1_000, START_MS)
    theirs = limits.reserve(KEY, 1, 1_000, START_MS)

    limits.give_back(KEY, mine, 2, 1_000)

    assert limits.read_gate(THEIRS, OURS).recipient.tat_ms == theirs.tat_ms


def test_of_a_row_of_reservations_the_last_can_be_given_back_first(limits: Limits) -> None:
    mine = limits.reserve(KEY, 2, 1_000, START_MS)
    theirs = limits.reserve(KEY, 3, 1_000, START_MS)

    limits.give_back(KEY, theirs, 3, 1_000)
    limits.give_back(KEY, mine, 1, 1_000)

    assert limits.read_gate(THEIRS, OURS).recipient.tat_ms == START_MS + 1_000


def test_giving_back_leaves_all_else_of_a_limit_alone(limits: Limits) -> None:
    limits.trouble(THEIRS, Trouble("outage", 1), START_MS + 9, START_MS)
    reservation = limits.reserve(KEY, 2, 1_000, START_MS)

    limits.give_back(KEY, reservation, 1, 1_000)
    limits.give_back(pacing.recipient_key("+12025550124"), reservation, 1, 1_000)

    assert limits.read_gate(THEIRS, OURS).recipient == Limiter(
        START_MS + 1_000, START_MS + 9, troubles=1, trouble_kind="outage", troubled_ms=START_MS, alone=1
    )
    assert limits.read_gate("+12025550124", OURS).recipient == Limiter()


# ---------------------------------------------------------------------------------- what befalls a recipient


def test_troubles_are_counted_from_the_first_until_they_are_settled(limits: Limits) -> None:
    limits.trouble(THEIRS, Trouble("outage", 1), START_MS + 5_000, START_MS)
    limits.trouble(THEIRS, Trouble("outage", 1), START_MS + 60_000, START_MS + 5_000)

    assert limits.read_gate(THEIRS, OURS).recipient == Limiter(
        None, START_MS + 60_000, troubles=2, trouble_kind="outage", troubled_ms=START_MS + 5_000, alone=1
    )

    limits.settle(THEIRS)
    limits.settle("+12025550124")
    assert limits.read_gate(THEIRS, OURS).recipient == Limiter(None, START_MS + 60_000)
    assert limits.read_gate("+12025550124", OURS).recipient == Limiter()

    limits.trouble(THEIRS, Trouble("outage", 1), START_MS, START_MS + 90_000)
    # A wait is never made shorter.
    assert limits.read_gate(THEIRS, OURS).recipient == Limiter(
        None, START_MS + 60_000, troubles=1, trouble_kind="outage", troubled_ms=START_MS + 90_000, alone=1
    )


def test_troubles_of_another_kind_are_counted_anew(limits: Limits) -> None:
    limits.trouble(THEIRS, Trouble("outage", 1), START_MS, START_MS)
    limits.trouble(THEIRS, Trouble("40319", 1), START_MS, START_MS + 1)
    limits.trouble(THEIRS, Trouble("40319", 1), START_MS, START_MS + 2)

    found = limits.read_gate(THEIRS, OURS).recipient
    assert (found.troubles, found.trouble_kind, found.troubled_ms) == (2, "40319", START_MS + 2)


def test_a_recipient_queue_is_one_texts_alone_until_it_leaves_it(limits: Limits) -> None:
    free = limits.read_gate(THEIRS, OURS).recipient
    assert limits.take_queue(THEIRS, free, "m-1", START_MS + 5_000, START_MS + 9_000)
    assert not limits.take_queue(THEIRS, free, "m-2", START_MS + 6_000, START_MS + 8_000)

    taken = limits.read_gate(THEIRS, OURS).recipient
    assert (taken.turn_id, taken.turn_ms, taken.not_before_ms) == ("m-1", START_MS + 5_000, START_MS + 9_000)
    limits.leave_queue(THEIRS, "m-2")
    assert limits.read_gate(THEIRS, OURS).recipient == taken

    limits.leave_queue(THEIRS, "m-1")
    left = limits.read_gate(THEIRS, OURS).recipient
    assert (left.turn_id, left.turn_ms) == ("", 0)
    assert limits.take_queue(THEIRS, left, "m-2", START_MS + 6_000, START_MS + 8_000)


def test_the_last_stop_is_known_by_its_beginning_and_its_end(limits: Limits) -> None:
    limits.close_breaker(START_MS)
    assert limits.read_gate(THEIRS, OURS).control.closed_ms is None
    limits.open_breaker(START_MS + 1, START_MS + 10_000, "outage")
    limits.close_breaker(START_MS + 7_000)
    limits.close_breaker(START_MS + 8_000)

    control = limits.read_gate(THEIRS, OURS).control
    assert (control.opened_ms, control.closed_ms, control.sound_ms) == (
        START_MS + 1,
        START_MS + 7_000,
        START_MS + 8_000,
    )
    assert control.breaker_until_ms is None


def test_what_a_limit_covers_is_only_ever_more(limits: Limits) -> None:
    limits.cover(KEY, START_MS + 5_000)
    limits.cover(KEY, START_MS + 3_000)

    assert limits.read_gate(THEIRS, OURS).recipient.tat_ms == START_MS + 5_000
    assert limits.reserve(KEY, 1, 1_000, START_MS).first_ms == START_MS + 5_000


def test_the_text_that_came_into_doubt_last_is_known(limits: Limits) -> None:
    limits.trouble(THEIRS, Trouble("outage", 1, "m-1"), START_MS, START_MS)
    limits.trouble(THEIRS, Trouble("outage", 1, "m-2"), START_MS, START_MS + 1)
    limits.trouble(THEIRS, Trouble("outage", 1), START_MS, START_MS + 2)

    found = limits.read_gate(THEIRS, OURS).recipient
    assert (found.troubles, found.doubt_ms, found.doubt_id) == (3, START_MS + 1, "m-2")

    limits.settle(THEIRS)
    found = limits.read_gate(THEIRS, OURS).recipient
    # Whether that one still is in doubt, its own status says.
    assert (found.troubles, found.doubt_ms, found.doubt_id) == (0, START_MS + 1, "m-2")


# --------------------------------------------------------------------------------- what may befall everybody

QUARTER_MS = 15 * 60_000
A, B, C = "+12025550101", "+12025550102", "+12025550103"


def test_suspects_are_different_recipients_with_the_same_kind_of_trouble(limits: Limits) -> None:
    answers = [
        limits.suspect("outage", A, START_MS),
        limits.suspect("outage", A, START_MS + 1),
        limits.suspect("40013", B, START_MS + 2),
        limits.suspect("outage", B, START_MS + 3),
        limits.suspect("40013 ", C, START_MS + 4),
        limits.suspect("outage", C, START_MS + 5),
    ]

    assert answers == [1, 1, 1, 2, 1, 3]
    assert limits.read_gate("", "").control.suspects >= {f"outage {A}", f"outage {B}", f"40013 {B}", f"outage {C}"}


def test_what_was_not_taken_a_quarter_of_an_hour_ago_is_no_evidence_any_more(limits: Limits) -> None:
    limits.suspect("outage", A, START_MS)

    assert limits.suspect("outage", B, START_MS + QUARTER_MS - 1) == 2
    assert limits.suspect("outage", C, START_MS + QUARTER_MS) == 1
    assert limits.suspect("outage", A, START_MS + QUARTER_MS + 1) == 2
    assert limits.read_gate("", "").control.suspects == {f"outage {A}", f"outage {C}"}


def test_a_text_that_is_taken_clears_all_suspects_and_is_remembered(limits: Limits) -> None:
    limits.suspect("outage", A, START_MS)

    limits.clear_suspects(START_MS + 7)

    assert limits.read_gate("", "").control == Control(sound_ms=START_MS + 7)
    # The quarter of an hour begins anew as well.
    assert limits.suspect("outage", B, START_MS + 8) == 1
    assert limits.suspect("outage", C, START_MS + QUARTER_MS + 7) == 2


def test_a_breaker_that_opens_has_heard_the_evidence(limits: Limits) -> None:
    for recipient in (A, B):
        limits.suspect("outage", recipient, START_MS)

    limits.open_breaker(START_MS, START_MS + 15_000, "no answer")

    assert limits.read_gate("", "").control.suspects == frozenset()
    assert limits.suspect("outage", C, START_MS + 1) == 1


def test_a_breaker_that_closes_clears_all_suspects(limits: Limits) -> None:
    limits.open_breaker(START_MS, START_MS + 15_000, "no answer")
    limits.suspect("outage", A, START_MS)

    limits.close_breaker(START_MS + 5)

    control = limits.read_gate("", "").control
    assert (control.suspects, control.breaker_until_ms, control.sound_ms) == (frozenset(), None, START_MS + 5)
    assert limits.suspect("outage", B, START_MS + 6) == 1


# ----------------------------------------------------------------------------------------------- the breaker


def test_who_opens_a_breaker_knows_whether_it_was_closed(limits: Limits) -> None:
    assert limits.open_breaker(START_MS, START_MS + 15_000, "one")
    # Also at the same moment.
    assert not limits.open_breaker(START_MS, START_MS + 20_000, "two")
    limits.close_breaker(START_MS)
    assert limits.open_breaker(START_MS, START_MS + 15_000, "three")


@pytest.mark.parametrize("until_ms", [START_MS + 15_000, START_MS + 59_999, START_MS + 60_000])
def test_a_longer_stop_is_never_ended_sooner(limits: Limits, until_ms: int) -> None:
    limits.open_breaker(START_MS, START_MS + 60_000, "40333 spend limit")
    limits.suspect("outage", A, START_MS)
    before = limits.read_gate("", "").control

    assert not limits.open_breaker(START_MS + 5, until_ms, "another")

    assert limits.read_gate("", "").control == before


def test_the_text_that_tried_last_leaves_it_to_others_for_a_minute(limits: Limits) -> None:
    limits.open_breaker(START_MS, START_MS + 15_000, "no answer")
    free_ms = START_MS + 30_000
    assert limits.probe(START_MS + 15_000, free_ms, "one")

    assert not limits.probe(free_ms - 1, free_ms + 15_000, "another")
    assert not limits.probe(free_ms, free_ms + 15_000, "one")
    assert not limits.probe(free_ms + 59_999, free_ms + 75_000, "one")
    # No other came.
    assert limits.probe(free_ms + 60_000, free_ms + 75_000, "one")
    assert limits.probe(free_ms + 75_000, free_ms + 90_000, "another")
    assert limits.probe(free_ms + 90_000, free_ms + 105_000, "one")


def test_a_breaker_that_opens_longer_after_a_probe_still_leaves_the_next_to_others(limits: Limits) -> None:
    limits.open_breaker(START_MS, START_MS + 15_000, "no answer")
    limits.probe(START_MS + 15_000, START_MS + 30_000, "one")
    limits.open_breaker(START_MS + 16_000, START_MS + 40_000, "no answer")

    assert not limits.probe(START_MS + 40_000, START_MS + 55_000, "one")
    assert limits.probe(START_MS + 40_000, START_MS + 55_000, "another")


def test_a_breaker_that_was_closed_has_no_last_prober(limits: Limits) -> None:
    limits.open_breaker(START_MS, START_MS + 15_000, "no answer")
    limits.probe(START_MS + 15_000, START_MS + 30_000, "one")
    limits.close_breaker(START_MS + 16_000)
    limits.open_breaker(START_MS + 17_000, START_MS + 32_000, "no answer")

    assert limits.probe(START_MS + 32_000, START_MS + 47_000, "one")


# ------------------------------------------------------------------------------------------------- the brake

BRAKE = Brake(START_MS, 4_000, 0, 0)


def test_a_refusal_knows_the_one_before_it_and_the_brake(limits: Limits) -> None:
    assert limits.refused(OURS, A, START_MS) == Refusal()
    assert limits.refused("+12025550109", B, START_MS) == Refusal()
    assert limits.set_brake(OURS, None, BRAKE)
    turn = limits.take_turn(OURS, BRAKE, START_MS)

    assert limits.refused(OURS, B, START_MS + 5) == Refusal(A, START_MS, BRAKE, turn + braking.TEXT)
    assert limits.refused(OURS, B, START_MS + 6).recipient == B


def test_a_brake_is_put_in_the_place_of_the_one_that_was_seen(limits: Limits) -> None:
    second, third = replace(BRAKE, since_ms=START_MS + 500), replace(BRAKE, since_ms=START_MS + 900, known=7)

    assert not limits.set_brake(OURS, BRAKE, second)
    assert limits.set_brake(OURS, None, BRAKE)
    assert not limits.set_brake(OURS, None, second)
    assert limits.set_brake(OURS, BRAKE, second)
    assert not limits.set_brake(OURS, BRAKE, third)

    assert limits.read_gate(THEIRS, OURS).sender.brake == second
    assert limits.read_gate(THEIRS, "+12025550109").sender.brake is None


def test_turns_follow_each_other_and_none_is_taken_from_the_past(limits: Limits) -> None:
    brake = replace(BRAKE, passed=5 * braking.TEXT)
    first = limits.take_turn(OURS, brake, START_MS)
    second = limits.take_turn(OURS, brake, START_MS)

    assert (first, second) == (5 * braking.TEXT, 6 * braking.TEXT)
    assert limits.read_gate(THEIRS, OURS).sender.turns == 7 * braking.TEXT
    later = START_MS + 10_000
    assert limits.take_turn(OURS, brake, later) == braking.front(brake, later) > 7 * braking.TEXT


def test_a_turn_that_is_later_than_asked_for_is_not_taken(limits: Limits) -> None:
    front = braking.front(BRAKE, START_MS)
    latest = front + 2 * braking.TEXT

    found = [limits.take_turn_by(OURS, BRAKE, START_MS, latest) for _ in range(4)]

    assert found == [front, front + braking.TEXT, latest, None]
    # Who takes the next one all the same finds none missing.
    assert limits.take_turn(OURS, BRAKE, START_MS) == latest + braking.TEXT


def test_turns_of_a_sender_leave_its_slots_alone(limits: Limits) -> None:
    limits.reserve(pacing.sender_key(OURS), 2, 50, START_MS)
    limits.set_brake(OURS, None, BRAKE)
    limits.take_turn(OURS, BRAKE, START_MS)

    assert limits.read_gate(THEIRS, OURS).sender == Limiter(START_MS + 100, brake=BRAKE, turns=braking.TEXT)


def test_the_accounts_limiter_is_read_only_where_the_account_is_limited(dynamodb: "DynamoDBClient") -> None:
    table, ledger = create_table(dynamodb, "LimitsTable"), create_table(dynamodb, "MessagesTable")
    asked: list[bool] = []

    class Listening:
        # Any: what botocore takes and gives.
        def batch_get_item(self, RequestItems: dict[str, Any]) -> Any:
            asked.append({"pk": {"S": pacing.ACCOUNT_KEY}} in RequestItems[table]["Keys"])
            return dynamodb.batch_get_item(RequestItems=RequestItems)

    DynamoLimits(dynamodb, table, ledger).reserve(pacing.ACCOUNT_KEY, 1, 1_000, START_MS)
    listening: Any = Listening()
    for limited in (True, False):
        limits = DynamoLimits(listening, table, ledger, account_limited=limited)
        assert (limits.read_gate(THEIRS, OURS).account != Limiter()) is limited

    assert asked == [True, False]


def test_what_a_read_left_out_is_asked_for_again(dynamodb: "DynamoDBClient") -> None:
    """Only the table leaves out keys: here all but the first that it is asked for, of each table."""
    waits: list[float] = []
    table, ledger = create_table(dynamodb, "LimitsTable"), create_table(dynamodb, "MessagesTable")

    class Scarce:
        # Any: what botocore takes and gives.
        def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
            some = {name: wanted | {"Keys": wanted["Keys"][:1]} for name, wanted in RequestItems.items()}
            rest = {name: wanted | {"Keys": wanted["Keys"][1:]} for name, wanted in RequestItems.items()}
            left = {name: wanted for name, wanted in rest.items() if wanted["Keys"]}
            return dict(dynamodb.batch_get_item(RequestItems=some)) | {"UnprocessedKeys": left}

    real = DynamoLimits(dynamodb, table, ledger)
    real.reserve(KEY, 1, 1_000, START_MS)
    real.pause(START_MS, "a test")
    scarce: Any = Scarce()

    found = DynamoLimits(scarce, table, ledger, sleep=waits.append).read_gate(THEIRS, OURS)

    assert found == real.read_gate(THEIRS, OURS)
    assert found.control.paused_since_ms == START_MS
    assert found.recipient.tat_ms == START_MS + 1_000
    assert waits == [0.05] * 3
