"""What a heartbeat promises: the publisher's stream has each beat, and what it says it has heard is read back."""

from typing import TYPE_CHECKING

import pytest

from longcode.aws.heartbeat import DynamoHeartbeat
from longcode.domain.events import Beat
from longcode.entrypoints.stream import HEARD, relay
from longcode.use_cases.publish_ports import Heartbeat
from tests.contract.tables import create_table
from tests.support.fakes import FakeHeartbeat, FakeLogger, FakeMetrics
from tests.support.fakes.clock import START_MS
from tests.support.fakes.stream import event

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@pytest.fixture
def table(dynamodb: "DynamoDBClient") -> str:
    return create_table(dynamodb, "MessagesTable")


@pytest.fixture(params=["fake", "dynamodb"])
def heartbeat(request: pytest.FixtureRequest) -> Heartbeat:
    if request.param == "fake":
        return FakeHeartbeat()
    return DynamoHeartbeat(request.getfixturevalue("dynamodb"), request.getfixturevalue("table"))


def test_before_the_first_beat_nothing_was_heard(heartbeat: Heartbeat) -> None:
    assert heartbeat.heard_ms() is None


def test_each_beat_tells_when_the_first_one_was(heartbeat: Heartbeat) -> None:
    assert [heartbeat.beat(START_MS + minute * 60_000) for minute in range(3)] == [START_MS] * 3
    assert heartbeat.heard_ms() is None


def test_what_was_heard_last_is_read_back(heartbeat: Heartbeat) -> None:
    for at_ms in (START_MS, START_MS + 60_000):
        heartbeat.hear(at_ms)
        assert heartbeat.heard_ms() == at_ms


def test_the_stream_hands_the_beat_to_the_publisher_and_not_what_it_has_heard(
    dynamodb: "DynamoDBClient", table: str
) -> None:
    heartbeat = DynamoHeartbeat(dynamodb, table)
    heartbeat.beat(START_MS)
    heartbeat.hear(START_MS)

    items = {item["pk"]["S"]: item for item in dynamodb.scan(TableName=table)["Items"]}
    (handed,) = [key for key in items if key.startswith(HEARD)]
    found: list[object] = []
    relay(
        event((None, items[handed])),
        lambda changes: found.extend(change.after for change in changes) or len(changes),  # type: ignore[func-returns-value]
        FakeMetrics(),
        FakeLogger(),
    )
    assert found == [Beat(START_MS)]
