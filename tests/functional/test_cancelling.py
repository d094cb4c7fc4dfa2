"""DELETE /sms/queue/{id} and DELETE /sms/queue?tag=: what still waits is taken back, and never leaves."""

from dataclasses import replace
from typing import Any

import pytest

from longcode.domain.carriers import Carrier
from longcode.domain.events import Change
from longcode.domain.message import Message
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import publish
from longcode.use_cases.cancel import CANCELLED_MOST, NOTE
from tests.functional.conftest import nothing_happened
from tests.support.fakes import THEIRS, Reply, World, make_settings, make_world
from tests.support.fakes.examples import NO_ANSWER, make_message
from tests.support.fakes.webhooks import inbound
from tests.support.places import got

OTHERS = "+12025550124"
TOMORROW = "2023-11-15"


def cancel(world: World, ident: str) -> Reply:
    return world.request("queue", "DELETE", "/sms/queue/{id}", parameters={"id": ident})


def cancel_tag(world: World, **query: Any) -> Reply:
    return world.request("queue", "DELETE", "/sms/queue", query=query)


def queue(world: World, to: str = THEIRS, **more: Any) -> str:
    ident: str = world.enqueue(to, **more).fields["message_id"]
    return ident


def stored(world: World, ident: str) -> Message:
    found = world.messages.get(ident)
    assert found
    return found


def claimed(world: World, ident: str) -> Message:
    claim = world.messages.claim(ident, "mine", world.clock.now)
    assert claim.message
    return claim.message


# --------------------------------------------------------------------------------------- one by its id


def test_a_text_that_waits_is_cancelled_and_never_leaves(world: World) -> None:
    ident, other = queue(world), queue(world)

    reply = cancel(world, ident)

    world.consume()
    assert [text.key for text in world.provider.texts] == [other]
    assert world.queue.stored == []
    assert (reply.status, reply.fields) == (200, {"message_id": ident, "status": "cancelled"})


def test_its_story_says_that_it_was_cancelled_by_request(world: World) -> None:
    ident = queue(world)
    world.clock.pass_ms(2_000)
    cancel(world, ident)

    status = world.status(ident).fields

    assert status["status"] == "cancelled"
    assert [(row["status"], row["source"]) for row in status["history"]] == [
        ("accepted", "api"), ("waited", "consumer"), ("cancelled", "api"),
    ]  # fmt: skip
    assert status["history"][-1]["note"] == NOTE
    assert "position" not in status


def test_a_repeated_call_is_answered_the_same_and_writes_nothing(world: World) -> None:
    ident = queue(world)
    first = cancel(world, ident)
    before = stored(world, ident)
    world.clock.pass_ms(5_000)

    again = cancel(world, ident)

    assert stored(world, ident) == before
    assert (again.status, again.fields) == (first.status, first.fields)


def test_a_repeated_request_of_a_cancelled_text_does_not_bring_it_back(world: World) -> None:
    ident = queue(world, key="order-1")
    cancel(world, ident)

    again = world.enqueue(key="order-1")

    world.consume()
    assert world.provider.requests == []
    assert (again.status, again.fields["message_id"], again.fields["position"]) == (202, ident, 0)


@pytest.mark.parametrize("status", ["sending", "unknown", "submitted", "suppressed"])
def test_what_waits_no_more_is_too_late_and_stays_as_it_is(world: World, status: str) -> None:
    ident = queue(world)
    message = claimed(world, ident)
    if status == "unknown":
        world.messages.ambiguous(message, NO_ANSWER, world.clock.now)
    if status == "submitted":
        world.messages.release(message, world.clock.now, slot_ms=0, held_by=HeldBy.PAUSED)
        world.consume()
    if status == "suppressed":
        world.messages.release(message, world.clock.now, slot_ms=0, held_by=HeldBy.PAUSED)
        world.request("optouts", "PUT", "/sms/optouts/{number}", parameters={"number": THEIRS})
        world.consume()
    before = stored(world, ident)

    reply = cancel(world, ident)

    assert stored(world, ident) == before
    assert (reply.status, reply.fields["code"]) == (409, "too_late")
    assert (reply.fields["message_id"], reply.fields["status"]) == (ident, status)


def test_the_providers_id_does_as_well(world: World) -> None:
    sent = world.send().fields

    reply = cancel(world, sent["telnyx_id"])

    assert reply.fields["message_id"] == sent["message_id"]
    assert (reply.status, reply.fields["status"]) == (409, "submitted")


def test_a_text_whose_claim_was_given_back_can_be_cancelled(world: World) -> None:
    ident = queue(world)
    message = claimed(world, ident)
    assert cancel(world, ident).fields["status"] == "sending"
    world.messages.release(message, world.clock.now, slot_ms=world.clock.now, held_by=HeldBy.PAUSED)

    reply = cancel(world, ident)

    world.consume()
    assert world.provider.requests == []
    assert reply.status == 200


