"""What every store of messages promises of an acceptance, a claim and an inbound text."""

import uuid
from dataclasses import replace

import pytest

from longcode.domain.message import Entry
from longcode.domain.outcomes import Recorded
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Claim, Messages
from tests.contract.message_steps import NOW, queued, stored
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, TELNYX_ID, THEIRS, ending, make_message, make_receipt
from tests.support.places import END

# --------------------------------------------------------------------------------------------- accept


def test_an_accepted_message_is_read_back_as_it_was_stored(messages: Messages) -> None:
    message = queued(messages)

    assert stored(messages, message) == message
    assert messages.find(message.id) == message


def test_what_holds_a_message_is_read_back_as_it_was_stored(messages: Messages) -> None:
    later = {"send_at_ms": START_MS + 1, "not_before_ms": START_MS + 9_000_000, "expires_ms": START_MS + 8_000_000}
    for fields in (
        {"category": "marketing", "quiet_zones": "America/Boise,America/Los_Angeles"},
        {"category": "transactional"},
        {"quiet_zones": "Etc/GMT+5", **later},
    ):
        held = {"status": Status.HELD, "held_by": HeldBy.QUIET_HOURS} if later.keys() <= fields.keys() else {}
        message = queued(messages, **fields, **held)

        assert stored(messages, message) == message


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

    assert messages.queue_length(THEIRS, at_most=10, before=END) == 1


def test_a_second_send_with_the_same_id_gets_the_first(messages: Messages) -> None:
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
    assert messages.record(first.id, make_receipt(Status.DELIVERED), NOW).recorded is Recorded.ADVANCED

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


@pytest.mark.parametrize("status", [status for status in Status if not status.waiting])
def test_only_a_message_that_waits_can_be_claimed(messages: Messages, status: Status) -> None:
    message = make_message(status=status)
    assert messages.accept(message) is None

    claim = messages.claim(message.id, "mine", NOW)

    assert stored(messages, message) == message
    assert claim == Claim(False, message)


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
        history=(Entry(START_MS, "received", "webhook"),),
    )

    assert messages.receive(inbound)
    assert not messages.receive(replace(inbound, text="again"))

    assert stored(messages, inbound) == inbound
    assert messages.find(TELNYX_ID) == inbound


def test_a_webhook_url_comes_back_as_it_was_sent_whatever_it_ends_in(messages: Messages) -> None:
    for url in (
        "https://example.com/hooks/{id}",
        "https://example.com/hooks?id={id}",
        "https://example.com/h",
        "",
    ):
        ident = str(uuid.uuid4())
        message = make_message(id=ident, webhook_url=url.format(id=ident))
        messages.accept(message)

        assert stored(messages, message) == message
