"""The queue's consumer: which texts of a batch leave, side by side for each recipient, in the order of acceptance.

A queue message says that its recipient has something waiting. What is sent, and in which order, the table says:
so a text whose queue message was lost, doubled or put back late keeps its place.
"""

from collections.abc import Callable, Sequence

from longcode import attempt, pacing
from longcode.attempt import PROBE_MS, REPLAY_AFTER_MS, Desk
from longcode.errors import Unavailable
from longcode.lane import MOST_HIDDEN_MS, Lane, Result, forget, hide
from longcode.message import HeldBy
from longcode.metrics import Metric
from longcode.ports import Envelope, Outbox, Parallel

# Kept free at the end of an invocation: one send at its slowest (14 s) and its record.
SEND_BUDGET_MS = 16_000
# How long a queue message that only a later release can read is left to it. A deploy takes minutes.
NEWER_MS = 60_000
# For so long those whose recipients have a text in doubt leave the try through an open breaker to that text.
_OVERDUE_MS = 30 * 60_000
# How long a text is hidden whose recipient's line is at work under another name.
_NEXT_TURN_MS = 1_000

LaneOf = Callable[[Sequence[Envelope]], Lane]


def send_batch(
    envelopes: Sequence[Envelope], desk: Desk, outbox: Outbox, deadline_ms: int, parallel: Parallel
) -> list[Result]:
    """Send what waits for the recipients of a batch when its slots come, in order for each.

    What can't leave within a short wait or before `deadline_ms` is hidden in the queue until it may, together
    with all that stands behind it; its result has `again_ms`.
    """
    results: list[Result] = []
    lines: dict[str, list[Envelope]] = {}
    unreadable: list[Envelope] = []
    for_later = _for_later(envelopes)
    if for_later:
        results += _leave(for_later, desk, outbox)
    for envelope in envelopes:
        if envelope in for_later:
            continue
        if envelope.message_id is None:
            # Nothing can ever become of it, and as the head of its group it would block all behind it.
            desk.meter.count(Metric.UNREADABLE)
            desk.journal.error("queue.unreadable", queue_id=envelope.queue_id)
            results.append(Result(envelope))
            unreadable.append(envelope)
        else:
            lines.setdefault(envelope.recipient, []).append(envelope)
    forget(unreadable, desk, outbox)

    def lane_of(line: Sequence[Envelope]) -> Lane:
        return Lane(line, desk, outbox, deadline_ms - SEND_BUDGET_MS)

    lanes = [lane_of(line) for line in lines.values()]
    if lanes:
        _run(lanes, desk, parallel, lane_of)
    return results + [result for lane in lanes for result in lane.results]


def _run(lanes: list[Lane], desk: Desk, parallel: Parallel, lane_of: LaneOf) -> None:
    """Look first and reserve last: whoever must wait anyway holds no slot and costs no write.

    `lanes` gets more where texts came in another group than their recipient's.
    """
    at_work: Sequence[Lane] = lanes
    try:
        desk.carrier.prepare()
        road = desk.limits.look(lanes[0].recipient, desk.sender)
        stopped = attempt.stop(road.control, desk.clock.now_ms())
        if stopped:
            for lane in lanes:
                lane.wait(stopped)
            return
        for lane in lanes:
            lane.road = road
        parallel([lane.load for lane in lanes])
        _sort_out(lanes, desk, parallel, lane_of)
        at_work = [lane for lane in lanes if lane.waiting]
        if road.control.breaker_until_ms is not None and not _probe(at_work, desk):
            now = desk.clock.now_ms()
            again = now + pacing.breaker_ms(road.control.breaker_since_ms or now, now)
            for lane in at_work:
                lane.wait((again, HeldBy.BREAKER, road.control.breaker_reason))
            return
        at_work = [lane for lane in at_work if lane.waiting]
        _reserve_shared(at_work, desk)
    except Unavailable as exc:
        for lane in at_work:
            lane.abandon(exc)
    else:
        parallel([lane.run for lane in at_work])


