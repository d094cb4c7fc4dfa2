"""What every store of messages promises: each write has its condition, and may be repeated."""

import itertools
import uuid
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from longcode.domain.message import (
    CLAIM_MS,
    DUE_SHARDS,
    ENQUEUE_CHECK_MS,
    RECEIPT_CHECK_MS,
    Entry,
    Fault,
    Message,
)
from longcode.domain.outcomes import Recorded
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Claim, Messages, Waiting
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import (
    NO_ANSWER,
    OTHER_TELNYX_ID,
    OURS,
    REFUSED,
    TELNYX_ID,
    THEIRS,
    accepted,
    ending,
    make_message,
    make_receipt,
)

NOW = START_MS + 1_000
VALIDITY_MS = 60 * 60_000


def stored(messages: Messages, message: Message) -> Message:
    found = messages.get(message.id)
    assert found is not None
    return found


def queued(messages: Messages, **changes: object) -> Message:
    message = make_message(**changes)
    assert messages.accept(message) is None
    return message


def claimed(messages: Messages, **changes: object) -> Message:
    message = queued(messages, **changes)
    claim = messages.claim(message.id, "mine", NOW)
    assert claim.won
    assert claim.message
    return claim.message


def unknown(messages: Messages, **changes: object) -> Message:
    message = claimed(messages, **changes)
    assert messages.ambiguous(message, NO_ANSWER, NOW)
    return stored(messages, message)


def due(messages: Messages, now_ms: int, at_most: int = 50) -> set[str]:
    found: set[str] = set()
    for shard in range(DUE_SHARDS):
        found |= set(messages.due_messages(shard, now_ms, at_most))
    return found


# --------------------------------------------------------------------------------------------- accept


def test_an_accepted_message_is_read_back_as_it_was_stored(messages: Messages) -> None:
    message = queued(messages)

    assert stored(messages, message) == message
    assert messages.find(message.id) == message


@pytest.mark.parametrize("text", ["héllo ✓ 👋", " leading and trailing ", "line\nline", "0", "x" * 1530])
def test_a_text_is_kept_to_the_letter(messages: Messages, text: str) -> None:
    message = queued(messages, text=text, metadata={"ключ": "значение", "empty": ""})

    assert stored(messages, message).text == text
    assert stored(messages, message).metadata == {"ключ": "значение", "empty": ""}


def test_an_id_that_was_never_stored_is_nothing(messages: Messages) -> None:
    assert messages.get(str(uuid.uuid4())) is None
    assert messages.find(str(uuid.uuid4())) is None


def test_accepting_an_id_again_changes_nothing_and_returns_what_is_there(messages: Messages) -> None:
    message = queued(messages)
    later = replace(message, text="Another text.", accepted_ms=NOW, fingerprint="another")

    existing = messages.accept(later)

    assert stored(messages, message) == message
    assert existing == message


def test_accepting_again_after_a_lost_answer_is_one_acceptance(messages: Messages) -> None:
    message = make_message()

    assert messages.accept(message) is None
    assert messages.accept(message) is None

    assert messages.queue_length(THEIRS, at_most=10) == 1


def test_a_second_send_with_the_same_id_is_told_of_the_first(messages: Messages) -> None:
    first = make_message(route="send", status=Status.SENDING, claim_id="one", claimed_ms=START_MS, attempts=1)
    second = replace(first, claim_id="two")
    assert messages.accept(first) is None

    existing = messages.accept(second)

    assert existing == first
    assert stored(messages, first).claim_id == "one"


def test_a_message_that_failed_and_may_be_tried_again_gives_way_to_the_same_request(messages: Messages) -> None:
    first = make_message(route="send", status=Status.SENDING, claim_id="one", claimed_ms=START_MS, attempts=1)
    assert messages.accept(first) is None
    assert messages.end(first, Status.FAILED, ending(Status.FAILED), NOW, safe_to_retry=True)
    second = replace(first, claim_id="two", accepted_ms=NOW, updated_ms=NOW, claimed_ms=NOW)

    assert messages.accept(second) is None

    assert stored(messages, first) == second


