"""What every queue promises of timers, and what is read of their bodies."""

import json
from typing import Any

from longcode.aws.queue import envelope, read_body, read_timer, timer_body
from longcode.domain.message import DueGroup
from longcode.domain.schedule import Timer
from longcode.use_cases.backlog import waiting
from longcode.use_cases.queue_ports import Queue
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import make_message

SHARD = DueGroup.HELD.shards[3]


def test_timers_are_received_as_they_were_set_each_in_a_group_of_its_own(queue: Queue) -> None:
    timers = [Timer(SHARD, START_MS + 1_000 * number) for number in range(3)] + [Timer(SHARD + 1, START_MS)]

    queue.set_timers(timers)

    envelopes = queue.receive()
    assert {one.timer for one in envelopes} == set(timers)
    assert [one.message_id for one in envelopes] == [None] * 4
    assert len({one.recipient for one in envelopes}) == 4


def test_a_timer_that_is_set_twice_comes_once(queue: Queue) -> None:
    timer = Timer(SHARD, START_MS)
    queue.set_timers([timer])
    queue.set_timers([timer, Timer(SHARD, START_MS + 1_000)])

    assert queue.size() == len(queue.receive()) == 2


def test_a_timer_that_is_hidden_or_renewed_holds_up_no_text(queue: Queue) -> None:
    queue.set_timers([Timer(SHARD, START_MS)])
    (hidden,) = queue.receive()
    queue.hide([hidden], [600])
    message = make_message()
    queue.put([waiting(message)])

    assert [one.message_id for one in queue.receive()] == [message.id]
    queue.hide([hidden], [0])
    (again,) = queue.receive()
    queue.renew([again])
    (renewed,) = queue.receive()
    assert (renewed.timer, renewed.receives) == (hidden.timer, 1)


def test_more_timers_than_one_call_takes_are_all_set(queue: Queue) -> None:
    timers = [Timer(SHARD, START_MS + 1_000 * number) for number in range(25)]

    queue.set_timers(timers)
    queue.set_timers([])

    found = [one.timer for _ in range(3) for one in queue.receive()]
    assert len(found) == 25
    assert set(found) == set(timers)


def test_a_body_is_a_timer_a_text_or_neither() -> None:
    timer = Timer(SHARD, START_MS)
    assert read_timer(timer_body(timer)) == timer
    assert read_body(timer_body(timer)) is None
    assert json.loads(timer_body(timer)) == {"v": 1, "held": SHARD, "at": START_MS}
    # What a later release adds is left out.
    assert read_timer(json.dumps({"v": 2, "held": SHARD, "at": START_MS, "more": [1]})) == timer
    good: dict[str, Any] = {"v": 1, "held": SHARD, "at": START_MS}
    odd: list[Any] = [
        {**good, "v": 3}, {**good, "v": 0}, {**good, "v": True}, {**good, "v": "1"}, {**good, "held": True},
        {**good, "held": "35"}, {**good, "held": 35.0}, {**good, "held": None}, {**good, "at": False},
        {**good, "at": str(START_MS)}, {**good, "at": None}, {**good, "at": 1e12}, {"held": SHARD, "at": START_MS},
        {"v": 1, "held": SHARD}, {"v": 1, "at": START_MS}, {}, [], [good], 35, None, "held",
        # Parts that no held text is in.
        {**good, "held": -1}, {**good, "held": 0}, {**good, "held": DueGroup.HELD.shards[-1] + 1},
    ]  # fmt: skip
    for fields in odd:
        assert read_timer(json.dumps(fields)) is None, fields
    for text in ("", "{", "nonsense", "[" * 100_000, '{"v":1,"held":NaN,"at":1}', '{"v":1,"held":1e400,"at":1}'):
        assert read_timer(text) is None


def test_an_envelope_that_is_neither_is_known_as_such() -> None:
    record = {"messageId": "1", "receiptHandle": "2", "body": "odd", "attributes": {"MessageGroupId": "group"}}
    found = envelope(record)
    assert (found.timer, found.message_id, found.newer, found.recipient) == (None, None, False, "group")
