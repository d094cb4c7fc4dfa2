"""What every queue promises, as far as moto knows SQS; its rules for groups are stated in test_fifo_rules.py."""

import uuid

from longcode.backlog import waiting
from longcode.ports import Outbox
from tests.fakes.examples import THEIRS, make_message


def test_what_is_put_is_received_once_with_its_group_and_nothing_of_its_text(outbox: Outbox) -> None:
    message = make_message()

    outbox.put([waiting(message)])
    (envelope,) = outbox.receive()

    assert (envelope.message_id, envelope.recipient, envelope.receives) == (message.id, THEIRS, 1)
    assert envelope.queue_id
    assert envelope.receipt_handle
    assert outbox.receive() == []


def test_an_empty_queue_gives_nothing(outbox: Outbox) -> None:
    assert list(outbox.receive()) == []
    assert outbox.size() == 0


def test_putting_twice_is_putting_once(outbox: Outbox) -> None:
    message = make_message()

    outbox.put([waiting(message)])
    outbox.put([waiting(message)])

    assert outbox.size() == 1
    assert len(outbox.receive()) == 1


def test_a_line_is_received_in_its_order(outbox: Outbox) -> None:
    messages = [make_message() for _ in range(5)]
    for message in messages:
        outbox.put([waiting(message)])

    assert [envelope.message_id for envelope in outbox.receive()] == [message.id for message in messages]


def test_at_most_ten_come_at_once(outbox: Outbox) -> None:
    for number in range(12):
        outbox.put([waiting(make_message(recipient=f"+1202555{100 + number:04}"))])

    assert len(outbox.receive()) == 10
    assert len(outbox.receive()) == 2


def test_what_is_done_is_gone(outbox: Outbox) -> None:
    for _ in range(3):
        outbox.put([waiting(make_message())])
    envelopes = outbox.receive()

    outbox.done(envelopes[:2])

    assert outbox.size() == 1
    outbox.done([])
    assert outbox.size() == 1


def test_what_is_under_way_still_counts(outbox: Outbox) -> None:
    outbox.put([waiting(make_message())])

    outbox.receive()

    assert outbox.size() == 1


def test_what_is_deferred_by_nothing_comes_again_with_its_receives_counted(outbox: Outbox) -> None:
    message = make_message()
    outbox.put([waiting(message)])
    envelopes = outbox.receive()

    outbox.defer(envelopes, [0])
    (again,) = outbox.receive()

    assert (again.message_id, again.receives) == (message.id, 2)


def test_what_is_deferred_stays_hidden(outbox: Outbox) -> None:
    outbox.put([waiting(make_message())])
    envelopes = outbox.receive()

    outbox.defer(envelopes, [30])

    assert outbox.receive() == []
    assert outbox.size() == 1


def test_more_than_ten_are_deferred_and_done_at_once(outbox: Outbox) -> None:
    for number in range(12):
        outbox.put([waiting(make_message(id=str(uuid.uuid4()), recipient=f"+1202555{100 + number:04}"))])
    envelopes = [*outbox.receive(), *outbox.receive()]

    outbox.defer(envelopes, [60] * 12)
    outbox.done(envelopes)

    assert outbox.size() == 0
