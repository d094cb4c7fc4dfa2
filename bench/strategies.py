"""Four ways to pace a queue: ours, by the code that ships, and three baselines that exist only here."""

# A strategy gets the texts of one batch, spends virtual time on them, and returns those that the queue may forget.

# ruff: noqa: ARG002  # a strategy is handed what any of them needs

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, cast

from bench.clock import SimClock
from bench.fifo import Fifo
from bench.stores import (
    SENDER,
    Counts,
    Quiet,
    SimLimits,
    SimMessages,
    SimProvider,
    SimQueue,
    Unused,
    set_tat,
    tat_ms,
)
from bench.texts import Text
from longcode.domain import pacing
from longcode.domain.campaign import CampaignSettings
from longcode.domain.gate import Limiter
from longcode.domain.pacing import Pace, Reservation
from longcode.telnyx.filter_codes import is_filtered
from longcode.use_cases.consume import send_batch
from longcode.use_cases.queue_ports import Envelope, Queue
from longcode.use_cases.send_attempt import SendDependencies
from longcode.use_cases.tag_brakes import Brakes

# The consumer's timeout in the template, less what the container keeps of it for the answer.
TIMEOUT_MS = 60_000
DEADLINE_MS = TIMEOUT_MS - 2_000


@dataclass
class Yard:
    """All that a strategy has to do with."""

    texts: Sequence[Text]
    queue: Fifo
    clock: SimClock
    pace: Pace
    counts: Counts
    # Has something done at a moment of virtual time.
    later: Callable[[float, Callable[[], None]], None]
    messages: SimMessages = field(init=False)
    provider: SimProvider = field(init=False)
    limiters: dict[str, Limiter] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.messages = SimMessages(self.texts, self.clock)
        self.provider = SimProvider(self.texts, self.clock)

    @property
    def shared(self) -> list[tuple[str, int]]:
        """The limits that every text has to pass: key and milliseconds between two texts."""
        limits = ((pacing.sender_key(SENDER), self.pace.sender_ms), (pacing.ACCOUNT_KEY, self.pace.account_ms))
        return [(key, interval) for key, interval in limits if interval]


# What goes on at a shared table while others are at it too: yields how long to wait before the next step.
Steps = Generator[float]


class Strategy(Protocol):
    """One way to pace a queue."""

    name: str
    visibility_ms: float
    max_receives: int

    def worker(self, yard: Yard) -> "Worker":
        """What one instance of the consumer function keeps from batch to batch."""


class Worker(Protocol):
    """One instance of the consumer function."""

    def before(self, batch: Sequence[Text]) -> Steps | None:
        """Steps that other instances may come between, before the batch is dealt with."""

    def run(self, batch: Sequence[Text]) -> list[Text]:
        """Deal with a batch; the texts that the queue may forget."""


# ------------------------------------------------------------------------------------------- ours


class Ours:
    """The code that ships: longcode.use_cases.consume.send_batch."""

    name = "longcode"
    visibility_ms = 360_000.0

    def __init__(self, max_receives: int = 1000) -> None:
        self.max_receives = max_receives

    def worker(self, yard: Yard) -> Worker:
        return _OurWorker(yard, SimLimits(yard.clock, yard.counts, yard.limiters))


class _OurWorker:
    def __init__(self, yard: Yard, limits: SimLimits) -> None:
        quiet = Quiet(yard.counts)
        self._yard = yard
        self._queue = SimQueue(yard.queue, yard.messages, yard.clock, yard.later)
        parts: dict[str, Any] = {
            "messages": yard.messages,
            "limits": limits,
            "provider": yard.provider,
            "clock": yard.clock,
            "brakes": Brakes(cast(Any, Unused("brakes")), None, is_filtered, yard.clock, quiet, quiet),
            "metrics": quiet,
            "logger": quiet,
            "pace": yard.pace,
            "campaign": CampaignSettings(),
            "latency": pacing.Latency(),
            "number_lookup": "off",
            "quiet_hours": None,
            "sender": SENDER,
            "validity_ms": pacing.DAY_MS * 365,
            "new_id": lambda: "claim",
            "jitter": lambda: 0.5,
        }
        # What Dependencies has besides is for cases that do not come up here.
        self._deps = SendDependencies(
            **{part.name: parts.get(part.name, Unused(part.name)) for part in fields(SendDependencies)}
        )

    def before(self, batch: Sequence[Text]) -> Steps | None:
        return None

    def run(self, batch: Sequence[Text]) -> list[Text]:
        clock = self._yard.clock
        envelopes = [
            Envelope(text.id, text.recipient, text.id, text.id, text.receives, sent_ms=int(text.accepted_ms))
            for text in batch
        ]
        deadline = clock.now_ms() + DEADLINE_MS
        results = send_batch(envelopes, self._deps, cast(Queue, self._queue), deadline, clock.side_by_side)
        return [
            self._yard.messages.text(result.envelope.queue_id)
            for result in results
            if result.done and result.envelope
        ]


# --------------------------------------------------------------------- baseline: compare and set


