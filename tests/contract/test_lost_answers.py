"""An answer of AWS is lost and botocore asks again: every write of the adapters bears that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from longcode.aws.limits import DynamoLimits
from longcode.aws.messages import DynamoMessages
from longcode.domain import braking, pacing
from longcode.domain.braking import Brake
from longcode.domain.gate import Control, Trouble
from longcode.domain.message import Message
from longcode.domain.outcomes import Recorded
from longcode.domain.status import HeldBy, Status
from tests.contract.repeats import repeated
from tests.contract.tables import create_table
from tests.support import interleave
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import (
    NO_ANSWER,
    OURS,
    TELNYX_ID,
    THEIRS,
    accepted,
    ending,
    make_message,
    make_receipt,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NOW = START_MS + 1_000
KEY = pacing.recipient_key(THEIRS)
BRAKE = Brake(START_MS, 4_000, 0, 0)


@pytest.fixture
def limits(dynamodb: "DynamoDBClient") -> DynamoLimits:
    return DynamoLimits(dynamodb, create_table(dynamodb, "LimitsTable"), create_table(dynamodb, "MessagesTable"))


@pytest.fixture
def messages(real_messages: DynamoMessages) -> DynamoMessages:
    return real_messages


# -------------------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("tat_ms", [None, START_MS - 1, START_MS + 4_000])
def test_a_reservation_is_made_once(
    dynamodb: "DynamoDBClient", limits: DynamoLimits, tat_ms: int | None, ahead: bool
) -> None:
    if tat_ms is not None:
        limits.reserve(KEY, 1, 1_000, tat_ms - 1_000)
    # Also that of the guess which was wrong.
    with repeated(dynamodb, "UpdateItem", times=2) as done:
        found = limits.reserve(KEY, 2, 1_000, START_MS, ahead=ahead)

    assert done
    assert found == pacing.reserve(tat_ms, START_MS, 2, 1_000)
    assert limits.read_gate(THEIRS, OURS).recipient.tat_ms == found.tat_ms


def test_a_turn_is_taken_once(dynamodb: "DynamoDBClient", limits: DynamoLimits) -> None:
    limits.take_turn(OURS, BRAKE, NOW)
    with repeated(dynamodb, "UpdateItem", times=2) as done:
        turn = limits.take_turn(OURS, BRAKE, NOW)

    assert done
    assert turn == braking.front(BRAKE, NOW) + braking.TEXT
    assert limits.read_gate(THEIRS, OURS).sender.turns == turn + braking.TEXT


def test_a_first_turn_is_taken_once(dynamodb: "DynamoDBClient", limits: DynamoLimits) -> None:
    with repeated(dynamodb, "UpdateItem", times=2):
        turn = limits.take_turn(OURS, BRAKE, NOW)

    assert turn == braking.front(BRAKE, NOW)
    assert limits.read_gate(THEIRS, OURS).sender.turns == turn + braking.TEXT


def test_a_text_is_counted_once_also_the_last_that_may(dynamodb: "DynamoDBClient", limits: DynamoLimits) -> None:
    with repeated(dynamodb, "UpdateItem", times=2) as done:
        assert limits.count("day#x", 2, START_MS)
        assert limits.count("day#x", 2, START_MS)

    assert len(done) == 2
    assert not limits.count("day#x", 2, START_MS)


def test_a_text_is_taken_back_once(dynamodb: "DynamoDBClient", limits: DynamoLimits) -> None:
    for _ in range(2):
        limits.count("day#x", 2, START_MS)
    with repeated(dynamodb, "UpdateItem"):
        limits.uncount("day#x")

    assert [limits.count("day#x", 2, START_MS) for _ in range(2)] == [True, False]


def test_several_are_counted_and_taken_back_once(dynamodb: "DynamoDBClient", limits: DynamoLimits) -> None:
    with repeated(dynamodb, "UpdateItem", times=2) as done:
        assert limits.count("day#x", 10, START_MS, 6) == 6
        limits.uncount("day#x", 2)

    assert len(done) == 2
    assert limits.read_counts(["day#x"]) == {"day#x": 4}
    # The one that fits after the first try did not.
    with repeated(dynamodb, "UpdateItem", times=2):
        assert limits.count("day#x", 10, START_MS, 9) == 6
    assert limits.read_counts(["day#x"]) == {"day#x": 10}


def test_slots_are_given_back_once(dynamodb: "DynamoDBClient", limits: DynamoLimits) -> None:
    reservation = limits.reserve(KEY, 3, 1_000, START_MS)
    with repeated(dynamodb, "UpdateItem"):
        limits.give_back(KEY, reservation, 1, 1_000)

    assert limits.read_gate(THEIRS, OURS).recipient.tat_ms == START_MS + 2_000


def test_slots_that_were_given_back_and_taken_by_another_are_not_given_away_again(
    dynamodb: "DynamoDBClient", limits: DynamoLimits
) -> None:
    mine = limits.reserve(KEY, 1, 1_000, START_MS)
    jobs: list[interleave.Job] = [
        lambda: limits.give_back(KEY, mine, 1, 1_000),
        lambda: limits.reserve(KEY, 1, 1_000, START_MS),
    ]

    with interleave.stopping(dynamodb), repeated(dynamodb, "UpdateItem"):
        run = interleave.replay(lambda: (jobs, lambda _: None), (0, 1, 0))

    assert run.returned[1] == mine
    assert limits.reserve(KEY, 1, 1_000, START_MS).first_ms == mine.tat_ms


def test_a_trouble_is_counted_once(dynamodb: "DynamoDBClient", limits: DynamoLimits) -> None:
    with repeated(dynamodb, "UpdateItem", times=2) as done:
        limits.trouble(THEIRS, Trouble("outage", 1, "m-1"), NOW + 5_000, NOW)

    found = limits.read_gate(THEIRS, OURS).recipient
    assert len(done) == 2
    assert (found.troubles, found.troubled_ms, found.doubt_id) == (1, NOW, "m-1")
    limits.trouble(THEIRS, Trouble("outage", 1), NOW + 9_000, NOW + 1)
    assert limits.read_gate(THEIRS, OURS).recipient.troubles == 2


def test_a_suspect_is_one(dynamodb: "DynamoDBClient", limits: DynamoLimits) -> None:
    with repeated(dynamodb, "UpdateItem"):
        assert limits.suspect("outage", THEIRS, NOW) == 1


def test_who_opens_the_breaker_knows(dynamodb: "DynamoDBClient", limits: DynamoLimits) -> None:
    with repeated(dynamodb, "UpdateItem"):
        assert limits.open_breaker(NOW, NOW + 15_000, "10009 bad key")
    with repeated(dynamodb, "UpdateItem"):
        assert not limits.open_breaker(NOW + 1, NOW + 30_000, "10009 bad key")

    assert limits.read_gate(THEIRS, OURS).control == Control(
        breaker_since_ms=NOW, breaker_until_ms=NOW + 30_000, breaker_reason="10009 bad key"
    )


def test_who_probes_knows(dynamodb: "DynamoDBClient", limits: DynamoLimits) -> None:
    limits.open_breaker(START_MS, NOW, "10009 bad key")
    with repeated(dynamodb, "UpdateItem"):
        assert limits.probe(NOW, NOW + 15_000, "m-1")

    assert not limits.probe(NOW, NOW + 15_000, "m-2")


def test_a_brake_is_set_once(dynamodb: "DynamoDBClient", limits: DynamoLimits) -> None:
    with repeated(dynamodb, "UpdateItem"):
        limits.set_brake(OURS, None, BRAKE)

    assert limits.read_gate(THEIRS, OURS).sender.brake == BRAKE
    assert limits.set_brake(OURS, BRAKE, replace(BRAKE, since_ms=NOW))


@pytest.mark.parametrize("call", ["push", "pause", "resume", "settle", "clear_suspects", "close_breaker"])
def test_what_sets_or_removes_may_be_repeated(dynamodb: "DynamoDBClient", limits: DynamoLimits, call: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "push": lambda: limits.push(KEY, NOW),
        "pause": lambda: limits.pause(NOW, "lunch"),
        "resume": limits.resume,
        "settle": lambda: limits.settle(THEIRS),
        "clear_suspects": lambda: limits.clear_suspects(NOW),
        "close_breaker": lambda: limits.close_breaker(NOW),
    }
    limits.trouble(THEIRS, Trouble("outage", 1), START_MS, START_MS)
    calls[call]()
    once = limits.read_gate(THEIRS, OURS)

    with repeated(dynamodb, "UpdateItem") as done:
        calls[call]()

    assert done
    assert limits.read_gate(THEIRS, OURS) == once


# ------------------------------------------------------------------------------------------------ messages


def claimed(messages: DynamoMessages) -> Message:
    message = make_message()
    messages.accept(message)
    claim = messages.claim(message.id, "mine", NOW)
    assert claim.message
    return claim.message


def test_an_acceptance_is_one_also_where_the_text_was_claimed_before_it_was_asked_for_again(
    dynamodb: "DynamoDBClient", messages: DynamoMessages
) -> None:
    """The queue has it before the table does, so the consumer may be that fast."""
    message = make_message()
    jobs: list[interleave.Job] = [
        lambda: messages.accept(message),
        lambda: messages.claim(message.id, "consumer", NOW).won,
    ]

    with interleave.stopping(dynamodb), repeated(dynamodb, "PutItem"):
        run = interleave.replay(lambda: (jobs, lambda _: None), (0, 1, 0))

    assert run.calls == ("0 PutItem", "1 UpdateItem", "0 PutItem again")
    assert run.returned == (None, True)


def test_a_send_at_once_is_one_also_where_it_was_asked_for_again(
    dynamodb: "DynamoDBClient", messages: DynamoMessages
) -> None:
    message = make_message(route="send", status=Status.SENDING, claim_id="one", claimed_ms=START_MS, attempts=1)

    with repeated(dynamodb, "PutItem"):
        assert messages.accept(message) is None

    assert messages.accept(replace(message, claim_id="two")) == message


@dataclass(frozen=True)
class Write:
    """A write of who has the claim of a text."""

    do: Callable[[DynamoMessages, Message], object]
    expected: object = True


WRITES = {
    "claim": Write(lambda messages, message: messages.claim(message.id, "mine", NOW).won),
    "submitted": Write(lambda messages, message: messages.submitted(message, accepted(), NOW)),
    "ambiguous": Write(lambda messages, message: messages.ambiguous(message, NO_ANSWER, NOW)),
    "end": Write(lambda messages, message: messages.end(message, Status.FAILED, ending(Status.FAILED), NOW)),
    "forbid": Write(lambda messages, message: messages.forbid(message)),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_whose_answer_was_lost_took_effect_once_and_says_so(
    dynamodb: "DynamoDBClient", messages: DynamoMessages, name: str
) -> None:
    mine, other = claimed(messages), claimed(messages)
    WRITES[name].do(messages, other)

    with repeated(dynamodb, "UpdateItem") as done:
        answer = WRITES[name].do(messages, mine)

    assert done
    assert answer == WRITES[name].expected
    found, same = messages.get(mine.id), messages.get(other.id)
    assert found
    assert same
    assert replace(found, id=same.id, webhook_url=same.webhook_url) == same


def test_a_cancelled_text_whose_answer_was_lost_can_be_erased(
    dynamodb: "DynamoDBClient", messages: DynamoMessages
) -> None:
    """As erase.py does: what says that it was not cancelled, stays."""
    message = make_message()
    messages.accept(message)

    with repeated(dynamodb, "UpdateItem"):
        assert messages.end(message, Status.CANCELLED, ending(Status.CANCELLED), NOW)


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.DELIVERED])
@pytest.mark.parametrize("operation", ["PutItem", "DeleteItem"])
def test_an_erasure_whose_answer_was_lost_is_one(
    dynamodb: "DynamoDBClient", messages: DynamoMessages, status: Status, operation: str
) -> None:
    message = claimed(messages)
    if status is Status.CANCELLED:
        messages.end(message, status, ending(status), NOW)
    else:
        messages.record(message.id, make_receipt(status), NOW)
    found = messages.get(message.id)
    assert found

    with repeated(dynamodb, operation, times=2):
        assert messages.erase(found)

    assert messages.get(message.id) is None


def test_a_release_whose_answer_was_lost_gives_one_attempt_back(
    dynamodb: "DynamoDBClient", messages: DynamoMessages
) -> None:
    message = claimed(messages)

    with repeated(dynamodb, "UpdateItem"):
        messages.release(message, NOW, slot_ms=NOW, held_by=HeldBy.BREAKER)

    found = messages.get(message.id)
    assert found
    assert (found.status, found.attempts) == (Status.QUEUED, 0)


@pytest.mark.parametrize("undo", [False, True])
def test_a_replay_whose_answer_was_lost_is_taken_once(
    dynamodb: "DynamoDBClient", messages: DynamoMessages, undo: bool
) -> None:
    message = claimed(messages)
    messages.ambiguous(message, NO_ANSWER, NOW)
    if undo:
        messages.mark_replayed(message, NOW)
        message = replace(message, replays=1)

    with repeated(dynamodb, "UpdateItem"):
        assert messages.mark_replayed(message, NOW, undo=undo)

    found = messages.get(message.id)
    assert found
    assert found.replays == (0 if undo else 1)


@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, None])
@pytest.mark.parametrize("before", [Status.DELIVERED, None])
def test_a_receipt_whose_answer_was_lost_is_kept_once_and_leads_to_its_text(
    dynamodb: "DynamoDBClient", messages: DynamoMessages, status: Status | None, before: Status | None
) -> None:
    message, occurred_ms = claimed(messages), NOW + 5
    if before:
        messages.record(message.id, make_receipt(before, occurred_ms=occurred_ms - 1), NOW)

    with repeated(dynamodb, "UpdateItem", times=2):
        messages.record(message.id, make_receipt(status, "e-1", occurred_ms=occurred_ms), NOW)

    found = messages.get(message.id)
    assert found
    assert [entry.at_ms for entry in found.history] == [occurred_ms - 1] * bool(before) + [occurred_ms]
    assert found.status is (before or status or Status.SENDING)
    assert messages.find(TELNYX_ID) == found
    assert messages.record(message.id, make_receipt(status, "e-1"), NOW).recorded is Recorded.DUPLICATE


def test_a_receipt_that_was_kept_and_leads_nowhere_yet_leads_to_its_text_when_it_comes_again(
    dynamodb: "DynamoDBClient", messages: DynamoMessages
) -> None:
    """The process died between the two writes, and the provider delivers the event again."""
    message = claimed(messages)
    receipt = make_receipt(Status.SENT, "e-1")
    messages.record(message.id, receipt, NOW)
    dynamodb.delete_item(TableName=messages.table.name, Key={"pk": {"S": f"T#{TELNYX_ID}"}})
    assert messages.find(TELNYX_ID) is None

    assert messages.record(message.id, receipt, NOW).recorded is Recorded.DUPLICATE

    assert messages.find(TELNYX_ID) == messages.get(message.id)
