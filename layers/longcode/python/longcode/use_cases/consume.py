"""The queue's consumer: sends the texts of a batch, for each recipient in the order of acceptance."""

# A queue message says that its recipient has something waiting. What is sent, and in which order, the table says:
# so a text whose queue message was lost, doubled or put back late keeps its place.

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate

from longcode.domain import pacing
from longcode.domain.errors import Unavailable
from longcode.domain.gate import Gate
from longcode.domain.metrics import Metric
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy
from longcode.domain.test_mode import is_marked
from longcode.use_cases import carrier_pacing, carrier_stops, paused_tags, send_attempt
from longcode.use_cases.batch_results import Result, forget, hide
from longcode.use_cases.ports import Parallel
from longcode.use_cases.queue_ports import Envelope, Queue
from longcode.use_cases.recipient_worker import MOST_HIDDEN_MS, RecipientWorker
from longcode.use_cases.send_attempt import PROBE_MS, REPLAY_AFTER_MS, SendDependencies
from longcode.use_cases.slots import LATE_MS, SlottedMessage

# Kept free at the end of an invocation: one send at its slowest (14 s) and its record.
SEND_BUDGET_MS = 16_000
# How long a queue message that only a later release can read is left to it. A deploy takes minutes.
NEWER_MS = 60_000
# For so long those whose recipients have a text in doubt leave the try through an open breaker to that text.
_OVERDUE_MS = 30 * 60_000
# How long a text is hidden whose recipient queue is at work under another name.
_NEXT_TURN_MS = 1_000

WorkerOf = Callable[[Sequence[Envelope]], RecipientWorker]


def send_batch(
    envelopes: Sequence[Envelope],
    deps: SendDependencies,
    queue: Queue,
    deadline_ms: int,
    parallel: Parallel,
    *,
    answered: bool = False,
) -> list[Result]:
    """Send what waits for the recipients of a batch when its slots come, in order for each.

    What can't leave within a short wait or before `deadline_ms` is hidden in the queue until it may, together
    with all that stands behind it; its result has `again_ms`. What is done is deleted as soon as its recipient's
    part is; of a batch that is `answered` and has one recipient alone, Lambda deletes it by the answer.
    """
    results = []
    if any(envelope.timer for envelope in envelopes):
        results = _run_timers(envelopes, deps, queue, deadline_ms - SEND_BUDGET_MS, parallel)
        left = [result.envelope for result in results]
        envelopes = [envelope for envelope in envelopes if not envelope.timer and envelope not in left]
    for_later = _for_later(envelopes)
    results += _leave(for_later, deps, queue) if for_later else []
    groups: dict[str, list[Envelope]] = {}
    for envelope in envelopes:
        if envelope.message_id is not None and envelope not in for_later:
            groups.setdefault(envelope.recipient, []).append(envelope)
    unreadable = [envelope for envelope in envelopes if envelope.message_id is None and envelope not in for_later]
    results += _drop(unreadable, deps, queue)

    def worker_of(deps: SendDependencies, group: Sequence[Envelope]) -> RecipientWorker:
        alone = answered and len(groups) == 1
        return RecipientWorker(group, deps, queue, deadline_ms - SEND_BUDGET_MS, deletes=not alone)

    # Live texts first: none waits for a test text.
    for is_test in sorted({is_marked(recipient) for recipient in groups}):
        of_kind = [group for recipient, group in groups.items() if is_marked(recipient) is is_test]
        results += _send(of_kind, _of_tests(deps) if is_test else deps, parallel, worker_of)
    return results


def _send(
    groups: Sequence[Sequence[Envelope]],
    deps: SendDependencies,
    parallel: Parallel,
    worker_of: Callable[[SendDependencies, Sequence[Envelope]], RecipientWorker],
) -> list[Result]:
    """Send the texts of some recipients, all live or all test texts."""
    workers = [worker_of(deps, group) for group in groups]
    _run(workers, deps, parallel, partial(worker_of, deps))
    return [result for worker in workers for result in worker.results]


def _of_tests(deps: SendDependencies) -> SendDependencies:
    # Loaded with the first test text: most batches have none.
    from longcode.use_cases import test_mode

    return test_mode.sending(deps)


def _run_timers(
    envelopes: Sequence[Envelope], deps: SendDependencies, queue: Queue, last_start_ms: int, parallel: Parallel
) -> list[Result]:
    # Loaded with the first timer: most batches have none.
    from longcode.use_cases.schedule import run_timers

    return run_timers(envelopes, deps, queue, last_start_ms, parallel)


def _drop(unreadable: Sequence[Envelope], deps: SendDependencies, queue: Queue) -> list[Result]:
    """Delete what nothing can ever become of: as the head of its group it would block all behind it."""
    for envelope in unreadable:
        deps.metrics.count(Metric.UNREADABLE)
        deps.logger.error("queue.unreadable", queue_id=envelope.queue_id)
    forget(unreadable, deps, queue)
    return [Result(envelope) for envelope in unreadable]


