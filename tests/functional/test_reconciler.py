"""The reconciler settles what fell between two steps by evidence, and never by a guess."""

import uuid
from collections.abc import Sequence

import pytest

from longcode.domain.message import CLAIM_MS, ENQUEUE_CHECK_MS, RECEIPT_CHECK_MS, Fault
from longcode.domain.status import Status
from longcode.use_cases.ports import Waiting
from longcode.use_cases.reconcile import FIRST_EVIDENCE_MS, GIVE_UP_MS
from longcode.use_cases.send_attempt import REPLAY_AFTER_MS
from tests.support.fakes import OURS, THEIRS, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.examples import accepted, make_message
from tests.support.fakes.fault_injector import Died
from tests.support.fakes.provider import Behaviour
from tests.support.fakes.webhooks import receipt

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def reconcile_for(world: World, duration_ms: int, every_ms: int = MINUTE) -> None:
    """Let the reconciler run again and again, and the consumer do what it puts into the queue."""
    end = world.clock.now + duration_ms
    while world.clock.now < end:
        world.clock.pass_ms(every_ms)
        world.reconcile()


def unknown(world: World, behaviour: Behaviour = providers.ACCEPTS_AND_HANGS) -> str:
    """A text of which it is not known whether it went out."""
    world.provider.then(behaviour)
    ident: str = world.send().fields["message_id"]
    message = world.messages.get(ident)
    assert message
    assert message.status is Status.UNKNOWN
    return ident


def leaves(world: World, *, dies: bool) -> str:
    """A text that was claimed just now, and left, unless the invocation died."""
    now = world.clock.now
    text = make_message(
        status=Status.SENDING, route="send", claim_id="mine", claimed_ms=now, accepted_ms=now, updated_ms=now
    )
    assert world.messages.accept(text) is None
    if not dies:
        assert world.messages.submitted(text, accepted(str(uuid.uuid4())), now)
    return text.id


def status(world: World, ident: str) -> Status:
    message = world.messages.get(ident)
    assert message
    return message.status


# ------------------------------------------------------------------------------------------ lost enqueues


def test_a_text_that_never_got_into_the_queue_gets_there(world: World) -> None:
    world.queue.faults.fail("put")
    world.enqueue()
    assert world.queue.stored == []

    reconcile_for(world, ENQUEUE_CHECK_MS + MINUTE)
    world.consume()

    assert len(world.provider.texts) == 1
    assert world.messages.all[0].status is Status.SUBMITTED


def test_a_text_that_is_in_the_queue_already_is_not_sent_twice_for_the_second_look(world: World) -> None:
    world.limits.pause(world.clock.now, "closed")
    world.enqueue()
    world.consume(until_ms=world.clock.now + 1)
    reconcile_for(world, 10 * MINUTE)
    world.limits.resume()

    world.consume()

    assert len(world.provider.texts) == 1
    assert world.queue.stored == []


def test_a_text_that_has_waited_longer_than_it_is_valid_is_not_sent_any_more() -> None:
    world = make_world(make_settings(validity_minutes=60))
    world.limits.pause(world.clock.now, "closed")
    ident = world.enqueue().fields["message_id"]

    reconcile_for(world, HOUR + 5 * MINUTE)
    world.limits.resume()
    world.consume()

    assert world.provider.requests == []
    assert status(world, ident) is Status.EXPIRED_UNSENT
    assert world.queue.stored == []
    assert world.status(ident).fields["errors"][0]["code"] == "expired_unsent"


# --------------------------------------------------------------------------------------------- dead claims


def test_a_claim_whose_invocation_died_becomes_unknown_and_not_sent_again(world: World) -> None:
    world.provider.then(Behaviour(dies=Died))
    with pytest.raises(Died):
        world.send()
    assert world.messages.all[0].status is Status.SENDING

    reconcile_for(world, 90_000, every_ms=30_000)

    (message,) = world.messages.all
    assert message.status is Status.UNKNOWN
    assert len(world.provider.requests) == 1


def test_dead_claims_are_found_in_time_while_no_receipt_of_a_campaign_comes(world: World) -> None:
    """Each text without a final receipt stands where the claims do. Here they are more than one run looks at."""
    world.provider.faults.fail("record_of", times=1_000)
    died: dict[str, int] = {}
    found: dict[str, int] = {}
    for _ in range(22):
        for _ in range(300):
            leaves(world, dies=False)
        died[leaves(world, dies=True)] = world.clock.now
        world.clock.pass_ms(MINUTE)
        world.reconcile()
        for ident in died:
            if status(world, ident) is Status.UNKNOWN:
                found.setdefault(ident, world.clock.now)

    assert len(world.messages.old_claims(world.clock.now, 100_000)) > 5_000
    # All but those of the last run.
    assert list(found) == list(died)[:-1]
    assert max(found[ident] - died[ident] for ident in found) <= CLAIM_MS + MINUTE


