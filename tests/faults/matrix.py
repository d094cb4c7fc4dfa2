"""The fault matrix: one cell is one text with a crash, a provider fault and a queue fault, and what came of it.

Everything goes through the real consumer, reconciler and webhook handlers, over fakes, in virtual time.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any, Literal

from longcode.domain.status import Status
from longcode.use_cases.queue_ports import Envelope
from tests.chance import meeting, pairs
from tests.support.fakes import FakeClock, FakeProvider, FakeQueue, World, make_settings, make_world, webhooks
from tests.support.fakes import provider as behaviours
from tests.support.fakes.fault_injector import Died
from tests.support.fakes.provider import Behaviour, Text
from tests.support.fakes.shelf import Stored

MINUTE = 60_000
HOUR = 60 * MINUTE
# Longer than the provider keeps a key, so that a second replay would be seen.
LASTS_MS = 25 * HOUR
INTERVAL_MS = 1000

RECIPIENT = "+12025550123"
OTHER = "+12025550145"


class Crash(StrEnum):
    """Where the consumer's process is killed, once."""

    NEVER = "never"
    BEFORE_CLAIM = "before the claim"
    AFTER_CLAIM = "after the claim"
    REQUEST_LEFT = "after the request left"
    AFTER_ANSWER = "after the answer"
    AFTER_WRITE = "after the outcome was written"
    BEFORE_DELETE = "before the queue's delete"


PROVIDER: dict[str, Behaviour] = {
    "works": behaviours.ACCEPTS,
    "takes it, hangs": behaviours.ACCEPTS_AND_HANGS,
    "takes it, answers 500": behaviours.ACCEPTS_THEN_500,
    "takes it, drops the connection": behaviours.ACCEPTS_THEN_DROPS,
    "takes it, malformed answer": behaviours.ACCEPTS_AND_GARBLES,
    "takes it, slowly": behaviours.SLOW,
    "refuses, 500": behaviours.FAILS_500,
    "hangs, without taking it": behaviours.HANGS,
    "refuses, 429": behaviours.RATE_LIMITED,
    "refuses, 503": behaviours.OVERLOADED,
    "can't be reached": behaviours.UNREACHABLE,
}


class Queue(StrEnum):
    """What the queue does besides what it should."""

    WORKS = "works"
    DUPLICATES = "delivers twice"
    REDRIVE = "redriven from the dead letters"
    ODD_VISIBILITY = "visible again in the wrong order"


class Mode(StrEnum):
    """Whether the provider honours idempotency keys, or the policy forbids to rely on it."""

    HONOURED = "key honoured"
    IGNORED = "key ignored"
    HOLD = "hold, key ignored"


class Evidence(StrEnum):
    """What the provider tells of a text that it took."""

    RECEIPTS = "receipts"
    RECORDS = "records only"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the matrix."""

    crash: Crash
    provider: str
    queue: Queue
    mode: Mode
    evidence: Evidence

    def __str__(self) -> str:
        return "-".join((self.crash, self.provider, self.queue, self.mode, self.evidence)).replace(" ", "_")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a cell's text, and of those around it. Times are milliseconds from the start."""

    accepted: int
    status: Status
    first_taken_ms: int | None
    attempts: int
    # The second and third text to the same recipient, and one to another: how often, and when, each was taken.
    behind: tuple[int, ...]
    behind_ms: tuple[int, ...]
    other: int
    least_gap_ms: int
    left_in_queue: int
    crashed: bool

    @property
    def in_order(self) -> bool:
        """Whether the texts behind were taken in their order."""
        return list(self.behind_ms) == sorted(self.behind_ms)


def cells() -> Iterator[Cell]:
    """All of them."""
    for crash, provider, queue, mode, evidence in itertools.product(Crash, PROVIDER, Queue, Mode, Evidence):
        yield Cell(crash, provider, queue, mode, evidence)


def sample(seed: int) -> list[Cell]:
    """Cells by chance, until every value of each dimension was met by every value of each other."""
    return meeting(cells(), met, seed)


def met(cell: Cell) -> set[tuple[object, ...]]:
    """Every two of its faults."""
    return pairs((cell.crash, cell.provider, cell.queue, cell.mode, cell.evidence))


@cache
def outcome(cell: Cell) -> Outcome:
    """Run a cell; the same one only once a process."""
    return Run(cell).outcome()


class Deleting(FakeQueue):
    """A queue that tells of each delete before it happens."""

    before_delete: Callable[[Sequence[Envelope]], None] = staticmethod(lambda _envelopes: None)

    def delete(self, envelopes: Sequence[Envelope]) -> None:
        self.before_delete(envelopes)
        super().delete(envelopes)


