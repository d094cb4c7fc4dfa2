"""What every store of messages promises of a held text that is changed, put off or looked at."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from longcode.domain.message import Entry, Message, Place, held_shard
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Messages
from tests.contract.message_steps import NOW, VALIDITY_MS, due, queued, stored
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import THEIRS, ending
from tests.support.places import END

AT_MS = NOW + 3_600_000
LATER_MS = AT_MS + 86_400_000
ENTRY = Entry(NOW, "changed", "api", note="It was changed by request: message.")


def held(messages: Messages, **changes: object) -> Message:
    fields = {
        "status": Status.HELD, "send_at_ms": AT_MS, "not_before_ms": AT_MS, "held_by": HeldBy.SCHEDULE,
        "metadata": {"tag": "spring", "order": "7"},
    }  # fmt: skip
    return queued(messages, **(fields | changes))


def times(messages: Messages, until_ms: int = LATER_MS + 1) -> list[int]:
    """When held texts of the one recipient are due, by the index."""
    return [at_ms for at_ms, _ in messages.held(held_shard(THEIRS, Priority.TRANSACTIONAL), 0, until_ms, 50)]


def other(message: Message, **changes: object) -> Message:
    fields: dict[str, Any] = {"updated_ms": NOW, "history": (*message.history, ENTRY)}
    return replace(message, **(fields | changes))


def test_a_held_text_is_as_it_was_changed_to(messages: Messages) -> None:
    message = held(messages)
    changed = other(
        message, text="Another", segments=2, metadata={"tag": "summer"}, send_at_ms=LATER_MS,
        not_before_ms=LATER_MS + 5, expires_ms=LATER_MS + 9_000, held_by=HeldBy.QUIET_HOURS,
    )  # fmt: skip

    assert messages.change(message, changed)

    assert stored(messages, message) == changed
    assert times(messages) == []
    assert times(messages, LATER_MS + 6) == [LATER_MS + 5]
    assert messages.queue_length(THEIRS, at_most=9, before=Place(LATER_MS + 5, 0)) == 0
    assert messages.queue_length(THEIRS, at_most=9, before=END) == 1


def test_what_a_change_takes_away_is_gone(messages: Messages) -> None:
    message = held(messages, expires_ms=AT_MS + 5_000)
    changed = other(message, metadata={}, expires_ms=None)

    assert messages.change(message, changed)

    assert stored(messages, message) == changed
    assert times(messages) == [AT_MS]


def test_a_change_that_expires_before_its_time_is_looked_at_then(messages: Messages) -> None:
    message = held(messages)

    assert messages.change(message, other(message, expires_ms=AT_MS - 5_000))

    assert times(messages) == [AT_MS - 5_000]


def test_only_what_is_held_as_it_was_read_is_changed(messages: Messages) -> None:
    first = held(messages)
    second = other(first, text="second")
    assert messages.change(first, second)

    # Another change, and one of a moment alone.
    assert not messages.change(first, other(first, text="third"))
    assert not messages.change(replace(second, not_before_ms=AT_MS + 1), other(second, updated_ms=NOW + 1))
    assert stored(messages, first) == second

    # In the recipient queue, under way, ended, never stored.
    ways: dict[str, Callable[[Message], object]] = {
        "hold": lambda one: messages.hold(one, AT_MS + 1, HeldBy.RECIPIENT_RATE),
        "queued": lambda one: messages.queued(one),
        "claim": lambda one: messages.claim(one.id, "mine", AT_MS),
        "end": lambda one: messages.end(one, Status.CANCELLED, ending(Status.CANCELLED), NOW),
        "put_off": lambda one: messages.put_off(one, LATER_MS, HeldBy.QUIET_HOURS, NOW),
    }
    for name, way in ways.items():
        message = held(messages)
        way(message)
        before = stored(messages, message)
        assert before != message, name
        assert not messages.change(message, other(message, text="third")), name
        assert stored(messages, message) == before, name
    missing = replace(first, id="00000000-0000-4000-8000-000000000000")
    assert not messages.change(missing, other(missing, text="third"))
    assert messages.get(missing.id) is None


def test_a_change_whose_answer_was_lost_has_succeeded(messages: Messages) -> None:
    message = held(messages)
    changed = other(message, text="Another", updated_ms=NOW)
    assert messages.change(message, changed)

    assert messages.change(message, changed)
    assert stored(messages, message) == changed


def test_a_text_that_was_moved_to_now_can_be_claimed_and_one_moved_away_can_not(messages: Messages) -> None:
    sooner, later = held(messages), held(messages)
    assert messages.change(sooner, other(sooner, not_before_ms=NOW))
    assert messages.change(later, other(later, not_before_ms=LATER_MS))

    assert messages.claim(sooner.id, "mine", NOW).won
    assert not messages.claim(later.id, "mine", AT_MS + 5).won


def test_what_its_caller_has_moved_is_not_put_off_by_what_was_read_before(messages: Messages) -> None:
    message = held(messages)
    moved = other(message, not_before_ms=LATER_MS)
    assert messages.change(message, moved)

    assert not messages.put_off(message, AT_MS + 60_000, HeldBy.QUIET_HOURS, NOW)
    assert stored(messages, message) == moved

    # As it stands it is; and once more, where the answer was lost.
    for _ in range(2):
        assert messages.put_off(moved, LATER_MS + 60_000, HeldBy.QUIET_HOURS, NOW + 1)
    assert stored(messages, message).not_before_ms == LATER_MS + 60_000


def test_a_text_that_was_never_held_is_put_off_once(messages: Messages) -> None:
    message = queued(messages)

    assert messages.put_off(message, AT_MS, HeldBy.QUIET_HOURS, NOW)
    assert not messages.put_off(message, LATER_MS, HeldBy.QUIET_HOURS, NOW)

    assert stored(messages, message).not_before_ms == AT_MS


def test_a_look_at_what_was_read_before_moves_no_time_of_a_changed_text(messages: Messages) -> None:
    message = held(messages)
    assert messages.change(message, other(message, not_before_ms=AT_MS - 60_000))

    messages.set_due(message, AT_MS)

    assert times(messages) == [AT_MS - 60_000]


def test_a_changed_text_is_found_when_it_is_out_of_date(messages: Messages) -> None:
    message = held(messages)
    assert messages.change(message, other(message, not_before_ms=START_MS + 1))
    messages.queued(stored(messages, message))

    ends_ms = START_MS + 1 + VALIDITY_MS
    assert (due(messages, ends_ms - 1), due(messages, ends_ms)) == (set(), {message.id})
