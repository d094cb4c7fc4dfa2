"""What a user's own system hears: a rule on the stack's bus, with a queue of its own behind it."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import Stack

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]


class Listener:
    """Everything that the bus tells, as it comes out of the queue."""

    def __init__(self, aws: Callable[[str], Any], event_bus: str) -> None:
        self._sqs, self._events, self._event_bus = aws("sqs"), aws("events"), event_bus
        self._name = f"listener-{time.monotonic_ns()}"
        self._queue = self._sqs.create_queue(QueueName=self._name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])[
            "Attributes"
        ]
        pattern = json.dumps({"source": ["longcode"]})
        self._events.put_rule(Name=self._name, EventBusName=event_bus, EventPattern=pattern)
        target = {"Id": "1", "Arn": attributes["QueueArn"]}
        self._events.put_targets(Rule=self._name, EventBusName=event_bus, Targets=[target])
        self._heard: list[dict[str, Any]] = []

    def heard(self, about: str) -> list[dict[str, Any]]:
        """The events about one message or number so far."""
        for message in self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", []):
            self._heard.append(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return [
            event
            for event in self._heard
            if about in (event["detail"].get("message_id"), event["detail"].get("number"))
        ]

    def close(self) -> None:
        self._events.remove_targets(Rule=self._name, EventBusName=self._event_bus, Ids=["1"])
        self._events.delete_rule(Name=self._name, EventBusName=self._event_bus)
        self._sqs.delete_queue(QueueUrl=self._queue)


@pytest.fixture(scope="module")
def listener(stack: Stack, aws: Callable[[str], Any]) -> Iterator[Listener]:
    outputs = aws("cloudformation").describe_stacks(StackName=stack.stack_name)["Stacks"][0]["Outputs"]
    event_bus = {output["OutputKey"]: output["OutputValue"] for output in outputs}["EventBusName"]
    made = Listener(aws, event_bus)
    yield made
    made.close()


def test_the_life_of_a_text_is_heard_in_order(
    api: httpx.Client, listener: Listener, eventually: Eventually
) -> None:
    body = {"to": "+12025550111", "message": "Hello", "metadata": {"tag": "stack-events", "order": "A-17"}}
    ident = api.post("/sms/queue", json=body).json()["message_id"]

    eventually(lambda: any(event["detail"]["final"] for event in listener.heard(ident)))

    details = [event["detail"] for event in sorted(listener.heard(ident), key=lambda e: e["detail"]["sequence"])]
    # The queue that listens is a standard one, and keeps no order; the sequence does.
    statuses = ["queued", "sending", "submitted", "sent", "delivered"]
    assert [detail["status"] for detail in details] == statuses
    assert [detail["previous"] for detail in details] == [None, *statuses[:-1]]
    assert {event["detail-type"] for event in listener.heard(ident)} == {"sms.status_changed"}
    assert all(detail["metadata"] == body["metadata"] for detail in details)
    assert details[-1]["cost"]["currency"] == "USD"
    assert "Hello" not in json.dumps(details)


def test_what_comes_in_and_who_opts_out_is_heard(
    provider: httpx.Client, api: httpx.Client, listener: Listener, eventually: Eventually
) -> None:
    number = "+12025550112"
    said = provider.post("/_provider/inbound", json={"from": number, "text": "STOP"}).json()
    eventually(lambda: listener.heard(number))
    api.delete(f"/sms/optouts/{number}")
    eventually(lambda: len(listener.heard(number)) == 2)

    (received,) = listener.heard(said["message_id"])
    assert (received["detail-type"], received["detail"]["from"]) == ("sms.received", number)
    by_time = sorted(listener.heard(number), key=lambda event: str(event["detail"]["sequence"]))
    assert [(event["detail"]["opted_out"], event["detail"]["source"]) for event in by_time] == [
        (True, "provider"),
        (False, "api"),
    ]


def test_health_counts_what_is_stored(
    api: httpx.Client, stack: Stack, aws: Callable[[str], Any], eventually: Eventually
) -> None:
    api.post("/sms/send", json={"to": "+12025550113", "message": "Hello"})

    def stored() -> int:
        pages = aws("dynamodb").get_paginator("scan").paginate(TableName=stack.messages_table)
        return sum(
            item["pk"]["S"].startswith("M#") and "status" in item for page in pages for item in page["Items"]
        )

    def agreed() -> dict[str, Any] | None:
        before, health, after = stored(), api.get("/health").json(), stored()
        return health if before == health["tracked_messages"] == after else None

    health = eventually(agreed)
    assert sum(health["by_status"].values()) == health["tracked_messages"] > 0
