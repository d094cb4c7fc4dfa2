"""An SQS FIFO queue and Lambda's event source mapping under virtual time.

SQS's rules, as this queue states them:

1. A group's messages come in the order in which they were sent, up to the first that is not visible. With
   `whole_groups` none comes while any of the group is not visible: AWS's guide can be read either way.
2. A receive takes as many of one group as it can, then goes on to the next group; ten at most.
3. What was received is invisible for the queue's visibility timeout, or until it is changed; never longer than
   twelve hours from the receive.
4. Every receive counts. A message that was received as often as the queue allows goes to the dead letters
   instead, at its next turn.
5. A second message with the same deduplication id in the same group within five minutes is taken and dropped, also
   after the first was deleted.
6. What is deleted at a moment stood in the way of its group until then.
7. A handle is good for the latest receive of its message, and only while the message is invisible.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from longcode.aws import queue
from longcode.domain.schedule import Timer
from longcode.use_cases.ports import Waiting
from longcode.use_cases.queue_ports import Envelope
from tests.support.fakes.clock import Action, FakeClock, FakeContext
from tests.support.fakes.fault_injector import Died, FaultInjector
from tests.support.fakes.shelf import Shelf, Stored

DEDUPLICATION_MS = 5 * 60_000
LONGEST_INVISIBLE_MS = 12 * 60 * 60_000
BATCH = 10


@dataclass
class DeadLetters:
    """queue_ports.Depth of what a queue has given up."""

    queue: "FakeQueue"

    def size(self) -> int:
        with self.queue.faults.around("dead_letters"):
            return len(self.queue.dead)


class FakeQueue:
    """queue_ports.Queue, and what only a test may do to a queue."""

    def __init__(
        self,
        clock: FakeClock,
        *,
        visibility_ms: int = 360_000,
        max_receives: int = 1000,
        whole_groups: bool = False,
        name: str = "send.fifo",
    ) -> None:
        self.name = name
        self.faults = FaultInjector("dead_letters", "put", "set_timers", "receive", "hide", "delete", "size")
        self.clock = clock
        self.stored = Shelf(self._opens_ms)
        self.dead: list[Stored] = []
        # How often each queue message was received, also after it is gone.
        self.receives: dict[str, int] = {}
        self._visibility_ms = visibility_ms
        self._max_receives = max_receives
        self._whole_groups = whole_groups
        # Until when a group was locked by what has been deleted: pollers overlap in virtual time.
        self._locked_until: dict[str, int] = {}
        self._handles: dict[str, Stored] = {}
        self._seen: dict[tuple[str, str], int] = {}
        self._numbers = itertools.count(1)

    # ---------------------------------------------------------------------------------- queue_ports.Queue

    def put(self, texts: Sequence[Waiting], mark: str = "") -> None:
        with self.faults.around("put"):
            for text in texts:
                name = f"{text.message_id}:{mark or text.place.ready_ms}"
                self.append(queue.body(text.message_id), text.recipient, name)

    def set_timers(self, timers: Sequence[Timer]) -> None:
        with self.faults.around("set_timers"):
            for timer in timers:
                name = f"held:{timer.shard}:{timer.at_ms}"
                self.append(queue.timer_body(timer), name, name)

    def renew(self, envelopes: Sequence[Envelope]) -> None:
        # Two calls of the real queue.
        with self.faults.around("put"):
            for old in envelopes:
                self.append(old.body, old.recipient, f"renewed:{old.queue_id}")
        self.delete(envelopes)

    def receive(self) -> list[Envelope]:
        with self.faults.around("receive"):
            return [queue.envelope(self.record(stored)) for stored in self.take()]

    def hide(self, envelopes: Sequence[Envelope], delays_s: Sequence[int]) -> None:
        with self.faults.around("hide"):
            now = self.clock.now_ms()
            for envelope, delay_s in zip(envelopes, delays_s, strict=True):
                stored = self._by_handle(envelope.receipt_handle)
                until = now + delay_s * 1000
                if stored and until <= stored.received_ms + LONGEST_INVISIBLE_MS:
                    stored.visible_ms = until

    def delete(self, envelopes: Sequence[Envelope]) -> None:
        with self.faults.around("delete"):
            self.delete_handles([envelope.receipt_handle for envelope in envelopes])

    def size(self) -> int:
        with self.faults.around("size"):
            return len(self.stored)

    # --------------------------------------------------------------------------------- for the tests

    def append(self, body: str, group: str, deduplication_id: str) -> str | None:
        """SendMessage; the new message's id, None where it was dropped as a duplicate."""
        now = self.clock.now_ms()
        first = self._seen.get((group, deduplication_id))
        if first is not None and now - first < DEDUPLICATION_MS:
            return None
        self._seen[group, deduplication_id] = now
        return self._add(body, group, deduplication_id)

    def duplicate(self, message_id: str) -> None:
        """Deliver a message a second time, as a queue that promises "at least once" may."""
        original = next(stored for stored in self.stored if queue.read_body(stored.body) == message_id)
        self._add(original.body, original.group, original.deduplication_id)

    def take(self, at_most: int = BATCH) -> list[Stored]:
        """ReceiveMessage."""
        now = self.clock.now_ms()
        taken: list[Stored] = []
        for members in self.stored.open_groups(now):
            for stored in members:
                if stored.visible_ms > now or len(taken) == at_most:
                    break
                if stored.receives >= self._max_receives:
                    self.stored.remove(stored)
                    self.dead.append(stored)
                    continue
                stored.receives += 1
                stored.received_ms, stored.visible_ms = now, now + self._visibility_ms
                stored.handle = f"{stored.queue_id}/{stored.receives}"
                self._handles[stored.handle] = stored
                self.receives[stored.queue_id] = stored.receives
                taken.append(stored)
            if len(taken) == at_most:
                break
        return taken

    def delete_handles(self, handles: Sequence[str]) -> None:
        """DeleteMessage; a handle that is no longer good deletes nothing."""
        for handle in handles:
            stored = self._by_handle(handle)
            if stored:
                self._locked_until[stored.group] = self.clock.now_ms()
                self.stored.remove(stored)
                del self._handles[handle]

    def redrive(self) -> None:
        """Put the dead letters back, oldest first, as new messages with their old bodies and groups."""
        for stored in self.dead:
            self._add(stored.body, stored.group, stored.deduplication_id)
        self.dead.clear()

    def next_visible_ms(self) -> int | None:
        """When the next message can be received; None if there is none."""
        return self.stored.first_open_ms()

    def record(self, stored: Stored) -> dict[str, Any]:
        """A received message as Lambda hands it over."""
        return {
            "messageId": stored.queue_id,
            "receiptHandle": stored.handle,
            "body": stored.body,
            "attributes": {
                "ApproximateReceiveCount": str(stored.receives),
                "SentTimestamp": str(stored.sent_ms),
                "SequenceNumber": f"{18849496460467696128 + int(stored.queue_id[-12:], 16)}",
                "MessageGroupId": stored.group,
                "SenderId": "AROAEXAMPLE:long-code-sms-queue",
                "MessageDeduplicationId": stored.deduplication_id,
                "ApproximateFirstReceiveTimestamp": str(stored.received_ms),
            },
            "messageAttributes": {},
            "md5OfBody": "0" * 32,
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{self.name}",
            "awsRegion": "us-east-1",
        }

    def _add(self, body: str, group: str, deduplication_id: str) -> str:
        now = self.clock.now_ms()
        queue_id = f"00000000-0000-4000-8000-{next(self._numbers):012x}"
        self.stored.append(Stored(queue_id, group, body, deduplication_id, sent_ms=now, visible_ms=now))
        return queue_id

    def _opens_ms(self, group: str, members: Iterable[Stored]) -> int:
        """When the first of a group's messages can be received."""
        shown = (stored.visible_ms for stored in members)
        return max(self._locked_until.get(group, 0), max(shown) if self._whole_groups else next(shown))

    def _by_handle(self, handle: str) -> Stored | None:
        stored = self._handles.get(handle)
        good = stored and stored in self.stored and stored.handle == handle
        return stored if stored and good and stored.visible_ms > self.clock.now_ms() else None


