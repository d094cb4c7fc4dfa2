"""Creates the tables and queues that template.yaml declares."""

import itertools
from typing import TYPE_CHECKING, Any

from devtools.local_stack import sam_template
from tests.support.fakes import ROOT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_sqs.client import SQSClient

REGION = "us-east-1"
RESOURCES = sam_template.resolved(sam_template.load(ROOT / "template.yaml"))
_numbers = itertools.count(1)

# What CreateTable takes of a table's properties; the rest are calls of their own, and change no condition.
_TABLE = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


def create_table(client: "DynamoDBClient", logical_id: str) -> str:
    """Create a table as the template declares it, under a name of its own."""
    properties: dict[str, Any] = RESOURCES[logical_id]["Properties"]
    name = f"{logical_id}-{next(_numbers)}"
    client.create_table(TableName=name, **{key: properties[key] for key in _TABLE if key in properties})
    return name


def create_queue(client: "SQSClient", logical_id: str) -> str:
    """Create a queue as the template declares it, without its dead letters; returns its URL."""
    properties: dict[str, Any] = RESOURCES[logical_id]["Properties"]
    attributes = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in properties.items()
        if name != "RedrivePolicy"
    }
    made = client.create_queue(QueueName=f"{logical_id}-{next(_numbers)}.fifo", Attributes=attributes)  # type: ignore[arg-type]
    return made["QueueUrl"]
