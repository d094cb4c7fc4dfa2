"""What each function may do and what it may not, tried with the credentials of its own role."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from devtools.local_stack.emulator import REGION
from devtools.local_stack.layout import Stack
from tests.support.fakes import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
REFUSED = ("AccessDenied", "AccessDeniedException")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of AWS; `{Name}` in an argument is the stack's resource of that logical id."""

    service: str
    method: str
    # Any: arguments as boto3 takes them.
    arguments: dict[str, Any]

    def __str__(self) -> str:
        item = self.arguments.get("Key") or self.arguments.get("Item") or {}
        key = item if isinstance(item, str) else item.get("pk", {}).get("S", "")
        where = key or self.arguments.get("IndexName", "") or self.arguments.get("Prefix", "")
        return f"{self.service}.{self.method} {where}".strip()


def _item(method: str, key: str) -> Call:
    name = "Item" if method == "put_item" else "Key"
    return Call("dynamodb", method, {"TableName": "{MessagesTable}", name: {"pk": {"S": key}}})


def get(key: str) -> Call:
    return _item("get_item", key)


def put(key: str) -> Call:
    return _item("put_item", key)


def update(key: str) -> Call:
    return _item("update_item", key)


def delete(key: str) -> Call:
    return _item("delete_item", key)


def batch(key: str) -> Call:
    return Call(
        "dynamodb", "batch_get_item", {"RequestItems": {"{MessagesTable}": {"Keys": [{"pk": {"S": key}}]}}}
    )


def query(index: str, key: str) -> Call:
    return Call(
        "dynamodb",
        "query",
        {
            "TableName": "{MessagesTable}",
            "IndexName": index,
            "KeyConditionExpression": f"{key} = :nothing",
            "ExpressionAttributeValues": {":nothing": {"S": "nothing"}},
        },
    )


def scan(index: str) -> Call:
    return Call("dynamodb", "scan", {"TableName": "{MessagesTable}", "IndexName": index, "Limit": 1})


def unqueue(key: str) -> Call:
    """A write that may be made and changes nothing, as the item is not there."""
    call = update(key)
    more = {"UpdateExpression": "REMOVE unqueued", "ConditionExpression": "attribute_exists(pk)"}
    return replace(call, arguments=call.arguments | more)


def leave(key: str) -> Call:
    """The same of a whole item."""
    call = put(key)
    return replace(call, arguments=call.arguments | {"ConditionExpression": "attribute_exists(pk)"})


def of_media(method: str, key: str = "media/nothing/nothing") -> Call:
    """A call about a file in the media bucket."""
    return Call("s3", method, {"Bucket": "{MediaBucket}", "Key": key})


def list_media(prefix: str) -> Call:
    """The files below a prefix."""
    return Call("s3", "list_objects_v2", {"Bucket": "{MediaBucket}", "Prefix": prefix})


def of_limits(call: Call) -> Call:
    """The same of the limits table."""
    return replace(call, arguments=call.arguments | {"TableName": "{LimitsTable}"})


def of_webhooks(call: Call, sort_key: str = "whs_nothing") -> Call:
    """The same of the webhooks table, whose items have a sort key besides."""
    name = "Item" if "Item" in call.arguments else "Key"
    item = {name: call.arguments[name] | {"sk": {"S": sort_key}}}
    return replace(call, arguments=call.arguments | {"TableName": "{WebhooksTable}"} | item)


def webhooks(key: str) -> Call:
    """A query of one partition of the webhooks table."""
    return Call(
        "dynamodb",
        "query",
        {
            "TableName": "{WebhooksTable}",
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": key}},
        },
    )


def webhooks_batch(key: str, sort_key: str = "nothing") -> Call:
    """A batch of one item of the webhooks table."""
    keys = [{"pk": {"S": key}, "sk": {"S": sort_key}}]
    return Call("dynamodb", "batch_get_item", {"RequestItems": {"{WebhooksTable}": {"Keys": keys}}})


def on_deliveries(method: str, **arguments: str) -> Call:
    return Call("sqs", method, {"QueueUrl": "{DeliveryQueue}", **arguments})


