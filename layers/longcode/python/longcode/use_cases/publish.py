"""The events for the user's own systems, and the counts, of each change of the messages table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longcode.domain.deliveries import event_id
from longcode.domain.errors import Unavailable
from longcode.domain.event_types import OPTED_OUT, PAUSED, RECEIVED, STATUS_CHANGED, UNCLEAR
from longcode.domain.events import Beat, Change, Counted, CountKey, Event, PauseNotice, PublishResult
from longcode.domain.message import Fault, Message, iso
from longcode.domain.metrics import Metric
from longcode.domain.opt_out_keywords import OptOutKeyword
from longcode.domain.opt_outs import OptOut
from longcode.domain.outcomes import Responsible
from longcode.domain.status import Status
from longcode.domain.tag_counts import OPTED_OUT as OPTED_OUT_COUNT
from longcode.domain.tag_counts import differences
from longcode.use_cases import opt_out_origin, store_failures
from longcode.use_cases.media_store import MediaJobs
from longcode.use_cases.ports import Explain, Finder, Logger, Messages, Metrics
from longcode.use_cases.publish_ports import Counters, EventBus, Heartbeat

if TYPE_CHECKING:
    from longcode.use_cases.fan_out import FanOut

# The version of every event's schema (docs/events.md). A new field leaves it as it is.
VERSION = 1

_COUNTED_AS = {
    Status.UNKNOWN: Metric.UNKNOWN,
    Status.FAILED: Metric.FAILED,
    Status.SUPPRESSED: Metric.SUPPRESSED,
    Status.CANCELLED: Metric.CANCELLED,
    Status.EXPIRED_UNSENT: Metric.EXPIRED_UNSENT,
    Status.DELIVERY_UNCONFIRMED: Metric.UNCONFIRMED,
    Status.SENDING_FAILED: Metric.DELIVERY_FAILED,
    Status.EXPIRED: Metric.DELIVERY_FAILED,
    Status.DELIVERY_FAILED: Metric.DELIVERY_FAILED,
    Status.DELIVERED: Metric.DELIVERED,
}
_FAILED_BY: dict[Responsible, Metric] = {
    "recipient": Metric.FAILED_RECIPIENT,
    "content": Metric.FAILED_CONTENT,
    "sender": Metric.FAILED_SENDER,
    "account": Metric.FAILED_ACCOUNT,
    "provider": Metric.FAILED_PROVIDER,
    "service": Metric.FAILED_SERVICE,
}


@dataclass(frozen=True, slots=True)
class PublishDependencies:
    """What publishing needs. With `final_only` a status that is not final is counted, and no event.

    `media_jobs` is None where what people send with a text is not stored.
    """

    event_bus: EventBus
    counters: Counters
    heartbeat: Heartbeat
    finder: Finder
    messages: Messages
    metrics: Metrics
    logger: Logger
    explain: Explain
    final_only: bool
    # None where nothing is delivered to the user's own URLs.
    fan_out: "FanOut | None" = None
    media_jobs: MediaJobs | None = None


def publish(changes: Sequence[Change], deps: PublishDependencies, now_ms: int) -> int:
    """Publish `changes` and count them. Returns how many, from the first on, are done with.

    The rest has to come again: after a refusal nothing later is published, so that the events of one message stay
    in order. Only what was published is counted, for what comes again would be counted again.
    """
    metrics, logger = deps.metrics, deps.logger
    try:
        _ask_for_media(changes, deps)
    except Unavailable as exc:
        # First, for what comes again here is a job more, and later an event more.
        store_failures.note(exc, metrics, logger)
        return 0
    found = [
        (number, event)
        for number, change in enumerate(changes)
        for event in events_of(change, final_only=deps.final_only)
    ]
    answer = _publish([event for _, event in found], deps)
    done = changes if answer.taken == len(found) else changes[: found[answer.taken][0]]
    try:
        deps.counters.add([one for change in done if (one := _counted(change, deps, now_ms))], now_ms)
    except Unavailable as exc:
        # All of it is published once more: events may be delivered twice.
        logger.warning("publish.uncounted", fault=str(exc))
        store_failures.note(exc, metrics, logger)
        return 0
    for metric, value in (row for change in done for row in measured(change, deps.explain)):
        metrics.count(metric, value)
    _hear([change.after.at_ms for change in done if isinstance(change.after, Beat)], deps)
    return len(done)


def _publish(events: Sequence[Event], deps: PublishDependencies) -> PublishResult:
    """Hand events to the subscriptions and to the bus; how many both have.

    The subscriptions first: what comes again within five minutes is no second event there, and one on the bus.
    """
    metrics, logger = deps.metrics, deps.logger
    queued = deps.fan_out.queue(events) if deps.fan_out and events else PublishResult(len(events))
    answer = deps.event_bus.publish(events[: queued.taken])
    if answer.taken:
        metrics.count(Metric.EVENTS_PUBLISHED, answer.taken)
    if fault := answer.fault or queued.fault:
        metrics.count(Metric.EVENTS_REFUSED)
        logger.warning("publish.refused", fault=fault, left=len(events) - answer.taken)
    return PublishResult(answer.taken, fault)


def _ask_for_media(changes: Sequence[Change], deps: PublishDependencies) -> None:
    """Have the media fetched of the texts that came in, and deleted of those that went: erased, or by their age.

    A change that comes again asks again, which does no harm.
    """
    if deps.media_jobs is None:
        return
    ends = [change.before or change.after for change in changes if change.before is None or change.after is None]
    texts = [text for text in ends if isinstance(text, Message)]
    if ids := [text.id for text in texts if text.direction == "inbound" and text.media]:
        deps.media_jobs.ask(ids)


def _hear(beats: Sequence[int], deps: PublishDependencies) -> None:
    """Say that all up to the last of these beats is done."""
    if not beats:
        return
    try:
        deps.heartbeat.hear(beats[-1])
    except Unavailable as exc:
        # The next beat says it too, and until then the lag is what it looks like.
        store_failures.note(exc, deps.metrics, deps.logger)


def measured(change: Change, explain: Explain) -> Iterator[tuple[Metric, float]]:
    """What a change adds to the metrics of what became of texts."""
    before, after = change.before, change.after
    if isinstance(after, OptOut):
        if after.opted_out is not (isinstance(before, OptOut) and before.opted_out):
            yield (Metric.OPTED_OUT if after.opted_out else Metric.OPTED_IN), 1
    elif isinstance(after, Message):
        was = before if isinstance(before, Message) else None
        if after.test:
            # They would be read as live texts.
            return
        if after.direction == "outbound":
            yield from _outbound(was, after, explain)
        elif was is None:
            yield Metric.INBOUND, 1
            if after.opt_out == OptOutKeyword.UNCLEAR:
                yield Metric.OPT_OUT_UNCLEAR, 1


def _outbound(was: Message | None, text: Message, explain: Explain) -> Iterator[tuple[Metric, float]]:
    """What a change of a text that we send adds; `was` is the text before it."""
    if was is None:
        yield Metric.ACCEPTED, 1
    if text.cost is not None and (more := text.cost - (was.cost or 0 if was else 0)):
        yield Metric.COST, float(more)
    if text.telnyx_id is not None and (was is None or was.telnyx_id is None):
        # An answer, a receipt or a record has the provider's id: the provider has the text.
        yield Metric.SENT, 1
        yield Metric.SEGMENTS, text.parts or text.segments
    if was is None or was.status is not text.status:
        yield from _ended(text, explain)


def _ended(text: Message, explain: Explain) -> Iterator[tuple[Metric, float]]:
    """What a text adds that has come to its status."""
    metric = _COUNTED_AS.get(text.status)
    if metric is None:
        return
    yield metric, 1
    if metric in (Metric.DELIVERED, Metric.DELIVERY_FAILED):
        # With the other's zero: a share of the two can be worked out only where both have been counted.
        yield Metric.DELIVERY_FAILED if metric is Metric.DELIVERED else Metric.DELIVERED, 0
    if metric in (Metric.FAILED, Metric.DELIVERY_FAILED):
        fault = text.faults[0] if text.faults else Fault("", "")
        yield _FAILED_BY[explain(fault).responsible], 1
        if any(explain(one).brakes for one in text.faults):
            yield Metric.REFUSED_BY_CARRIER, 1


def events_of(change: Change, *, final_only: bool) -> Iterator[Event]:
    """The events of a change: none, if an item only went or kept its status, or has none that is published."""
    if isinstance(change.after, OptOut):
        yield from _opted_out(change.after, change)
    elif isinstance(change.after, PauseNotice):
        yield _paused(change.after, change)
    if not isinstance(change.after, Message):
        return
    message = change.after
    previous = change.before.status if isinstance(change.before, Message) else None
    if previous is message.status:
        return
    if message.direction == "inbound":
        yield _received(message, change)
        if message.opt_out == OptOutKeyword.UNCLEAR:
            yield _inbound(UNCLEAR, message, change, {})
    elif message.status.final or not final_only:
        yield _status_changed(message, previous, change)


def _status_changed(message: Message, previous: Status | None, change: Change) -> Event:
    return Event(
        STATUS_CHANGED,
        message.id,
        message.updated_ms,
        {
            **_head(change, message.updated_ms),
            "message_id": message.id,
            "telnyx_id": message.telnyx_id,
            "from": message.sender,
            "to": message.recipient,
            "carrier": message.carrier,
            "line_type": message.line_type or None,
            "previous": previous.value if previous else None,
            "status": message.status.value,
            "final": message.status.final,
            "priority": message.priority.value,
            "tag": message.shown_tag,
            "metadata": message.metadata,
            **_times(message),
            "errors": [_fault(fault) for fault in message.faults],
            "attempts": message.attempts,
            "segments": message.parts or message.segments,
            "cost": None if message.cost is None else {"amount": str(message.cost), "currency": message.currency},
            **({"test": True} if message.test else {}),
        },
        event_id(message.updated_ms, change.event_id, STATUS_CHANGED),
        message.id,
    )


def _times(message: Message) -> dict[str, object]:
    """When a text is to be sent, until when, and what holds it back and until when, if it is held."""
    held = message.status is Status.HELD
    return {
        "send_at": _when(message.send_at_ms),
        "expires_at": _when(message.expires_ms),
        "held_by": message.held_by.value if held and message.held_by else None,
        "held_until": iso(message.ready_ms) if held else None,
    }


def _when(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso(at_ms)


def _received(message: Message, change: Change) -> Event:
    more = {
        "segments": message.segments,
        "media": len(message.media),
        "autoresponse": message.autoresponse,
        "opt_out": message.opt_out,
        "is_spam": message.is_spam,
    }
    return _inbound(RECEIVED, message, change, more)


def _inbound(kind: str, message: Message, change: Change, more: Mapping[str, object]) -> Event:
    """An event about a text that came in, with `more` than who sent it."""
    # When it was said, by the provider's clock; a webhook may come long after.
    at_ms = message.history[0].at_ms if message.history else message.accepted_ms
    about = {
        "message_id": message.id,
        "telnyx_id": message.telnyx_id,
        "from": message.sender,
        "to": message.recipient,
    }
    # Its id has the moment in which it came.
    ident = event_id(message.accepted_ms, change.event_id, kind)
    return Event(kind, message.id, at_ms, {**_head(change, at_ms), **about, **more}, ident, message.id)


def _opted_out(entry: OptOut, change: Change) -> Iterator[Event]:
    before = change.before.opted_out if isinstance(change.before, OptOut) else False
    if entry.opted_out is before:
        return
    latest = entry.changes[-1]
    yield Event(
        OPTED_OUT,
        entry.number,
        latest.at_ms,
        {
            **_head(change, latest.at_ms),
            "number": entry.number,
            "opted_out": entry.opted_out,
            "source": latest.source,
            "scope": latest.scope,
        },
        event_id(latest.at_ms, change.event_id, OPTED_OUT),
    )


def _paused(notice: PauseNotice, change: Change) -> Event:
    subject, pause = notice.subject, notice.pause
    counts = {name: getattr(notice.tally, name) for name in ("sent", "failed", "filtered", "opted_out")}
    return Event(
        PAUSED,
        subject.name,
        notice.at_ms,
        {
            **_head(change, notice.at_ms),
            "tag": subject.name if subject.kind == "tag" else None,
            "carrier": subject.name if subject.kind == "carrier" else None,
            "paused": pause is not None,
            "reason": pause.reason if pause else None,
            "by": pause.by if pause else None,
            "counts": counts if pause else None,
        },
        event_id(notice.at_ms, change.event_id, PAUSED),
    )


def _head(change: Change, at_ms: int) -> dict[str, object]:
    return {"version": VERSION, "sequence": change.sequence, "at": iso(at_ms)}


def _fault(fault: Fault) -> dict[str, object]:
    # Not its detail, in which carriers quote numbers and texts.
    return {"code": fault.code, "title": fault.title}


def _counted(change: Change, deps: PublishDependencies, now_ms: int) -> Counted | None:
    """What a change counts, None if nothing. Which of these it is must depend on the change alone: a batch that
    comes again is known by the changes that it counted.
    """
    if isinstance(change.after, OptOut):
        before = change.before if isinstance(change.before, OptOut) else None
        return _opt_out_counted(change.event_id, before, change.after, deps, now_ms)
    was, is_now = (item if isinstance(item, Message) else None for item in (change.before, change.after))
    before_place, after_place = _place(was), _place(is_now)
    more = differences(was, is_now)
    if before_place == after_place and not more:
        return None
    # The tags of test texts are on no list.
    no_tag = is_now is None or is_now.direction == "inbound" or is_now.test
    if is_now is None or no_tag or (was and was.tag == is_now.tag):
        return Counted(change.event_id, before_place, after_place, more)
    return Counted(change.event_id, before_place, after_place, more, is_now.tag, is_now.accepted_ms)


def _opt_out_counted(
    event_id: str, before: OptOut | None, after: OptOut, deps: PublishDependencies, now_ms: int
) -> Counted | None:
    """Who has opted out by a text counts once for the tag of the text that this answers."""
    if not opt_out_origin.has_texted(before, after):
        return None
    text = opt_out_origin.answered(after.number, after.changes[-1].at_ms, deps.finder, deps.messages, now_ms)
    return Counted(event_id, None, None, {(text.tag, OPTED_OUT_COUNT): 1} if text and text.tag else {})


def _place(message: Message | None) -> CountKey | None:
    # What all texts come to is about live ones.
    return (message.status, message.tag) if message and not message.test else None
