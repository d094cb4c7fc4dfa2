"""What every queue promises, as far as moto knows SQS; its rules for groups are stated in test_fifo_rules.py."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from longcode.aws.queue import SqsQueue
from longcode.domain.errors import Unavailable
from longcode.use_cases.backlog import waiting
from longcode.use_cases.ports import Waiting
from longcode.use_cases.queue_ports import Envelope, Queue
from tests.contract.tables import create_queue
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import THEIRS, make_message
from tests.support.places import placed

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient


def test_what_is_put_is_received_once_with_its_group_and_nothing_of_its_text(queue: Queue) -> None:
    message = make_message()

    queue.put([waiting(message)])
    (envelope,) = queue.receive()

    assert (envelope.message_id, envelope.recipient, envelope.receives) == (message.id, THEIRS, 1)
    assert envelope.queue_id
    assert envelope.receipt_handle
    assert queue.receive() == []


def test_an_empty_queue_gives_nothing(queue: Queue) -> None:
    assert list(queue.receive()) == []
    assert queue.size() == 0


def test_putting_twice_is_putting_once(queue: Queue) -> None:
    message = make_message()

    queue.put([waiting(message)])
    queue.put([waiting(message)])

    assert queue.size() == 1
    assert len(queue.receive()) == 1


def test_a_recipient_queue_is_received_in_its_order(queue: Queue) -> None:
    messages = [make_message() for _ in range(5)]
    for message in messages:
        queue.put([waiting(message)])

    assert [envelope.message_id for envelope in queue.receive()] == [message.id for message in messages]


def test_at_most_ten_come_at_once(queue: Queue) -> None:
    for number in range(12):
        queue.put([waiting(make_message(recipient=f"+1202555{100 + number:04}"))])

    assert len(queue.receive()) == 10
    assert len(queue.receive()) == 2


def test_what_is_done_is_gone(queue: Queue) -> None:
    for _ in range(3):
        queue.put([waiting(make_message())])
    envelopes = queue.receive()

    queue.delete(envelopes[:2])

    assert queue.size() == 1
    queue.delete([])
    assert queue.size() == 1


def test_what_is_under_way_still_counts(queue: Queue) -> None:
    queue.put([waiting(make_message())])

    queue.receive()

    assert queue.size() == 1


def test_what_is_deferred_by_nothing_comes_again_with_its_receives_counted(queue: Queue) -> None:
    message = make_message()
    queue.put([waiting(message)])
    envelopes = queue.receive()

    queue.hide(envelopes, [0])
    (again,) = queue.receive()

    assert (again.message_id, again.receives) == (message.id, 2)


def test_what_is_deferred_stays_hidden(queue: Queue) -> None:
    queue.put([waiting(make_message())])
    envelopes = queue.receive()

    queue.hide(envelopes, [30])

    assert queue.receive() == []
    assert queue.size() == 1


def test_more_than_ten_are_deferred_and_done_at_once(queue: Queue) -> None:
    for number in range(12):
        queue.put([waiting(make_message(id=str(uuid.uuid4()), recipient=f"+1202555{100 + number:04}"))])
    envelopes = [*queue.receive(), *queue.receive()]

    queue.hide(envelopes, [60] * 12)
    queue.delete(envelopes)

    assert queue.size() == 0


# -------------------------------------------------------------------------------------------- once is once


def texts_for_one(count: int) -> list[Waiting]:
    """That many texts, each to a recipient of its own."""
    return [waiting(make_message(recipient=f"+1202555{100 + number:04}")) for number in range(count)]


def received(queue: Queue) -> list[Envelope]:
    """All that can be received now."""
    found: list[Envelope] = []
    while some := queue.receive():
        found += some
    return found


def test_more_than_ten_are_put_in_at_once_in_their_order(queue: Queue) -> None:
    texts = [waiting(make_message(accepted_ms=START_MS + number)) for number in range(23)]

    queue.put(texts)

    assert queue.size() == 23
    found: list[str | None] = []
    while some := queue.receive():
        found += [envelope.message_id for envelope in some]
        queue.delete(some)
    assert found == [text.message_id for text in texts]


def test_nothing_is_put_in_where_there_is_nothing(queue: Queue) -> None:
    queue.put([])
    queue.renew([])
    queue.hide([], [])

    assert queue.size() == 0


def test_a_text_is_once_in_the_queue_under_each_mark(queue: Queue) -> None:
    text = waiting(make_message())

    for mark in ("", "restock:1", "", "restock:1", str(text.place.ready_ms), "restock:2"):
        queue.put([text], mark)

    # No mark is the time at which it may leave.
    assert queue.size() == 3


def test_a_text_that_was_accepted_anew_is_put_in_anew(queue: Queue) -> None:
    text = waiting(make_message())

    queue.put([text])
    queue.put([replace(text, place=placed(text.place.ready_ms + 1))])

    assert queue.size() == 2


def test_what_is_renewed_is_there_once_as_if_never_received(queue: Queue) -> None:
    queue.put(texts_for_one(12))
    before = received(queue)

    queue.renew(before)

    after = received(queue)
    assert [(one.message_id, one.recipient, one.body) for one in after] == [
        (one.message_id, one.recipient, one.body) for one in before
    ]
    assert {one.receives for one in after} == {1}
    assert {one.queue_id for one in before}.isdisjoint(one.queue_id for one in after)
    assert queue.size() == 12


def test_renewing_twice_is_renewing_once(queue: Queue) -> None:
    queue.put(texts_for_one(1))
    envelopes = queue.receive()

    queue.renew(envelopes)
    queue.renew(envelopes)

    assert queue.size() == 1


def test_what_cannot_be_read_is_renewed_as_it_is(queue: Queue) -> None:
    queue.put(texts_for_one(1))
    (envelope,) = queue.receive()

    queue.renew([replace(envelope, body='{"v": 9, "id": "x"}')])

    (again,) = queue.receive()
    assert (again.body, again.newer, again.message_id) == ('{"v": 9, "id": "x"}', True, None)


# ------------------------------------------------------------- only the real queue: entries of a batch that fail


@dataclass
class Refusing:
    """A client whose batch calls take all but the entries that `refuses` picks, by number of call and entry."""

    client: "SQSClient"
    refuses: Callable[[int, int], bool]
    sender_fault: bool = False
    calls: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    # Any: whichever method of the client.
    def __getattr__(self, name: str) -> Any:
        real = getattr(self.client, name)
        return partial(self._batch, real) if name.endswith("_batch") else real

    def _batch(self, real: Callable[..., Any], QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        call = len(self.calls)
        self.calls.append(len(Entries))
        refused = [entry for number, entry in enumerate(Entries) if self.refuses(call, number)]
        taken = [entry for entry in Entries if entry not in refused]
        answer = dict(real(QueueUrl=QueueUrl, Entries=taken)) if taken else {}
        row = {"Code": "InternalError", "SenderFault": self.sender_fault}
        return answer | {"Failed": [*answer.get("Failed", []), *({"Id": entry["Id"]} | row for entry in refused)]}


Refuse = Callable[..., tuple[SqsQueue, Refusing]]


@pytest.fixture
def refusing(sqs: "SQSClient") -> Refuse:
    url = create_queue(sqs, "SendQueue")

    def make(
        refuses: Callable[[int, int], bool] = lambda *_: False, *, sender_fault: bool = False
    ) -> tuple[SqsQueue, Refusing]:
        client = Refusing(sqs, refuses, sender_fault)
        queue = SqsQueue(client, url, sleep=client.waits.append)  # type: ignore[arg-type]  # what it has of a client
        return queue, client

    return make


def test_the_group_alone_of_all_that_sqs_gets_has_the_number(sqs: "SQSClient") -> None:
    """SQS encrypts no metadata: docs/threat-model.md says what is open, and this that it is no more."""
    queue = SqsQueue(sqs, create_queue(sqs, "SendQueue"))
    sent: list[dict[str, Any]] = []
    sqs.meta.events.register("provide-client-params.sqs.SendMessageBatch", lambda params, **_: sent.append(params))

    queue.put([waiting(make_message(recipient=THEIRS))])
    queue.renew(list(queue.receive()))

    entries = [entry for params in sent for entry in params["Entries"]]
    assert [{name for name, value in entry.items() if THEIRS[1:] in str(value)} for entry in entries] == [
        {"MessageGroupId"}
    ] * 2
    assert THEIRS[1:] not in "".join(params["QueueUrl"] for params in sent)


def test_an_entry_that_was_not_taken_is_put_in_again_and_no_other(refusing: Refuse) -> None:
    queue, client = refusing(lambda call, number: call in (0, 1) and number == 0)
    texts = texts_for_one(12)

    queue.put(texts)

    assert client.calls == [10, 1, 1, 2]
    assert client.waits == [0.05, 0.1]
    assert {one.message_id for one in received(queue)} == {text.message_id for text in texts}


@pytest.mark.parametrize("sender_fault", [False, True])
def test_an_entry_that_is_never_taken_is_an_outage(refusing: Refuse, sender_fault: bool) -> None:
    queue, client = refusing(lambda _, number: number == 0, sender_fault=sender_fault)

    with pytest.raises(Unavailable, match="The queue"):
        queue.put(texts_for_one(3))

    assert client.calls == [3, 1, 1, 1]
    assert client.waits == [0.05, 0.1, 0.2]
    # The others are in: to put all of them in again does no harm.
    assert queue.size() == 2


def test_a_batch_of_which_nothing_is_taken_is_an_outage(refusing: Refuse) -> None:
    queue, client = refusing(lambda *_: True)

    with pytest.raises(Unavailable, match="The queue"):
        queue.put(texts_for_one(2))

    assert client.calls == [2, 2, 2, 2]
    assert client.waits == [0.05, 0.1, 0.2]


def test_what_could_not_be_renewed_is_not_given_up(refusing: Refuse) -> None:
    good, _ = refusing()
    good.put(texts_for_one(2))
    envelopes = received(good)
    queue, _ = refusing(lambda _, number: number == 0)

    with pytest.raises(Unavailable, match="The queue"):
        queue.renew(envelopes)

    good.hide(envelopes, [0, 0])
    assert {one.queue_id for one in envelopes} <= {one.queue_id for one in received(good)}


@pytest.mark.parametrize("call", ["hide", "delete"])
def test_what_fails_to_be_hidden_or_deleted_is_tried_again(refusing: Refuse, call: str) -> None:
    good, _ = refusing()
    good.put(texts_for_one(12))
    envelopes = received(good)
    queue, client = refusing(lambda call, number: call == 0 and number < 4)

    if call == "hide":
        queue.hide(envelopes, [0] * 12)
        assert {one.receives for one in received(good)} == {2}
    else:
        queue.delete(envelopes)
        assert good.size() == 0

    assert client.calls == [10, 4, 2]
    assert client.waits == [0.05]


@pytest.mark.parametrize("call", ["hide", "delete"])
def test_what_always_fails_to_be_hidden_or_deleted_is_an_outage(refusing: Refuse, call: str) -> None:
    good, _ = refusing()
    good.put(texts_for_one(2))
    envelopes = received(good)
    queue, _ = refusing(lambda *_: True)

    with pytest.raises(Unavailable, match="The queue"):
        queue.delete(envelopes) if call == "delete" else queue.hide(envelopes, [0, 0])

    assert good.size() == 2


@pytest.mark.parametrize("call", ["hide", "delete"])
def test_a_handle_that_is_no_longer_good_is_left_at_that(refusing: Refuse, call: str) -> None:
    good, _ = refusing()
    good.put(texts_for_one(3))
    envelopes = received(good)
    queue, client = refusing(lambda _, number: number == 1, sender_fault=True)

    queue.delete(envelopes) if call == "delete" else queue.hide(envelopes, [0, 0, 0])

    assert client.calls == [3]
    assert good.size() == (1 if call == "delete" else 3)