def on_queue(method: str, **arguments: str) -> Call:
    return Call("sqs", method, {"QueueUrl": "{SendQueue}", **arguments})


# No item of these keys exists.
MESSAGE, POINTER, OPT_OUT = "M#00000000-0000-4000-8000-000000000000", "T#nothing", "O#+12025550199"
COUNTER, MARKER = "S#tag#nothing", "B#nothing"
# What an API key may do.
KEY = "K#nothing"
# Of the limits table; the last is there, and what is tried with it changes nothing.
RECIPIENT, SENDER, CONTROL = "to#nothing", "from#+12025550199", "control"
TAG = "tag#nothing"

# Without a group, which a FIFO queue refuses: which only a role that may send is answered, and nothing is put in.
SEND = on_queue("send_message", MessageBody="{{}}")
DELIVER = on_deliveries("send_message", MessageBody="{{}}")
DELIVERY = "D#nothing#2026-11-28"
RECEIVE = on_queue("receive_message")
SIZE = on_queue("get_queue_attributes")
DEAD_LETTERS, UNPUBLISHED = (
    Call("sqs", "get_queue_attributes", {"QueueUrl": f"{{{queue}}}"})
    for queue in ("DeadLetterQueue", "UnpublishedQueue")
)
PURGE = on_queue("purge_queue")
READ_SECRET = Call("secretsmanager", "get_secret_value", {"SecretId": "{TelnyxSecret}"})
CHANGE_SECRET = Call("secretsmanager", "put_secret_value", {"SecretId": "{TelnyxSecret}", "SecretString": "KEY"})
SCAN = Call("dynamodb", "scan", {"TableName": "{MessagesTable}"})
WEBHOOKS_SCAN = Call("dynamodb", "scan", {"TableName": "{WebhooksTable}"})
# No role may be refused this, so that it shows whose credentials these are.
WHO_AM_I = Call("sts", "get_caller_identity", {})

