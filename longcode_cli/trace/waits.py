"""What a text waited for on its way to the provider: a bar for each wait."""

# Three things tell of a wait: the record, which knows until when a text was held and what held it last; the
# consumer's line of each look at which a text was put back (`batch`), which says what holds it and until when; and
# the line of each request, which says what it waited for in that invocation.

from collections.abc import Sequence
from dataclasses import dataclass, replace

from longcode.domain.message import Message, iso
from longcode.domain.status import HeldBy, Status
from longcode_cli.trace.events import Event
from longcode_cli.trace.model import Group, Outlook, Span, State
from longcode_cli.trace.words import IN_QUEUE, NOT_KNOWN, WAITS

# What is shorter is no wait, but the work between two of our clocks' readings.
LEAST_MS = 2
# A text is looked at again up to so long after the moment that it waits for; that is still the same wait.
_LOOK_MS = 1_500
# So soon after a request is a text put back by the invocation that made it.
_SAME_MS = 500
_BY_TIME = (HeldBy.SCHEDULE, HeldBy.QUIET_HOURS)


@dataclass(frozen=True, slots=True)
class Departure:
    """A request to the provider, from its beginning to its end, and what it waited for in its invocation."""

    start_ms: int
    end_ms: int
    held_by: HeldBy | None = None
    waited_ms: int = 0
    line: int | None = None
    wait_line: int | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    """A look at which a text was put back, and what it waits for from then on."""

    at_ms: int
    held_by: HeldBy | None
    until_ms: int
    line: int


def waits(
    message: Message, found: Sequence[Event], departures: Sequence[Departure], outlook: Outlook | None, now_ms: int
) -> list[Span]:
    """The waits of an outbound text, from its acceptance to its last request, its end, or now."""
    over_ms = _over_ms(message, departures)
    first, put_off = _held(message, found, over_ms, now_ms)
    cursor = max([_queued_ms(message, found), *(span.ended(now_ms) for span in first)])
    spans, looks = [*first, *put_off], _looks(found)
    gone: list[Departure | Span] = [*departures, *put_off]
    for away in sorted(gone, key=lambda away: away.start_ms):
        before = [look for look in looks if cursor <= look.at_ms <= away.start_ms]
        if isinstance(away, Departure):
            spans += _merged(_until_departure(message, cursor, before, away))
            looks = [_at_end_of(away, look) for look in looks]
        else:
            spans += _merged(_between(cursor, before, away.start_ms))
        cursor = max(cursor, away.end_ms if away.end_ms is not None else now_ms)
    rest = [look for look in looks if look.at_ms >= cursor]
    if message.status is Status.HELD:
        return spans
    if message.status.waiting:
        spans += _merged(_open(cursor, rest, outlook or Outlook(message.held_by, message.slot_ms), now_ms))
    elif over_ms is not None and over_ms > cursor:
        spans += _merged(_between(cursor, rest, over_ms))
    return spans


def _at_end_of(departure: Departure, look: _Look) -> _Look:
    """A look that put a text back after its request: its line was written at the end of the same invocation."""
    if departure.end_ms < look.at_ms <= departure.end_ms + _SAME_MS:
        return replace(look, at_ms=departure.end_ms)
    return look


def _queued_ms(message: Message, found: Sequence[Event]) -> int:
    """From when on a text was in its queue: the put, where a line says when that was, or else its acceptance."""
    for event in found:
        puts = event.puts(message.accepted_ms)
        if puts is not None and puts.queued_ms is not None:
            return puts.queued_ms
    return message.accepted_ms


def _over_ms(message: Message, departures: Sequence[Departure]) -> int | None:
    """When a text that never left ended; None if it left, or has not ended."""
    if departures or not message.status.final:
        return None
    entries = [entry.at_ms for entry in message.history if entry.status == message.status.value]
    return entries[0] if entries else message.updated_ms


def _held(
    message: Message, found: Sequence[Event], over_ms: int | None, now_ms: int
) -> tuple[list[Span], list[Span]]:
    """The times in which a text was not in its queue: those from its acceptance on, by its caller's schedule and
    the recipient's quiet hours, and those to which it was put off when it was to leave.
    """
    put_off = [event for event in found if event.name == "send.put_off"]
    until_ms = message.not_before_ms if message.not_before_ms is not None else message.accepted_ms
    if any(event.number("until_ms") == until_ms for event in put_off):
        # That moment was set when it was to leave. Before that only the schedule can have held it.
        until_ms = message.send_at_ms or message.accepted_ms
    send_ms = min(message.send_at_ms or message.accepted_ms, until_ms)
    first = [
        _bar(HeldBy.SCHEDULE, message.accepted_ms, send_ms, until_ms=send_ms),
        _bar(HeldBy.QUIET_HOURS, max(send_ms, message.accepted_ms), until_ms, until_ms=until_ms),
    ]
    later = [
        _bar(HeldBy.QUIET_HOURS, event.at_ms, event.number("until_ms") or event.at_ms, event.line)
        for event in put_off
    ]

    def real(spans: Sequence[Span]) -> list[Span]:
        # What ended, or is still held, did not wait to the end.
        held = message.status is Status.HELD
        return [
            _cut(span, over_ms, now_ms, open_=held)
            for span in spans
            if span.ended(now_ms) > span.start_ms and (over_ms is None or span.start_ms < over_ms)
        ]

    return real(first), real(later)


