"""The second look: what fell between two steps is settled by evidence, and never by a guess."""

from collections.abc import Sequence

import pytest

from longcode.attempt import REPLAY_AFTER_MS
from longcode.message import ENQUEUE_CHECK_MS, Fault, Status
from longcode.ports import Waiting
from longcode.sweep import FIRST_EVIDENCE_MS, GIVE_UP_MS
from tests.fakes import OURS, THEIRS, World, make_settings, make_world
from tests.fakes import carrier as carriers
from tests.fakes.carrier import Behaviour
from tests.fakes.tripwire import Died
from tests.fakes.webhooks import receipt

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def sweep_for(world: World, duration_ms: int, every_ms: int = MINUTE) -> None:
    """Let the sweeper run again and again, and the consumer do what it puts into the queue."""
    end = world.clock.now + duration_ms
    while world.clock.now < end:
        world.clock.pass_ms(every_ms)
        world.sweep()


def unknown(world: World, behaviour: Behaviour = carriers.ACCEPTS_AND_HANGS) -> str:
    """A text of which nobody knows whether it went out."""
    world.carrier.then(behaviour)
    ident: str = world.send().fields["message_id"]
    message = world.messages.get(ident)
    assert message
    assert message.status is Status.UNKNOWN
    return ident


def status(world: World, ident: str) -> Status:
    message = world.messages.get(ident)
    assert message
    return message.status


# ------------------------------------------------------------------------------------------ lost enqueues


def test_a_text_that_never_got_into_the_queue_gets_there(world: World) -> None:
    world.queue.trip.fail("put")
    world.enqueue()
    assert world.queue.stored == []

    sweep_for(world, ENQUEUE_CHECK_MS + MINUTE)
    world.consume()

    assert len(world.carrier.texts) == 1
    assert world.messages.all[0].status is Status.SUBMITTED


def test_a_text_that_is_in_the_queue_already_is_not_sent_twice_for_the_second_look(world: World) -> None:
    world.limits.pause(world.clock.now, "closed")
    world.enqueue()
    world.consume(until_ms=world.clock.now + 1)
    sweep_for(world, 10 * MINUTE)
    world.limits.resume()

    world.consume()

    assert len(world.carrier.texts) == 1
    assert world.queue.stored == []


def test_a_text_that_has_waited_longer_than_it_is_valid_is_not_sent_any_more() -> None:
    world = make_world(make_settings(validity_minutes=60))
    world.limits.pause(world.clock.now, "closed")
    ident = world.enqueue().fields["message_id"]

    sweep_for(world, HOUR + 5 * MINUTE)
    world.limits.resume()
    world.consume()

    assert world.carrier.requests == []
    assert status(world, ident) is Status.EXPIRED_UNSENT
    assert world.queue.stored == []
    assert world.status(ident).fields["errors"][0]["code"] == "expired_unsent"


# --------------------------------------------------------------------------------------------- dead claims


def test_a_claim_whose_invocation_died_becomes_unknown_and_not_sent_again(world: World) -> None:
    world.carrier.then(Behaviour(dies=Died))
    with pytest.raises(Died):
        world.send()
    assert world.messages.all[0].status is Status.SENDING

    sweep_for(world, 90_000, every_ms=30_000)

    (message,) = world.messages.all
    assert message.status is Status.UNKNOWN
    assert len(world.carrier.requests) == 1


# ------------------------------------------------------------------------------------------------ unknowns


def test_an_unknown_text_that_the_carrier_has_on_record_was_sent(world: World) -> None:
    ident = unknown(world)

    sweep_for(world, FIRST_EVIDENCE_MS + MINUTE)

    message = world.messages.get(ident)
    assert message
    assert (message.status, message.telnyx_id) == (Status.SUBMITTED, world.carrier.text(ident).telnyx_id)
    assert len(world.carrier.requests) == 1


def test_nothing_is_replayed_while_a_receipt_may_still_come(world: World) -> None:
    world.carrier.shows_queued = False
    ident = unknown(world)

    sweep_for(world, REPLAY_AFTER_MS - MINUTE)
    assert len(world.carrier.requests) == 1
    world.webhook(receipt(world.carrier.text(ident), "delivered", world.clock.now), path_id=ident)
    sweep_for(world, HOUR)

    assert len(world.carrier.requests) == 1
    assert status(world, ident) is Status.DELIVERED


@pytest.mark.parametrize("behaviour", [carriers.ACCEPTS_AND_HANGS, carriers.HANGS], ids=["taken", "not-taken"])
def test_an_unknown_text_without_evidence_is_replayed_once_under_its_key(
    world: World, behaviour: Behaviour
) -> None:
    world.carrier.shows_queued = False
    ident = unknown(world, behaviour)

    sweep_for(world, 2 * HOUR)

    first, second = world.carrier.requests
    assert (first.key, first.body) == (second.key, second.body)
    assert world.carrier.taken(ident) == 1
    assert status(world, ident) is Status.SUBMITTED


def test_where_replays_are_turned_off_nothing_is_asked_for_a_second_time() -> None:
    world = make_world(make_settings(ambiguous_sends="hold"))
    world.carrier.shows_queued = False
    ident = unknown(world, carriers.HANGS)

    sweep_for(world, 2 * DAY, every_ms=HOUR)

    assert len(world.carrier.requests) == 1
    assert status(world, ident) is Status.UNKNOWN