# Each function: what it may do, so that a refusal is none of bad credentials; and what it must not be able to do.
MEDIA_QUEUE = {"QueueUrl": "{MediaQueue}"}
TRIED: dict[str, tuple[list[Call], list[Call]]] = {
    "consumer": (
        [
            *(get(MESSAGE), batch(MESSAGE), SEND),
            *(query("by_recipient_queue", "recipient_queue"), query("by_due", "due_shard")),
        ],
        [delete(MESSAGE), query("by_peer", "peer"), scan("by_recipient_queue"), PURGE],
    ),
    "deliverer": (
        [
            *(webhooks("subscriptions"), of_webhooks(unqueue("subscriptions"))),
            *(webhooks_batch(DELIVERY), of_webhooks(leave(DELIVERY)), batch(MESSAGE)),
            on_deliveries("get_queue_attributes"),
        ],
        [
            *(of_webhooks(call("subscriptions")) for call in (put, delete)),
            *(of_webhooks(call(DELIVERY)) for call in (unqueue, delete)),
            *(webhooks(DELIVERY), webhooks_batch("subscriptions"), WEBHOOKS_SCAN, DELIVER, SEND, RECEIVE),
            *(get(MESSAGE), put(MESSAGE), batch(OPT_OUT), of_limits(get(CONTROL)), READ_SECRET),
        ],
    ),
    "fallback": ([WHO_AM_I], [get(MESSAGE), SEND, READ_SECRET]),
    "health": ([batch("S#all"), batch("S#all7")], [batch(MESSAGE), batch(OPT_OUT), batch(COUNTER), RECEIVE]),
    "media": (
        [
            *(get(MESSAGE), unqueue(MESSAGE), list_media("media/nothing/")),
            *(of_media("put_object"), of_media("delete_object"), Call("sqs", "get_queue_attributes", MEDIA_QUEUE)),
        ],
        [
            *(
                put(MESSAGE),
                delete(MESSAGE),
                get(OPT_OUT),
                update(OPT_OUT),
                of_media("get_object"),
                list_media(""),
            ),
            *(of_media("put_object", "elsewhere"), of_limits(get(CONTROL)), SEND, RECEIVE, READ_SECRET),
            Call("sqs", "send_message", MEDIA_QUEUE | {"MessageBody": "{{}}"}),
        ],
    ),
    "messages": (
        [query("by_peer", "peer"), batch(MESSAGE), of_media("get_object")],
        [get(MESSAGE), update(MESSAGE), of_media("put_object"), list_media("media/nothing/"), READ_SECRET],
    ),
    "optouts": ([get(OPT_OUT), batch(OPT_OUT)], [get(MESSAGE), batch(MESSAGE), update(MESSAGE), delete(OPT_OUT)]),
    "process": (
        [
            *(SIZE, batch(MESSAGE), SEND),
            *(query("by_recipient_queue", "recipient_queue"), query("by_due", "due_shard")),
        ],
        [delete(MESSAGE), query("by_peer", "peer"), scan("by_recipient_queue"), PURGE],
    ),
    "publisher": (
        [put(MARKER), query("by_peer", "peer"), batch(MESSAGE), webhooks("subscriptions"), DELIVER],
        [
            *(put(MESSAGE), get(MESSAGE), update(OPT_OUT), batch(OPT_OUT), query("by_tag", "tag"), SEND),
            *(of_webhooks(call("subscriptions")) for call in (get, put, unqueue)),
            *(webhooks(DELIVERY), WEBHOOKS_SCAN),
        ],
    ),
    "queue": (
        [
            *(get(MESSAGE), get(POINTER), unqueue(MESSAGE), query("by_tag", "tag"), SEND),
            query("by_day", "day"),
            of_limits(unqueue("carrier#t_mobile#2026-01-01")),
            of_limits(unqueue("same#nothing")),
        ],
        [update(OPT_OUT), put(OPT_OUT), get(OPT_OUT), put(POINTER), delete(MESSAGE), READ_SECRET, RECEIVE]
        + [of_limits(unqueue(key)) for key in ("carrier#t_mobile#+12025550199", RECIPIENT, SENDER, CONTROL)],
    ),
    "recipients": (
        [
            *(
                query("by_peer", "peer"),
                batch(MESSAGE),
                get(MESSAGE),
                leave(MESSAGE),
                of_limits(unqueue(RECIPIENT)),
            ),
            *(list_media("media/nothing/"), of_media("delete_object")),
        ],
        [
            *(delete(OPT_OUT), update(OPT_OUT), put(OPT_OUT), put(POINTER)),
            *(of_media("get_object"), of_media("put_object"), list_media("")),
        ]
        + [of_limits(unqueue(key)) for key in (SENDER, CONTROL)],
    ),
    "send": ([get(MESSAGE), get(OPT_OUT)], [delete(MESSAGE), SEND, RECEIVE]),
    "subscriptions": (
        [
            *(webhooks("subscriptions"), of_webhooks(get("subscriptions"), "#creations")),
            *(of_webhooks(call("subscriptions")) for call in (get, leave, unqueue, delete)),
            *(webhooks(DELIVERY), webhooks_batch(DELIVERY), DELIVER),
        ],
        [
            *(of_webhooks(call(DELIVERY)) for call in (get, put, unqueue, delete)),
            *(webhooks("D"), webhooks_batch("subscriptions"), on_deliveries("receive_message"), WEBHOOKS_SCAN),
            *(get(MESSAGE), batch(MESSAGE), update(OPT_OUT), of_limits(get(CONTROL)), SEND, READ_SECRET),
        ],
    ),
    "status": (
        [get(MESSAGE), of_media("get_object")],
        [put(MESSAGE), update(MESSAGE), of_media("put_object"), of_media("delete_object"), READ_SECRET],
    ),
    "reconciler": (
        [
            SIZE,
            DEAD_LETTERS,
            UNPUBLISHED,
            batch(MESSAGE),
            query("by_day", "day"),
            query("by_due", "due_shard"),
            SEND,
        ],
        [delete(MESSAGE), query("by_peer", "peer"), scan("by_recipient_queue"), RECEIVE, PURGE],
    ),
    "tags": (
        [batch(COUNTER), batch("S#tag7#nothing"), batch(MESSAGE), query("by_tag", "tag"), of_limits(get(SENDER))],
        [batch("S#all"), batch(OPT_OUT), get(MESSAGE), query("by_peer", "peer"), of_limits(unqueue(TAG))],
    ),
    "webhook": (
        [
            *(get(MESSAGE), get(OPT_OUT), batch(MESSAGE), query("by_peer", "peer"), of_limits(get(SENDER))),
            *(of_limits(unqueue(key)) for key in (RECIPIENT, SENDER, CONTROL, TAG, "brake#carrier#att")),
            leave("H#pause#tag#nothing"),
        ],
        [get(COUNTER), put(MARKER), put("H#publisher"), delete(MESSAGE), SEND, READ_SECRET]
        + [of_limits(call) for call in (get(CONTROL), get(RECIPIENT), put(CONTROL), delete(CONTROL))],
    ),
}
NO_FUNCTION: list[Call] = [SCAN, CHANGE_SECRET, put(KEY), update(KEY), delete(KEY)]
# They are called with a key, and no others need to know what it may do. The rest may read the whole table.
WITH_KEYS = {"messages", "optouts", "process", "queue", "recipients", "send", "status", "tags"}
WITHOUT_KEYS = {"fallback", "health", "publisher", "webhook"}