def test_a_message_that_failed_and_may_be_tried_again_does_not_give_way_to_another_request(
    messages: Messages,
) -> None:
    first = make_message(route="send", status=Status.SENDING, claim_id="one", claimed_ms=START_MS, attempts=1)
    assert messages.accept(first) is None
    assert messages.end(first, Status.FAILED, ending(Status.FAILED), NOW, safe_to_retry=True)

    existing = messages.accept(replace(first, claim_id="two", accepted_ms=NOW, fingerprint="another"))

    assert existing is not None
    assert existing.status is Status.FAILED
    assert stored(messages, first).claim_id == "one"


def test_a_message_that_failed_for_good_gives_way_to_nothing(messages: Messages) -> None:
    first = make_message(route="send", status=Status.SENDING, claim_id="one", claimed_ms=START_MS, attempts=1)
    assert messages.accept(first) is None
    assert messages.end(first, Status.FAILED, ending(Status.FAILED), NOW)

    assert messages.accept(replace(first, claim_id="two", accepted_ms=NOW)) is not None

    assert stored(messages, first).status is Status.FAILED


def test_a_receipt_for_a_message_that_was_thought_unsent_ends_its_right_to_be_tried_again(
    messages: Messages,
) -> None:
    first = make_message(route="send", status=Status.SENDING, claim_id="one", claimed_ms=START_MS, attempts=1)
    assert messages.accept(first) is None
    assert messages.end(first, Status.FAILED, ending(Status.FAILED), NOW, safe_to_retry=True)
    assert messages.record(first.id, make_receipt(Status.DELIVERED), NOW) is Recorded.ADVANCED

    assert messages.accept(replace(first, claim_id="two", accepted_ms=NOW)) is not None

    assert stored(messages, first).status is Status.DELIVERED


# ---------------------------------------------------------------------------------------------- claim


def test_a_claim_takes_a_queued_message_and_returns_it_whole(messages: Messages) -> None:
    message = queued(messages)

    claim = messages.claim(message.id, "mine", NOW)

    expected = replace(message, status=Status.SENDING, claim_id="mine", claimed_ms=NOW, updated_ms=NOW, attempts=1)
    assert stored(messages, message) == expected
    assert claim == Claim(True, expected)


def test_only_one_of_two_claims_wins(messages: Messages) -> None:
    message = queued(messages)
    first = messages.claim(message.id, "mine", NOW)

    second = messages.claim(message.id, "theirs", NOW + 1)

    assert stored(messages, message) == first.message
    assert first.won
    assert second == Claim(False, first.message)


def test_claiming_again_after_a_lost_answer_wins_and_counts_one_attempt(messages: Messages) -> None:
    message = queued(messages)
    messages.claim(message.id, "mine", NOW)

    again = messages.claim(message.id, "mine", NOW + 1)

    assert stored(messages, message).attempts == 1
    assert again.won
    assert again.message == stored(messages, message)


def test_a_claim_of_an_unknown_id_is_lost_and_stores_nothing(messages: Messages) -> None:
    ident = str(uuid.uuid4())

    assert messages.claim(ident, "mine", NOW) == Claim(False, None)

    assert messages.get(ident) is None


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.QUEUED])
def test_only_a_queued_message_can_be_claimed(messages: Messages, status: Status) -> None:
    message = make_message(status=status)
    assert messages.accept(message) is None

    claim = messages.claim(message.id, "mine", NOW)

    assert stored(messages, message) == message
    assert claim == Claim(False, message)


# --------------------------------------------------------------------------- release, submitted, unknown


def released(messages: Messages, message: Message, **changes: object) -> bool:
    options = {"slot_ms": NOW + 9_000, "held_by": HeldBy.PROVIDER_BACKOFF} | changes
    return messages.release(message, NOW, **options)  # type: ignore[arg-type]


def test_a_released_message_is_queued_again_with_its_slot_and_its_reason(messages: Messages) -> None:
    message = claimed(messages)

    assert released(messages, message)

    found = stored(messages, message)
    assert (found.status, found.claim_id, found.claimed_ms) == (Status.QUEUED, None, None)
    assert (found.slot_ms, found.held_by) == (NOW + 9_000, HeldBy.PROVIDER_BACKOFF)
    # Waiting is not failing: the attempt is given back.
    assert found.attempts == 0
    assert messages.queue_length(THEIRS, at_most=10) == 1
    assert messages.claim(message.id, "another", NOW).won


