"""Quiet hours over changes of the clock, against a walk from minute to minute that shares no code with them."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longcode.domain import quiet_states, quiet_windows
from longcode.domain.message import iso
from longcode.domain.quiet_hours import AHEAD_MS, ENDS_MS, NeverOpens, QuietHours
from longcode.domain.quiet_states import EVERY_DAY, Week
from tests.chance import FULL, drawn, showing, times

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
# Clocks that are changed at midnight, by half an hour, by two hours, for Ramadan, or never.
ZONES = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles",
    "America/Boise", "America/Anchorage", "America/Adak", "Pacific/Honolulu", "America/St_Johns",
    "America/Puerto_Rico", "America/Havana", "America/Santiago", "Atlantic/Azores", "Africa/Cairo", "Asia/Beirut",
    "Africa/Casablanca", "Europe/London", "Europe/Dublin", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Australia/Adelaide", "Australia/Sydney", "Pacific/Chatham", "Pacific/Apia",
    "Antarctica/Troll", "America/Scoresbysund", "Asia/Jerusalem",
)  # fmt: skip
# A number of each kind of state: no law, 8 to 20, Sunday from noon, no Sunday, and short Saturdays.
NUMBERS = ("+16025550123", "+13055550123", "+12145550123", "+12055550123", "+14015550123")
BEGINS = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
YEARS = 2 * 365 * DAY


@cache
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@cache
def changes(name: str) -> tuple[int, ...]:
    """Within hours after which the clocks of a zone are changed in two years."""
    ahead = [
        (at, datetime.fromtimestamp(at / 1000, zone(name)).utcoffset())
        for at in range(BEGINS, BEGINS + YEARS, 6 * HOUR)
    ]
    return tuple(after[0] for before, after in pairwise(ahead) if before[1] != after[1])


def is_open(at_ms: int, hours: QuietHours, week: Week, names: Sequence[str]) -> bool:
    """Whether clocks in all zones show a time, now and in 15 s, that is not quiet and in the state's hours."""
    for name in names:
        for moment in (at_ms, at_ms + 15_000):
            local = datetime.fromtimestamp(moment / 1000, zone(name))
            minute = local.hour * 60 + local.minute
            if hours.begins < hours.ends and hours.begins <= minute < hours.ends:
                return False
            if hours.begins > hours.ends and not hours.ends <= minute < hours.begins:
                return False
            if not any(begins <= minute < ends for begins, ends in week[local.weekday()]):
                return False
    return True


def some_hours(chance: random.Random) -> QuietHours:
    """Such as people set, or their ends where clocks are changed, or any."""
    found = chance.choice(
        [
            ("21:00-08:00", "20:00-09:00", "22:00-07:30", "00:00-06:00"),
            ("23:30-00:30", "01:30-02:30", "02:30-01:30", "02:15-03:00", "23:00-00:00", "12:00-02:10"),
            ("",),
        ]
    )
    words = chance.choice(found)
    if words:
        return QuietHours.parse(words)
    begins, ends = chance.sample(range(1440), 2)
    return QuietHours(begins, ends)


def some_moment(chance: random.Random, name: str) -> int:
    if changes(name):
        found = chance.choice(changes(name)) + chance.randrange(-36 * HOUR, 36 * HOUR)
    else:
        found = BEGINS + chance.randrange(YEARS)
    # Often where something begins or ends.
    edge = found // (15 * MINUTE) * 15 * MINUTE
    return chance.choice((found, edge, edge - 1, edge - ENDS_MS, edge - ENDS_MS - 1, edge - ENDS_MS + 1))


def law(number: str) -> Week:
    """The hours of a number's state."""
    found = quiet_states.of_number(number)
    return found[0].week if found else EVERY_DAY


def test_no_text_of_100_000_leaves_outside_its_window_over_both_changes_of_the_clock() -> None:
    chance, held = drawn("quiet windows"), 0
    for _ in range(100_000 if FULL else 3_000):
        names = chance.sample(ZONES, chance.choice((1, 1, 1, 2, 3)))
        hours, number = some_hours(chance), chance.choice(NUMBERS)
        at_ms = some_moment(chance, chance.choice(names))
        with showing((names, hours, number, iso(at_ms))):
            week = quiet_windows.week_for(number, hours)
            try:
                found = quiet_windows.opens_ms(at_ms, week, names)
            except NeverOpens:
                assert not is_open(at_ms, hours, law(number), names)
                continue
            assert found >= at_ms
            assert is_open(found, hours, law(number), names)
            assert quiet_windows.opens_ms(found, week, names) == found
            if found > at_ms:
                held += 1
                assert not is_open(found - 1, hours, law(number), names)
    assert held > 1_000


