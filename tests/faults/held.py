"""The fault matrix of texts that are sent later: what fails on their way, and when they leave all the same."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

from longcode.aws import queue as bodies
from longcode.domain.errors import Unavailable
from longcode.domain.message import iso
from longcode.domain.status import Status
from tests.chance import meeting, pairs
from tests.faults.matrix import MINUTE, OTHER, RECIPIENT, Stage
from tests.support.fakes import FakeClock, Mapping, make_world
from tests.support.fakes.fault_injector import Died, Failure, unavailable
from tests.support.fakes.queue import Consumer

# In the middle of a second, and so that the reconciler comes 44 s later, when what is held is not overdue yet.
_PAST_MINUTE_MS = 16_300
# The timer is set by the API, or by the reconciler.
NEAR_MS, FAR_MS = 30_000, 6 * MINUTE
# How late a text leaves whose timer comes; one that lost its timer; and after one run more of the reconciler.
SOON_MS, LOST_MS, LATER_MS = 2_000, 2 * MINUTE, 3 * MINUTE
_LASTS_MS = 40 * MINUTE

FAILURES: dict[str, tuple[Failure, bool]] = {
    "fails": (unavailable, False),
    "loses its answer": (unavailable, True),
    "is the last before the death": (Died, False),
    "is the last that its process did": (Died, True),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One call on the way of a held text, which fails once.

    It is the first of its name from `from_ms` on, by the text's time (None: from its acceptance). `lost`: its
    timer is lost too, so that the reconciler brings it. `late_ms` is the latest that the text leaves. `doubt`: the
    text may be in doubt, and those behind it do not wait.
    """

    store: str
    call: str
    from_ms: int | None
    late_ms: int
    lost: bool = False
    doubt: bool = False


# Late by a timer that is hidden for as long as an invocation may take, the text is the reconciler's.
POINTS = {
    "the text is stored": Point("messages", "accept", None, SOON_MS),
    "its timer is set": Point("queue", "set_timers", None, LOST_MS),
    "the reconciler looks for what needs a timer": Point("messages", "held", None, SOON_MS),
    "its timer is hidden until its second": Point("queue", "hide", None, LOST_MS),
    "its timer reads what is due": Point("messages", "held", -5_000, LOST_MS),
    "its timer reads the texts": Point("messages", "get_all", -5_000, LOST_MS),
    "it is put into its queue": Point("queue", "put", -5_000, LOST_MS),
    "its timer is deleted": Point("queue", "delete", -5_000, LOST_MS),
    "the consumer reads it": Point("messages", "read", -5_000, 7 * MINUTE),
    "the consumer reads its queue": Point("messages", "recipient_queue", -5_000, 7 * MINUTE),
    "it is claimed": Point("messages", "claim", -5_000, 12 * MINUTE, doubt=True),
    "the reconciler finds it overdue": Point("messages", "due_messages", 500, LATER_MS, lost=True),
    "the reconciler reads it": Point("messages", "get_all", 70_000, LATER_MS, lost=True),
    "the reconciler puts it into its queue": Point("queue", "put", 500, LATER_MS, lost=True),
    "the reconciler marks it as queued": Point("messages", "queued", 500, LOST_MS, lost=True),
}

type Deed = Callable[["HeldRun"], None]


def _purge(run: "HeldRun") -> None:
    run.queue.stored.clear()


def _double(run: "HeldRun") -> None:
    for stored in list(run.queue.stored):
        run.queue._add(stored.body, stored.group, stored.deduplication_id)


def _hide(run: "HeldRun") -> None:
    """What the queue has comes minutes later: after what the reconciler puts in."""
    for stored in run.queue.stored:
        stored.visible_ms = run.at_ms + 4 * MINUTE


def _lag(lag_ms: int, run: "HeldRun") -> None:
    run.world.messages.lag_ms = lag_ms


