"""The consumer: what it reports to the queue, what can't be sent, and what is delivered again."""

import uuid

import pytest

from longcode.aws import queue
from longcode.domain import pacing
from longcode.domain.message import CLAIM_MS
from longcode.domain.pacing import recipient_key
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.backlog import waiting
from tests.functional.consumer_steps import INTERVAL_MS, SLOW_MS, A, B, batch, failed, gaps, ids
from tests.support.fakes import THEIRS, FakeClock, FakeQueue, World, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.examples import make_message
from tests.support.fakes.fault_injector import Died
from tests.support.fakes.provider import Behaviour
from tests.support.fakes.webhooks import receipt
from tests.support.places import got

# ---------------------------------------------------------------------------- what the queue gets back


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


def test_one_recipients_batch_is_deleted_by_its_answer_and_that_of_several_by_each_as_it_is_done(
    world: World,
) -> None:
    for others in (0, 2):
        texts = {world.enqueue(to).fields["message_id"] for to in (THEIRS, *(A, B)[:others])}
        world.queue.faults.calls.clear()
        world.messages.faults.calls.clear()

        invocation = world.mapping().poll()

        assert invocation
        assert (invocation.failed, list(world.queue.stored)) == ([], [])
        assert {text.key for text in world.provider.texts} >= texts
        assert world.queue.faults.calls.count("delete") == (others and others + 1)
        # All of them in one read.
        assert world.messages.faults.count("read") == 1
        world.clock.pass_ms(INTERVAL_MS)


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


def test_a_recipient_queue_that_is_slower_than_an_invocation_keeps_its_order_its_distance_and_its_receives(
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

    # One slot for each text: reserved twice, the recipient queue would be held up for nothing.
    reserved = world.limits.limiters[recipient_key(THEIRS)].tat_ms or 0
    assert reserved - world.provider.arrivals()[0] <= 12 * 1_020 + 100


def test_a_text_that_kept_an_older_slot_keeps_its_distance_to_those_whose_slots_were_moved(world: World) -> None:
    for number in range(30):
        # Until it is known how fast the provider answers, each text counts as late.
        world.enqueue(f"+120255501{number + 30}")
    world.consume()
    for _ in range(11):
        world.enqueue()
    *moved, behind = ids(world)[30:]
    for number, ident in enumerate(moved):
        world.messages.hold(
            got(world.messages, ident), world.clock.now + 1_000 + number * 1_020, HeldBy.RECIPIENT_RATE
        )
    # Of another batch: it was not at hand when those before it had to wait longer.
    world.messages.hold(got(world.messages, behind), world.clock.now - 60_000, HeldBy.RECIPIENT_RATE)

    world.consume()

    assert [text.key for text in world.provider.texts[30:]] == [*moved, behind]
    assert min(gaps(world.provider.arrivals()[30:])) >= INTERVAL_MS


def test_a_failed_text_is_named_with_every_later_one_of_its_group_and_no_other(world: World) -> None:
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


# ---------------------------------------------------------------------------------- what can't be sent


@pytest.mark.parametrize(
    "body",
    ["", "not json", "[]", "null", "7", "{}", '{"v":1}', '{"v":0,"id":"40385f64-5717-4562-b3fc-2c963f66afa6"}',
     '{"v":true,"id":"40385f64-5717-4562-b3fc-2c963f66afa6"}', '{"v":"3"}', '{"v":1.5}', '{"v":2,"id":"message"}',
     '{"v":1,"id":7}', '{"v":1,"id":"message"}', "[" * 50_000],
    ids=lambda body: body[:12],
)  # fmt: skip
def test_an_unreadable_message_is_dropped_counted_and_logged_once_and_blocks_no_other(
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
def test_what_only_a_later_release_can_read_waits_for_it_with_its_recipient_queue_and_holds_up_no_other(
    whole_groups: bool,
) -> None:
    clock = FakeClock()
    world = make_world(clock=clock, queue=FakeQueue(clock, whole_groups=whole_groups))
    for message in ("one", "two", "three"):
        world.enqueue(message=message)
    world.enqueue(to=B)
    later = world.queue.stored[1]
    ours, later.body = later.body, '{"v":3,"to":"a-number"}'

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
    world.queue.faults.fail("hide")

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


def test_a_second_delivery_has_a_line_that_names_its_text(world: World) -> None:
    world.enqueue()
    world.consume()
    world.queue.append(queue.body(ids(world)[0]), THEIRS, "again")
    world.logger.lines.clear()

    world.consume()

    (line,) = world.logger.lines
    assert line.event == "queue.redelivered"
    assert line.fields == {"message_id": ids(world)[0], "status": "submitted"}


@pytest.mark.parametrize("concurrency", [1, 5])
@pytest.mark.parametrize("first", [providers.ACCEPTS, providers.ACCEPTS_AND_HANGS, providers.RATE_LIMITED])
def test_a_recipient_queue_that_stands_in_the_queue_twice_leaves_once_and_in_its_order(
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
def test_a_message_that_was_dealt_with_is_not_sent_and_blocks_no_other(world: World, status: Status) -> None:
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
    (line,) = world.logger.of("claim.lost")
    assert line.fields["message_id"] == first


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
