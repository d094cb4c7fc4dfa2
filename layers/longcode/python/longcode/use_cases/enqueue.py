"""Accepting a text into its recipient queue: is the request valid, is there space, and when will it leave?"""

from dataclasses import dataclass, replace

from longcode.domain import braking, pacing
from longcode.domain.errors import OPTED_OUT, RecipientOptedOut, RecipientQueueFull, Unavailable
from longcode.domain.gate import Gate
from longcode.domain.message import Message, Place, fingerprint, may_be_known, message_id, same_request
from longcode.domain.metrics import Metric
from longcode.domain.pacing import Pace
from longcode.domain.priority import Priority
from longcode.domain.quiet_hours import QuietHours, leaves_ms
from longcode.domain.schedule import EARLY_MS
from longcode.domain.send_request import SendRequest
from longcode.domain.status import HeldBy, Status
from longcode.domain.tag_brake import tag_of
from longcode.domain.times import HORIZON_MS, check_times
from longcode.use_cases import backlog, carrier_stops, store_failures, tag_brakes
from longcode.use_cases.duplicate_store import Guard, unguarded
from longcode.use_cases.ports import Clock, Limits, Logger, Messages, Metrics
from longcode.use_cases.queue_ports import Queues
from longcode.use_cases.quota import Quota

# As far as a recipient queue is counted; MaxPendingPerRecipient can't be more.
_COUNT = 10_000


def new_message(
    wanted: SendRequest,
    *,
    route: str,
    sender: str,
    caller: str,
    key: str | None,
    webhook_url: str,
    quiet_hours: QuietHours | None,
    now_ms: int,
) -> Message:
    """The message for a request. Its webhook URL ends in its id, by which a receipt finds it.

    Raises InvalidRequest if the end of its quiet hours is not known.
    """
    ident, asked_ms = message_id(caller, key), max(now_ms, wanted.times.send_at_ms or 0)
    ready_ms, quiet_zones = _out_of_quiet(wanted, asked_ms, quiet_hours, now_ms)
    return Message(
        id=ident,
        direction="outbound",
        status=Status.HELD if _held_by(ready_ms, asked_ms, now_ms) else Status.QUEUED,
        sender=sender,
        recipient=wanted.recipient,
        text=wanted.text,
        accepted_ms=now_ms,
        updated_ms=now_ms,
        route="send" if route == "send" else "queue",
        segments=wanted.segments,
        media_urls=wanted.media_urls,
        metadata=wanted.metadata,
        fingerprint=_fingerprint(wanted, route),
        send_at_ms=wanted.times.send_at_ms,
        not_before_ms=ready_ms if ready_ms > now_ms else None,
        expires_ms=wanted.times.expires_ms(asked_ms),
        held_by=_held_by(ready_ms, asked_ms, now_ms),
        priority=wanted.priority,
        category=wanted.quiet.category,
        quiet_zones=quiet_zones,
        webhook_url=webhook_url and f"{webhook_url}/{ident}",
    )


def _held_by(ready_ms: int, asked_ms: int, now_ms: int) -> HeldBy | None:
    """What holds a text that was asked for `asked_ms` and may leave at `ready_ms`; None: it may leave soon."""
    if ready_ms <= now_ms + EARLY_MS:
        return None
    return HeldBy.QUIET_HOURS if ready_ms > asked_ms else HeldBy.SCHEDULE


def _fingerprint(wanted: SendRequest, route: str) -> str:
    more: dict[str, object] = {"priority": wanted.priority.value} if wanted.priority is Priority.BULK else {}
    if wanted.refuse_duplicates_s is not None:
        more["refuse_duplicates_s"] = wanted.refuse_duplicates_s
    if wanted.media_urls:
        more["media_urls"] = wanted.media_urls
    return fingerprint(
        route,
        wanted.recipient,
        wanted.asked,
        wanted.metadata,
        smart_encoding=wanted.smart_encoding,
        more=wanted.times.asked | wanted.quiet.asked | more,
    )


