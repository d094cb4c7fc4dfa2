"""From what is known of a text to its timeline."""

from collections.abc import Sequence

from longcode.domain.message import CHANGED, Entry, Message, iso
from longcode.domain.status import Status
from longcode_cli.terminal import number, without_numbers
from longcode_cli.trace.events import Event, events
from longcode_cli.trace.model import Evidence, Group, Span, State, Trace, ordered
from longcode_cli.trace.receipts import carriage, matched, published, receipts
from longcode_cli.trace.requests import Request, requests
from longcode_cli.trace.waits import waits
from longcode_cli.trace.words import FAULTS, MOMENTS, STATUSES, span

_GROUPS = {
    "send": Group.API, "queue": Group.API, "process": Group.CONSUMER, "consumer": Group.CONSUMER,
    "reconciler": Group.CONSUMER, "webhook": Group.RECEIPTS, "fallback": Group.RECEIPTS,
    "publisher": Group.EVENTS, "deliverer": Group.EVENTS,
}  # fmt: skip
# Lines that are drawn as something of their own.
_CHANGES = {"queue.cancelled": "Cancelled by its caller", "queue.changed": "Changed by its caller"}
_DRAWN = frozenset(
    {"request", "send.accepted", "send.refused", "send.waited", "batch", "publish", "delivery.attempt", *_CHANGES}
)
_WRITERS = {
    "api": "Written by the API.",
    "consumer": "Written by the consumer.",
    "webhook": "Written as its receipt came.",
    "reconciler": "Written by the reconciler.",
    "operator": "Written by an operator.",
}
_SERVER_ERROR, _CLIENT_ERROR = 500, 400


def trace(evidence: Evidence, now_ms: int, *, full: bool = False) -> Trace:
    """The timeline of a text. Numbers are masked, and its words left out, unless it is to be `full`."""
    message = evidence.message
    found = events(evidence.lines, message.id)
    made = requests(message, found)
    taken = taken_ms(message, made)
    spans = [*_calls(message, found), *_writes(message, found), *_moments(found), *published(found)]
    if message.direction == "outbound":
        spans += [request.span for request in made]
        spans += [*_claims(message, made), *_replays(message), *_doubt(message)]
        spans += [*receipts(message, found), *carriage(message, taken, now_ms)]
        if message.route == "queue":
            departures = [request.departure for request in made]
            spans += waits(message, found, departures, evidence.outlook, now_ms)
    spans = [_private(one, full=full) for one in spans]
    begun_ms = min([message.accepted_ms, *(one.start_ms for one in spans)])
    return Trace(
        ident=message.id,
        title=_title(message),
        subtitle=without_numbers(_subtitle(message, now_ms), full=full),
        status=message.status.value,
        state=_state(message),
        stack=evidence.stack,
        begun_ms=begun_ms,
        ended_ms=max([begun_ms, *(one.ended(now_ms) for one in spans)]) if message.status.final else None,
        now_ms=now_ms,
        facts=tuple(_facts(message, full=full)),
        spans=ordered(spans),
        lines=tuple(evidence.lines),
        notes=tuple(evidence.notes),
        shares=tuple(_shares(message, spans, now_ms)),
    )


def _private(one: Span, *, full: bool) -> Span:
    return Span(
        one.group, one.kind, without_numbers(one.label, full=full), one.start_ms, one.end_ms, one.state,
        without_numbers(one.detail, full=full), one.source, one.lines,
        tuple((name, without_numbers(value, full=full)) for name, value in one.facts),
    )  # fmt: skip


# ----------------------------------------------------------------------------------------------- the API


