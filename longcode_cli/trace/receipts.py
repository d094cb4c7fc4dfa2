"""What came after the provider took a text: its way at the carrier, the receipts, and the events that left us."""

from collections.abc import Sequence

from longcode.domain.message import Entry, Message
from longcode_cli.trace.events import Event
from longcode_cli.trace.model import Group, Span, State
from longcode_cli.trace.words import span

_RECORDED = {
    "advanced": "It moved the status on.",
    "kept": "It was kept in the history; the status was as far or further.",
    "duplicate": "The same event had come before, so it changed nothing.",
    "foreign": "It is about another text of the provider's, so it changed nothing.",
    "missing": "There was no such text.",
}
_OF_CARRIER = "webhook"
_WENT_WELL = 300


def matched(message: Message, found: Sequence[Event]) -> list[tuple[Event, Entry | None]]:
    """Each webhook call that brought a receipt, with the entry of the history that it made, or that was there."""
    entries = [entry for entry in message.history if entry.source == _OF_CARRIER]
    left = list(entries)
    pairs: list[tuple[Event, Entry | None]] = []
    for event in found:
        word = event.word("word")
        if event.function not in ("webhook", "fallback") or event.name != "request" or word is None:
            continue
        same = [entry for entry in left if entry.status == word]
        if same and event.word("recorded") in ("advanced", "kept"):
            left.remove(same[0])
            pairs.append((event, same[0]))
        else:
            pairs.append((event, next((entry for entry in entries if entry.status == word), None)))
    return pairs


def receipts(message: Message, found: Sequence[Event]) -> list[Span]:
    """The receipts as they came: from the moment that the provider names to the end of our answer."""
    pairs = matched(message, found)
    seen = [entry for _, entry in pairs if entry]
    spans = [_receipt(event, entry) for event, entry in pairs]
    for entry in message.history:
        if entry.source == _OF_CARRIER and entry not in seen:
            detail = "The provider's time of it. When it came is not known: no log line of it was read."
            spans.append(_point(entry, "receipt", f"Receipt: {entry.status.replace('_', ' ')}", detail))
        elif entry.source == "reconciler":
            detail = entry.note or "Read from the provider's records, as no receipt had come."
            spans.append(_point(entry, "record", f"Provider's record: {entry.status.replace('_', ' ')}", detail))
    return spans


def _point(entry: Entry, kind: str, label: str, detail: str) -> Span:
    state = State.FAULT if entry.faults else State.OK
    return Span(Group.RECEIPTS, kind, label, entry.at_ms, entry.at_ms, state, _because(entry, detail))


def _because(entry: Entry, detail: str) -> str:
    faults = "; ".join(" ".join(filter(None, [fault.code, fault.title, fault.detail])) for fault in entry.faults)
    return f"{detail} {faults}".strip()


def _receipt(event: Event, entry: Entry | None) -> Span:
    status, recorded = event.number("status") or 200, event.word("recorded") or ""
    arrived_ms = event.at_ms - (event.number("duration_ms") or 0)
    twice = recorded == "duplicate"
    occurred_ms = entry.at_ms if entry and not twice else arrived_ms
    failed = status >= _WENT_WELL or recorded in ("duplicate", "foreign", "missing") or event.level == "ERROR"
    label = f"Receipt: {(event.word('word') or '').replace('_', ' ')}" + (" (again)" if twice else "")
    if status >= _WENT_WELL:
        label = f"Receipt: answered {status}"
    way = f"It came {span(arrived_ms - occurred_ms)} after the moment it names." if not twice else ""
    detail = " ".join(filter(None, [_RECORDED.get(recorded, ""), way]))
    return Span(
        Group.RECEIPTS,
        "receipt.duplicate" if twice else "receipt",
        label,
        min(occurred_ms, arrived_ms),
        event.at_ms,
        State.FAULT if failed or (entry is not None and entry.faults) else State.OK,
        _because(entry, detail) if entry else detail,
        "log",
        (event.line,),
        tuple((name, value) for name in ("recorded", "event_id") if (value := event.word(name))),
    )


