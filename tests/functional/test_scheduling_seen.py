"""What people see of held texts: the list, and the gauges of each minute."""

from typing import Any

import pytest

from longcode.domain.message import iso
from longcode.domain.metrics import Metric
from longcode.domain.status import Status
from tests.functional.test_publisher import a_text, publish_to
from tests.functional.test_scheduling import MINUTE, run
from tests.support.fakes import THEIRS, World, make_world

HOUR = 60 * MINUTE
DAY = 24 * HOUR
OTHERS = [f"+1202555011{number}" for number in range(4)]


@pytest.fixture
def world() -> World:
    return make_world()


def listed(world: World, **query: str) -> tuple[list[str], Any]:
    """GET /sms/messages: the ids, and the cursor."""
    reply = world.request("messages", "GET", "/sms/messages", query=query)
    assert reply.status == 200, reply.fields
    return [row["message_id"] for row in reply.fields["messages"]], reply.fields["cursor"]


def ahead(world: World, by_ms: int) -> int:
    """A moment so long after the next request."""
    return world.clock.now + 1 + by_ms


def last(world: World, metric: Metric) -> float:
    return world.metrics.values[metric][-1]


# ---------------------------------------------------------------------------------------------- the list


def test_what_is_held_is_listed_by_its_status(world: World) -> None:
    at = world.clock.now + DAY
    ids = []
    for number, to in enumerate(OTHERS):
        tag = "spring" if number % 2 else "autumn"
        reply = world.enqueue(to, send_at=iso(at - number), metadata={"tag": tag})
        ids.append(reply.fields["message_id"])
    queued = world.enqueue(OTHERS[0]).fields["message_id"]
    newest_first = ids[::-1]

    first, cursor = listed(world, status="held", limit="3")
    rest, end = listed(world, status="held", limit="3", cursor=cursor)
    assert (first + rest, end) == (newest_first, None)
    assert listed(world, status="held", tag="spring")[0] == [ids[3], ids[1]]
    assert listed(world, status="held", to=OTHERS[0])[0] == [ids[0]]
    assert listed(world, status="queued")[0] == [queued]
    reply = world.request("messages", "GET", "/sms/messages", query={"status": "helt"})
    assert (reply.status, reply.fields["field"]) == (400, "status")
    assert "held, queued" in reply.fields["error"]


# ---------------------------------------------------------------------------------------------- the gauges


def test_what_is_held_for_weeks_is_neither_old_nor_overdue_nor_stranded(world: World) -> None:
    for number, to in enumerate(OTHERS):
        world.enqueue(to, send_at=iso(world.clock.now + 30 * DAY + number * HOUR))
    publish_to(world, *((None, a_text(status=Status.HELD)) for _ in OTHERS))
    for _ in range(3):
        world.clock.pass_ms(9 * DAY)
        world.reconcile()
        for metric in (Metric.OLDEST_WAIT, Metric.OVERDUE, Metric.STRANDED_NOW, Metric.HELD_LATE):
            assert last(world, metric) == 0, metric
        assert last(world, Metric.HELD_NOW) == 4


def test_a_wait_is_counted_from_the_time_at_which_it_may_leave(world: World) -> None:
    at = ahead(world, 10 * MINUTE)
    world.enqueue(THEIRS, send_at=iso(at))
    run(world, 9 * MINUTE)
    world.limits.pause(world.clock.now, "a wrong template")
    run(world, 5 * MINUTE)
    # It waits since its time, four minutes ago, and not since its acceptance.
    assert 2 * 60 <= last(world, Metric.OLDEST_WAIT) <= 4 * 60
    world.limits.resume()
    run(world, 3 * MINUTE)

    (age,) = world.metrics.values[Metric.QUEUE_AGE]
    assert 4 * MINUTE <= age <= 7 * MINUTE
    assert all(wait <= 2_000 for wait in world.metrics.values.get(Metric.PACING_WAIT, []))


def test_a_text_that_no_one_brings_at_its_time_is_overdue(world: World) -> None:
    """A scheduler that is broken: timers are lost, and the reconciler can't put what is late into the queue."""
    at = ahead(world, 3 * MINUTE)
    world.enqueue(THEIRS, send_at=iso(at))
    world.queue.faults.fail("set_timers", times=100)
    world.queue.faults.fail("put", times=100)
    for minute, late in ((2, 0), (4, 0), (6, 6 * 60), (8, 8 * 60)):
        world.clock.now = at + minute * MINUTE
        world.reconcile()
        assert last(world, Metric.HELD_LATE) == minute * 60, minute
        assert last(world, Metric.OVERDUE) == late, minute
        assert last(world, Metric.OLDEST_WAIT) == (late or 0), minute


def test_a_text_with_an_end_of_its_own_can_be_overdue(world: World) -> None:
    world.enqueue(THEIRS, ttl_s=3600)
    world.queue.stored.clear()
    world.clock.pass_ms(20 * MINUTE)

    world.reconcile()

    assert last(world, Metric.OVERDUE) >= 19 * 60
