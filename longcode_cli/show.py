"""Messages, queues and brakes as a person reads them; numbers masked and words hidden unless asked for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from longcode.domain import braking, pacing, phone
from longcode.domain.gate import Control, Gate
from longcode.domain.message import Fault, Message, iso, utc
from longcode.domain.opt_out_keywords import OptOutKeyword
from longcode.domain.status import HeldBy, Status
from longcode.domain.timeline import timeline
from longcode.entrypoints import http
from longcode.telnyx import error_codes
from longcode.use_cases import send_attempt
from longcode.use_cases.enqueue import Forecast
from longcode.use_cases.ports import Waiting
from longcode.use_cases.search import Page
from longcode_cli.deploy import Outcome
from longcode_cli.destroy import Kept
from longcode_cli.drift import Difference, Found
from longcode_cli.finding import Finding, State
from longcode_cli.overview import Line, Overview
from longcode_cli.redrive import Preview
from longcode_cli.republish import Batch
from longcode_cli.restore import Restored
from longcode_cli.rollback import name_of
from longcode_cli.smoke import Left, Step

_HELD_BY = {
    HeldBy.RECIPIENT_RATE: "the recipient's rate",
    HeldBy.SENDER_RATE: "the sender's rate",
    HeldBy.ACCOUNT_RATE: "the account's rate",
    HeldBy.PAUSED: "the pause",
    HeldBy.BREAKER: "the breaker",
    HeldBy.PROVIDER_BACKOFF: "the provider, who asked for less",
    HeldBy.SCHEDULE: "its schedule",
}

_READ_AS: dict[OptOutKeyword, RenderableType] = {
    OptOutKeyword.STOP: "a STOP",
    OptOutKeyword.START: "a START",
    OptOutKeyword.UNCLEAR: Text("perhaps a wish to stop: a person has to read it; longcode opt-out", "yellow"),
}

# Of many lines, as many as fit on a screen.
_LINES_SHOWN = 20

_STYLE = {
    Status.DELIVERED: "green",
    Status.RECEIVED: "green",
    Status.UNKNOWN: "yellow",
    Status.DELIVERY_UNCONFIRMED: "yellow",
}


class PlainConsole(Console):
    """A console that lets nothing through which could steer a terminal, whoever forgot to make it visible."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            # What rich itself steers with, as in a progress bar, is marked as such.
            if segment.control or segment.text.replace("\n", "").isprintable():
                yield segment
            else:
                yield Segment("\n".join(map(plain, segment.text.split("\n"))), segment.style)


def console(*, errors: bool = False) -> Console:
    """A console that prints what it is given: no markup, no emoji, no guessing."""
    return PlainConsole(stderr=errors, markup=False, emoji=False, highlight=False, soft_wrap=True)


# ----------------------------------------------------------------------------------- words and times


