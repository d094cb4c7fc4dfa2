"""What every store of messages promises of the outcome of a request: each write has its condition."""

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from longcode.domain.message import CLAIM_MS, Entry
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Messages, Waiting
from tests.contract.message_steps import NOW, claimed, due, queued, released, stored, unknown
from tests.support.fakes.examples import (
    NO_ANSWER,
    REFUSED,
    TELNYX_ID,
    THEIRS,
    accepted,
    ending,
    make_message,
    make_receipt,
)
from tests.support.places import END, placed

# --------------------------------------------------------------------------- release, submitted, unknown


def test_a_released_message_is_queued_again_with_its_slot_and_its_reason(messages: Messages) -> None:
    message = claimed(messages)

    assert released(messages, message)

    found = stored(messages, message)
    assert (found.status, found.claim_id, found.claimed_ms) == (Status.QUEUED, None, None)
    assert (found.slot_ms, found.held_by) == (NOW + 9_000, HeldBy.PROVIDER_BACKOFF)
    # Waiting is not failing: the attempt is given back.
    assert found.attempts == 0
    assert messages.queue_length(THEIRS, at_most=10, before=END) == 1
    assert messages.claim(message.id, "another", NOW).won


def test_who_waits_is_listed_queue_by_queue_with_word_of_more(messages: Messages) -> None:
    for number in range(3):
        messages.accept(make_message(id=f"00000000-0000-4000-8000-00000000000{number}", accepted_ms=NOW + number))
    claimed(messages)

    found, more = messages.waiting(2)
    everybody, no_more = messages.waiting(10)

    assert found == everybody[:2]
    assert everybody == [
        Waiting(f"00000000-0000-4000-8000-00000000000{number}", THEIRS, placed(NOW + number))
        for number in range(3)
    ]
    assert (more, no_more) == (True, False)


@pytest.mark.parametrize("turn", [0, 7_000_000, None])
def test_a_released_message_keeps_its_turn_at_a_brake_or_has_none(messages: Messages, turn: int | None) -> None:
    message = queued(messages)
    messages.hold(message, NOW, HeldBy.PROVIDER_BACKOFF, turn=5)
    claim = messages.claim(message.id, "mine", NOW)
    assert claim.message

    assert released(messages, claim.message, turn=turn)

    assert stored(messages, message).turn == turn


@pytest.mark.parametrize("way", ["queued", "unknown", "submitted", "failed", "delivered", "never stored"])
def test_only_what_is_being_sent_is_released(messages: Messages, way: str) -> None:
    message = make_message(claim_id="mine") if way == "never stored" else claimed(messages)
    steps: dict[str, Callable[[], object]] = {
        "queued": lambda: released(messages, message),
        "unknown": lambda: messages.ambiguous(message, NO_ANSWER, NOW),
        "submitted": lambda: messages.submitted(message, accepted(), NOW),
        "failed": lambda: messages.end(message, Status.FAILED, ending(Status.FAILED), NOW),
        "delivered": lambda: messages.record(message.id, make_receipt(Status.DELIVERED), NOW),
        "never stored": lambda: None,
    }
    steps[way]()
    before = messages.get(message.id)

    assert not released(messages, message, slot_ms=NOW + 1)

    assert messages.get(message.id) == before


def test_a_release_repeated_after_a_lost_answer_takes_nothing_from_the_next_claimant(messages: Messages) -> None:
    message = claimed(messages)
    assert released(messages, message)
    messages.claim(message.id, "another", NOW)

    assert not released(messages, message)

    assert stored(messages, message).claim_id == "another"


@pytest.mark.parametrize("write", ["release", "submitted", "ambiguous", "end"])
def test_without_the_claim_no_outcome_can_be_written(messages: Messages, write: str) -> None:
    message = claimed(messages)
    before = stored(messages, message)
    stranger = replace(message, claim_id="theirs")

    won = {
        "release": lambda: released(messages, stranger),
        "submitted": lambda: messages.submitted(stranger, accepted(), NOW),
        "ambiguous": lambda: messages.ambiguous(stranger, NO_ANSWER, NOW),
        "end": lambda: messages.end(stranger, Status.FAILED, ending(Status.FAILED), NOW),
    }[write]()

    assert stored(messages, message) == before
    assert not won


def test_a_submitted_message_is_found_by_the_providers_id(messages: Messages) -> None:
    message = claimed(messages)

    assert messages.submitted(message, accepted(parts=2), NOW + 40)

    found = stored(messages, message)
    assert found == replace(
        message,
        status=Status.SUBMITTED,
        telnyx_id=TELNYX_ID,
        provider_status="queued",
        sent_ms=NOW + 40,
        updated_ms=NOW + 40,
        parts=2,
        history=(Entry(NOW + 40, "submitted", "consumer"),),
    )
    assert messages.find(TELNYX_ID) == found


