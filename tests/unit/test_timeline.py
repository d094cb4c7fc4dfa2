"""A status tells the whole story of a text, each step with a note in plain words."""

from typing import Any

import pytest

from longcode.domain import timeline as timelines
from longcode.domain.message import Entry, Message
from longcode.domain.status import HeldBy, Status
from longcode.domain.timeline import timeline
from tests.support.fakes import OURS, THEIRS, World, make_world


def make_message(**changes: Any) -> Message:
    fields: dict[str, Any] = {
        "id": "9aa55a9e-8563-4068-a8b5-1d453c6756e5",
        "direction": "outbound",
        "status": Status.QUEUED,
        "sender": OURS,
        "recipient": THEIRS,
        "text": "Hello",
        "accepted_ms": 1_000,
        "updated_ms": 1_000,
        "route": "queue",
        "segments": 1,
    }
    return Message(**fields | changes)


def words(entries: tuple[Entry, ...]) -> list[tuple[int, str]]:
    return [(entry.at_ms, entry.status) for entry in entries]


def test_a_delivered_text_tells_its_whole_way() -> None:
    history = (
        Entry(14_000, "submitted", "consumer"),
        Entry(15_000, "sent", "webhook"),
        Entry(17_000, "delivered", "webhook"),
    )
    message = make_message(status=Status.DELIVERED, claimed_ms=13_500, sent_ms=14_000, history=history)

    story = timeline(message)

    assert words(story) == [
        (1_000, "accepted"), (13_500, "waited"), (14_000, "submitted"), (15_000, "sent"), (17_000, "delivered"),
    ]  # fmt: skip
    assert [entry.note for entry in story] == [
        "It was accepted into the recipient queue.",
        "It waited 12.5 s for its turn in the recipient queue.",
        "The provider took it.",
        "The provider passed it on to the recipient's network.",
        "It arrived.",
    ]


def test_a_wait_names_what_it_is_for() -> None:
    story = {
        reason: (
            timeline(make_message(held_by=reason, slot_ms=4_000))[1].note,
            timeline(make_message(status=Status.SENDING, claimed_ms=4_000, held_by=reason))[1].note,
        )
        for reason in HeldBy
    }

    assert story == {
        reason: (
            f"It waits for {timelines._REASONS[reason]}, to leave at 1970-01-01T00:00:04.000Z.",
            f"It waited 3.0 s for {timelines._REASONS[reason]}.",
        )
        for reason in HeldBy
    }


def test_what_a_forecast_knows_goes_before_what_is_stored() -> None:
    message = make_message(held_by=HeldBy.RECIPIENT_RATE, slot_ms=4_000)

    story = timeline(message, (HeldBy.BREAKER, 60_000))

    assert (
        story[1].note
        == f"It waits for {timelines._REASONS[HeldBy.BREAKER]}, to leave at 1970-01-01T00:01:00.000Z."
    )


def test_the_reason_of_an_open_breaker_is_part_of_the_note() -> None:
    story = timeline(make_message(), (HeldBy.BREAKER, 60_000), "10dlc_expired Campaign C751C6A has expired")

    assert story[1].note == (
        f"It waits for {timelines._REASONS[HeldBy.BREAKER]} (10dlc_expired Campaign C751C6A has expired), "
        "to leave at 1970-01-01T00:01:00.000Z."
    )


def test_a_pause_has_no_known_end_even_if_a_slot_is_stored() -> None:
    story = timeline(make_message(held_by=HeldBy.RECIPIENT_RATE, slot_ms=4_000), (HeldBy.PAUSED, None))

    assert story[1].note == "It waits for the end of a pause."


def test_a_text_that_is_sent_at_once_has_not_waited() -> None:
    message = make_message(
        route="send", status=Status.SUBMITTED, claimed_ms=1_001, history=(Entry(1_300, "submitted", "api"),)
    )

    assert words(timeline(message)) == [(1_000, "accepted"), (1_300, "submitted")]


def test_a_text_that_was_never_sent_waited_until_its_end() -> None:
    end = Entry(3_601_000, "expired_unsent", "reconciler")
    message = make_message(status=Status.EXPIRED_UNSENT, updated_ms=9_999_999, history=(end,))

    story = timeline(message)

    assert words(story) == [(1_000, "accepted"), (3_601_000, "waited"), (3_601_000, "expired_unsent")]
    assert story[1].note == "It waited 1 h for its turn in the recipient queue."


def test_receipts_come_in_the_order_of_their_time_and_after_the_sending() -> None:
    # They came late, in the wrong order, and the provider's clock is behind ours.
    history = (
        Entry(14_000, "submitted", "consumer"),
        Entry(16_000, "delivered", "webhook"),
        Entry(13_900, "sent", "webhook"),
    )
    message = make_message(status=Status.DELIVERED, claimed_ms=13_500, sent_ms=14_000, history=history)

    assert [entry.status for entry in timeline(message)][2:] == ["submitted", "sent", "delivered"]


def test_an_inbound_text_was_only_received() -> None:
    message = make_message(
        direction="inbound", status=Status.RECEIVED, route="webhook", history=(Entry(900, "received", "webhook"),)
    )

    assert words(timeline(message)) == [(900, "received")]


def test_a_note_that_is_stored_stays_as_it_is() -> None:
    message = make_message(
        status=Status.CANCELLED, history=(Entry(2_000, "failed", "operator", note="Wrong list."),)
    )

    assert timeline(message)[-1].note == "Wrong list."


def test_a_span_has_at_most_two_units() -> None:
    spans = {
        -5: "0.0 s",
        1_234: "1.2 s",
        60_000: "1 min",
        200_000: "3 min 20 s",
        7_500_000: "2 h 5 min",
        273_600_000: "3 d 4 h",
    }

    assert {duration_ms: timelines._span(duration_ms) for duration_ms in spans} == spans


@pytest.fixture
def world() -> World:
    return make_world()


def test_a_status_tells_the_way_of_a_text_from_its_acceptance(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    waiting = world.status(ident).fields["history"]
    world.consume()
    history = world.status(ident).fields["history"]

    assert [row["status"] for row in waiting] == ["accepted", "waiting"]
    assert [row["status"] for row in history] == ["accepted", "waited", "submitted"]
    assert [row["at"] for row in history] == sorted(row["at"] for row in history)
    assert all(row["note"].endswith(".") for row in history)


def test_a_status_says_how_long_the_second_text_of_a_recipient_waited(world: World) -> None:
    world.enqueue(message="First")
    ident = world.enqueue(message="Second").fields["message_id"]
    world.consume()

    waited = world.status(ident).fields["history"][1]

    assert waited["status"] == "waited"
    assert waited["note"].startswith("It waited 1.")


def test_a_status_says_what_a_paused_text_waits_for(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    world.limits.pause(world.clock.now_ms(), "lunch")

    fields = world.status(ident).fields

    assert fields["held_by"] == "paused"
    assert fields["history"][1]["note"] == "It waits for the end of a pause."