def plain(text: str) -> str:
    """`text` with what could steer a terminal made visible: people we do not know wrote it."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def number(e164: str, *, full: bool) -> str:
    """A phone number as far as it may be shown."""
    return e164 if full else phone.mask(e164)


def without_numbers(text: str, *, full: bool) -> str:
    """`text` with the numbers in it masked."""
    return text if full else phone.masked(text)


def moment(at_ms: int, now_ms: int) -> str:
    """A time in UTC, with its date if that is not today's."""
    at, now = utc(at_ms), utc(now_ms)
    return f"{at:%H:%M:%S} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(duration_ms: int) -> str:
    """A duration in its one or two largest units: `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    seconds = abs(duration_ms) / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    for unit, size, part, part_size in (("min", 60, "s", 1), ("h", 3600, "min", 60), ("d", 86_400, "h", 3600)):
        if seconds < {"min": 3600, "h": 86_400}.get(unit, float("inf")):
            rest = int(seconds % size) // part_size
            return f"{int(seconds // size)} {unit}" + (f" {rest} {part}" if rest else "")
    raise AssertionError("unreachable")


def relative(at_ms: int, now_ms: int) -> str:
    """How long ago, or in how long."""
    return f"in {span(at_ms - now_ms)}" if at_ms > now_ms else f"{span(now_ms - at_ms)} ago"


def count(many: int, what: str) -> str:
    """`1 text`, `2 texts`."""
    return f"{many:,} {what}" if many == 1 else f"{many:,} {what}s"


def _table(*headings: str, right: Iterable[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", no_wrap=True)
    return table


def _facts(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table


# ---------------------------------------------------------------------------------------- one message


def message(
    found: Message, forecast: Forecast | None, control: Control, now_ms: int, *, full: bool
) -> RenderableType:
    """One message: what it is, then all that happened to it."""
    style = _STYLE.get(found.status, "red" if found.status.final else "cyan")
    words = plain(found.text or "not kept") if full else "hidden; --full shows it"
    parts = found.parts or found.segments
    facts: list[tuple[str, RenderableType]] = [
        ("status", Text(found.status.value.replace("_", " "), style)),
        ("from", plain(number(found.sender, full=full))),
        ("to", plain(number(found.recipient, full=full))),
        ("text", f"{words} ({count(parts, 'part')})"),
        ("telnyx id", plain(found.telnyx_id or "none yet")),
    ]
    if found.direction == "outbound":
        facts.append(("attempts", str(found.attempts)))
    if found.opt_out is not None:
        facts.append(("read as", _READ_AS[OptOutKeyword(found.opt_out)]))
    if found.cost is not None:
        facts.append(("cost", plain(f"{found.cost} {found.currency or ''}")))
    if full and found.metadata:
        facts.append(("metadata", plain(", ".join(f"{name}={value}" for name, value in found.metadata.items()))))
    table = _table("when (UTC)", "after", "what", "details", right=("after",))
    table.columns[-1].no_wrap = False
    table.columns[-1].overflow = "fold"
    for at_ms, what, details in _timeline(found, forecast, full=full):
        after = "" if at_ms == found.accepted_ms else f"+{span(at_ms - found.accepted_ms)}"
        table.add_row(_clock(at_ms, found.accepted_ms), after, what, details)
    parts_shown: list[RenderableType] = [
        Text.assemble("Message ", (found.id, "bold"), f", accepted {relative(found.accepted_ms, now_ms)}"),
        _facts(facts),
        "",
        table,
    ]
    outlook = _outlook(found, forecast, control, now_ms)
    if outlook:
        parts_shown += ["", outlook]
    return Group(*parts_shown)


def _clock(at_ms: int, first_ms: int) -> str:
    at, first = utc(at_ms), utc(first_ms)
    date = f"{at:%Y-%m-%d} " if at_ms == first_ms or at.date() != first.date() else ""
    return f"{date}{at:%H:%M:%S}.{at_ms % 1000:03}"


def _timeline(found: Message, forecast: Forecast | None, *, full: bool) -> list[tuple[int, str, str]]:
    """Moment, event, details; in the order of time."""
    rows = []
    for entry in timeline(found, (forecast.held_by, forecast.eta_ms) if forecast else None):
        details = [entry.source, *filter(None, [entry.note]), *(_fault(fault) for fault in entry.faults)]
        rows.append((entry.at_ms, plain(entry.status), plain(without_numbers("; ".join(details), full=full))))
    return rows


def _fault(fault: Fault) -> str:
    return " ".join(filter(None, [fault.code, fault.title, f"({fault.detail})" if fault.detail else ""]))


def _outlook(found: Message, forecast: Forecast | None, control: Control, now_ms: int) -> str:
    """What comes next, where something does."""
    if forecast is not None and found.status.waiting:
        place = "It is the first in its line" if forecast.position == 1 else f"It is number {forecast.position}"
        tried = f" after {count(found.attempts, 'attempt')}" if found.attempts else ""
        if forecast.held_by is HeldBy.PAUSED:
            return f"{place}{tried} and waits for the pause to end. {paused(control, now_ms)}"
        if forecast.held_by is HeldBy.BREAKER:
            return f"{place}{tried} and waits for the breaker. {breaker(control, now_ms)}"
        what = f" It waits for {_HELD_BY[forecast.held_by]}." if forecast.held_by else ""
        when = "now"
        if forecast.eta_ms is not None and forecast.eta_ms > now_ms:
            when = f"at {moment(forecast.eta_ms, now_ms)} ({relative(forecast.eta_ms, now_ms)})"
        return f"{place}{tried}, and may leave {when}.{what}"
    if found.status is Status.UNKNOWN:
        settles = "A receipt or the provider's records settle it."
        return f"Nobody knows yet whether the provider has it. {settles} {_again(found)}"
    return ""


def _again(found: Message) -> str:
    """Whether the request for a text in doubt is repeated."""
    if found.no_resend:
        return "Its request is not repeated any more."
    times = f" It was repeated {count(found.replays, 'time')} so far." if found.replays else ""
    return (
        "Failing these, its request is repeated, under the same idempotency key, within 23 hours and while it is "
        f"valid, unless AmbiguousSends is hold.{times}"
    )


def message_json(found: Message, forecast: Forecast | None, *, full: bool) -> dict[str, Any]:
    """The API's own answer about a message, with what is not to be shown masked or null."""
    return _unless(full, http.status(found, forecast).fields)


