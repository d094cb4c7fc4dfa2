"""What every log of deliveries and every delivery queue promises, also to several who write at once."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from longcode.aws.deliveries import DynamoDeliveryLog
from longcode.aws.delivery_queue import SqsDeliveryQueue, received
from longcode.domain import deliveries
from longcode.domain.deliveries import DAY_MS, Attempt, Delivery, DeliveryState, QueuedEvent
from longcode.domain.events import PublishResult
from longcode.use_cases.delivery_ports import DeliveryLog, DeliveryPage, DeliveryQueue, Received
from tests.contract.tables import create_queue, create_table
from tests.support import interleave
from tests.support.fakes import FakeClock, FakeDeliveryLog, FakeDeliveryQueue
from tests.support.fakes.clock import START_MS
from tests.support.interleave import Run, Trial

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_sqs.client import SQSClient

SUBSCRIPTION = "whs_" + "s" * 22
_numbers = itertools.count(1)


def queued(at_ms: int = START_MS, **changes: Any) -> QueuedEvent:
    """An event of its own."""
    ident = deliveries.event_id(at_ms, f"e-{next(_numbers)}", "sms.received")
    fields = {"type": "sms.received", "group": "g", "data": '{"at":"caf\\u00e9"}', "message_id": "m-1"} | changes
    return QueuedEvent(SUBSCRIPTION, ident, **fields)


def attempt(number: int = 0, status: int | None = 503) -> Attempt:
    return Attempt(START_MS + number, status, None if status else "timed out", 12)


def delivery(state: DeliveryState = DeliveryState.RETRYING, at_ms: int = START_MS, **changes: Any) -> Delivery:
    return Delivery(queued(at_ms, **changes), state, (attempt(), attempt(1, None)), START_MS + 5)


def key(one: Delivery) -> tuple[str, str]:
    return one.event.subscription_id, one.event.event_id


@pytest.fixture(params=["fake", "dynamodb"])
def log(request: pytest.FixtureRequest) -> DeliveryLog:
    if request.param == "fake":
        return FakeDeliveryLog()
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    return DynamoDeliveryLog(client, create_table(client, "WebhooksTable"), sleep=lambda _: None)


def test_what_is_saved_is_there_as_it_was(log: DeliveryLog) -> None:
    one = delivery()
    other = delivery(DeliveryState.GAVE_UP, message_id=None, data="{}")
    other = replace(other, next_attempt_ms=None, attempts=())
    assert log.get([key(one)]) == {}
    assert log.get([]) == {}
    assert log.save(one, None) is None
    assert log.save(other, None) is None

    assert log.get([key(one), key(other), key(delivery())]) == {key(one): one, key(other): other}


def test_one_that_changed_meanwhile_is_returned_and_left_as_it_is(log: DeliveryLog) -> None:
    first = delivery()
    second = deliveries.noted(first.event, first, attempt(9, 200), DeliveryState.DELIVERED)
    third = deliveries.noted(first.event, first, attempt(10), DeliveryState.RETRYING, START_MS + 99)
    assert log.save(first, None) is None
    # Once more, as where the answer was lost.
    assert log.save(first, None) is None
    assert log.save(second, first) is None
    assert log.save(second, first) is None

    assert log.save(third, first) == second
    assert log.save(first, None) == second
    assert log.get([key(first)]) == {key(first): second}


def test_what_went_by_its_age_is_written_anew(log: DeliveryLog) -> None:
    before = delivery()
    after = deliveries.noted(before.event, before, attempt(9, 200), DeliveryState.DELIVERED)

    assert log.save(after, before) is None

    assert log.get([key(before)]) == {key(before): after}


def pages(log: DeliveryLog, since_ms: int, until_ms: int, at_most: int, **how: Any) -> list[DeliveryPage]:
    """Every page."""
    found: list[DeliveryPage] = []
    after = None
    wanted = {"newest_first": True, "state": None} | how
    while not found or after:
        found.append(log.page(SUBSCRIPTION, since_ms, until_ms, after=after, at_most=at_most, **wanted))
        after = found[-1].after
        assert len(found) < 50
    return found


def of(found: Sequence[DeliveryPage]) -> list[Delivery]:
    return [one for page in found for one in page.deliveries]


def test_pages_go_over_days_in_either_order_and_have_each_once(log: DeliveryLog) -> None:
    begin = START_MS - START_MS % DAY_MS
    states = itertools.cycle(DeliveryState)
    kept = [delivery(next(states), begin + number * DAY_MS // 3) for number in range(9)]
    # Two at one moment, and one of another subscription.
    kept.append(delivery(next(states), begin))
    for one in kept:
        assert log.save(one, None) is None
    elsewhere = delivery()
    assert log.save(replace(elsewhere, event=replace(elsewhere.event, subscription_id="whs_other")), None) is None
    kept.sort(key=lambda one: one.event.event_id)

    for at_most in (1, 2, 3, 10, 100):
        for newest_first in (True, False):
            wanted = kept[::-1] if newest_first else kept
            found = pages(log, begin, begin + 3 * DAY_MS, at_most, newest_first=newest_first)
            assert of(found) == wanted
            assert all(len(page.deliveries) <= at_most for page in found)
    for state in DeliveryState:
        found = pages(log, begin, begin + 3 * DAY_MS, 2, state=state)
        assert of(found) == [one for one in kept[::-1] if one.state is state]
    # From a moment on, and before another.
    since, until = begin + DAY_MS // 3, begin + 5 * DAY_MS // 3
    wanted = [one for one in kept[::-1] if since <= deliveries.event_ms(one.event.event_id) < until]
    assert of(pages(log, since, until, 2)) == wanted
    assert of(pages(log, begin + 1, begin + 2, 2)) == []


@pytest.mark.parametrize("kind", ["fake", "dynamodb"])
def test_of_two_who_note_at_once_neither_is_lost(kind: str, request: pytest.FixtureRequest) -> None:
    made: dict[str, Any] = {}

    def make() -> Trial:
        client = request.getfixturevalue("dynamodb") if kind == "dynamodb" else None
        log: DeliveryLog = FakeDeliveryLog()
        if client:
            log = DynamoDeliveryLog(client, create_table(client, "WebhooksTable"), sleep=lambda _: None)
        event = made.setdefault("event", queued())

        def note(number: int) -> Callable[[], None]:
            def job() -> None:
                known = None
                for _ in range(3):
                    after = deliveries.noted(event, known, attempt(number), DeliveryState.RETRYING)
                    if (found := log.save(after, known)) is None:
                        return
                    known = found
                raise AssertionError("not written")

            return job

        def check(_: Run) -> None:
            (found,) = log.get([(SUBSCRIPTION, event.event_id)]).values()
            assert {one.at_ms for one in found.attempts} == {START_MS + 1, START_MS + 2}

        return [note(1), note(2)], check

    if kind == "dynamodb":
        with interleave.stopping(request.getfixturevalue("dynamodb")):
            interleave.every(make)
    else:
        interleave.every(make)


# ------------------------------------------------------------------------------------------ the queue


@pytest.fixture(params=["fake", "sqs"])
def queue(request: pytest.FixtureRequest) -> tuple[DeliveryQueue, Callable[[], list[QueuedEvent]]]:
    if request.param == "fake":
        fake = FakeDeliveryQueue(FakeClock())
        inner = fake.queue
        return fake, lambda: [one.event for s in inner.take() if (one := received(inner.record(s))).event]
    client: SQSClient = request.getfixturevalue("sqs")
    url = create_queue(client, "DeliveryQueue")

    def take() -> list[QueuedEvent]:
        found = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        ).get("Messages", [])
        # As Lambda names them.
        rows = [{name[:1].lower() + name[1:]: value for name, value in dict(row).items()} for row in found]
        return [one.event for row in rows if (one := received(row)).event]

    return SqsDeliveryQueue(client, url, sleep=lambda _: None), take


def test_what_is_put_is_received_as_it_was_and_twice_is_once(
    queue: tuple[DeliveryQueue, Callable[[], list[QueuedEvent]]],
) -> None:
    put, take = queue
    events = [queued(group=group) for group in "abcabd"] + [queued(message_id=None, group="e", replay="r-1")]

    assert put.put(events) == PublishResult(7)
    assert put.put(events) == PublishResult(7)
    assert put.put([]) == PublishResult(0)

    found = take()
    assert sorted(found, key=lambda one: one.event_id) == sorted(events, key=lambda one: one.event_id)
    for group in "ab":
        assert [one for one in found if one.group == group] == [one for one in events if one.group == group]


def test_a_replay_is_another_message(queue: tuple[DeliveryQueue, Callable[[], list[QueuedEvent]]]) -> None:
    put, take = queue
    event = queued()
    again = [replace(event, replay="r-1"), replace(event, replay="r-2")]
    put.put([event, *again, *again])

    assert take() == [event, *again]


class Sqs:
    """SQS's rules for SendMessageBatch; refuses bodies of the groups in `refuse`, so many times each."""

    def __init__(self, **refuse: int) -> None:
        self.refuse = refuse
        self.groups: list[list[str]] = []
        self.sent: list[str] = []
        self.waits: list[float] = []
        self.fails: list[Exception] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert QueueUrl
        assert 1 <= len(Entries) <= 10
        assert sum(len(entry["MessageBody"]) for entry in Entries) <= 256 * 1024
        if self.fails:
            raise self.fails.pop()
        self.groups.append([entry["MessageGroupId"] for entry in Entries])
        failed = []
        for entry in Entries:
            if self.refuse.get(entry["MessageGroupId"], 0):
                self.refuse[entry["MessageGroupId"]] -= 1
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
            else:
                self.sent.append(entry["MessageDeduplicationId"].split(":")[1])
        return {"Failed": failed}