def test_an_unknown_text_and_an_inbound_one_are_not_found(world: World) -> None:
    ident = "6a0f2f7e-0d8e-4a0d-9a8e-3b9a3c1d5e55"
    assert cancel(world, ident).status == 404
    world.webhook(inbound(THEIRS, "Hello", world.clock.now, to="+12025550100", telnyx_id=ident))
    before = stored(world, ident)

    reply = cancel(world, ident)

    assert stored(world, ident) == before
    assert (reply.status, reply.fields["code"]) == (404, "not_found")


@pytest.mark.parametrize("ident", ["abc", "%00", "6a0f2f7e0d8e4a0d9a8e3b9a3c1d5e55", "+12025550123"])
def test_what_is_no_id_is_refused(world: World, ident: str) -> None:
    reply = cancel(world, ident)

    assert nothing_happened(world)
    assert (reply.status, reply.fields["code"], reply.fields["field"]) == (400, "invalid_request", "id")


@pytest.mark.parametrize("after", [False, True], ids=["not-written", "written"])
def test_a_call_that_a_store_interrupted_may_be_repeated(world: World, after: bool) -> None:
    ident = queue(world)
    world.messages.faults.fail("end", after=after)

    first, again = cancel(world, ident), cancel(world, ident)

    assert stored(world, ident).status is Status.CANCELLED
    assert (first.status, again.status) == (503, 200)


def test_a_text_that_is_erased_meanwhile_is_not_found(world: World) -> None:
    ident = queue(world)
    end = world.messages.end

    def erased_before(message: Message, *arguments: Any, **more: Any) -> bool:
        world.messages._rows.clear()
        return end(message, *arguments, **more)

    world.messages.end = erased_before  # type: ignore[method-assign]

    assert cancel(world, ident).status == 404


def test_the_provider_s_route_process_does_not_send_it_either(world: World) -> None:
    ident = queue(world)
    cancel(world, ident)

    reply = world.process()

    assert world.provider.requests == []
    assert reply.fields == {"processed": 0, "failed": 0, "results": [], "remaining": 0}


def test_the_reconciler_neither_queues_nor_expires_it(world: World) -> None:
    world.queue.faults.fail("put")
    ident = queue(world)
    assert stored(world, ident).unqueued
    cancel(world, ident)
    world.clock.pass_ms(2 * 86_400_000)

    world.reconcile()

    assert world.queue.stored == []
    assert stored(world, ident).status is Status.CANCELLED


def test_what_stands_behind_it_leaves_although_its_queue_message_is_lost(world: World) -> None:
    first, lost, last = (queue(world) for _ in range(3))
    world.queue.stored[:] = [one for one in world.queue.stored if lost not in one.body]
    cancel(world, first)

    world.consume()

    assert [text.key for text in world.provider.texts] == [lost, last]


def test_a_text_that_was_held_for_a_carrier_s_day_gives_its_place_back(world: World) -> None:
    ident = queue(world, message="a" * 300)
    world.carriers.take(Carrier.T_MOBILE, TOMORROW, 10, [4, 2], world.clock.now)
    world.messages.hold(
        got(world.messages, ident), world.clock.now + 9_000_000, HeldBy.CARRIER_DAY_CAP, cap_day=TOMORROW
    )

    cancel(world, ident)
    cancel(world, ident)

    # Six were counted, and the text has two parts.
    assert world.carriers.take(Carrier.T_MOBILE, TOMORROW, 10, [1] * 10, world.clock.now) == 6


def test_a_count_of_a_day_that_can_t_be_written_does_not_fail_the_call(world: World) -> None:
    ident = queue(world)
    world.messages.hold(
        got(world.messages, ident), world.clock.now + 9_000_000, HeldBy.CARRIER_DAY_CAP, cap_day=TOMORROW
    )
    world.carriers.faults.fail("give_back")

    reply = cancel(world, ident)

    assert stored(world, ident).status is Status.CANCELLED
    assert reply.status == 200


def test_it_is_published_counted_and_measured(world: World) -> None:
    ident = queue(world, metadata={"tag": "spring"})
    before = stored(world, ident)
    cancel(world, ident)
    change = Change("e-1", "1", before, stored(world, ident))

    (event,) = publish.events_of(change, final_only=True)

    assert (event.kind, event.detail["status"], event.about) == (
        "sms.status_changed", "cancelled", ident,
    )  # fmt: skip
    assert [(metric.name, value) for metric, value in publish.measured(change, world.service.explain)] == [
        ("CANCELLED", 1)
    ]


# ------------------------------------------------------------------------------------------ by their tag


def test_the_texts_of_a_tag_are_cancelled_and_no_others(world: World) -> None:
    ours = [queue(world, to, metadata={"tag": "spring"}) for to in (THEIRS, OTHERS, THEIRS)]
    others = [queue(world), queue(world, metadata={"tag": "summer"})]

    reply = cancel_tag(world, tag="spring")

    world.consume()
    assert {text.key for text in world.provider.texts} == set(others)
    assert {stored(world, ident).status for ident in ours} == {Status.CANCELLED}
    assert (reply.status, reply.fields) == (200, {"cancelled": 3, "too_late": 0, "cursor": None})


