"""What every bus promises: in order for each message, and word of how far it came."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from longcode.aws.event_bus import MOST_BYTES, MOST_ENTRIES, EventBridgeBus
from longcode.domain.events import Event, PublishResult
from longcode.use_cases.publish_ports import EventBus
from tests.contract.tables import REGION
from tests.support.fakes.clock import START_MS
from tests.support.fakes.event_bus import FakeEventBus


class EventBridge:
    """EventBridge's rules for PutEvents; refuses the entries about the ids in `refuse`."""

    def __init__(self) -> None:
        self.calls: list[list[dict[str, Any]]] = []
        self.heard: list[dict[str, Any]] = []
        self.refuse: set[str] = set()
        self.fails: list[Exception] = []
        # Refusals by which this many calls are left before an entry is taken.
        self.throttled: dict[str, int] = {}
        self.waits: list[float] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert 1 <= len(Entries) <= 10
        assert (
            sum(14 + len(f"{e['Source']}{e['DetailType']}{e['Detail']}".encode()) for e in Entries) <= 256 * 1024
        )
        if self.fails:
            raise self.fails.pop(0)
        self.calls.append(Entries)
        rows = []
        for entry in Entries:
            detail = json.loads(entry["Detail"])
            left = self.throttled.get(detail["about"], 0)
            self.throttled[detail["about"]] = max(0, left - 1)
            if detail["about"] in self.refuse or left:
                rows.append({"ErrorCode": "ThrottlingException", "ErrorMessage": f"no: {detail}"})
            else:
                self.heard.append(detail)
                rows.append({"EventId": str(len(self.heard))})
        return {"FailedEntryCount": len([row for row in rows if "ErrorCode" in row]), "Entries": rows}


class Both:
    """A bus, and what it has published and refuses."""

    def __init__(self, kind: str) -> None:
        self.fake = FakeEventBus()
        self.service = EventBridge()
        self.real = kind == "eventbridge"
        client: Any = self.service
        real = EventBridgeBus(client, "long-code-sms", sleep=self.service.waits.append)
        self.event_bus: EventBus = real if self.real else self.fake

    @property
    def heard(self) -> list[tuple[str, int]]:
        """(about, number) of each notice that was taken."""
        details: list[Any] = self.service.heard if self.real else [event.detail for event in self.fake.heard]
        return [(detail["about"], detail["number"]) for detail in details]

    def refuse(self, *about: str) -> None:
        self.fake.refuse = self.service.refuse = set(about)


