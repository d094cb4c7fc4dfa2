"""Permissions of the emulator are those of AWS."""

import json

import pytest

from devtools.local_stack.emulator_main import (
    FRESH_S,
    at_most_each_second,
    condition_keys,
    held,
    knowing_the_key,
    knowing_values,
    permission,
)
from tests.chance import showing


@pytest.mark.parametrize(
    ("target", "action", "expected"),
    [
        ("AmazonSQS.ChangeMessageVisibilityBatch", "ChangeMessageVisibilityBatch", "ChangeMessageVisibility"),
        ("AmazonSQS.SendMessage", "SendMessage", "SendMessage"),
        # Elsewhere a batch is a permission of its own.
        ("SomethingElse.StartBatch", "StartBatch", "StartBatch"),
        ("", None, None),
    ],
)
def test_a_batch_of_sqs_calls_needs_the_permission_of_one(
    target: str, action: str | None, expected: str | None
) -> None:
    assert permission({"x-amz-target": target}, action) == expected


PK = {"pk": {"S": "M#1"}}
OTHER = {"pk": {"S": "S#all"}, "count": {"N": "1"}}


def test_a_condition_sees_the_keys_of_every_item_that_a_request_names() -> None:
    cases: list[tuple[dict[str, object], list[str]]] = [
        ({"TableName": "messages", "Key": PK}, ["M#1"]),
        ({"TableName": "messages", "Item": OTHER}, ["S#all"]),
        ({"RequestItems": {"messages": {"Keys": [PK, OTHER]}, "limits": {"Keys": [PK]}}}, ["M#1", "S#all"]),
        (
            {"RequestItems": {"messages": [{"PutRequest": {"Item": OTHER}}, {"DeleteRequest": {"Key": PK}}]}},
            ["S#all", "M#1"],
        ),
        ({"TransactItems": [{"Put": {"Item": OTHER}}, {"Update": {"Key": PK}}]}, ["S#all", "M#1"]),
    ]
    for request_, keys in cases:
        with showing((request_, keys)):
            assert condition_keys(json.dumps(request_).encode()) == {"dynamodb:LeadingKeys": keys}


def test_a_query_of_a_table_names_its_partition_and_one_of_an_index_does_not() -> None:
    values = {":pk": {"S": "D#a"}, ":low": {"S": "x"}, ":peer": {"S": "P#a"}}
    for condition, keys in (
        ("pk = :pk", ["D#a"]),
        ("pk = :pk AND sk BETWEEN :low AND :low", ["D#a"]),
        ("peer = :peer", []),
    ):
        asked = {"KeyConditionExpression": condition, "ExpressionAttributeValues": values}
        assert condition_keys(json.dumps(asked).encode()) == ({"dynamodb:LeadingKeys": keys} if keys else {})


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b'{"TableName": "messages"}', b'{"Key": {"id": {"S": "1"}}}']
)
def test_a_request_that_names_no_item_has_no_such_key(body: bytes) -> None:
    assert condition_keys(body) == {}


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_was_looked_up_holds_for_a_second() -> None:
    watch, asked = Watch(), list[str]()

    def look_up(key: str) -> int:
        asked.append(key)
        return len(asked)

    principal = held(look_up, watch)

    assert [principal("a"), principal("a"), principal("b")] == [1, 1, 2]
    watch.now += FRESH_S
    assert principal("a") == 3
    assert asked == ["a", "b", "a"]


def test_a_queue_is_cleaned_at_most_once_a_second() -> None:
    watch, cleaned = Watch(), list[dict[str, object]]()
    clean = at_most_each_second(cleaned.append, watch)
    one, other = {"name": "one"}, {"name": "other"}

    clean(one)
    clean(one)
    clean(other)
    assert cleaned == [one, other]
    watch.now += FRESH_S
    clean(one)
    assert cleaned == [one, other, one]


def test_sam_sees_the_values_of_parameters_and_the_template_keeps_its_defaults() -> None:
    seen: list[object] = []

    def transform(template: dict[str, object], _provided: object, _previous: object) -> dict[str, object]:
        seen.append(template["Parameters"])
        return dict(template)

    declared = {"Release": {"Default": ""}, "Key": {"NoEcho": True}, "Other": {"Default": "1"}}
    given = {"Release": "1772443800", "Key": "secret"}
    made = knowing_values(transform, lambda *_: given)({"Parameters": declared}, [], [])

    assert seen == [
        {
            "Release": {"Default": "1772443800"},
            "Key": {"NoEcho": True, "Default": "secret"},
            "Other": {"Default": "1"},
        }
    ]
    assert made == {"Parameters": declared}


def test_an_event_names_the_id_of_its_key_where_one_is_asked_for() -> None:
    methods = {"POST": {"apiKeyRequired": True}, "GET": {"apiKeyRequired": False}}

    def event_of(method: str, headers: dict[str, str]) -> dict[str, str]:
        made = knowing_the_key(
            lambda *_, **__: {"requestContext": {"identity": {"sourceIp": "192.0.2.1"}}},
            lambda given: {"id": "abc"} if given.get("x-api-key") == "known" else None,
        )
        event = made("api", "v1", {}, {"resourceMethods": methods}, "/sms/send", method, headers, b"")
        identity: dict[str, str] = event["requestContext"]["identity"]
        return identity

    assert event_of("POST", {"x-api-key": "known"}) == {"sourceIp": "192.0.2.1", "apiKeyId": "abc"}
    assert "apiKeyId" not in event_of("POST", {"x-api-key": "another"})
    assert "apiKeyId" not in event_of("GET", {"x-api-key": "known"})
