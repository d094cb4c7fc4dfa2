"""What every store of messages promises of what waits and what is due."""

import uuid
from dataclasses import replace

from longcode.domain.message import CLAIM_MS, DUE_SHARDS, ENQUEUE_CHECK_MS, RECEIPT_CHECK_MS, Place
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Messages, Waiting
from tests.contract.message_steps import NOW, VALIDITY_MS, claimed, dead, due, queued, released, stored, unknown
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import (
    NO_ANSWER,
    OTHER_TELNYX_ID,
    THEIRS,
    accepted,
    ending,
    make_message,
    make_receipt,
)
from tests.support.places import END, placed, upto

# ----------------------------------------------------------------------------------------- the recipient queue


def test_a_recipient_queue_holds_those_who_wait_for_one_recipient(messages: Messages) -> None:
    for number in range(3):
        queued(messages, accepted_ms=START_MS + number)
    queued(messages, recipient="+12025550124")
    claimed(messages)

    assert messages.queue_length(THEIRS, at_most=10, before=END) == 3
    assert messages.queue_length("+12025550124", at_most=10, before=END) == 1
    assert messages.queue_length("+12025550199", at_most=10, before=END) == 0


def test_a_recipient_queue_is_counted_up_to_a_bound_and_up_to_a_moment(messages: Messages) -> None:
    for number in range(5):
        queued(messages, accepted_ms=START_MS + number)

    assert messages.queue_length(THEIRS, at_most=2, before=END) == 2
    assert messages.queue_length(THEIRS, at_most=10, before=Place(START_MS + 3, 0)) == 3
    assert messages.queue_length(THEIRS, at_most=10, before=Place(START_MS, 0)) == 0


def test_what_is_sent_now_never_stands_in_a_recipient_queue(messages: Messages) -> None:
    messages.accept(make_message(route="send", status=Status.SENDING, claim_id="one"))

    assert messages.queue_length(THEIRS, at_most=10, before=END) == 0


# --------------------------------------------------------------------------------- what is due


def test_a_queued_message_is_looked_at_again_when_it_is_too_old(messages: Messages) -> None:
    message = queued(messages)

    assert due(messages, START_MS + VALIDITY_MS - 1) == set()
    assert due(messages, START_MS + VALIDITY_MS) == {message.id}


def test_a_message_that_may_not_be_in_the_queue_is_looked_at_soon(messages: Messages) -> None:
    message = queued(messages, unqueued=True)

    assert stored(messages, message).unqueued
    assert due(messages, START_MS + ENQUEUE_CHECK_MS - 1) == set()
    assert due(messages, START_MS + ENQUEUE_CHECK_MS) == {message.id}


def test_a_message_that_may_not_be_in_the_queue_is_looked_at_when_it_expires_if_that_is_sooner(
    messages: Messages,
) -> None:
    message = queued(messages, unqueued=True, expires_ms=START_MS + 5_000)

    assert due(messages, START_MS + 4_999) == set()
    assert due(messages, START_MS + 5_000) == {message.id}


def test_what_is_sent_at_once_is_looked_at_when_it_must_be_dead(messages: Messages) -> None:
    message = queued(messages, route="send", status=Status.SENDING, claim_id="one", claimed_ms=START_MS)

    assert dead(messages, START_MS + CLAIM_MS - 1) == []
    assert dead(messages, START_MS + CLAIM_MS) == [message.id]


def test_a_claim_is_looked_at_again_when_it_must_be_dead(messages: Messages) -> None:
    message = claimed(messages)

    assert dead(messages, NOW + CLAIM_MS - 1) == []
    assert dead(messages, NOW + CLAIM_MS) == [message.id]


def test_a_dead_claim_that_no_one_saw_is_looked_at_as_a_receipt_that_is_overdue(messages: Messages) -> None:
    message = claimed(messages)

    assert due(messages, NOW + RECEIPT_CHECK_MS - 1) == set()
    assert due(messages, NOW + RECEIPT_CHECK_MS) == {message.id}


def test_old_claims_come_latest_first_and_no_more_than_asked_for(messages: Messages) -> None:
    ids = []
    for number in range(30):
        message = queued(messages)
        assert messages.claim(message.id, "mine", NOW + number).won
        ids.append(message.id)
    ended, back, doubted = (claimed(messages) for _ in range(3))
    messages.end(ended, Status.FAILED, ending(Status.FAILED), NOW)
    released(messages, back)
    messages.ambiguous(doubted, NO_ANSWER, NOW)

    assert dead(messages, NOW + CLAIM_MS + 40) == ids[::-1]
    assert list(messages.old_claims(NOW + CLAIM_MS + 40, 3)) == ids[:-4:-1]
    assert dead(messages, NOW + CLAIM_MS + 9) == ids[9::-1]