@pytest.fixture(scope="module")
def resources(stack: Stack, aws: Callable[[str], Any]) -> dict[str, str]:
    """Logical id → name of each resource of the stack."""
    pages = aws("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack.stack_name)
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
    }


@pytest.fixture(scope="module")
def attempt(
    stack: Stack, aws: Callable[[str], Any], resources: dict[str, str]
) -> Callable[[str, list[Call]], dict[str, str]]:
    """`attempt(function, calls)`: what AWS said to each call with that function's credentials; "" if it did it."""

    def tried(function: str, calls: list[Call]) -> dict[str, str]:
        role = aws("lambda").get_function_configuration(FunctionName=stack.functions[function])["Role"]
        # As Lambda does it for the function itself.
        made = aws("sts").assume_role(RoleArn=role, RoleSessionName=function)["Credentials"]
        session = boto3.Session(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"], REGION)
        return {str(call): _said(session, stack, call, resources) for call in calls}

    return tried


def _said(session: boto3.Session, stack: Stack, call: Call, resources: dict[str, str]) -> str:
    client = session.client(
        call.service,  # type: ignore[call-overload]
        endpoint_url=stack.aws_endpoint_url,
    )
    arguments = {name: _named(value, resources) for name, value in call.arguments.items()}
    try:
        getattr(client, call.method)(**arguments)
    except ClientError as exc:
        return str(exc.response["Error"]["Code"])
    return ""


# Any: arguments as boto3 takes them.
def _named(value: Any, resources: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(resources)
    if isinstance(value, dict) and not value.keys().isdisjoint(("{MessagesTable}", "{WebhooksTable}")):
        return {_named(name, resources): inner for name, inner in value.items()}
    return value


def test_there_is_something_to_try_for_each_function() -> None:
    assert sorted(TRIED) == FUNCTIONS
    assert all(allowed and refused for allowed, refused in TRIED.values())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_its_work_and_is_refused_what_is_not_its_work(
    attempt: Callable[[str, list[Call]], dict[str, str]], function: str
) -> None:
    allowed, refused = TRIED[function]
    allowed = [*allowed, *([get(KEY)] if function in WITH_KEYS else [])]
    refused = [*refused, *([get(KEY)] if function in WITHOUT_KEYS else [])]

    said = attempt(function, [*refused, *NO_FUNCTION])

    assert {call: code for call, code in said.items() if code not in REFUSED} == {}
    assert attempt(function, [WHO_AM_I]) == {str(WHO_AM_I): ""}
    may = attempt(function, allowed)
    assert {call: code for call, code in may.items() if code in REFUSED} == {}
