"""The requests to the provider for one text, with their answers: from the log, and from the record without it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from longcode.domain.message import Entry, Message
from longcode.domain.status import HeldBy, Status
from longcode_cli.trace.events import Event
from longcode_cli.trace.model import Group, Span, State
from longcode_cli.trace.waits import Departure
from longcode_cli.trace.words import VERDICTS, span

_NAMES = ("send.accepted", "send.refused")
# An entry of the history and its line are written one after the other; a line that stands for a whole invocation
# is written at its end, which is within a minute.
_INVOCATION_MS, _CLOCK_MS = 65_000, 200
# So near to its slot does a text leave.
_SLOT_MS = 1_000
_OURS = ("api", "consumer")
_ASKED = (Status.SUBMITTED.value, Status.UNKNOWN.value)


@dataclass(frozen=True, slots=True)
class Request:
    """One request: when it was made, what came of it, and what its text waited for before it."""

    departure: Departure
    span: Span

    @property
    def took(self) -> bool:
        """Whether the provider took the text, or may have."""
        return self.span.state is State.OK


def requests(message: Message, found: Sequence[Event]) -> list[Request]:
    """All requests that are known of, the oldest first."""
    entries = [entry for entry in message.history if entry.source in _OURS]
    made: list[Request] = []
    for event in found:
        if event.name in _NAMES:
            entry = _entry(event, entries)
            if entry:
                entries.remove(entry)
            made.append(_of_line(event, entry, message, len(made) + 1))
    for entry in entries:
        asked = entry.status in _ASKED or any(fault.http_status for fault in entry.faults)
        if asked and not any(fault.code == "claim_lost" for fault in entry.faults):
            made.append(_of_record(entry, message))
    made.sort(key=lambda request: request.departure.start_ms)
    waited = [event for event in found if event.name == "send.waited"]
    return [replace(request, departure=_after_wait(request.departure, waited)) for request in made]


def _after_wait(departure: Departure, waited: Sequence[Event]) -> Departure:
    """A departure with what its text waited for in its invocation, if a line says that it did."""
    for event in waited:
        slot_ms, word = event.number("slot_ms") or 0, event.word("held_by")
        if word in set(HeldBy) and abs(departure.start_ms - slot_ms) <= _SLOT_MS:
            waited_ms = (event.number("waited_ms") or 0) + departure.start_ms - slot_ms
            return replace(departure, held_by=HeldBy(word), waited_ms=waited_ms, wait_line=event.line)
    return departure


def _entry(event: Event, entries: Sequence[Entry]) -> Entry | None:
    """The entry of the history that was written with a line."""
    first_ms, last_ms = event.at_ms - _INVOCATION_MS, event.at_ms + _CLOCK_MS
    near = [entry for entry in entries if first_ms <= entry.at_ms <= last_ms]
    if event.name == "send.accepted":
        near = [entry for entry in near if entry.status not in (Status.UNKNOWN, Status.CANCELLED)]
    else:
        near = [entry for entry in near if entry.status in (Status.UNKNOWN, Status.FAILED)]
    return near[-1] if near else None


def _of_line(event: Event, entry: Entry | None, message: Message, number: int) -> Request:
    end_ms = entry.at_ms if entry else event.at_ms
    took_ms, claimed_ms = event.number("provider_ms"), message.claimed_ms
    start_ms = end_ms - took_ms if took_ms is not None else end_ms
    if took_ms is None and claimed_ms is not None and 0 <= end_ms - claimed_ms <= _INVOCATION_MS:
        # A line of an earlier release.
        start_ms = claimed_ms
    ok = event.name == "send.accepted"
    departure = Departure(start_ms, end_ms, line=event.line)
    verdict = VERDICTS.get(event.word("verdict") or "", "refused")
    said = " ".join(filter(None, [event.word("code"), event.word("title")]))
    took = span(end_ms - start_ms)
    detail = (
        f"The provider took it within {took}."
        if ok
        else f"{(said or verdict.capitalize()).rstrip('.')}, after {took}."
    )
    label = "Request: taken" if ok else f"Request: {verdict}"
    facts = tuple((name, value) for name in ("telnyx_id", "verdict", "code") if (value := event.word(name)))
    tries = (("try", str(number)),) if number > 1 else ()
    shown = Span(
        Group.PROVIDER,
        "request" if ok else "request.refused",
        label.replace("Request", f"Request {number}") if number > 1 else label,
        start_ms,
        end_ms,
        State.OK if ok else State.FAULT,
        detail,
        "log",
        (event.line,),
        facts + tries,
    )
    return Request(departure, shown)


def _of_record(entry: Entry, message: Message) -> Request:
    """A request of which the record alone tells: it was made between the claim and the entry."""
    claimed_ms = message.claimed_ms
    start_ms = claimed_ms if claimed_ms is not None and claimed_ms <= entry.at_ms else entry.at_ms
    ok = entry.status == Status.SUBMITTED
    label = "Request: taken" if ok else "Request: no clear answer"
    if entry.status not in _ASKED:
        label = "Request: refused"
    words = "; ".join(" ".join(filter(None, [fault.code, fault.title])) for fault in entry.faults)
    detail = f"{words or 'The provider answered.'} When exactly it began is not known: no line of it was read."
    shown = Span(
        Group.PROVIDER,
        "request" if ok else "request.refused",
        label,
        start_ms,
        entry.at_ms,
        State.OK if ok else State.FAULT,
        detail,
    )
    return Request(Departure(start_ms, entry.at_ms), shown)
