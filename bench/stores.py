"""The ports that longcode.use_cases.consume needs, in memory and in virtual time."""

# Each has what sending needs where the provider takes every text, and no more: another call is an error. The
# limits are the tests' own fake, as it does what the real table does.

# ruff: noqa: ARG002  # the ports say what is handed over; not all of it matters here

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from bench.clock import START_MS, SimClock
from bench.fifo import Fifo
from bench.texts import Text
from longcode.domain.gate import Gate, Limiter
from longcode.domain.message import Message, Place
from longcode.domain.outcomes import Answer, Verdict
from longcode.domain.pacing import Reservation
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Claim, Waiting
from longcode.use_cases.queue_ports import Envelope
from tests.support.fakes.limits import FakeLimits

SENDER = "+12025550100"


@dataclass
class Counts:
    """What is counted besides what each text remembers."""

    recipient_writes: int = 0
    shared_writes: int = 0
    crashes: int = 0

    def write(self, key: str) -> None:
        """Count one write of a limiter."""
        if key.startswith("to#"):
            self.recipient_writes += 1
        else:
            self.shared_writes += 1


class SimMessages:
    """ports.Messages, as much of it as sending needs."""

    def __init__(self, texts: Sequence[Text], clock: SimClock) -> None:
        self._texts = texts
        self._clock = clock
        # Those of each recipient that are not yet known to have been claimed, in their order.
        self._queues: dict[str, deque[Text]] = defaultdict(deque)
        for text in texts:
            self._queues[text.recipient].append(text)
        self._plain = Message(
            id="",
            direction="outbound",
            status=Status.QUEUED,
            sender=SENDER,
            recipient="",
            text="Hello",
            accepted_ms=0,
            updated_ms=0,
            route="queue",
            segments=1,
        )

    def text(self, message_id: str) -> Text:
        return self._texts[int(message_id)]

    def read(self, message_ids: Sequence[str]) -> dict[str, Message]:
        self._clock.store()
        return {ident: self._message(self.text(ident)) for ident in message_ids}

    def recipient_queue(
        self, recipient: str, *, until: Place, at_most: int, priority: Priority = Priority.TRANSACTIONAL
    ) -> list[Waiting]:
        self._clock.store()
        queue = self._queues[recipient]
        while queue and queue[0].claimed:
            queue.popleft()
        # What was claimed out of turn, as there is none, would only be looked at again.
        return [
            Waiting(text.id, recipient, _place(text))
            for text in islice(queue, at_most)
            if not text.claimed and _place(text) <= until
        ]

    def claim(self, message_id: str, claim_id: str, now_ms: int) -> Claim:
        self._clock.store()
        text = self.text(message_id)
        won = not text.claimed
        text.claimed = True
        return Claim(won, replace(self._message(text), claim_id=claim_id, claimed_ms=now_ms))

    def release(
        self, message: Message, now_ms: int, *, slot_ms: int, held_by: HeldBy, turn: int | None = None
    ) -> bool:
        text = self.text(message.id)
        text.claimed = False
        queue = self._queues[text.recipient]
        if not queue or queue[0].number > text.number:
            queue.appendleft(text)
        self._hold(text, slot_ms)
        return True

    def submitted(self, message: Message, answer: Answer, now_ms: int) -> bool:
        self._clock.store()
        return True

    def hold(
        self,
        message: Message,
        slot_ms: int,
        held_by: HeldBy,
        turn: int | None = None,
        cap_day: str | None = None,
    ) -> None:
        self._hold(self.text(message.id), slot_ms)

    def _hold(self, text: Text, slot_ms: int) -> None:
        self._clock.store()
        text.slot_ms = slot_ms
        if text.first_slot_ms is None:
            text.first_slot_ms = slot_ms

    def _message(self, text: Text) -> Message:
        status = Status.SENDING if text.claimed else Status.QUEUED
        return replace(
            self._plain,
            id=text.id,
            recipient=text.recipient,
            status=status,
            slot_ms=text.slot_ms,
            accepted_ms=_accepted_ms(text),
        )


def _place(text: Text) -> Place:
    return Place(_accepted_ms(text), _accepted_ms(text))