# What else goes wrong: when, by the text's time, what, and the latest that it leaves.
TROUBLES: dict[str, tuple[int | None, Deed, int]] = {
    "nothing": (None, lambda _run: None, SOON_MS),
    "the queue is purged before its time": (-5_000, _purge, LOST_MS),
    "the queue is purged at its time": (10, _purge, LOST_MS),
    "all timers come twice": (-5_000, _double, SOON_MS),
    "all queue messages come twice": (20, _double, SOON_MS),
    "the queue's messages come minutes late": (-5_000, _hide, LOST_MS),
    "both indexes are 300 ms late": (None, partial(_lag, 300), SOON_MS),
    "both indexes are 3 s late": (None, partial(_lag, 3_000), SOON_MS),
}
# How far the clocks of the consumer's machines are off, which take turns.
CLOCKS_MS = ((0,), (3_000,), (-3_000,), (1_000, -1_000), (3_000, -3_000))


class Company:
    """Whether others are about: texts that are sent at once, before and after its time, or a call that cancels."""

    ALONE, BETWEEN, CANCELLED = "alone", "with others at once", "cancelled just before its time"
    ALL = (ALONE, BETWEEN, CANCELLED)


@dataclass(frozen=True, slots=True)
class HeldCell:
    """One place of the matrix: a trouble, or a call (`Point`) and how it fails."""

    what: str
    how: str
    ahead_ms: int
    company: str
    clocks_ms: tuple[int, ...] = (0,)

    @property
    def late_ms(self) -> int:
        """The latest that its texts leave after their time."""
        most = POINTS[self.what].late_ms if self.what in POINTS else TROUBLES[self.what][2]
        if len(self.clocks_ms) > 1:
            # What one brings is not due by the other's clock: the reconciler brings it again.
            most = max(most, LOST_MS)
        return most + max(map(abs, self.clocks_ms))

    @property
    def doubt(self) -> bool:
        """Whether its text may be in doubt."""
        return self.what in POINTS and POINTS[self.what].doubt


@dataclass(frozen=True, slots=True)
class HeldOutcome:
    """What became of it. Times are milliseconds after each text's own time."""

    taken: tuple[int, ...]
    first_ms: int
    latest_ms: int
    in_order: bool
    ends: frozenset[Status]
    left: int
    cancelled: int | None


def held_cells() -> Iterator[HeldCell]:
    """All of them."""
    for ahead_ms, company in itertools.product((NEAR_MS, FAR_MS), Company.ALL):
        for what, how in itertools.product(POINTS, FAILURES):
            yield HeldCell(what, how, ahead_ms, company)
        for what, clocks_ms in itertools.product(TROUBLES, CLOCKS_MS):
            yield HeldCell(what, "", ahead_ms, company, clocks_ms)


def sample(seed: int) -> list[HeldCell]:
    """Cells by chance, until each trouble and each failing call was met by every value of each other dimension."""
    return meeting(
        held_cells(), lambda cell: pairs((cell.what, cell.how, cell.ahead_ms, cell.company, cell.clocks_ms)), seed
    )


class SkewedClock:
    """ports.Clock of a machine whose clock is off."""

    def __init__(self, clock: FakeClock, skew_ms: int) -> None:
        self._clock, self._skew_ms = clock, skew_ms
        self.side_by_side = clock.side_by_side

    def now_ms(self) -> int:
        return self._clock.now_ms() + self._skew_ms

    def sleep_until(self, at_ms: int) -> None:
        self._clock.sleep_until(at_ms - self._skew_ms)


