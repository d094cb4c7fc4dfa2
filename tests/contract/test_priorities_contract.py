"""What the two priorities ask of the stores: slots that are taken only if free, pauses of one, queues of one."""

import random

from longcode.domain.message import DueGroup, Message, Place, held_shards
from longcode.domain.pacing import ACCOUNT_KEY, bulk_key, recipient_key, sender_key
from longcode.domain.priority import Priority
from longcode.domain.status import Status
from longcode.domain.tag_brake import Pause
from longcode.use_cases.ports import Limits, Messages
from tests.support.fakes import OURS, THEIRS
from tests.support.fakes.examples import make_message
from tests.support.places import END

NOW = 1_700_000_000_000
KEY = "from#+12025550100"


def test_a_free_slot_is_taken_from_the_moment_that_was_asked_for(limits: Limits) -> None:
    taken, tat_ms = limits.reserve_free(KEY, 300, NOW, NOW)

    assert taken
    assert (taken.first_ms, taken.tat_ms, tat_ms) == (NOW, NOW + 300, NOW + 300)


def test_a_slot_that_is_taken_is_not_taken_twice_and_says_until_when(limits: Limits) -> None:
    limits.reserve(KEY, 1, 1_000, NOW)

    assert limits.reserve_free(KEY, 300, NOW, NOW + 999) == (None, NOW + 1_000)
    # Nothing has changed.
    assert limits.read_gate("", OURS).sender.tat_ms == NOW + 1_000


def test_one_that_is_taken_for_a_little_longer_is_taken_from_its_end(limits: Limits) -> None:
    limits.reserve(KEY, 1, 1_000, NOW)

    taken, _ = limits.reserve_free(KEY, 300, NOW, NOW + 1_000)

    assert taken
    assert (taken.first_ms, taken.tat_ms) == (NOW + 1_000, NOW + 1_300)


def test_one_that_has_passed_is_taken_from_the_moment_that_was_asked_for(limits: Limits) -> None:
    limits.reserve(KEY, 1, 1_000, NOW - 5_000)

    taken, _ = limits.reserve_free(KEY, 300, NOW - 200, NOW - 200)

    assert taken
    assert (taken.first_ms, taken.tat_ms) == (NOW - 200, NOW + 100)


def test_what_was_taken_is_given_back_as_any_reservation(limits: Limits) -> None:
    taken, _ = limits.reserve_free(KEY, 300, NOW, NOW)
    assert taken

    limits.give_back(KEY, taken, 1, 300)

    assert limits.reserve_free(KEY, 300, NOW, NOW)[0] == taken


def test_of_a_bulk_text_the_turns_of_bulk_are_read_and_of_another_not(limits: Limits) -> None:
    limits.reserve(bulk_key(sender_key(OURS)), 1, 1_000, NOW)
    limits.reserve(bulk_key(ACCOUNT_KEY), 1, 2_000, NOW)

    bulk, other = limits.read_gate(THEIRS, OURS, Priority.BULK), limits.read_gate(THEIRS, OURS)

    assert [one.tat_ms for one in bulk.shared(Priority.BULK)] == [NOW + 1_000, NOW + 2_000]
    assert bulk.shared(Priority.TRANSACTIONAL) == other.shared(Priority.TRANSACTIONAL)
    assert [one.tat_ms for one in other.shared(Priority.BULK)] == [None, None]


def test_a_pause_of_one_priority_is_none_of_the_other_and_keeps_its_beginning(limits: Limits) -> None:
    limits.pause(NOW, "wrong link", Priority.BULK)
    limits.pause(NOW + 1_000, "still wrong", Priority.BULK)
    control = limits.read_gate("", OURS).control

    assert control.paused(Priority.BULK) == Pause(NOW, "still wrong")
    assert control.paused(Priority.TRANSACTIONAL) is control.paused(None) is None

    limits.pause(NOW + 2_000, "all")
    assert limits.read_gate("", OURS).control.paused(Priority.BULK) == Pause(NOW + 2_000, "all")
    limits.resume()
    assert limits.read_gate("", OURS).control.paused(Priority.BULK) == Pause(NOW, "still wrong")
    limits.resume(Priority.BULK)
    assert limits.read_gate("", OURS).control.pauses == {}


def accepted(messages: Messages, count: int) -> list[Message]:
    """Texts of both priorities, in turns."""
    texts = [
        make_message(
            id=f"{number:08d}-0000-4000-8000-000000000000",
            accepted_ms=NOW + number,
            priority=Priority.BULK if number % 2 else Priority.TRANSACTIONAL,
        )
        for number in range(count)
    ]
    for text in random.Random(7).sample(texts, count):
        assert messages.accept(text) is None
    return texts


def test_each_priority_is_a_recipient_queue_of_its_own_in_its_order(messages: Messages) -> None:
    texts = accepted(messages, 6)

    for priority in Priority:
        own = [text.id for text in texts if text.priority is priority]
        found = messages.recipient_queue(THEIRS, until=END, at_most=9, priority=priority)
        assert [text.message_id for text in found] == own
        assert {text.priority for text in found} == {priority}
        before = Place(NOW + 4, 0)
        assert messages.queue_length(THEIRS, at_most=9, before=before, priority=priority) == 2
    everything, more = messages.waiting(9)
    assert {one.message_id: one.priority for one in everything} == {text.id: text.priority for text in texts}
    assert not more
    read = messages.get_all([text.id for text in texts])
    assert [text.priority for text in read] == [text.priority for text in texts]


def test_what_is_held_of_each_priority_is_in_parts_of_its_own(messages: Messages) -> None:
    for number, priority in enumerate(Priority):
        held = make_message(
            id=f"{number:08d}-0000-4000-8000-000000000000",
            status=Status.HELD,
            priority=priority,
            send_at_ms=NOW + 60_000,
            not_before_ms=NOW + 60_000,
        )
        assert messages.accept(held) is None

    parts = [shard for shard in held_shards() if messages.held(shard, 0, NOW + 90_000, 9)]

    assert len(parts) == 2
    assert parts[0] in DueGroup.HELD.shards
    assert parts[1] in DueGroup.HELD_BULK.shards


def test_who_keeps_others_away_takes_a_slot_only_where_it_may_leave_and_nothing_else_may_before_its_end(
    limits: Limits,
) -> None:
    key = recipient_key(THEIRS)
    limits.push(key, NOW + 500)

    assert limits.reserve_free(key, 1_000, NOW, NOW, keeps_away=True) == (None, NOW + 500)
    taken, tat_ms = limits.reserve_free(key, 1_000, NOW + 500, NOW + 500, keeps_away=True)

    assert taken
    assert (taken.first_ms, tat_ms) == (NOW + 500, NOW + 1_500)
    assert limits.read_gate(THEIRS, OURS).not_before_ms == NOW + 1_500
    assert limits.reserve_free(key, 1_000, NOW + 1_000, NOW + 1_000, keeps_away=True) == (None, NOW + 1_500)
