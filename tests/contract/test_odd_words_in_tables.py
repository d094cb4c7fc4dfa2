"""What the provider and texters say, whatever it is, fits into the real tables and comes back out of them."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longcode.aws.messages import DynamoMessages
from longcode.aws.opt_outs import DynamoOptOuts
from longcode.aws.search_index import DynamoFinder
from longcode.domain.message import KEPT_ENTRIES, epoch_ms
from longcode.domain.outcomes import Verdict
from longcode.domain.search import Search
from longcode.domain.status import Status
from longcode.entrypoints.stream import _item
from longcode.telnyx import protocol, records
from tests.contract.tables import create_table
from tests.support.fakes import OURS, THEIRS, FakeLimits, FakeOptOuts, Reply, World, call, make_world
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import make_message
from tests.support.fakes.oddities import ERRORS, EVENTS, MESSAGES, RECORDS, is_safe, raw, texts_of
from tests.support.fakes.webhooks import inbound, receipt

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# What one item may have (DynamoDB, "Quotas").
MOST_BYTES = 400 * 1024


@dataclass(frozen=True, slots=True)
class Store:
    client: "DynamoDBClient"
    table: str
    messages: DynamoMessages
    optouts: DynamoOptOuts

    def world(self) -> World:
        """The service over the real tables."""
        finder = DynamoFinder(self.client, self.table, retention_days=90)
        limits = FakeLimits(FakeOptOuts())
        return make_world(messages=self.messages, optouts=self.optouts, finder=finder, limits=limits)

    # Any: an item as DynamoDB types it.
    def items(self) -> list[dict[str, Any]]:
        return [dict(item) for item in self.client.scan(TableName=self.table)["Items"]]


# Each makes a table of its own; AWS and its client are one for all, as they take longer to make than an example.
Make = Callable[[], Store]


@pytest.fixture(scope="module")
def store(dynamodb: "DynamoDBClient") -> Make:
    def made() -> Store:
        table = create_table(dynamodb, "MessagesTable")
        messages = DynamoMessages(dynamodb, table, retention_days=90, validity_minutes=1440)
        return Store(dynamodb, table, messages, DynamoOptOuts(dynamodb, table))

    return made


# Any: an item as DynamoDB types it.
def size(value: Any) -> int:
    """About how many bytes DynamoDB counts: names and texts in UTF-8, and three for each list or map."""
    match value:
        case str():
            return len(value.encode())
        case dict():
            return 3 + sum(1 + len(name.encode()) + size(inner) for name, inner in value.items())
        case list():
            return 3 + sum(1 + size(inner) for inner in value)
    return 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=st.lists(EVENTS, min_size=1, max_size=3))
def test_webhooks_of_any_content_are_stored_and_can_be_read(store: Make, events: list[dict[str, Any]]) -> None:
    kept = store()
    world = kept.world()
    text = world.provider.text(world.send().fields["message_id"])
    for data in events:
        if isinstance(data.get("payload"), dict) and data.get("event_type") != "message.received":
            data["payload"] |= {"id": text.telnyx_id, "webhook_url": text.webhook_url}
        reply = world.webhook(raw({"data": data}), path_id=text.key)
        assert reply.status in (200, 400)

    assert world.logger.crashes == []
    event = call("GET", "/sms/messages") | {"queryStringParameters": {"since": "2023-11-14"}}
    found = Reply.of(world.invoke("messages", event))
    stored = [item for item in kept.items() if item["pk"]["S"].startswith("M#")]
    assert {row["message_id"] for row in found.fields["messages"]} == {item["pk"]["S"][2:] for item in stored}
    for row in found.fields["messages"]:
        status = world.status(row["message_id"])
        assert status.status == 200
        assert [text for text in texts_of(status.fields) if not is_safe(text)] == []
    for item in kept.items():
        assert size(item) < MOST_BYTES
        # As the publisher reads it.
        if not item["pk"]["S"].startswith("T#"):
            assert _item(item)
    assert len(kept.optouts.page(None, 10)) <= 1


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    fields=st.fixed_dictionaries({"data": MESSAGES}) | ERRORS | RECORDS | EVENTS,
    status=st.sampled_from([200, 202, 301, 400, 401, 403, 409, 429, 500, 503, 999]),
    headers=st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset"]), st.text(max_size=20)),
)
def test_answers_of_any_content_are_read_and_stored(
    store: Make, fields: dict[str, Any], status: int, headers: dict[str, str]
) -> None:
    answer = protocol.classify(status, headers, raw(fields), START_MS / 1000, THEIRS)
    record = records.record(raw(fields), START_MS, THEIRS)
    page = records.detail_records(raw(fields), 1, "https://example.com/webhooks/message/a")
    kept = store()
    read_back = [found for found in (record, page.found if page else None) if found]
    for found in (answer, *(one.answer() for one in read_back)):
        message = make_message()
        assert kept.messages.accept(message) is None
        claimed = kept.messages.claim(message.id, "claim", START_MS).message
        assert claimed
        if found.verdict is Verdict.ACCEPTED:
            assert kept.messages.submitted(claimed, found, START_MS)
        else:
            assert found.fault
            assert kept.messages.ambiguous(claimed, found.fault, START_MS)
        read = kept.messages.get(message.id)
        assert read
        assert read.faults == (found.faults if found.verdict is Verdict.ACCEPTED else (found.fault,))
        assert [text for text in texts_of([*map(vars_of, read.faults)]) if not is_safe(text)] == []
    for one in read_back:
        kept.messages.record(message.id, one.receipt(START_MS), START_MS)
        assert kept.messages.get(message.id)


def vars_of(fault: Any) -> list[str]:
    return [fault.code, fault.title, fault.detail]


@given(st.binary(max_size=60), st.sampled_from([200, 400, 503]))
def test_bytes_of_any_kind_are_read_as_an_answer(content: bytes, status: int) -> None:
    assert protocol.classify(status, {}, content, START_MS / 1000).verdict
    records.record(content, START_MS)
    records.detail_records(content, 1, "https://example.com/webhooks/message/a")


def test_a_history_full_of_the_longest_words_fits_into_one_item(store: Make) -> None:
    words = ("\N{WAVING HAND SIGN}" * 1_000, "x" * 1_000)
    sizes = list[int]()
    kept = store()
    world = kept.world()
    text = world.provider.text(world.send(message="\N{WAVING HAND SIGN}" * 300).fields["message_id"])
    for number in range(12):
        said = words[number % 2]
        errors = [{"code": said, "title": said, "detail": said}] * 9 + [{"code": "1"}] * 99
        # As long as an id may be that is kept as it is.
        body = receipt(text, "delivered", world.clock.now, event_id=f"{number}".rjust(128, "i"))
        event = json.loads(body)
        event["data"]["payload"] |= {"errors": errors, "to": [{"status": said}]}
        assert world.webhook(json.dumps(event).encode(), path_id=text.key).status == 200
        sizes += [size(item) for item in kept.items() if item["pk"]["S"] == f"M#{text.key}"]

    assert world.status(text.key).status == 200
    assert len(world.status(text.key).fields["history"]) == 14
    two = sizes[-1] - sizes[-3]
    assert two > 3_000
    assert sizes[0] + two * KEPT_ENTRIES // 2 < MOST_BYTES


def test_a_page_of_the_longest_texts_is_one_answer(store: Make) -> None:
    nasty = ('"\\' * 20_000, "\N{WAVING HAND SIGN}" * 20_000, "\n" * 20_000)
    kept = store()
    world = kept.world()
    for number in range(100):
        words = nasty[number % 3]
        event = json.loads(inbound(THEIRS, words, world.clock.now, to=OURS))
        event["data"]["payload"]["media"] = [dict.fromkeys(("url", "content_type", "sha256"), words[:2_000])] * 20
        assert world.webhook(json.dumps(event).encode()).fields == {"status": "received"}

    event = call("GET", "/sms/messages") | {"queryStringParameters": {"from": THEIRS, "limit": "100"}}
    answer = world.invoke("messages", event)
    assert len(json.loads(answer["body"])["messages"]) == 100
    # What a function may answer (Lambda, "Quotas").
    assert len(json.dumps(answer)) < 6 * 1024 * 1024


@pytest.mark.parametrize("sender", ["optouts", "", "x" * 5_000, "\ud800", "\N{WAVING HAND SIGN}" * 999])
def test_a_sender_that_is_no_number_is_in_no_list_of_the_opted_out(store: Make, sender: str) -> None:
    kept = store()
    world = kept.world()
    assert world.webhook(inbound(sender, "Hi", world.clock.now, to=OURS)).fields == {"status": "received"}
    world.request("optouts", "PUT", "/sms/optouts/{number}", parameters={"number": THEIRS})

    listed = world.request("optouts", "GET", "/sms/optouts")

    assert [row["number"] for row in listed.fields["optouts"]] == [THEIRS]
    found = DynamoFinder(kept.client, kept.table, retention_days=90).find(
        Search(status=Status.RECEIVED), None, 10, START_MS
    )
    assert len(found.ids) == 1
    assert uuid.UUID(found.ids[0])
    assert epoch_ms("2023-11-14T22:13:20Z") == START_MS