def _calls(message: Message, found: Sequence[Event]) -> list[Span]:
    """The calls of our API by which the text came, was asked for again, changed, or taken back."""
    calls = [event for event in found if event.name == "request" and event.function in ("send", "queue")]
    came = next(
        (one for one in calls if one.at_ms >= message.accepted_ms and not _changes(one) and not _refused(one)),
        None,
    )
    made = {id(call): _CHANGES[event.name] for event in found if (call := _call_of(event, calls)) is not None}
    spans = [_call(event, made.get(id(event), ""), again=_again(event, came)) for event in calls]
    if message.direction == "inbound":
        return spans
    if not any(one.kind == "call" for one in spans):
        label = f"Accepted by /sms/{message.route}"
        detail = "How long the call took is not known: no log line of it was read."
        spans.append(Span(Group.API, "call", label, message.accepted_ms, message.accepted_ms, detail=detail))
    spans += [put for event in calls if (put := _queue_put(event, message))]
    return spans


def _call_of(change: Event, calls: Sequence[Event]) -> Event | None:
    """The call by which a text was changed or taken back, whose line is written after that of the change."""
    later = [call for call in calls if call.at_ms >= change.at_ms and _changes(call)]
    return later[0] if change.name in _CHANGES and later else None


def _changes(event: Event) -> bool:
    """Whether a call is about a text that is there."""
    return "{id}" in (event.word("route") or "")


def _again(event: Event, came: Event | None) -> bool:
    """Whether a call was answered from the record: one before the text was stored, or refused, was not."""
    return came is not None and event is not came and event.at_ms >= came.at_ms and not _refused(event)


def _refused(event: Event) -> bool:
    return (event.number("status") or 0) >= _CLIENT_ERROR


def _call(event: Event, change: str, *, again: bool) -> Span:
    status, took_ms = event.number("status") or 0, event.number("duration_ms") or 0
    start_ms, route = event.at_ms - took_ms, event.word("route") or "a route"
    kind, label = "call", f"POST {route}: {status}"
    detail = f"Answered {status} within {span(took_ms)}."
    state = State.FAULT if status >= _CLIENT_ERROR else State.OK
    if _changes(event):
        kind, label = "call.change", f"{change or route}: {status}"
    elif again:
        kind, label, state = "call.repeated", f"POST {route} again: {status}", State.FAULT
        detail += " The same request under its idempotency key: answered from the record, not sent again."
    if status >= _SERVER_ERROR:
        detail += f" {event.word('code') or ''}"
    facts = tuple((name, value) for name in ("request_id", "code") if (value := event.word(name)))
    return Span(Group.API, kind, label, start_ms, event.at_ms, state, detail, "log", (event.line,), facts)


def _queue_put(event: Event, message: Message) -> Span | None:
    """The put into the queue, which comes before the put into the table."""
    puts = event.puts(message.accepted_ms)
    if puts is None or puts.queued_ms is None:
        return None
    took = span(puts.queued_ms - puts.begun_ms)
    detail = f"Into the SQS FIFO queue, in its recipient's group, within {took}; then into the table."
    return Span(
        Group.QUEUE, "put", "Queue put", puts.begun_ms, puts.queued_ms, State.OK, detail, "log", (event.line,)
    )


# --------------------------------------------------------------------------------------------- the table


def _writes(message: Message, found: Sequence[Event]) -> list[Span]:
    """What was written into the messages table, as far as the record says when."""
    inbound = message.direction == "inbound"
    spans = [] if inbound else [_stored(message, found)]
    if message.claimed_ms is not None and message.route == "queue":
        detail = "Claimed under a condition: no one else sends it now."
        spans.append(_write("Claimed: sending", message.claimed_ms, detail))
    came = {id(entry): event for event, entry in matched(message, found) if entry}
    for entry in message.history:
        event = came.get(id(entry))
        at_ms = event.at_ms if event else entry.at_ms
        spans.append(_entry(entry, at_ms, () if event is None else (event.line,)))
    return spans


