"""The same port twice: the fake, and the real adapter over the tables and the queue of template.yaml."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from longcode.aws.limits import DynamoLimits
from longcode.aws.messages import DynamoMessages
from longcode.aws.queue import SqsQueue
from longcode.use_cases import ports
from longcode.use_cases.queue_ports import Queue
from tests.contract.ranges import refuse_reversed_ranges
from tests.contract.tables import REGION, create_queue, create_table
from tests.support.fakes import FakeClock, FakeLimits, FakeMessages, FakeQueue
from tests.support.fakes.optouts import FakeOptOuts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_sqs.client import SQSClient


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    """AWS in this process."""
    with mock_aws():
        yield


@pytest.fixture(scope="module")
def dynamodb(aws: None) -> "DynamoDBClient":
    client = boto3.client("dynamodb", region_name=REGION)
    refuse_reversed_ranges(client)
    return client


@pytest.fixture(scope="module")
def sqs(aws: None) -> "SQSClient":
    return boto3.client("sqs", region_name=REGION)


@pytest.fixture
def real_messages(dynamodb: "DynamoDBClient") -> DynamoMessages:
    table = create_table(dynamodb, "MessagesTable")
    return DynamoMessages(dynamodb, table, retention_days=90, validity_minutes=60)


@pytest.fixture(params=["fake", "dynamodb"])
def messages(request: pytest.FixtureRequest) -> ports.Messages:
    if request.param == "fake":
        return FakeMessages(validity_minutes=60)
    real: DynamoMessages = request.getfixturevalue("real_messages")
    return real


@pytest.fixture(params=["fake", "dynamodb"])
def limits(request: pytest.FixtureRequest) -> ports.Limits:
    if request.param == "fake":
        return FakeLimits(FakeOptOuts())
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    return DynamoLimits(client, create_table(client, "LimitsTable"), create_table(client, "MessagesTable"))


@pytest.fixture(params=["fake", "sqs"])
def queue(request: pytest.FixtureRequest) -> Queue:
    if request.param == "fake":
        return FakeQueue(FakeClock())
    client: SQSClient = request.getfixturevalue("sqs")
    return SqsQueue(client, create_queue(client, "SendQueue"))
