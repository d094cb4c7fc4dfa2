"""The hours that states of the US allow texts in which they count as solicitation, by area code."""

# The table is quiet_states.json beside this file. Who deploys may replace it: docs/quiet-hours.md.

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# From and until which minutes of a day; and those of a week's days, Monday first.
type Spans = tuple[tuple[int, int], ...]
type Week = tuple[Spans, ...]

EVERY_DAY: Week = (((0, 1440),),) * 7
_SATURDAY, _SUNDAY = 5, 6
_HOURS = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])", re.ASCII)
_PREFIX = re.compile(r"\+[1-9][0-9]{0,13}", re.ASCII)
_FILE = Path(__file__).with_name("quiet_states.json")


@dataclass(frozen=True, slots=True)
class StateHours:
    """A state's hours: the numbers it is taken for (how they begin), and when texts to them may leave."""

    state: str
    name: str
    prefixes: tuple[str, ...]
    week: Week
    statute: str


@dataclass(frozen=True, slots=True)
class Table:
    """All of them, as they were known on a date (`2026-11-27`)."""

    as_of: str
    rows: tuple[StateHours, ...]


@cache
def table() -> Table:
    """The table that is shipped. Raises ValueError if it can't be read."""
    return parse(_FILE.read_text())


def of_number(number: str) -> list[StateHours]:
    """The rows for a number (E.164): mostly one or none."""
    return [row for row in table().rows if number.startswith(row.prefixes)]


def parse(text: str) -> Table:
    """Read a table. Raises ValueError that says what is wrong."""
    try:
        found = json.loads(text)
        return Table(str(found["as_of"]), tuple(_row(row) for row in found["rows"]))
    except (KeyError, TypeError) as exc:
        raise ValueError(f"can't be kept: quiet_states.json is no table of states: {exc!r}") from None
    except ValueError as exc:
        raise ValueError(f"can't be kept: quiet_states.json: {exc}") from None


# Any: JSON.
def _row(row: dict[str, Any]) -> StateHours:
    state, prefixes = str(row["state"]), tuple(row["prefixes"])
    for prefix in prefixes:
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
            raise ValueError(f"{state}: a prefix must be as +1212, not {prefix!r}")
    week = [_spans(state, row["hours"])] * 7
    for day, name in ((_SATURDAY, "saturday"), (_SUNDAY, "sunday")):
        if name in row:
            week[day] = _spans(state, row[name])
    return StateHours(state, str(row["name"]), prefixes, tuple(week), str(row["statute"]))


def _spans(state: str, words: object) -> Spans:
    """The hours of a day; null is a day without any."""
    if words is None:
        return ()
    found = _HOURS.fullmatch(words) if isinstance(words, str) else None
    if found:
        begins, ends = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        if begins < ends <= 1440:
            return ((begins, ends),)
    raise ValueError(f"{state}: hours must be as 08:00-20:00, or null, not {words!r}")
