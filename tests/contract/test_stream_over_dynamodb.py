"""What the publisher makes of the real table's stream, written by the real stores."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from longcode.aws.messages import DynamoMessages
from longcode.aws.opt_outs import DynamoOptOuts
from longcode.domain.opt_outs import OptOutChange
from longcode.domain.status import Status
from longcode.use_cases import opt_outs
from tests.contract.tables import create_table
from tests.support.fakes import World, make_world
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import THEIRS, accepted, make_message, make_receipt
from tests.support.fakes.stream import event

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NOW = START_MS + 1_000


class Table:
    """A messages table, with the records that its stream would have: each item before and after a write."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.name = create_table(client, "MessagesTable")
        self._client = client
        self._writes: list[tuple[Any, Any]] = []

    def batch(self) -> dict[str, Any]:
        """The Lambda event of all that was written."""
        return event(*self._writes)

    # Any: whichever method of the client.
    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return method if name not in ("put_item", "update_item", "delete_item") else partial(self._write, method)

    def _write(self, method: Callable[..., Any], **arguments: Any) -> Any:
        key = {"pk": (arguments.get("Key") or arguments["Item"])["pk"]}
        before = self._client.get_item(TableName=self.name, Key=key).get("Item")
        answer = method(**arguments)
        after = self._client.get_item(TableName=self.name, Key=key).get("Item")
        # A write that leaves an item as it was is not in the stream.
        if before != after:
            self._writes.append((before, after))
        return answer


@pytest.fixture
def table(dynamodb: "DynamoDBClient") -> Table:
    return Table(dynamodb)


@pytest.fixture
def client(table: Table) -> "DynamoDBClient":
    watched: DynamoDBClient = table  # type: ignore[assignment]
    return watched


@pytest.fixture
def world() -> World:
    return make_world()


def test_the_life_of_a_text_is_published_step_by_step(
    table: Table, client: "DynamoDBClient", world: World
) -> None:
    messages = DynamoMessages(client, table.name, retention_days=90, validity_minutes=60)
    message = make_message(metadata={"tag": "parcels"})
    messages.accept(message)
    claimed = messages.claim(message.id, "mine", NOW).message
    assert claimed
    messages.submitted(claimed, accepted(), NOW + 10)
    messages.record(message.id, make_receipt(Status.SENT, "event-1"), NOW + 20)
    messages.record(message.id, make_receipt(Status.SENT, "event-1"), NOW + 30)
    messages.record(message.id, make_receipt(Status.DELIVERED, "event-2", cost="0.0051", currency="USD"), NOW + 40)
    messages.record(message.id, make_receipt(Status.SENT, "event-3"), NOW + 50)

    assert world.invoke("publisher", table.batch()) == {"batchItemFailures": []}

    details = [event.detail for event in world.event_bus.about(message.id)]
    statuses = [None, "queued", "sending", "submitted", "sent", "delivered"]
    assert [(detail["previous"], detail["status"]) for detail in details] == list(pairwise(statuses))
    assert details[-1]["cost"] == {"amount": "0.0051", "currency": "USD"}
    sequences = [str(detail["sequence"]) for detail in details]
    assert sequences == sorted(set(sequences))
    assert world.counters.read(None) == world.counters.read("parcels") == {"delivered": 1}
    assert [event.kind for event in world.event_bus.heard] == ["sms.status_changed"] * 5
    assert world.logger.crashes == []


def test_an_inbound_stop_is_published_as_both(table: Table, client: "DynamoDBClient", world: World) -> None:
    messages = DynamoMessages(client, table.name, retention_days=90, validity_minutes=60)
    messages.receive(
        make_message(direction="inbound", status=Status.RECEIVED, route="webhook", sender=THEIRS, metadata={})
    )
    ledger = DynamoOptOuts(client, table.name)
    for word in (
        OptOutChange(NOW, True, "provider"),
        OptOutChange(NOW + 10, True, "keyword"),
        OptOutChange(NOW + 20, False, "api"),
    ):
        opt_outs.apply(ledger, THEIRS, word, NOW + 20)

    world.invoke("publisher", table.batch())

    assert [(event.kind, event.detail.get("opted_out")) for event in world.event_bus.heard] == [
        ("sms.received", None),
        ("sms.opted_out", True),
        ("sms.opted_out", False),
    ]
    assert world.counters.read(None) == {"received": 1}


def test_a_text_that_is_deleted_counts_no_more_and_is_no_event(
    table: Table, client: "DynamoDBClient", world: World
) -> None:
    messages = DynamoMessages(client, table.name, retention_days=90, validity_minutes=60)
    for number in range(2):
        messages.accept(make_message(id=f"5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a1{number}"))
    client.delete_item(TableName=table.name, Key={"pk": {"S": "M#5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a10"}})

    world.invoke("publisher", table.batch())

    assert world.counters.read(None) == {"queued": 1}
    assert len(world.event_bus.heard) == 2
