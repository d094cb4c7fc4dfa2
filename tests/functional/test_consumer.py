"""The consumer: each text once, in order, at its slot; and what the queue is told of the rest."""

import itertools
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from longcode.aws import queue
from longcode.domain import pacing
from longcode.domain.errors import Unavailable
from longcode.domain.message import CLAIM_MS
from longcode.domain.pacing import recipient_key
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.backlog import waiting
from longcode.use_cases.queue_messages import RENEW_AFTER
from tests.support.fakes import OURS, THEIRS, FakeClock, FakeQueue, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.examples import make_message
from tests.support.fakes.provider import Behaviour, refuses
from tests.support.fakes.queue import Stored
from tests.support.fakes.tripwire import Died
from tests.support.fakes.webhooks import inbound, receipt

A, B, C = "+12025550101", "+12025550102", "+12025550103"
INTERVAL_MS = 1_000
# An interval of which an invocation does not wait for two.
SLOW_MS = pacing.SHORT_WAIT_MS


@pytest.fixture
def slow() -> Iterator[World]:
    """A world whose recipients get a text every few seconds at most."""
    made = make_world(make_settings(recipient_interval_ms=SLOW_MS))
    yield made
    assert made.logger.crashes == []


def ids(world: World) -> list[str]:
    """The messages in the order in which they were accepted."""
    return [message.id for message in world.messages.all]


def batch(world: World, taken: list[Stored]) -> dict[str, Any]:
    return {"Records": [world.queue.record(stored) for stored in taken]}


def failed(answer: dict[str, Any]) -> list[str]:
    return [row["itemIdentifier"] for row in answer["batchItemFailures"]]


def gaps(moments: list[int]) -> list[int]:
    return [later - earlier for earlier, later in itertools.pairwise(moments)]


# --------------------------------------------------------------------------------------------- the good day


def test_a_queued_text_is_sent_once_and_leaves_the_queue(world: World) -> None:
    world.enqueue(message="Your parcel comes at 10.")

    world.consume()

    (message,) = world.messages.all
    (text,) = world.provider.texts
    assert (text.key, text.text, text.sender) == (message.id, message.text, OURS)
    assert (message.status, message.telnyx_id, message.attempts) == (Status.SUBMITTED, text.telnyx_id, 1)
    assert world.queue.stored == []
    assert world.queue.dead == []


@pytest.mark.parametrize("whole_groups", [False, True], ids=["up-to-the-hidden", "whole-groups"])
@pytest.mark.parametrize("latency_ms", [0, 40, 400, 1_500])
def test_a_burst_to_one_recipient_keeps_its_order_and_its_distance(latency_ms: int, whole_groups: bool) -> None:
    clock = FakeClock()
    world = make_world(
        clock=clock,
        queue=FakeQueue(clock, whole_groups=whole_groups),
        provider=providers.FakeProvider(clock, latency_ms=latency_ms),
    )
    for number in range(25):
        world.enqueue(message=f"number {number}")

    world.consume()

    arrivals = world.provider.arrivals(THEIRS)
    assert [text.text for text in world.provider.texts] == [f"number {number}" for number in range(25)]
    assert len(arrivals) == 25
    assert min(gaps(arrivals)) >= INTERVAL_MS
    assert max(world.queue.receives.values()) <= 3
    # 2 % of the interval is guard, and an answer as slow as the interval itself costs its own time.
    assert arrivals[-1] - arrivals[0] <= 24 * max(1.10 * INTERVAL_MS, latency_ms + INTERVAL_MS * 1.1)


@pytest.mark.parametrize("slow_one", [0, 1, 7])
@pytest.mark.parametrize("way_ms", [300, 950, 2_500])
def test_a_text_that_was_slow_on_its_way_is_not_caught_up_with_by_the_next(
    world: World, way_ms: int, slow_one: int
) -> None:
    world.provider.usual = Behaviour(way_ms=20, latency_ms=40)
    slow = Behaviour(way_ms=way_ms, latency_ms=way_ms + 20)
    world.provider.then(*[world.provider.usual] * slow_one, slow)
    for _ in range(10):
        world.enqueue()

    world.consume()

    assert len(world.provider.texts) == 10
    assert min(gaps(world.provider.arrivals())) >= INTERVAL_MS