def test_who_waits_is_listed_line_by_line_with_word_of_more(messages: Messages) -> None:
    for number in range(3):
        messages.accept(make_message(id=f"00000000-0000-4000-8000-00000000000{number}", accepted_ms=NOW + number))
    claimed(messages)

    found, more = messages.waiting(2)
    everybody, no_more = messages.waiting(10)

    assert found == everybody[:2]
    assert everybody == [
        Waiting(f"00000000-0000-4000-8000-00000000000{number}", THEIRS, NOW + number) for number in range(3)
    ]
    assert (more, no_more) == (True, False)


@pytest.mark.parametrize("turn", [0, 7_000_000, None])
def test_a_released_message_keeps_its_turn_at_a_brake_or_has_none(messages: Messages, turn: int | None) -> None:
    message = queued(messages)
    messages.hold(message.id, NOW, HeldBy.PROVIDER_BACKOFF, turn=5)
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


def test_a_replay_is_taken_once_by_whoever_read_how_many_there_were(messages: Messages) -> None:
    message = unknown(messages)
    messages.hold(message.id, NOW, HeldBy.RECIPIENT_RATE)

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
def test_a_waiting_message_can_be_ended_and_leaves_its_line(messages: Messages, status: Status) -> None:
    message = queued(messages)
    messages.hold(message.id, NOW, HeldBy.RECIPIENT_RATE)

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
    assert messages.queue_length(THEIRS, at_most=10) == 0
    assert not messages.claim(message.id, "mine", NOW).won


def test_a_message_that_somebody_claimed_meanwhile_is_not_ended(messages: Messages) -> None:
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

    messages.hold(message.id, NOW + 3_000, HeldBy.SENDER_RATE)

    assert stored(messages, message) == replace(message, slot_ms=NOW + 3_000, held_by=HeldBy.SENDER_RATE)


def test_a_hold_touches_nothing_that_is_not_queued(messages: Messages) -> None:
    message = claimed(messages)

    messages.hold(message.id, NOW + 3_000, HeldBy.SENDER_RATE)
    messages.hold(str(uuid.uuid4()), NOW + 3_000, HeldBy.SENDER_RATE)

    assert stored(messages, message) == message


def test_a_claim_keeps_what_the_text_waited_for(messages: Messages) -> None:
    message = queued(messages)
    messages.hold(message.id, NOW + 3_000, HeldBy.SENDER_RATE)

    messages.claim(message.id, "mine", NOW)

    assert stored(messages, message).slot_ms == NOW + 3_000
    assert stored(messages, message).held_by is HeldBy.SENDER_RATE


# ------------------------------------------------------------------------------------------- receipts


def test_a_receipt_moves_the_status_and_keeps_what_it_says(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)
    spam = Fault("40002", "Blocked as spam", "Temporary.")
    receipt = make_receipt(
        Status.DELIVERY_FAILED, "e-1", faults=(spam,), parts=2, cost="0.0051", currency="USD", completed_ms=NOW + 7
    )

    assert messages.record(message.id, receipt, NOW + 9) is Recorded.ADVANCED

    found = stored(messages, message)
    assert (found.status, found.updated_ms, found.faults) == (Status.DELIVERY_FAILED, NOW + 9, (spam,))
    assert (found.parts, found.cost, found.currency) == (2, Decimal("0.0051"), "USD")
    assert found.completed_ms == NOW + 7
    assert found.history[-1] == Entry(START_MS + 5_000, "delivery_failed", "webhook", "e-1", faults=(spam,))


def test_what_was_read_from_the_providers_records_is_told_from_a_webhook(messages: Messages) -> None:
    message = claimed(messages)

    messages.record(message.id, make_receipt(Status.SENT, source="reconciler"), NOW)
    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)

    assert [entry.source for entry in stored(messages, message).history[-2:]] == ["reconciler", "webhook"]


