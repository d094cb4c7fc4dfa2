"""What every store of messages promises of receipts: late, doubled and out of order."""

import itertools
import uuid
from decimal import Decimal

import pytest

from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.message import Entry, Fault, Message
from longcode.domain.outcomes import Recorded, Recording
from longcode.domain.status import Status
from longcode.use_cases.ports import Messages
from tests.contract.message_steps import NOW, claimed, released, stored, unknown
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OTHER_TELNYX_ID, TELNYX_ID, THEIRS, accepted, make_message, make_receipt
from tests.support.places import END


def test_a_receipt_moves_the_status_and_keeps_what_it_says(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)
    spam = Fault("40002", "Blocked as spam", "Temporary.")
    receipt = make_receipt(
        Status.DELIVERY_FAILED, "e-1", faults=(spam,), parts=2, cost="0.0051", currency="USD", completed_ms=NOW + 7
    )

    assert messages.record(message.id, receipt, NOW + 9).recorded is Recorded.ADVANCED

    found = stored(messages, message)
    assert (found.status, found.updated_ms, found.faults) == (Status.DELIVERY_FAILED, NOW + 9, (spam,))
    assert (found.parts, found.cost, found.currency) == (2, Decimal("0.0051"), "USD")
    assert found.completed_ms == NOW + 7
    assert found.history[-1] == Entry(START_MS + 5_000, "delivery_failed", "webhook", faults=(spam,))


def test_what_was_read_from_the_providers_records_is_no_webhook(messages: Messages) -> None:
    message = claimed(messages)

    messages.record(message.id, make_receipt(Status.SENT, source="reconciler"), NOW)
    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)

    assert [entry.source for entry in stored(messages, message).history[-2:]] == ["reconciler", "webhook"]


def test_the_same_event_is_kept_once(messages: Messages) -> None:
    message = claimed(messages)
    receipt = make_receipt(Status.DELIVERED)
    messages.record(message.id, receipt, NOW)
    before = stored(messages, message)

    assert messages.record(message.id, receipt, NOW + 1).recorded is Recorded.DUPLICATE

    assert stored(messages, message) == before


def test_the_same_event_with_another_id_of_the_provider_leads_nowhere(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED, "e-1"), NOW)

    again = make_receipt(Status.DELIVERED, "e-1", telnyx_id=OTHER_TELNYX_ID)
    assert messages.record(message.id, again, NOW).recorded is Recorded.DUPLICATE

    assert messages.find(OTHER_TELNYX_ID) is None


def test_a_late_event_that_was_kept_is_kept_once_too(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)
    late = make_receipt(Status.SENT)
    assert messages.record(message.id, late, NOW).recorded is Recorded.KEPT
    before = stored(messages, message)

    assert messages.record(message.id, late, NOW).recorded is Recorded.DUPLICATE

    assert stored(messages, message) == before
    assert [entry.status for entry in before.history] == ["delivered", "sent"]


def test_an_event_with_no_news_is_kept_once_too(messages: Messages) -> None:
    message = claimed(messages)
    receipt = make_receipt(None, "e-1", word="queued")
    messages.record(message.id, receipt, NOW)
    before = stored(messages, message)

    assert messages.record(message.id, receipt, NOW).recorded is Recorded.DUPLICATE

    assert stored(messages, message) == before


def test_a_receipt_of_another_text_of_the_provider_changes_nothing(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(), NOW)
    before = stored(messages, message)

    answer = messages.record(message.id, make_receipt(Status.DELIVERED, telnyx_id=OTHER_TELNYX_ID), NOW)

    assert stored(messages, message) == before
    assert messages.find(OTHER_TELNYX_ID) is None
    assert answer.recorded is Recorded.FOREIGN


def test_a_late_receipt_of_another_text_is_foreign_too(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)
    before = stored(messages, message)

    assert (
        messages.record(message.id, make_receipt(Status.SENT, telnyx_id=OTHER_TELNYX_ID), NOW).recorded
        is Recorded.FOREIGN
    )

    assert stored(messages, message) == before