def test_a_direct_send_that_was_slow_on_its_way_is_not_caught_up_with_by_the_line(world: World) -> None:
    world.provider.then(Behaviour(way_ms=1_500, latency_ms=1_520))
    world.send()
    world.enqueue()

    world.consume()

    assert min(gaps(world.provider.arrivals())) >= INTERVAL_MS


@pytest.mark.parametrize("concurrency", [1, 5])
def test_many_recipients_do_not_wait_for_each_other(world: World, concurrency: int) -> None:
    numbers = [f"+1202555{101 + number:04}" for number in range(20)]
    for _, number in itertools.product(range(3), numbers):
        world.enqueue(to=number)
    start = world.clock.now

    world.consume(concurrency=concurrency)

    assert Counter(text.recipient for text in world.provider.texts) == dict.fromkeys(numbers, 3)
    for number in numbers:
        assert min(gaps(world.provider.arrivals(number))) >= INTERVAL_MS
    assert max(world.provider.arrivals()) - start <= 20_000 / concurrency


def test_a_sender_limit_keeps_all_texts_apart_and_each_is_received_at_most_three_times() -> None:
    world = make_world(make_settings(sender_interval_ms=1_000))
    for number in range(20):
        world.enqueue(to=f"+1202555{101 + number:04}")

    world.consume()

    assert len(world.provider.texts) == 20
    assert min(gaps(world.provider.arrivals())) >= 1_000 - 60
    assert max(world.queue.receives.values()) <= 3


def test_without_limits_a_batch_leaves_at_once() -> None:
    world = make_world(make_settings(recipient_interval_ms=0))
    for _ in range(10):
        world.enqueue()
    start = world.clock.now

    mapping = world.consume()

    assert len(world.provider.texts) == 10
    assert world.clock.now - start < 2_000
    assert len(mapping.invocations) == 1


# ---------------------------------------------------------------------------- what the queue is told


def test_what_cannot_leave_soon_is_handed_back_with_everything_behind_it(slow: World) -> None:
    for number in range(6):
        slow.enqueue(message=f"number {number}")

    invocation = slow.mapping().poll()

    assert invocation
    sent = len(slow.provider.texts)
    assert 1 <= sent < 6
    assert invocation.failed == invocation.queue_ids[sent:]
    assert all(invocation.failed)
    assert [stored.queue_id for stored in slow.queue.stored] == invocation.failed


def test_the_whole_unsent_tail_is_hidden_until_its_first_may_leave(slow: World) -> None:
    for _ in range(6):
        slow.enqueue()
    slow.mapping().poll()

    waiting = [message for message in slow.messages.all if message.status is Status.QUEUED]
    slots = [message.slot_ms or 0 for message in waiting]
    hidden = {stored.visible_ms for stored in slow.queue.stored}

    assert len(slots) == len(slow.queue.stored) >= 4
    assert gaps(slots) == [pacing.spacing(SLOW_MS)] * (len(slots) - 1)
    assert len(hidden) == 1
    assert slow.clock.now < hidden.pop() <= slots[0]
    assert {message.held_by for message in waiting} == {HeldBy.RECIPIENT_RATE}


def test_a_line_that_is_slower_than_an_invocation_keeps_its_order_its_distance_and_its_receives(
    slow: World,
) -> None:
    for number in range(12):
        slow.enqueue(message=f"number {number}")

    slow.consume()

    arrivals = slow.provider.arrivals()
    assert [text.text for text in slow.provider.texts] == [f"number {number}" for number in range(12)]
    assert min(gaps(arrivals)) >= SLOW_MS
    assert arrivals[-1] - arrivals[0] <= 11 * SLOW_MS * 1.10


def test_a_slot_that_was_given_once_is_not_given_again(world: World) -> None:
    for _ in range(12):
        world.enqueue()

    world.consume()

    # One slot for each text: reserved twice, the line would be held up for nothing.
    reserved = world.limits.limiters[recipient_key(THEIRS)].tat_ms or 0
    assert reserved - world.provider.arrivals()[0] <= 12 * 1_020 + 100


def test_a_failed_text_is_named_with_every_later_one_of_its_group_and_nobody_elses(world: World) -> None:
    for _ in range(3):
        world.enqueue(to=A)
        world.enqueue(to=B)
    world.provider.then(providers.UNREACHABLE, to=A)

    invocation = world.mapping().poll()

    assert invocation
    left = {stored.queue_id: stored.group for stored in world.queue.stored}
    assert world.provider.arrivals(A) == []
    assert world.provider.arrivals(B)
    assert list(left.values()).count(A) == 3
    assert set(invocation.failed) == set(left)
    assert [ident for ident in invocation.queue_ids if ident in left] == invocation.failed


