"""Gauges, once a minute: what a count of events can't show, as nothing happens while nothing works."""

# Each gauge is reported by itself, so that a store which is down hides no more than what it alone knows.

from collections.abc import Sequence
from dataclasses import dataclass

from longcode.domain.errors import Unavailable
from longcode.domain.gate import Gate
from longcode.domain.message import Message
from longcode.domain.metrics import Metric
from longcode.domain.status import HeldBy, Status
from longcode.domain.tag_brake import tag_of
from longcode.use_cases import backlog, schedule, send_attempt, store_failures, tag_brakes
from longcode.use_cases.publish_ports import Counters, Heartbeat
from longcode.use_cases.queue_ports import Depth, Queues
from longcode.use_cases.send_attempt import SendDependencies
from longcode.use_cases.webhook_watch import WebhookWatch

_MINUTE = 60_000
# SQS's counts may be a minute late. And how many of those that the queue has lost are counted at most.
STRANDED_AFTER_MS = 15 * _MINUTE
_STRANDED_MOST = 1000
# A text that was accepted later than this can't be late by any measure.
LATE_MS = 5 * _MINUTE
# So many texts are read to find the oldest, as the first may just have left; and so many, and of them so many
# recipients, to find one that is late.
_FIRST = 8
_OLDEST, _RECIPIENTS = 100, 25
# Of those that expire at a moment of their own, which are in no order of acceptance, so many.
_EXPIRING = 25