def test_the_same_event_is_kept_once(messages: Messages) -> None:
    message = claimed(messages)
    receipt = make_receipt(Status.DELIVERED)
    messages.record(message.id, receipt, NOW)
    before = stored(messages, message)

    assert messages.record(message.id, receipt, NOW + 1) is Recorded.DUPLICATE

    assert stored(messages, message) == before


def test_the_same_event_with_another_id_of_the_provider_leads_nowhere(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED, "e-1"), NOW)

    again = make_receipt(Status.DELIVERED, "e-1", telnyx_id=OTHER_TELNYX_ID)
    assert messages.record(message.id, again, NOW) is Recorded.DUPLICATE

    assert messages.find(OTHER_TELNYX_ID) is None


def test_a_late_event_that_was_kept_is_kept_once_too(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)
    late = make_receipt(Status.SENT)
    assert messages.record(message.id, late, NOW) is Recorded.KEPT
    before = stored(messages, message)

    assert messages.record(message.id, late, NOW) is Recorded.DUPLICATE

    assert stored(messages, message) == before
    assert [entry.status for entry in before.history] == ["delivered", "sent"]


def test_an_event_with_no_news_is_kept_once_too(messages: Messages) -> None:
    message = claimed(messages)
    receipt = make_receipt(None, "e-1", word="queued")
    messages.record(message.id, receipt, NOW)
    before = stored(messages, message)

    assert messages.record(message.id, receipt, NOW) is Recorded.DUPLICATE

    assert stored(messages, message) == before


def test_a_receipt_of_another_text_of_the_provider_changes_nothing(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)
    before = stored(messages, message)

    answer = messages.record(message.id, make_receipt(Status.DELIVERED, telnyx_id=OTHER_TELNYX_ID), NOW)

    assert stored(messages, message) == before
    assert messages.find(OTHER_TELNYX_ID) is None
    assert answer is Recorded.FOREIGN


def test_a_late_receipt_of_another_text_is_foreign_too(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)
    before = stored(messages, message)

    assert (
        messages.record(message.id, make_receipt(Status.SENT, telnyx_id=OTHER_TELNYX_ID), NOW) is Recorded.FOREIGN
    )

    assert stored(messages, message) == before


def test_a_receipt_for_an_id_that_does_not_exist_stores_nothing(messages: Messages) -> None:
    ident = str(uuid.uuid4())

    assert messages.record(ident, make_receipt(Status.DELIVERED), NOW) is Recorded.MISSING
    assert messages.record(ident, make_receipt(None), NOW) is Recorded.MISSING

    assert messages.get(ident) is None
    assert messages.find(TELNYX_ID) is None


def test_a_receipt_before_the_answer_teaches_the_providers_id(messages: Messages) -> None:
    message = claimed(messages)

    assert messages.record(message.id, make_receipt(Status.SENT), NOW) is Recorded.ADVANCED

    assert stored(messages, message).telnyx_id == TELNYX_ID
    assert messages.find(TELNYX_ID) == stored(messages, message)


def test_a_receipt_with_no_news_is_kept_in_the_history(messages: Messages) -> None:
    message = claimed(messages)

    assert messages.record(message.id, make_receipt(None, "e-1", word="queued"), NOW) is Recorded.KEPT

    found = stored(messages, message)
    assert found.status is Status.SENDING
    assert found.history[-1].status == "queued"
    assert messages.find(TELNYX_ID) == found


def test_a_receipt_that_does_not_name_the_providers_id_is_kept_and_teaches_none(messages: Messages) -> None:
    message = unknown(messages)

    assert messages.record(message.id, make_receipt(Status.SENT, "e-1", telnyx_id=""), NOW) is Recorded.ADVANCED
    assert messages.record(message.id, make_receipt(Status.SENT, "e-1", telnyx_id=""), NOW) is Recorded.DUPLICATE
    assert messages.record(message.id, make_receipt(Status.SENT, "e-2", telnyx_id=""), NOW) is Recorded.KEPT
    assert messages.record(message.id, make_receipt(Status.DELIVERED, "e-3"), NOW) is Recorded.ADVANCED
    assert messages.record(message.id, make_receipt(None, "e-4", telnyx_id=""), NOW) is Recorded.KEPT

    found = stored(messages, message)
    assert (found.status, found.telnyx_id) == (Status.DELIVERED, TELNYX_ID)
    assert [entry.event_id for entry in found.history if entry.source == "webhook"] == ["e-1", "e-2", "e-3", "e-4"]