def test_submitting_twice_is_submitting_once(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)
    before = stored(messages, message)

    assert not messages.submitted(message, accepted(), NOW + 1)

    assert stored(messages, message) == before


def test_an_answer_that_comes_after_its_receipt_takes_nothing_back(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)
    before = stored(messages, message)

    assert not messages.submitted(message, accepted(), NOW + 40)

    assert stored(messages, message) == before
    assert messages.find(TELNYX_ID) == before


def test_an_answer_with_a_final_status_is_kept_as_such(messages: Messages) -> None:
    message = claimed(messages)

    assert messages.submitted(message, accepted(status=Status.DELIVERED, provider_status="delivered"), NOW)

    assert stored(messages, message).status is Status.DELIVERED


def test_an_answer_that_says_failed_keeps_its_errors(messages: Messages) -> None:
    message = claimed(messages)
    answer = accepted(status=Status.SENDING_FAILED, provider_status="sending_failed", faults=(REFUSED,))

    assert messages.submitted(message, answer, NOW)

    found = stored(messages, message)
    assert (found.status, found.faults) == (Status.SENDING_FAILED, (REFUSED,))
    assert found.history[-1] == Entry(NOW, "sending_failed", "consumer", faults=(REFUSED,))


def test_the_note_of_an_answer_is_in_the_history(messages: Messages) -> None:
    message, other = claimed(messages), claimed(messages)

    messages.submitted(message, accepted(note="Without a registration."), NOW)
    messages.submitted(other, accepted(str(uuid.uuid4())), NOW)

    assert stored(messages, message).history == (
        Entry(NOW, "submitted", "consumer", note="Without a registration."),
    )
    assert stored(messages, other).history == (Entry(NOW, "submitted", "consumer"),)


def test_an_unclear_send_is_unknown_and_says_why(messages: Messages) -> None:
    message = claimed(messages)

    assert messages.ambiguous(message, NO_ANSWER, NOW + 10_000)

    assert stored(messages, message) == replace(
        message,
        status=Status.UNKNOWN,
        updated_ms=NOW + 10_000,
        faults=(NO_ANSWER,),
        history=(Entry(NOW + 10_000, "unknown", "consumer", faults=(NO_ANSWER,)),),
    )


def test_an_unknown_message_can_be_neither_claimed_nor_made_unknown_again(messages: Messages) -> None:
    message = unknown(messages)

    assert not messages.claim(message.id, "another", NOW).won
    assert not messages.ambiguous(message, NO_ANSWER, NOW + 1)

    assert stored(messages, message) == message


def test_an_unknown_message_can_still_turn_out_submitted(messages: Messages) -> None:
    message = unknown(messages)

    assert messages.submitted(message, accepted(), NOW)

    assert stored(messages, message).status is Status.SUBMITTED


def test_an_unclear_send_whose_receipt_came_first_stays_where_the_receipt_put_it(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.SENT), NOW)

    assert not messages.ambiguous(message, NO_ANSWER, NOW + 10_000)

    assert stored(messages, message).status is Status.SENT


def test_a_replay_is_taken_once_by_those_who_read_how_many_there_were(messages: Messages) -> None:
    message = unknown(messages)
    messages.hold(message, NOW, HeldBy.RECIPIENT_RATE)

    assert messages.mark_replayed(message, NOW + 5)
    # Another run of the reconciler, which read the same.
    assert not messages.mark_replayed(message, NOW + 6)
    assert not messages.mark_replayed(message, NOW + 5)

    found = stored(messages, message)
    assert (found.replays, found.replayed_ms, found.slot_ms) == (1, NOW + 5, None)
    assert due(messages, NOW + 5 + CLAIM_MS - 1) == set()
    assert due(messages, NOW + 5 + CLAIM_MS) == {message.id}


def test_several_replays_follow_each_other(messages: Messages) -> None:
    message = unknown(messages)

    for number in range(1, 4):
        assert messages.mark_replayed(stored(messages, message), NOW + number)
        assert (stored(messages, message).replays, stored(messages, message).replayed_ms) == (number, NOW + number)


def test_a_replay_that_is_proven_unsent_is_given_back_once(messages: Messages) -> None:
    message = unknown(messages)
    assert messages.mark_replayed(message, NOW)
    replayed = stored(messages, message)

    assert messages.mark_replayed(replayed, NOW + 1, undo=True)
    assert not messages.mark_replayed(replayed, NOW + 2, undo=True)

    assert stored(messages, message).replays == 0
    assert messages.mark_replayed(stored(messages, message), NOW + 3)


@pytest.mark.parametrize("state", ["queued", "sending", "submitted"])
def test_only_an_unknown_message_can_be_replayed(messages: Messages, state: str) -> None:
    message = queued(messages)
    if state != "queued":
        claim = messages.claim(message.id, "mine", NOW)
        assert claim.message
        message = claim.message
    if state == "submitted":
        messages.submitted(message, accepted(), NOW)

    assert not messages.mark_replayed(message, NOW)

    assert stored(messages, message).replays == 0