class Stage:
    """A world over a timeline: a queue that is polled, a reconciler each minute, a provider that reports."""

    def __init__(
        self,
        *,
        honours_keys: bool = True,
        evidence: Evidence = Evidence.RECEIPTS,
        policy: Literal["resolve", "hold"] = "resolve",
        idle_reconciles: bool = False,
        pollers: int = 1,
        # Any: the settings by name.
        **settings: Any,
    ) -> None:
        self.clock = FakeClock()
        provider = FakeProvider(self.clock, honours_keys=honours_keys, shows_queued=False)
        provider.on_taken = self._taken
        self.queue = Deleting(self.clock)
        self.world: World = make_world(
            make_settings(ambiguous_sends=policy, **settings),
            clock=self.clock,
            provider=provider,
            queue=self.queue,
        )
        self.start_ms = self.clock.now_ms()
        # The same in each run.
        vars(self.world.service)["deps"] = replace(self.world.service.deps, jitter=random.Random(1).random)
        self._evidence = evidence
        self._idle_reconciles = idle_reconciles
        self._swept_ms = self.start_ms
        self.clock.standing.append(self._next_reconcile)
        self.mapping = self.world.mapping()
        self._polling = 0
        self._pollers = pollers
        self._reconciler = self.world.handler("reconciler")

    def run(self, lasts_ms: int) -> None:
        """Let everything take its course for so long, from now."""
        self.clock.standing.append(self._next_poll)
        try:
            self.clock.sleep_until(self.clock.now_ms() + lasts_ms)
        finally:
            self.clock.standing.remove(self._next_poll)

    def _next_poll(self) -> tuple[int, Any] | None:
        """The next invocation of the consumer, if there is anything for it and a poller is free."""
        # Asked before each thing that happens: the queue is gone through only where the answer counts.
        visible = None if self._polling == self._pollers else self.queue.next_visible_ms()
        return None if visible is None else (visible, self._invoke)

    def _invoke(self) -> None:
        self._polling += 1
        try:
            if self.mapping.poll() is None:
                self.clock.pass_ms(1)
        finally:
            self._polling -= 1

    def poll(self) -> None:
        """One receive and its invocation."""
        self.mapping.poll()

    # ------------------------------------------------------------------------------- what goes on besides

    def _next_reconcile(self) -> tuple[int, Any] | None:
        """The next full minute in which the reconciler has something to do."""
        ahead = self._swept_ms // MINUTE * MINUTE + MINUTE
        if self._idle_reconciles:
            return ahead, self._reconcile
        due = self.world.messages.next_due_at_ms()
        return None if due is None else (max(ahead, -(-due // MINUTE) * MINUTE), self._reconcile)

    def _reconcile(self) -> None:
        self._swept_ms = self.clock.now_ms()
        # A reconciler that dies or finds a store down comes again in a minute.
        try:
            self.world.reconcile()
        except (Exception, Died) as exc:
            self.reconcile_failed(exc)

    def reconcile_failed(self, exc: BaseException) -> None:
        """A run of the reconciler ended early."""
        if not isinstance(exc, Died):
            raise exc

    def _taken(self, text: Text) -> None:
        now = self.clock.now_ms()
        if self._evidence is Evidence.RECEIPTS:
            for status, after_ms in (("sent", 800), ("delivered", 3_000)):
                self.clock.at(now + after_ms, lambda status=status: self._report(text, status))  # type: ignore[misc]
        elif self._evidence is Evidence.RECORDS:
            self.clock.at(now + 30_000, lambda: setattr(text, "status", "delivered"))

    def _report(self, text: Text, status: str, event_id: str | None = None, attempt: int = 1) -> None:
        text.status = status
        now = self.clock.now_ms()
        event_id = event_id or f"{text.telnyx_id}/{status}"
        body = webhooks.receipt(text, status, now, event_id=event_id)
        try:
            taken = self.world.webhook(body, path_id=text.key).status == 200
        except Died:
            taken = False
        if not taken and attempt < 3:
            self.clock.at(now + 2_000, lambda: self._report(text, status, event_id, attempt + 1))


class Run(Stage):
    """One cell: three texts to one recipient and one to another, and everything goes wrong with the first."""

    def __init__(self, cell: Cell, **options: Any) -> None:
        super().__init__(
            honours_keys=cell.mode is Mode.HONOURED,
            evidence=cell.evidence,
            policy="hold" if cell.mode is Mode.HOLD else "resolve",
            **options,
        )
        self._cell = cell
        self.crashed = False
        self.ids = [
            self.world.enqueue(to, text).fields["message_id"]
            for to, text in ((RECIPIENT, "1"), (RECIPIENT, "2"), (RECIPIENT, "3"), (OTHER, "Hello"))
        ]
        self._first = self.ids[0]
        self._copy = replace(self.world.queue.stored[0])

    def begin(self) -> None:
        """The first invocation, in which the fault strikes."""
        self._set_traps()
        if self._cell.queue is Queue.DUPLICATES:
            self.world.queue.duplicate(self._first)
        self.poll()

    def outcome(self) -> Outcome:
        """Let it happen, and look."""
        queue = self.world.queue
        self.begin()
        self._queue_fault()
        self.run(LASTS_MS)
        provider = self.world.provider
        took = provider.arrivals(RECIPIENT)
        message = self.world.messages.get(self._first)
        assert message
        first = [text.taken_ms for text in provider.texts if text.key == self._first]
        behind = self.ids[1:3]
        return Outcome(
            accepted=provider.taken(self._first),
            status=message.status,
            first_taken_ms=min(first) - self.start_ms if first else None,
            attempts=message.attempts,
            behind=tuple(provider.taken(ident) for ident in behind),
            behind_ms=tuple(
                provider.text(ident).taken_ms - self.start_ms for ident in behind if provider.taken(ident)
            ),
            other=provider.taken(self.ids[3]),
            least_gap_ms=min((b - a for a, b in itertools.pairwise(took)), default=INTERVAL_MS),
            left_in_queue=len(queue.stored) + len(queue.dead),
            crashed=self.crashed,
        )

    # ------------------------------------------------------------------------------------------ the crash

    def _die(self) -> BaseException:
        """The process is killed; from here on the world is sound again."""
        self.crashed = True
        self.world.messages.faults.clear()
        self.world.provider.faults.clear()
        return Died()

    def _set_traps(self) -> None:
        crash, messages, provider = self._cell.crash, self.world.messages, self.world.provider
        behaviour = PROVIDER[self._cell.provider]
        if crash in (Crash.BEFORE_CLAIM, Crash.AFTER_CLAIM):
            messages.faults.fail("claim", self._die, after=crash is Crash.AFTER_CLAIM)
        elif crash is Crash.REQUEST_LEFT:
            behaviour = replace(behaviour, dies=self._die)
        elif crash is Crash.AFTER_ANSWER:
            provider.faults.fail("send", self._die, after=True)
        elif crash is Crash.AFTER_WRITE:
            for write in ("submitted", "ambiguous", "release", "end"):
                messages.faults.fail(write, self._die, after=True, about=self._first)
        elif crash is Crash.BEFORE_DELETE:
            self.queue.before_delete = self._before_delete
            vars(self.mapping)["_consumer"] = self._before_answer(self.world.handler("consumer"))
        provider.then(behaviour, to=self._first)

    def _before_delete(self, envelopes: Sequence[Envelope]) -> None:
        if not self.crashed and any(envelope.message_id == self._first for envelope in envelopes):
            raise self._die()

    # Any: Lambda's event, context and answer.
    def _before_answer(self, consumer: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """The consumer, killed before Lambda learns that the first text is done: it deletes nothing then."""

        def invoke(event: Any, context: Any) -> Any:
            answer = consumer(event, context)
            failed = {row["itemIdentifier"] for row in answer["batchItemFailures"]}
            done = [record for record in event["Records"] if record["messageId"] not in failed]
            if not self.crashed and any(self._first in record["body"] for record in done):
                raise self._die()
            return answer

        return invoke

    # ------------------------------------------------------------------------------------------ the queue

    def _queue_fault(self) -> None:
        """After the first invocation, whatever it came to."""
        queue, now = self.world.queue, self.clock.now_ms()
        group = [stored for stored in queue.stored if stored.group == RECIPIENT]
        if self._cell.queue is Queue.DUPLICATES:
            # One came in the same batch; another comes when the first copy is dealt with, or not yet.
            queue.stored.append(self._again(now))
        elif self._cell.queue is Queue.REDRIVE:
            queue.stored[:] = [stored for stored in queue.stored if stored not in group]
            named = any(self._first in stored.body for stored in group)
            queue.dead += group if named else [self._again(now), *group]
            self.clock.at(now + HOUR, queue.redrive)
        elif self._cell.queue is Queue.ODD_VISIBILITY:
            for number, stored in enumerate(group):
                stored.visible_ms = now if number else now + 10 * MINUTE

    def _again(self, now: int) -> Stored:
        return replace(self._copy, queue_id="00000000-0000-4000-8000-0000000000ff", visible_ms=now, handle="")