def test_a_receipt_keeps_the_note_that_explains_it(messages: Messages) -> None:
    message = claimed(messages)

    messages.record(message.id, make_receipt(None, word="brand_new", note="Nobody knows this word."), NOW)

    assert stored(messages, message).history[-1].note == "Nobody knows this word."


def test_what_a_text_came_to_is_learnt_after_its_end_and_not_changed_then(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED, parts=2), NOW)

    told = make_receipt(Status.DELIVERED, parts=3, cost="0.0051", currency="USD", completed_ms=NOW)
    assert messages.record(message.id, told, NOW) is Recorded.KEPT
    again = make_receipt(Status.DELIVERED, cost="9", currency="EUR", completed_ms=NOW + 9)
    assert messages.record(message.id, again, NOW) is Recorded.KEPT

    found = stored(messages, message)
    assert (found.parts, found.cost, found.currency) == (2, Decimal("0.0051"), "USD")
    assert found.completed_ms == NOW


def test_a_receipt_of_an_unclear_send_settles_it(messages: Messages) -> None:
    message = unknown(messages)

    assert messages.record(message.id, make_receipt(Status.DELIVERED), NOW) is Recorded.ADVANCED

    assert stored(messages, message).status is Status.DELIVERED
    assert stored(messages, message).faults == ()


def test_a_final_receipt_of_a_text_that_was_put_back_takes_it_from_the_line(messages: Messages) -> None:
    message = claimed(messages)
    released(messages, message)

    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)

    assert messages.queue_length(THEIRS, at_most=10) == 0
    assert not messages.claim(message.id, "another", NOW).won


def test_any_receipt_of_a_text_that_was_put_back_takes_it_from_the_line(messages: Messages) -> None:
    message = claimed(messages)
    released(messages, message)

    messages.record(message.id, make_receipt(Status.SENT), NOW)

    assert messages.queue_length(THEIRS, at_most=10) == 0
    assert not messages.claim(message.id, "another", NOW).won


ORDERS = [
    ([Status.SENT, Status.DELIVERED], Status.DELIVERED),
    ([Status.SENT, Status.DELIVERY_FAILED], Status.DELIVERY_FAILED),
    ([Status.SENT, Status.SENDING_FAILED], Status.SENDING_FAILED),
    ([Status.SENT, Status.EXPIRED], Status.EXPIRED),
    ([Status.SENT, Status.DELIVERY_UNCONFIRMED, Status.DELIVERED], Status.DELIVERED),
    ([Status.SENT, Status.DELIVERY_UNCONFIRMED, Status.DELIVERY_FAILED], Status.DELIVERY_FAILED),
]


@pytest.mark.parametrize(
    ("order", "end"),
    [
        pytest.param(order, end, id="-".join(order))
        for statuses, end in ORDERS
        for order in itertools.permutations(statuses)
    ],
)
def test_receipts_in_any_order_end_the_same(messages: Messages, order: list[Status], end: Status) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)

    for status in order:
        messages.record(message.id, make_receipt(status), NOW)

    found = stored(messages, message)
    assert found.status is end
    assert sorted(entry.status for entry in found.history[1:]) == sorted(order)


@pytest.mark.parametrize("second", [Status.SENDING_FAILED, Status.DELIVERED, Status.EXPIRED, Status.SENT])
@pytest.mark.parametrize("first", [Status.DELIVERED, Status.DELIVERY_FAILED, Status.EXPIRED])
def test_the_first_final_receipt_stays(messages: Messages, first: Status, second: Status) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(first), NOW)

    messages.record(message.id, make_receipt(second), NOW)

    assert stored(messages, message).status is first


@pytest.mark.parametrize("late", [Status.SENDING_FAILED, Status.EXPIRED])
def test_only_news_of_the_delivery_itself_replaces_an_unconfirmed_one(messages: Messages, late: Status) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERY_UNCONFIRMED), NOW)

    messages.record(message.id, make_receipt(late), NOW)

    assert stored(messages, message).status is Status.DELIVERY_UNCONFIRMED