def _stored(message: Message, found: Sequence[Event]) -> Span:
    status = "held" if message.not_before_ms is not None else "queued"
    if message.route == "send":
        at_ms = message.claimed_ms or message.accepted_ms
        return _write("Stored: sending", at_ms, "Its item, claimed from the first: no one else sends it.")
    label = f"Stored: {status}"
    for event in found:
        if event.name == "request" and (puts := event.puts(message.accepted_ms)) is not None:
            begun_ms = puts.begun_ms if puts.queued_ms is None else puts.queued_ms
            detail = f"Its item was put within {span(puts.stored_ms - begun_ms)}, if there was none of its id."
            lines = (event.line,)
            return Span(Group.TABLE, "write", label, begun_ms, puts.stored_ms, State.OK, detail, "log", lines)
    return _write(label, message.accepted_ms, "Its item was put, if there was none of its id.")


def _write(label: str, at_ms: int, detail: str) -> Span:
    return Span(Group.TABLE, "write", label, at_ms, at_ms, State.OK, detail)


def _entry(entry: Entry, at_ms: int, lines: tuple[int, ...]) -> Span:
    known = entry.status in set(Status)
    fault = bool(entry.faults) or (known and Status(entry.status) in FAULTS)
    words = [" ".join(filter(None, [fault.code, fault.title, fault.detail])) for fault in entry.faults]
    label = "Changed" if entry.status == CHANGED else f"Status: {entry.status.replace('_', ' ')}"
    detail = " ".join(filter(None, [entry.note, "; ".join(words)])) or _WRITERS[entry.source]
    state = State.FAULT if fault else State.OK
    return Span(Group.TABLE, "write", label, at_ms, at_ms, state, detail, "table", lines)


# ------------------------------------------------------------------------------------------- the consumer


def _claims(message: Message, made: Sequence[Request]) -> list[Span]:
    """The claim of the last try, which is held until the request leaves at its slot."""
    claimed_ms = message.claimed_ms
    after = [
        request.departure.start_ms for request in made if claimed_ms and request.departure.end_ms > claimed_ms
    ]
    if claimed_ms is None or message.route == "send" or not after or after[0] <= claimed_ms:
        return []
    detail = "Claimed a moment before its slot, so that its request leaves on time."
    return [Span(Group.CONSUMER, "claim", "Claimed, up to its slot", claimed_ms, after[0], State.OK, detail)]


def taken_ms(message: Message, made: Sequence[Request]) -> int | None:
    """When the provider had the text: it said so, or a receipt did after a request without a clear answer."""
    for request in made:
        if request.took:
            return request.departure.end_ms
    came = [entry.at_ms for entry in message.history if entry.source == "webhook"]
    if came and made:
        return max(made[-1].departure.start_ms, min(made[-1].departure.end_ms, came[0]))
    return message.sent_ms


def final_ms(message: Message) -> int:
    """When a text came to the status that it has."""
    ends = [entry.at_ms for entry in message.history if entry.status == message.status.value]
    return ends[0] if ends else message.completed_ms or message.updated_ms


def _doubt(message: Message) -> list[Span]:
    """The time in which it was not known whether the provider had the text."""
    begun = [entry.at_ms for entry in message.history if entry.status == Status.UNKNOWN]
    if not begun:
        return []
    later = [entry.at_ms for entry in message.history if entry.status not in (Status.UNKNOWN, CHANGED)]
    ends = sorted(at_ms for at_ms in later if at_ms >= begun[0])
    if not ends and message.status is not Status.UNKNOWN:
        return []
    detail = "Whether the provider had it was not known. A receipt, its records or a repeated request settle that."
    over_ms = ends[0] if ends else None
    return [Span(Group.CONSUMER, "doubt", "Outcome in doubt", begun[0], over_ms, State.FAULT, detail)]


def _replays(message: Message) -> list[Span]:
    if not message.replays or message.replayed_ms is None:
        return []
    detail = "Its outcome was in doubt, so its request was repeated under its idempotency key: no second text."
    label = f"Request repeated by the reconciler ({message.replays})"
    return [Span(Group.PROVIDER, "replay", label, message.replayed_ms, message.replayed_ms, State.FAULT, detail)]


