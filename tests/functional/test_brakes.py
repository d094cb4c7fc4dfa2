"""Pause and breaker: everything waits, nothing is lost, and no attempt is burnt."""

import itertools
from dataclasses import replace

import pytest

from longcode.domain.pacing import next_utc_midnight_ms
from longcode.domain.status import Status
from longcode.use_cases.send_attempt import PROBE_MS
from tests.support.fakes import THEIRS, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.provider import Behaviour

OTHER = "+12025550124"
MINUTE = 60_000
HOUR = 60 * MINUTE


def statuses(world: World) -> list[Status]:
    return [message.status for message in world.messages.all]


# ------------------------------------------------------------------------------------------------- pause


def test_while_sending_is_paused_nothing_leaves_and_nothing_is_lost(world: World) -> None:
    world.limits.pause(world.clock.now, "wrong text")
    for to in (THEIRS, OTHER, THEIRS):
        world.enqueue(to=to)

    world.consume(until_ms=world.clock.now + HOUR)

    assert world.provider.requests == []
    assert statuses(world) == [Status.QUEUED] * 3
    assert [message.attempts for message in world.messages.all] == [0, 0, 0]
    assert len(world.queue.stored) == 3
    assert world.queue.dead == []


def test_after_a_resume_sending_goes_on_within_seconds_and_in_order(world: World) -> None:
    world.limits.pause(world.clock.now, "wrong text")
    for number in range(3):
        world.enqueue(message=f"number {number}")
    world.consume(until_ms=world.clock.now + 10 * MINUTE)
    resumed = world.clock.now
    world.limits.resume()

    world.consume()

    assert [text.text for text in world.provider.texts] == ["number 0", "number 1", "number 2"]
    assert world.provider.arrivals()[0] - resumed <= 7_000


def test_a_pause_of_a_weekend_sends_nothing_to_the_dead_letters() -> None:
    world = make_world(make_settings(validity_minutes=7 * 1440))
    world.limits.pause(world.clock.now, "closed")
    world.enqueue()
    world.consume(until_ms=world.clock.now + 64 * HOUR)
    assert world.queue.dead == []
    assert max(world.queue.receives.values()) < 1_000
    world.limits.resume()

    world.consume()

    assert len(world.provider.texts) == 1


def test_a_text_that_a_pause_made_too_old_is_not_sent_any_more(world: World) -> None:
    world.limits.pause(world.clock.now, "closed")
    ident = world.enqueue().fields["message_id"]
    world.consume(until_ms=world.clock.now + 25 * HOUR)
    world.limits.resume()

    world.consume()

    assert world.provider.texts == []
    found = world.messages.get(ident)
    assert found
    assert found.status is Status.EXPIRED_UNSENT


def test_a_pause_stops_what_is_already_in_an_invocations_hands(world: World) -> None:
    def pause_now(text: providers.Text) -> None:
        world.limits.pause(world.clock.now, "stop!")

    world.provider.on_taken = pause_now
    for _ in range(3):
        world.enqueue()

    world.mapping().poll()

    assert len(world.provider.texts) == 1
    assert statuses(world) == [Status.SUBMITTED, Status.QUEUED, Status.QUEUED]


def test_a_direct_send_is_refused_while_paused_and_nothing_is_stored(world: World) -> None:
    world.limits.pause(world.clock.now, "wrong text")

    reply = world.send()

    assert world.provider.requests == []
    assert world.messages.all == []
    assert (reply.status, reply.fields["code"]) == (503, "paused")
    assert "wrong text" in reply.fields["error"]
    assert int(reply.headers["retry-after"]) >= 1


def test_a_repeated_request_has_its_answer_also_while_paused(world: World) -> None:
    first = world.send(key="order-17")
    world.limits.pause(world.clock.now, "wrong text")

    assert world.send(key="order-17") == first

    assert len(world.provider.requests) == 1


# ----------------------------------------------------------------------------------------------- breaker

CONFIGURATION = [providers.BAD_KEY, providers.NO_FUNDS, providers.refuses(403, "40300", "Not on a profile")]