# -------------------------------------------------------------------------------------------- inbound


def test_an_inbound_text_is_stored_once(messages: Messages) -> None:
    inbound = make_message(
        id=TELNYX_ID,
        direction="inbound",
        status=Status.RECEIVED,
        sender=THEIRS,
        recipient=OURS,
        text="STOP",
        route="webhook",
        telnyx_id=TELNYX_ID,
        autoresponse="STOP",
        media=({"url": "https://example.com/1.png", "content_type": "image/png"},),
        is_spam=True,
        history=(Entry(START_MS, "received", "webhook", "e-1"),),
    )

    assert messages.receive(inbound)
    assert not messages.receive(replace(inbound, text="again"))

    assert stored(messages, inbound) == inbound
    assert messages.find(TELNYX_ID) == inbound


# ----------------------------------------------------------------------------------------- the line


def test_a_line_holds_those_who_wait_for_one_recipient(messages: Messages) -> None:
    for number in range(3):
        queued(messages, accepted_ms=START_MS + number)
    queued(messages, recipient="+12025550124")
    claimed(messages)

    assert messages.queue_length(THEIRS, at_most=10) == 3
    assert messages.queue_length("+12025550124", at_most=10) == 1
    assert messages.queue_length("+12025550199", at_most=10) == 0


def test_a_line_is_counted_up_to_a_bound_and_up_to_a_moment(messages: Messages) -> None:
    for number in range(5):
        queued(messages, accepted_ms=START_MS + number)

    assert messages.queue_length(THEIRS, at_most=2) == 2
    assert messages.queue_length(THEIRS, at_most=10, before_ms=START_MS + 3) == 3
    assert messages.queue_length(THEIRS, at_most=10, before_ms=START_MS) == 0


def test_what_is_sent_now_never_stands_in_a_line(messages: Messages) -> None:
    messages.accept(make_message(route="send", status=Status.SENDING, claim_id="one"))

    assert messages.queue_length(THEIRS, at_most=10) == 0


# --------------------------------------------------------------------------------- the second look


def test_a_queued_message_is_looked_at_again_when_it_is_too_old(messages: Messages) -> None:
    message = queued(messages)

    assert due(messages, START_MS + VALIDITY_MS - 1) == set()
    assert due(messages, START_MS + VALIDITY_MS) == {message.id}


def test_a_message_that_may_not_be_in_the_queue_is_looked_at_soon(messages: Messages) -> None:
    message = queued(messages, unqueued=True)

    assert stored(messages, message).unqueued
    assert due(messages, START_MS + ENQUEUE_CHECK_MS - 1) == set()
    assert due(messages, START_MS + ENQUEUE_CHECK_MS) == {message.id}


def test_what_is_sent_at_once_is_looked_at_when_it_must_be_dead(messages: Messages) -> None:
    message = queued(messages, route="send", status=Status.SENDING, claim_id="one", claimed_ms=START_MS)

    assert due(messages, START_MS + CLAIM_MS - 1) == set()
    assert due(messages, START_MS + CLAIM_MS) == {message.id}


def test_a_claim_is_looked_at_again_when_it_must_be_dead(messages: Messages) -> None:
    message = claimed(messages)

    assert due(messages, NOW + CLAIM_MS - 1) == set()
    assert due(messages, NOW + CLAIM_MS) == {message.id}


def test_a_released_message_is_looked_at_again_when_it_is_too_old(messages: Messages) -> None:
    message = claimed(messages)
    released(messages, message)

    assert due(messages, START_MS + VALIDITY_MS - 1) == set()
    assert due(messages, START_MS + VALIDITY_MS) == {message.id}


def test_an_unknown_message_is_looked_at_at_once(messages: Messages) -> None:
    message = unknown(messages)

    assert due(messages, NOW) == {message.id}


def test_a_submitted_message_is_looked_at_again_if_no_receipt_comes(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)

    assert due(messages, NOW + RECEIPT_CHECK_MS - 1) == set()
    assert due(messages, NOW + RECEIPT_CHECK_MS) == {message.id}