def _run(workers: list[RecipientWorker], deps: SendDependencies, parallel: Parallel, worker_of: WorkerOf) -> None:
    """Read first and reserve last: a text that must wait anyway holds no slot and costs no write.

    `workers` gets more where texts came in another group than their recipient's.
    """
    at_work: Sequence[RecipientWorker] = workers
    try:
        deps.provider.prepare()
        # What is its recipients' is read after each claim.
        gate = deps.limits.read_gate("", deps.sender, deps.priority)
        stopped = send_attempt.stop(gate.control, deps.clock.now_ms(), deps.priority)
        if stopped:
            for worker in workers:
                worker.wait(stopped)
            return
        for worker in workers:
            worker.gate = gate
        _read_together(workers, deps)
        parallel([worker.load for worker in workers])
        _sort_out(workers, deps, parallel, worker_of)
        at_work = paused_tags.put_off([worker for worker in workers if worker.waiting], gate, deps)
        parallel([worker.keep_quiet for worker in at_work] if deps.quiet_hours else [])
        at_work = [worker for worker in at_work if worker.waiting]
        _hold_by_recipient(at_work, deps)
        if gate.control.breaker_until_ms is not None and not _probe(at_work, deps, parallel):
            now = deps.clock.now_ms()
            again = now + pacing.breaker_ms(gate.control.breaker_since_ms or now, now)
            for worker in [worker for worker in at_work if worker.waiting]:
                worker.wait((again, HeldBy.BREAKER, gate.control.breaker_reason))
            return
        at_work = [worker for worker in at_work if worker.waiting]
        _reserve_shared(at_work, deps, gate, parallel)
    except Unavailable as exc:
        for worker in at_work:
            worker.abandon(exc)
    else:
        parallel([worker.run for worker in at_work if worker.waiting])
    deps.brakes.flush()
    carrier_pacing.give_back((each for worker in workers for each in worker.slots.unused), deps)


def _hold_by_recipient(workers: Sequence[RecipientWorker], deps: SendDependencies) -> None:
    """Let wait what is too much for its recipient by RecipientLimits, before it takes any slot."""
    if workers and deps.pace.recipient_limits:
        # Loaded where there are such limits.
        from longcode.use_cases import recipient_limits

        recipient_limits.hold([worker.slots for worker in workers], deps)


def _read_together(workers: Sequence[RecipientWorker], deps: SendDependencies) -> None:
    """One read of all texts of the batch, where each worker would make one."""
    try:
        found = deps.messages.read([ident for worker in workers for ident in worker.batch.ids])
    except Unavailable:
        raise
    except Exception:
        # An item that can't be read must hold up its own recipient alone: each worker reads its own and finds out.
        deps.logger.exception("batch.unreadable")
        return
    for worker in workers:
        worker.batch.know(found)


def _sort_out(
    workers: list[RecipientWorker], deps: SendDependencies, parallel: Parallel, worker_of: WorkerOf
) -> None:
    """Give the texts that came in another group than their recipient's, or in none, workers of their own.

    Where such a worker is at work already, they wait for their next turn in the queue; so do test texts among
    live ones, or the other way round.
    """
    groups: dict[str, list[Envelope]] = {}
    for worker in workers:
        for recipient, envelopes in worker.batch.hand_over().items():
            groups.setdefault(recipient, []).extend(envelopes)
    # Of the other kind none is sent here: in the end a fresh copy comes in its own group (`batch_results.hide`).
    others = {recipient for recipient in groups if is_marked(recipient) is not is_marked(workers[0].recipient)}
    taken = others | {worker.recipient for worker in workers if worker.waiting}
    added = [worker_of(group) for group in groups.values()]
    for worker, group in zip(added, groups.values(), strict=True):
        worker.gate = workers[0].gate
        deps.logger.warning("queue.other_group", message_ids=[envelope.message_id for envelope in group])
        if worker.recipient in taken:
            worker.wait(
                (deps.clock.now_ms() + _NEXT_TURN_MS, HeldBy.RECIPIENT_RATE, "its recipient queue is at work")
            )
    workers += added
    parallel([worker.load for worker in added if worker.recipient not in taken])


def _for_later(envelopes: Sequence[Envelope]) -> list[Envelope]:
    """What only a later release can read, and all that stands behind it in its recipient queue."""
    found: list[Envelope] = []
    recipients: set[str] = set()
    for envelope in envelopes:
        if envelope.newer or envelope.recipient in recipients:
            recipients.add(envelope.recipient)
            found.append(envelope)
    return found


