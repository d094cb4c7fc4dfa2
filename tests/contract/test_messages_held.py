"""What every store of messages promises of texts that are held until their time."""

from dataclasses import replace

from longcode.domain.message import DueGroup, Message, Place, held_shard
from longcode.domain.priority import Priority
from longcode.domain.schedule import EARLY_MS
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Messages
from tests.contract.message_steps import NOW, VALIDITY_MS, due, queued, released, stored
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OTHER_TELNYX_ID, THEIRS, accepted, ending, make_message, make_receipt
from tests.support.places import END

AT = START_MS + 600_000


def shard_of(recipient: str) -> int:
    return held_shard(recipient, Priority.TRANSACTIONAL)


SHARD = shard_of(THEIRS)
LATER = AT + 3_600_000


def held(messages: Messages, at_ms: int = AT, **changes: object) -> Message:
    wanted = {"status": Status.HELD, "send_at_ms": at_ms, "not_before_ms": at_ms, "held_by": HeldBy.SCHEDULE}
    return queued(messages, **wanted | changes)


def listed(
    messages: Messages, since_ms: int = 0, until_ms: int = LATER, at_most: int = 50
) -> list[tuple[int, str]]:
    return list(messages.held(SHARD, since_ms, until_ms, at_most))


def claimed(messages: Messages, message: Message, now_ms: int = AT) -> Message:
    claim = messages.claim(message.id, "mine", now_ms)
    assert claim.won
    assert claim.message
    return claim.message


def line(messages: Messages, until_ms: int = LATER) -> list[str]:
    return [one.message_id for one in messages.recipient_queue(THEIRS, until=Place(until_ms, 0), at_most=50)]


# ----------------------------------------------------------------------------------------- what is held


def test_what_is_held_comes_by_its_time_from_a_moment_to_before_another(messages: Messages) -> None:
    texts = [held(messages, AT + after_ms) for after_ms in (2_000, 0, 1_000, 999)]
    other = next(number for number in (f"+120255501{n:02d}" for n in range(99)) if shard_of(number) != SHARD)
    held(messages, recipient=other)
    queued(messages)
    by_time = sorted((text.ready_ms, text.id) for text in texts)

    assert listed(messages) == by_time
    assert listed(messages, AT, AT + 1_000) == by_time[:2]
    assert listed(messages, AT + 1_000, AT + 2_000) == by_time[2:3]
    assert listed(messages, at_most=3) == by_time[:3]
    assert listed(messages, AT + 2_001) == []


def test_pages_of_one_millisecond_miss_nothing_though_texts_leave_meanwhile(messages: Messages) -> None:
    ids = {held(messages).id for _ in range(11)}
    seen, after = list[str](), None
    while page := messages.held(SHARD, AT, AT + 1_000, 3, after):
        seen += [ident for _, ident in page]
        after = page[-1]
        # The last of the page, which the next begins behind, and one before it.
        for _, ident in page[-2:]:
            assert messages.claim(ident, "mine", AT).won

    assert sorted(seen) == sorted(ids)


def test_one_that_is_out_of_date_before_its_time_is_looked_at_then(messages: Messages) -> None:
    message = held(messages, expires_ms=AT - 5_000)

    assert listed(messages) == [(AT - 5_000, message.id)]


def test_what_is_held_is_due_at_its_time_and_in_no_other_group(messages: Messages) -> None:
    message = held(messages)

    assert due(messages, AT - 1) == set()
    assert due(messages, AT) == {message.id}
    assert (messages.oldest(5), messages.oldest(5, expiring=True)) == ([], [])


def test_what_is_held_stands_in_its_recipient_queue_by_its_time_and_of_one_time_by_acceptance(
    messages: Messages,
) -> None:
    second, first = (held(messages, accepted_ms=START_MS + number) for number in (1, 0))
    now = queued(messages, accepted_ms=START_MS + 5)

    assert line(messages) == [now.id, first.id, second.id]
    assert line(messages, AT - 1) == [now.id]
    assert messages.queue_length(THEIRS, at_most=9, before=first.place) == 1
    assert messages.queue_length(THEIRS, at_most=9, before=second.place) == 2
    assert messages.queue_length(THEIRS, at_most=9, before=END) == 3


# ----------------------------------------------------------------------------------- what becomes of it


def test_what_is_held_is_claimed_from_two_seconds_before_its_time_on(messages: Messages) -> None:
    message = held(messages)

    early = messages.claim(message.id, "early", AT - EARLY_MS - 1)
    assert (early.won, early.message) == (False, message)
    claim = messages.claim(message.id, "mine", AT - EARLY_MS)
    assert claim.won
    assert claim.message
    assert (claim.message.status, claim.message.attempts) == (Status.SENDING, 1)
    assert (listed(messages), line(messages)) == ([], [])