def test_a_sent_message_is_looked_at_again_and_a_final_one_never(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)
    messages.record(message.id, make_receipt(Status.SENT), NOW + 5)
    assert due(messages, NOW + 5 + RECEIPT_CHECK_MS) == {message.id}

    messages.record(message.id, make_receipt(Status.DELIVERED), NOW + 6)

    assert due(messages, NOW + VALIDITY_MS * 100) == set()


def test_the_oldest_that_wait_come_first_and_no_more_than_asked_for(messages: Messages) -> None:
    waiting = [queued(messages, accepted_ms=START_MS + 30 - number) for number in range(30)]
    # Those that do not wait, or that the queue may not have, are not among them, though they need a look sooner.
    claimed(messages, accepted_ms=START_MS)
    unknown(messages, accepted_ms=START_MS)
    sent = claimed(messages, accepted_ms=START_MS)
    messages.submitted(sent, accepted(), NOW)
    queued(messages, accepted_ms=START_MS, unqueued=True)
    oldest_first = [message.id for message in reversed(waiting)]

    assert list(messages.oldest(50)) == oldest_first
    assert list(messages.oldest(3)) == oldest_first[:3]


def test_a_text_that_waits_again_is_as_old_as_it_was(messages: Messages) -> None:
    old = claimed(messages, accepted_ms=START_MS)
    new = queued(messages, accepted_ms=START_MS + 5)
    missing = queued(messages, accepted_ms=START_MS + 2, unqueued=True)
    assert list(messages.oldest(5)) == [new.id]

    messages.release(old, NOW, slot_ms=NOW, held_by=HeldBy.RECIPIENT_RATE)
    messages.queued(missing)
    messages.set_due(new, START_MS + 5 + 2 * VALIDITY_MS)

    assert list(messages.oldest(5)) == [old.id, missing.id, new.id]
    assert due(messages, START_MS + VALIDITY_MS + 2) == {old.id, missing.id}


def test_what_needs_a_look_comes_oldest_first_and_no_more_than_asked_for(messages: Messages) -> None:
    expected: list[list[str]] = []
    for number in range(30):
        queued(messages, accepted_ms=START_MS + 30 - number)
    far = START_MS + VALIDITY_MS + 30
    for shard in range(DUE_SHARDS):
        everything = list(messages.due_messages(shard, far, 50))
        times = [m.accepted_ms for m in map(messages.get, everything) if m]
        assert times == sorted(times)
        assert list(messages.due_messages(shard, far, 2)) == everything[:2]
        expected.append(everything)
    assert sum(map(len, expected)) == 30


def test_a_look_can_be_put_off_and_put_off_for_ever(messages: Messages) -> None:
    message = queued(messages)

    messages.set_due(message, NOW + VALIDITY_MS)
    assert due(messages, START_MS + VALIDITY_MS) == set()
    assert due(messages, NOW + VALIDITY_MS) == {message.id}

    messages.set_due(message, None)
    assert due(messages, NOW + VALIDITY_MS * 100) == set()


def test_what_needs_no_look_is_not_put_up_for_one(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)

    messages.set_due(message, NOW)
    messages.set_due(make_message(), NOW)

    assert due(messages, NOW + VALIDITY_MS) == set()


# ------------------------------------------------------------------- what is known to be in the queue


def test_what_got_into_the_queue_after_all_is_looked_at_when_it_is_too_old(messages: Messages) -> None:
    message = queued(messages, unqueued=True)

    messages.queued(message)

    assert stored(messages, message) == replace(message, unqueued=False)
    assert due(messages, START_MS + VALIDITY_MS - 1) == set()
    assert due(messages, START_MS + VALIDITY_MS) == {message.id}


def test_what_was_accepted_anew_is_not_known_to_be_in_the_queue(messages: Messages) -> None:
    first = queued(messages, unqueued=True)
    messages.end(first, Status.FAILED, ending(Status.FAILED), NOW, safe_to_retry=True)
    again = queued(messages, id=first.id, accepted_ms=NOW, updated_ms=NOW, unqueued=True)

    messages.queued(first)

    assert stored(messages, again).unqueued
    assert due(messages, NOW + ENQUEUE_CHECK_MS) == {again.id}


