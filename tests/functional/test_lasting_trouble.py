"""Trouble that lasts: order, slots, copies and promises hold, and no one pays for what befalls another."""

import itertools
from collections.abc import Callable

import pytest

from longcode.domain.message import CLAIM_MS
from longcode.domain.status import Status
from longcode.use_cases.ports import Claim
from tests.support.fakes import OURS, THEIRS, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.fault_injector import Died
from tests.support.fakes.provider import refuses
from tests.support.fakes.webhooks import inbound

MINUTE = 60_000
HOUR = 60 * MINUTE
OTHER, THIRD, FOURTH = "+12025550124", "+12025550145", "+12025550167"


@pytest.fixture
def world() -> World:
    return make_world()


def texts_of(world: World, to: str = THEIRS) -> list[str]:
    return [text.text for text in world.provider.texts if text.recipient == to]


def enqueue(world: World, count: int, to: str = THEIRS) -> list[str]:
    return [world.enqueue(to, str(number)).fields["message_id"] for number in range(count)]


def reconcile_for(world: World, duration_ms: int, every_ms: int = MINUTE) -> None:
    end = world.clock.now + duration_ms
    while world.clock.now < end:
        world.clock.pass_ms(every_ms)
        world.reconcile()


# ------------------------------------------------------------------------------------------------ order


def test_texts_whose_put_failed_leave_in_their_order_with_those_that_came_after(world: World) -> None:
    for failed in ({0}, {2, 5}, set(range(8)), {0, 7}):
        world = make_world()
        for number in range(8):
            if number in failed:
                world.queue.faults.fail("put")
            assert world.enqueue(THEIRS, str(number)).status == 202
        world.consume(until_ms=world.clock.now + 30_000)
        reconcile_for(world, 2 * MINUTE)
        world.consume()
        assert texts_of(world) == [str(number) for number in range(8)], failed


def test_a_text_whose_process_died_between_queue_and_table_holds_up_no_other_and_is_none(world: World) -> None:
    world.messages.faults.fail("accept", Died)
    with pytest.raises(Died):
        world.enqueue(THEIRS, "never stored")
    began = world.clock.now
    enqueue(world, 2)

    world.consume()

    assert texts_of(world) == ["0", "1"]
    # It may still come for a moment, in which the queue is asked again and again.
    assert world.provider.arrivals()[-1] - began < 4_000
    assert world.queue.stored == []


def test_after_a_purge_a_new_text_brings_those_before_it_along(world: World) -> None:
    enqueue(world, 3)
    world.queue.stored.clear()
    world.clock.pass_ms(MINUTE)
    world.enqueue(THEIRS, "3")

    world.consume()

    assert texts_of(world) == ["0", "1", "2", "3"]
    assert world.queue.stored == []


@pytest.mark.parametrize("interval_ms", [0, 100, 1_000])
def test_a_new_text_passes_none_of_very_many_that_the_queue_has_lost(interval_ms: int) -> None:
    world = make_world(make_settings(recipient_interval_ms=interval_ms))
    enqueue(world, 70)
    world.queue.stored.clear()
    world.clock.pass_ms(MINUTE)
    world.enqueue(THEIRS, "70")
    world.enqueue(THEIRS, "71")

    world.consume()

    assert texts_of(world) == [str(number) for number in range(72)]
    assert world.queue.stored == []


def test_after_a_purge_a_drain_brings_what_waits(world: World) -> None:
    enqueue(world, 3)
    world.queue.stored.clear()
    world.clock.pass_ms(2 * MINUTE)

    answer = world.process()

    assert answer.fields["processed"] == 3
    assert texts_of(world) == ["0", "1", "2"]


def test_a_repeated_request_puts_its_text_into_the_queue_only_if_it_may_not_be_there(world: World) -> None:
    world.queue.faults.fail("put")
    world.enqueue(key="a")
    assert world.queue.stored == []
    for _ in range(3):
        assert world.enqueue(key="a").status == 202
    assert len(world.queue.stored) == 1
    world.limits.pause(world.clock.now, "a test")
    for _ in range(60):
        world.enqueue(key="a")
        world.clock.pass_ms(6 * MINUTE)
    assert len(world.queue.stored) == 1


# ------------------------------------------------------------------------------------------------ slots


def test_texts_that_were_erased_cost_those_behind_them_no_slot(world: World) -> None:
    enqueue(world, 90)
    world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS})
    began = world.clock.now
    world.enqueue(THEIRS, "new")

    world.consume()

    assert texts_of(world) == ["new"]
    assert world.provider.arrivals()[0] - began < 2_000


def test_one_failed_look_does_not_cost_a_recipient_queue_its_slots() -> None:
    world = make_world(make_settings(recipient_interval_ms=60_000))
    enqueue(world, 10)
    world.limits.faults.fail("read_gate", skip=1)
    began = world.clock.now

    world.consume()

    first, *_, last = world.provider.arrivals()
    assert first - began <= 30_000
    assert last - began <= 9 * 60_000 + 60_000


