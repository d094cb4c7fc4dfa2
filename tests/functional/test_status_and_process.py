"""GET /sms/status/{id}, POST /sms/queue/process, GET /health; and the whole way of a text through all routes."""

import itertools
import uuid

import pytest

from longcode.aws import queue
from longcode.domain.message import epoch_ms
from longcode.domain.status import Status
from tests.support.fakes import OURS, THEIRS, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.webhooks import inbound, receipt

OTHER = "+12025550124"


def test_a_text_goes_the_whole_way_from_the_queue_to_its_delivery(world: World) -> None:
    """Queue -> consumer -> provider -> signed webhooks -> status."""
    ident = world.enqueue(message="Your parcel comes at 10.", metadata={"order": "A-17"}).fields["message_id"]
    assert world.status(ident).fields["status"] == "queued"

    world.consume()
    assert world.status(ident).fields["status"] == "submitted"
    text = world.provider.text(ident)
    world.clock.pass_ms(300)
    world.webhook(receipt(text, "sent", world.clock.now), path_id=ident)
    assert world.status(ident).fields["status"] == "sent"
    world.clock.pass_ms(2_000)
    world.webhook(receipt(text, "delivered", world.clock.now), path_id=ident)

    fields = world.status(ident).fields
    assert fields["status"] == "delivered"
    assert (fields["message_id"], fields["telnyx_id"], fields["direction"]) == (ident, text.telnyx_id, "outbound")
    assert (fields["from"], fields["to"], fields["recipient"]) == (OURS, THEIRS, THEIRS)
    assert (fields["text"], fields["metadata"]) == ("Your parcel comes at 10.", {"order": "A-17"})
    assert (fields["segments"], fields["attempts"], fields["errors"]) == (1, 1, [])
    assert fields["cost"] == {"amount": "0.0051", "currency": "USD"}
    assert epoch_ms(fields["completed_at"]) == world.clock.now
    words = [entry["status"] for entry in fields["history"]]
    assert [word for word in words if word in ("submitted", "sent", "delivered")] == [
        "submitted",
        "sent",
        "delivered",
    ]
    times = [entry["at"] for entry in fields["history"]]
    assert times == sorted(times)
    assert not {"position", "eta", "held_by"} & set(fields)


def test_a_message_is_found_by_the_providers_id_too(world: World) -> None:
    ident = world.send().fields["message_id"]

    by_theirs = world.status(world.provider.text(ident).telnyx_id)

    assert by_theirs.status == 200
    assert by_theirs.fields == world.status(ident).fields


def test_an_id_is_found_whatever_its_case(world: World) -> None:
    ident = world.send().fields["message_id"]

    assert world.status(ident.upper()).fields["message_id"] == ident


def test_a_waiting_text_says_its_place_its_time_and_what_it_waits_for(world: World) -> None:
    world.enqueue()
    ident = world.enqueue().fields["message_id"]

    fields = world.status(ident).fields

    assert (fields["status"], fields["position"], fields["held_by"]) == ("queued", 2, "recipient_rate")
    assert 0 <= (epoch_ms(fields["eta"]) or 0) - world.clock.now <= 2_100


def test_a_text_that_the_provider_refused_says_why(world: World) -> None:
    world.provider.then(providers.NO_SUCH_NUMBER)
    ident = world.send().fields["message_id"]

    fields = world.status(ident).fields

    assert fields["status"] == "failed"
    assert [error["code"] for error in fields["errors"]] == ["40310"]


def test_an_inbound_text_says_what_the_provider_answered(world: World) -> None:
    ident = str(uuid.uuid4())
    world.webhook(inbound(THEIRS, "HELP", world.clock.now, to=OURS, telnyx_id=ident, autoresponse="HELP"))

    fields = world.status(ident).fields

    assert (fields["status"], fields["autoresponse"], fields["is_spam"]) == ("received", "HELP", False)
    assert fields["media"] == []


def test_a_store_that_fails_is_503_and_no_404(world: World) -> None:
    ident = world.send().fields["message_id"]
    world.messages.faults.fail("find")

    assert world.status(ident).status == 503
    assert world.status(ident).status == 200


# ------------------------------------------------------------------------------------------------ process


def test_a_drain_sends_what_is_there_and_names_each_result(world: World) -> None:
    world.enqueue()
    world.enqueue(to=OTHER)

    reply = world.process()

    assert len(world.provider.texts) == 2
    assert world.queue.stored == []
    assert reply.status == 200
    assert (reply.fields["processed"], reply.fields["failed"], reply.fields["remaining"]) == (2, 0, 0)
    rows = {row["message_id"]: row for row in reply.fields["results"]}
    for text in world.provider.texts:
        row = rows[text.key]
        assert (row["status"], row["to"], row["telnyx_id"]) == ("queued", text.recipient, text.telnyx_id)
        assert (row["from"], row["segments"]) == (OURS, 1)


