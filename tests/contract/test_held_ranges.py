"""Reading what is held by ranges of time, also by one that is empty or ends before it begins."""

import pytest
from botocore.exceptions import ClientError

from longcode.aws.attributes import typed_item
from longcode.aws.messages import DynamoMessages
from longcode.domain.message import held_shard, held_shards
from longcode.domain.priority import Priority
from longcode.domain.schedule import AHEAD_MS, Timer, second
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import schedule
from longcode.use_cases.ports import Messages
from longcode.use_cases.queue_ports import Queues
from tests.contract.message_steps import queued
from tests.support.fakes import FakeClock, FakeQueue
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import THEIRS

SHARD = held_shard(THEIRS, Priority.TRANSACTIONAL)


def held(messages: Messages, at_ms: int) -> str:
    return queued(messages, status=Status.HELD, send_at_ms=at_ms, not_before_ms=at_ms, held_by=HeldBy.SCHEDULE).id


def test_a_range_without_a_moment_in_it_has_nothing_held(messages: Messages) -> None:
    at_ms = START_MS + 60_000
    ident = held(messages, at_ms)

    assert messages.held(SHARD, at_ms, at_ms + 1, 5) == [(at_ms, ident)]
    for since_ms, until_ms in ((at_ms, at_ms), (at_ms + 1, at_ms), (at_ms + 900, at_ms - 100)):
        assert messages.held(SHARD, since_ms, until_ms, 5) == []


def test_timers_are_set_up_to_the_last_second_which_is_not_over_when_they_end(messages: Messages) -> None:
    """A text of that second must not keep the timers of all others from being set."""
    clock = FakeClock()
    clock.now = START_MS // 1_000 * 1_000 + 500
    last_ms = clock.now + AHEAD_MS - 100
    for at_ms in (clock.now + 20_000, last_ms):
        held(messages, at_ms)
    queue = FakeQueue(clock)

    timers = schedule.set_timers(
        messages, Queues(queue, FakeQueue(clock)), clock, clock.now + 10_000, held_shards()
    )

    assert timers == [Timer(SHARD, second(clock.now + 20_000)), Timer(SHARD, second(last_ms))]
    assert {one.timer for one in queue.receive()} == set(timers)


def test_the_table_of_these_tests_refuses_a_range_that_ends_before_it_begins(
    real_messages: DynamoMessages,
) -> None:
    values = typed_item({":shard": str(SHARD), ":since": 2, ":last": 1})
    with pytest.raises(ClientError, match="BETWEEN"):
        real_messages.table.client.query(
            TableName=real_messages.table.name,
            IndexName="by_due",
            KeyConditionExpression="due_shard = :shard AND due_at_ms BETWEEN :since AND :last",
            ExpressionAttributeValues=values,
        )