def _cut(span: Span, over_ms: int | None, now_ms: int, *, open_: bool) -> Span:
    if over_ms is not None and span.ended(now_ms) > over_ms:
        return replace(span, end_ms=over_ms)
    return replace(span, end_ms=None) if open_ and span.ended(now_ms) > now_ms else span


def _looks(found: Sequence[Event]) -> list[_Look]:
    return [
        _Look(event.at_ms, _held_by(event), event.number("until_ms") or event.at_ms, event.line)
        for event in found
        if event.name == "batch"
    ]


def _held_by(event: Event) -> HeldBy | None:
    word = event.word("held_by")
    return HeldBy(word) if word in set(HeldBy) else None


def _until_departure(message: Message, since_ms: int, looks: Sequence[_Look], departure: Departure) -> list[Span]:
    """The waits before one request."""
    taken_ms = max(since_ms, departure.start_ms - departure.waited_ms)
    if departure.line is None and not looks:
        return _by_record(message, since_ms, departure.start_ms)
    spans = _between(since_ms, looks, taken_ms)
    if departure.held_by:
        spans.append(_bar(departure.held_by, taken_ms, departure.start_ms, departure.wait_line))
    return spans


def _by_record(message: Message, since_ms: int, until_ms: int) -> list[Span]:
    """A wait of which no line tells: the record says what held the text last."""
    held_by = message.held_by
    if held_by is None or held_by in _BY_TIME or message.slot_ms is None or message.slot_ms <= since_ms:
        return [_unknown(since_ms, until_ms)]
    span = _bar(held_by, since_ms, until_ms)
    return [replace(span, detail=f"{span.detail} The record says so of its last wait; no log line was read.")]


def _between(since_ms: int, looks: Sequence[_Look], until_ms: int) -> list[Span]:
    """The waits from one moment to another, with the looks between them."""
    spans: list[Span] = []
    cursor, current = since_ms, None
    for look in looks:
        spans += _pieces(cursor, current, min(look.at_ms, until_ms))
        cursor, current = look.at_ms, look
    return spans + _pieces(cursor, current, until_ms)


def _pieces(since_ms: int, look: _Look | None, until_ms: int) -> list[Span]:
    """A wait after a look, and what was left of the time until the next."""
    if look is None:
        return [_in_queue(since_ms, until_ms)]
    end_ms = until_ms if until_ms <= look.until_ms + _LOOK_MS else look.until_ms
    if look.held_by is None:
        own = replace(_unknown(since_ms, end_ms), lines=(look.line,))
    else:
        own = _bar(look.held_by, since_ms, end_ms, look.line, look.until_ms)
    return [own, _in_queue(end_ms, until_ms)]


def _open(since_ms: int, looks: Sequence[_Look], outlook: Outlook, now_ms: int) -> list[Span]:
    """The waits of a text that is still waiting, the last of which is not over."""
    spans = _between(since_ms, looks, looks[-1].at_ms) if looks else []
    begun_ms = looks[-1].at_ms if looks else since_ms
    held_by = outlook.held_by or (looks[-1].held_by if looks else None)
    if held_by is None:
        last = replace(_in_queue(begun_ms, now_ms), end_ms=None)
    else:
        last = replace(_bar(held_by, begun_ms, now_ms), end_ms=None)
    detail = f"{last.detail} {outlook.reason.rstrip('.')}.".strip() if outlook.reason else last.detail
    facts = (("may leave at", iso(outlook.eta_ms)),) if outlook.eta_ms is not None else ()
    return [*spans, replace(last, detail=detail, facts=facts, lines=tuple(look.line for look in looks[-1:]))]


def _bar(
    held_by: HeldBy, start_ms: int, end_ms: int, line: int | None = None, until_ms: int | None = None
) -> Span:
    label, detail = WAITS[held_by]
    return Span(
        Group.QUEUE,
        f"wait.{held_by.value}",
        label,
        start_ms,
        end_ms,
        State.WAITING,
        detail,
        "table" if line is None else "log",
        () if line is None else (line,),
        (("until", iso(until_ms)),) if until_ms is not None else (),
    )


def _in_queue(start_ms: int, end_ms: int) -> Span:
    return Span(Group.QUEUE, "wait.queue", IN_QUEUE[0], start_ms, end_ms, State.WAITING, IN_QUEUE[1], "derived")


def _unknown(start_ms: int, end_ms: int) -> Span:
    label, detail = NOT_KNOWN
    return Span(Group.QUEUE, "wait.unknown", label, start_ms, end_ms, State.WAITING, detail, "derived")


def _merged(spans: Sequence[Span]) -> list[Span]:
    """One bar for one wait, however often it was looked at meanwhile; none for what is too short to be one."""
    merged: list[Span] = []
    long = [span for span in spans if span.end_ms is None or span.end_ms - span.start_ms >= LEAST_MS]
    for span in sorted(long, key=lambda span: span.start_ms):
        last = merged[-1] if merged else None
        if last and last.kind == span.kind and last.end_ms is not None and span.start_ms - last.end_ms <= _LOOK_MS:
            lines = tuple(dict.fromkeys((*last.lines, *span.lines)))
            facts = span.facts or last.facts
            merged[-1] = replace(last, end_ms=span.end_ms, lines=lines, facts=facts, detail=span.detail)
        else:
            merged.append(span)
    return merged