def test_an_answer_names_failures_by_the_queues_own_ids_and_never_by_nothing(slow: World) -> None:
    for _ in range(5):
        slow.enqueue()
    taken = slow.queue.take()

    answer = slow.invoke("consumer", batch(slow, taken), timeout_ms=60_000)

    assert set(answer) == {"batchItemFailures"}
    assert failed(answer)
    assert set(failed(answer)) <= {stored.queue_id for stored in taken}
    assert all(set(row) == {"itemIdentifier"} for row in answer["batchItemFailures"])


def test_a_good_batch_names_nothing(world: World) -> None:
    world.enqueue()

    answer = world.invoke("consumer", batch(world, world.queue.take()), timeout_ms=60_000)

    assert len(world.provider.texts) == 1
    assert answer == {"batchItemFailures": []}


def test_an_empty_event_is_no_batch(world: World) -> None:
    assert world.invoke("consumer", {"Records": []}, timeout_ms=60_000) == {"batchItemFailures": []}
    assert world.invoke("consumer", {}, timeout_ms=60_000) == {"batchItemFailures": []}


def test_near_the_end_of_its_time_an_invocation_starts_no_send(world: World) -> None:
    world.enqueue()
    taken = world.queue.take()

    answer = world.invoke("consumer", batch(world, taken), timeout_ms=15_000)

    assert world.provider.requests == []
    assert failed(answer) == [taken[0].queue_id]
    assert world.messages.all[0].status is Status.QUEUED


# ---------------------------------------------------------------------------------- what nobody can send


@pytest.mark.parametrize(
    "body",
    ["", "not json", "[]", "null", "7", "{}", '{"v":1}', '{"v":0,"id":"40385f64-5717-4562-b3fc-2c963f66afa6"}',
     '{"v":true,"id":"40385f64-5717-4562-b3fc-2c963f66afa6"}', '{"v":"3"}', '{"v":1.5}', '{"v":2,"id":"message"}',
     '{"v":1,"id":7}', '{"v":1,"id":"message"}', "[" * 50_000],
    ids=lambda body: body[:12],
)  # fmt: skip
def test_an_unreadable_message_is_dropped_counted_and_logged_once_and_blocks_nobody(
    world: World, body: str
) -> None:
    queue_id = world.queue.append(body, THEIRS, "odd")
    world.enqueue()

    world.consume()

    assert len(world.provider.texts) == 1
    assert world.queue.stored == []
    assert world.queue.dead == []
    assert world.metrics.counts["Unreadable"] == 1
    (line,) = world.logger.of("queue.unreadable")
    assert line.fields == {"queue_id": queue_id}


@pytest.mark.parametrize(
    "body", ['{"v":1,"id":"%s","why":"x"}', '{"v":2,"id":"%s"}', '{"id":"%s","v":2,"why":[7]}']
)
def test_the_next_version_is_read_before_anybody_writes_it_and_what_else_it_holds_is_left_alone(
    world: World, body: str
) -> None:
    world.enqueue()
    (stored,) = world.queue.stored
    stored.body = body % ids(world)[0]

    world.consume()

    assert [text.key for text in world.provider.texts] == ids(world)
    assert world.queue.stored == []
    assert "NewerVersion" not in world.metrics.counts


@pytest.mark.parametrize("whole_groups", [False, True], ids=["up-to-the-hidden", "whole-groups"])
def test_what_only_a_later_release_can_read_waits_for_it_with_its_line_and_holds_up_nobody_else(
    whole_groups: bool,
) -> None:
    clock = FakeClock()
    world = make_world(clock=clock, queue=FakeQueue(clock, whole_groups=whole_groups))
    for message in ("one", "two", "three"):
        world.enqueue(message=message)
    world.enqueue(to=B)
    later = world.queue.stored[1]
    ours, later.body = later.body, '{"v":3,"to":"somebody"}'

    world.consume(until_ms=clock.now + 10 * 60_000)

    assert [text.text for text in world.provider.texts if text.recipient == THEIRS] == ["one"]
    assert len(world.provider.arrivals(B)) == 1
    assert [stored.group for stored in world.queue.stored] == [THEIRS, THEIRS]
    assert world.queue.dead == []
    # A look a minute, and ever more rarely, each with one line in the log.
    assert world.queue.receives[later.queue_id] == len(world.logger.of("queue.newer_version")) == 10
    assert world.metrics.counts["NewerVersion"] == 10
    assert "Unreadable" not in world.metrics.counts

    # That release is there.
    later.body = ours
    world.consume()

    assert [text.text for text in world.provider.texts if text.recipient == THEIRS] == ["one", "two", "three"]
    assert world.queue.stored == []