def test_the_note_of_a_slot_makes_a_held_text_a_queued_one(messages: Messages) -> None:
    message, expiring = held(messages), held(messages, expires_ms=AT + 90_000)
    for one in (message, expiring):
        messages.hold(one, AT + 60_000, HeldBy.SENDER_RATE)
        found = stored(messages, one)
        assert (found.status, found.slot_ms) == (Status.QUEUED, AT + 60_000)
        assert found.held_by is HeldBy.SENDER_RATE

    assert listed(messages) == []
    assert line(messages) == [message.id, expiring.id] or line(messages) == [expiring.id, message.id]
    assert (messages.oldest(5), messages.oldest(5, expiring=True)) == ([message.id], [expiring.id])
    assert due(messages, AT + 90_000) == {expiring.id}
    assert due(messages, AT + VALIDITY_MS) == {message.id, expiring.id}


def test_what_is_known_to_be_in_the_queue_is_queued(messages: Messages) -> None:
    message = held(messages)

    messages.queued(message)
    messages.queued(message)

    assert stored(messages, message).status is Status.QUEUED
    assert (listed(messages), messages.oldest(5)) == ([], [message.id])


def test_what_was_held_anew_since_it_was_read_stays_held(messages: Messages) -> None:
    message = held(messages)
    assert messages.put_off(message, AT + 60_000, HeldBy.QUIET_HOURS, NOW)

    messages.queued(message)
    messages.hold(message, AT, HeldBy.SENDER_RATE)

    found = stored(messages, message)
    assert (found.status, found.not_before_ms, found.slot_ms) == (Status.HELD, AT + 60_000, None)
    assert listed(messages) == [(AT + 60_000, message.id)]


def test_no_note_comes_back_from_what_left_or_ended(messages: Messages) -> None:
    sent, ended = held(messages), held(messages)
    claimed(messages, sent)
    assert messages.end(ended, Status.CANCELLED, ending(Status.CANCELLED), NOW)
    for message in (sent, ended):
        before = stored(messages, message)
        messages.queued(message)
        messages.hold(message, AT, HeldBy.SENDER_RATE)
        assert stored(messages, message) == before
    assert listed(messages) == []


def test_a_text_is_put_off_whether_it_was_held_queued_or_claimed(messages: Messages) -> None:
    in_queue = queued(messages)
    mine = claimed(messages, queued(messages))
    texts = [held(messages), in_queue, mine]
    for number, message in enumerate(texts):
        assert messages.put_off(message, AT + 60_000 + number, HeldBy.QUIET_HOURS, NOW)

        found = stored(messages, message)
        assert (found.status, found.held_by, found.updated_ms) == (Status.HELD, HeldBy.QUIET_HOURS, NOW)
        assert (found.not_before_ms, found.attempts) == (AT + 60_000 + number, 0)
        assert (found.claim_id, found.claimed_ms, found.slot_ms, found.turn) == (None, None, None, None)
    assert listed(messages) == [(AT + 60_000 + number, message.id) for number, message in enumerate(texts)]
    assert line(messages) == [message.id for message in texts]
    assert (messages.oldest(5), list(messages.old_claims(LATER, 5))) == ([], [])


def test_what_left_ended_or_belongs_to_another_is_not_put_off(messages: Messages) -> None:
    old = claimed(messages, queued(messages))
    assert released(messages, old)
    again = messages.claim(old.id, "another", NOW).message
    assert again
    sent = claimed(messages, queued(messages))
    assert messages.submitted(sent, accepted(OTHER_TELNYX_ID), NOW)
    ended, taken = queued(messages), queued(messages)
    assert messages.end(ended, Status.CANCELLED, ending(Status.CANCELLED), NOW)
    claimed(messages, taken)

    for message in (old, sent, ended, taken):
        before = stored(messages, message)
        assert not messages.put_off(message, AT, HeldBy.QUIET_HOURS, NOW)
        assert stored(messages, message) == before
    assert listed(messages) == []


def test_a_text_that_expires_stands_among_those_wherever_it_waits(messages: Messages) -> None:
    message = queued(messages, expires_ms=AT)
    assert messages.oldest(5, expiring=True) == [message.id]

    assert released(messages, claimed(messages, message, NOW))
    missing = queued(messages, expires_ms=AT, unqueued=True)
    messages.queued(missing)

    assert messages.oldest(5) == []
    assert set(messages.oldest(5, expiring=True)) == {message.id, missing.id}
    assert due(messages, AT - 1) == set()
    assert due(messages, AT) == {message.id, missing.id}
    messages.record(message.id, make_receipt(Status.SENT), NOW)
    assert messages.oldest(5, expiring=True) == [missing.id]


def test_the_look_at_a_held_text_is_moved_while_it_is_held(messages: Messages) -> None:
    message = held(messages)

    messages.set_due(message, AT + 5_000)

    assert listed(messages) == [(AT + 5_000, message.id)]
    messages.queued(message)
    messages.set_due(message, AT + 9_000)
    assert listed(messages) == []


def test_all_texts_of_a_recipient_are_held_in_one_part() -> None:
    text = make_message()
    assert shard_of(text.recipient) == held_shard(replace(text, accepted_ms=1).recipient, Priority.TRANSACTIONAL)
    assert {shard_of(f"+1202555{number:04d}") for number in range(100, 200)} == set(DueGroup.HELD.shards)
