"""The table of states' hours: its area codes are a maintained library's; what is wrong with another table."""

import json
import re
from collections import defaultdict
from typing import Any

import pytest
from phonenumbers.geodata import GEOCODE_DATA

from longcode.domain import quiet_states
from longcode.domain.quiet_states import StateHours
from tests.chance import showing
from tests.support.fakes import ROOT

# The library's places take seconds to be loaded, once.
# What the library calls them where it does not say "Town, ST".
NAMED = {"Washington State": "Washington"}


def areas() -> dict[str, set[str]]:
    """The area codes of each state, by its name or its two letters."""
    found = defaultdict[str, set[str]](set)
    for prefix, names in GEOCODE_DATA.items():
        if prefix.startswith("1") and len(prefix) >= 4:
            place = names.get("en", "").rsplit(", ", 1)[-1]
            found[NAMED.get(place, place)].add(f"+{prefix[:4]}")
    return found


def test_each_states_prefixes_are_all_its_area_codes_and_no_others() -> None:
    known, rows = areas(), quiet_states.table().rows
    for row in rows:
        with showing(row.name):
            assert set(row.prefixes) == known[row.name] | known[row.state]
    prefixes = [prefix for row in rows for prefix in row.prefixes]
    assert len(prefixes) == len(set(prefixes)) > 100
    assert [row.name for row in rows] == sorted(row.name for row in rows)


def test_the_table_has_a_date_a_statute_each_and_hours_within_the_day() -> None:
    table = quiet_states.table()

    assert re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", table.as_of)
    assert all(row.statute for row in table.rows)
    assert all(
        8 * 60 <= begins < ends <= 21 * 60 for row in table.rows for day in row.week for begins, ends in day
    )
    assert all(row.week[day] for row in table.rows for day in range(6))


def docs_row(row: StateHours) -> str:
    """A row of the table in docs/quiet-hours.md."""
    weekdays = {row.week[day] for day in range(5)}
    assert len(weekdays) == 1
    hours = [
        " and ".join(f"{begins / 60:g} to {ends / 60:g}" for begins, ends in spans) or "none"
        for spans in (*weekdays, *row.week[5:])
    ]
    return f"| {row.name} | {' | '.join(hours)} | {row.statute} |"


def test_the_page_has_the_table() -> None:
    page, table = (ROOT / "docs/quiet-hours.md").read_text(), quiet_states.table()

    rows = [line for line in page.splitlines() if (line.startswith("| ") and "§" in line) or "La. R.S." in line]
    assert rows == [docs_row(row) for row in table.rows]
    assert f"As of {table.as_of}." in page


def test_a_number_is_taken_for_one_of_its_area_codes_state() -> None:
    for number, states in (
        ("+13055550123", ["FL"]), ("+12145550123", ["TX"]), ("+12065550123", ["WA"]), ("+16025550123", []),
        # Of the capital, and of a country whose numbers begin with the digits of a state's area code.
        ("+12025550123", []), ("+51305555012", []),
    ):  # fmt: skip
        assert [row.state for row in quiet_states.of_number(number)] == states, number


ROW = {"state": "AA", "name": "A", "prefixes": ["+1212"], "hours": "09:00-20:00", "statute": "A law"}


# Any: JSON.
def table(**changes: Any) -> str:
    return json.dumps({"as_of": "2026-11-27", "rows": [ROW | changes]})


def test_another_table_may_have_other_hours_on_saturdays_and_sundays() -> None:
    (row,) = quiet_states.parse(table(saturday="10:00-24:00", sunday=None)).rows

    assert row.week == (((540, 1200),),) * 5 + (((600, 1440),), ())


def test_a_table_that_is_none_says_what_is_wrong() -> None:
    for text, words in (
        ("", "Expecting value"),
        ("[]", "no table of states"),
        ('{"as_of": "2026-11-27"}', "rows"),
        (json.dumps({"as_of": "2026-11-27", "rows": [{"state": "AA"}]}), "prefixes"),
        (table(hours="20:00-09:00"), "AA: hours must be as 08:00-20:00, or null, not '20:00-09:00'"),
        (table(hours="09:00-24:30"), "hours"),
        (table(sunday="noon"), "not 'noon'"),
        (table(hours=9), "not 9"),
        (table(prefixes=["1212"]), "must be as \\+1212, not '1212'"),
        (table(prefixes=[1212]), "not 1212"),
    ):
        with showing(text), pytest.raises(ValueError, match=words):
            quiet_states.parse(text)