class CompareAndSet(Ours):
    """Ours, but a shared limit is read, changed and written back unless another has written meanwhile."""

    name = "compare-and-set"

    def worker(self, yard: Yard) -> Worker:
        return _CasWorker(yard)


class _Prepared(SimLimits):
    """The limits, with reservations at shared limits that were won before."""

    won: dict[str, Reservation]

    def reserve(self, key: str, weight: int, interval_ms: int, now_ms: int, *, ahead: bool = False) -> Reservation:
        if key in self.won:
            return self.won.pop(key)
        return super().reserve(key, weight, interval_ms, now_ms, ahead=ahead)


class _CasWorker(_OurWorker):
    def __init__(self, yard: Yard) -> None:
        self._limits = _Prepared(yard.clock, yard.counts, yard.limiters)
        self._limits.won = {}
        super().__init__(yard, self._limits)

    def before(self, batch: Sequence[Text]) -> Steps | None:
        now = self._yard.clock.now_ms()
        fresh = sum(text.slot_ms is None or text.slot_ms <= now - pacing.STALE_SLOT_MS for text in batch)
        return self._reserve(fresh) if fresh and self._yard.shared else None

    def _reserve(self, count: int) -> Steps:
        """Read, compute, write if unchanged; from the start where another was faster."""
        yard = self._yard
        for key, interval in yard.shared:
            while True:
                yield 1.0 + yard.clock.spread(1.0, 1.0)  # to the table
                seen = tat_ms(yard.limiters, key)
                yield 2.0 + yard.clock.spread(2.0, 2.0)  # back, and to the table again
                yard.counts.shared_writes += 1
                if tat_ms(yard.limiters, key) == seen:
                    break
                yield 1.0 + yard.clock.spread(1.0, 1.0)  # back, with a refusal
            won = pacing.reserve(seen, yard.clock.now_ms(), count, interval)
            set_tat(yard.limiters, key, won.tat_ms)
            self._limits.won[key] = won


# ---------------------------------------------------------------- baselines without reservations


class _Plain:
    """A worker that takes a token from each limit when it is free, or does not send."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard

    def before(self, batch: Sequence[Text]) -> Steps | None:
        return None

    def run(self, batch: Sequence[Text]) -> list[Text]:
        queues: dict[str, list[Text]] = defaultdict(list)
        for text in batch:
            queues[text.recipient].append(text)
        done: list[Text] = []
        deadline = self._yard.clock.now + DEADLINE_MS
        jobs: list[Callable[[], None]] = [
            lambda waiting=waiting: done.extend(self._recipient(waiting, deadline))  # type: ignore[misc]
            for waiting in queues.values()
        ]
        self._yard.clock.side_by_side(jobs)
        return done

    def _recipient(self, waiting: list[Text], deadline: float) -> list[Text]:
        raise NotImplementedError

    def _send(self, text: Text) -> None:
        self._yard.clock.store()
        self._yard.provider.take(text)
        self._yard.clock.store()

    def _take(self, key: str, interval_ms: int) -> float | None:
        """A token of a limit, if it is free: one conditional write. None, or when to ask again."""
        yard = self._yard
        yard.clock.store()
        yard.counts.write(key)
        now = yard.clock.now
        tat = tat_ms(yard.limiters, key)
        if tat is not None and tat > now:
            return float(tat)
        set_tat(yard.limiters, key, int(now) + interval_ms)
        return None


class HoldTheLock:
    """Sleep in the function until a text may leave: the group's lock keeps the others back."""

    name = "hold the lock"
    visibility_ms = 360_000.0
    max_receives = 5

    def worker(self, yard: Yard) -> Worker:
        return _Holding(yard)


class _Holding(_Plain):
    def _recipient(self, waiting: list[Text], deadline: float) -> list[Text]:
        clock, done = self._yard.clock, []
        for text in waiting:
            for key, interval in self._yard.shared:
                while (again := self._take(key, interval)) is not None and clock.now < deadline:
                    clock.now = again + clock.chance(1.0, 20.0, 0.0)
            if clock.now >= deadline:
                break
            self._send(text)
            clock.now += self._yard.pace.recipient_ms
            done.append(text)
        return done


class FailAndWait:
    """Report a text that may not leave as failed; the queue shows it again after its visibility timeout."""

    name = "fail and wait"
    visibility_ms = 60_000.0
    max_receives = 5

    def worker(self, yard: Yard) -> Worker:
        return _Failing(yard)


class _Failing(_Plain):
    def _recipient(self, waiting: list[Text], deadline: float) -> list[Text]:
        pace, done = self._yard.pace, []
        for text in waiting:
            limits = [
                (pacing.recipient_key(text.recipient), pacing.spacing(pace.recipient_ms)),
                *self._yard.shared,
            ]
            if any(self._take(key, interval) is not None for key, interval in limits):
                break
            self._send(text)
            done.append(text)
        return done


def baselines() -> list[Strategy]:
    """The three."""
    return [HoldTheLock(), FailAndWait(), CompareAndSet()]