def _moments(found: Sequence[Event]) -> list[Span]:
    """All that a line says and that is drawn as nothing else."""
    spans = []
    for event in found:
        if event.name in _DRAWN or event.function not in _GROUPS:
            continue
        bad = event.level in ("WARNING", "ERROR", "CRITICAL")
        label, fault = MOMENTS.get(event.name, (event.name, bad))
        said = [
            event.word("code"),
            event.word("title"),
            event.word("what"),
            event.word("reason"),
            event.word("by"),
        ]
        detail = " ".join(filter(None, said)) or f"The line says {event.name}."
        state = State.FAULT if fault else State.OK
        group = _GROUPS[event.function]
        spans.append(Span(group, "moment", label, event.at_ms, event.at_ms, state, detail, "log", (event.line,)))
    return spans


# ------------------------------------------------------------------------------------------- its headline


def _state(message: Message) -> State:
    if message.status in FAULTS:
        return State.FAULT
    return State.OK if message.status.final else State.WAITING


def _title(message: Message) -> str:
    return STATUSES[message.status]


def _subtitle(message: Message, now_ms: int) -> str:
    """How long it took, and why it did not arrive."""
    if message.direction == "inbound":
        return f"Received at {iso(message.accepted_ms)}."
    fault = message.faults[0] if message.faults and message.status in FAULTS else None
    why = f" {fault.code} {fault.title}".rstrip(" .") + "." if fault else ""
    if not message.status.final:
        return f"{span(now_ms - message.accepted_ms)} after it was accepted, and still under way.{why}"
    return f"{span(final_ms(message) - message.accepted_ms)} after it was accepted.{why}"


def _facts(message: Message, *, full: bool) -> list[tuple[str, str]]:
    facts = [
        ("from", number(message.sender, full=full)),
        ("to", number(message.recipient, full=full)),
        ("accepted", iso(message.accepted_ms)),
        ("route", f"/sms/{message.route}" if message.direction == "outbound" else message.route),
        ("segments", str(message.parts or message.segments)),
    ]
    optional: list[tuple[str, object]] = [
        ("priority", message.priority.value if message.direction == "outbound" else None),
        ("category", message.category),
        ("send at", iso(message.send_at_ms) if message.send_at_ms is not None else None),
        ("expires at", iso(message.expires_ms) if message.expires_ms is not None else None),
        ("carrier", message.carrier),
        ("attempts", message.attempts or None),
        ("telnyx id", message.telnyx_id),
        ("cost", f"{message.cost} {message.currency or ''}".strip() if message.cost is not None else None),
        ("test", "yes: it came with a test key, and no one gets it" if message.test else None),
    ]
    facts += [(name, str(value)) for name, value in optional if value is not None]
    if full:
        facts.append(("text", message.text if message.text is not None else "not kept"))
        facts += [(f"metadata.{name}", value) for name, value in message.metadata.items()]
    return facts


def _shares(message: Message, spans: Sequence[Span], now_ms: int) -> list[tuple[str, str, int]]:
    """Where its time went: each wait, the requests, the carrier; the rest is our work."""
    totals: dict[tuple[str, str], int] = {}
    end_ms = final_ms(message) if message.status.final else now_ms
    cursor = message.accepted_ms
    timed = [
        one
        for one in spans
        if one.kind.startswith(("wait.", "request", "doubt")) and one.group is not Group.EVENTS
    ]
    for one in sorted(timed, key=lambda one: one.start_ms):
        start_ms, over_ms = max(one.start_ms, cursor), min(one.ended(now_ms), end_ms)
        if over_ms > start_ms:
            key = ("request", "Requests") if one.kind.startswith("request") else (one.kind, one.label)
            totals[key] = totals.get(key, 0) + over_ms - start_ms
            cursor = over_ms
    rest = end_ms - message.accepted_ms - sum(totals.values())
    shares = [(kind, label, total) for (kind, label), total in totals.items()]
    return shares + ([("work", "Our service", rest)] if rest > 0 and message.direction == "outbound" else [])