def test_a_dead_claim_is_found_when_the_reconciler_was_away_for_long(world: World) -> None:
    dead = leaves(world, dies=True)
    world.clock.pass_ms(1)
    for _ in range(5_100):
        leaves(world, dies=False)
    world.clock.pass_ms(RECEIPT_CHECK_MS + MINUTE)

    world.reconcile()

    assert status(world, dead) is Status.UNKNOWN


# ------------------------------------------------------------------------------------------------ unknowns


def test_an_unknown_text_that_the_provider_has_on_record_was_sent(world: World) -> None:
    ident = unknown(world)

    reconcile_for(world, FIRST_EVIDENCE_MS + MINUTE)

    message = world.messages.get(ident)
    assert message
    assert (message.status, message.telnyx_id) == (Status.SUBMITTED, world.provider.text(ident).telnyx_id)
    assert len(world.provider.requests) == 1


def test_nothing_is_replayed_while_a_receipt_may_still_come(world: World) -> None:
    world.provider.shows_queued = False
    ident = unknown(world)

    reconcile_for(world, REPLAY_AFTER_MS - MINUTE)
    assert len(world.provider.requests) == 1
    world.webhook(receipt(world.provider.text(ident), "delivered", world.clock.now), path_id=ident)
    reconcile_for(world, HOUR)

    assert len(world.provider.requests) == 1
    assert status(world, ident) is Status.DELIVERED


@pytest.mark.parametrize("behaviour", [providers.ACCEPTS_AND_HANGS, providers.HANGS], ids=["taken", "not-taken"])
def test_an_unknown_text_without_evidence_is_replayed_once_under_its_key(
    world: World, behaviour: Behaviour
) -> None:
    world.provider.shows_queued = False
    ident = unknown(world, behaviour)

    reconcile_for(world, 2 * HOUR)

    first, second = world.provider.requests
    assert (first.key, first.body) == (second.key, second.body)
    assert world.provider.taken(ident) == 1
    assert status(world, ident) is Status.SUBMITTED


def test_where_replays_are_turned_off_nothing_is_asked_for_a_second_time() -> None:
    world = make_world(make_settings(ambiguous_sends="hold"))
    world.provider.shows_queued = False
    ident = unknown(world, providers.HANGS)

    reconcile_for(world, 2 * DAY, every_ms=HOUR)

    assert len(world.provider.requests) == 1
    assert status(world, ident) is Status.UNKNOWN


