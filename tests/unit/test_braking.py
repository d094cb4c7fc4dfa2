"""A shared limit after a 429: it grows back by itself, never lets go too far, and turns keep their order."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from longcode.domain import braking, pacing
from longcode.domain.braking import TEXT, Brake
from tests.chance import showing
from tests.support.fakes.clock import START_MS

NOW = START_MS
rates = st.integers(braking.SLOWEST_RATE, braking.LAPSE_RATE)
moments = st.integers(-5_000, 120_000)
asked_waits = st.none() | st.integers(0, 1_000_000)


@st.composite
def brakes(draw: st.DrawFn) -> Brake:
    """Any brake that 429s can make: one after the other, at any distance."""
    now, brake = NOW, braking.refused(None, NOW, draw(asked_waits), left_ms=NOW - 50)
    for gap in draw(st.lists(st.integers(0, 30_000), max_size=12)):
        now = max(now, brake.since_ms - 500) + gap
        brake = braking.refused(brake, now, draw(asked_waits), left_ms=now - draw(st.integers(0, 300)))
    return brake


@given(brakes(), moments, moments)
def test_without_another_429_the_interval_only_shrinks(brake: Brake, one: int, other: int) -> None:
    sooner, later = sorted((brake.since_ms + one, brake.since_ms + other))

    assert braking.interval_ms(brake, later) <= braking.interval_ms(brake, sooner)


@given(brakes(), moments, st.integers(0, 60_000))
def test_the_interval_is_never_below_the_settings_own_nor_beyond_the_slowest(
    brake: Brake, at: int, own_ms: int
) -> None:
    interval = braking.interval_ms(brake, brake.since_ms + at, own_ms)

    assert own_ms <= interval <= max(own_ms, TEXT // braking.SLOWEST_RATE)


@given(brakes())
def test_a_brake_is_over_within_seventy_five_seconds_of_its_last_change(brake: Brake) -> None:
    assert not braking.lapsed(brake, brake.since_ms)
    assert braking.lapsed(brake, brake.since_ms + 75_000)
    assert braking.interval_ms(brake, brake.since_ms + 75_000) == 0


@given(brakes(), moments, st.integers(0, 1_000), asked_waits)
def test_a_429_never_speeds_up_and_never_lets_a_turn_pass_sooner(
    brake: Brake, at: int, took: int, asked: int | None
) -> None:
    now = brake.since_ms + at
    if braking.lapsed(brake, now):
        return

    after = braking.refused(brake, now, asked, left_ms=now - took)

    assert braking.rate_at(after, now) <= max(braking.rate_at(brake, now), braking.SLOWEST_RATE)
    for turn in range(braking.passed(brake, now), braking.passed(brake, now) + 20 * TEXT, TEXT):
        assert braking.due_ms(after, turn) >= min(braking.due_ms(brake, turn), now)


@given(brakes(), moments, st.integers(0, 1_000), asked_waits)
def test_each_change_has_a_later_moment_so_that_a_conditional_write_can_tell(
    brake: Brake, at: int, took: int, asked: int | None
) -> None:
    now = brake.since_ms + at

    after = braking.refused(brake, now, asked, left_ms=now - took)

    assert after is brake or after.since_ms > brake.since_ms


@given(brakes(), moments, st.integers(0, 1_000), asked_waits)
def test_a_change_takes_back_no_turn_that_has_passed(brake: Brake, at: int, took: int, asked: int | None) -> None:
    now = brake.since_ms + at

    after = braking.refused(brake, now, asked, left_ms=now - took)

    assert braking.passed(after, now) >= braking.passed(brake, now)
    assert braking.passed(after, now) == braking.passed(brake, now) or braking.lapsed(brake, now)


@given(brakes(), moments, moments)
def test_turns_only_go_forward(brake: Brake, one: int, other: int) -> None:
    sooner, later = sorted((brake.since_ms + one, brake.since_ms + other))

    assert braking.passed(brake, sooner) <= braking.passed(brake, later)


@given(brakes(), st.integers(0, 300))
def test_a_turn_is_due_at_the_first_moment_at_which_it_has_passed(brake: Brake, place: int) -> None:
    turn = brake.passed + place * TEXT
    due = braking.due_ms(brake, turn)

    assert brake.since_ms <= due <= braking.lapses_ms(brake)
    assert braking.passed(brake, due) >= turn or due == braking.lapses_ms(brake)
    assert due == brake.since_ms or braking.passed(brake, due - 1) < turn


@given(brakes(), st.integers(1, 40))
def test_texts_that_wait_leave_in_order_and_as_far_apart_as_the_rate_asks(brake: Brake, count: int) -> None:
    slot = pacing.reserve(None, braking.front(brake, brake.since_ms), count, TEXT)
    moments = [braking.due_ms(brake, slot.first_ms + place * TEXT) for place in range(count)]

    for sooner, later in itertools.pairwise(moments):
        if later < braking.lapses_ms(brake):
            assert later - sooner >= TEXT // braking.rate_at(brake, later) - 1


@given(brakes(), st.integers(0, 60_000))
def test_what_was_not_taken_is_made_up_for_by_a_third_of_a_second_and_no_more(brake: Brake, idle: int) -> None:
    now = brake.since_ms + idle

    saved = braking.passed(brake, now) - braking.front(brake, now)

    # The rate is rounded down.
    assert 0 <= saved <= braking.CATCH_UP_MS * (braking.rate_at(brake, now) + 1)


def test_a_fraction_of_the_rate_is_counted_for_each_millisecond() -> None:
    brake = Brake(since_ms=NOW, rate=1335, known=1571, passed=0)
    now = NOW + 7_282

    saved = braking.passed(brake, now) - braking.front(brake, now)

    assert saved <= braking.CATCH_UP_MS * (braking.rate_at(brake, now) + 1)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=100))
def test_of_a_hundred_429s_of_one_moment_one_changes_the_brake(answers: list[int]) -> None:
    brake = None
    changes = 0
    for answered in sorted(answers):
        after = braking.refused(brake, NOW + answered, 1_000, left_ms=NOW)
        changes += after is not brake
        brake = after

    assert changes == 1


def test_the_first_429_means_a_second_of_quiet_and_then_a_slow_start() -> None:
    brake = braking.refused(None, NOW, 1_000, left_ms=NOW - 100)

    assert brake == Brake(NOW + 1_000, 4_000, 0, 0)
    assert [braking.interval_ms(brake, brake.since_ms + second * 1_000) for second in range(5)] == [
        250, 125, 63, 32, 16,
    ]  # fmt: skip


def test_the_429_that_ends_the_slow_start_halves_the_rate_it_left_at() -> None:
    brake = Brake(NOW, 4_000, 0, 0)

    after = braking.refused(brake, NOW + 2_150, None, left_ms=NOW + 2_000)

    assert (after.rate, after.known, after.since_ms) == (8_000, 10_666, NOW + 2_150)


def test_a_later_429_takes_fifteen_per_cent_and_the_way_back_ends_at_what_was_refused() -> None:
    brake = Brake(NOW, 8_000, 10_000, 0)

    after = braking.refused(brake, NOW + 3_100, None, left_ms=NOW + 3_000)

    assert (after.rate, after.known) == (8_500, 10_000)
    assert braking.rate_at(after, after.since_ms + 3_000) == 10_000
    assert braking.rate_at(after, after.since_ms + 8_000) == 20_000


def test_a_slow_limit_is_tried_again_after_twelve_texts_and_not_after_three_seconds() -> None:
    assert braking.ramp(Brake(NOW, 1_700, 2_000, 0))[1] == (6_000, 2_000)
    assert braking.ramp(Brake(NOW, 850, 1_000, 0))[1] == (12_000, 1_000)
    assert braking.ramp(Brake(NOW, 85, 100, 0))[1] == (12_000, 100)


def test_a_short_wait_is_the_refused_texts_own_and_a_long_one_is_for_everybody() -> None:
    cases: list[tuple[int | None, int]] = [(None, 0), (1_000, 0), (4_999, 0), (5_000, 5_000), (30_000, 30_000)]
    for asked, pause in cases:
        with showing((asked, pause)):
            after = braking.refused(Brake(NOW, 8_500, 10_000, 7), NOW + 1_100, asked, left_ms=NOW + 1_000)

            assert after.since_ms == NOW + 1_100 + pause
            assert braking.due_ms(after, after.passed) == after.since_ms


def test_a_wait_of_a_day_ends_after_ten_minutes_with_one_try() -> None:
    after = braking.refused(None, NOW, 86_400_000, left_ms=NOW - 100)

    assert after.since_ms == NOW + 600_000


def test_a_late_429_that_asks_for_a_longer_wait_makes_the_pause_longer_and_the_rate_no_lower() -> None:
    brake = Brake(NOW + 5_000, 8_500, 10_000, 7)

    longer = braking.refused(brake, NOW + 50, 30_000, left_ms=NOW - 50)

    assert longer == Brake(NOW + 30_050, 8_500, 10_000, 7)
    assert braking.refused(longer, NOW + 60, 5_000, left_ms=NOW - 50) is longer


def test_a_refused_text_waits_for_what_was_asked_and_for_a_second_at_least() -> None:
    assert [braking.own_wait_ms(asked) for asked in (None, 0, 999, 1_500)] == [1_000, 1_000, 1_000, 1_500]


def test_a_brake_wider_open_than_the_settings_is_felt_at_the_first_429() -> None:
    brake = Brake(NOW, 50_000, 50_000, 0)

    after = braking.refused(brake, NOW + 1_000, None, left_ms=NOW + 900, own_ms=1_000)

    assert braking.interval_ms(after, after.since_ms, 1_000) > 1_000


def test_turns_that_a_brake_gave_out_and_did_not_need_delay_no_text_under_the_next() -> None:
    old = Brake(NOW, 4_000, 0, 0)
    now = braking.lapses_ms(old) + 1
    taken = braking.passed(old, now) + 500 * TEXT

    new = braking.refused(old, now, None, left_ms=now - 100, taken=taken)
    slot = pacing.reserve(taken, braking.front(new, new.since_ms), 1, TEXT)

    assert braking.due_ms(new, slot.first_ms) == new.since_ms