def test_a_carrier_that_ignores_keys_and_never_tells_gets_five_replays_at_most(world: World) -> None:
    """Where the promise ends: each replay that it takes without a word is a text. docs/guarantees.md says so."""
    world.carrier.shows_queued = False
    world.carrier.honours_keys = False
    ident = unknown(world, carriers.HANGS)
    world.carrier.usual = carriers.ACCEPTS_AND_HANGS

    sweep_for(world, 2 * DAY, every_ms=HOUR // 2)

    ages = [request.arrived_ms - world.carrier.requests[0].arrived_ms for request in world.carrier.requests[1:]]
    assert [age // HOUR for age in ages] == [0, 1, 4, 10, 21]
    assert world.carrier.taken(ident) == 5


def test_no_replay_is_made_when_the_carrier_may_have_forgotten_the_key(world: World) -> None:
    world.carrier.shows_queued = False
    unknown(world, carriers.HANGS)
    world.clock.pass_ms(23 * HOUR)

    sweep_for(world, 2 * HOUR)

    assert len(world.carrier.requests) == 1


@pytest.mark.parametrize(
    "behaviour",
    [carriers.RATE_LIMITED, carriers.UNREACHABLE, carriers.NO_FUNDS],
    ids=["429", "unreachable", "funds"],
)
def test_a_replay_that_was_proven_unsent_may_be_made_again(world: World, behaviour: Behaviour) -> None:
    world.carrier.shows_queued = False
    ident = unknown(world, carriers.HANGS)
    world.carrier.then(behaviour)

    sweep_for(world, 3 * HOUR)

    assert len(world.carrier.requests) == 3
    assert world.carrier.taken(ident) == 1
    assert status(world, ident) is Status.SUBMITTED


def test_whoever_comes_next_keeps_a_distance_from_a_replay_before_it_has_left(world: World) -> None:
    unknown(world, carriers.HANGS)
    asked_ms: list[int] = []
    kept_ms: list[int | None] = []

    def taken(_text: object) -> None:
        asked_ms.append(world.clock.now)
        kept_ms.append(world.limits.look(THEIRS, OURS).recipient.not_before_ms)

    world.carrier.on_taken = taken
    sweep_for(world, REPLAY_AFTER_MS + 2 * MINUTE)

    (asked,), (kept,) = asked_ms, kept_ms
    assert kept
    assert kept >= asked + 1000


def test_a_replay_that_the_carrier_refuses_for_good_ends_the_text(world: World) -> None:
    world.carrier.shows_queued = False
    ident = unknown(world, carriers.HANGS)
    world.carrier.then(carriers.NO_SUCH_NUMBER)

    sweep_for(world, HOUR)

    assert status(world, ident) is Status.FAILED
    assert world.carrier.texts == []


# ------------------------------------------------------------------------------------- missing receipts


@pytest.mark.parametrize(
    ("word", "expected"),
    [("delivered", Status.DELIVERED), ("delivery_failed", Status.DELIVERY_FAILED), ("sent", Status.SENT)],
)
def test_a_receipt_that_never_came_is_read_back(world: World, word: str, expected: Status) -> None:
    ident = world.send().fields["message_id"]
    world.carrier.finish(ident, word, Fault("40008", "Undeliverable"))

    sweep_for(world, 30 * MINUTE)

    assert status(world, ident) is expected
    # Nobody may take it for a webhook that came.
    told = world.status(ident).fields["history"][-1]
    assert (told["status"], told["source"]) == (word, "sweeper")


def test_a_text_whose_receipt_came_is_not_looked_at_again(world: World) -> None:
    ident = world.send().fields["message_id"]
    world.webhook(receipt(world.carrier.text(ident), "delivered", world.clock.now), path_id=ident)

    sweep_for(world, 2 * HOUR)

    assert world.carrier.trip.count("record_of") == 0


def test_when_the_carriers_records_are_gone_a_text_stays_unconfirmed(world: World) -> None:
    ident = world.send().fields["message_id"]

    sweep_for(world, GIVE_UP_MS + 2 * DAY, every_ms=6 * HOUR)

    assert status(world, ident) is Status.DELIVERY_UNCONFIRMED
    assert len(world.carrier.requests) == 1


def test_later_evidence_replaces_what_was_given_up(world: World) -> None:
    ident = world.send().fields["message_id"]
    sweep_for(world, GIVE_UP_MS + 2 * DAY, every_ms=6 * HOUR)

    world.webhook(receipt(world.carrier.text(ident), "delivered", world.clock.now), path_id=ident)

    assert status(world, ident) is Status.DELIVERED


# -------------------------------------------------------------------------------------------- its bounds


def test_a_run_ends_in_time_and_the_next_goes_on_where_it_stopped(world: World) -> None:
    world.queue.trip.fail("put", times=40)
    for number in range(40):
        world.enqueue(to=f"+1202555{101 + number:04}")
    world.clock.pass_ms(10 * MINUTE)
    append = world.queue.put

    def slow(texts: Sequence[Waiting], mark: str = "") -> None:
        world.clock.pass_ms(12_000)
        append(texts, mark)

    world.queue.put = slow  # type: ignore[method-assign]
    start = world.clock.now
    world.sweep()
    first = len(world.queue.stored)

    assert 1 <= first < 40
    assert world.clock.now - start <= 40_000
    for _ in range(5):
        world.sweep()
    assert len(world.queue.stored) == 40


def test_a_sweep_of_nothing_looks_at_nothing(world: World) -> None:
    assert world.sweep() == 0