def test_after_a_refusal_nothing_more_of_its_group_is_sent() -> None:
    events = [queued(group=group) for group in "abbab"]
    for refusals, taken in ((2, 5), (4, 1)):
        sqs: Any = Sqs(b=refusals)
        answer = SqsDeliveryQueue(sqs, "url", sleep=sqs.waits.append).put(events)

        assert answer.taken == taken
        assert bool(answer.fault) is (taken < 5)
        of_b = [event.event_id for event in events if event.group == "b" and event.event_id in sqs.sent]
        assert [ident for ident in sqs.sent if ident in of_b] == of_b
        assert len(of_b) == (3 if taken == 5 else 0)
        assert all(len(groups) == len(set(groups)) for groups in sqs.groups)


def test_large_events_are_spread_over_calls_and_a_queue_out_of_reach_says_how_far_it_came() -> None:
    sqs: Any = Sqs()
    large = [queued(group=f"g-{number}", data="x" * 100_000) for number in range(5)]
    assert SqsDeliveryQueue(sqs, "url").put(large) == PublishResult(5)
    assert [len(groups) for groups in sqs.groups] == [2, 2, 1]

    sqs.fails = [EndpointConnectionError(endpoint_url="https://sqs.invalid")]
    assert SqsDeliveryQueue(sqs, "url").put(large) == PublishResult(0, "The delivery queue")


def test_what_is_not_hidden_is_hidden_again_unless_its_handle_is_no_longer_good() -> None:
    asked: list[list[str]] = []

    class Client:
        def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:
            assert QueueUrl
            asked.append([f"{entry['ReceiptHandle']}={entry['VisibilityTimeout']}" for entry in Entries])
            rows = [("a", False), ("b", True)] if len(asked) == 1 else []
            ids = {entry["ReceiptHandle"]: entry["Id"] for entry in Entries}
            return {"Failed": [{"Id": ids[name], "SenderFault": fault} for name, fault in rows]}

    client: Any = Client()
    rows = [Received(None, "g", "q", handle, 1, 0) for handle in "abc"]
    SqsDeliveryQueue(client, "url", sleep=lambda _: None).hide(rows, 35)

    assert asked == [["a=35", "b=35", "c=35"], ["a=35"]]