def _out_of_quiet(wanted: SendRequest, at_ms: int, hours: QuietHours | None, now_ms: int) -> tuple[int, str]:
    """When a text may leave that is to leave at `at_ms`, and the zones whose quiet hours it keeps, with commas."""
    # What is too far ahead is refused for that.
    if hours is None or not wanted.quiet.kept or at_ms > now_ms + HORIZON_MS:
        return at_ms, ""
    # Loaded with the first text that keeps quiet hours.
    from longcode.use_cases import quiet

    found = quiet.outlook(wanted.quiet, wanted.recipient, hours, at_ms)
    return found.opens_ms, ",".join(found.zones)


@dataclass(frozen=True, slots=True)
class Forecast:
    """A waiting message's place in its recipient queue (from 1), when it may leave, and what it waits for.

    No `eta_ms`: that is for a person to say, who has paused sending or has to read what the recipient texted.
    `reason` is why the breaker is open, if that holds it: the provider's code and words; or why its tag is paused.
    """

    position: int
    eta_ms: int | None
    held_by: HeldBy | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EnqueueDependencies:
    """Dependencies of accepting a text into a queue."""

    messages: Messages
    queues: Queues
    limits: Limits
    clock: Clock
    metrics: Metrics
    logger: Logger
    pace: Pace
    max_pending: int
    quiet_hours: QuietHours | None


def enqueue(
    message: Message, deps: EnqueueDependencies, quota: Quota, guard: Guard = unguarded
) -> tuple[Message, Forecast]:
    """Put `message` into the queue and store it.

    The queue comes first: what is stored then is either known to be in the queue or marked for the reconciler,
    wherever this process may die. A queue message without its text is none: the consumer drops it.

    Raises DestinationNotAllowed, RecipientOptedOut, RecipientQueueFull, DuplicateText or DailyLimitReached, with
    nothing stored, IdempotencyMismatch or Unavailable.
    """
    deps = _of_tests(deps) if message.test else deps
    existing = deps.messages.get(message.id) if may_be_known(message.id) else None
    gate = deps.limits.read_gate(message.recipient, message.sender, message.priority, tag_of(message))
    if existing is not None:
        return _repeated(same_request(existing, message), deps, gate)
    check_times(message, deps.clock.now_ms())
    quota.check(message.recipient)
    if gate.opted_out:
        raise RecipientOptedOut(OPTED_OUT)
    # What is due after it does not stand before it.
    pending = deps.messages.queue_length(
        message.queue_name, at_most=deps.max_pending, before=message.place, priority=message.priority
    )
    if pending >= deps.max_pending:
        raise RecipientQueueFull(
            f"{pending} texts already wait for this recipient.",
            retry_after_s=pacing.seconds_up(pacing.spacing(deps.pace.recipient_ms)),
        )
    existing = guard(message, lambda: _admit(message, deps, quota))
    if existing is not None:
        return _repeated(existing, deps, gate)
    deps.logger.bind(segments=message.segments)
    if message.status is Status.HELD:
        return message, _held(message, pending)
    front = _front_of_stored(message, pending, deps)
    found = _forecast(message, pending, pending + 1, gate, deps.clock.now_ms(), deps.pace, front)
    return message, _leaving(message, found, deps.quiet_hours)


def _of_tests(deps: EnqueueDependencies) -> EnqueueDependencies:
    # Loaded with the first test text.
    from longcode.use_cases import test_mode

    return test_mode.accepting(deps)


def _admit(message: Message, deps: EnqueueDependencies, quota: Quota) -> Message | None:
    """Store a message within its quota; the one that is there for the same request, None if there was none."""
    existing = quota.admit(message, lambda: _store(message, deps))
    return None if existing is None else same_request(existing, message)