def test_a_drain_leaves_it_too_and_says_that_it_remains(world: World) -> None:
    world.queue.append('{"v":3}', THEIRS, "of-tomorrow")

    answer = world.process()

    assert answer.fields == {"processed": 0, "failed": 0, "results": [], "remaining": 1}
    assert len(world.queue.stored) == 1


def test_it_waits_even_where_the_queue_refuses_to_hide_it(world: World) -> None:
    world.queue.append('{"v":3}', THEIRS, "of-tomorrow")
    world.queue.trip.fail("hide")

    world.consume(until_ms=world.clock.now + 60_000)

    assert len(world.queue.stored) == 1
    assert world.provider.requests == []


def test_a_message_that_names_no_known_id_is_dropped_counted_and_logged_once(world: World) -> None:
    queue_id = world.queue.append(f'{{"v":1,"id":"{uuid.uuid4()}"}}', THEIRS, "odd")
    world.enqueue()

    world.consume()

    assert len(world.provider.texts) == 1
    assert world.queue.stored == []
    (line,) = world.logger.of("queue.unknown_id")
    assert line.fields["queue_id"] == queue_id


# ------------------------------------------------------------------------------------------ redelivery


def test_a_message_delivered_twice_is_sent_once(world: World) -> None:
    world.enqueue()
    world.queue.duplicate(ids(world)[0])

    world.consume()

    assert len(world.provider.texts) == 1
    assert world.queue.stored == []


@pytest.mark.parametrize("concurrency", [1, 5])
@pytest.mark.parametrize("first", [providers.ACCEPTS, providers.ACCEPTS_AND_HANGS, providers.RATE_LIMITED])
def test_a_line_that_stands_in_the_queue_twice_leaves_once_and_in_its_order(
    world: World, first: Behaviour, concurrency: int
) -> None:
    for number in range(12):
        world.enqueue(message=f"number {number}")
    for ident in ids(world):
        world.queue.append(queue.body(ident), THEIRS, f"{ident}:again")
    assert len(world.queue.stored) == 24
    world.provider.honours_keys = False
    world.provider.then(first)

    world.consume(concurrency=concurrency)

    assert [text.text for text in world.provider.texts] == [f"number {number}" for number in range(12)]
    assert min(gaps(world.provider.arrivals())) >= INTERVAL_MS
    assert world.queue.stored == []


@pytest.mark.parametrize(
    "status",
    [
        Status.UNKNOWN, Status.SUBMITTED, Status.SENT, Status.FAILED, Status.EXPIRED_UNSENT, Status.DELIVERED,
        Status.CANCELLED,
    ],
)  # fmt: skip
def test_a_message_that_was_dealt_with_is_not_sent_and_blocks_nobody(world: World, status: Status) -> None:
    message = make_message(status=status, claim_id="another", recipient=THEIRS)
    world.messages.accept(message)
    world.queue.put([waiting(message)])

    world.consume()

    assert world.provider.requests == []
    assert world.queue.stored == []
    assert world.messages.all == [message]


def test_a_message_that_another_invocation_is_sending_waits_until_that_one_must_be_dead(world: World) -> None:
    world.enqueue()
    world.enqueue()
    first, second = ids(world)
    world.messages.claim(first, "another", world.clock.now)
    claimed = world.clock.now

    mapping = world.mapping()
    invocation = mapping.poll()

    assert invocation
    assert world.provider.requests == []
    assert invocation.failed == invocation.queue_ids
    assert {message.status for message in world.messages.all} == {Status.SENDING, Status.QUEUED}

    mapping.run()

    by_id = {message.id: message for message in world.messages.all}
    assert by_id[first].status is Status.UNKNOWN
    assert by_id[first].faults[0].code == "claim_lost"
    assert by_id[second].status is Status.SUBMITTED
    assert world.provider.arrivals()[0] >= claimed + CLAIM_MS
    assert world.provider.taken(first) == 0