# Any: JSON.
def _unless(full: bool, shown: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(shown)
    if full:
        return fields
    for name in ("from", "to", "recipient"):
        if name in fields:
            fields[name] = phone.mask(str(fields[name]))
    for name in ("text", "metadata", "media"):
        if name in fields:
            fields[name] = None
    return {name: _masked(value) if name in ("errors", "history") else value for name, value in fields.items()}


# Any: JSON of any depth.
def _masked(value: Any) -> Any:
    match value:
        case str():
            return without_numbers(value, full=False)
        case dict():
            return {name: _masked(inner) for name, inner in value.items()}
        case list():
            return [_masked(inner) for inner in value]
    return value


# ------------------------------------------------------------------------------------------- a page of them


def page(found: Page, *, full: bool) -> RenderableType:
    """Messages that were found, a line each; in full their words below it."""
    # Lines and no table: an id is to be copied whole, however narrow the terminal is.
    rows = []
    for one in found.messages:
        at = utc(one.accepted_ms)
        who = f"{'to' if one.direction == 'outbound' else 'from'} {plain(number(one.peer, full=full))}"
        row = Text(f"{at:%Y-%m-%d %H:%M:%S}  {one.id}  {who:<{21 if full else 10}}  ")
        row.append(
            one.status.value.replace("_", " "), _STYLE.get(one.status, "red" if one.status.final else "cyan")
        )
        if one.opt_out == OptOutKeyword.UNCLEAR:
            row.append("  may ask for an end", "yellow")
        if full:
            row.append(f"\n    {plain(one.text or 'not kept')}", "dim")
        rows.append(row)
    return Group(*rows)


def page_json(found: Page, *, full: bool) -> dict[str, Any]:
    """The API's own answer about them, with what is not to be shown masked or null."""
    # Any: JSON.
    fields: dict[str, Any] = dict(http.message_page(found.messages, found.cursor).fields)
    return fields | {"messages": [_unless(full, row) for row in fields["messages"]]}


# ------------------------------------------------------------------------------------------ the brakes


def paused(control: Control, now_ms: int) -> str:
    """Since when and why nothing is sent, or that something is."""
    if control.paused_since_ms is None:
        return "Sending is not paused."
    since = control.paused_since_ms
    why = f": {plain(control.pause_reason)}" if control.pause_reason else "; no reason was given"
    return f"Sending is paused since {moment(since, now_ms)} ({relative(since, now_ms)}){why}."


def breaker(control: Control, now_ms: int) -> str:
    """Since when, why and until when the breaker is open."""
    until = control.breaker_until_ms
    if until is None:
        return "The breaker is closed."
    since = control.breaker_since_ms or until
    why = plain(control.breaker_reason) or "no reason was recorded"
    then = (
        f"One text tries again at {moment(until, now_ms)} ({relative(until, now_ms)})"
        if until > now_ms
        else "The next text tries"
    )
    outage = (
        ", for an outage of the provider"
        if error_codes.explain(control.breaker_fault).stopped_by == "outage"
        else ""
    )
    why = why.rstrip(".")
    return f"The breaker is open since {moment(since, now_ms)} ({relative(since, now_ms)}){outage}: {why}. {then}."


def wakes_within(control: Control, now_ms: int) -> str:
    """How soon texts that waited for the pause look again: the longer it was, the more rarely they look."""
    since = control.paused_since_ms or now_ms
    return span(pacing.recheck_ms(since, now_ms))


def braked(gate: Gate, now_ms: int) -> str | None:
    """Since when the provider asks all of us for less, and how much leaves all the same; None if it does not."""
    brake = gate.brake(now_ms)
    if brake is None:
        return None
    since = f"{moment(brake.since_ms, now_ms)} ({relative(brake.since_ms, now_ms)})"
    if brake.since_ms > now_ms:
        return f"The provider asked for less: nothing leaves until {since}, then {_pace(brake.rate)}."
    now = _pace(braking.rate_at(brake, now_ms))
    leave = "leaves" if now.startswith("1 text in") else "leave"
    return (
        f"The provider asked for less at {since}: {now} {leave} now, and more from second to second until it asks "
        "again."
    )


def _pace(rate: int) -> str:
    """A rate of a brake, which is in texts in 1,000 seconds."""
    return f"1 text in {1000 / rate:.3g} s" if rate < 1_000 else f"{rate / 1000:.3g} texts a second"


def suspects(control: Control, *, full: bool) -> list[str]:
    """What may be the same for all: not yet often enough to stop sending."""
    return [
        f"Texts to {count(len(numbers), 'recipient')} in a row met "
        f"{'an outage of the provider' if kind == 'outage' else plain(kind)} "
        f"({', '.join(number(one, full=full) for one in numbers)}): "
        f"with {send_attempt.SUSPECTS} the breaker opens."
        for kind, numbers in sorted(_suspected(control).items())
    ]


def _suspected(control: Control) -> dict[str, list[str]]:
    """Kind of trouble → the recipients whose texts met it."""
    found: dict[str, list[str]] = {}
    for row in sorted(control.suspects):
        kind, _, recipient = row.partition(" ")
        found.setdefault(kind, []).append(recipient)
    return found


# ------------------------------------------------------------------------------------------- the queue


def overview(found: Overview, now_ms: int, *, full: bool) -> RenderableType:
    """The queue: its brakes, its depth, and who waits."""
    control = found.gate.control
    dead = Text(f"{found.dead_letters:,}")
    if found.dead_letters:
        dead = Text(f"{found.dead_letters:,}; mend the consumer, then longcode redrive puts them back", "red")
    oldest = "none waits"
    if found.oldest_ms is not None:
        oldest = f"{span(now_ms - found.oldest_ms)}" + ("" if found.complete else ", of those read")
    stops = [
        Text(words, "yellow")
        for words, holds in (
            (paused(control, now_ms), control.paused_since_ms is not None),
            (breaker(control, now_ms), control.breaker_until_ms is not None),
            (braked(found.gate, now_ms) or "", braked(found.gate, now_ms) is not None),
        )
        if holds
    ]
    doubts = [Text(words) for words in suspects(control, full=full)]
    facts = _facts(
        [
            ("sending", Group(*(stops or [Text("is open")]), *doubts)),
            ("ready", f"{found.queue.visible:,}"),
            ("in flight", f"{found.queue.hidden:,} (hidden until their slots, or being sent)"),
            ("dead letters", dead),
            ("oldest waits", oldest),
        ]
    )
    if not found.lines:
        return facts
    table = _table("to", "texts", "oldest", "next leaves", "held by", right=("texts", "oldest"))
    for line in found.lines:
        table.add_row(
            number(line.recipient, full=full),
            f"{line.texts:,}",
            span(now_ms - line.oldest_ms),
            _next(line, now_ms),
            line.held_by.value if line.held_by else "",
        )
    return Group(facts, "", table, *_rest(found))


def _next(line: Line, now_ms: int) -> str:
    if line.held_by is HeldBy.PAUSED:
        return "after resume"
    if line.eta_ms is None:
        return "just left"
    return relative(line.eta_ms, now_ms) if line.eta_ms > now_ms else "now"


def _rest(found: Overview) -> list[str]:
    words = []
    if found.recipients > len(found.lines):
        words.append(f"… and {count(found.recipients - len(found.lines), 'more recipient')} (--rows).")
    if not found.complete:
        words.append(f"Stopped after {count(found.texts, 'text')}: more wait than that (--limit).")
    return words


def overview_json(found: Overview, now_ms: int, *, full: bool) -> dict[str, Any]:
    """The same for a script. Durations are seconds, times ISO 8601; `complete` false: more wait than were read."""
    control = found.gate.control
    brake = found.gate.brake(now_ms)

    def when(at_ms: int | None) -> str | None:
        return iso(at_ms) if at_ms is not None else None

    return {
        "ready": found.queue.visible,
        "in_flight": found.queue.hidden,
        "dead_letters": found.dead_letters,
        "oldest_waits_s": (now_ms - found.oldest_ms) / 1000 if found.oldest_ms is not None else None,
        "paused": {"since": when(control.paused_since_ms), "reason": control.pause_reason}
        if control.paused_since_ms is not None
        else None,
        "breaker": {
            "since": when(control.breaker_since_ms),
            "until": when(control.breaker_until_ms),
            "reason": control.breaker_reason,
            "stopped_by": error_codes.explain(control.breaker_fault).stopped_by,
        }
        if control.breaker_until_ms is not None
        else None,
        "brake": {
            "since": when(brake.since_ms),
            "texts_per_second": braking.rate_at(brake, now_ms) / 1000 if brake.since_ms <= now_ms else 0.0,
        }
        if brake is not None
        else None,
        "suspects": [
            {"kind": kind, "to": number(one, full=full)}
            for kind, numbers in sorted(_suspected(control).items())
            for one in numbers
        ],
        "texts": found.texts,
        "recipients": found.recipients,
        "waiting": [
            {
                "to": number(line.recipient, full=full),
                "texts": line.texts,
                "oldest_at": iso(line.oldest_ms),
                "eta": when(line.eta_ms),
                "held_by": line.held_by,
            }
            for line in found.lines
        ],
        "complete": found.complete,
    }


# -------------------------------------------------------------------------------------- dead letters


def preview(found: Preview) -> RenderableType:
    """What a redrive would do with the dead letters there are."""
    table = _table("letters", "text is", "a redrive", right=("letters",))
    for status, letters in sorted(found.by_status.items(), key=lambda row: row[0].rank if row[0] else -1):
        table.add_row(f"{letters:,}", status.value if status else "not known", _effect(status))
    if found.newer:
        table.add_row(f"{found.newer:,}", "of a later release", "puts it back, where it waits for that release")
    return Group(table, *(["More lie there than were looked at."] if found.more else []))


def _effect(status: Status | None) -> str:
    if status is None:
        return "takes it off: the consumer finds no text to send"
    if status.waiting:
        return "puts it back into its recipient's line"
    if status is Status.SENDING:
        return "has the consumer settle it by evidence, not send it again"
    return "takes it off: nothing is sent again"


# ------------------------------------------------------------------------------- what the queue has lost


def lost(lines: Sequence[Sequence[Waiting]], now_ms: int, *, full: bool) -> RenderableType:
    """Whose texts would be put back into the queue."""
    table = _table("to", "texts", "oldest", right=("texts", "oldest"))
    for texts in lines[:_LINES_SHOWN]:
        table.add_row(
            number(texts[0].recipient, full=full), f"{len(texts):,}", span(now_ms - texts[0].accepted_ms)
        )
    more = len(lines) - _LINES_SHOWN
    return Group(table, *([f"… and {count(more, 'more recipient')}."] if more > 0 else []))


# --------------------------------------------------------------------------------- what was given up


def beyond_publishing(batches: Sequence[Batch], validity_ms: int) -> list[str]:
    """What to do about changes that the stream has forgotten. A text may wait for `validity_ms` before one."""
    first, last = min(batch.since_ms for batch in batches), max(batch.until_ms for batch in batches)
    # The times are whole seconds, rounded down.
    asked = f"GET /sms/messages?since={iso(first - validity_ms)}&until={iso(last + 1_000)}"
    return [
        f"{count(sum(batch.changes for batch in batches), 'change')} from {iso(first)} to {iso(last)} can't be "
        "published any more: the stream keeps them for a day. Counters stay off by them.",
        f"What has become of those texts: {asked}",
    ]


# ------------------------------------------------------------------------------------------ a restored copy


def restored(done: Restored, *, dry_run: bool) -> RenderableType:
    """What came back from a copy of the table, or would."""
    would = "would be " if dry_run else ""
    words = [
        f"{count(done.read, 'item')} read, {done.there:,} of them still there, {done.expired:,} past their time.",
        f"{count(done.put_back, 'item')} {would}put back.",
    ]
    table = _table("texts", "were", "come back as", right=("texts",))
    for status, many in sorted(done.texts.items(), key=lambda row: row[0].rank):
        after = Status.UNKNOWN if status.rank < Status.SUBMITTED.rank else status
        table.add_row(f"{many:,}", status.value, after.value)
    return Group(*words, *([table] if done.texts else []))


# -------------------------------------------------------------------------------------- a smoke test


def step(made: Step) -> RenderableType:
    """A step of a smoke test as a line, and if it failed what to do on another."""
    line = Text.assemble(("✓ ", "green") if made.ok else ("✗ ", "red"), made.name)
    if made.said:
        line.append(f": {plain(without_numbers(made.said, full=False))}")
    line.append(f" {made.took_s:.1f} s", "dim")
    if made.hint:
        line.append(f"\n  What to do: {made.hint}", "yellow")
    return line


def smoked(steps: Sequence[Step], left: Left | None, where: str) -> RenderableType:
    """What a smoke test comes to, and what it left behind."""
    failed = [made.name for made in steps if not made.ok]
    verdict = f"{where[:1].upper()}{where[1:]} works: {len(steps)} steps, two texts."
    if failed:
        verdict = f"{where[:1].upper()}{where[1:]} does not pass: {', '.join(failed)}."
    words = Text(verdict, "red" if failed else "green")
    if left:
        words.append(f"\nThese stay until RetentionDays are over: {', '.join(left.ids)}.", "default")
        words.append("\nDELETE /sms/recipients/{number} erases everything with that number.", "default")
    return words


def smoke_json(steps: Sequence[Step], left: Left | None, where: str) -> dict[str, Any]:
    """The same for a script; durations in seconds."""
    return {
        "stack": where,
        "ok": all(made.ok for made in steps),
        "steps": [
            {
                "name": made.name,
                "ok": made.ok,
                "took_s": round(made.took_s, 3),
                "said": without_numbers(made.said, full=False),
                "hint": made.hint or None,
            }
            for made in steps
        ],
        "left": left.ids if left else [],
        "left_because": left.why if left else None,
    }


# --------------------------------------------------------------------------------- stacks on AWS


def deployed(outcome: Outcome, env: str) -> RenderableType:
    """What a deployment came to, and what to do next."""
    verdict = "is deployed." if outcome.changed else "is as it was: nothing changed, or you did not agree."
    key = outcome.outputs.get("ApiKeyId", "<ApiKeyId>")
    region = outcome.place.session.region_name
    next_steps = [
        "Next: all it depends on, the key of the API, the proof that it works (TO is a second number of yours).",
        f"  ./longcode doctor --stack {outcome.place.stack_name} --region {region}",
        f"  aws apigateway get-api-key --include-value --query value --region {region} --api-key {key}",
        f"  make smoke ENV={env} TO=+1…",
    ]
    return Group(
        f"{outcome.place.name[:1].upper()}{outcome.place.name[1:]} {verdict}",
        "",
        outcome.alarms,
        "",
        *next_steps,
    )


def alarms(states: Mapping[str, str]) -> RenderableType:
    """The alarms that are watched, and how each stands."""
    table = _table("alarm", "is")
    for arn, state in states.items():
        table.add_row(name_of(arn), Text(state, "" if state == "OK" else "yellow"))
    return table


# As much of a value as a person still reads; --json has all of it.
_VALUE_AT_MOST = 160


def drift(found: Found) -> RenderableType:
    """What is not as the template says."""
    where = f"{count(len(found.stacks), 'stack')} compared: {', '.join(found.stacks)}."
    unread = [Text(f"Not compared in {plain(words)}", "yellow") for words in found.unread]
    if not found.drifted:
        return Group(where, *unread, Text("Everything is as the template says.", "green"))
    rows: list[RenderableType] = [where, *unread]
    for one in found.drifted:
        rows += ["", Text(f"{one.resource} ({one.type}) in {one.stack} {_DRIFTED[one.status]}", "red")]
        if one.differences:
            table = _table("property", "the template says", "it is")
            for column in table.columns:
                column.no_wrap, column.overflow = False, "fold"
            for row in one.differences:
                table.add_row(row.path, *_values(row))
            rows.append(table)
    # CloudFormation compares a template with the one before it, and never with what there is.
    rows += [
        "",
        "No deployment undoes this. Undo it by hand, or take it over into template.yaml and deploy.",
    ]
    return Group(*rows)


_DRIFTED = {"MODIFIED": "was changed", "DELETED": "was deleted by somebody else"}


def _values(row: Difference) -> tuple[str, str]:
    expected, actual = (
        plain(value) if len(value) <= _VALUE_AT_MOST else f"{plain(value[:_VALUE_AT_MOST])}…"
        for value in (row.expected, row.actual)
    )
    return ("nothing" if row.kind == "ADD" else expected), ("nothing" if row.kind == "REMOVE" else actual)


def drift_json(found: Found) -> dict[str, Any]:
    """The same for a script."""
    return {
        "in_sync": not found.drifted,
        "stacks": list(found.stacks),
        "drifted": [asdict(one) for one in found.drifted],
        "not_compared": list(found.unread),
    }


def kept(found: Sequence[Kept], heading: str) -> RenderableType:
    """What outlives a stack."""
    rows: list[RenderableType] = [heading]
    for one in found:
        rows += ["", f"{one.name}: {one.what}", f"  costs    {one.cost}", f"  to go    {one.remove}"]
    return Group(*rows, *([] if found else ["nothing"]), "")


# ------------------------------------------------------------------------------------------- the doctor

_STATES = {
    State.OK: Text("ok", "green"),
    State.WARN: Text("warn", "yellow"),
    State.FAIL: Text("FAIL", "red"),
    State.SKIPPED: Text("-", "dim"),
}


def findings(found: Sequence[Finding]) -> RenderableType:
    """A row for each check, and what to do below what was found."""
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    # A command in it is to be copied, so that it is folded nowhere but at the edge.
    table.add_column(overflow="fold")
    for one in found:
        words = Text(one.found, "dim" if one.state is State.SKIPPED else "")
        if one.todo:
            words.append(f"\n→ {one.todo}", "bold")
        table.add_row(_STATES[one.state], one.check, words)
    return table


def findings_json(stack: str, found: Sequence[Finding]) -> dict[str, Any]:
    """The same for a script. `healthy`: nothing fails; there may be warnings."""
    return {
        "stack": stack,
        "healthy": all(one.state is not State.FAIL for one in found),
        "checks": [
            {"check": one.check, "state": one.state, "found": one.found, "todo": one.todo or None} for one in found
        ],
    }


def verdict(found: Sequence[Finding]) -> str:
    """All of it in a sentence."""
    many = {state: sum(one.state is state for one in found) for state in State}
    rest = [
        f"{many[state]} {word}"
        for state, word in (
            (State.FAIL, "failed"),
            (State.WARN, "to be looked at"),
            (State.SKIPPED, "could not be made"),
        )
        if many[state]
    ]
    checks = count(len(found), "check")
    return f"All of {checks} are well." if not rest else f"Of {checks} {', '.join(rest)}."