def test_what_is_under_way_is_too_late_and_what_is_over_counts_neither(world: World) -> None:
    tag = {"tag": "spring"}
    delivered = queue(world, metadata=tag)
    world.consume()
    world.messages._rows[delivered].message = replace(stored(world, delivered), status=Status.DELIVERED)
    sending, doubted, _ = (queue(world, metadata=tag) for _ in range(3))
    claimed(world, sending)
    world.messages.ambiguous(claimed(world, doubted), NO_ANSWER, world.clock.now)

    first, again = cancel_tag(world, tag="spring"), cancel_tag(world, tag="spring")

    assert first.fields == {"cancelled": 1, "too_late": 2, "cursor": None}
    assert again.fields == {"cancelled": 0, "too_late": 2, "cursor": None}


def many(world: World, how_many: int, status: Status = Status.QUEUED) -> None:
    for number in range(how_many):
        world.messages.receive(
            make_message(metadata={"tag": "spring"}, status=status, accepted_ms=world.clock.now - 10_000 + number)
        )


def test_more_than_a_call_can_cancel_takes_several_which_go_on_by_the_cursor(world: World) -> None:
    many(world, 2 * CANCELLED_MOST + 20)
    done: list[dict[str, Any]] = []
    cursor = None
    while not done or cursor:
        done.append(cancel_tag(world, tag="spring", **({"cursor": cursor} if cursor else {})).fields)
        cursor = done[-1]["cursor"]

    assert {message.status for message in world.messages.all} == {Status.CANCELLED}
    assert [one["cancelled"] for one in done] == [CANCELLED_MOST, CANCELLED_MOST, 20]


def test_what_is_over_does_not_use_up_a_call(world: World) -> None:
    queue(world, metadata={"tag": "spring"})
    world.clock.pass_ms(1_000)
    for number in range(3 * CANCELLED_MOST):
        world.messages.receive(
            make_message(metadata={"tag": "spring"}, status=Status.DELIVERED, accepted_ms=world.clock.now + number)
        )

    assert cancel_tag(world, tag="spring").fields == {"cancelled": 1, "too_late": 0, "cursor": None}


def test_a_call_ends_in_time_and_says_where_to_go_on(world: World) -> None:
    many(world, 230)
    world.messages.faults.takes = lambda: world.clock.pass_ms(300)

    first = cancel_tag(world, tag="spring").fields

    assert first["cursor"]
    assert first["cancelled"] == 100
    world.messages.faults.takes = lambda: None
    rest = cancel_tag(world, tag="spring", cursor=first["cursor"]).fields
    assert rest == {"cancelled": 130, "too_late": 0, "cursor": None}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "tag"),
        ({"tag": ""}, "tag"),
        ({"tag": "x" * 65}, "tag"),
        ({"tag": " spring"}, "tag"),
        ({"tag": ["a", "b"]}, "tag"),
        ({"tag": "spring", "status": "queued"}, "status"),
        ({"to": THEIRS}, "to"),
        ({"cursor": "abc"}, "tag"),
        ({"tag": "spring", "cursor": "abc"}, "cursor"),
        ({"tag": "spring", "limit": "5"}, "limit"),
    ],
)
def test_a_call_that_makes_no_sense_is_one_clear_refusal(world: World, query: dict[str, Any], field: str) -> None:
    ident = queue(world, metadata={"tag": "spring"})

    reply = cancel_tag(world, **query)

    assert stored(world, ident).status is Status.QUEUED
    assert (reply.status, reply.fields["code"], reply.fields["field"]) == (400, "invalid_request", field)


def test_a_cursor_of_another_tag_is_refused(world: World) -> None:
    many(world, CANCELLED_MOST + 1)
    cursor = cancel_tag(world, tag="spring").fields["cursor"]
    ident = queue(world, metadata={"tag": "summer"})

    reply = cancel_tag(world, tag="summer", cursor=cursor)

    assert stored(world, ident).status is Status.QUEUED
    assert (reply.status, reply.fields["field"]) == (400, "cursor")


def test_a_call_by_tag_that_a_store_interrupted_is_finished_by_the_next() -> None:
    world = make_world(make_settings())
    for _ in range(3):
        queue(world, metadata={"tag": "spring"})
    world.messages.faults.fail("end", skip=1, after=True)

    first, again = cancel_tag(world, tag="spring"), cancel_tag(world, tag="spring")

    assert {message.status for message in world.messages.all} == {Status.CANCELLED}
    assert first.status == 503
    assert again.fields == {"cancelled": 1, "too_late": 0, "cursor": None}


def test_no_log_line_holds_a_number_or_the_tag(world: World) -> None:
    queue(world, metadata={"tag": "spring"})
    cancel_tag(world, tag="spring")

    lines = str(world.logger.lines)
    assert "queue.cancelled" in lines
    assert THEIRS not in lines
    assert "spring" not in lines