@dataclass(slots=True)
class Gauges:
    """Reports the state of the queues, the stops and the texts that wait."""

    deps: SendDependencies
    queues: Queues
    counters: Counters
    heartbeat: Heartbeat
    dead_letters: Depth
    unpublished: Depth
    webhooks: WebhookWatch
    # Whether the queue is known to have been given none that waits.
    _none_waits: bool = False
    # When the oldest text was accepted that waits.
    _waits_ms: int | None = None
    # The parts of what is held that have something due by now or soon, None if that could not be read.
    occupied: Sequence[int] | None = None

    def report(self, until_ms: int) -> None:
        """Report all of them, those of the queues first; none begins after `until_ms`.

        A table that hangs costs each gauge a quarter of a minute, and all metrics if the function is ended for it.
        """
        self.occupied = None
        for gauge in (
            self._dead_letters,
            self._unpublished,
            self._stops,
            self._by_status,
            self._waiting,
            self._stranded,
            self._publisher,
            self._webhooks,
        ):
            if self.deps.clock.now_ms() > until_ms:
                self.deps.logger.error("gauges.out_of_time", gauge=gauge.__name__.strip("_"))
                return
            try:
                gauge()
            except Unavailable as exc:
                store_failures.note(exc, self.deps.metrics, self.deps.logger)

    def _stops(self) -> None:
        control = self.deps.limits.read_gate("", "").control
        opened = control.breaker_since_ms is not None
        stopped = self.deps.explain(control.breaker_fault).stopped_by if opened else None
        for metric, on in (
            (Metric.STOPPED_KEY, stopped == "key"),
            (Metric.STOPPED_FUNDS, stopped == "funds"),
            (Metric.STOPPED_SETUP, stopped == "setup"),
            (Metric.STOPPED_OUTAGE, stopped == "outage"),
            (Metric.PAUSED, bool(control.paused(None) or control.pauses)),
        ):
            self.deps.metrics.count(metric, int(on))

    def _by_status(self) -> None:
        counts = self.counters.read(None)
        self.deps.metrics.count(Metric.UNKNOWN_NOW, counts.get(Status.UNKNOWN.value, 0))
        self.deps.metrics.count(Metric.HELD_NOW, counts.get(Status.HELD.value, 0))

    def _waiting(self) -> None:
        """How long the oldest waits, and how long the latest of the oldest should have left."""
        deps, now = self.deps, self.deps.clock.now_ms()
        self._none_waits = False
        ids, expiring = deps.messages.oldest(_OLDEST), deps.messages.oldest(_EXPIRING, expiring=True)
        self._none_waits = not ids and not expiring
        held = self._due_but_held(now)
        deps.metrics.count(Metric.HELD_LATE, (now - min((at_ms for at_ms, _ in held), default=now)) / 1000)
        # What is held so long after its time waits like any other.
        lates = [ident for at_ms, ident in held if at_ms < now - LATE_MS]
        first = self._still_waiting([*ids[:_FIRST], *expiring, *lates])
        self._waits_ms = min((message.ready_ms for message in first), default=None)
        age = now - (self._waits_ms or now)
        late = 0
        if age >= LATE_MS:
            late = self._latest(first + self._still_waiting(ids[_FIRST:]), now)
        deps.metrics.count(Metric.OLDEST_WAIT, age / 1000)
        deps.metrics.count(Metric.OVERDUE, late / 1000)

    def _due_but_held(self, now: int) -> list[tuple[int, str]]:
        """The first held texts of each part that are due: when, and their ids. Some may just have left."""
        self.occupied = schedule.occupied(self.deps.messages, now)
        rows = [self.deps.messages.held(shard, 0, now, _FIRST) for shard in self.occupied]
        return [row for part in rows for row in part]

    def _still_waiting(self, ids: Sequence[str]) -> list[Message]:
        found = self.deps.messages.get_all(ids) if ids else []
        return [message for message in found if message.status.waiting and not message.test]

    def _latest(self, messages: list[Message], now: int) -> int:
        # Of each recipient queue the first: those behind it leave after it, and what the queue has lost comes with
        # it.
        heads: dict[str, Message] = {}
        for message in sorted(messages, key=lambda message: message.place):
            heads.setdefault(message.recipient, message)
        deps = self.deps
        return max(
            (
                overdue_ms(
                    head,
                    deps.limits.read_gate(head.recipient, deps.sender, head.priority, tag_of(head)),
                    deps,
                    now,
                )
                for head in list(heads.values())[:_RECIPIENTS]
            ),
            default=0,
        )

    def _stranded(self) -> None:
        """How many have waited for long while their queue is empty, as after a purge: nothing brings them."""
        count, empty = 0, self.queues.empty()
        before_ms = self.deps.clock.now_ms() - STRANDED_AFTER_MS
        # None has waited for so long if the oldest has not.
        if empty and not self._none_waits and (self._waits_ms or before_ms) <= before_ms:
            count = len(backlog.unheard(self.deps.messages, empty, before_ms, _STRANDED_MOST))
        self.deps.metrics.count(Metric.STRANDED_NOW, count)

    def _dead_letters(self) -> None:
        self.deps.metrics.count(Metric.DEAD_LETTERS_NOW, self.dead_letters.size())

    def _unpublished(self) -> None:
        self.deps.metrics.count(Metric.UNPUBLISHED_NOW, self.unpublished.size())

    def _webhooks(self) -> None:
        silent = self.webhooks.silent(self.deps.clock.now_ms(), self._waits_ms)
        self.deps.metrics.count(Metric.WEBHOOKS_SILENT, int(silent))

    def _publisher(self) -> None:
        """How far the publisher is behind, by the last beat that it has heard, and the next beat."""
        now = self.deps.clock.now_ms()
        heard = self.heartbeat.heard_ms()
        since = self.heartbeat.beat(now)
        self.deps.metrics.count(Metric.PUBLISHER_LAG, max(0, now - (since if heard is None else heard)) / 1000)


def overdue_ms(message: Message, gate: Gate, deps: SendDependencies, now: int) -> int:
    """How long a text that waits should have left, 0 if it may still wait.

    Its slot, or the recipient queue that it stands in, says when it may leave. While sending is stopped nothing
    may, which has alarms of its own, nor while the recipient's unclear text waits for an answer; but half of the
    time in which it is valid is too long. What the provider does
    not take is late from the beginning.
    """
    control, limits = gate.control, [gate.recipient.tat_ms, gate.recipient.not_before_ms]
    sender, account = gate.shared(message.priority)
    stopped = control.paused(message.priority) is not None or control.breaker_since_ms is not None
    if stopped or gate.unclear_ms is not None or tag_brakes.held(message, gate, now):
        return max(0, now - message.ready_ms - deps.validity_ms // 2)
    if send_attempt.in_doubt(gate, deps, now):
        return 0
    if message.held_by is HeldBy.PROVIDER_BACKOFF:
        return max(0, now - message.ready_ms)
    if message.slot_ms is None:
        # It would be given the next free slot.
        limits += [sender.tat_ms] if deps.pace.sender_ms else []
        limits += [account.tat_ms] if deps.pace.account_ms else []
    return max(0, now - max(message.ready_ms, message.slot_ms or 0, *(at or 0 for at in limits)))
