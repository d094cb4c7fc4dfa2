"""The AWS clients, made from one session, and the one place where their errors become ours."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, UnknownRegionError

from longcode.domain.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_sqs.client import SQSClient

# Short, so that a store which hangs is known to before the caller's own limit; a lost answer is
# asked for again, which every write of ours is written to bear.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    # A seventh of a call's CPU time. AWS checks the same; in Lambda alone, so that tests find what is wrong first.
    parameter_validation="AWS_LAMBDA_FUNCTION_NAME" not in os.environ,
    # Else botocore puts a longer one together twice for each call, which is a fifth of the call's CPU time.
    user_agent=f"Botocore/{botocore.__version__} long-code-sms",
)
# The secret is read anew in the middle of a send, when the provider has refused the key: in 7 s at most.
_SECRET_CONFIG = _CONFIG.merge(
    Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
)
# How often in a row a batch call may leave out the same before it counts as an outage. Such a call can succeed and
# leave out some of what it was given ("unprocessed" keys, "failed" entries). The client library does not try those
# again, so its caller does, with `pause_s` between.
TRIES = 4
# Waits so many seconds; a test hands in one that does not.
Sleep = Callable[[float], None]


def pause_s(tries: int) -> float:
    """How long to wait after so many tries: 50 ms, twice as long each time, 200 ms at most."""
    return min(0.05 * 2.0 ** (tries - 1), 0.2)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def _roots() -> str | None:
    """Whom AWS's clients trust: Amazon's own roots, where the layer has them and the endpoints are of them.

    botocore reads the list again for each new connection, and the whole of it takes longer than the call.
    """
    path = Path(botocore.session.__file__).parents[1] / "amazon-roots.pem"
    session = _session()
    try:
        partition = session.get_partition_for_region(session.get_config_variable("region"))
    except (UnknownRegionError, TypeError):
        return None
    return str(path) if partition == "aws" and path.exists() else None


# Any: botocore makes its clients at run time; each caller below names the type.
def _client(name: str, config: Config = _CONFIG) -> Any:
    return _session().create_client(name, config=config, verify=_roots())


@cache
def dynamodb() -> "DynamoDBClient":
    """The client of DynamoDB."""
    client: DynamoDBClient = _client("dynamodb")
    return client


@cache
def sqs() -> "SQSClient":
    """The client of SQS."""
    client: SQSClient = _client("sqs")
    return client


@cache
def events() -> "EventBridgeClient":
    """The client of EventBridge."""
    client: EventBridgeClient = _client("events")
    return client


@cache
def secretsmanager() -> "SecretsManagerClient":
    """The client of Secrets Manager."""
    client: SecretsManagerClient = _client("secretsmanager", _SECRET_CONFIG)
    return client


# Any: the checker's types of S3's client are none of our packages.
@cache
def s3() -> Any:
    """The client of S3."""
    # An emulator has no name for each bucket. And a link leads to the region's own address, in whichever region.
    emulated = bool(os.environ.get("AWS_ENDPOINT_URL"))
    config = Config(
        signature_version="s3v4",
        s3={
            "addressing_style": "path" if emulated else "virtual",
            "us_east_1_regional_endpoint": "regional",
        },
    )
    return _client("s3", _CONFIG.merge(config))


class ConditionFailed(Exception):
    """A conditional write found its item otherwise; `item` is how it stood, empty if there was none."""

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__("condition failed")
        self.item = item


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn a failed condition into ConditionFailed and any other failure of AWS into Unavailable(`what`)."""
    try:
        yield
    except ClientError as exc:
        if exc.response["Error"]["Code"] == "ConditionalCheckFailedException":
            # Any: the item comes with this one error only, so botocore's type does not have it.
            response: dict[str, Any] = dict(exc.response)
            raise ConditionFailed(response.get("Item") or {}) from exc
        raise Unavailable(what) from exc
    except BotoCoreError as exc:
        raise Unavailable(what) from exc


# Any: items and keys are the table's JSON.
def get_items(
    client: "DynamoDBClient", keys: Mapping[str, Sequence[dict[str, Any]]], what: str, sleep: Sleep
) -> dict[str, list[dict[str, Any]]]:
    """The items under `keys` (table: up to 100 of them in all), as they are now.

    Raises Unavailable if some are left out however often they are asked for.
    """
    found: dict[str, list[dict[str, Any]]] = {table: [] for table in keys}
    left: dict[str, Any] = {table: {"Keys": list(some), "ConsistentRead": True} for table, some in keys.items()}
    tries = 0
    while left:
        with translated(what):
            answer = client.batch_get_item(RequestItems=left)
        for table, items in answer["Responses"].items():
            found[table] += items
        before, left = left, dict(answer.get("UnprocessedKeys") or {})
        # An answer has an end by its size as well: what got on is no outage.
        tries = tries + 1 if _count(left) == _count(before) else 1
        if tries == TRIES:
            raise Unavailable(what)
        if left:
            sleep(pause_s(tries))
    return found


def _count(request: Mapping[str, Any]) -> int:
    return sum(len(wanted["Keys"]) for wanted in request.values())