def carriage(message: Message, taken_ms: int | None, now_ms: int) -> list[Span]:
    """The time that a text was with the provider, and then with its carrier."""
    if taken_ms is None:
        return []
    entries = [entry for entry in message.history if entry.source in (_OF_CARRIER, "reconciler")]
    sent_ms = next((entry.at_ms for entry in entries if entry.status == "sent"), None)
    final_ms = next((entry.at_ms for entry in entries if entry.status == message.status), None)
    if not message.status.final:
        final_ms = None
    elif final_ms is None:
        final_ms = message.completed_ms or message.updated_ms
    network = f"the network of {message.carrier}" if message.carrier else "the recipient's network"
    spans = []
    passed_ms = sent_ms if sent_ms is not None else final_ms
    detail = "Until the provider passed it on" + ("." if passed_ms is not None else ", which it has not said yet.")
    spans.append(_wait("wait.provider", "With the provider", taken_ms, passed_ms, detail, now_ms))
    if sent_ms is not None:
        detail = f"From the provider's hands to the end that it reports, by {network}."
        spans.append(_wait("wait.carrier", "With the carrier", max(sent_ms, taken_ms), final_ms, detail, now_ms))
    return [one for one in spans if one.end_ms is None or one.end_ms > one.start_ms]


def _wait(kind: str, label: str, start_ms: int, end_ms: int | None, detail: str, now_ms: int) -> Span:
    start_ms = min(start_ms, now_ms)
    return Span(Group.RECEIPTS, kind, label, start_ms, end_ms, State.WAITING, detail)


def published(found: Sequence[Event]) -> list[Span]:
    """What left for those who listen: events on the bus, and calls of webhooks with the waits between."""
    spans: list[Span] = []
    last: dict[str, Span] = {}
    read = [event for event in found if event.name == "publish"]
    notable = [event for event in read if event.number("EventsPublished") or _is_left(event)]
    # Where a line says how many events it published, one that says nothing published none.
    spans += [_published(event) for event in notable or read[-1:]]
    for event in found:
        if event.name == "delivery.attempt":
            attempt = _attempt(event)
            key = f"{event.word('subscription_id')} {event.word('event_id')}"
            if (before := last.get(key)) is not None and before.end_ms is not None:
                spans.append(_between(before.end_ms, attempt.start_ms))
            last[key] = attempt
            spans.append(attempt)
    return spans


def _is_left(event: Event) -> bool:
    """Whether the publisher was not done with all changes of a line."""
    return (event.number("done") or 0) < (event.number("records") or 0)


def _published(event: Event) -> Span:
    records, done = event.number("records") or 0, event.number("done") or 0
    sent = event.number("EventsPublished")
    label = "Event published" if sent else "Change read from the table"
    detail = "On the event bus." if sent else "Which changes become events says StatusEvents."
    if _is_left(event):
        label, detail = "Event not published: tried again", f"{done} of {records} changes were done with."
    state = State.FAULT if _is_left(event) else State.OK
    return Span(Group.EVENTS, "event", label, event.at_ms, event.at_ms, state, detail, "log", (event.line,))


def _attempt(event: Event) -> Span:
    status, error = event.number("status"), event.word("error")
    ok = status is not None and 200 <= status < _WENT_WELL
    took_ms = event.number("duration_ms") or 0
    said = str(status) if status is not None else (error or "no answer")
    return Span(
        Group.EVENTS,
        "delivery",
        f"Your webhook: {said}" if status is not None else "Your webhook: no answer",
        event.at_ms - took_ms,
        event.at_ms,
        State.OK if ok else State.FAULT,
        f"{event.word('type') or 'An event'}: {said}, after {span(took_ms)}.",
        "log",
        (event.line,),
        tuple((name, value) for name in ("type", "state", "event_id") if (value := event.word(name))),
    )


def _between(start_ms: int, end_ms: int) -> Span:
    detail = "The attempt failed, and the next one waits longer each time."
    return Span(
        Group.EVENTS, "wait.delivery", "Next try waits", start_ms, end_ms, State.WAITING, detail, "derived"
    )
