"""What only the real table can show: how many writes a webhook costs, lost answers, failures, and that the fake
does the same in any order of events.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longcode.aws.messages import DynamoMessages
from longcode.domain.errors import Unavailable
from longcode.domain.message import DUE_SHARDS, RECEIPT_CHECK_MS, Message
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Messages
from tests.chance import times
from tests.contract.message_steps import due
from tests.contract.tables import create_table
from tests.support.fakes import FakeMessages
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import (
    NO_ANSWER,
    OTHER_TELNYX_ID,
    TELNYX_ID,
    THEIRS,
    accepted,
    ending,
    make_message,
    make_receipt,
)
from tests.support.places import END, upto

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NOW = START_MS + 1_000
WRITES = ("put_item", "update_item", "delete_item")


class Watched:
    """A client that counts its calls and fails on demand."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.calls: list[str] = []
        self.lose_the_answer_of: str | None = None
        self.error: Exception | None = None
        self._client = client

    # Any: whichever method of the client.
    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append(name)
            if self.error:
                raise self.error
            answer = getattr(self._client, name)(**arguments)
            if self.lose_the_answer_of == name:
                # As botocore does when an answer is lost: it asks again.
                self.lose_the_answer_of = None
                answer = getattr(self._client, name)(**arguments)
            return answer

        return call

    @property
    def writes(self) -> int:
        return sum(name in WRITES for name in self.calls)


@pytest.fixture
def client(dynamodb: "DynamoDBClient") -> Watched:
    return Watched(dynamodb)


@pytest.fixture
def messages(client: Watched, dynamodb: "DynamoDBClient") -> DynamoMessages:
    table = create_table(dynamodb, "MessagesTable")
    return DynamoMessages(client, table, retention_days=90, validity_minutes=60)  # type: ignore[arg-type]


def claimed(messages: Messages, **changes: object) -> Message:
    message = make_message(**changes)
    messages.accept(message)
    claim = messages.claim(message.id, "mine", NOW)
    assert claim.message
    return claim.message


@pytest.mark.parametrize("late", [False, True], ids=["in-time", "late"])
@pytest.mark.parametrize("known", [False, True], ids=["before-the-answer", "after-the-answer"])
@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, Status.DELIVERY_UNCONFIRMED, None])
def test_a_receipt_costs_at_most_two_writes(
    messages: DynamoMessages, client: Watched, status: Status | None, known: bool, late: bool
) -> None:
    message = claimed(messages)
    if known:
        messages.submitted(message, accepted(), NOW)
    if late:
        messages.record(message.id, make_receipt(Status.DELIVERED), NOW)
    client.calls.clear()

    messages.record(message.id, make_receipt(status), NOW)

    assert 1 <= client.writes <= 2
    assert client.calls.count("get_item") == 0


def test_an_inbound_text_costs_one_write(messages: DynamoMessages, client: Watched) -> None:
    messages.receive(make_message(direction="inbound", status=Status.RECEIVED, route="webhook"))

    assert client.calls == ["put_item"]


def test_a_claim_whose_answer_was_lost_on_the_way_is_won(messages: DynamoMessages, client: Watched) -> None:
    message = make_message()
    messages.accept(message)
    client.lose_the_answer_of = "update_item"

    claim = messages.claim(message.id, "mine", NOW)

    found = messages.get(message.id)
    assert found
    assert found.attempts == 1
    assert claim.won


def test_an_acceptance_whose_answer_was_lost_on_the_way_is_one(messages: DynamoMessages, client: Watched) -> None:
    client.lose_the_answer_of = "put_item"

    assert messages.accept(make_message()) is None


@pytest.mark.parametrize(
    "write",
    ["accept", "claim", "submitted", "record", "receive", "get", "find", "queue_length", "set_due"],
)
@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "Op"),
        ClientError({"Error": {"Code": "InternalServerError"}}, "Op"),
        EndpointConnectionError(endpoint_url="https://dynamodb.invalid"),
    ],
    ids=["throttled", "internal-error", "unreachable"],
)
def test_a_table_that_fails_is_unavailable(
    messages: DynamoMessages, client: Watched, write: str, error: Exception
) -> None:
    message = replace(make_message(), claim_id="mine")
    client.error = error

    calls: dict[str, Callable[[], object]] = {
        "accept": lambda: messages.accept(message),
        "claim": lambda: messages.claim(message.id, "mine", NOW),
        "submitted": lambda: messages.submitted(message, accepted(), NOW),
        "record": lambda: messages.record(message.id, make_receipt(Status.SENT), NOW),
        "receive": lambda: messages.receive(message),
        "get": lambda: messages.get(message.id),
        "find": lambda: messages.find(message.id),
        "queue_length": lambda: messages.queue_length(THEIRS, at_most=1, before=END),
        "set_due": lambda: messages.set_due(message, NOW),
    }
    with pytest.raises(Unavailable, match="The messages table"):
        calls[write]()


