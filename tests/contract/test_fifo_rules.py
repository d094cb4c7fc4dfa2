"""SQS's FIFO rules and those of Lambda's mapping, as the fake states them; the deployed stack is held to the same.

Sources: Amazon SQS developer guide (FIFO delivery logic, visibility timeout, exactly-once processing) and AWS
Lambda developer guide (SQS, partial batch responses).
"""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.aws.queue import envelope
from tests.support.fakes import FakeClock, FakeQueue, Mapping
from tests.support.fakes.fault_injector import Died
from tests.support.fakes.queue import DEDUPLICATION_MS
from tests.support.fakes.shelf import Stored

A, B, C = "+12025550101", "+12025550102", "+12025550103"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> FakeQueue:
    return FakeQueue(clock, visibility_ms=360_000, max_receives=3)


def fill(queue: FakeQueue, *bodies: str) -> None:
    """Append bodies like "a1": the letter is the group."""
    for body in bodies:
        queue.append(body, {"a": A, "b": B, "c": C}[body[0]], body)


def bodies(stored: Sequence[Stored]) -> list[str]:
    return [message.body for message in stored]


def change(queue: FakeQueue, stored: Sequence[Stored], *delays_s: int) -> None:
    queue.hide([envelope(queue.record(message)) for message in stored], delays_s)


def test_a_receive_takes_as_much_of_one_group_as_it_can_and_then_of_the_next(queue: FakeQueue) -> None:
    fill(queue, "a1", "b1", "a2", "c1", "b2")

    assert bodies(queue.take()) == ["a1", "a2", "b1", "b2", "c1"]


def test_while_one_of_a_group_is_in_flight_no_later_one_is_delivered(queue: FakeQueue) -> None:
    fill(queue, "a1", "b1")
    queue.take(at_most=1)
    fill(queue, "a2")

    assert bodies(queue.take()) == ["b1"]


def test_a_group_goes_on_when_what_was_in_flight_is_deleted(queue: FakeQueue) -> None:
    fill(queue, "a1", "a2")
    first = queue.take(at_most=1)

    queue.delete_handles([first[0].handle])

    assert bodies(queue.take()) == ["a2"]


def test_after_the_visibility_timeout_a_group_comes_again_in_its_order(queue: FakeQueue, clock: FakeClock) -> None:
    fill(queue, "a1", "a2", "a3")
    queue.take()

    clock.pass_ms(359_999)
    assert queue.take() == []
    clock.pass_ms(1)
    assert bodies(queue.take()) == ["a1", "a2", "a3"]


def test_a_group_comes_in_order_up_to_the_first_that_is_hidden(queue: FakeQueue, clock: FakeClock) -> None:
    fill(queue, "a1", "a2", "a3")
    change(queue, queue.take(), 1, 30, 1)

    clock.pass_ms(1_000)

    assert bodies(queue.take()) == ["a1"]
    assert bodies(queue.take()) == []


def test_what_is_left_visible_behind_a_hidden_head_waits_for_it(queue: FakeQueue, clock: FakeClock) -> None:
    fill(queue, "a1", "a2")
    change(queue, queue.take(), 30, 0)

    assert queue.take() == []
    clock.pass_ms(30_000)
    assert bodies(queue.take()) == ["a1", "a2"]


def test_a_queue_may_also_keep_back_a_whole_group_while_any_of_it_is_hidden(clock: FakeClock) -> None:
    queue = FakeQueue(clock, whole_groups=True)
    fill(queue, "a1", "a2", "b1")
    change(queue, queue.take(), 1, 30, 1)

    clock.pass_ms(1_000)
    assert bodies(queue.take()) == ["b1"]
    clock.pass_ms(29_000)
    assert bodies(queue.take()) == ["a1", "a2"]


def test_what_is_deleted_stood_in_the_way_until_then(queue: FakeQueue, clock: FakeClock) -> None:
    fill(queue, "a1", "a2")
    start = clock.now
    first = queue.take(at_most=1)
    clock.now = start + 500
    queue.delete_handles([first[0].handle])

    clock.now = start + 499
    assert queue.take() == []
    assert queue.next_visible_ms() == start + 500
    clock.now = start + 500
    assert bodies(queue.take()) == ["a2"]