def test_a_receipt_for_an_id_that_does_not_exist_stores_nothing(messages: Messages) -> None:
    ident = str(uuid.uuid4())

    assert messages.record(ident, make_receipt(Status.DELIVERED), NOW).recorded is Recorded.MISSING
    assert messages.record(ident, make_receipt(None), NOW).recorded is Recorded.MISSING

    assert messages.get(ident) is None
    assert messages.find(TELNYX_ID) is None


def test_a_receipt_before_the_answer_teaches_the_providers_id(messages: Messages) -> None:
    message = claimed(messages)

    assert messages.record(message.id, make_receipt(Status.SENT), NOW).recorded is Recorded.ADVANCED

    assert stored(messages, message).telnyx_id == TELNYX_ID
    assert messages.find(TELNYX_ID) == stored(messages, message)


def test_a_receipt_with_no_news_is_kept_in_the_history(messages: Messages) -> None:
    message = claimed(messages)

    assert messages.record(message.id, make_receipt(None, "e-1", word="queued"), NOW).recorded is Recorded.KEPT

    found = stored(messages, message)
    assert found.status is Status.SENDING
    assert found.history[-1].status == "queued"
    assert messages.find(TELNYX_ID) == found


def test_a_receipt_that_does_not_name_the_providers_id_is_kept_and_teaches_none(messages: Messages) -> None:
    message = unknown(messages)

    assert (
        messages.record(message.id, make_receipt(Status.SENT, "e-1", telnyx_id=""), NOW).recorded
        is Recorded.ADVANCED
    )
    assert (
        messages.record(message.id, make_receipt(Status.SENT, "e-1", telnyx_id=""), NOW).recorded
        is Recorded.DUPLICATE
    )
    assert (
        messages.record(message.id, make_receipt(Status.SENT, "e-2", telnyx_id=""), NOW).recorded is Recorded.KEPT
    )
    assert messages.record(message.id, make_receipt(Status.DELIVERED, "e-3"), NOW).recorded is Recorded.ADVANCED
    assert messages.record(message.id, make_receipt(None, "e-4", telnyx_id=""), NOW).recorded is Recorded.KEPT

    found = stored(messages, message)
    assert (found.status, found.telnyx_id) == (Status.DELIVERED, TELNYX_ID)
    assert [entry.status for entry in found.history if entry.source == "webhook"] == [
        "sent",
        "sent",
        "delivered",
        "queued",
    ]


def test_a_receipt_keeps_the_note_that_explains_it(messages: Messages) -> None:
    message = claimed(messages)

    messages.record(message.id, make_receipt(None, word="brand_new", note="An unknown word."), NOW)

    assert stored(messages, message).history[-1].note == "An unknown word."


def test_what_a_text_came_to_is_learnt_after_its_end_and_not_changed_then(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED, parts=2), NOW)

    bill = make_receipt(Status.DELIVERED, parts=3, cost="0.0051", currency="USD", completed_ms=NOW)
    assert messages.record(message.id, bill, NOW).recorded is Recorded.KEPT
    again = make_receipt(Status.DELIVERED, cost="9", currency="EUR", completed_ms=NOW + 9)
    assert messages.record(message.id, again, NOW).recorded is Recorded.KEPT

    found = stored(messages, message)
    assert (found.parts, found.cost, found.currency) == (2, Decimal("0.0051"), "USD")
    assert found.completed_ms == NOW


ATT = Subscription(Carrier.ATT, "wireless", NOW)
T_MOBILE = Subscription(Carrier.T_MOBILE, "", NOW)


def carrier(messages: Messages, message: Message) -> tuple[str | None, str | None]:
    found = stored(messages, message)
    return found.carrier, found.line_type


def test_the_answer_and_each_receipt_that_is_news_name_the_carrier(messages: Messages) -> None:
    message = claimed(messages)
    assert carrier(messages, message) == (None, None)

    messages.submitted(message, accepted(subscription=ATT), NOW)
    assert carrier(messages, message) == ("att", "wireless")
    messages.record(message.id, make_receipt(Status.SENT), NOW)
    assert carrier(messages, message) == ("att", "wireless")
    messages.record(message.id, make_receipt(Status.DELIVERED, subscription=T_MOBILE), NOW)
    assert carrier(messages, message) == ("t_mobile", "")