def test_a_pause_that_ends_costs_a_recipient_queue_no_slots() -> None:
    world = make_world(make_settings(recipient_interval_ms=60_000))
    enqueue(world, 5)
    world.clock.at(world.clock.now + 90_000, lambda: world.limits.pause(world.clock.now, "a test"))
    resumed = world.clock.now + 200_000
    world.clock.at(resumed, world.limits.resume)

    world.consume()

    later = [at for at in world.provider.arrivals() if at > resumed]
    assert len(later) == 3
    assert later[0] - resumed <= 6_000
    assert later[-1] - resumed <= 2 * 60_000 + 7_000


def test_a_text_erased_and_asked_for_again_under_its_key_within_five_minutes_leaves(world: World) -> None:
    world.enqueue(THEIRS, "Hello", key="a")
    world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS})
    assert world.enqueue(THEIRS, "Hello", key="a").status == 202

    world.consume()

    assert texts_of(world) == ["Hello"]


# ----------------------------------------------------------------------------------------- one for all


def test_one_send_alone_tries_through_an_open_breaker_whose_time_has_passed(world: World) -> None:
    world.limits.open_breaker(world.clock.now, world.clock.now + 1_000, "10009 Authentication failed")
    world.clock.pass_ms(2_000)
    world.provider.usual = providers.BAD_KEY
    answers: list[int] = []
    jobs: list[Callable[[], None]] = [
        lambda number=number: answers.append(world.send(f"+1202555{101 + number:04}").status)  # type: ignore[misc]
        for number in range(20)
    ]

    world.clock.side_by_side(jobs)

    assert len(world.provider.requests) == 1
    assert sorted(answers) == [401, *[503] * 19]


def test_a_stop_until_midnight_is_not_made_shorter_by_another_fault(world: World) -> None:
    midnight = world.clock.now + 6 * HOUR
    world.limits.open_breaker(world.clock.now, midnight, "40333 Daily spend limit reached")

    assert world.limits.open_breaker(world.clock.now + 5, world.clock.now + 15_000, "10009 Bad key") is False
    assert world.limits.control.breaker_until_ms == midnight


def test_a_number_that_the_account_may_not_text_stops_no_other_and_fails_in_the_end(world: World) -> None:
    refused = refuses(403, "40319", "The number can't be texted from this profile")
    world.provider.then(*[refused] * 9, to=THEIRS)
    bad = enqueue(world, 1)[0]
    for _ in range(12):
        later = world.clock.now + 5 * MINUTE
        world.enqueue(OTHER, "Hello")
        world.consume(until_ms=later)
        world.clock.sleep_until(later)

    assert world.limits.control.breaker_since_ms is None
    assert len(texts_of(world, OTHER)) == 12
    message = world.messages.get(bad)
    assert message
    assert (message.status, message.faults[0].code) == (Status.FAILED, "40319")
    asked = [request for request in world.provider.requests if request.recipient == THEIRS]
    # Each time others were taken before it was asked again.
    assert 5 <= len(asked) <= 9


def test_the_same_refusal_of_two_recipients_stops_no_one_else(world: World) -> None:
    for to in (THEIRS, OTHER):
        world.provider.then(*[refuses(403, "40319", "Not allowed")] * 9, to=to)
        world.enqueue(to)
    world.consume(until_ms=world.clock.now + 14_000)
    world.enqueue(THIRD)
    world.consume(until_ms=world.clock.now + 2_000)

    assert len(world.provider.requests) >= 3
    assert world.limits.control.breaker_since_ms is None
    assert len(texts_of(world, THIRD)) == 1


def test_the_same_refusal_of_three_recipients_stops_all_and_burns_nothing(world: World) -> None:
    world.provider.usual = refuses(403, "40319", "Not allowed")
    for to in (THEIRS, OTHER, THIRD, FOURTH):
        world.enqueue(to)

    world.consume(until_ms=world.clock.now + 14_000)

    assert world.limits.control.breaker_reason.startswith("40319")
    assert {message.status for message in world.messages.all} == {Status.QUEUED}
    world.provider.usual = providers.ACCEPTS
    world.consume()
    assert {message.attempts for message in world.messages.all} == {1}
    assert len(world.provider.texts) == 4


# ------------------------------------------------------------------------------------------- in doubt


def test_a_person_who_was_erased_while_a_text_was_in_doubt_is_not_texted(world: World) -> None:
    world.provider.then(providers.HANGS)
    enqueue(world, 1)
    world.consume()
    reply = world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS})
    assert reply.fields["kept"] == 1

    reconcile_for(world, 25 * HOUR, every_ms=10 * MINUTE)

    assert len(world.provider.requests) == 1
    assert world.provider.texts == []