@pytest.mark.parametrize("behaviour", CONFIGURATION, ids=["key", "funds", "profile"])
def test_a_fault_of_the_configuration_stops_everything_and_says_why(world: World, behaviour: Behaviour) -> None:
    world.provider.usual = behaviour
    for to in (THEIRS, OTHER, "+12025550145"):
        world.enqueue(to=to)

    world.consume(until_ms=world.clock.now + 5_000)

    control = world.limits.control
    assert statuses(world) == [Status.QUEUED] * 3
    assert [message.attempts for message in world.messages.all] == [0, 0, 0]
    assert len(world.queue.stored) == 3
    assert control.breaker_until_ms
    assert behaviour.code in control.breaker_reason
    assert world.metrics.counts["BreakerOpened"] >= 1
    assert world.logger.of("breaker.opened")


def test_an_open_breaker_lets_one_text_try_at_a_time(world: World) -> None:
    world.provider.usual = providers.BAD_KEY
    for number in range(10):
        world.enqueue(to=f"+1202555{101 + number:04}")
    world.mapping().poll()
    known = len(world.provider.requests)
    opened = world.clock.now

    world.consume(until_ms=opened + 10 * MINUTE)

    tries = [request.arrived_ms for request in world.provider.requests[known:]]
    assert tries
    assert all(later - earlier >= PROBE_MS for earlier, later in itertools.pairwise(tries))
    assert len(tries) <= 10 * MINUTE // PROBE_MS


def test_when_the_fault_is_fixed_everything_leaves_in_order_with_no_attempt_burnt(world: World) -> None:
    for number in range(5):
        world.enqueue(message=f"number {number}")
    world.provider.usual = providers.NO_FUNDS
    world.consume(until_ms=world.clock.now + 30 * MINUTE)
    assert world.provider.texts == []
    fixed = world.clock.now
    world.provider.usual = providers.ACCEPTS

    world.consume()

    assert [text.text for text in world.provider.texts] == [f"number {number}" for number in range(5)]
    assert {message.attempts for message in world.messages.all} == {1}
    assert world.limits.control.breaker_until_ms is None
    assert world.provider.arrivals()[0] - fixed <= 10 * MINUTE
    assert world.queue.dead == []


def test_the_daily_spend_limit_stops_until_midnight_in_utc(world: World) -> None:
    world.provider.usual = providers.SPEND_LIMIT
    world.enqueue()
    world.enqueue(to=OTHER)
    midnight = next_utc_midnight_ms(world.clock.now)
    world.clock.at(midnight, lambda: setattr(world.provider, "usual", providers.ACCEPTS))

    world.consume()

    assert len(world.provider.texts) == 2
    assert min(world.provider.arrivals()) >= midnight
    assert world.provider.arrivals()[0] <= midnight + 10 * MINUTE
    # Both were under way when the first was refused.
    assert len(world.provider.requests) == 4
    assert {message.attempts for message in world.messages.all} == {1}


def test_a_direct_send_is_refused_while_the_breaker_is_open_and_nothing_is_stored(world: World) -> None:
    world.limits.open_breaker(world.clock.now, world.clock.now + 42_000, "20100 Insufficient funds")

    reply = world.send()

    assert world.provider.requests == []
    assert world.messages.all == []
    assert (reply.status, reply.fields["code"]) == (503, "sending_stopped")
    assert "Insufficient funds" in reply.fields["error"]
    assert reply.headers["retry-after"] == "42"


def test_a_direct_send_that_works_closes_a_breaker_whose_time_has_passed(world: World) -> None:
    world.limits.open_breaker(world.clock.now - MINUTE, world.clock.now - 1, "20100 Insufficient funds")

    assert world.send().status == 200

    assert world.limits.control.breaker_until_ms is None


def test_an_operator_may_close_a_breaker_before_its_time(world: World) -> None:
    world.provider.then(providers.SPEND_LIMIT)
    world.enqueue()
    world.consume(until_ms=world.clock.now + MINUTE)
    closed = world.clock.now
    world.limits.close_breaker(world.clock.now)

    world.consume()

    assert world.provider.arrivals()[0] - closed <= 11 * MINUTE


def test_a_waiting_text_says_that_it_waits_for_the_brakes(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    world.provider.then(providers.NO_FUNDS)
    world.consume(until_ms=world.clock.now + 1_000)

    assert world.status(ident).fields["held_by"] == "breaker"
    world.limits.pause(world.clock.now, "closed")
    assert world.status(ident).fields["held_by"] == "paused"
    assert replace(world.limits.control).pause_reason == "closed"
