"""The ports that longcode.deliver needs, in memory and in virtual time.

Each has what sending needs where the carrier takes every text, and no more: another call is an error.
"""

# ruff: noqa: ARG002  # the ports say what is handed over; not all of it matters here

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from bench.clock import SimClock
from bench.fifo import Fifo
from bench.texts import Text
from longcode.limits import DynamoLimits
from longcode.message import HeldBy, Message, Status
from longcode.ports import Answer, Claim, Envelope, Verdict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

SENDER = "+12025550100"


@dataclass
class Counts:
    """What is counted besides what each text remembers."""

    recipient_writes: int = 0
    shared_writes: int = 0
    crashes: int = 0


class SimMessages:
    """ports.Messages, as much of it as sending needs."""

    def __init__(self, texts: Sequence[Text], clock: SimClock) -> None:
        self._texts = texts
        self._clock = clock
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

    def get(self, message_id: str) -> Message:
        self._clock.store()
        return self._message(self.text(message_id))

    def claim(self, message_id: str, claim_id: str, now_ms: int) -> Claim:
        self._clock.store()
        text = self.text(message_id)
        won = not text.claimed
        text.claimed = True
        return Claim(won, replace(self._message(text), claim_id=claim_id, claimed_ms=now_ms))

    def submitted(self, message: Message, answer: Answer, now_ms: int) -> bool:
        self._clock.store()
        return True

    def hold(self, message_id: str, slot_ms: int, held_by: HeldBy) -> None:
        self._clock.store()
        self.text(message_id).slot_ms = slot_ms

    def _message(self, text: Text) -> Message:
        status = Status.SENDING if text.claimed else Status.QUEUED
        return replace(
            self._plain,
            id=text.id,
            recipient=text.recipient,
            status=status,
            slot_ms=text.slot_ms,
            accepted_ms=int(text.accepted_ms),
        )


class SimCarrier:
    """ports.Carrier that takes every text and notes when it arrived."""

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
        self._clock.way_to_carrier()
        text.arrived_ms = self._clock.now
        text.copies += 1
        self._clock.at_carrier()


class SimOutbox:
    """ports.Outbox over the model of the queue. `later` has something done at a moment of virtual time."""

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

    def defer(self, envelopes: Sequence[Envelope], delays_s: Sequence[int]) -> None:
        self._clock.store()
        for envelope, delay in zip(envelopes, delays_s, strict=True):
            self._queue.hide(self._messages.text(envelope.queue_id), self._clock.now, delay)

    def done(self, envelopes: Sequence[Envelope]) -> None:
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
    """ports.Meter and ports.Journal that listen to nothing but crashes."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def count(self, name: str, value: float = 1) -> None:
        if name == "Crashed":
            self._counts.crashes += 1

    def info(self, event: str, **fields: object) -> None:
        return

    def warning(self, event: str, **fields: object) -> None:
        return

    def error(self, event: str, **fields: object) -> None:
        raise AssertionError(f"{event}: {fields}")

    def exception(self, event: str, **fields: object) -> None:
        raise


class Table:
    """As much of DynamoDB as longcode.limits.DynamoLimits uses, its expressions evaluated as they are written.

    Each update counts, also one whose condition fails: it costs the same.
    """

    def __init__(self, clock: SimClock, counts: Counts) -> None:
        self.items: dict[str, dict[str, dict[str, str]]] = {}
        self._clock = clock
        self._counts = counts

    def update_item(
        self,
        *,
        Key: Mapping[str, Mapping[str, str]],
        UpdateExpression: str,
        ExpressionAttributeValues: Mapping[str, dict[str, str]],
        ConditionExpression: str = "",
        **more: object,
    ) -> dict[str, Any]:
        self._clock.store()
        key = Key["pk"]["S"]
        if key.startswith("to#"):
            self._counts.recipient_writes += 1
        else:
            self._counts.shared_writes += 1
        item = self.items.get(key, {})
        numbers = {name: int(value["N"]) for name, value in (item | dict(ExpressionAttributeValues)).items()}
        if ConditionExpression and not any(
            self._holds(part, numbers) for part in ConditionExpression.split(" OR ")
        ):
            refusal = {"Code": "ConditionalCheckFailedException", "Message": "The conditional request failed"}
            raise ClientError(cast(Any, {"Error": refusal}), "UpdateItem")
        verb, _, changes = UpdateExpression.partition(" ")
        assert verb == "SET", UpdateExpression
        new = dict(item)
        for change in changes.split(", "):
            name, _, value = change.partition(" = ")
            new[name] = {"N": str(sum(numbers[term] for term in value.split(" + ")))}
        self.items[key] = new
        return {"Attributes": new}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        self._clock.store()
        responses: dict[str, Any] = {}
        for table, asked in RequestItems.items():
            keys = [key["pk"]["S"] for key in asked["Keys"]]
            responses[table] = [self.items[key] | {"pk": {"S": key}} for key in keys if key in self.items]
        return {"Responses": responses, "UnprocessedKeys": {}}

    def tat_ms(self, key: str) -> int | None:
        """Where a limiter stands, for the baselines."""
        found = self.items.get(key, {}).get("tat")
        return int(found["N"]) if found else None

    def set_tat(self, key: str, tat_ms: int) -> None:
        """Write a limiter without a condition, for the baselines."""
        self.items[key] = self.items.get(key, {}) | {"tat": {"N": str(tat_ms)}}

    @staticmethod
    def _holds(part: str, numbers: Mapping[str, int]) -> bool:
        if part.startswith("attribute_not_exists("):
            return part[len("attribute_not_exists(") : -1] not in numbers
        left, sign, right = part.split(" ")
        if left not in numbers:
            return False
        known = {
            ">": numbers[left] > numbers[right],
            "<": numbers[left] < numbers[right],
            "<=": numbers[left] <= numbers[right],
        }
        return known[sign]


def limits_over[L: DynamoLimits](table: Table, kind: type[L]) -> L:
    """The layer's own limits, over the table in memory."""
    return kind(cast("DynamoDBClient", table), "limits", "messages")