def test_a_worker_killed_while_sending_never_leads_to_a_second_text(world: World) -> None:
    world.enqueue()
    world.enqueue()
    world.provider.then(Behaviour(dies=Died))

    world.consume()

    first, second = ids(world)
    assert (world.provider.taken(first), world.provider.taken(second)) == (1, 1)
    assert [message.status for message in world.messages.all] == [Status.UNKNOWN, Status.SUBMITTED]
    assert world.queue.stored == []


def test_a_receipt_that_came_before_the_answer_is_not_taken_back(world: World) -> None:
    world.enqueue()
    (message,) = world.messages.all

    def arrives_first() -> BaseException:
        text = world.provider.text(message.id)
        world.webhook(receipt(text, "delivered", world.clock.now), path_id=message.id)
        return Died()

    world.provider.then(Behaviour(dies=arrives_first))
    world.consume()

    assert world.messages.all[0].status is Status.DELIVERED
    assert world.provider.taken(message.id) == 1
    assert world.queue.stored == []


# ------------------------------------------------------------------------------------ the provider's no


@pytest.mark.parametrize(
    "behaviour",
    [providers.ACCEPTS_AND_HANGS, providers.HANGS, providers.ACCEPTS_THEN_500, providers.FAILS_500,
     providers.ACCEPTS_THEN_DROPS, providers.ACCEPTS_AND_GARBLES],
)  # fmt: skip
def test_an_unclear_send_is_unknown_acknowledged_and_lets_the_line_move_on(
    world: World, behaviour: Behaviour
) -> None:
    world.enqueue()
    world.enqueue()
    world.provider.then(behaviour)

    world.consume()

    assert [message.status for message in world.messages.all] == [Status.UNKNOWN, Status.SUBMITTED]
    assert len(world.provider.requests) == 2
    assert world.queue.stored == []
    assert min(gaps([request.arrived_ms for request in world.provider.requests])) >= INTERVAL_MS


@pytest.mark.parametrize("behaviour", [providers.NO_SUCH_NUMBER, refuses(422, "40302", "Too long")])
def test_a_text_that_the_provider_refuses_for_good_fails_and_lets_the_line_move_on(
    world: World, behaviour: Behaviour
) -> None:
    world.enqueue()
    world.enqueue()
    world.provider.then(behaviour)

    world.consume()

    first, second = world.messages.all
    assert (first.status, first.faults[0].code) == (Status.FAILED, behaviour.code)
    assert second.status is Status.SUBMITTED
    assert world.queue.stored == []


def test_an_unreachable_provider_is_tried_ever_more_rarely_for_as_long_as_the_text_is_valid(
    world: World,
) -> None:
    world.enqueue()
    world.provider.usual = providers.UNREACHABLE

    world.consume()

    (message,) = world.messages.all
    tries = [request.arrived_ms for request in world.provider.requests]
    assert (message.status, message.attempts) == (Status.EXPIRED_UNSENT, 0)
    assert message.faults[0].code == "expired_unsent"
    # 5 s, 30 s, 2 min, then every 10 minutes for a day.
    assert len(tries) < 160
    assert gaps(tries)[0] < gaps(tries)[1] < gaps(tries)[2]
    assert max(gaps(tries)) <= 15 * 60_000
    assert world.queue.stored == []
    assert world.queue.dead == []


def test_a_text_that_is_tried_again_keeps_its_place_before_those_behind_it(world: World) -> None:
    for number in range(3):
        world.enqueue(message=f"number {number}")
    world.provider.then(providers.UNREACHABLE, providers.UNREACHABLE)

    world.consume()

    assert [text.text for text in world.provider.texts] == ["number 0", "number 1", "number 2"]
    assert min(gaps(world.provider.arrivals())) >= INTERVAL_MS


def test_the_same_bytes_go_out_at_every_try(world: World) -> None:
    world.enqueue(message="Grüße 👋")
    world.provider.then(providers.UNREACHABLE, providers.RATE_LIMITED)

    world.consume()

    assert len({request.body for request in world.provider.requests}) == 1
    assert len(world.provider.requests) == 3


@pytest.mark.parametrize(
    "behaviour", [providers.RATE_LIMITED, providers.OVERLOADED, refuses(403, "40318", "Full")]
)
def test_waiting_because_the_provider_asks_for_it_burns_no_attempt(world: World, behaviour: Behaviour) -> None:
    world.enqueue()
    world.provider.then(*[behaviour] * 12)

    world.consume()

    (message,) = world.messages.all
    assert message.status is Status.SUBMITTED
    assert message.attempts == 1
    assert len(world.provider.requests) == 13
    assert world.queue.dead == []