@pytest.mark.parametrize(
    "line", ["wireless", "", "voip", "pre-paid wireless", "wire less", "\N{WAVING HAND SIGN}"]
)
def test_any_kind_of_line_is_kept_as_it_was_said(messages: Messages, line: str) -> None:
    message, other = claimed(messages), claimed(messages)
    named = Subscription(Carrier.US_CELLULAR, line, NOW)
    inbound = make_message(direction="inbound", status=Status.RECEIVED, carrier="us_cellular", line_type=line)

    messages.submitted(message, accepted(subscription=named), NOW)
    messages.record(other.id, make_receipt(Status.DELIVERED, subscription=named), NOW)
    messages.receive(inbound)

    for one in (message, other, inbound):
        assert carrier(messages, one) == ("us_cellular", line)


def test_an_answer_that_names_no_carrier_leaves_the_one_that_is_known(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(None, subscription=T_MOBILE), NOW)

    messages.submitted(message, accepted(), NOW)

    assert carrier(messages, message) == ("t_mobile", "")


def test_a_receipt_that_is_no_news_names_the_carrier_only_where_none_is_known(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)

    messages.record(message.id, make_receipt(Status.SENT, subscription=T_MOBILE), NOW)
    assert carrier(messages, message) == ("t_mobile", "")
    messages.record(message.id, make_receipt(Status.EXPIRED, subscription=ATT), NOW)
    assert carrier(messages, message) == ("t_mobile", "")


def test_a_receipt_that_is_not_kept_names_nothing(messages: Messages) -> None:
    message = claimed(messages)
    messages.record(message.id, make_receipt(Status.SENT, "e-1"), NOW)

    messages.record(message.id, make_receipt(Status.SENT, "e-1", subscription=ATT), NOW)
    foreign = make_receipt(Status.DELIVERED, telnyx_id=OTHER_TELNYX_ID, subscription=ATT)
    messages.record(message.id, foreign, NOW)

    assert carrier(messages, message) == (None, None)


def test_a_receipt_gives_its_message_as_it_was_before(messages: Messages) -> None:
    message = claimed(messages)
    messages.submitted(message, accepted(subscription=ATT), NOW)
    steps = [
        (make_receipt(Status.DELIVERED, "e-1", subscription=T_MOBILE), Recorded.ADVANCED),
        (make_receipt(Status.SENT, "e-2"), Recorded.KEPT),
        (make_receipt(Status.SENT, "e-2"), Recorded.DUPLICATE),
        (make_receipt(Status.DELIVERED, "e-3", telnyx_id=OTHER_TELNYX_ID), Recorded.FOREIGN),
    ]

    for receipt, recorded in steps:
        before = stored(messages, message)
        assert messages.record(message.id, receipt, NOW + 5) == Recording(recorded, before)

    nowhere = messages.record(str(uuid.uuid4()), make_receipt(Status.SENT), NOW)
    assert nowhere == Recording(Recorded.MISSING)


def test_a_receipt_of_an_unclear_send_settles_it(messages: Messages) -> None:
    message = unknown(messages)

    assert messages.record(message.id, make_receipt(Status.DELIVERED), NOW).recorded is Recorded.ADVANCED

    assert stored(messages, message).status is Status.DELIVERED
    assert stored(messages, message).faults == ()


def test_a_final_receipt_of_a_text_that_was_put_back_takes_it_from_the_recipient_queue(messages: Messages) -> None:
    message = claimed(messages)
    released(messages, message)

    messages.record(message.id, make_receipt(Status.DELIVERED), NOW)

    assert messages.queue_length(THEIRS, at_most=10, before=END) == 0
    assert not messages.claim(message.id, "another", NOW).won


def test_any_receipt_of_a_text_that_was_put_back_takes_it_from_the_recipient_queue(messages: Messages) -> None:
    message = claimed(messages)
    released(messages, message)

    messages.record(message.id, make_receipt(Status.SENT), NOW)

    assert messages.queue_length(THEIRS, at_most=10, before=END) == 0
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
