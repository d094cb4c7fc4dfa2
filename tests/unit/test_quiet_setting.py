"""The setting QuietHours, and when a stored text may leave."""

import pytest

from longcode.domain.message import epoch_ms
from longcode.domain.quiet_hours import AHEAD_MS, QuietHours, leaves_ms
from tests.support.fakes.examples import make_message

NIGHT = QuietHours.parse("21:00-08:00")
# 23:00 in New York.
LATE_MS = epoch_ms("2026-07-02T03:00:00Z") or 0


def test_quiet_hours_are_read_and_what_is_open_is_the_rest() -> None:
    for words, spans in (
        ("21:00-08:00", ((480, 1260),)),
        ("00:00-08:00", ((480, 1440),)),
        ("20:00-00:00", ((0, 1200),)),
        ("12:00-13:30", ((0, 720), (810, 1440))),
        ("08:00-07:59", ((479, 480),)),
    ):
        assert QuietHours.parse(words).open == spans, words


def test_words_that_are_no_quiet_hours() -> None:
    for words in (
        "",
        "21-8",
        "21:00",
        "21:00-24:00",
        "9:00-17:00",
        "21:60-08:00",
        "21:00 - 08:00",
        "\N{DEVANAGARI DIGIT TWO}1:00-08:00",
    ):
        with pytest.raises(ValueError, match="two times of day"):
            QuietHours.parse(words)
    with pytest.raises(ValueError, match="never end"):
        QuietHours.parse("08:00-08:00")


def test_only_a_text_that_keeps_quiet_hours_waits_for_their_end() -> None:
    kept = make_message(recipient="+12025550123", quiet_zones="America/New_York")

    assert leaves_ms(kept, LATE_MS, NIGHT) == epoch_ms("2026-07-02T12:00:00Z")
    assert leaves_ms(kept, LATE_MS, None) == LATE_MS
    assert leaves_ms(make_message(recipient="+12025550123"), LATE_MS, NIGHT) == LATE_MS
    # Of Boise and Los Angeles, and of Kentucky, which begins at ten.
    both = make_message(recipient="+15025550123", quiet_zones="America/Boise,America/Los_Angeles")
    assert leaves_ms(both, LATE_MS + 6 * 3_600_000, NIGHT) == epoch_ms("2026-07-02T17:00:00Z")


def test_a_text_that_may_never_leave_since_settings_were_changed_is_looked_at_again_later() -> None:
    kept = make_message(recipient="+12025550123", quiet_zones="America/New_York,Asia/Tokyo")

    assert leaves_ms(kept, LATE_MS, QuietHours.parse("12:00-10:00")) == LATE_MS + AHEAD_MS
