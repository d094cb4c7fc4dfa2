"""What DynamoDB refuses in a query and moto answers: a range whose end is before its beginning."""

import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from longcode.aws.attributes import untyped_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_BETWEEN = re.compile(r"BETWEEN (:\w+) AND (:\w+)")
_WORDS = (
    "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to "
    "lower bound"
)


def refuse_reversed_ranges(client: "DynamoDBClient") -> None:
    """Let the client answer a query with such a range as DynamoDB does."""

    # Any: the parameters of a Query, and what botocore hands to a handler.
    def check(params: dict[str, Any], **_: Any) -> None:
        values = untyped_item(params.get("ExpressionAttributeValues", {}))
        for low, high in _BETWEEN.findall(params.get("KeyConditionExpression", "")):
            if values[high] < values[low]:
                raise ClientError({"Error": {"Code": "ValidationException", "Message": _WORDS}}, "Query")

    client.meta.events.register("provide-client-params.dynamodb.Query", check)