def test_a_provider_that_ignores_keys_and_never_tells_gets_five_replays_at_most(world: World) -> None:
    """Where the promise ends: each replay that it takes without a word is a text. docs/guarantees.md says so."""
    world.provider.shows_queued = False
    world.provider.honours_keys = False
    ident = unknown(world, providers.HANGS)
    world.provider.usual = providers.ACCEPTS_AND_HANGS

    reconcile_for(world, 2 * DAY, every_ms=HOUR // 2)

    ages = [request.arrived_ms - world.provider.requests[0].arrived_ms for request in world.provider.requests[1:]]
    assert [age // HOUR for age in ages] == [0, 1, 4, 10, 21]
    assert world.provider.taken(ident) == 5


def test_no_replay_is_made_when_the_provider_may_have_forgotten_the_key(world: World) -> None:
    world.provider.shows_queued = False
    unknown(world, providers.HANGS)
    world.clock.pass_ms(23 * HOUR)

    reconcile_for(world, 2 * HOUR)

    assert len(world.provider.requests) == 1


@pytest.mark.parametrize(
    "behaviour",
    [providers.RATE_LIMITED, providers.UNREACHABLE, providers.NO_FUNDS],
    ids=["429", "unreachable", "funds"],
)
def test_a_replay_that_was_proven_unsent_may_be_made_again(world: World, behaviour: Behaviour) -> None:
    world.provider.shows_queued = False
    ident = unknown(world, providers.HANGS)
    world.provider.then(behaviour)

    reconcile_for(world, 3 * HOUR)

    assert len(world.provider.requests) == 3
    assert world.provider.taken(ident) == 1
    assert status(world, ident) is Status.SUBMITTED


def test_the_text_that_comes_next_keeps_a_distance_from_a_replay_before_it_has_left(world: World) -> None:
    unknown(world, providers.HANGS)
    asked_ms: list[int] = []
    kept_ms: list[int | None] = []

    def taken(_text: object) -> None:
        asked_ms.append(world.clock.now)
        kept_ms.append(world.limits.read_gate(THEIRS, OURS).recipient.not_before_ms)

    world.provider.on_taken = taken
    reconcile_for(world, REPLAY_AFTER_MS + 2 * MINUTE)

    (asked,), (kept,) = asked_ms, kept_ms
    assert kept
    assert kept >= asked + 1000


def test_a_replay_that_the_provider_refuses_for_good_ends_the_text(world: World) -> None:
    world.provider.shows_queued = False
    ident = unknown(world, providers.HANGS)
    world.provider.then(providers.NO_SUCH_NUMBER)

    reconcile_for(world, HOUR)

    assert status(world, ident) is Status.FAILED
    assert world.provider.texts == []


# ------------------------------------------------------------------------------------- missing receipts


@pytest.mark.parametrize(
    ("word", "expected"),
    [("delivered", Status.DELIVERED), ("delivery_failed", Status.DELIVERY_FAILED), ("sent", Status.SENT)],
)
def test_a_receipt_that_never_came_is_read_back(world: World, word: str, expected: Status) -> None:
    ident = world.send().fields["message_id"]
    world.provider.finish(ident, word, Fault("40008", "Undeliverable"))

    reconcile_for(world, 30 * MINUTE)

    assert status(world, ident) is expected
    # It must not look like a webhook that came.
    entry = world.status(ident).fields["history"][-1]
    assert (entry["status"], entry["source"]) == (word, "reconciler")


def test_a_final_receipt_that_is_lost_after_an_earlier_one_is_read_back(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    world.consume()
    text = world.provider.text(ident)
    world.webhook(receipt(text, "sent", world.clock.now), path_id=ident)
    world.provider.finish(ident, "delivered")

    reconcile_for(world, RECEIPT_CHECK_MS - MINUTE)
    assert status(world, ident) is Status.SENT
    reconcile_for(world, 2 * MINUTE)

    assert status(world, ident) is Status.DELIVERED
    assert world.provider.faults.count("record_of") == 1


def test_a_receipt_that_comes_late_gives_the_next_one_as_much_time(world: World) -> None:
    ident = world.send().fields["message_id"]
    reconcile_for(world, 10 * MINUTE)
    world.webhook(receipt(world.provider.text(ident), "sent", world.clock.now), path_id=ident)

    reconcile_for(world, RECEIPT_CHECK_MS - MINUTE)
    assert world.provider.faults.count("record_of") == 0
    reconcile_for(world, MINUTE)

    assert world.provider.faults.count("record_of") == 1


def test_a_text_whose_receipt_came_is_not_looked_at_again(world: World) -> None:
    ident = world.send().fields["message_id"]
    world.webhook(receipt(world.provider.text(ident), "delivered", world.clock.now), path_id=ident)

    reconcile_for(world, 2 * HOUR)

    assert world.provider.faults.count("record_of") == 0


def test_when_the_providers_records_are_gone_a_text_stays_unconfirmed(world: World) -> None:
    ident = world.send().fields["message_id"]

    reconcile_for(world, GIVE_UP_MS + 2 * DAY, every_ms=6 * HOUR)

    assert status(world, ident) is Status.DELIVERY_UNCONFIRMED
    assert len(world.provider.requests) == 1


def test_later_evidence_replaces_what_was_given_up(world: World) -> None:
    ident = world.send().fields["message_id"]
    reconcile_for(world, GIVE_UP_MS + 2 * DAY, every_ms=6 * HOUR)

    world.webhook(receipt(world.provider.text(ident), "delivered", world.clock.now), path_id=ident)

    assert status(world, ident) is Status.DELIVERED


# -------------------------------------------------------------------------------------------- its bounds


def test_a_run_ends_in_time_and_the_next_goes_on_where_it_stopped(world: World) -> None:
    world.queue.faults.fail("put", times=40)
    for number in range(40):
        world.enqueue(to=f"+1202555{101 + number:04}")
    world.clock.pass_ms(10 * MINUTE)
    append = world.queue.put

    def slow(texts: Sequence[Waiting], mark: str = "") -> None:
        world.clock.pass_ms(12_000)
        append(texts, mark)

    world.queue.put = slow  # type: ignore[method-assign]
    start = world.clock.now
    world.reconcile()
    first = len(world.queue.stored)

    assert 1 <= first < 40
    assert world.clock.now - start <= 40_000
    for _ in range(5):
        world.reconcile()
    assert len(world.queue.stored) == 40


def test_with_nothing_due_the_reconciler_looks_at_nothing(world: World) -> None:
    assert world.reconcile() == 0