def _sort_out(lanes: list[Lane], desk: Desk, parallel: Parallel, lane_of: LaneOf) -> None:
    """Give the texts that came in another group than their recipient's, or in none, lanes of their recipients.

    Where such a lane is at work already, they wait for their next turn in the queue.
    """
    lines: dict[str, list[Envelope]] = {}
    for lane in lanes:
        for recipient, envelopes in lane.hand_over().items():
            lines.setdefault(recipient, []).extend(envelopes)
    taken = {lane.recipient for lane in lanes if lane.waiting}
    added = [lane_of(line) for line in lines.values()]
    for lane, line in zip(added, lines.values(), strict=True):
        lane.road = lanes[0].road
        desk.journal.warning("queue.other_group", message_ids=[envelope.message_id for envelope in line])
        if lane.recipient in taken:
            lane.wait((desk.clock.now_ms() + _NEXT_TURN_MS, HeldBy.RECIPIENT_RATE, "its line is at work"))
    lanes += added
    parallel([lane.load for lane in added if lane.recipient not in taken])


def _for_later(envelopes: Sequence[Envelope]) -> list[Envelope]:
    """What only a later release can read, and all that stands behind it in its line."""
    found: list[Envelope] = []
    lines: set[str] = set()
    for envelope in envelopes:
        if envelope.newer or envelope.recipient in lines:
            lines.add(envelope.recipient)
            found.append(envelope)
    return found


def _leave(envelopes: Sequence[Envelope], desk: Desk, outbox: Outbox) -> list[Result]:
    """Put back what a release that is on its way, or that we went back from, wrote: it is somebody's text."""
    for envelope in envelopes:
        if envelope.newer:
            desk.meter.count(Metric.NEWER_VERSION)
            desk.journal.error("queue.newer_version", queue_id=envelope.queue_id)
    # Ever more rarely: the release that reads it may be days away.
    receives = max(envelope.receives for envelope in envelopes)
    wait_ms = min(NEWER_MS + 1_000 * (receives - 1), MOST_HIDDEN_MS)
    hide(envelopes, wait_ms // 1000, desk, outbox)
    again = desk.clock.now_ms() + wait_ms
    return [Result(envelope, again_ms=again) for envelope in envelopes]


def _probe(lanes: Sequence[Lane], desk: Desk) -> bool:
    """Let one text try whether an open breaker must stay open; whether sending goes on.

    Once the stop has lasted so long that the sweeper may repeat texts in doubt, those try, and not what stands
    behind them; unless nobody has tried for long.
    """
    for lane in lanes:
        now = desk.clock.now_ms()
        road = desk.limits.look(lane.recipient, desk.sender)
        overdue = now >= (road.control.breaker_until_ms or now) + _OVERDUE_MS
        lasts = now - (road.control.breaker_since_ms or now) >= REPLAY_AFTER_MS
        if lasts and not overdue and attempt.has_doubt(road, desk):
            continue
        if desk.limits.probe(now, now + PROBE_MS, lane.first.message.id):
            _reserve_shared([lane], desk)
            lane.try_one(now + PROBE_MS)
            return desk.limits.look(lane.recipient, desk.sender).control.breaker_until_ms is None
    return False


def _reserve_shared(lanes: Sequence[Lane], desk: Desk) -> None:
    """One reservation a shared limit for the whole batch, dealt out so that no recipient has all first slots."""
    now, pace = desk.clock.now_ms(), desk.pace
    # One read tells on which side of now each limiter is.
    road = desk.limits.look(lanes[0].recipient, desk.sender) if lanes and pace.shared else None
    for lane in lanes:
        lane.recall(now)
    fresh = [lane.fresh for lane in lanes]
    dealt = [
        places[row] for row in range(max(map(len, fresh), default=0)) for places in fresh if row < len(places)
    ]
    if not dealt or not road:
        return
    for key, limit, interval, held_by in (
        (pacing.sender_key(desk.sender), road.sender, pace.sender_ms, HeldBy.SENDER_RATE),
        (pacing.ACCOUNT_KEY, road.account, pace.account_ms, HeldBy.ACCOUNT_RATE),
    ):
        if not interval:
            continue
        ahead = (limit.tat_ms or 0) > now
        first = desk.limits.reserve(key, len(dealt), interval, now, ahead=ahead).first_ms
        for number, place in enumerate(dealt):
            floor = first + number * interval
            if floor > place.floor_ms:
                place.floor_ms = floor
                if floor > now:
                    place.held_by = held_by
