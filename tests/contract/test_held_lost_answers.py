"""The answer to a write on a held text is lost and botocore asks again: it takes effect once, and says so."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from longcode.aws.messages import DynamoMessages
from longcode.domain.status import HeldBy, Status
from tests.contract.message_steps import NOW, claimed, queued, stored
from tests.contract.repeats import repeated
from tests.support.fakes.clock import START_MS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

AT = START_MS + 600_000
HELD = {"status": Status.HELD, "send_at_ms": AT, "not_before_ms": AT, "held_by": HeldBy.SCHEDULE}


def test_what_is_held_anew_is_so_once_and_who_did_it_knows(
    dynamodb: "DynamoDBClient", real_messages: DynamoMessages
) -> None:
    """Only who knows sets its timer, and gives back the slot that it had."""
    for message in (
        queued(real_messages, **HELD), queued(real_messages), claimed(real_messages),
    ):  # fmt: skip
        with repeated(dynamodb, "UpdateItem") as done:
            assert real_messages.put_off(message, AT + 60_000, HeldBy.QUIET_HOURS, NOW + 5), message

        assert done
        found = stored(real_messages, message)
        assert (found.status, found.not_before_ms, found.attempts) == (Status.HELD, AT + 60_000, 0)


def test_who_lost_to_another_that_held_it_anew_knows_that_too(real_messages: DynamoMessages) -> None:
    message = claimed(real_messages)
    assert real_messages.put_off(message, AT, HeldBy.QUIET_HOURS, NOW + 5)

    # Until another moment, or at another moment.
    assert not real_messages.put_off(message, AT + 60_000, HeldBy.QUIET_HOURS, NOW + 5)
    assert not real_messages.put_off(message, AT, HeldBy.QUIET_HOURS, NOW + 6)
    assert stored(real_messages, message).not_before_ms == AT


def test_the_notes_of_a_held_text_may_be_repeated(
    dynamodb: "DynamoDBClient", real_messages: DynamoMessages
) -> None:
    noted, put = queued(real_messages, **HELD), queued(real_messages, **HELD)
    notes: tuple[Callable[[], None], ...] = (
        lambda: real_messages.hold(noted, AT + 60_000, HeldBy.SENDER_RATE),
        lambda: real_messages.queued(put),
    )
    for note in notes:
        with repeated(dynamodb, "UpdateItem") as done:
            note()
        assert done

    assert stored(real_messages, noted).slot_ms == AT + 60_000
    assert [stored(real_messages, one).status for one in (noted, put)] == [Status.QUEUED] * 2


def test_a_held_text_is_claimed_once_and_who_did_it_knows(
    dynamodb: "DynamoDBClient", real_messages: DynamoMessages
) -> None:
    message = queued(real_messages, **HELD)
    with repeated(dynamodb, "UpdateItem") as done:
        claim = real_messages.claim(message.id, "mine", AT)

    assert done
    assert claim.won
    assert stored(real_messages, message).attempts == 1
