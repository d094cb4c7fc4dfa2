"""`longcode schedule`: which texts are held, until when, and for what."""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from longcode.domain.message import DueGroup, Message, iso, utc
from longcode.domain.status import Status
from longcode_cli import terminal
from longcode_cli.options import ANYWHERE, AsJson, Full, Where, examples, stack_options
from longcode_cli.stack import Stack
from longcode_cli.terminal import count, moment, now_ms, number, plain, relative, say, say_json

EXAMPLES = examples("schedule", "schedule --hours 24 --rows 100 --stack long-code-sms-prod", "schedule --json")

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
# Later than any text may be held.
_LAST_MS = 400 * _DAY_MS
_PAGE = 1_000
# Of so many cells is the longest bar.
_BAR = 40
# A text is late that is still held so long after its time.
_LATE_MS = 60_000


@dataclass(frozen=True, slots=True)
class _Held:
    """Held texts by their time, as many as were asked for; `complete` if there are no more."""

    messages: list[Message]
    hours: Counter[int]
    total: int
    late: int
    complete: bool


@stack_options(*ANYWHERE)
def command(
    where: Where,
    hours: Annotated[
        int | None, typer.Option(min=1, max=2400, metavar="N", help="Only what is due in the next N hours.")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, metavar="N", help="Show so many texts, the next first.")] = 20,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Read at most so many held texts.")] = 20_000,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """What is due when: the texts that are held for their time or for the end of quiet hours."""
    stack, now = where.open(), now_ms()
    until_ms = now + (hours * _HOUR_MS if hours else _LAST_MS)
    found = _look(stack, now, until_ms, rows=rows, limit=limit)
    if as_json:
        say_json(_json(found, now, full=full))
    elif not found.total:
        say("No text is held." if hours is None else f"No text is due in the next {count(hours, 'hour')}.")
    else:
        say(_shown(found, now, full=full))


def _look(stack: Stack, now: int, until_ms: int, *, rows: int, limit: int) -> _Held:
    entries = list(islice(_entries(stack, until_ms), limit + 1))
    complete, entries = len(entries) <= limit, entries[:limit]
    # Read ahead: one that was claimed a moment ago may still have its entry.
    messages = stack.messages.get_all([ident for _, ident in entries[: rows + 10]])
    return _Held(
        [message for message in messages if message.status is Status.HELD][:rows],
        Counter(at_ms // _HOUR_MS for at_ms, _ in entries),
        len(entries),
        sum(at_ms < now - _LATE_MS for at_ms, _ in entries),
        complete,
    )


def _entries(stack: Stack, until_ms: int) -> Iterator[tuple[int, str]]:
    """When each held text is due, and its id, by time."""
    return heapq.merge(*(_of_part(stack, shard, until_ms) for shard in DueGroup.HELD.shards))


def _of_part(stack: Stack, shard: int, until_ms: int) -> Iterator[tuple[int, str]]:
    after: tuple[int, str] | None = None
    while True:
        found = stack.messages.held(shard, 0, until_ms, _PAGE, after)
        yield from found
        if len(found) < _PAGE:
            return
        after = found[-1]


# ------------------------------------------------------------------------------------------ for a person


def _shown(found: _Held, now: int, *, full: bool) -> RenderableType:
    parts: list[RenderableType] = [Text(_headline(found, now))]
    if found.late:
        late = f"{count(found.late, 'text')} should have left: see Scheduled texts are late in docs/operations.md."
        parts.append(Text(late, "red"))
    parts += ["", _bars(found.hours)]
    # Lines and no table: an id is to be copied whole, however narrow the terminal is.
    parts += ["" for _ in found.messages[:1]]
    parts += [_row(one, now, full=full) for one in found.messages]
    if found.total > len(found.messages):
        parts.append(f"… and {found.total - len(found.messages):,} more (--rows).")
    if not found.complete:
        parts.append(f"Stopped after {count(found.total, 'text')}: more are held than that (--limit).")
    return Group(*parts)


def _row(one: Message, now: int, *, full: bool) -> Text:
    who = f"to {plain(number(one.recipient, full=full))}"
    row = Text(f"{utc(one.ready_ms):%Y-%m-%d %H:%M:%S}  {one.id}  {who:<{21 if full else 10}}  ")
    late = one.ready_ms < now - _LATE_MS
    row.append("late" if late else relative(one.ready_ms, now), "red" if late else "")
    row.append(f"  {count(one.segments, 'segment')}")
    if one.held_by:
        row.append(f"  {one.held_by.value.replace('_', ' ')}")
    return row.append(f"  {plain(one.tag)}", "dim") if one.tag else row


def _headline(found: _Held, now: int) -> str:
    many = f"{count(found.total, 'text')} {'is' if found.total == 1 else 'are'} held"
    if not found.messages:
        return f"{many}. Times are UTC."
    first = found.messages[0].ready_ms
    return f"{many}, the first until {moment(first, now)} ({relative(first, now)}). Times are UTC."


def _bars(hours: Counter[int]) -> RenderableType:
    """How many texts are due in each hour, or on each day where that would be many lines."""
    per_ms, words = _HOUR_MS, "%Y-%m-%d %H:00"
    counts = hours
    if len(hours) > _BAR:
        per_ms, words = _DAY_MS, "%Y-%m-%d"
        counts = Counter[int]()
        for hour, many in hours.items():
            counts[hour // 24] += many
    table = terminal.table("due from", "texts", "", right=("texts",))
    most = max(counts.values())
    for period, many in sorted(counts.items()):
        bar = "█" * max(1, many * _BAR // most)
        table.add_row(f"{utc(period * per_ms):{words}}", f"{many:,}", bar)
    return table


# ----------------------------------------------------------------------------------------- for a program


# Any: JSON.
def _json(found: _Held, now: int, *, full: bool) -> dict[str, Any]:
    return {
        "held": found.total,
        "late": found.late,
        "complete": found.complete,
        "by_hour": [{"from": iso(hour * _HOUR_MS), "texts": many} for hour, many in sorted(found.hours.items())],
        "texts": [
            {
                "message_id": one.id,
                "due_at": iso(one.ready_ms),
                "late": one.ready_ms < now - _LATE_MS,
                "send_at": None if one.send_at_ms is None else iso(one.send_at_ms),
                "to": number(one.recipient, full=full),
                "segments": one.segments,
                "held_by": one.held_by.value if one.held_by else None,
                "tag": one.tag,
            }
            for one in found.messages
        ],
    }