def test_a_long_wait_that_two_recipients_were_asked_for_holds_for_all(world: World) -> None:
    for to in (A, B):
        world.provider.then(refuses(429, "10011", "Slow down", retry_after="30"), to=to)
        world.enqueue(to=to)
    mapping = world.mapping()
    mapping.poll()
    asked_ms = world.clock.now + 29_000
    world.enqueue()

    mapping.run()

    assert min(world.provider.arrivals()) >= asked_ms
    assert len(world.provider.texts) == 3


def test_a_recipient_who_is_always_refused_with_429_holds_up_nobody_else(world: World) -> None:
    world.provider.then(*[refuses(429, "10011", "Slow down", retry_after="2")] * 12, to=A)
    world.enqueue(to=A)
    world.consume(until_ms=world.clock.now + 20_000)
    began = world.clock.now
    world.enqueue(to=B)

    world.consume(until_ms=began + 1_000)

    assert world.provider.arrivals(B)
    world.consume()
    # Ever more rarely, and it left in the end.
    asked = [request.arrived_ms for request in world.provider.requests if request.recipient == A]
    assert len(asked) == 13
    assert gaps(asked)[-1] >= 500_000


def test_a_recipient_who_has_opted_out_since_gets_nothing_and_the_line_moves_on(world: World) -> None:
    world.enqueue()
    world.enqueue(to=A)
    world.webhook(inbound(THEIRS, "stop", world.clock.now, to=OURS))

    world.consume()

    assert world.provider.arrivals(THEIRS) == []
    assert [message.status for message in world.messages.all if message.direction == "outbound"] == [
        Status.SUPPRESSED,
        Status.SUBMITTED,
    ]
    assert world.queue.stored == []


# ------------------------------------------------------------------------- a group that isn't the recipient's


def in_group(world: World, group: str | None, numbers: tuple[int, ...] | None = None) -> dict[str, Any]:
    """What waits in the queue as one batch, those of `numbers` (all) in another group, or in none."""
    event = batch(world, world.queue.take())
    for number, record in enumerate(event["Records"]):
        if numbers is None or number in numbers:
            record["attributes"].pop("MessageGroupId")
            record["attributes"] |= {} if group is None else {"MessageGroupId": group}
    return event


@pytest.mark.parametrize("group", [None, B, "somebody"], ids=["none", "another's", "no-number"])
def test_a_text_without_its_group_keeps_its_own_recipients_distance_and_order(
    world: World, group: str | None
) -> None:
    for number in range(3):
        world.enqueue(to=A, message=f"number {number}")
    world.enqueue(to=C)

    answer = world.invoke("consumer", in_group(world, group), 60_000)

    assert [text.text for text in world.provider.texts if text.recipient == A] == [f"number {n}" for n in range(3)]
    assert min(gaps(world.provider.arrivals(A))) >= INTERVAL_MS
    assert len(world.provider.arrivals(C)) == 1
    assert failed(answer) == []
    assert set(world.limits.limiters) == {recipient_key(A), recipient_key(C)}


def test_a_text_without_its_group_waits_for_its_own_recipients_slot(slow: World) -> None:
    slow.send(to=A)
    before = slow.provider.arrivals(A)
    for _ in range(2):
        slow.enqueue(to=A)

    answer = slow.invoke("consumer", in_group(slow, None), 60_000)
    slow.consume()

    assert failed(answer) != []
    assert len(slow.provider.arrivals(A)) == 3
    assert min(gaps(slow.provider.arrivals(A))) >= SLOW_MS
    assert slow.provider.arrivals(A)[:1] == before


@pytest.mark.parametrize("group", [None, B], ids=["none", "another's"])
def test_a_text_without_its_group_is_held_to_its_own_recipients_opt_out(world: World, group: str | None) -> None:
    world.enqueue(to=A)
    world.enqueue(to=C)
    world.webhook(inbound(A, "stop", world.clock.now, to=OURS))

    answer = world.invoke("consumer", in_group(world, group), 60_000)

    assert world.provider.arrivals(A) == []
    assert len(world.provider.arrivals(C)) == 1
    assert [m.status for m in world.messages.all if m.peer == A and m.direction == "outbound"] == [
        Status.SUPPRESSED
    ]
    assert failed(answer) == []