def _store(message: Message, deps: EnqueueDependencies) -> Message | None:
    """Queue and store a message; the one that is there already under its id, None if there was none."""
    began_ms = deps.clock.now_ms()
    if message.status is Status.HELD:
        existing = accept_surely(message, deps.messages)
        _note_puts(message, deps, began_ms, None)
        if existing is None:
            _set_timer(message, deps)
        return existing
    try:
        deps.queues.put([backlog.waiting(message)])
    except Unavailable as exc:
        # Stored, it is sent all the same: the reconciler puts it into the queue. To answer "try again" would ask
        # for a second text.
        store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)
        message = replace(message, unqueued=True)
    queued_ms = deps.clock.now_ms()
    existing = accept_surely(message, deps.messages)
    _note_puts(message, deps, began_ms, queued_ms)
    return existing


def _note_puts(message: Message, deps: EnqueueDependencies, began_ms: int, queued_ms: int | None) -> None:
    """Let the log line of the request say when its puts began, and when the queue and the table had the text: each
    in ms after its acceptance, as every byte of a line is paid for.
    """
    moments = (began_ms, queued_ms, deps.clock.now_ms())
    deps.logger.bind(puts_ms=[at_ms and at_ms - message.accepted_ms for at_ms in moments])


def _set_timer(message: Message, deps: EnqueueDependencies) -> None:
    # Loaded with the first text that is scheduled.
    from longcode.use_cases import schedule

    schedule.set_timer(message, deps.queues, deps.clock, deps.metrics, deps.logger)


def accept_surely(message: Message, messages: Messages) -> Message | None:
    """Messages.accept, sure of its outcome also where the answer to the write was lost."""
    try:
        return messages.accept(message)
    except Unavailable:
        there = messages.get(message.id)
        if there is None:
            raise
        ours = (there.accepted_ms, there.fingerprint) == (message.accepted_ms, message.fingerprint)
        return None if ours else there


def _repeated(message: Message, deps: EnqueueDependencies, gate: Gate) -> tuple[Message, Forecast]:
    """The answer to a request that was made before; its text is put into the queue if it may not be there."""
    deps.metrics.count(Metric.DUPLICATES_SUPPRESSED)
    if message.status is Status.QUEUED and message.unqueued:
        backlog.put_missing([message], deps.messages, deps.queues, deps.metrics)
    return message, forecast(message, deps.messages, gate, deps.clock.now_ms(), deps.pace, deps.quiet_hours)


def forecast(
    message: Message, messages: Messages, gate: Gate, now_ms: int, pace: Pace, quiet_hours: QuietHours | None
) -> Forecast:
    """Where a message stands in its recipient queue and when it will leave, true to about one interval of its
    limits.

    How many texts of other recipients stand before it at a shared limit is not known until it has its slot.
    """
    if not message.status.waiting:
        return Forecast(0, message.updated_ms, None)
    ahead = messages.queue_length(
        message.queue_name, at_most=_COUNT, before=message.place, priority=message.priority
    )
    if message.status is Status.HELD and message.ready_ms > now_ms:
        return _held(message, ahead)
    length = max(
        ahead,
        messages.queue_length(
            message.queue_name, at_most=_COUNT, before=Place(now_ms + 1, 0), priority=message.priority
        ),
    )
    found = _forecast(message, ahead, length, gate, now_ms, pace, _front(message, ahead, messages))
    return _leaving(message, found, quiet_hours)


def _leaving(message: Message, found: Forecast, quiet_hours: QuietHours | None) -> Forecast:
    """The same for a text that may come to its turn in quiet hours, which it keeps."""
    if found.eta_ms is None:
        return found
    out_ms = leaves_ms(message, found.eta_ms, quiet_hours)
    return found if out_ms == found.eta_ms else replace(found, eta_ms=out_ms, held_by=HeldBy.QUIET_HOURS)


def _held(message: Message, ahead: int) -> Forecast:
    """A text that is held, with `ahead` others before it by their time."""
    return Forecast(ahead + 1, message.ready_ms, message.held_by)


def _front(message: Message, ahead: int, messages: Messages) -> Message | None:
    """The first of the texts before a message that has no slot yet: nothing behind it leaves sooner."""
    if not ahead or message.slot_ms is not None:
        return None
    first = messages.recipient_queue(message.queue_name, until=message.place, at_most=1, priority=message.priority)
    return messages.get(first[0].message_id) if first and first[0].message_id != message.id else None


