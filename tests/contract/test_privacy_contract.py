"""What every store of messages promises about forgetting: words that are not to be kept, people, and time."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from longcode.aws.messages import DynamoMessages
from longcode.domain.errors import Unavailable
from longcode.domain.message import Message
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Messages
from tests.contract.tables import create_table
from tests.support.fakes import FakeMessages
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import NO_ANSWER, TELNYX_ID, accepted, ending, make_message, make_receipt

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NOW = START_MS + 1_000
TEXT = "Your parcel comes at 10."
FINAL = [status for status in Status if status.rank >= Status.DELIVERY_UNCONFIRMED.rank and status != "received"]
ENDED = [Status.FAILED, Status.SUPPRESSED, Status.CANCELLED, Status.EXPIRED_UNSENT]


@pytest.fixture(params=["fake", "dynamodb"])
def forgetful(request: pytest.FixtureRequest) -> Messages:
    """A store with StoreText = until_final."""
    if request.param == "fake":
        return FakeMessages(validity_minutes=60, keep_text=False)
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    table = create_table(client, "MessagesTable")
    return DynamoMessages(client, table, retention_days=90, validity_minutes=60, keep_text=False)


def claimed(messages: Messages, **changes: object) -> Message:
    message = make_message(text=TEXT, **changes)
    assert messages.accept(message) is None
    claim = messages.claim(message.id, "mine", NOW)
    assert claim.message
    return claim.message


def text_of(messages: Messages, message: Message) -> str | None:
    found = messages.get(message.id)
    assert found
    return found.text


# ---------------------------------------------------------------------------------- words not to be kept


@pytest.mark.parametrize("status", FINAL)
def test_the_words_go_with_the_final_receipt(forgetful: Messages, status: Status) -> None:
    message = claimed(forgetful, media_urls=("https://example.com/a.png",))
    assert message.media_urls
    forgetful.submitted(message, accepted(), NOW)

    forgetful.record(message.id, make_receipt(status), NOW)

    found = forgetful.get(message.id)
    assert found
    assert (found.status, found.text, found.media_urls) == (status, None, ())
    assert found.fingerprint == message.fingerprint


@pytest.mark.parametrize("status", ENDED)
def test_the_words_go_with_an_end_before_the_provider_had_them(forgetful: Messages, status: Status) -> None:
    message = make_message()
    forgetful.accept(message)

    forgetful.end(message, status, ending(status), NOW)

    assert text_of(forgetful, message) is None


def test_the_words_go_with_an_answer_that_is_final_already(forgetful: Messages) -> None:
    message = claimed(forgetful)

    forgetful.submitted(message, accepted(status=Status.SENDING_FAILED), NOW)

    assert text_of(forgetful, message) is None


@pytest.mark.parametrize("way", ["queued", "claimed", "released", "unknown", "submitted", "sent"])
def test_the_words_stay_as_long_as_they_may_be_needed(forgetful: Messages, way: str) -> None:
    message = claimed(forgetful)
    steps: dict[str, Callable[[], object]] = {
        "queued": lambda: None,
        "claimed": lambda: None,
        "released": lambda: forgetful.release(message, NOW, slot_ms=NOW, held_by=HeldBy.BREAKER),
        "unknown": lambda: forgetful.ambiguous(message, NO_ANSWER, NOW),
        "submitted": lambda: forgetful.submitted(message, accepted(), NOW),
        "sent": lambda: forgetful.record(message.id, make_receipt(Status.SENT), NOW),
    }
    steps[way]()

    assert text_of(forgetful, message) == TEXT


def test_what_came_in_stays_to_be_read(forgetful: Messages) -> None:
    message = make_message(direction="inbound", status=Status.RECEIVED, route="webhook", text="Is this on?")

    forgetful.receive(message)

    assert text_of(forgetful, message) == "Is this on?"


def test_a_text_that_failed_and_is_tried_again_has_its_words_again(forgetful: Messages) -> None:
    first = make_message(text=TEXT)
    forgetful.accept(first)
    forgetful.end(first, Status.FAILED, ending(Status.FAILED), NOW, safe_to_retry=True)

    assert forgetful.accept(replace(first, accepted_ms=NOW)) is None

    assert text_of(forgetful, first) == TEXT


def test_a_store_that_keeps_words_keeps_them(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)

    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)

    assert text_of(messages, message) == TEXT


def test_an_inbound_text_without_words_has_none_and_is_read_all_the_same(messages: Messages) -> None:
    message = make_message(direction="inbound", status=Status.RECEIVED, route="webhook", text="")

    messages.receive(message)

    assert messages.get(message.id) == message


# --------------------------------------------------------------------------------------- people


def test_an_erased_text_leaves_nothing_and_is_found_by_no_id(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)
    found = messages.find(TELNYX_ID)
    assert found

    assert messages.erase(found)

    assert messages.get(message.id) is None
    assert messages.find(message.id) is None
    assert messages.find(TELNYX_ID) is None


def test_erasing_twice_is_erasing_once(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)
    found = messages.get(message.id)
    assert found

    assert messages.erase(found)
    assert messages.erase(found)


@pytest.mark.parametrize("way", ["queued", "sending", "unknown"])
def test_a_text_that_may_still_leave_is_not_erased(messages: Messages, way: str) -> None:
    message = make_message()
    messages.accept(message)
    if way != "queued":
        claim = messages.claim(message.id, "mine", NOW)
        assert claim.message
        message = claim.message
    if way == "unknown":
        messages.ambiguous(message, NO_ANSWER, NOW)
    found = messages.get(message.id)
    assert found

    erased = messages.erase(found)

    assert messages.get(message.id) == found
    assert not erased


def test_a_text_that_was_claimed_in_the_meantime_is_not_erased(messages: Messages) -> None:
    message = make_message()
    messages.accept(message)
    messages.claim(message.id, "mine", NOW)

    erased = messages.erase(replace(message, status=Status.CANCELLED))

    assert messages.get(message.id) is not None
    assert not erased


def test_a_receipt_for_an_erased_text_brings_nothing_back(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)
    found = messages.get(message.id)
    assert found
    messages.erase(found)

    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)

    assert messages.get(message.id) is None
    assert messages.find(TELNYX_ID) is None


# --------------------------------------------------------------------------------------- many at once


def test_many_are_read_in_the_order_asked_for_without_those_that_are_not_there(messages: Messages) -> None:
    ids = [str(uuid.UUID(int=number)) for number in range(230)]
    for ident in ids[:-1]:
        messages.accept(make_message(id=ident))

    found = messages.get_all([*reversed(ids)])

    assert [message.id for message in found] == [*reversed(ids[:-1])]
    assert list(messages.get_all([])) == []


# --------------------------------------------------------------------------- only the real table can show it


class Stingy:
    """A client whose BatchGetItem gives at most `most` items at once."""

    def __init__(self, client: "DynamoDBClient", most: int) -> None:
        self._client = client
        self._most = most

    # Any: what botocore takes and gives.
    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        ((table, wanted),) = RequestItems.items()
        keys = wanted["Keys"]
        answer: dict[str, Any] = {"Responses": {table: []}, "UnprocessedKeys": {}}
        if self._most:
            some: Any = {table: {**wanted, "Keys": keys[: self._most]}}
            answer |= self._client.batch_get_item(RequestItems=some)
        if keys[self._most :]:
            answer["UnprocessedKeys"] = {table: {**wanted, "Keys": keys[self._most :]}}
        return answer


def stored(client: "DynamoDBClient", count: int) -> tuple[str, list[str]]:
    table = create_table(client, "MessagesTable")
    messages = DynamoMessages(client, table, retention_days=90, validity_minutes=60)
    ids = [str(uuid.UUID(int=number)) for number in range(count)]
    for ident in ids:
        messages.accept(make_message(id=ident))
    return table, ids


def stingy(client: "DynamoDBClient", table: str, most: int, waits: list[float]) -> DynamoMessages:
    scarce: Any = Stingy(client, most)
    return DynamoMessages(scarce, table, retention_days=90, validity_minutes=60, sleep=waits.append)


def test_what_the_table_left_out_of_an_answer_is_asked_for_again(dynamodb: "DynamoDBClient") -> None:
    table, ids = stored(dynamodb, 13)
    waits: list[float] = []

    assert [message.id for message in stingy(dynamodb, table, 2, waits).get_all(ids)] == ids

    # Each answer got on, so this is no outage, however often.
    assert waits == [0.05] * 6


def test_a_table_that_leaves_all_out_is_unavailable(dynamodb: "DynamoDBClient") -> None:
    table, ids = stored(dynamodb, 3)
    waits: list[float] = []

    with pytest.raises(Unavailable):
        stingy(dynamodb, table, 0, waits).get_all(ids)

    assert waits == [0.05, 0.1, 0.2]


DAY_S = 86_400


def short(client: "DynamoDBClient", validity_minutes: int = 20_160) -> DynamoMessages:
    """A store that keeps things for as short as its settings allow."""
    table = create_table(client, "MessagesTable")
    return DynamoMessages(client, table, retention_days=1, validity_minutes=validity_minutes)


def ends(client: "DynamoDBClient", messages: DynamoMessages) -> dict[str, int]:
    """When each item goes, by the first letters of its key."""
    items = client.scan(TableName=messages.table.name)["Items"]
    return {item["pk"]["S"][:2]: int(item["expires_at"]["N"]) for item in items}


def test_every_item_of_a_text_has_an_end(dynamodb: "DynamoDBClient") -> None:
    messages = short(dynamodb)
    messages.accept(make_message())
    messages.receive(make_message(direction="inbound", status=Status.RECEIVED, route="webhook"))
    by_answer, by_receipt, late = (claimed(messages) for _ in range(3))
    messages.submitted(by_answer, accepted(), NOW)
    messages.record(by_receipt.id, make_receipt(Status.SENT, telnyx_id="by-receipt"), NOW)
    messages.record(late.id, make_receipt(None, telnyx_id="late"), NOW)

    items = dynamodb.scan(TableName=messages.table.name)["Items"]

    assert sorted(item["pk"]["S"][:2] for item in items) == ["M#"] * 5 + ["T#"] * 3
    assert all(int(item["expires_at"]["N"]) >= START_MS // 1000 + DAY_S for item in items)


# Also where it waited for all of its validity: before it was claimed, or put back, or held.
@pytest.mark.parametrize("way", ["accepted", "unqueued", "claimed", "released", "held"])
# What waits is read by another release too, whose ValidityMinutes may be longer.
@pytest.mark.parametrize("validity_minutes", [1, 20_160])
def test_what_waits_is_kept_until_its_time_is_over(
    dynamodb: "DynamoDBClient", way: str, validity_minutes: int
) -> None:
    messages = short(dynamodb, validity_minutes)
    message = make_message(unqueued=way == "unqueued")
    messages.accept(message)
    if way in ("claimed", "released"):
        message = messages.claim(message.id, "mine", NOW).message or message
    if way == "released":
        messages.release(message, NOW, slot_ms=NOW, held_by=HeldBy.BREAKER)
    if way == "held":
        messages.hold(message, NOW, HeldBy.BREAKER)
        messages.queued(message)

    assert ends(dynamodb, messages)["M#"] >= START_MS // 1000 + 14 * DAY_S


@pytest.mark.parametrize("way", ["sending", "unknown", "replayed", "submitted", "sent", "queued at the provider"])
def test_what_may_still_be_heard_of_is_kept_for_ten_days_whatever_the_retention(
    dynamodb: "DynamoDBClient", way: str
) -> None:
    messages = short(dynamodb)
    later = NOW + 13 * DAY_S * 1000
    message = make_message()
    messages.accept(message)
    message = messages.claim(message.id, "mine", later).message or message
    steps: dict[str, Callable[[], object]] = {
        "sending": lambda: None,
        "unknown": lambda: messages.ambiguous(message, NO_ANSWER, later),
        "replayed": lambda: (
            messages.ambiguous(message, NO_ANSWER, later) and messages.mark_replayed(message, later)
        ),
        "submitted": lambda: messages.submitted(message, accepted(), later),
        "sent": lambda: messages.record(message.id, make_receipt(Status.SENT), later),
        "queued at the provider": lambda: (
            messages.submitted(message, accepted(), later)
            and messages.record(message.id, make_receipt(None), later)
        ),
    }
    steps[way]()

    # While it is being sent it is not in doubt yet; the reconciler says so a minute later.
    days = 1 if way == "sending" else 11
    assert ends(dynamodb, messages)["M#"] >= later // 1000 + days * DAY_S


@pytest.mark.parametrize("way", ["by the answer", "by a receipt"])
def test_what_leads_to_a_text_stays_as_long_as_the_text(dynamodb: "DynamoDBClient", way: str) -> None:
    messages = short(dynamodb)
    message = claimed(messages)
    if way == "by the answer":
        messages.submitted(message, accepted(), NOW)
    else:
        messages.record(message.id, make_receipt(Status.SENT), NOW)

    found = ends(dynamodb, messages)

    assert found["T#"] >= found["M#"] >= NOW // 1000 + 11 * DAY_S


def test_what_is_left_of_a_text_that_waited_says_nothing_of_anybody_and_goes_in_a_day(
    dynamodb: "DynamoDBClient",
) -> None:
    messages = short(dynamodb)
    message = make_message(metadata={"tag": "august", "order": "A-17"})
    messages.accept(message)
    messages.hold(message, NOW, HeldBy.BREAKER)
    messages.end(message, Status.CANCELLED, ending(Status.CANCELLED), NOW)
    found = messages.get(message.id)
    assert found

    messages.erase(found)

    assert dynamodb.scan(TableName=messages.table.name)["Items"] == [
        {
            "pk": {"S": f"M#{message.id}"},
            "erased_ms": {"N": str(NOW)},
            "expires_at": {"N": str(NOW // 1000 + DAY_S)},
        }
    ]