def _leave(envelopes: Sequence[Envelope], deps: SendDependencies, queue: Queue) -> list[Result]:
    """Put back what a release that is on its way, or was rolled back, wrote: it is a text to be sent."""
    for envelope in envelopes:
        if envelope.newer:
            deps.metrics.count(Metric.NEWER_VERSION)
            deps.logger.error("queue.newer_version", queue_id=envelope.queue_id)
    # Ever more rarely: the release that reads it may be days away.
    receives = max(envelope.receives for envelope in envelopes)
    wait_ms = min(NEWER_MS + 1_000 * (receives - 1), MOST_HIDDEN_MS)
    hide(envelopes, wait_ms // 1000, deps, queue)
    again = deps.clock.now_ms() + wait_ms
    return [Result(envelope, again_ms=again) for envelope in envelopes]


def _probe(workers: Sequence[RecipientWorker], deps: SendDependencies, parallel: Parallel) -> bool:
    """Let one text try whether an open breaker must stay open; whether sending goes on.

    Once the stop has lasted so long that the reconciler may repeat texts in doubt, those try, and not what stands
    behind them; unless none has tried for long.
    """
    for worker in workers:
        now = deps.clock.now_ms()
        gate = deps.limits.read_gate(worker.recipient, deps.sender)
        overdue = now >= (gate.control.breaker_until_ms or now) + _OVERDUE_MS
        lasts = now - (gate.control.breaker_since_ms or now) >= REPLAY_AFTER_MS
        if lasts and not overdue and send_attempt.has_doubt(gate, deps):
            continue
        if carrier_stops.held(gate, worker.recipient, now) or worker.first.another_day:
            # It could not leave, and the try would be lost.
            continue
        if deps.limits.probe(now, now + PROBE_MS, worker.first.message.id):
            _reserve_shared([worker], deps, gate, parallel)
            if not worker.waiting:
                continue
            worker.try_one(now + PROBE_MS)
            return deps.limits.read_gate(worker.recipient, deps.sender).control.breaker_until_ms is None
    return False


def _reserve_shared(
    workers: Sequence[RecipientWorker], deps: SendDependencies, gate: Gate, parallel: Parallel
) -> None:
    """Count and reserve at once what the recipients of a batch share: the days and minutes of carriers, and the
    segments of the sender and the account.
    """
    limited = carrier_pacing.look([worker.recipient for worker in workers], gate, deps, parallel)
    now = deps.clock.now_ms()
    for worker in workers:
        worker.slots.limited = limited.get(worker.recipient, worker.slots.limited)
        worker.slots.recall(now)
    parallel([partial(worker.keep_quiet, gate) for worker in workers] if deps.quiet_hours else [])
    carrier_pacing.count_for_days([(worker.slots.limited, worker.slots.fresh) for worker in workers], deps)
    fresh = [[item for item in worker.slots.fresh if not item.another_day] for worker in workers]
    _reserve_segments(workers, carrier_pacing.dealt(fresh), deps)
    limits = [worker.slots.limited for worker in workers]
    # What waits for another limit takes its slot at the carrier when it is through that.
    at_once = [items if items and items[0].floor_ms <= now + LATE_MS else [] for items in fresh]
    carrier_pacing.reserve_rates(list(zip(limits, at_once, strict=True)), deps)


def _reserve_segments(
    workers: Sequence[RecipientWorker], dealt: Sequence[SlottedMessage], deps: SendDependencies
) -> None:
    """One reservation a limit of sender and account. The texts are dealt: no recipient has all first slots."""
    now, pace, bulk = deps.clock.now_ms(), deps.pace, deps.priority is Priority.BULK
    if not dealt or not pace.shared:
        return
    # One read tells on which side of now each limiter is.
    gate = deps.limits.read_gate(workers[0].recipient, deps.sender, deps.priority)
    sender, account = gate.shared(deps.priority)
    # What is in the queue a little before its time takes no slot before it: it would leave at its time all the
    # same, and all such texts at once.
    dealt = sorted(dealt, key=_ready_ms)
    weights = [item.message.segments for item in dealt]
    before = list(accumulate(weights, initial=0))[:-1]
    for key, limit, interval, held_by in (
        (pacing.sender_key(deps.sender), sender, pace.sender_ms, HeldBy.SENDER_RATE),
        (pacing.ACCOUNT_KEY, account, pace.account_ms, HeldBy.ACCOUNT_RATE),
    ):
        if not interval:
            continue
        if bulk:
            key, interval = pacing.bulk_key(key), pacing.bulk_interval(interval, deps.campaign.transactional)
        # A bulk text of many segments leaves at the end of its turn (`bulk_pacing`).
        leads = [(weight - 1) * interval if bulk else 0 for weight in weights]
        start = max(
            now, *(_ready_ms(item) - others * interval for item, others in zip(dealt, before, strict=True))
        )
        start -= leads[0]
        ahead = (limit.tat_ms or 0) > start
        first = deps.limits.reserve(key, sum(weights), interval, start, ahead=ahead).first_ms
        for item, others, lead in zip(dealt, before, leads, strict=True):
            floor = first + others * interval + lead
            if floor > item.floor_ms:
                item.floor_ms = floor
                if floor > now:
                    item.held_by = held_by


def _ready_ms(item: SlottedMessage) -> int:
    return item.message.not_before_ms or 0
