"""The setting RecipientLimits, and that no period of a length has more departures than it allows."""

import random
import re

import pytest

from longcode.domain import recipient_limits
from longcode.domain.recipient_limits import MARGIN_MS, RecipientLimit, free_ms, parse
from tests.support.fakes import ROOT
from tests.support.fakes.clock import START_MS

MINUTE, DAY = 60_000, 86_400_000


def test_limits_are_read() -> None:
    for words, found in (
        ("", ()),
        (" , ", ()),
        ("1/s", (RecipientLimit(1, 1_000),)),
        ("5/15min,20/day", (RecipientLimit(5, 15 * MINUTE), RecipientLimit(20, DAY))),
        (
            " 50/7day , 3/2h,1/90s,",
            (RecipientLimit(50, 7 * DAY), RecipientLimit(3, 7_200_000), RecipientLimit(1, 90_000)),
        ),
    ):
        assert parse(words) == found, words


def test_what_is_wrong_with_limits_is_said() -> None:
    for words, problem in (
        ("5", "must be texts / a period in s, min, h or day, as 5/15min,20/day"),
        ("5/15", "must be texts / a period"),
        ("5/15 min", "must be texts / a period"),
        ("5/1.5h", "must be texts / a period"),
        ("\u0665/day", "must be texts / a period"),
        ("-5/day", "must be texts / a period"),
        ("5/week", "must be texts / a period"),
        ("0/day", "has 0 texts in 0/day, and may have 1 to 50"),
        ("51/day", "has 51 texts in 51/day, and may have 1 to 50"),
        ("5/0min", "has a period of 0min, and may have 1s to 7day"),
        ("5/8day", "has a period of 8day, and may have 1s to 7day"),
        ("5/169h", "has a period of 169h"),
        ("1/s,2/min,3/h,4/day", "has 4 limits, and may have 3"),
        ("1/60s,2/min", "has two limits for one period"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
            parse(words)


def test_the_template_lets_through_what_can_be_read_and_little_else() -> None:
    line = next(line for line in (ROOT / "template.yaml").read_text().splitlines() if "RecipientLimits:" in line)
    pattern = re.search(r"AllowedPattern: '([^']*)'", line)
    assert pattern
    for words in ("", "5/15min,20/day", "1/s", " 50/7day , 3/2h,1/90s,"):
        assert re.fullmatch(pattern[1], words), words
    for words in ("5", "0/day", "5/0min", "5/15 min", "100/day", "5/week", "5/15min;20/day"):
        assert not re.fullmatch(pattern[1], words), words


def test_a_place_is_free_when_the_oldest_of_as_many_departures_is_a_period_ago() -> None:
    limits = parse("2/min,3/h")

    assert free_ms((), limits, START_MS) == START_MS
    assert free_ms((START_MS,), limits, START_MS + 5) == START_MS + 5
    assert free_ms((START_MS, START_MS + 10), limits, START_MS + 20) == START_MS + MINUTE
    assert free_ms((START_MS, START_MS + 10), limits, START_MS + MINUTE) == START_MS + MINUTE
    three = (START_MS, START_MS + 10, START_MS + 2 * MINUTE)
    assert free_ms(three, limits, START_MS + 3 * MINUTE) == START_MS + 60 * MINUTE


def test_no_departure_has_the_moment_of_another_and_no_more_are_kept_than_can_count() -> None:
    limits, kept = parse("2/min,3/h"), (1, 2, START_MS + MARGIN_MS)

    at_ms, found = recipient_limits.with_departure(kept, limits, START_MS)

    assert (at_ms, found) == (START_MS + MARGIN_MS + 1, (2, START_MS + MARGIN_MS, START_MS + MARGIN_MS + 1))


def breaches(moments: list[int], limits: tuple[RecipientLimit, ...]) -> list[tuple[int, int]]:
    """The first and the last of each group that is one more than its limit and lies within its period."""
    found = sorted(moments)
    return [
        (first, last)
        for limit in limits
        for first, last in zip(found, found[limit.texts :], strict=False)
        if last - first < limit.period_ms
    ]


def test_in_no_period_more_leave_than_may_wherever_within_its_margin_a_text_leaves() -> None:
    chance = random.Random(2026)
    for words in ("5/15min,20/day", "1/10s", "3/min,4/h", "2/s,50/7day"):
        limits = parse(words)
        kept: tuple[int, ...] = ()
        left: list[int] = []
        now = START_MS
        for _ in range(400):
            # Some come too soon and wait, some come when there is room.
            now = max(now + chance.choice((0, 1, 700, 20_000)), free_ms(kept, limits, now))
            at_ms, kept = recipient_limits.with_departure(kept, limits, now)
            left.append(chance.randint(now, at_ms))
        assert breaches(left, limits) == [], words
        assert len(kept) == max(limit.texts for limit in limits)


def test_a_forecast_is_what_happens_if_nothing_else_is_asked_for() -> None:
    limits = parse("2/min,3/h")
    kept: tuple[int, ...] = (START_MS - 1_000,)
    now, happened = START_MS, []
    for _ in range(5):
        now = free_ms(kept, limits, now)
        happened.append(now)
        kept = recipient_limits.with_departure(kept, limits, now)[1]
        now += 1_000

    assert recipient_limits.forecast((START_MS - 1_000,), limits, START_MS, 5, 1_000) == happened
    assert happened[:2] == [START_MS, START_MS + 59_000]
