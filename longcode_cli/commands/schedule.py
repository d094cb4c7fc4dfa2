"""`longcode schedule`: what is held, and what is due when."""

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from longcode.domain import phone
from longcode.domain.message import Message, is_tag, iso, utc
from longcode_cli import options, scheduled, terminal
from longcode_cli.options import ANYWHERE, AsJson, Full, Where, examples, stack_options
from longcode_cli.scheduled import Schedule, Slice
from longcode_cli.terminal import count, moment, now_ms, number, plain, relative, say, say_json, span

EXAMPLES = examples(
    "schedule",
    "schedule --hours 1 --rows 50",
    "schedule --tag spring --until 2026-12-24T00:00:00Z --stack long-code-sms-prod",
    "schedule --to +12025550123 --hours 2160 --json",
)

_BAR = 30
_MINUTE = 60_000
# A text may be scheduled 90 days ahead, and held for quiet hours after that.
_HOURS_MOST = 100 * 24


@stack_options(*ANYWHERE)
def command(  # noqa: PLR0913 -- one option for each question
    where: Where,
    hours: Annotated[
        float, typer.Option(min=0.1, max=_HOURS_MOST, metavar="N", help="What is due within so many hours.")
    ] = 24,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="What is due before this time, instead of --hours.")
    ] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Only texts with this tag.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="NUMBER", help="Only texts to this number.")] = None,
    rows: Annotated[int, typer.Option(min=0, metavar="N", help="Show so many texts, the next first.")] = 20,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Read at most so many held texts.")] = 5000,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """What is held, and what is due when. Counts and segments by the minute, hour or day, then the next texts."""
    now = now_ms()
    until_ms = now + round(hours * 60 * _MINUTE) if until is None else options.moment(until, "--until")
    if tag is not None and not is_tag(tag):
        raise typer.BadParameter("must be 1 to 64 visible characters.", param_hint="--tag")
    if to is not None and not phone.is_e164(to):
        raise typer.BadParameter("must be one number in E.164 format, as +12025550123.", param_hint="--to")
    stack = where.open()
    found = scheduled.look(stack, until_ms, at_most=limit, tag=tag, to=to)
    if as_json:
        say_json(_schedule_json(found, now, rows, full=full))
    else:
        say(_schedule(found, now, rows, full=full))


# ------------------------------------------------------------------------------------------ for a person


def _schedule(found: Schedule, now_ms: int, rows: int, *, full: bool) -> RenderableType:
    parts: list[RenderableType] = [terminal.facts(_facts(found, now_ms))]
    if found.texts:
        parts += ["", _summary(found, now_ms)]
    if shown := found.texts[:rows]:
        parts += ["", _table(shown, now_ms, full=full)]
    if len(found.texts) > len(shown):
        parts.append(f"… and {count(len(found.texts) - len(shown), 'more text')} (--rows).")
    if not found.complete:
        parts.append("Stopped there: more are held than that (--limit).")
    return Group(*parts)


def _facts(found: Schedule, now_ms: int) -> list[tuple[str, RenderableType]]:
    least = "" if found.complete else "at least "
    facts: list[tuple[str, RenderableType]] = [("held", f"{least}{count(found.held, 'text')}")]
    if found.next_ms is not None:
        facts.append(("next due", _when(found.next_ms, now_ms)))
    if late := found.late(now_ms):
        longest = span(now_ms - late[0].ready_ms)
        words = f"{count(len(late), 'text')}, up to {longest}; is the reconciler running? longcode doctor"
        facts.append(("overdue", Text(words, "red")))
    until = _when(found.until_ms, now_ms)
    facts.append(("due until", f"{until}: {count(len(found.texts), 'text')}"))
    if found.later:
        facts.append(("later", f"{least}{count(found.later, 'text')} (--hours, --until)"))
    return facts


def _when(at_ms: int, now_ms: int) -> str:
    return f"{moment(at_ms, now_ms)} ({relative(at_ms, now_ms)})"


def _summary(found: Schedule, now_ms: int) -> Table:
    name, size = scheduled.unit(found.until_ms - now_ms)
    parts = scheduled.slices(found.texts, size)
    most = max(part.texts for part in parts)
    table = terminal.table(f"{name} (UTC)", "texts", "segments", "", right=("texts", "segments"))
    for part in parts:
        bar = "█" * max(1, round(_BAR * part.texts / most))
        table.add_row(_slice(part, name), f"{part.texts:,}", f"{part.segments:,}", Text(bar, "cyan"))
    return table


def _slice(part: Slice, name: str) -> str:
    at = utc(part.starts_ms)
    return f"{at:%a %Y-%m-%d}" if name == "day" else f"{at:%a %Y-%m-%d %H:%M}"


def _table(texts: tuple[Message, ...], now_ms: int, *, full: bool) -> Table:
    table = terminal.table("due (UTC)", "in", "to", "tag", "why", "segments", "id", right=("segments",))
    for text in texts:
        table.add_row(
            f"{utc(text.ready_ms):%Y-%m-%d %H:%M:%S}",
            _in(text, now_ms),
            number(text.recipient, full=full),
            plain(text.tag or ""),
            text.held_by.value.replace("_", " ") if text.held_by else "",
            str(text.segments),
            text.id,
        )
    return table


def _in(text: Message, now_ms: int) -> Text:
    if scheduled.is_late(text, now_ms):
        return Text(f"overdue {span(now_ms - text.ready_ms)}", "red")
    return Text("now" if text.ready_ms <= now_ms else span(text.ready_ms - now_ms))


# ------------------------------------------------------------------------------------------ for a script


def _schedule_json(found: Schedule, now_ms: int, rows: int, *, full: bool) -> dict[str, Any]:
    """The same for a script. `complete` false: more are held than were read."""
    name, size = scheduled.unit(found.until_ms - now_ms)
    return {
        "held": found.held,
        "next_at": iso(found.next_ms) if found.next_ms is not None else None,
        "overdue": len(found.late(now_ms)),
        "until": iso(found.until_ms),
        "due": len(found.texts),
        "later": found.later,
        "by": name,
        "summary": [
            {"from": iso(part.starts_ms), "texts": part.texts, "segments": part.segments}
            for part in scheduled.slices(found.texts, size)
        ],
        "texts": [_text_json(text, now_ms, full=full) for text in found.texts[:rows]],
        "complete": found.complete,
    }


def _text_json(text: Message, now_ms: int, *, full: bool) -> dict[str, Any]:
    return {
        "message_id": text.id,
        "to": number(text.recipient, full=full),
        "tag": text.tag,
        "due": iso(text.ready_ms),
        "overdue": scheduled.is_late(text, now_ms),
        "held_by": text.held_by,
        "segments": text.segments,
        "send_at": iso(text.send_at_ms) if text.send_at_ms is not None else None,
        "expires_at": iso(text.expires_ms) if text.expires_ms is not None else None,
    }