@pytest.fixture(params=["fake", "eventbridge"])
def both(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


def events(*about: str, **more: object) -> list[Event]:
    return [
        Event("sms.status_changed", name, START_MS + number, {"about": name, "number": number, **more})
        for number, name in enumerate(about)
    ]


def test_all_is_published_in_its_order(both: Both) -> None:
    assert both.event_bus.publish(events("a", "b", "a", "c")) == PublishResult(4)

    assert both.heard == [("a", 0), ("b", 1), ("a", 2), ("c", 3)]


def test_nothing_to_publish_is_published(both: Both) -> None:
    assert both.event_bus.publish([]) == PublishResult(0)
    assert both.heard == []


def test_a_refusal_says_how_far_it_came(both: Both) -> None:
    both.refuse("c")

    assert both.event_bus.publish(events("a", "b", "c")) == PublishResult(2, "ThrottlingException")

    assert both.heard == [("a", 0), ("b", 1)]


def test_after_a_refusal_nothing_more_is_published_about_the_same_message(both: Both) -> None:
    both.refuse("b")

    assert both.event_bus.publish(events("a", "b", "b", "b", "a")) == PublishResult(1, "ThrottlingException")

    assert both.heard == [("a", 0)]


def test_what_was_refused_can_be_published_again(both: Both) -> None:
    all_events = events("a", "b", "b")
    both.refuse("b")
    taken = both.event_bus.publish(all_events).taken
    both.refuse()

    assert both.event_bus.publish(all_events[taken:]) == PublishResult(2)

    assert both.heard == [("a", 0), ("b", 1), ("b", 2)]


# -------------------------------------------------------------------------- what only EventBridge can show


@pytest.fixture
def eventbridge() -> Both:
    return Both("eventbridge")


def test_ten_at_a_time_of_different_messages(eventbridge: Both) -> None:
    assert eventbridge.event_bus.publish(events(*[f"m-{number}" for number in range(25)])) == PublishResult(25)

    assert [len(call) for call in eventbridge.service.calls] == [MOST_ENTRIES, MOST_ENTRIES, 5]


def test_what_is_refused_for_a_moment_is_put_in_again_alone_and_in_its_order(eventbridge: Both) -> None:
    eventbridge.service.throttled = {"b": 2, "c": 1}

    assert eventbridge.event_bus.publish(events("a", "b", "c", "b", "a")) == PublishResult(5)

    assert [len(call) for call in eventbridge.service.calls] == [3, 2, 1, 2]
    assert [number for about, number in eventbridge.heard if about == "b"] == [1, 3]
    assert sorted(eventbridge.heard) == [("a", 0), ("a", 4), ("b", 1), ("b", 3), ("c", 2)]
    assert eventbridge.service.waits == [0.05, 0.1]


def test_what_is_always_refused_is_given_back_before_long(eventbridge: Both) -> None:
    eventbridge.refuse("b")

    assert eventbridge.event_bus.publish(events("a", "b", "c", "b")) == PublishResult(1, "ThrottlingException")

    assert [len(call) for call in eventbridge.service.calls] == [3, 1, 1, 1]
    assert eventbridge.service.waits == [0.05, 0.1, 0.2]


def test_large_ones_are_spread_over_calls_by_their_size(eventbridge: Both) -> None:
    # Three of these are more than one call takes; outside ASCII each character is six bytes.
    large = events("a", "b", "c", "d", text="ê" * (MOST_BYTES // 6 // 3))

    assert eventbridge.event_bus.publish(large) == PublishResult(4)

    assert [len(call) for call in eventbridge.service.calls] == [2, 2]
    assert [about for about, _ in eventbridge.heard] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException", "Message": "+12025550123"}}, "PutEvents"),
         "ThrottlingException"),
        (EndpointConnectionError(endpoint_url="https://events.invalid"), "EndpointConnectionError"),
    ],
    ids=["refused", "unreachable"],
)  # fmt: skip
def test_a_bus_that_fails_says_why_in_a_word_and_how_far_it_came(
    eventbridge: Both, error: Exception, fault: str
) -> None:
    several = events(*[f"m-{number}" for number in range(12)])
    taken = eventbridge.event_bus.publish(several[:10]).taken
    eventbridge.service.fails = [error]

    assert eventbridge.event_bus.publish(several[10:]) == PublishResult(0, fault)

    assert (taken, len(eventbridge.heard)) == (10, 10)


def test_an_entry_names_the_bus_the_source_the_kind_and_the_time(eventbridge: Both) -> None:
    eventbridge.event_bus.publish(events("a"))

    assert eventbridge.service.calls == [
        [
            {
                "EventBusName": "long-code-sms",
                "Source": "longcode",
                "DetailType": "sms.status_changed",
                "Time": datetime.fromtimestamp(START_MS / 1000, UTC),
                "Detail": '{"about":"a","number":0}',
            }
        ]
    ]


def test_the_real_client_sends_what_is_published(aws: None) -> None:
    client = boto3.client("events", region_name=REGION)
    client.create_event_bus(Name="long-code-sms")
    sent: list[dict[str, Any]] = []
    client.meta.events.register(
        "before-call.events.PutEvents", lambda params, **_: sent.append(json.loads(params["body"]))
    )

    assert EventBridgeBus(client, "long-code-sms").publish(events("a", "b", "a")) == PublishResult(3)

    entries = [entry for body in sent for entry in body["Entries"]]
    assert [json.loads(entry["Detail"])["about"] for entry in entries] == ["a", "b", "a"]
    assert [round(entry["Time"] * 1000) - START_MS for entry in entries] == [0, 1, 2]
