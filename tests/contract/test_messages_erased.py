"""What every store of messages promises of a text that must not be sent any more."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from longcode.domain.message import ENQUEUE_CHECK_MS, Message
from longcode.domain.outcomes import Recorded
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Messages
from tests.contract.message_steps import NOW, VALIDITY_MS, claimed, due, queued, released, stored, unknown
from tests.support.fakes.examples import NO_ANSWER, TELNYX_ID, THEIRS, accepted, ending, make_message, make_receipt
from tests.support.places import END, upto

# --------------------------------------------------------------------------- what nothing may send any more


def test_a_forbidden_text_that_is_put_back_cannot_be_claimed(messages: Messages) -> None:
    message = claimed(messages)

    assert messages.forbid(message)
    assert released(messages, message)
    claim = messages.claim(message.id, "another", NOW)

    assert stored(messages, message) == claim.message
    assert not claim.won
    assert claim.message
    assert (claim.message.status, claim.message.no_resend) == (Status.QUEUED, True)


def test_a_forbidden_text_in_doubt_is_not_replayed_and_evidence_still_moves_it(messages: Messages) -> None:
    message = unknown(messages)

    assert messages.forbid(message)
    # Also not by who read it before.
    assert not messages.mark_replayed(message, NOW)
    assert not messages.mark_replayed(stored(messages, message), NOW)

    assert stored(messages, message) == replace(message, no_resend=True)
    assert messages.record(message.id, make_receipt(Status.DELIVERED), NOW).recorded is Recorded.ADVANCED


def test_a_replay_that_was_under_way_cannot_be_given_back_to_what_is_forbidden(messages: Messages) -> None:
    message = unknown(messages)
    messages.mark_replayed(message, NOW)
    replayed = stored(messages, message)
    messages.forbid(replayed)

    assert not messages.mark_replayed(replayed, NOW + 1, undo=True)

    assert stored(messages, message).replays == 1


@pytest.mark.parametrize("way", ["queued", "submitted", "ended", "erased", "never stored"])
def test_only_what_is_being_sent_or_in_doubt_is_forbidden(messages: Messages, way: str) -> None:
    message = make_message()
    steps: dict[str, Callable[[], object]] = {
        "queued": lambda: queued(messages, id=message.id),
        "submitted": lambda: messages.submitted(claimed(messages, id=message.id), accepted(), NOW),
        "ended": lambda: cancelled(messages, id=message.id),
        "erased": lambda: messages.erase(cancelled(messages, id=message.id)),
        "never stored": lambda: None,
    }
    steps[way]()
    before = messages.get(message.id)

    assert not messages.forbid(message)

    assert messages.get(message.id) == before


# ------------------------------------------------------------------------------ erased while it waited


def cancelled(messages: Messages, **changes: object) -> Message:
    message = queued(messages, **changes)
    assert messages.end(message, Status.CANCELLED, ending(Status.CANCELLED), NOW)
    return stored(messages, message)


def erased(messages: Messages, **changes: object) -> Message:
    message = cancelled(messages, **changes)
    assert messages.erase(message)
    return message


def test_a_text_that_was_erased_while_it_waited_is_not_one_that_never_was(messages: Messages) -> None:
    gone, there, never = erased(messages), queued(messages), make_message()

    assert messages.read([gone.id, there.id, never.id, gone.id]) == {gone.id: None, there.id: there}
    assert messages.read([]) == {}


def test_what_was_erased_after_it_had_left_leaves_nothing(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)
    assert messages.erase(stored(messages, message))

    assert messages.read([message.id]) == {}


def test_an_erased_text_is_not_there_for_anybody(messages: Messages) -> None:
    gone = erased(messages)

    answers = [
        messages.get(gone.id),
        messages.find(gone.id),
        *messages.get_all([gone.id]),
        messages.claim(gone.id, "mine", NOW).message,
        messages.queue_length(THEIRS, at_most=10, before=END) or None,
        *messages.recipient_queue(THEIRS, until=upto(NOW), at_most=10),
        *messages.waiting(10)[0],
        *due(messages, NOW + VALIDITY_MS * 100),
    ]

    assert set(answers) == {None}
    assert messages.record(gone.id, make_receipt(Status.DELIVERED), NOW).recorded is Recorded.MISSING
    assert messages.find(TELNYX_ID) is None


def test_no_write_brings_an_erased_text_back(messages: Messages) -> None:
    gone = erased(messages)
    mine = replace(gone, claim_id="mine")

    messages.hold(gone, NOW, HeldBy.BREAKER)
    messages.queued(gone)
    messages.set_due(gone, NOW)
    messages.set_due(gone, None)
    answers = [
        released(messages, mine),
        messages.ambiguous(mine, NO_ANSWER, NOW),
        messages.mark_replayed(mine, NOW),
        messages.end(gone, Status.FAILED, ending(Status.FAILED), NOW),
        messages.end(mine, Status.FAILED, ending(Status.FAILED), NOW),
        messages.submitted(mine, accepted(), NOW),
        messages.claim(gone.id, "mine", NOW).won,
    ]

    assert not any(answers)
    assert messages.read([gone.id]) == {gone.id: None}
    # Erased is erased, however often it is asked for.
    assert messages.erase(gone)


@pytest.mark.parametrize("unqueued", [False, True])
def test_an_erased_text_gives_way_to_any_new_one(messages: Messages, unqueued: bool) -> None:
    gone = erased(messages)
    again = make_message(id=gone.id, text="Another.", accepted_ms=NOW, updated_ms=NOW, unqueued=unqueued)

    assert messages.accept(again) is None

    assert messages.read([gone.id]) == {gone.id: again}
    assert messages.queue_length(THEIRS, at_most=10, before=END) == 1
    due_in_ms = NOW + (ENQUEUE_CHECK_MS if unqueued else VALIDITY_MS)
    assert due(messages, due_in_ms - 1) == set()
    assert due(messages, due_in_ms) == {gone.id}
    assert messages.accept(replace(again, fingerprint="a third")) == again
