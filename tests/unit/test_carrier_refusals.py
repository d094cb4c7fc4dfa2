"""How long a carrier's texts wait after a refusal, whom that holds, and when the provider's queue is too long."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longcode.domain.carrier_refusals import CarrierRefusal, drained_ms
from longcode.domain.carriers import BELIEVED_MS, Carrier, CarrierStop, Subscription, stopped
from longcode.domain.outcomes import Brakes
from longcode.domain.status import HeldBy
from tests.chance import showing, times

NOW_MS = 1_795_766_400_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
US, UK = "+12025550123", "+442079460123"


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("America/Los_Angeles")).timestamp() * 1000)


def refused(
    brakes: Brakes,
    left_ms: int,
    *,
    after_ms: int = 2 * SECOND,
    heard_after_ms: int = 0,
    carrier: Carrier = Carrier.ATT,
) -> CarrierRefusal:
    at_ms = left_ms + after_ms
    return CarrierRefusal(carrier, brakes, left_ms, at_ms, at_ms + heard_after_ms)


# ------------------------------------------------------------------------------------------------- a minute


def test_a_rate_stops_its_carrier_for_a_minute_from_the_refusal_on() -> None:
    assert refused("minute", NOW_MS).stop(None) == CarrierStop(
        Carrier.ATT, NOW_MS + 2 * SECOND + MINUTE, HeldBy.CARRIER_RATE
    )


def test_stops_in_a_row_grow_to_a_quarter_of_an_hour_and_begin_anew_after_one() -> None:
    stop, left_ms, lengths = None, NOW_MS, list[int]()
    for _ in range(7):
        refusal = refused("minute", left_ms)
        stop = refusal.stop(stop)
        assert stop
        lengths.append(stop.until_ms - refusal.at_ms)
        # The first one after the stop is refused as well.
        left_ms = stop.until_ms + 500

    assert [length // MINUTE for length in lengths] == [1, 2, 4, 8, 15, 15, 15]
    assert stop
    later = refused("minute", stop.until_ms + 15 * MINUTE)
    found = later.stop(stop)
    assert found
    assert (found.times, found.until_ms - later.at_ms) == (1, MINUTE)


def test_what_left_before_a_stop_says_nothing_new_however_late_it_is_refused() -> None:
    stop = refused("minute", NOW_MS).stop(None)

    for after_ms in (3 * SECOND, 50 * SECOND, 10 * MINUTE):
        assert refused("minute", NOW_MS + SECOND, after_ms=after_ms).stop(stop) is None


def test_a_refusal_that_is_heard_of_when_its_stop_would_be_over_begins_none() -> None:
    assert refused("minute", NOW_MS, heard_after_ms=MINUTE).stop(None) is None
    assert refused("queue", NOW_MS, heard_after_ms=10 * MINUTE).stop(None) is None
    assert refused("day", NOW_MS, heard_after_ms=25 * HOUR).stop(None) is None
    assert refused("minute", NOW_MS, heard_after_ms=MINUTE - 1).stop(None)


# ---------------------------------------------------------------------------------------------------- a day


@pytest.mark.parametrize(
    ("left", "ends"),
    [
        ("2026-11-27T15:00:00", "2026-11-28T00:00:02"),
        ("2026-11-27T00:00:02", "2026-11-28T00:00:02"),
        # Refused a moment later, which is another day: it is that of the text, and almost over.
        ("2026-11-27T23:59:59", "2026-11-28T00:00:02"),
        # Within the margin for clocks that are not the same.
        ("2026-11-28T00:00:01", "2026-11-28T00:00:02"),
        # 23 and 25 hours.
        ("2026-03-08T00:30:00", "2026-03-09T00:00:02"),
        ("2026-11-01T00:30:00", "2026-11-02T00:00:02"),
    ],
)
def test_a_day_stops_its_carrier_until_the_coming_midnight_in_los_angeles(left: str, ends: str) -> None:
    refusal = refused("day", _ms(left), after_ms=200, carrier=Carrier.T_MOBILE)

    assert refusal.stop(None) == CarrierStop(Carrier.T_MOBILE, _ms(ends), HeldBy.CARRIER_DAY_CAP)


def test_a_text_of_yesterday_that_is_refused_after_midnight_does_not_stop_the_new_day() -> None:
    assert refused("day", _ms("2026-11-27T23:59:59"), after_ms=5 * SECOND).stop(None) is None


def test_a_longer_stop_takes_the_place_of_a_shorter_one_and_not_the_other_way_round() -> None:
    left_ms = _ms("2026-11-27T15:00:00")
    day = refused("day", left_ms).stop(None)
    queue = refused("queue", left_ms).stop(None)

    assert queue == CarrierStop(Carrier.ATT, left_ms + 2 * SECOND + 10 * MINUTE, HeldBy.PROVIDER_BACKOFF)
    assert refused("day", left_ms).stop(queue) == day
    assert refused("queue", left_ms).stop(day) is None
    # A stop for another reason is not one of several in a row.
    assert queue
    after = refused("minute", queue.until_ms + SECOND).stop(queue)
    assert after
    assert after.times == 1


@given(
    st.sampled_from(["minute", "day", "queue"]),
    st.integers(0, 2 * 366 * 24 * HOUR),
    st.integers(0, HOUR),
    st.integers(0, HOUR),
    st.none() | st.tuples(st.integers(-HOUR, 24 * HOUR), st.sampled_from(HeldBy), st.integers(1, 10**6)),
)
@settings(max_examples=times(300))
def test_no_stop_is_over_already_ends_before_the_last_one_or_lasts_for_more_than_a_day(
    brakes: Brakes, since_ms: int, after_ms: int, heard_after_ms: int, last: tuple[int, HeldBy, int] | None
) -> None:
    refusal = refused(brakes, NOW_MS + since_ms, after_ms=after_ms, heard_after_ms=heard_after_ms)
    before = CarrierStop(Carrier.ATT, refusal.left_ms + last[0], last[1], last[2]) if last else None

    stop = refusal.stop(before)

    if stop:
        assert refusal.heard_ms < stop.until_ms <= refusal.at_ms + 25 * HOUR + 4 * SECOND
        assert before is None or stop.until_ms > before.until_ms
        assert stop.carrier is Carrier.ATT


# --------------------------------------------------------------------------------------------- whom it holds


def test_a_stop_holds_its_own_carriers_numbers_and_those_of_which_none_is_known() -> None:
    def on(carrier: Carrier | None, seen_ms: int = NOW_MS) -> Subscription | None:
        return Subscription(carrier, "wireless", seen_ms) if carrier else None

    att, t_mobile, verizon, other = (
        CarrierStop(carrier, NOW_MS + number * MINUTE, HeldBy.CARRIER_RATE)
        for number, carrier in enumerate((Carrier.ATT, Carrier.T_MOBILE, Carrier.VERIZON, Carrier.OTHER), 1)
    )
    over = CarrierStop(Carrier.US_CELLULAR, NOW_MS, HeldBy.CARRIER_RATE)
    stops = (att, t_mobile, verizon, over, other)
    for subscription, recipient, expected in (
        (on(Carrier.ATT), US, att),
        (on(Carrier.T_MOBILE), US, t_mobile),
        (on(Carrier.VERIZON), US, verizon),
        (on(Carrier.US_CELLULAR), US, None),
        (on(Carrier.OTHER), UK, other),
        # It may be on either, and on none that counts nothing of ours.
        (None, US, t_mobile),
        (on(Carrier.VERIZON, NOW_MS - BELIEVED_MS), US, t_mobile),
        # These carriers have no numbers there.
        (None, UK, None),
        (on(Carrier.ATT, NOW_MS - BELIEVED_MS), UK, None),
    ):
        with showing(f"{subscription} {recipient}"):
            assert stopped(stops, subscription, recipient, NOW_MS) == expected

    assert stopped((verizon, over), None, US, NOW_MS) is None
    assert stopped((), None, US, NOW_MS) is None


# ----------------------------------------------------------------------------------- the provider's own queue


@pytest.mark.parametrize(
    ("wait_min", "valid_min", "stop_min"),
    [
        (0, 60, None),
        (29.9, 60, None),
        # At half it is too long, and at a quarter short enough.
        (30, 60, 15),
        (45, 60, 30),
        (60, 60, 45),
        # Where it is not said how long a text is valid, or it would be over, an hour is meant.
        (29.9, None, None),
        (30, None, 15),
        (30, -5, 15),
        (90, 240, None),
        (120, 240, 60),
        # No text waits there for longer than four hours.
        (24 * 60, 240, 180),
        (24 * 60, None, 225),
    ],
)
def test_submitting_stops_from_half_of_the_validity_on_and_until_a_quarter_is_left_of_the_wait(
    wait_min: float, valid_min: float | None, stop_min: float | None
) -> None:
    valid_until_ms = None if valid_min is None else NOW_MS + round(valid_min * MINUTE)

    found = drained_ms(round(wait_min * MINUTE), valid_until_ms, NOW_MS)

    assert found == (None if stop_min is None else NOW_MS + stop_min * MINUTE)