def test_a_text_whose_claim_is_another_by_now_is_not_replayed(messages: Messages) -> None:
    message = unknown(messages)

    assert not messages.mark_replayed(replace(message, claim_id="theirs"), NOW)

    assert stored(messages, message) == message


# ------------------------------------------------------------------------------------------------ end


@pytest.mark.parametrize("status", [Status.FAILED, Status.SUPPRESSED, Status.CANCELLED, Status.EXPIRED_UNSENT])
def test_a_waiting_message_can_be_ended_and_leaves_its_recipient_queue(messages: Messages, status: Status) -> None:
    message = queued(messages)
    messages.hold(message, NOW, HeldBy.RECIPIENT_RATE)

    assert messages.end(message, status, ending(status), NOW)

    assert stored(messages, message) == replace(
        message,
        status=status,
        updated_ms=NOW,
        faults=(REFUSED,),
        history=(ending(status),),
        # What it waited for is still worth telling.
        slot_ms=NOW,
        held_by=HeldBy.RECIPIENT_RATE,
    )
    assert messages.queue_length(THEIRS, at_most=10, before=END) == 0
    assert not messages.claim(message.id, "mine", NOW).won


def test_a_message_that_was_claimed_meanwhile_is_not_ended(messages: Messages) -> None:
    message = queued(messages)
    messages.claim(message.id, "theirs", NOW)

    assert not messages.end(message, Status.EXPIRED_UNSENT, ending(Status.EXPIRED_UNSENT), NOW)

    assert stored(messages, message).status is Status.SENDING


def test_a_message_that_the_provider_has_is_not_ended(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)

    assert not messages.end(message, Status.FAILED, ending(Status.FAILED), NOW)

    assert stored(messages, message).status is Status.SUBMITTED


def test_ending_an_id_that_does_not_exist_stores_nothing(messages: Messages) -> None:
    message = make_message()

    assert not messages.end(message, Status.FAILED, ending(Status.FAILED), NOW)

    assert messages.get(message.id) is None


# ----------------------------------------------------------------------------------------------- hold


def test_a_hold_notes_slot_and_reason_on_a_queued_message(messages: Messages) -> None:
    message = queued(messages)

    messages.hold(message, NOW + 3_000, HeldBy.SENDER_RATE)

    assert stored(messages, message) == replace(message, slot_ms=NOW + 3_000, held_by=HeldBy.SENDER_RATE)


def test_a_hold_touches_nothing_that_is_not_queued(messages: Messages) -> None:
    message = claimed(messages)

    messages.hold(message, NOW + 3_000, HeldBy.SENDER_RATE)
    messages.hold(replace(message, id=str(uuid.uuid4())), NOW + 3_000, HeldBy.SENDER_RATE)

    assert stored(messages, message) == message


def test_a_claim_keeps_what_the_text_waited_for(messages: Messages) -> None:
    message = queued(messages)
    messages.hold(message, NOW + 3_000, HeldBy.SENDER_RATE)

    messages.claim(message.id, "mine", NOW)

    assert stored(messages, message).slot_ms == NOW + 3_000
    assert stored(messages, message).held_by is HeldBy.SENDER_RATE


# ---------------------------------------------------------------------------------------- hold, in doubt


def test_a_hold_is_noted_on_a_text_in_doubt_too_with_its_turn(messages: Messages) -> None:
    message = unknown(messages)

    messages.hold(message, NOW + 3, HeldBy.PROVIDER_BACKOFF, turn=7)

    assert stored(messages, message) == replace(message, slot_ms=NOW + 3, held_by=HeldBy.PROVIDER_BACKOFF, turn=7)
    messages.hold(message, NOW + 4, HeldBy.PROVIDER_BACKOFF)
    assert stored(messages, message).turn is None


def test_the_day_that_a_text_was_counted_for_stays_with_it_until_another_is_noted(messages: Messages) -> None:
    message = queued(messages)

    messages.hold(message, NOW + 5, HeldBy.CARRIER_DAY_CAP, cap_day="2026-11-28")
    claimed = messages.claim(message.id, "claim", NOW + 6).message

    assert claimed
    assert claimed.cap_day == "2026-11-28"
    messages.release(claimed, NOW + 7, slot_ms=NOW + 9, held_by=HeldBy.BREAKER)
    found = stored(messages, message)
    assert (found.slot_ms, found.held_by, found.cap_day) == (NOW + 9, HeldBy.BREAKER, "2026-11-28")

    messages.hold(message, NOW + 8, HeldBy.CARRIER_RATE)

    found = stored(messages, message)
    assert (found.held_by, found.cap_day) == (HeldBy.CARRIER_RATE, None)