def test_records_that_can_not_be_read_are_no_proof_and_lead_to_no_replay() -> None:
    world = make_world()
    world.provider.honours_keys = False
    world.provider.then(providers.ACCEPTS_THEN_500)
    enqueue(world, 1)
    world.consume()
    world.provider.records_readable = False
    reconcile_for(world, 5 * HOUR, every_ms=5 * MINUTE)
    assert len(world.provider.requests) == 1

    world.provider.records_readable = True
    reconcile_for(world, HOUR)

    assert len(world.provider.requests) == 1
    (message,) = world.messages.all
    assert message.status is Status.SUBMITTED


def test_a_text_in_doubt_is_repeated_in_time_though_its_recipient_queue_never_ends() -> None:
    """With an interval longer than a run of the reconciler, and a recipient queue that always has texts."""
    world = make_world(make_settings(recipient_interval_ms=45_000, max_pending_per_recipient=10_000))
    world.provider.then(providers.FAILS_500)
    doubtful = enqueue(world, 60)[0]
    world.provider.shows_queued = False
    world.clock.standing.append(
        lambda: (
            ((world.clock.now // MINUTE + 1) * MINUTE + 1, world.reconcile)
            if world.clock.now < 1_700_000_000_000 + 40 * MINUTE
            else None
        )
    )

    world.consume(until_ms=world.clock.now + 30 * MINUTE)

    assert world.provider.taken(doubtful) == 1
    arrivals = world.provider.arrivals(THEIRS)
    assert all(b - a >= 45_000 for a, b in itertools.pairwise(arrivals))


# ------------------------------------------------------------------------------------------ the rest goes on


def test_without_a_key_the_reconciler_does_all_that_needs_none(world: World) -> None:
    world.queue.faults.fail("put", times=1)
    world.enqueue(THEIRS, "not in the queue")
    world.messages.faults.fail("claim", Died, after=True)
    world.enqueue(OTHER, "claimed by a process that died")
    world.consume(until_ms=world.clock.now)
    world.provider.faults.fail("prepare", times=1_000)
    world.clock.pass_ms(CLAIM_MS + MINUTE)

    world.reconcile()

    assert [stored.group for stored in world.queue.stored if stored.group == THEIRS] == [THEIRS]
    assert {message.status for message in world.messages.all} == {Status.QUEUED, Status.UNKNOWN}
    world.clock.pass_ms(25 * HOUR)
    world.queue.stored.clear()
    world.reconcile()
    assert {message.status for message in world.messages.all} == {Status.EXPIRED_UNSENT, Status.UNKNOWN}


def test_another_body_under_the_key_of_a_refused_send_moves_no_recipient_queue(world: World) -> None:
    world.provider.then(providers.UNREACHABLE)
    assert world.send(THEIRS, "one", key="a").status == 503
    before = world.limits.limiters[f"to#{THEIRS}"]

    for _ in range(5):
        assert world.send(THEIRS, "another", key="a").status == 409

    assert world.limits.limiters[f"to#{THEIRS}"] == before


@pytest.mark.parametrize("route", ["queue", "send"])
def test_a_stop_right_before_the_claim_is_heard(world: World, route: str) -> None:
    """After the gate was looked at, and before the right to send was taken."""
    call = "claim" if route == "queue" else "accept"

    if route == "queue":
        world.enqueue()
    taking = getattr(world.messages, call)

    def take(*arguments: object) -> object:
        world.webhook(inbound(THEIRS, "STOP", world.clock.now, to=OURS))
        return taking(*arguments)

    setattr(world.messages, call, take)
    if route == "queue":
        world.consume()
    else:
        assert world.send().status == 403

    assert world.provider.requests == []
    outbound = [message.status for message in world.messages.all if message.direction == "outbound"]
    assert outbound == [Status.SUPPRESSED]


def test_a_pause_that_comes_while_a_send_waits_for_its_turn_is_heard(world: World) -> None:
    world.provider.then(providers.RATE_LIMITED, providers.RATE_LIMITED)
    for to in (THEIRS, OTHER):
        world.send(to)
    world.clock.at(world.clock.now + 500, lambda: world.limits.pause(world.clock.now, "a test"))

    reply = world.send(THIRD, key="a")

    assert (reply.status, reply.fields["code"]) == (503, "paused")
    assert len(world.provider.requests) == 2
    world.limits.resume()
    assert world.send(THIRD, key="a").status == 200


def test_a_pause_is_heard_by_the_one_text_that_tries_through_an_open_breaker(world: World) -> None:
    world.limits.open_breaker(world.clock.now, world.clock.now + 1_000, "10009 Authentication failed")
    enqueue(world, 1)
    world.clock.pass_ms(2_000)
    claim = world.messages.claim

    def paused(message_id: str, claim_id: str, now_ms: int) -> Claim:
        world.limits.pause(now_ms, "a test")
        return claim(message_id, claim_id, now_ms)

    world.messages.claim = paused  # type: ignore[method-assign]
    world.consume(until_ms=world.clock.now)

    assert world.provider.requests == []
    assert [message.status for message in world.messages.all] == [Status.QUEUED]