def test_a_handle_is_good_for_the_latest_receive_only(queue: FakeQueue, clock: FakeClock) -> None:
    fill(queue, "a1")
    (stored,) = queue.take()
    old = stored.handle
    clock.pass_ms(360_000)
    queue.take()

    queue.delete_handles([old])

    assert queue.size() == 1


def test_a_handle_is_good_for_nothing_once_the_message_is_visible_again(
    queue: FakeQueue, clock: FakeClock
) -> None:
    fill(queue, "a1")
    taken = queue.take()
    clock.pass_ms(360_000)

    queue.delete_handles([taken[0].handle])
    change(queue, taken, 30)

    assert bodies(queue.take()) == ["a1"]


def test_nothing_is_hidden_for_more_than_twelve_hours_from_its_receive(queue: FakeQueue, clock: FakeClock) -> None:
    fill(queue, "a1")
    taken = queue.take()
    clock.pass_ms(1_000)

    change(queue, taken, 43_200)
    clock.pass_ms(359_000)

    assert bodies(queue.take()) == ["a1"]


def test_a_second_copy_within_five_minutes_is_dropped_also_after_the_first_is_gone(
    queue: FakeQueue, clock: FakeClock
) -> None:
    fill(queue, "a1")
    queue.delete_handles([queue.take()[0].handle])
    clock.pass_ms(DEDUPLICATION_MS - 1)

    assert queue.append("again", A, "a1") is None
    assert queue.size() == 0

    clock.pass_ms(1)
    assert queue.append("again", A, "a1")
    assert bodies(queue.take()) == ["again"]


def test_the_same_deduplication_id_in_another_group_is_another_message(queue: FakeQueue) -> None:
    assert queue.append("one", A, "same")
    assert queue.append("two", B, "same")

    assert bodies(queue.take()) == ["one", "two"]


def test_a_message_received_too_often_goes_to_the_dead_letters_and_lets_its_group_go_on(
    queue: FakeQueue, clock: FakeClock
) -> None:
    fill(queue, "a1")
    for receives in (1, 2, 3):
        (stored,) = queue.take()
        assert stored.receives == receives
        clock.pass_ms(360_000)
    fill(queue, "a2")

    taken = queue.take()

    assert bodies(queue.dead) == ["a1"]
    assert bodies(taken) == ["a2"]


def test_a_redrive_puts_the_dead_letters_back_in_their_order_and_counts_anew(
    queue: FakeQueue, clock: FakeClock
) -> None:
    fill(queue, "a1", "a2", "b1")
    for _ in range(4):
        queue.take()
        clock.pass_ms(360_000)
    assert bodies(queue.dead) == ["a1", "a2", "b1"]

    queue.redrive()

    taken = queue.take()
    assert queue.dead == []
    assert bodies(taken) == ["a1", "a2", "b1"]
    assert {stored.receives for stored in taken} == {1}


def test_a_duplicate_delivery_stands_behind_its_original(queue: FakeQueue) -> None:
    ident = "40385f64-5717-4562-b3fc-000000000001"
    queue.append(f'{{"v":1,"id":"{ident}"}}', A, ident)

    queue.duplicate(ident)

    first, second = queue.take()
    assert first.body == second.body
    assert first.queue_id != second.queue_id


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["delete", "hide", "leave"])), max_size=25
    )
)
def test_no_group_is_ever_overtaken(plan: list[tuple[str, str]]) -> None:
    clock = FakeClock()
    queue = FakeQueue(clock, visibility_ms=60_000)
    fill(queue, *(f"{group}{number:02}" for number, (group, _) in enumerate(plan)))
    fate = {f"{group}{number:02}": what for number, (group, what) in enumerate(plan)}
    gone: list[str] = []
    for _ in range(100):
        taken = queue.take()
        stopped: set[str] = set()
        for stored in taken:
            if stored.group in stopped:
                continue
            what = fate[stored.body] if stored.receives == 1 else "delete"
            if what == "delete":
                queue.delete_handles([stored.handle])
                gone.append(stored.body)
            else:
                stopped.add(stored.group)
                if what == "hide":
                    tail = [other for other in taken if other.group == stored.group and other in queue.stored]
                    change(queue, tail, *[5] * len(tail))
        clock.pass_ms(5_000)

    for group in "abc":
        assert [body for body in gone if body[0] == group] == sorted(body for body in fate if body[0] == group)