# A Lambda handler: (event, context) -> answer.
Consumer = Callable[[Any, Any], Any]


@dataclass
class Invocation:
    """One call of the consumer. `died`: what it raised instead of answering."""

    started_ms: int
    ended_ms: int
    queue_ids: list[str]
    failed: list[str]
    answer: Any = None
    died: BaseException | None = None


class Mapping:
    """Lambda's event source mapping with partial batch responses.

    It deletes what the answer does not name, whatever stands in front of it in its group, and nothing at all where
    the invocation raised or the answer is malformed.
    """

    def __init__(
        self, queue: FakeQueue, consumer: Consumer, *, timeout_ms: int = 60_000, batch: int = BATCH
    ) -> None:
        self.queue = queue
        self.invocations: list[Invocation] = []
        self._consumer = consumer
        self._timeout_ms = timeout_ms
        self._batch = batch

    def run(self, *, until_ms: int | None = None, concurrency: int = 1, at_most: int = 10_000) -> None:
        """Poll until the queue is empty, or nothing can be received before `until_ms`.

        Up to `concurrency` invocations go on side by side. The time afterwards is that of the last to end.
        """
        clock = self.queue.clock
        active = polls = 0

        def invoke() -> None:
            nonlocal active, polls
            active, polls = active + 1, polls + 1
            assert polls <= at_most, f"The queue was not empty after {at_most} polls."
            try:
                if self.poll() is None:
                    clock.pass_ms(1)
            finally:
                active -= 1

        def next_poll() -> tuple[int, Action] | None:
            visible = self.queue.next_visible_ms()
            if active == concurrency or visible is None or (until_ms is not None and visible > until_ms):
                return None
            return visible, invoke

        clock.standing.append(next_poll)
        try:
            clock.run(lambda: not active and next_poll() is None)
        finally:
            clock.standing.remove(next_poll)

    def poll(self) -> Invocation | None:
        """One receive now and the invocation for it; None if nothing can be received."""
        clock = self.queue.clock
        batch = self.queue.take(self._batch)
        if not batch:
            return None
        event = {"Records": [self.queue.record(stored) for stored in batch]}
        started = clock.now_ms()
        handles = {stored.queue_id: stored.handle for stored in batch}
        invocation = Invocation(started, started, list(handles), [])
        self.invocations.append(invocation)
        try:
            invocation.answer = self._consumer(event, FakeContext(clock, self._timeout_ms))
        except (Exception, Died) as exc:
            invocation.died = exc
        invocation.ended_ms = clock.now_ms()
        invocation.failed = self._failed(invocation, list(handles))
        self.queue.delete_handles([handle for ident, handle in handles.items() if ident not in invocation.failed])
        return invocation

    @staticmethod
    def _failed(invocation: Invocation, sent: list[str]) -> list[str]:
        if invocation.died is not None:
            return sent
        answer = invocation.answer
        if not answer:
            return []
        rows = answer.get("batchItemFailures") if isinstance(answer, dict) else None
        named = [str(row.get("itemIdentifier")) for row in rows] if isinstance(rows, list) else [""]
        # One name that is empty or not in the batch fails the whole of it.
        return sent if any(name not in sent for name in named) else named