def _front_of_stored(message: Message, ahead: int, deps: EnqueueDependencies) -> Message | None:
    """The same for a message that was stored just now, None also where it can't be read: to answer "try again"
    would ask for a second text.
    """
    try:
        return _front(message, ahead, deps.messages)
    except Unavailable as exc:
        store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)
        return None


def _forecast(
    message: Message, ahead: int, length: int, gate: Gate, now_ms: int, pace: Pace, front: Message | None
) -> Forecast:
    """The same for a message with `ahead` others before it in a queue of `length`, the first of them `front`."""
    control = gate.control
    if control.paused(message.priority):
        # When an operator resumes is not known.
        return Forecast(ahead + 1, None, HeldBy.PAUSED)
    if gate.unclear_ms is not None:
        return Forecast(ahead + 1, None, HeldBy.OPT_OUT_UNCLEAR)
    if paused := tag_brakes.held(message, gate, now_ms):
        return Forecast(ahead + 1, None, paused[1], paused[2])
    eta, held_by = _own_turn(message, ahead, length, gate, now_ms, pace)
    behind_ms = ahead * pacing.spacing(pace.recipient_ms)
    later = _shared(gate, now_ms, pace, message.priority) if message.slot_ms is None else []
    if front and front.held_by and (front.slot_ms or 0) > now_ms:
        later.append(((front.slot_ms or 0) + behind_ms, front.held_by))
    if held := carrier_stops.held(gate, message.recipient, now_ms):
        later.append((held[0] + behind_ms, held[1]))
    if pace.recipient_limits:
        # Loaded where there are such limits.
        from longcode.domain import recipient_limits

        spacing, left = pacing.spacing(pace.recipient_ms), gate.recipient.departures
        moments = recipient_limits.forecast(left, pace.recipient_limits, now_ms, ahead + 1, spacing)
        later.append((moments[-1], HeldBy.RECIPIENT_LIMIT))
    for due, reason in later:
        if due > eta:
            eta, held_by = due, reason
    if control.breaker_until_ms is not None and control.breaker_until_ms > max(now_ms, eta):
        return Forecast(ahead + 1, control.breaker_until_ms, HeldBy.BREAKER, control.breaker_reason)
    return Forecast(ahead + 1, eta, held_by)


def _own_turn(
    message: Message, ahead: int, length: int, gate: Gate, now_ms: int, pace: Pace
) -> tuple[int, HeldBy | None]:
    """When a message may leave by its slot, or else by its place in the recipient queue, and what decides that."""
    if message.slot_ms is not None and message.slot_ms > now_ms:
        return message.slot_ms, message.held_by
    spacing = pacing.spacing(pace.recipient_ms)
    free = max(now_ms, gate.recipient.not_before_ms or 0)
    # The limiter's TAT has the slots of all in this queue that were given one, before this text or behind it; what
    # it has beyond the queue comes from texts that left already, which this one waits for too.
    beyond = max(0, (gate.recipient.tat_ms or 0) - free - max(0, length - 1) * spacing)
    eta = free + ahead * spacing + beyond
    return eta, HeldBy.RECIPIENT_RATE if eta > now_ms + pacing.GUARD_MS else None


def _shared(gate: Gate, now_ms: int, pace: Pace, priority: Priority) -> list[tuple[int, HeldBy]]:
    """When the limits that recipients share let the next text of a priority through."""
    sender, account = gate.shared(priority)
    found = [
        (limit.tat_ms or 0, name)
        for limit, interval, name in (
            (sender, pace.sender_ms, HeldBy.SENDER_RATE),
            (account, pace.account_ms, HeldBy.ACCOUNT_RATE),
        )
        if interval
    ]
    if brake := gate.brake(now_ms):
        turn = max(gate.sender.turns, braking.front(brake, now_ms))
        found.append((braking.due_ms(brake, turn), HeldBy.PROVIDER_BACKOFF))
    return found