# ------------------------------------------------------------------------------------------- the mapping


class Consumer:
    """A consumer that answers as planned and takes 100 ms."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.events: list[Any] = []
        self.fails: set[str] = set()
        self.answer: Any = None

    def __call__(self, event: Any, context: Any) -> Any:
        self.events.append(event)
        self.clock.pass_ms(100)
        if isinstance(self.answer, BaseException):
            raise self.answer
        if self.answer is not None:
            return self.answer
        named = [record["messageId"] for record in event["Records"] if record["body"] in self.fails]
        return {"batchItemFailures": [{"itemIdentifier": ident} for ident in named]}


@pytest.fixture
def consumer(clock: FakeClock) -> Consumer:
    return Consumer(clock)


def left(queue: FakeQueue) -> list[str]:
    return bodies(queue.stored)


def test_what_an_answer_does_not_name_is_deleted(queue: FakeQueue, consumer: Consumer) -> None:
    fill(queue, "a1", "b1")
    consumer.fails = {"b1"}

    Mapping(queue, consumer).poll()

    assert left(queue) == ["b1"]


def test_a_message_behind_a_failed_one_is_deleted_too_if_it_is_not_named(
    queue: FakeQueue, consumer: Consumer
) -> None:
    fill(queue, "a1", "a2")
    consumer.fails = {"a1"}

    Mapping(queue, consumer).poll()

    assert left(queue) == ["a1"]


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("crashed"),
        Died(),
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemidentifier": "x"}]},
        {"batchItemFailures": [{"itemIdentifier": "not in the batch"}]},
        {"batchItemFailures": "no list"},
        "no object",
    ],
    ids=repr,
)
def test_a_crash_or_a_malformed_answer_deletes_nothing(queue: FakeQueue, consumer: Consumer, answer: Any) -> None:
    fill(queue, "a1", "b1")
    consumer.answer = answer

    Mapping(queue, consumer).poll()

    assert left(queue) == ["a1", "b1"]


@pytest.mark.parametrize("answer", [{}, {"batchItemFailures": []}], ids=repr)
def test_an_empty_answer_is_success(queue: FakeQueue, consumer: Consumer, answer: Any) -> None:
    fill(queue, "a1", "b1")
    consumer.answer = answer

    Mapping(queue, consumer).poll()

    assert left(queue) == []


def test_a_batch_has_ten_at_most_and_the_shape_of_a_lambda_event(queue: FakeQueue, consumer: Consumer) -> None:
    fill(queue, *(f"a{number:02}" for number in range(11)))

    invocation = Mapping(queue, consumer).poll()

    assert invocation
    assert len(invocation.queue_ids) == 10
    record = consumer.events[0]["Records"][0]
    assert record["body"] == "a00"
    assert record["attributes"]["MessageGroupId"] == A
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


def test_a_failed_message_comes_again_until_the_queue_is_empty(
    queue: FakeQueue, consumer: Consumer, clock: FakeClock
) -> None:
    fill(queue, "a1")
    start = clock.now
    consumer.fails = {"a1"}
    mapping = Mapping(queue, consumer)

    mapping.run(until_ms=start + 400_000)
    consumer.fails = set()
    mapping.run()

    assert left(queue) == []
    assert [invocation.started_ms - start for invocation in mapping.invocations] == [0, 360_000, 720_000]


def test_invocations_overlap_and_a_group_stays_locked_until_its_own_has_ended(
    queue: FakeQueue, consumer: Consumer, clock: FakeClock
) -> None:
    fill(queue, *(f"a{number:02}" for number in range(11)), *(f"b{number:02}" for number in range(10)))
    start = clock.now

    mapping = Mapping(queue, consumer)
    mapping.run(concurrency=3)

    begun = [(invocation.started_ms - start, len(invocation.queue_ids)) for invocation in mapping.invocations]
    assert left(queue) == []
    assert begun[:2] == [(0, 10), (0, 10)]
    assert begun[2][0] >= 100
    assert sum(count for _, count in begun) == 21