def test_a_text_that_was_claimed_is_in_the_queue_and_its_look_stays(messages: Messages) -> None:
    message = queued(messages, unqueued=True)
    claim = messages.claim(message.id, "mine", NOW)

    messages.queued(message)

    assert claim.message
    assert not claim.message.unqueued
    assert stored(messages, message) == claim.message
    assert due(messages, NOW + CLAIM_MS) == {message.id}


def test_a_text_that_ended_is_not_looked_at_though_the_queue_may_lack_it(messages: Messages) -> None:
    message = queued(messages, unqueued=True)
    messages.end(message, Status.CANCELLED, ending(Status.CANCELLED), NOW)

    messages.queued(message)
    messages.queued(make_message(unqueued=True))

    assert not stored(messages, message).unqueued
    assert due(messages, NOW + VALIDITY_MS * 100) == set()


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
    assert messages.record(message.id, make_receipt(Status.DELIVERED), NOW) is Recorded.ADVANCED


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


def test_a_text_that_was_erased_while_it_waited_is_told_from_one_that_never_was(messages: Messages) -> None:
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
        messages.queue_length(THEIRS, at_most=10) or None,
        *messages.recipient_queue(THEIRS, until_ms=NOW, at_most=10),
        *messages.waiting(10)[0],
        *due(messages, NOW + VALIDITY_MS * 100),
    ]

    assert set(answers) == {None}
    assert messages.record(gone.id, make_receipt(Status.DELIVERED), NOW) is Recorded.MISSING
    assert messages.find(TELNYX_ID) is None


def test_no_write_brings_an_erased_text_back(messages: Messages) -> None:
    gone = erased(messages)
    mine = replace(gone, claim_id="mine")

    messages.hold(gone.id, NOW, HeldBy.BREAKER)
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
    assert messages.queue_length(THEIRS, at_most=10) == 1
    due_in_ms = NOW + (ENQUEUE_CHECK_MS if unqueued else VALIDITY_MS)
    assert due(messages, due_in_ms - 1) == set()
    assert due(messages, due_in_ms) == {gone.id}
    assert messages.accept(replace(again, fingerprint="a third")) == again


# ------------------------------------------------------------------------- who stands in a recipient's line


def test_a_line_names_who_waits_oldest_first_up_to_a_moment(messages: Messages) -> None:
    ids = [str(uuid.UUID(int=number)) for number in range(6)]
    for number in (3, 0, 4, 1):
        queued(messages, id=ids[number], accepted_ms=START_MS + number)
    queued(messages, id=ids[2], accepted_ms=START_MS + 2, recipient="+12025550124")
    claimed(messages, id=ids[5], accepted_ms=START_MS)

    everybody = [Waiting(ids[number], THEIRS, START_MS + number) for number in (0, 1, 3, 4)]
    assert list(messages.recipient_queue(THEIRS, until_ms=START_MS + 9, at_most=10)) == everybody
    assert list(messages.recipient_queue(THEIRS, until_ms=START_MS + 3, at_most=10)) == everybody[:3]
    assert list(messages.recipient_queue(THEIRS, until_ms=START_MS + 9, at_most=2)) == everybody[:2]
    assert list(messages.recipient_queue(THEIRS, until_ms=START_MS - 1, at_most=10)) == []


def test_a_text_stands_in_its_line_again_in_its_old_place_when_it_is_put_back(messages: Messages) -> None:
    first = claimed(messages)
    second = queued(messages, accepted_ms=START_MS + 1)
    released(messages, first)

    found = messages.recipient_queue(THEIRS, until_ms=NOW, at_most=10)

    assert [text.message_id for text in found] == [first.id, second.id]


# ---------------------------------------------------------------------------------------- hold, in doubt


def test_a_hold_is_noted_on_a_text_in_doubt_too_with_its_turn(messages: Messages) -> None:
    message = unknown(messages)

    messages.hold(message.id, NOW + 3, HeldBy.PROVIDER_BACKOFF, turn=7)

    assert stored(messages, message) == replace(message, slot_ms=NOW + 3, held_by=HeldBy.PROVIDER_BACKOFF, turn=7)
    messages.hold(message.id, NOW + 4, HeldBy.PROVIDER_BACKOFF)
    assert stored(messages, message).turn is None