class HeldRun(Stage):
    """One cell: three texts to one recipient, due within two milliseconds, and one to another at that time."""

    def __init__(self, cell: HeldCell) -> None:
        super().__init__(idle_reconciles=True)
        self._cell = cell
        self.at_ms = self.start_ms // MINUTE * MINUTE + 10 * MINUTE + _PAST_MINUTE_MS
        self.ids: list[str] = []
        self._cancelled: int | None = None
        consumers = [self._consumer(skew_ms) for skew_ms in cell.clocks_ms]
        turns = itertools.cycle(consumers)
        self.mapping = Mapping(self.queue, lambda event, context: next(turns)(event, context))

    def _consumer(self, skew_ms: int) -> Consumer:
        world = self.world
        names = (
            "messages", "limits", "carriers", "registrations", "optouts", "queue", "event_bus", "counters",
            "heartbeat", "provider", "metrics", "logger",
        )  # fmt: skip
        parts = {name: getattr(world, name) for name in names}
        clock = SkewedClock(self.clock, skew_ms)
        other = make_world(world.settings, **parts | {"clock": clock})
        return other.handler("consumer")

    def outcome(self) -> HeldOutcome:
        """Let it happen, and look."""
        self.clock.sleep_until(self.at_ms - self._cell.ahead_ms)
        self._arm()
        self.clock.at(self.clock.now_ms(), self._ask)
        if self._cell.company == Company.BETWEEN:
            for after_ms in (-1_000, 400, 20_000, 130_000):
                self.clock.at(
                    self.at_ms + after_ms, lambda: self._try(lambda: self.world.enqueue(RECIPIENT, "at once"))
                )
        if self._cell.company == Company.CANCELLED:
            self.clock.at(self.at_ms - 300, self._cancel)
        self.run(_LASTS_MS)
        return self._found()

    def reconcile_failed(self, exc: BaseException) -> None:
        assert isinstance(exc, Unavailable | Died)

    def _arm(self) -> None:
        cell = self._cell
        if cell.what in TROUBLES:
            when, deed, _ = TROUBLES[cell.what]
            deed(self) if when is None else self.clock.at(self.at_ms + when, lambda: deed(self))
            return
        point, (failure, after) = POINTS[cell.what], FAILURES[cell.how]
        faults = self.queue.faults if point.store == "queue" else self.world.messages.faults
        if point.lost:
            self.clock.at(self.at_ms - 5_000, self.queue.stored.clear)
        if point.from_ms is None:
            # The first text is accepted before.
            faults.fail(point.call, failure, after=after, skip=int(point.call == "accept"))
        else:
            self.clock.at(self.at_ms + point.from_ms, lambda: faults.fail(point.call, failure, after=after))

    @staticmethod
    def _try(ask: Callable[[], object]) -> None:
        try:
            ask()
        except (Unavailable, Died):
            return

    def _ask(self) -> None:
        """What a caller does: a request without an answer, or with 503, is made again under its key."""
        for number, (to, after_ms) in enumerate(((RECIPIENT, 0), (RECIPIENT, 1), (RECIPIENT, 2), (OTHER, 0))):
            for _ in range(2):
                try:
                    reply = self.world.enqueue(
                        to, str(number), key=f"key-{number}", send_at=iso(self.at_ms + after_ms)
                    )
                except Died:
                    continue
                if reply.status == 202:
                    self.ids.append(str(reply.fields["message_id"]))
                    break

    def _cancel(self) -> None:
        """Cancel the second text."""

        def ask() -> None:
            reply = self.world.request("queue", "DELETE", "/sms/queue/{id}", parameters={"id": self.ids[1]})
            self._cancelled = reply.status

        self._try(ask)

    def _found(self) -> HeldOutcome:
        provider, messages = self.world.provider, [self.world.messages.get(ident) for ident in self.ids]
        texts = {text.key: text for text in provider.texts}
        waits = [texts[m.id].taken_ms - m.ready_ms for m in messages if m and m.id in texts]
        own = [texts[ident].taken_ms for ident in self.ids[:3] if ident in texts]
        return HeldOutcome(
            taken=tuple(provider.taken(ident) for ident in self.ids),
            first_ms=min(waits),
            latest_ms=max(waits),
            in_order=own == sorted(own),
            ends=frozenset(message.status for message in messages if message),
            left=len(self.queue.dead) + sum(bodies.read_timer(one.body) is None for one in self.queue.stored),
            cancelled=self._cancelled,
        )


@cache
def held_outcome(cell: HeldCell) -> HeldOutcome:
    """Run a cell; the same one only once a process."""
    return HeldRun(cell).outcome()
