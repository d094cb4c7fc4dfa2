"""The log says what a text waited for and until when, and how long its puts and its request took."""

from itertools import pairwise
from typing import Any

import pytest

from longcode.domain.message import iso
from longcode.domain.status import HeldBy
from tests.functional.consumer_steps import SLOW_MS, A, B
from tests.support.fakes import World
from tests.support.fakes.provider import ACCEPTS_AND_HANGS, NO_SUCH_NUMBER, RATE_LIMITED


# Any: a field of a line.
def lines(world: World, *events: str) -> list[dict[str, Any]]:
    """The lines of these events, each with what was bound before."""
    return [line.about | line.fields for event in events for line in world.logger.of(event)]


def queue(world: World, to: str = A, **fields: str) -> str:
    return str(world.enqueue(to, **fields).fields["message_id"])


def test_what_waits_for_its_slot_in_an_invocation_says_so_and_what_need_not_wait_says_nothing(
    world: World,
) -> None:
    idents = [queue(world) for _ in range(3)]
    world.consume()

    waited = lines(world, "send.waited")
    assert [line["message_id"] for line in waited] == idents[1:]
    assert {line["held_by"] for line in waited} == {"recipient_rate"}
    for line, arrival in zip(waited, world.provider.arrivals()[1:], strict=True):
        assert abs(line["slot_ms"] - arrival) < 100
    assert 1_900 < waited[1]["waited_ms"] < 2_300


def test_what_is_put_back_says_for_each_text_what_holds_it_and_until_when(slow: World) -> None:
    idents = [queue(slow) for _ in range(4)]
    slow.mapping().poll()

    line = lines(slow, "batch")[0]
    waiting = line["message_ids"]
    assert waiting == idents[-len(waiting) :]
    assert line["held_by"] == ["recipient_rate"] * len(waiting)
    stored = [slow.messages.get(ident) for ident in waiting]
    assert line["until_ms"] == [message.slot_ms for message in stored if message]
    assert all(later - earlier >= SLOW_MS for earlier, later in pairwise(line["until_ms"]))


@pytest.mark.parametrize("stop", ["pause", "breaker"])
def test_a_stop_is_named_for_all_that_it_holds(world: World, stop: str) -> None:
    now = world.clock.now
    if stop == "pause":
        world.limits.pause(now, "wrong template")
    else:
        world.limits.open_breaker(now, now + 60_000, "20100 Insufficient funds")
    idents = {queue(world, A), queue(world, A), queue(world, B)}
    world.mapping().poll()

    line = lines(world, "batch")[0]
    assert set(line["message_ids"]) == idents
    assert line["held_by"] == [HeldBy.PAUSED if stop == "pause" else HeldBy.BREAKER] * 3
    assert all(now < until_ms <= now + 61_000 for until_ms in line["until_ms"])


def test_a_provider_that_wants_less_is_what_holds_its_text(world: World) -> None:
    world.provider.then(RATE_LIMITED)
    ident = queue(world)
    world.mapping().poll()

    line = lines(world, "batch")[0]
    assert (line["message_ids"], line["held_by"]) == ([ident], ["provider_backoff"])


def test_each_request_says_how_long_the_provider_took(world: World) -> None:
    world.provider.then(ACCEPTS_AND_HANGS, NO_SUCH_NUMBER)
    for number in (A, B, "+12025550103"):
        queue(world, number)
    world.consume()

    took = {line["message_id"]: line["provider_ms"] for line in lines(world, "send.accepted", "send.refused")}
    assert len(took) == 3
    assert sorted(took.values(), reverse=True)[0] == 10_000
    assert all(isinstance(ms, int) and 0 < ms < 1_000 for ms in sorted(took.values())[:2])


def test_a_call_says_when_queue_and_table_had_its_text(world: World) -> None:
    world.queue.faults.takes = lambda: world.clock.pass_ms(7)
    world.messages.faults.takes = lambda: world.clock.pass_ms(5)
    at_once = queue(world)
    later = queue(world, send_at=iso(world.clock.now + 3_600_000))
    puts = {line["message_id"]: line["puts_ms"] for line in lines(world, "request")}

    begun, queued, stored = puts[at_once]
    assert (queued - begun, stored - queued) == (7, 5)
    begun, queued, stored = puts[later]
    assert (queued, stored - begun) == (None, 5)