def test_anothers_opt_out_is_none_of_a_text_that_came_in_their_group(world: World) -> None:
    world.enqueue(to=A)
    world.webhook(inbound(B, "stop", world.clock.now, to=OURS))

    world.invoke("consumer", in_group(world, B), 60_000)

    assert len(world.provider.arrivals(A)) == 1


def test_of_one_recipients_texts_some_without_their_group_none_leaves_out_of_turn(world: World) -> None:
    for number in range(4):
        world.enqueue(to=A, message=f"number {number}")

    answer = world.invoke("consumer", in_group(world, None, (1, 3)), 60_000)
    sent = [text.text for text in world.provider.texts]
    world.consume()

    # The one before it is taken along; what stands behind the line of the batch waits for its next turn.
    assert sent == ["number 0", "number 1", "number 2"]
    assert len(failed(answer)) == 2
    assert [text.text for text in world.provider.texts] == [f"number {n}" for n in range(4)]
    assert min(gaps(world.provider.arrivals(A))) >= INTERVAL_MS
    assert world.queue.stored == []


def test_a_text_without_its_group_is_never_worn_out_by_a_pause(world: World) -> None:
    world.enqueue(to=A)
    world.limits.pause(world.clock.now_ms(), "a test")
    event = in_group(world, None)
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(RENEW_AFTER)

    answer = world.invoke("consumer", event, 60_000)

    assert len(failed(answer)) == len(world.queue.stored) == 1
    assert world.queue.stored[0].group == A


@pytest.mark.parametrize("crash", [Unavailable("The messages table"), ValueError("a bug")], ids=["down", "bug"])
def test_a_text_without_its_group_is_not_lost_where_its_store_fails(crash: Exception) -> None:
    world = make_world()
    world.enqueue(to=A)
    world.messages.trip.fail("recipient_queue", lambda: crash)

    answer = world.invoke("consumer", in_group(world, None), 60_000)
    world.messages.trip.clear()
    world.consume()

    assert len(failed(answer)) == 1
    assert len(world.provider.arrivals(A)) == 1


# -------------------------------------------------------------------------------------- failing stores


@pytest.mark.parametrize(
    ("store", "call"),
    [("messages", "claim"), ("limits", "reserve"), ("limits", "read_gate"), ("provider", "prepare")],
)
def test_a_store_that_fails_before_the_send_sends_nothing_and_the_batch_comes_again_in_order(
    world: World, store: str, call: str
) -> None:
    for number in range(3):
        world.enqueue(message=f"number {number}")
    getattr(world, store).trip.fail(call)
    mapping = world.mapping()

    invocation = mapping.poll()

    assert invocation
    assert world.provider.requests == []
    assert invocation.failed == invocation.queue_ids
    mapping.run()
    assert [text.text for text in world.provider.texts] == ["number 0", "number 1", "number 2"]
    assert world.queue.stored == []


def test_a_claim_whose_answer_was_lost_sends_nothing_twice(world: World) -> None:
    world.enqueue()
    world.messages.trip.fail("claim", after=True)

    world.consume()

    assert len(world.provider.requests) <= 1
    assert world.queue.stored == []
    assert world.messages.all[0].status in (Status.UNKNOWN, Status.SUBMITTED)


def test_an_answer_that_could_not_be_recorded_never_leads_to_a_second_text(world: World) -> None:
    world.enqueue()
    world.enqueue()
    world.messages.trip.fail("submitted")

    world.consume()

    first, second = ids(world)
    assert (world.provider.taken(first), world.provider.taken(second)) == (1, 1)
    assert world.queue.stored == []


@pytest.mark.parametrize("call", ["hide", "delete"])
def test_a_queue_that_fails_to_hide_or_delete_loses_and_doubles_nothing(world: World, call: str) -> None:
    for number in range(5):
        world.enqueue(message=f"number {number}")
    world.queue.trip.fail(call)

    world.consume()

    assert [text.text for text in world.provider.texts] == [f"number {number}" for number in range(5)]
    assert min(gaps(world.provider.arrivals())) >= INTERVAL_MS
    assert world.queue.stored == []


def test_every_number_in_the_log_is_masked_and_no_text_is_in_it(world: World) -> None:
    world.enqueue(message="a secret")
    world.provider.then(providers.UNREACHABLE, providers.NO_SUCH_NUMBER)

    world.consume()

    log = repr(world.logger.lines)
    assert world.logger.lines
    assert "a secret" not in log
    assert THEIRS not in log