def _accepted_ms(text: Text) -> int:
    """What a recipient queue is ordered by: no two texts have the same, also where all begin at once."""
    return int(START_MS) + text.number


class SimProvider:
    """ports.Provider that takes every text and notes when it arrived."""

    def __init__(self, texts: Sequence[Text], clock: SimClock) -> None:
        self._texts = texts
        self._clock = clock
        self._answer = Answer(Verdict.ACCEPTED, telnyx_id="t", http_status=200)

    def prepare(self) -> None:
        return

    def send(self, message: Message) -> Answer:
        self.take(self._texts[int(message.id)])
        return self._answer

    def take(self, text: Text) -> None:
        """One request, there and back."""
        self._clock.way_to_provider()
        text.arrived_ms = self._clock.now
        text.copies += 1
        self._clock.at_provider()


class SimQueue:
    """queue_ports.Queue over the model of the queue. `later` has something done at a moment of virtual time."""

    def __init__(
        self,
        queue: Fifo,
        messages: SimMessages,
        clock: SimClock,
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._queue = queue
        self._messages = messages
        self._clock = clock
        self._later = later

    def hide(self, envelopes: Sequence[Envelope], delays_s: Sequence[int]) -> None:
        self._clock.store()
        for envelope, delay in zip(envelopes, delays_s, strict=True):
            self._queue.hide(self._messages.text(envelope.queue_id), self._clock.now, delay)

    def delete(self, envelopes: Sequence[Envelope]) -> None:
        if not envelopes:
            return
        self._clock.store()
        texts = [self._messages.text(envelope.queue_id) for envelope in envelopes]
        self._later(self._clock.now, lambda: self._queue.delete_all(texts))


class Unused:
    """Stands for a port that nothing should ask for anything."""

    def __init__(self, name: str) -> None:
        self._name = name

    # Any: whatever was asked for, it is not there.
    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"The benchmark does not know {self._name}.{name}.")


class Quiet:
    """ports.Metrics and ports.Logger that listen to nothing but crashes."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def count(self, name: str, value: float = 1) -> None:
        if name == "Crashed":
            self._counts.crashes += 1

    def bind(self, **fields: object) -> None:
        return

    def info(self, event: str, **fields: object) -> None:
        return

    def warning(self, event: str, **fields: object) -> None:
        return

    def error(self, event: str, **fields: object) -> None:
        raise AssertionError(f"{event}: {fields}")

    def exception(self, event: str, **fields: object) -> None:
        raise


class SimLimits(FakeLimits):
    """ports.Limits in memory, which the contract suite holds to what the real table does; each write counted.

    One whose condition fails counts too: it costs the same. `shared` is the table itself, of all instances.
    """

    def __init__(self, clock: SimClock, counts: Counts, shared: dict[str, Limiter]) -> None:
        super().__init__()
        self.limiters = shared
        self._clock = clock
        self._counts = counts

    def read_gate(
        self, recipient: str, sender: str, priority: Priority = Priority.TRANSACTIONAL, tag: str | None = None
    ) -> Gate:
        self._clock.store()
        return super().read_gate(recipient, sender, priority, tag)

    def reserve(self, key: str, weight: int, interval_ms: int, now_ms: int, *, ahead: bool = False) -> Reservation:
        if ahead is not ((tat_ms(self.limiters, key) or 0) > now_ms):
            self._write(key)
        self._write(key)
        return super().reserve(key, weight, interval_ms, now_ms, ahead=ahead)

    def push(self, key: str, not_before_ms: int) -> None:
        self._write(key)
        super().push(key, not_before_ms)

    def give_back(self, key: str, reservation: Reservation, slots: int, interval_ms: int) -> None:
        self._write(key)
        super().give_back(key, reservation, slots, interval_ms)

    def _write(self, key: str) -> None:
        self._clock.store()
        self._counts.write(key)


def tat_ms(limiters: Mapping[str, Limiter], key: str) -> int | None:
    """Where a limiter stands, for the baselines."""
    return limiters[key].tat_ms if key in limiters else None


def set_tat(limiters: dict[str, Limiter], key: str, at_ms: int) -> None:
    """Write a limiter without a condition, for the baselines."""
    limiters[key] = replace(limiters.get(key, Limiter()), tat_ms=at_ms)
