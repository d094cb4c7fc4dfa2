"""Zones: their names, the moments of local times, and those of numbers."""

from datetime import datetime
from zoneinfo import ZoneInfo

from phonenumbers.tzdata import TIMEZONE_DATA

from longcode.domain import zones
from tests.chance import showing


def test_names_of_zones_are_those_of_the_data_that_is_shipped() -> None:
    for name in ("America/New_York", "US/Pacific", "Asia/Calcutta", "UTC", "Etc/GMT+5", "Australia/Lord_Howe"):
        assert zones.is_zone(name), name
    for name in (
        "", "EST5", "America/Newyork", "america/new_york", "Factory", "localtime", "right/UTC", "posix/UTC",
        "../UTC", "/etc/passwd", "tzdata.zi", "America", "America/", "-05:00", "America/New_York\n",
    ):  # fmt: skip
        assert not zones.is_zone(name), name


def test_every_zone_that_a_number_may_be_in_is_shipped() -> None:
    named = {name for found in TIMEZONE_DATA.values() for name in found}

    assert len(named) > 250
    assert [name for name in named if not zones.is_zone(name)] == []


def test_a_local_time_has_one_moment_two_or_none() -> None:
    for local, name, offsets in (
        ("2026-07-01T09:30:00", "America/New_York", ("-04:00", "-04:00")),
        ("2026-11-01T01:30:00", "America/New_York", ("-04:00", "-05:00")),
        ("2026-11-01T01:00:00", "America/New_York", ("-04:00", "-05:00")),
        ("2026-11-01T02:00:00", "America/New_York", ("-05:00", "-05:00")),
        ("2026-03-08T02:30:00", "America/New_York", ("-05:00", "-04:00")),
        ("2026-03-08T03:00:00", "America/New_York", ("-04:00", "-04:00")),
        ("2026-04-05T01:45:00", "Australia/Lord_Howe", ("+11:00", "+10:30")),
    ):
        with showing((local, name)):
            found = [round(datetime.fromisoformat(local + offset).timestamp() * 1000) for offset in offsets]
            assert list(zones.moments(datetime.fromisoformat(local), name)) == found


def test_an_offset_is_that_of_the_moment() -> None:
    # In summer, and in the second hour that reads 01:30.
    for at in ("2026-07-01T12:00:00-04:00", "2026-11-01T01:30:00-05:00"):
        moment = datetime.fromisoformat(at)
        ahead = moment.utcoffset()
        assert ahead
        assert (
            zones.offset_ms(round(moment.timestamp() * 1000), "America/New_York") == ahead.total_seconds() * 1000
        )


def test_a_number_may_be_in_each_zone_of_its_area() -> None:
    for number, found in (
        ("+12025550123", {"America/New_York"}),
        ("+12145550123", {"America/Chicago"}),
        # The west of Florida; Idaho; Indiana; Alaska.
        ("+18505550123", {"America/Chicago", "America/New_York"}),
        ("+12085550123", {"America/Boise", "America/Denver", "America/Los_Angeles"}),
        ("+12195550123", {"America/Chicago", "America/New_York"}),
        ("+19075550123", {"America/Adak", "America/Anchorage", "America/Juneau", "Pacific/Honolulu"}),
        ("+18085550123", {"Pacific/Honolulu"}),
        ("+14165550123", {"America/Toronto"}),
        ("+17875550123", {"America/Puerto_Rico"}),
        # A mobile number may be anywhere in its country.
        ("+4915155501234", {"Europe/Berlin"}),
        # No such area, no such country, a number that is none.
        ("+15555550123", set()),
        ("+9995550123", set()),
        ("+447700900123", set()),
    ):
        with showing(number):
            assert set(zones.of_number(number)) == found
    assert len(zones.of_number("+18005550123")) > 30
    assert len(zones.of_number("+61491570006")) > 5


def test_clocks_of_all_zones_can_be_read() -> None:
    for name in sorted(zones._names()):
        assert ZoneInfo(name).utcoffset(datetime(2026, 7, 1)) is not None, name