@settings(max_examples=times(60), deadline=None)
@given(
    names=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    number=st.sampled_from(NUMBERS),
    seed=st.integers(0, 2**32),
)
def test_no_moment_before_is_open(names: list[str], number: str, seed: int) -> None:
    chance = random.Random(seed)
    hours, at_ms = some_hours(chance), some_moment(chance, names[0])
    week = quiet_windows.week_for(number, hours)
    try:
        found = quiet_windows.opens_ms(at_ms, week, names)
    except NeverOpens:
        # Said of nine days: a step of some minutes finds what is open in them.
        found = at_ms + AHEAD_MS

    # What is open begins and ends at whole minutes, but for where it is now.
    first = -(-at_ms // MINUTE) * MINUTE
    for moment in (at_ms, *range(first, found, MINUTE if found - at_ms < 2 * DAY else 7 * MINUTE)):
        if moment < found:
            assert not is_open(moment, hours, law(number), names), iso(moment)


def opens(local: str, words: str, name: str, number: str = "+16025550123") -> str:
    """When a text leaves that is to leave at a local time with its offset, by the clocks of the zone."""
    hours = QuietHours.parse(words)
    at_ms = round(datetime.fromisoformat(local).timestamp() * 1000)
    found = quiet_windows.opens_ms(at_ms, quiet_windows.week_for(number, hours), [name])
    return datetime.fromtimestamp(found / 1000, zone(name)).isoformat()


def test_ends_of_quiet_hours_by_hand() -> None:
    york, howe, havana = "America/New_York", "Australia/Lord_Howe", "America/Havana"
    for at, words, name, leaves in (
        ("2026-07-01T12:00:00-04:00", "21:00-08:00", york, "2026-07-01T12:00:00-04:00"),
        ("2026-07-01T21:00:00-04:00", "21:00-08:00", york, "2026-07-02T08:00:00-04:00"),
        ("2026-07-01T07:59:59-04:00", "21:00-08:00", york, "2026-07-01T08:00:00-04:00"),
        # Nothing leaves in the last 15 s.
        ("2026-07-01T20:59:44.999000-04:00", "21:00-08:00", york, "2026-07-01T20:59:44.999000-04:00"),
        ("2026-07-01T20:59:45-04:00", "21:00-08:00", york, "2026-07-02T08:00:00-04:00"),
        # Nights of 10 and of 12 hours.
        ("2026-03-07T21:00:00-05:00", "21:00-08:00", york, "2026-03-08T08:00:00-04:00"),
        ("2026-10-31T21:00:00-04:00", "21:00-08:00", york, "2026-11-01T08:00:00-05:00"),
        # The end is skipped: 02:30 does not come.
        ("2026-03-08T01:00:00-05:00", "23:00-02:30", york, "2026-03-08T03:00:00-04:00"),
        # The end comes twice, and what follows the first is open until clocks are put back.
        ("2026-11-01T00:30:00-04:00", "23:00-01:30", york, "2026-11-01T01:30:00-04:00"),
        ("2026-11-01T01:59:45-04:00", "23:00-01:30", york, "2026-11-01T01:30:00-05:00"),
        ("2026-11-01T01:00:00-05:00", "23:00-01:30", york, "2026-11-01T01:30:00-05:00"),
        # By half an hour: 02:00 becomes 02:30, or 01:30.
        ("2026-10-04T01:00:00+10:30", "22:00-02:15", howe, "2026-10-04T02:30:00+11:00"),
        ("2026-04-05T01:00:00+11:00", "22:00-01:45", howe, "2026-04-05T01:45:00+11:00"),
        ("2026-04-05T01:59:50+11:00", "22:00-01:45", howe, "2026-04-05T01:45:00+10:30"),
        # At midnight: there is no 00:00, and then it comes twice.
        ("2026-03-07T23:30:00-05:00", "22:00-00:00", havana, "2026-03-08T01:00:00-04:00"),
        ("2026-11-01T00:10:00-04:00", "22:00-00:30", havana, "2026-11-01T00:30:00-04:00"),
        ("2026-11-01T00:10:00-05:00", "22:00-00:30", havana, "2026-11-01T00:30:00-05:00"),
    ):
        with showing((at, words, name)):
            assert opens(at, words, name) == datetime.fromisoformat(leaves).isoformat()


def test_hours_of_states_narrow_the_window_and_never_widen_it() -> None:
    texas, alabama, florida, island = "+12145550123", "+12055550123", "+13055550123", "+14015550123"
    for number, name, at, leaves in (
        (florida, "America/New_York", "2026-07-01T20:00:00-04:00", "2026-07-02T08:00:00-04:00"),
        # The 4th of July is a Saturday.
        (texas, "America/Chicago", "2026-07-04T08:30:00-05:00", "2026-07-04T09:00:00-05:00"),
        (texas, "America/Chicago", "2026-07-04T21:00:00-05:00", "2026-07-05T12:00:00-05:00"),
        (alabama, "America/Chicago", "2026-07-04T20:00:00-05:00", "2026-07-06T08:00:00-05:00"),
        (alabama, "America/Chicago", "2026-07-05T12:00:00-05:00", "2026-07-06T08:00:00-05:00"),
        (island, "America/New_York", "2026-07-04T17:00:00-04:00", "2026-07-06T09:00:00-04:00"),
        (island, "America/New_York", "2026-07-04T16:00:00-04:00", "2026-07-04T16:00:00-04:00"),
    ):
        with showing((number, at)):
            assert opens(at, "21:00-08:00", name, number) == leaves
    assert opens("2026-07-01T20:00:00-04:00", "19:00-10:00", "America/New_York", florida)[11:16] == "10:00"


def test_what_is_open_in_several_zones_is_open_in_all() -> None:
    hours = QuietHours.parse("21:00-08:00")
    week = quiet_windows.week_for("+12085550123", hours)
    at_ms = round(datetime(2026, 7, 1, 14, 30, tzinfo=UTC).timestamp() * 1000)

    found = quiet_windows.opens_ms(at_ms, week, ["America/Boise", "America/Los_Angeles"])

    # 08:30 in Boise is 07:30 in Los Angeles.
    assert iso(found) == "2026-07-01T15:00:00.000Z"
    with pytest.raises(NeverOpens):
        quiet_windows.opens_ms(
            at_ms, quiet_windows.week_for("+16025550123", QuietHours(660, 600)), ["America/New_York", "Asia/Tokyo"]
        )


def test_a_week_without_a_window_never_opens() -> None:
    with pytest.raises(NeverOpens):
        quiet_windows.opens_ms(BEGINS, ((),) * 7, ["UTC"])
