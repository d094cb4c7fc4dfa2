"""The messages table in memory, with the conditions of its writes."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from operator import itemgetter

from longcode.domain.message import (
    CLAIM_MS,
    DUE_PARTS,
    ENQUEUE_CHECK_MS,
    HELD_GROUPS,
    KEPT_ENTRIES,
    RECEIPT_AFTER_CLAIM_MS,
    RECEIPT_CHECK_MS,
    DueGroup,
    Entry,
    Fault,
    Message,
    Place,
    held_shard,
)
from longcode.domain.outcomes import Answer, Receipt, Recorded, Recording
from longcode.domain.priority import Priority
from longcode.domain.schedule import AHEAD_MS, EARLY_MS, held_until_ms
from longcode.domain.status import HeldBy, Status, receipt_ceiling
from longcode.use_cases.ports import Claim, Waiting
from tests.support.fakes.due_index import DueIndex
from tests.support.fakes.fault_injector import FaultInjector

WRITES = (
    "accept", "claim", "release", "submitted", "ambiguous", "mark_replayed", "end", "hold", "record", "receive",
    "set_due", "erase", "queued", "forbid", "put_off", "change",
)  # fmt: skip

# What a change of a held text may write.
CHANGEABLE = (
    "text", "segments", "metadata", "send_at_ms", "not_before_ms", "expires_ms", "held_by", "updated_ms",
    "history",
)  # fmt: skip


@dataclass
class _Row:
    message: Message
    waits: bool = False
    due_at_ms: int | None = None
    due_group: DueGroup = DueGroup.URGENT
    event_ids: set[str] = field(default_factory=set)
    # When it came into its recipient queue, moved in it or left it, and its place from then on: what the index
    # shows comes later.
    moves: list[tuple[int, Place | None]] = field(default_factory=list)


class FakeMessages:
    """ports.Messages in memory. The contract tests hold it to what the real table does."""

    def __init__(
        self,
        *,
        validity_minutes: int = 1440,
        keep_text: bool = True,
        now_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        self.faults = FaultInjector(
            "accept", "get", "find", "claim", "hold", "queued", "forbid", "record", "receive", "queue_length",
            "recipient_queue", "waiting", "due_messages", "old_claims", "oldest", "set_due", "get_all", "erase",
            "held", "put_off", "change", "read", "release", "submitted", "ambiguous", "mark_replayed", "end",
        )  # fmt: skip
        # How long after a write the indexes of recipient queues and by due time show it, as DynamoDB's may.
        self.lag_ms = 0
        self._now_ms = now_ms
        self._validity_ms = validity_minutes * 60_000
        self._keep_text = keep_text
        self._rows: dict[str, _Row] = {}
        # The rows of each recipient, for a queue is read for each text that leaves.
        self._of: dict[str, dict[str, _Row]] = {}
        self._due = DueIndex(lambda: self._now_ms() - self.lag_ms)
        self._pointers: dict[str, str] = {}
        self._erased: set[str] = set()

    @property
    def all(self) -> list[Message]:
        """Every message stored, in the order of their coming."""
        return [row.message for row in self._rows.values()]

    def accept(self, message: Message) -> Message | None:
        with self.faults.around("accept"):
            row = self._rows.get(message.id)
            old = row.message if row else None
            if old and not (
                old.safe_to_retry and old.status is Status.FAILED and old.fingerprint == message.fingerprint
            ):
                ours = message.claim_id in (None, old.claim_id) and old.accepted_ms == message.accepted_ms
                return None if ours and old.fingerprint == message.fingerprint else old
            due_at_ms = (message.claimed_ms or message.accepted_ms) + CLAIM_MS
            if message.status.waiting:
                due_at_ms = self._waits_until(message)
            self._erased.discard(message.id)
            self._forget(message.id)
            row = self._store(message)
            self._look(row, message.due_group, due_at_ms)
            self._wait(row, message.status.waiting)
            return None

    def get(self, message_id: str) -> Message | None:
        with self.faults.around("get"):
            return self._peek(message_id)

    def find(self, either_id: str) -> Message | None:
        with self.faults.around("find"):
            return self._peek(either_id) or self._peek(self._pointers.get(either_id, ""))

    def claim(self, message_id: str, claim_id: str, now_ms: int) -> Claim:
        with self.faults.around("claim"):
            row = self._rows.get(message_id)
            if row is None:
                return Claim(False, None)
            if (
                not row.message.status.waiting
                or row.message.no_resend
                or (row.message.not_before_ms or 0) > now_ms + EARLY_MS
            ):
                return Claim(row.message.claim_id == claim_id, row.message)
            row.message = replace(
                row.message,
                status=Status.SENDING,
                claim_id=claim_id,
                claimed_ms=now_ms,
                updated_ms=now_ms,
                attempts=row.message.attempts + 1,
                unqueued=False,
            )
            self._wait(row, False)
            self._look(row, DueGroup.CLAIMED, now_ms + CLAIM_MS)
            return Claim(True, row.message)

    def release(
        self,
        message: Message,
        now_ms: int,
        *,
        slot_ms: int,
        held_by: HeldBy,
        turn: int | None = None,
    ) -> bool:
        def put_back(row: _Row) -> None:
            row.message = replace(
                row.message,
                status=Status.QUEUED,
                slot_ms=slot_ms,
                held_by=held_by,
                turn=turn,
                cap_day=message.cap_day,
                updated_ms=now_ms,
                attempts=row.message.attempts - 1,
                claim_id=None,
                claimed_ms=None,
            )
            self._wait(row, True)
            self._look(row, row.message.waiting_group, row.message.valid_until_ms(self._validity_ms))

        return self._change("release", message, lambda old: old.status is Status.SENDING, put_back)

    def submitted(self, message: Message, answer: Answer, now_ms: int) -> bool:
        entry = Entry(
            now_ms,
            answer.status.value,
            "api" if message.route == "send" else "consumer",
            answer.note,
            answer.faults,
        )

        def take(row: _Row) -> None:
            row.message = replace(
                row.message,
                status=answer.status,
                telnyx_id=row.message.telnyx_id or answer.telnyx_id,
                provider_status=answer.provider_status,
                sent_ms=now_ms,
                faults=answer.faults,
                updated_ms=now_ms,
                parts=row.message.parts if answer.parts is None else answer.parts,
                history=(*row.message.history, entry),
                text=self._text_after(row.message, answer.status),
                media_urls=self._media_after(row.message, answer.status),
            ).on(answer.subscription)
            if answer.status.final:
                self._look(row, row.due_group, None)
            elif message.status is not Status.SENDING:
                self._look(row, DueGroup.RECEIPT, now_ms + RECEIPT_CHECK_MS)

        won = self._change("submitted", message, lambda old: old.status.rank < Status.SUBMITTED.rank, take)
        if answer.telnyx_id:
            self._pointers[answer.telnyx_id] = message.id
        return won

    def ambiguous(self, message: Message, fault: Fault, now_ms: int) -> bool:
        entry = Entry(
            now_ms, Status.UNKNOWN.value, "api" if message.route == "send" else "consumer", faults=(fault,)
        )

        def doubt(row: _Row) -> None:
            row.message = replace(
                row.message,
                status=Status.UNKNOWN,
                faults=(fault,),
                updated_ms=now_ms,
                history=(*row.message.history, entry),
            )
            self._look(row, DueGroup.URGENT, now_ms)

        return self._change("ambiguous", message, lambda old: old.status is Status.SENDING, doubt)

    def mark_replayed(self, message: Message, now_ms: int, *, undo: bool = False) -> bool:
        def mark(row: _Row) -> None:
            replays = row.message.replays + (-1 if undo else 1)
            row.message = replace(row.message, replays=replays, replayed_ms=now_ms, slot_ms=None)
            self._look(row, DueGroup.URGENT, now_ms + CLAIM_MS)

        def as_read(old: Message) -> bool:
            return old.status is Status.UNKNOWN and not old.no_resend and old.replays == message.replays

        return self._change("mark_replayed", message, as_read, mark)

    def end(
        self, message: Message, status: Status, entry: Entry, now_ms: int, *, safe_to_retry: bool = False
    ) -> bool:
        def finish(row: _Row) -> None:
            row.message = replace(
                row.message,
                status=status,
                faults=entry.faults,
                safe_to_retry=safe_to_retry,
                updated_ms=now_ms,
                history=(*row.message.history, entry),
                text=self._text_after(row.message, status),
                media_urls=self._media_after(row.message, status),
                unqueued=False,
            )
            self._wait(row, False)
            self._look(row, row.due_group, None)

        return self._change(
            "end", message, lambda old: old.status.rank < Status.SUBMITTED.rank, finish, unclaimed_too=True
        )

    def hold(
        self,
        message: Message,
        slot_ms: int,
        held_by: HeldBy,
        turn: int | None = None,
        cap_day: str | None = None,
    ) -> None:
        with self.faults.around("hold"):
            row = self._rows.get(message.id)
            if message.status is Status.HELD:
                if row is None or not self._as_held(row, message):
                    return
                self._into_queue(row)
            if row and row.message.status in (Status.QUEUED, Status.UNKNOWN):
                row.message = replace(row.message, slot_ms=slot_ms, held_by=held_by, turn=turn, cap_day=cap_day)

    @staticmethod
    def _as_held(row: _Row, message: Message) -> bool:
        """Whether a held text still waits until the same moment."""
        return row.message.status.waiting and row.message.not_before_ms == message.not_before_ms

    def _into_queue(self, row: _Row) -> None:
        row.message = replace(row.message, status=Status.QUEUED, unqueued=False)
        self._look(row, row.message.waiting_group, row.message.valid_until_ms(self._validity_ms))

    def _waits_until(self, message: Message) -> int:
        if message.status is Status.HELD:
            return held_until_ms(message, self._validity_ms)
        if message.unqueued:
            return min(message.accepted_ms + ENQUEUE_CHECK_MS, message.valid_until_ms(self._validity_ms))
        return message.valid_until_ms(self._validity_ms)

    def put_off(self, message: Message, not_before_ms: int, held_by: HeldBy, now_ms: int) -> bool:
        def put(row: _Row) -> None:
            row.message = replace(
                row.message,
                status=Status.HELD,
                not_before_ms=not_before_ms,
                held_by=held_by,
                updated_ms=now_ms,
                attempts=row.message.attempts - (1 if message.claim_id else 0),
                slot_ms=None,
                turn=None,
                cap_day=None,
                claim_id=None,
                claimed_ms=None,
                unqueued=False,
            )
            self._wait(row, True)
            self._look(row, DueGroup.HELD, self._waits_until(row.message))

        def mine(old: Message) -> bool:
            if message.claim_id:
                return old.status is Status.SENDING
            return old.status.waiting and old.not_before_ms in (message.not_before_ms, not_before_ms)

        return self._change("put_off", message, mine, put, unclaimed_too=True)

    def change(self, seen: Message, changed: Message) -> bool:
        with self.faults.around("change"):
            row = self._rows.get(changed.id)
            if row is None:
                return False
            old = row.message
            if old.status is not Status.HELD or (old.updated_ms, old.not_before_ms) != (
                seen.updated_ms,
                seen.not_before_ms,
            ):
                return old == changed
            row.message = replace(
                old,
                **{name: getattr(changed, name) for name in CHANGEABLE},
            )
            self._look(row, DueGroup.HELD, self._waits_until(row.message))
            return True

    def queued(self, message: Message) -> None:
        with self.faults.around("queued"):
            row = self._rows.get(message.id)
            if message.status is Status.HELD:
                if row and self._as_held(row, message):
                    self._into_queue(row)
                return
            if (
                row
                and row.message.status is Status.QUEUED
                and row.message.unqueued
                and row.message.accepted_ms == message.accepted_ms
            ):
                self._into_queue(row)

    def forbid(self, message: Message) -> bool:
        with self.faults.around("forbid"):
            row = self._rows.get(message.id)
            if row is None or row.message.status not in (Status.SENDING, Status.UNKNOWN):
                return False
            row.message = replace(row.message, no_resend=True)
            return True

    def record(self, message_id: str, receipt: Receipt, now_ms: int) -> Recording:
        with self.faults.around("record"):
            row = self._rows.get(message_id)
            if row is None:
                return Recording(Recorded.MISSING)
            before = row.message
            return Recording(self._record(row, receipt, now_ms), before)

    def _record(self, row: _Row, receipt: Receipt, now_ms: int) -> Recorded:
        if receipt.event_id in row.event_ids:
            return Recorded.DUPLICATE
        if receipt.telnyx_id and row.message.telnyx_id not in (None, receipt.telnyx_id):
            return Recorded.FOREIGN
        advances = receipt.status and row.message.status.rank < receipt_ceiling(receipt.status)
        if not advances and len(row.message.history) >= KEPT_ENTRIES:
            return Recorded.KEPT
        if receipt.telnyx_id and row.message.telnyx_id is None:
            self._pointers[receipt.telnyx_id] = row.message.id
        row.event_ids.add(receipt.event_id)
        entry = Entry(receipt.occurred_ms, receipt.word, receipt.source, receipt.note, receipt.faults)
        telnyx_id = receipt.telnyx_id or row.message.telnyx_id
        row.message = replace(row.message, telnyx_id=telnyx_id, history=(*row.message.history, entry))
        if receipt.status is None or row.message.status.rank >= receipt_ceiling(receipt.status):
            row.message = _with_bill(row.message, receipt)
            if row.message.carrier is None:
                row.message = row.message.on(receipt.subscription)
            return Recorded.KEPT
        self._advance(row, receipt, receipt.status, now_ms)
        return Recorded.ADVANCED

    def receive(self, message: Message) -> bool:
        with self.faults.around("receive"):
            if message.id in self._rows:
                return False
            self._store(message)
            return True

    def queue_length(
        self, recipient: str, *, at_most: int, before: Place, priority: Priority = Priority.TRANSACTIONAL
    ) -> int:
        with self.faults.around("queue_length"):
            return min(sum(place < before for place, _ in self._queue_of(recipient, priority)), at_most)

    def recipient_queue(
        self, recipient: str, *, until: Place, at_most: int, priority: Priority = Priority.TRANSACTIONAL
    ) -> list[Waiting]:
        with self.faults.around("recipient_queue"):
            found = [
                Waiting(message.id, message.queue_name, place, message.priority)
                for place, message in self._queue_of(recipient, priority)
                if place <= until
            ]
            return found[:at_most]

    def _queue_of(self, recipient: str, priority: Priority) -> list[tuple[Place, Message]]:
        """What the index shows of a recipient queue, in its order."""
        rows = [row for row in self._of.get(recipient, {}).values() if row.message.priority is priority]
        found = [(place, row.message) for row in rows if (place := self._shown(row))]
        return sorted(found, key=itemgetter(0))

    def waiting(self, at_most: int) -> tuple[list[Waiting], bool]:
        with self.faults.around("waiting"):
            found = [
                Waiting(message.id, message.queue_name, place, message.priority)
                for recipient in sorted(self._of)
                for priority in Priority
                for place, message in self._queue_of(recipient, priority)
            ]
            return found[:at_most], len(found) > at_most

    def due_messages(self, shard: int, now_ms: int, at_most: int) -> Sequence[str]:
        with self.faults.around("due_messages"):
            group = DueGroup(shard // DUE_PARTS)
            if group is DueGroup.CLAIMED:
                now_ms -= RECEIPT_AFTER_CLAIM_MS
            return [ident for _, ident in self._due.between(shard, -(10**18), now_ms + 1, None)[:at_most]]

    @staticmethod
    def _shard(row: _Row) -> int:
        if row.due_group in HELD_GROUPS.values():
            return held_shard(row.message.recipient, row.message.priority)
        return row.due_group.shards[zlib.crc32(row.message.id.encode()) % DUE_PARTS]

    def held(
        self, shard: int, since_ms: int, until_ms: int, at_most: int, after: tuple[int, str] | None = None
    ) -> list[tuple[int, str]]:
        with self.faults.around("held"):
            return self._due.between(shard, since_ms, until_ms, after)[:at_most]

    def old_claims(self, now_ms: int, at_most: int) -> list[str]:
        with self.faults.around("old_claims"):
            found = [ident for at_ms, ident in self._entries(DueGroup.CLAIMED) if at_ms <= now_ms]
            return found[::-1][:at_most]

    def _entries(self, group: DueGroup) -> list[tuple[int, str]]:
        """What the index by due time has of a group, by time."""
        return sorted(entry for shard in group.shards for entry in self._due.part(shard))

    def oldest(self, at_most: int, *, expiring: bool = False) -> list[str]:
        with self.faults.around("oldest"):
            group = DueGroup.EXPIRING if expiring else DueGroup.QUEUED
            return [ident for _, ident in self._entries(group)[:at_most]]

    def set_due(self, message: Message, at_ms: int | None) -> None:
        with self.faults.around("set_due"):
            row = self._rows.get(message.id)
            if row is None or row.due_at_ms is None:
                return
            as_read = (message.status.rank, message.claim_id) == (row.message.status.rank, row.message.claim_id)
            if message.status is Status.HELD:
                as_read = as_read and message.updated_ms == row.message.updated_ms
            if as_read:
                self._look(row, message.due_group, at_ms)

    def get_all(self, message_ids: Sequence[str]) -> list[Message]:
        with self.faults.around("get_all"):
            return [self._rows[ident].message for ident in message_ids if ident in self._rows]

    def erase(self, message: Message) -> bool:
        with self.faults.around("erase"):
            row = self._rows.get(message.id)
            if message.status.rank < Status.SUBMITTED.rank:
                return False
            self._pointers.pop(message.telnyx_id or "", None)
            if row and row.message.status.rank < Status.SUBMITTED.rank:
                return False
            if row and message.status is Status.CANCELLED:
                self._erased.add(message.id)
            self._forget(message.id)
            return True

    def read(self, message_ids: Sequence[str]) -> dict[str, Message | None]:
        with self.faults.around("read"):
            found: dict[str, Message | None] = dict.fromkeys(self._erased.intersection(message_ids))
            return found | {ident: self._rows[ident].message for ident in message_ids if ident in self._rows}

    def next_due_at_ms(self) -> int | None:
        """When the reconciler will next have a message to look at; None: never."""
        # Asked before each thing that happens, so by one walk.
        due: int | None = None
        for row in self._rows.values():
            if (at_ms := row.due_at_ms) is None:
                continue
            if row.due_group is DueGroup.CLAIMED and row.message.status is not Status.SENDING:
                at_ms += RECEIPT_AFTER_CLAIM_MS
            if row.due_group is DueGroup.HELD:
                # It needs a timer.
                at_ms -= AHEAD_MS
            if due is None or at_ms < due:
                due = at_ms
        return due

    def _store(self, message: Message) -> _Row:
        self._rows[message.id] = row = _Row(message)
        self._of.setdefault(message.queue_name, {})[message.id] = row
        return row

    def _forget(self, message_id: str) -> None:
        if row := self._rows.pop(message_id, None):
            self._look(row, row.due_group, None)
            del self._of[row.message.queue_name][message_id]

    def _shown(self, row: _Row) -> Place | None:
        """Where the index of recipient queues has it by now, None: nowhere."""
        until_ms = self._now_ms() - self.lag_ms
        return next((place for at, place in reversed(row.moves) if at <= until_ms), None)

    def _look(self, row: _Row, group: DueGroup, at_ms: int | None) -> None:
        row.due_group, row.due_at_ms = group, at_ms
        self._due.put(row.message.id, self._shard(row), at_ms, self._now_ms())
        if row.waits:
            self._wait(row, True)

    def _wait(self, row: _Row, waits: bool) -> None:
        row.waits = waits
        place = row.message.place if waits else None
        if not row.moves or row.moves[-1][1] != place:
            row.moves.append((self._now_ms(), place))

    def _peek(self, message_id: str) -> Message | None:
        row = self._rows.get(message_id)
        return row.message if row else None

    def _change(
        self,
        call: str,
        mine: Message,
        condition: Callable[[Message], bool],
        change: Callable[[_Row], None],
        *,
        unclaimed_too: bool = False,
    ) -> bool:
        """Make `change` if the row still has the claim of `mine` and meets `condition`."""
        with self.faults.around(call, mine.id):
            row = self._rows.get(mine.id)
            if row is None or row.message.claim_id != mine.claim_id or not condition(row.message):
                return False
            if mine.claim_id is None and not unclaimed_too:
                return False
            change(row)
            return True

    def _text_after(self, old: Message, status: Status) -> str | None:
        return old.text if self._keep_text or not status.final else None

    def _media_after(self, old: Message, status: Status) -> tuple[str, ...]:
        return old.media_urls if self._keep_text or not status.final else ()

    def _advance(self, row: _Row, receipt: Receipt, status: Status, now_ms: int) -> None:
        old = row.message
        row.message = replace(
            old,
            status=status,
            updated_ms=now_ms,
            faults=receipt.faults,
            parts=old.parts if receipt.parts is None else receipt.parts,
            cost=old.cost if receipt.cost is None else Decimal(receipt.cost),
            currency=old.currency if receipt.currency is None else receipt.currency,
            completed_ms=old.completed_ms if receipt.completed_ms is None else receipt.completed_ms,
            text=self._text_after(old, status),
            media_urls=self._media_after(old, status),
        ).on(receipt.subscription)
        self._wait(row, False)
        if status.final:
            self._look(row, row.due_group, None)
        elif old.status.waiting and row.due_at_ms is not None:
            self._look(row, DueGroup.RECEIPT, now_ms + RECEIPT_CHECK_MS)


def _with_bill(message: Message, receipt: Receipt) -> Message:
    """The message with what a receipt says that it came to, where that is not known yet."""
    cost = Decimal(receipt.cost) if receipt.cost is not None else None
    return replace(
        message,
        parts=receipt.parts if message.parts is None else message.parts,
        cost=cost if message.cost is None else message.cost,
        currency=receipt.currency if message.currency is None else message.currency,
        completed_ms=receipt.completed_ms if message.completed_ms is None else message.completed_ms,
    )