def test_a_drain_of_nothing_has_no_results(world: World) -> None:
    assert world.process().fields == {"processed": 0, "failed": 0, "results": [], "remaining": 0}


def test_a_drain_keeps_the_pace_and_ends_within_the_gateways_limit(world: World) -> None:
    for _ in range(60):
        world.enqueue()
    start = world.clock.now

    reply = world.process()

    arrivals = world.provider.arrivals()
    assert world.clock.now - start <= 29_000
    assert 1 <= len(arrivals) < 60
    assert min(later - earlier for earlier, later in itertools.pairwise(arrivals)) >= 1_000
    assert reply.fields["processed"] == len(arrivals)
    assert reply.fields["remaining"] == len(world.queue.stored) == 60 - len(arrivals)
    assert max(world.queue.receives.values()) <= 3


@pytest.mark.parametrize("behaviour", [providers.SLOW, providers.HANGS, providers.UNREACHABLE])
def test_a_drain_ends_within_the_gateways_limit_whatever_the_provider_does(
    world: World, behaviour: providers.Behaviour
) -> None:
    world.provider.usual = behaviour
    for _ in range(20):
        world.enqueue()
    start = world.clock.now

    world.process()

    assert world.clock.now - start <= 29_000


def test_a_drain_and_the_consumer_never_send_the_same_text_twice(world: World) -> None:
    for _ in range(30):
        world.enqueue()

    world.process()
    world.consume()

    assert len(world.provider.texts) == 30
    assert len({text.key for text in world.provider.texts}) == 30


def test_a_drain_deletes_what_is_done_also_of_a_recipient_who_has_to_wait(world: World) -> None:
    world.enqueue()
    world.process()
    (sent,) = world.messages.all
    world.limits.open_breaker(world.clock.now, world.clock.now, "10009 Authentication failed")
    world.provider.usual = providers.BAD_KEY
    world.enqueue("+12025550199")
    world.queue.append(queue.body(sent.id), THEIRS, "again")
    world.enqueue()

    world.process()

    assert len(world.provider.requests) == 2
    assert {message.status for message in world.messages.all} == {Status.SUBMITTED, Status.QUEUED}
    assert sent.id not in {queue.read_body(stored.body) for stored in world.queue.stored}


def test_a_drain_names_what_failed_and_why(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    world.provider.then(providers.NO_SUCH_NUMBER)
    world.queue.append('{"v":1}', OTHER, "odd")

    reply = world.process()

    assert world.queue.stored == []
    assert (reply.fields["processed"], reply.fields["failed"]) == (0, 2)
    rows = {row.get("message_id"): row for row in reply.fields["results"]}
    assert (rows[ident]["code"], rows[ident]["status"], rows[ident]["to"]) == ("40310", "failed", THEIRS)
    assert rows[None]["code"] == "unknown_message"


def test_a_text_that_was_sent_before_is_no_result(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    world.queue.duplicate(ident)

    reply = world.process()

    assert len(world.provider.texts) == 1
    assert (reply.fields["processed"], reply.fields["failed"]) == (1, 0)
    assert world.queue.stored == []


def test_an_unclear_send_in_a_drain_is_no_success(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    world.provider.then(providers.ACCEPTS_AND_HANGS)

    reply = world.process()

    assert world.messages.all[0].status is Status.UNKNOWN
    (row,) = reply.fields["results"]
    assert (row["message_id"], row["status"]) == (ident, "unknown")
    assert reply.fields["processed"] == 0


# ------------------------------------------------------------------------------------------------- health


def test_health_tells_that_the_service_works_and_how_much_waits(world: World) -> None:
    world.enqueue()
    world.send()

    reply = world.health()

    assert reply.status == 200
    assert reply.fields["status"] == "healthy"
    assert reply.fields["queue_size"] == 1
    assert isinstance(reply.fields["tracked_messages"], int)


@pytest.mark.parametrize(("store", "call"), [("queue", "size"), ("counters", "read")])
def test_a_store_that_does_not_answer_is_not_healthy(world: World, store: str, call: str) -> None:
    getattr(world, store).faults.fail(call)

    reply = world.health()

    assert (reply.status, reply.fields["code"]) == (503, "unavailable")


def test_every_invocation_writes_its_metrics_also_when_it_crashes() -> None:
    world = make_world(make_settings())
    world.provider.faults.fail("send", lambda: RuntimeError("a bug"))

    reply = world.send()

    assert world.metrics.flushes == 1
    assert (reply.status, reply.fields["code"]) == (500, "internal_error")
    assert len(world.logger.crashes) == 1
