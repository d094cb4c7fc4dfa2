"""Held texts and the queue: timers, and what happens when one comes."""

# A FIFO queue has no delay for one message. So a timer stands in it for each second and part of what is held:
# the consumer hides it until its time, and then puts the texts of that second into their recipient queues. The
# index of recipient queues has them all the while, by their time: a text whose timer is late or lost is taken
# along with the next of its recipient, in its place.

from collections.abc import Callable, Sequence
from functools import partial
from itertools import batched

from longcode.domain.errors import Unavailable
from longcode.domain.message import Message, held_shards
from longcode.domain.schedule import AHEAD_MS, LEAD_MS, SECOND_MS, Timer, is_due, second, timer_of
from longcode.domain.status import Status
from longcode.use_cases import backlog, send_attempt, store_failures
from longcode.use_cases.batch_results import Result, forget, hide
from longcode.use_cases.ports import Clock, Logger, Messages, Metrics, Parallel
from longcode.use_cases.queue_ports import Envelope, Queue, Queues
from longcode.use_cases.send_attempt import SendDependencies

# So many texts are read at a time, and each ten of them put into the queue in one call. A function of 512 MB puts
# in about 600 a second.
_PAGE = 500
_AT_ONCE = 100


def set_timer(message: Message, queues: Queue | Queues, clock: Clock, metrics: Metrics, logger: Logger) -> None:
    """Set the timer of a text that is due soon; where that fails, the reconciler does it within a minute."""
    timer = timer_of(message)
    if timer.at_ms > clock.now_ms() + AHEAD_MS:
        return
    try:
        queues.set_timers([timer])
    except Unavailable as exc:
        store_failures.note(exc, metrics, logger, message_id=message.id)


def occupied(messages: Messages, now_ms: int) -> list[int]:
    """The parts of what is held that have something due, by now or soon. Raises Unavailable."""
    return [shard for shard in held_shards() if messages.held(shard, 0, now_ms + AHEAD_MS, 1)]


def set_timers(
    messages: Messages, queues: Queues, clock: Clock, until_ms: int, shards: Sequence[int]
) -> list[Timer]:
    """Set the timers of all that is due soon in some parts, as far as time allows; which. Raises Unavailable.

    One that is set already is dropped by the queue.
    """
    now, timers = clock.now_ms(), list[Timer]()
    ends_ms = now + AHEAD_MS
    starts = {shard: second(now) for shard in shards}
    # One second of each part at a time: if time is short, or a store fails, those of the next seconds are set.
    while starts and clock.now_ms() <= until_ms:
        found: list[Timer] = []
        for shard, since_ms in starts.items():
            first = messages.held(shard, since_ms, ends_ms, 1) if clock.now_ms() <= until_ms else []
            if first:
                found.append(Timer(shard, second(first[0][0])))
        if found:
            queues.set_timers(found)
        timers += found
        starts = {timer.shard: timer.at_ms + SECOND_MS for timer in found}
    return timers


def run_timers(
    envelopes: Sequence[Envelope], deps: SendDependencies, queue: Queue, last_start_ms: int, parallel: Parallel
) -> list[Result]:
    """Hide the timers of a batch that are early, and put what the others stand for into its recipient queues.

    Returns what has to come again: timers, and the rest of the batch where one timer stands for many texts.
    """
    again: list[Result] = []
    rest = list(envelopes)

    def leave() -> None:
        """Let other invocations have the rest of the batch: it would wait for seconds."""
        if rest:
            hide(rest, 0, deps, queue)
            again.extend(Result(envelope, again_ms=deps.clock.now_ms()) for envelope in rest)
            rest.clear()

    for envelope in envelopes:
        now, timer = deps.clock.now_ms(), envelope.timer
        if timer is None or envelope not in rest:
            continue
        rest.remove(envelope)
        again_ms = timer.at_ms - LEAD_MS
        try:
            if now >= again_ms and _fire(timer, deps, queue, last_start_ms, parallel, leave):
                forget([envelope], deps, queue)
                continue
        except Unavailable as exc:
            store_failures.note(exc, deps.metrics, deps.logger)
            again_ms = now + SECOND_MS
        # Not beyond what timers are set for: the queue hides nothing for longer than twelve hours.
        again_ms = min(max(again_ms, now), now + AHEAD_MS)
        # Rounded up: early it would have to be hidden once more.
        hide([envelope], -((now - again_ms) // SECOND_MS), deps, queue)
        again.append(Result(envelope, again_ms=again_ms))
    return again


def _fire(
    timer: Timer,
    deps: SendDependencies,
    queue: Queue,
    last_start_ms: int,
    parallel: Parallel,
    leave: Callable[[], None],
) -> bool:
    """Put the texts of a timer's second into their recipient queues; whether that was all of them.

    Their status changes with the write that sends them, or notes what they wait for: one write less for each.
    """
    after, count, more = None, 0, True
    while more:
        if deps.clock.now_ms() > last_start_ms:
            return False
        found = deps.messages.held(timer.shard, timer.at_ms, timer.at_ms + SECOND_MS, _PAGE, after)
        if len(found) > _AT_ONCE:
            leave()
        pages = list(batched((ident for _, ident in found), _AT_ONCE, strict=False))
        parallel([partial(_put, ids, deps, queue) for ids in pages])
        count += len(found)
        more, after = len(found) == _PAGE, found[-1] if found else None
    if count:
        deps.logger.info("schedule.due", texts=count, late_ms=deps.clock.now_ms() - timer.at_ms)
    return True


def _put(ids: Sequence[str], deps: SendDependencies, queue: Queue) -> None:
    """Put held texts into their recipient queues, but for those that were put off since or are out of date."""
    now, due = deps.clock.now_ms(), list[Message]()
    for message in _read(ids, deps):
        if message.status is not Status.HELD:
            continue
        if now >= message.valid_until_ms(deps.validity_ms):
            send_attempt.expire(message, deps, now)
        elif is_due(message, now):
            due.append(message)
    if due:
        queue.put([backlog.waiting(message) for message in due])


def _read(ids: Sequence[str], deps: SendDependencies) -> Sequence[Message]:
    """Those of the texts that can be read: an item that can't must not hold up all others of its second."""
    try:
        return deps.messages.get_all(ids)
    except Unavailable:
        raise
    except Exception:
        if len(ids) > 1:
            return [message for ident in ids for message in _read([ident], deps)]
        deps.logger.exception("schedule.unreadable", message_id=ids[0])
        return []