def test_a_message_that_was_handed_over_lives_on_from_there(
    messages: DynamoMessages, dynamodb: "DynamoDBClient"
) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW + 86_400_000)

    kept = {
        item["pk"]["S"]: int(item["expires_at"]["N"])
        for item in dynamodb.scan(TableName=messages.table.name)["Items"]
    }

    # The retention, from when the last evidence can have come.
    later = (NOW + 86_400_000) // 1000 + (10 + 90) * 86_400
    assert kept == {f"M#{message.id}": later, f"T#{TELNYX_ID}": later}


def test_no_fact_is_in_an_item_twice(messages: DynamoMessages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)
    messages.record(message.id, make_receipt(Status.DELIVERED, "event-1"), NOW)

    item = repr(messages.table.get(f"M#{message.id}"))

    assert [item.count(fact) for fact in (message.id, TELNYX_ID, "event-1", "mine")] == [1, 1, 1, 1]


def test_an_item_of_an_earlier_release_is_read(messages: DynamoMessages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.SENT, "event-1"), NOW)
    new = messages.get(message.id)
    messages.table.update(
        f"M#{message.id}",
        "SET webhook_url = :url, history[0].event_id = :event",
        values={":url": message.webhook_url, ":event": "event-1"},
    )

    assert messages.get(message.id) == new


# ----------------------------------------------------------------------- the fake does what the table does


@dataclass(frozen=True)
class Step:
    """One write by one of two workers."""

    call: str
    mine: bool
    status: Status | None
    event: str
    telnyx_id: str
    flag: bool


STEPS = st.builds(
    Step,
    call=st.sampled_from(
        [
            *(
                "accept",
                "claim",
                "release",
                "submitted",
                "ambiguous",
                "mark_replayed",
                "end",
                "hold",
                "set_due",
                "queued",
                "forbid",
                "erase",
            ),
            *("record", "record"),
        ]
    ),
    mine=st.sampled_from([True, True, True, False]),
    status=st.sampled_from([None, *(status for status in Status if status.rank >= 50)]),
    event=st.sampled_from(["e-1", "e-2", "e-3"]),
    telnyx_id=st.sampled_from([TELNYX_ID, TELNYX_ID, OTHER_TELNYX_ID]),
    flag=st.booleans(),
)


def take(step: Step, messages: Messages, message: Message, at_ms: int) -> object:
    """Do one step; what it answers."""
    mine = replace(message, claim_id="mine" if step.mine else "theirs")
    end = step.status if step.status and step.status.rank < Status.DELIVERY_UNCONFIRMED.rank else Status.FAILED
    if end is Status.SENT:
        end = Status.FAILED
    calls: dict[str, Callable[[], object]] = {
        "accept": lambda: messages.accept(
            replace(message, accepted_ms=at_ms if step.flag else START_MS, unqueued=not step.mine)
        ),
        "erase": lambda: messages.erase(messages.get(message.id) or message),
        "claim": lambda: messages.claim(message.id, mine.claim_id or "", at_ms),
        "release": lambda: messages.release(
            mine, at_ms, slot_ms=at_ms + 5, held_by=HeldBy.BREAKER, turn=at_ms if step.flag else None
        ),
        "submitted": lambda: messages.submitted(mine, accepted(step.telnyx_id), at_ms),
        "ambiguous": lambda: messages.ambiguous(mine, NO_ANSWER, at_ms),
        "mark_replayed": lambda: messages.mark_replayed(
            replace(mine, replays=int(step.flag)), at_ms, undo=step.flag
        ),
        "end": lambda: messages.end(
            mine if step.flag else message, end, ending(end), at_ms, safe_to_retry=step.mine
        ),
        "hold": lambda: messages.hold(message, at_ms + 7, HeldBy.SENDER_RATE, at_ms if step.flag else None),
        "queued": lambda: messages.queued(message),
        "forbid": lambda: messages.forbid(message),
        "record": lambda: messages.record(
            message.id, make_receipt(step.status, step.event, telnyx_id=step.telnyx_id), at_ms
        ),
        "set_due": lambda: messages.set_due(message, at_ms + 9 if step.flag else None),
    }
    return calls[step.call]()