def test_what_left_stays_among_the_old_claims_until_its_overdue_receipt_was_looked_for(
    messages: Messages,
) -> None:
    sent, delivered = claimed(messages), claimed(messages)
    messages.submitted(sent, accepted(), NOW)
    messages.submitted(delivered, accepted(OTHER_TELNYX_ID), NOW)
    messages.record(sent.id, make_receipt(Status.SENT), NOW)
    messages.record(delivered.id, make_receipt(Status.DELIVERED, telnyx_id=OTHER_TELNYX_ID), NOW)
    assert dead(messages, NOW + CLAIM_MS) == [sent.id]

    messages.set_due(stored(messages, sent), NOW + 2 * RECEIPT_CHECK_MS)

    assert dead(messages, NOW + 3 * RECEIPT_CHECK_MS) == []
    assert due(messages, NOW + 2 * RECEIPT_CHECK_MS - 1) == set()
    assert due(messages, NOW + 2 * RECEIPT_CHECK_MS) == {sent.id}


def test_a_text_in_doubt_that_left_is_looked_at_again_if_no_receipt_comes(messages: Messages) -> None:
    message = unknown(messages)
    assert messages.submitted(message, accepted(), NOW + 5)

    assert due(messages, NOW + 5 + RECEIPT_CHECK_MS - 1) == set()
    assert due(messages, NOW + 5 + RECEIPT_CHECK_MS) == {message.id}


def test_what_the_provider_has_on_record_as_ended_is_not_looked_at_any_more(messages: Messages) -> None:
    for message in (claimed(messages), unknown(messages)):
        assert messages.submitted(message, accepted(status=Status.DELIVERED), NOW + 5)

    assert due(messages, NOW + VALIDITY_MS * 100) == set()
    assert dead(messages, NOW + VALIDITY_MS * 100) == []


def test_a_look_that_is_taken_away_from_what_had_ended_stays_with_what_was_asked_for_again(
    messages: Messages,
) -> None:
    ended = queued(messages, route="send", status=Status.SENDING, claim_id="one", claimed_ms=START_MS)
    messages.end(ended, Status.FAILED, ending(Status.FAILED), NOW, safe_to_retry=True)
    ended = stored(messages, ended)
    queued(messages, id=ended.id, route="send", status=Status.SENDING, claim_id="two", claimed_ms=NOW)

    messages.set_due(ended, None)

    assert dead(messages, NOW + CLAIM_MS) == [ended.id]


def test_a_text_that_left_while_it_was_taken_for_dead_is_looked_at(messages: Messages) -> None:
    message = claimed(messages)
    messages.ambiguous(message, NO_ANSWER, NOW + 1)
    assert messages.submitted(message, accepted(), NOW + 2)

    assert due(messages, NOW + 2) == {message.id}


def test_a_text_that_waited_as_far_as_we_knew_is_looked_at_if_no_final_receipt_comes(messages: Messages) -> None:
    message = queued(messages)
    messages.record(message.id, make_receipt(Status.SENT), NOW)

    assert stored(messages, message).status is Status.SENT
    assert due(messages, NOW + RECEIPT_CHECK_MS - 1) == set()
    assert due(messages, NOW + RECEIPT_CHECK_MS) == {message.id}


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
    assert due(messages, NOW + RECEIPT_CHECK_MS) == {message.id}

    messages.record(message.id, make_receipt(Status.DELIVERED), NOW + 6)

    assert due(messages, NOW + VALIDITY_MS * 100) == set()
    assert dead(messages, NOW + VALIDITY_MS * 100) == []


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
    assert dead(messages, NOW + CLAIM_MS) == [message.id]


def test_a_text_that_ended_is_not_looked_at_though_the_queue_may_lack_it(messages: Messages) -> None:
    message = queued(messages, unqueued=True)
    messages.end(message, Status.CANCELLED, ending(Status.CANCELLED), NOW)

    messages.queued(message)
    messages.queued(make_message(unqueued=True))

    assert not stored(messages, message).unqueued
    assert due(messages, NOW + VALIDITY_MS * 100) == set()


# ------------------------------------------------------------------------- what is in a recipient queue


def test_a_recipient_queue_names_what_waits_oldest_first_up_to_a_moment(messages: Messages) -> None:
    ids = [str(uuid.UUID(int=number)) for number in range(6)]
    for number in (3, 0, 4, 1):
        queued(messages, id=ids[number], accepted_ms=START_MS + number)
    queued(messages, id=ids[2], accepted_ms=START_MS + 2, recipient="+12025550124")
    claimed(messages, id=ids[5], accepted_ms=START_MS)

    everybody = [Waiting(ids[number], THEIRS, placed(START_MS + number)) for number in (0, 1, 3, 4)]
    assert list(messages.recipient_queue(THEIRS, until=upto(START_MS + 9), at_most=10)) == everybody
    assert list(messages.recipient_queue(THEIRS, until=upto(START_MS + 3), at_most=10)) == everybody[:3]
    assert list(messages.recipient_queue(THEIRS, until=upto(START_MS + 9), at_most=2)) == everybody[:2]
    assert list(messages.recipient_queue(THEIRS, until=upto(START_MS - 1), at_most=10)) == []


def test_a_text_stands_in_its_recipient_queue_again_in_its_old_place_when_it_is_put_back(
    messages: Messages,
) -> None:
    first = claimed(messages)
    second = queued(messages, accepted_ms=START_MS + 1)
    released(messages, first)

    found = messages.recipient_queue(THEIRS, until=upto(NOW), at_most=10)

    assert [text.message_id for text in found] == [first.id, second.id]
