"""Whatever is written in whatever order: what has not ended is due where the reconciler looks, and no other.

The fake and the real table walk side by side, and must agree after each step.
"""

import random
from typing import TYPE_CHECKING

import pytest

from longcode.aws.message_codec import parse
from longcode.aws.messages import DynamoMessages
from longcode.domain.message import DUE_PARTS, DueGroup, Message
from longcode.domain.status import HeldBy, Status
from tests import chance
from tests.contract.message_steps import NOW
from tests.contract.tables import create_table
from tests.support.fakes import FakeMessages
from tests.support.fakes.examples import (
    NO_ANSWER,
    OTHER_TELNYX_ID,
    TELNYX_ID,
    accepted,
    ending,
    make_message,
    make_receipt,
)

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_STEPS = 30
# So many steps more, once it has ended for good: what comes late must change nothing.
_AFTER_THE_END = 3
_ENDS = (Status.FAILED, Status.SUPPRESSED, Status.CANCELLED, Status.EXPIRED_UNSENT, Status.DELIVERY_UNCONFIRMED)
_BY_RECEIPT = (
    None, None, Status.SENT, Status.SENT, Status.SENT, Status.DELIVERED, Status.DELIVERY_FAILED,
    Status.SENDING_FAILED, Status.DELIVERY_UNCONFIRMED,
)  # fmt: skip
# Where an entry must be for the reconciler to see in time what its status asks for. Of what the provider has, any
# group will do: its look moves it.
_GROUPS = {
    Status.QUEUED: {DueGroup.QUEUED, DueGroup.URGENT},
    Status.SENDING: {DueGroup.CLAIMED},
    Status.UNKNOWN: {DueGroup.URGENT},
    Status.SUBMITTED: set(DueGroup),
    Status.SENT: set(DueGroup),
}


class Walk:
    """One message, in both stores; each step is made of the message as it was read now or earlier."""

    def __init__(self, seed: int, real: DynamoMessages) -> None:
        self._chance = random.Random(seed)
        self._fake = FakeMessages(validity_minutes=60)
        self._real = real
        self._now = NOW
        self._read: list[Message] = []
        self._claims = 0
        self.story: list[str] = []
        self._new = make_message(id=str(random.Random(seed).getrandbits(64)))

    def walk(self) -> None:
        """Go the whole way, looking after each step."""
        self._accept()
        self._check()
        left = _STEPS
        while left > 0:
            left -= 1
            message = self._read[-1]
            if message.status.final and not message.safe_to_retry:
                left = min(left, _AFTER_THE_END)
            self._now += self._chance.choice((1, 1_000, 80_000, 1_000_000))
            step = self._chance.choice(
                (
                    self._accept, self._claim, self._claim, self._release, self._submit, self._doubt, self._mark,
                    self._end, self._end, self._queued, self._forbid, self._record, self._record, self._look,
                    self._look, self._erase,
                )
            )  # fmt: skip
            step()
            self._check()

    def _both[T](self, name: str, *args: object, **options: object) -> None:
        shown = [f"{arg.status} {arg.claim_id}" if isinstance(arg, Message) else arg for arg in args]
        self.story.append(f"{self._now - NOW}: {name} {shown} {options}")
        answers = [getattr(store, name)(*args, **options) for store in (self._fake, self._real)]
        assert answers[0] == answers[1]

    def _mine(self, name: str, *args: object, **options: object) -> None:
        """A write of the one who has claimed it."""
        message = self._some()
        if message.claim_id:
            self._both(name, message, *args, **options)

    def _some(self) -> Message:
        """The message as it was read last, or some time before."""
        if not self._read:
            return self._new
        return self._read[-1] if self._chance.random() < 0.6 else self._chance.choice(self._read)

    def _accept(self) -> None:
        changes: dict[str, object] = {"accepted_ms": self._now, "updated_ms": self._now}
        if self._chance.random() < 0.4:
            self._claims += 1
            changes |= {
                "status": Status.SENDING,
                "claim_id": f"claim-{self._claims}",
                "claimed_ms": self._now,
                "attempts": 1,
            }
        elif self._chance.random() < 0.5:
            changes["unqueued"] = True
        self._both("accept", make_message(id=self._new.id, **changes))

    def _claim(self) -> None:
        self._claims += 1
        self._both("claim", self._new.id, f"claim-{self._claims}", self._now)

    def _release(self) -> None:
        self._mine("release", self._now, slot_ms=self._now, held_by=HeldBy.BREAKER)

    def _submit(self) -> None:
        status = self._chance.choice((Status.SUBMITTED, Status.SUBMITTED, Status.SENT, Status.DELIVERED))
        self._mine("submitted", accepted(status=status), self._now)

    def _doubt(self) -> None:
        self._mine("ambiguous", NO_ANSWER, self._now)

    def _mark(self) -> None:
        self._mine("mark_replayed", self._now, undo=self._chance.random() < 0.3)

    def _end(self) -> None:
        status = self._chance.choice(_ENDS)
        status = Status.FAILED if self._chance.random() < 0.7 else status
        safe = status is Status.FAILED and self._chance.random() < 0.8
        self._both("end", self._some(), status, ending(status), self._now, safe_to_retry=safe)

    def _queued(self) -> None:
        self._both("queued", self._some())

    def _forbid(self) -> None:
        if self._chance.random() < 0.2:
            self._both("forbid", self._some())

    def _record(self) -> None:
        receipt = make_receipt(
            self._chance.choice(_BY_RECEIPT),
            event_id=f"event-{self._chance.randrange(12)}",
            telnyx_id=self._chance.choice((TELNYX_ID, TELNYX_ID, TELNYX_ID, OTHER_TELNYX_ID, "")),
        )
        self._both("record", self._new.id, receipt, self._now)

    def _look(self) -> None:
        """As the reconciler puts off a look, or takes away that of what has ended."""
        message = self._some()
        later = None if message.status.final else self._now + self._chance.choice((1_000, 900_000))
        self._both("set_due", message, later)

    def _erase(self) -> None:
        if self._chance.random() < 0.2:
            self._both("erase", self._some())

    def _check(self) -> None:
        found = [store.get(self._new.id) for store in (self._fake, self._real)]
        assert found[0] == found[1]
        message = found[1]
        if message is None:
            return
        self._read.append(message)
        row = self._fake._rows[message.id]
        fake = None if row.due_at_ms is None else (row.due_group, row.due_at_ms)
        item = parse(self._real.table.get(f"M#{message.id}") or {})
        real = (DueGroup(int(item["due_shard"]) // DUE_PARTS), item["due_at_ms"]) if "due_shard" in item else None
        assert fake == real
        assert ("recipient_queue" in item) is message.status.waiting
        if message.status.final:
            assert real is None
        else:
            assert real is not None
            assert real[0] in _GROUPS[message.status]


def test_what_is_not_at_its_end_is_due_and_what_is_is_not(dynamodb: "DynamoDBClient") -> None:
    real = DynamoMessages(
        dynamodb, create_table(dynamodb, "MessagesTable"), retention_days=90, validity_minutes=60
    )
    for number in range(chance.times(25)):
        seed = chance.SEED * 1_000 + number
        walk = Walk(seed, real)
        with chance.showing(f"walk {seed}"):
            try:
                walk.walk()
            except AssertionError as exc:
                exc.add_note("\n".join(walk.story))
                raise