def seen(messages: Messages, message: Message) -> object:
    """What can be seen of the one message at once."""
    return (
        messages.read([message.id]),
        list(messages.recipient_queue(THEIRS, until=upto(START_MS * 2), at_most=10)),
    )


def found(messages: Messages) -> object:
    """What else leads to it."""
    far = START_MS * 2
    return (
        messages.find(TELNYX_ID),
        messages.find(OTHER_TELNYX_ID),
        [ident for shard in range(DUE_SHARDS) for ident in messages.due_messages(shard, far, 10)],
        list(messages.old_claims(far, 10)),
    )


@settings(
    deadline=None,
    max_examples=times(8),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=2, max_size=12))
def test_the_fake_and_the_table_do_the_same(dynamodb: "DynamoDBClient", steps: list[Step]) -> None:
    table = create_table(dynamodb, "MessagesTable")
    real = DynamoMessages(dynamodb, table, retention_days=90, validity_minutes=60)
    fake = FakeMessages(validity_minutes=60)
    message = make_message(id="40385f64-5717-4562-b3fc-000000000001")
    for messages in (real, fake):
        messages.accept(message)
    for number, step in enumerate([Step("claim", True, None, "", TELNYX_ID, True), *steps]):
        at_ms = NOW + number
        answers = [take(step, messages, message, at_ms) for messages in (real, fake)]
        assert answers[0] == answers[1], step
        assert seen(real, message) == seen(fake, message), step
    assert found(real) == found(fake)
    dynamodb.delete_table(TableName=table)


def test_a_text_that_waited_as_far_as_we_knew_is_looked_at_also_where_the_receipts_first_answer_was_lost(
    messages: DynamoMessages, client: Watched
) -> None:
    message = make_message()
    messages.accept(message)
    client.lose_the_answer_of = "update_item"

    messages.record(message.id, make_receipt(Status.SENT), NOW)

    assert due(messages, NOW + RECEIPT_CHECK_MS) == {message.id}


def test_of_very_many_claims_not_many_more_entries_are_read_than_asked_for(
    dynamodb: "DynamoDBClient", real_messages: DynamoMessages
) -> None:
    read: list[int] = []

    def asked(params: dict[str, Any], **_: object) -> None:
        read.append(params["Limit"])

    dynamodb.meta.events.register("before-parameter-build.dynamodb.Query", asked)
    real_messages.old_claims(NOW, 5_000)
    dynamodb.meta.events.unregister("before-parameter-build.dynamodb.Query", asked)

    assert 5_000 < sum(read) <= 3 * 5_000


# What the release before the limits of carriers knows.
EARLIER_WORDS = {
    "recipient_rate", "sender_rate", "account_rate", "paused", "breaker", "provider_backoff", "opt_out_unclear",
}  # fmt: skip


@pytest.mark.parametrize("write", ["hold", "release", "accept"])
def test_the_release_before_can_read_whatever_a_text_waits_for(dynamodb: "DynamoDBClient", write: str) -> None:
    table = create_table(dynamodb, "MessagesTable")
    messages = DynamoMessages(dynamodb, table, retention_days=90, validity_minutes=1440)
    # With these it could not read the status.
    for held_by in set(HeldBy) - {HeldBy.SCHEDULE, HeldBy.QUIET_HOURS}:
        message = replace(make_message(), held_by=held_by if write == "accept" else None)
        messages.accept(message)
        if write == "hold":
            messages.hold(message, NOW + 9, held_by)
        elif write == "release":
            claimed = messages.claim(message.id, "claim", NOW).message
            assert claimed
            messages.release(claimed, NOW, slot_ms=NOW + 9, held_by=held_by)

        key = {"pk": {"S": f"M#{message.id}"}}
        assert dynamodb.get_item(TableName=table, Key=key)["Item"]["held_by"]["S"] in EARLIER_WORDS
        assert _held_by(messages, message.id) is held_by
        # It writes that one alone.
        for word, read in (("breaker", HeldBy.BREAKER), ("of a later release", None)):
            dynamodb.update_item(
                TableName=table,
                Key=key,
                UpdateExpression="SET held_by = :held",
                ExpressionAttributeValues={":held": {"S": word}},
            )
            assert _held_by(messages, message.id) is read


def _held_by(messages: Messages, message_id: str) -> HeldBy | None:
    found = messages.get(message_id)
    assert found
    return found.held_by
