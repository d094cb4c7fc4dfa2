"""Slots: never too close, never out of order, and none lost."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.domain import pacing
from longcode.domain.braking import Brake
from longcode.domain.gate import Gate, Limiter
from tests.chance import showing
from tests.support.fakes.clock import START_MS

NOW = START_MS
intervals = st.integers(1, 10_000)
arrivals = st.lists(st.integers(0, 5_000), min_size=1, max_size=40)


def slots(gaps: list[int], interval: int, counts: list[int] | None = None) -> tuple[list[int], list[int]]:
    """When each request came, and the slot it got; `counts` of them at once."""
    now, tat = NOW, None
    came: list[int] = []
    given_out: list[int] = []
    for number, gap in enumerate(gaps):
        now += gap
        count = counts[number] if counts else 1
        reservation = pacing.reserve(tat, now, count, interval)
        tat = reservation.tat_ms
        came += [now] * count
        given_out += [reservation.first_ms + place * interval for place in range(count)]
    return came, given_out


@given(arrivals, intervals)
def test_two_slots_are_never_closer_than_the_interval(gaps: list[int], interval: int) -> None:
    _, given_out = slots(gaps, interval)

    assert all(later - earlier >= interval for earlier, later in itertools.pairwise(given_out))


@given(arrivals, intervals)
def test_slots_keep_the_order_of_the_requests_and_lie_in_no_past(gaps: list[int], interval: int) -> None:
    came, given_out = slots(gaps, interval)

    assert given_out == sorted(given_out)
    assert all(slot >= moment for moment, slot in zip(came, given_out, strict=True))


@given(arrivals, intervals)
def test_a_slot_is_the_earliest_that_the_one_before_it_allows(gaps: list[int], interval: int) -> None:
    came, given_out = slots(gaps, interval)

    free = NOW
    for moment, slot in zip(came, given_out, strict=True):
        assert slot == max(moment, free)
        free = slot + interval


@given(st.lists(st.integers(0, 300), min_size=1, max_size=60), st.integers(300, 2_000))
def test_a_queue_that_never_runs_dry_loses_no_capacity(gaps: list[int], interval: int) -> None:
    _, given_out = slots(gaps, interval)

    assert given_out[-1] - given_out[0] == (len(given_out) - 1) * interval


@given(st.one_of(st.none(), st.integers(NOW - 9_000, NOW + 9_000)), st.integers(1, 50), intervals)
def test_reserving_many_at_once_is_reserving_one_after_the_other(
    tat: int | None, count: int, interval: int
) -> None:
    together = pacing.reserve(tat, NOW, count, interval)

    one_by_one = []
    last = tat
    for _ in range(count):
        single = pacing.reserve(last, NOW, 1, interval)
        one_by_one.append(single.first_ms)
        last = single.tat_ms
    assert [together.first_ms + place * interval for place in range(count)] == one_by_one
    assert together.tat_ms == last


def test_without_a_limit_every_slot_is_now() -> None:
    assert pacing.spacing(0) == 0
    assert pacing.reserve(None, NOW, 5, 0) == pacing.Reservation(NOW, NOW)
    assert pacing.next_departure(NOW + 40, 0) == 0


@given(intervals)
def test_slots_lie_further_apart_than_the_interval_asks(interval: int) -> None:
    assert pacing.spacing(interval) > interval


@given(st.integers(NOW, NOW + 10_000), intervals, st.lists(st.integers(NOW - 5_000, NOW + 60_000), max_size=20))
def test_slots_keep_their_distances_above_every_floor(first: int, spacing: int, floors: list[int]) -> None:
    found = pacing.spaced(first, spacing, floors)

    assert len(found) == len(floors)
    assert all(slot >= max(first, floor) for slot, floor in zip(found, floors, strict=True))
    assert all(later - earlier >= spacing for earlier, later in itertools.pairwise(found))


@given(st.integers(NOW, NOW + 10_000), intervals, st.lists(st.integers(NOW - 5_000, NOW + 60_000), max_size=20))
def test_no_text_waits_longer_than_needed(first: int, spacing: int, floors: list[int]) -> None:
    found = pacing.spaced(first, spacing, floors)

    free = first
    for slot, floor in zip(found, floors, strict=True):
        assert slot in (free, floor)
        free = slot + spacing


# --------------------------------------------------------------------------------- how late one left


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=20))
def test_a_text_is_taken_to_arrive_between_its_leaving_and_its_answer(latencies: list[int]) -> None:
    latency = pacing.Latency()
    for took in latencies:
        assert NOW <= latency.arrival_ms(NOW, NOW + took) <= NOW + took


def test_before_any_answer_is_known_a_text_may_have_arrived_as_late_as_its_own() -> None:
    assert pacing.Latency().arrival_ms(NOW, NOW + 80) == NOW + 80


def test_an_answer_slower_than_the_fastest_one_may_have_been_slow_on_its_way_there() -> None:
    latency = pacing.Latency()
    for _ in range(20):
        latency.arrival_ms(NOW, NOW + 40)

    assert latency.arrival_ms(NOW, NOW + 40) == NOW
    assert latency.arrival_ms(NOW, NOW + 200) == NOW + 160
    assert latency.fastest_ms == 40


def test_the_fastest_of_a_few_answers_is_not_trusted_whole() -> None:
    latency = pacing.Latency()
    latency.arrival_ms(NOW, NOW + 40)

    assert latency.arrival_ms(NOW, NOW + 40) == NOW + 10


@given(st.integers(0, 5_000), intervals)
def test_after_a_text_that_may_have_arrived_late_the_next_keeps_its_distance(late: int, interval: int) -> None:
    assert pacing.next_departure(NOW + late, interval) >= NOW + late + interval


# ------------------------------------------------------------------------------------------- the waits


def test_a_message_is_hidden_for_whole_seconds_and_never_too_long() -> None:
    cases: list[tuple[int, int]] = [(-5_000, 0), (0, 0), (999, 0), (1_000, 1), (2_999, 2), (360_000, 360)]
    for wait_ms, seconds in cases:
        with showing((wait_ms, seconds)):
            assert pacing.visibility_s(NOW + wait_ms, NOW) == seconds


def test_a_message_is_never_hidden_past_the_twelve_hours_since_its_receive() -> None:
    # SQS refuses what goes beyond twelve hours from the receive,
    # and an invocation takes up to a minute.
    hidden = pacing.visibility_s(NOW + 7 * pacing.DAY_MS, NOW)

    assert 11 * 3_600 <= hidden <= 43_200 - 60


def test_each_failed_try_waits_longer_with_up_to_a_quarter_of_jitter() -> None:
    cases: list[tuple[int, int]] = [
        (1, 5_000),
        (2, 30_000),
        (3, 120_000),
        (4, 600_000),
        (5, 600_000),
        (99, 600_000),
    ]
    for attempt, base_ms in cases:
        with showing((attempt, base_ms)):
            assert pacing.backoff_ms(attempt, 0.0) == base_ms
            assert pacing.backoff_ms(attempt, 1.0) == base_ms * 5 // 4
            assert base_ms < pacing.backoff_ms(attempt, 0.5) < base_ms * 5 // 4


def test_what_has_held_for_long_is_looked_at_less_often() -> None:
    cases: list[tuple[int, int]] = [
        (0, 5_000),
        (1_499_999, 5_000),
        (1_500_000, 30_000),
        (10_799_999, 30_000),
        (10_800_000, 600_000),
    ]
    for held_ms, again_ms in cases:
        with showing((held_ms, again_ms)):
            assert pacing.recheck_ms(NOW - held_ms, NOW) == again_ms


@pytest.mark.parametrize(
    ("open_ms", "again_ms"), [(0, 15_000), (300_000, 15_000), (600_000, 30_000), (86_400_000, 600_000)]
)
def test_a_breaker_that_has_been_open_for_long_is_tried_less_often(open_ms: int, again_ms: int) -> None:
    assert pacing.breaker_ms(NOW - open_ms, NOW) == again_ms


@pytest.mark.parametrize(
    ("now_ms", "midnight_ms"),
    [
        (0, 86_400_000),
        (86_399_999, 86_400_000),
        (86_400_000, 172_800_000),
        (1_700_000_000_000, 1_700_006_400_000),  # 2023-11-14T22:13:20Z, 2023-11-15T00:00:00Z
    ],
)
def test_a_daily_limit_ends_at_the_coming_midnight_in_utc(now_ms: int, midnight_ms: int) -> None:
    assert pacing.next_utc_midnight_ms(now_ms) == midnight_ms


def test_retry_after_is_rounded_up_and_at_least_a_second() -> None:
    cases: list[tuple[int, int]] = [(-1, 1), (0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_001, 60)]
    for wait_ms, seconds in cases:
        with showing((wait_ms, seconds)):
            assert pacing.seconds_up(wait_ms) == seconds


def test_a_gate_is_as_free_as_its_recipient() -> None:
    assert Gate().not_before_ms == 0
    assert Gate(recipient=Limiter(tat_ms=NOW + 9_000)).not_before_ms == 0
    assert Gate(recipient=Limiter(None, 5)).not_before_ms == 5


def test_a_brake_that_is_over_is_none() -> None:
    gate = Gate(sender=Limiter(brake=Brake(NOW, 4_000, 0, 0)))

    assert gate.brake(NOW)
    assert gate.brake(NOW + 600_000) is None
