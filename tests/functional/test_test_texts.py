"""What a text of a test key does: all that a live one does, but for a call to the provider."""

from typing import Any

import pytest

from longcode.domain import magic_numbers
from longcode.domain.message import iso
from longcode.domain.metrics import Metric
from longcode.domain.opt_outs import OptOut, OptOutChange
from longcode.domain.status import Status
from tests.functional.testing_key import (
    MINUTE,
    Streamed,
    ask,
    enqueue,
    live_marks,
    number,
    run,
    stored,
    streamed,
    with_test_key,
)
from tests.support.fakes import THEIRS, World, make_settings, make_world
from tests.support.fakes.stream import event

WAITING = ("held", "queued", "sending")
# What the publisher counts of live texts.
OF_TEXTS = {
    Metric.ACCEPTED, Metric.SENT, Metric.SEGMENTS, Metric.COST, Metric.DELIVERED, Metric.DELIVERY_FAILED,
    Metric.FAILED, Metric.UNKNOWN, Metric.EXPIRED_UNSENT, Metric.UNCONFIRMED, Metric.RATE_LIMITED,
    Metric.QUEUE_AGE,
}  # fmt: skip


@pytest.fixture
def tried(world: World) -> World:
    return with_test_key(world)


# What the history and the events say of each, after an hour; the last is the status. How it begins is not said.
DELIVERED = ("submitted", "sent", "delivered")
LIVES: dict[str | None, tuple[str, ...]] = {
    None: DELIVERED,
    "0131": ("submitted", "delivered"),
    "0132": ("submitted", "delivered"),
    "0140": ("submitted", "sent", "delivery_failed"),
    "0141": ("submitted", "sent", "delivery_unconfirmed"),
    "0142": ("submitted", "sent", "delivery_unconfirmed", "delivered"),
    "0143": ("submitted", "sent"),
    "0144": ("submitted", "sending_failed"),
    "0145": ("submitted", "sent", "expired"),
    "0146": ("submitted", "sent", "delivery_failed"),
    "0147": ("delivered",),
    "0150": ("failed",),
    "0151": ("failed",),
    "0152": ("failed",),
    "0153": ("expired_unsent",),
    "0154": DELIVERED,
    "0155": ("expired_unsent",),
    "0156": DELIVERED,
    "0157": ("expired_unsent",),
    "0158": DELIVERED,
    "0160": ("unknown",),
    "0161": ("unknown", *DELIVERED),
    "0162": ("unknown",),
    "0163": ("unknown",),
    "0164": ("unknown", *DELIVERED),
    "0165": ("unknown", *DELIVERED),
    "0170": ("unknown", "sent", "delivered"),
    "0171": ("unknown", "sent", "delivered"),
    "0172": ("unknown", "sent", "delivered"),
    "0173": ("unknown", "sent", "delivered"),
    "0174": ("unknown", "sent", "delivered"),
    "0175": ("unknown", "sent", "delivered"),
}


def test_each_magic_number_has_its_life_with_its_events_and_no_call_to_the_provider() -> None:
    assert {outcome.ending for outcome in magic_numbers.OUTCOMES} == LIVES.keys()
    for ending, life in LIVES.items():
        world, messages = streamed(validity_minutes=60)
        before = live_marks(world)

        ident = enqueue(world, number(ending or "0123"), metadata={"tag": "spring"})
        run(world, world.clock.now_ms() + 65 * MINUTE)

        found = world.status(ident).fields
        assert (found["status"], found["test"]) == (life[-1], True), (ending, found)
        assert world.invoke("publisher", event(*messages.stream)) == {"batchItemFailures": []}
        details = [one.detail for one in world.event_bus.heard if one.detail["status"] not in WAITING]
        assert tuple(detail["status"] for detail in details) == life, ending
        assert all(detail["test"] is True and detail["tag"] == "spring" for detail in details)
        shown = [entry["status"] for entry in found["history"]]
        assert [status for status in life if status in shown] == list(life), (ending, shown)
        assert OF_TEXTS.isdisjoint(world.metrics.counts), ending
        codes = {error["code"] for error in found["errors"]}
        outcome = magic_numbers.outcome_of(number(ending or "0123"))
        if life[-1] in ("failed", "delivery_failed", "sending_failed", "expired"):
            assert codes == {fault.code for fault in (*outcome.faults, outcome.refusal) if fault}, ending
        assert world.provider.requests == []
        assert live_marks(world) == before, ending
        assert world.logger.crashes == []


def test_a_text_that_is_sent_at_once_answers_as_a_live_one_and_says_that_it_is_a_test(tried: World) -> None:
    wanted = {
        "0123": (200, None),
        "0150": (403, "recipient_opted_out"),
        "0151": (400, "provider_refused"),
        "0154": (429, "provider_rate_limited"),
        "0157": (503, "provider_not_configured"),
        "0160": (504, "outcome_unknown"),
        "0171": (504, "outcome_unknown"),
    }
    for ending, (status, code) in wanted.items():
        live = make_world()
        reply = ask(tried, "send", "POST", "/sms/send", {"to": number(ending), "message": "Hello"})
        assert (reply.status, reply.fields.get("code")) == (status, code), (ending, reply.fields)
        if code is None:
            answer = live.send(number(ending)).fields
            assert reply.fields.keys() == answer.keys() | {"test"}
            assert reply.fields["status"] == answer["status"] == "queued"
            assert stored(tried, reply.fields["message_id"]).status is Status.DELIVERED
    assert tried.provider.requests == []
    assert tried.limits.control.breaker_since_ms is None


def test_a_repeated_send_is_refused_as_often_as_its_number_says_and_then_taken(tried: World) -> None:
    replies = [
        ask(
            tried, "send", "POST", "/sms/send", {"to": number("0154"), "message": "Hello"},
            headers={"Idempotency-Key": "once"},
        )
        for _ in range(3)
    ]  # fmt: skip

    assert [reply.status for reply in replies] == [429, 429, 200]
    assert len(tried.messages.all) == 1


def test_a_batch_and_a_held_text_are_test_texts_too(tried: World) -> None:
    later = tried.clock.now_ms() + 10 * MINUTE
    items = [{"to": number("0123"), "message": "a"}, {"to": number("0140"), "message": "b"}]
    reply = ask(tried, "queue", "POST", "/sms/batch", {"messages": items})
    assert reply.status == 202, reply.fields
    assert [row["test"] for row in reply.fields["messages"]] == [True, True]
    held = enqueue(tried, number("0123"), send_at=iso(later))

    run(tried, later - MINUTE)
    assert tried.status(held).fields["held_by"] == "schedule"
    changed = ask(tried, "queue", "PATCH", "/sms/queue/{id}", {"message": "Anew"}, parameters={"id": held})
    assert (changed.status, changed.fields["test"]) == (200, True)
    run(tried, later + 2 * MINUTE)

    found = [stored(tried, row["message_id"]).status for row in reply.fields["messages"]]
    assert found == [Status.DELIVERED, Status.DELIVERY_FAILED]
    assert (stored(tried, held).status, stored(tried, held).text) == (Status.DELIVERED, "Anew")
    assert (stored(tried, held).sent_ms or 0) >= later
    assert tried.provider.requests == []


def test_a_tag_is_counted_and_listed_for_each_kind_of_key_with_its_own_texts() -> None:
    world, messages = streamed()
    # Any: further fields of a request.
    spring: dict[str, Any] = {"metadata": {"tag": "spring"}}
    live = world.enqueue(number("0123"), **spring).fields["message_id"]
    tests = [enqueue(world, number("0140"), **spring), enqueue(world, number("0123"), **spring)]
    ended = run_until_ended(world, messages)
    waits = enqueue(world, number("0124"), **spring)

    assert ended == {live: Status.SUBMITTED, tests[0]: Status.DELIVERY_FAILED, tests[1]: Status.DELIVERED}
    seen = world.request("tags", "GET", "/sms/tags/{tag}", parameters={"tag": "spring"}).fields
    assert (seen["tag"], seen["counts"], seen["total"]) == ("spring", {"submitted": 1}, 1)
    seen = ask(world, "tags", "GET", "/sms/tags/{tag}", parameters={"tag": "spring"}).fields
    assert (seen["tag"], seen["counts"]) == ("spring", {"delivered": 1, "delivery_failed": 1})
    assert (seen["sent"], seen["segments"], seen["cost"]) == (2, 2, None)
    assert world.health().fields["by_status"] == {"submitted": 1}
    assert world.counters.tags(0, 10) == ["spring"]

    for query in ({"tag": "spring"}, {"since": "2023-01-01T00:00:00Z"}):
        page = world.request("messages", "GET", "/sms/messages", query=query).fields["messages"]
        assert [row["message_id"] for row in page] == [live], query
        page = ask(world, "messages", "GET", "/sms/messages", query=query).fields["messages"]
        assert [row["message_id"] for row in page] == [waits, *reversed(tests)], query
        assert all(row["test"] is True for row in page)
    # The same of one person, by each route.
    person = {"number": number("0123")}
    for asked, route in (
        ({"query": {"to": person["number"]}}, "messages"),
        ({"parameters": person}, "threads/{number}"),
    ):
        page = world.request("messages", "GET", f"/sms/{route}", **asked).fields["messages"]
        assert [row["message_id"] for row in page] == [live], route
        page = ask(world, "messages", "GET", f"/sms/{route}", **asked).fields["messages"]
        assert [row["message_id"] for row in page] == [tests[1]], route
    for ident, mine in ((live, False), (tests[1], True)):
        answer = ask(world, "status", "GET", "/sms/status/{id}", parameters={"id": ident})
        assert answer.status == (200 if mine else 404)


def run_until_ended(world: World, messages: Streamed) -> dict[str, Status]:
    """Let all leave, and publish what became of them."""
    world.consume()
    assert world.invoke("publisher", event(*messages.stream)) == {"batchItemFailures": []}
    return {message.id: message.status for message in world.messages.all}


def test_a_test_key_cancels_its_own_texts_by_their_tag(tried: World) -> None:
    live = tried.enqueue(number("0125"), metadata={"tag": "spring"}).fields["message_id"]
    test = enqueue(tried, number("0125"), metadata={"tag": "spring"})

    done = ask(tried, "queue", "DELETE", "/sms/queue", query={"tag": "spring"}).fields

    assert (done["cancelled"], stored(tried, test).status) == (1, Status.CANCELLED)
    assert stored(tried, live).status is Status.QUEUED
    done = tried.request("queue", "DELETE", "/sms/queue", query={"tag": "spring"}).fields
    assert (done["cancelled"], stored(tried, live).status) == (1, Status.CANCELLED)


def test_a_test_key_changes_and_cancels_no_live_text(tried: World) -> None:
    later = iso(tried.clock.now_ms() + 60 * MINUTE)
    live = tried.enqueue(number("0123"), send_at=later).fields["message_id"]
    before = stored(tried, live)

    for method, body in (("DELETE", None), ("PATCH", {"message": "Other"})):
        reply = ask(tried, "queue", method, "/sms/queue/{id}", body, parameters={"id": live})
        # Where what a key may do is checked before this, it says so.
        assert reply.status in (403, 404), (method, reply.fields)
    assert stored(tried, live) == before
    mine = enqueue(tried, number("0123"))
    reply = ask(tried, "queue", "DELETE", "/sms/queue/{id}", parameters={"id": mine})
    assert (reply.status, stored(tried, mine).status) == (200, Status.CANCELLED)


def test_what_a_person_or_an_operator_has_said_holds_for_test_texts(tried: World) -> None:
    now = tried.clock.now_ms()
    waits = enqueue(tried, number("0123"))
    change = OptOutChange(now, True, "keyword")
    tried.optouts.entries[number("0124")] = OptOut(number("0124"), True, (change,), now, 1)
    reply = ask(tried, "queue", "POST", "/sms/queue", {"to": number("0124"), "message": "Hello"})
    assert (reply.status, reply.fields["code"]) == (403, "recipient_opted_out")
    reply = ask(tried, "send", "POST", "/sms/send", {"to": "+447700900123", "message": "Hello"})
    assert (reply.status, reply.fields["code"]) == (403, "destination_not_allowed")

    tried.limits.pause(now, "a look at it")
    run(tried, now + 3 * MINUTE)
    assert tried.status(waits).fields["held_by"] == "paused"
    tried.limits.resume()
    run(tried, now + 5 * MINUTE)
    assert stored(tried, waits).status is Status.DELIVERED


def test_erasing_a_person_erases_test_texts_too(tried: World) -> None:
    enqueue(tried, THEIRS)
    tried.enqueue(THEIRS)
    tried.consume()
    enqueue(tried, THEIRS)

    reply = tried.request(
        "recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS.replace("+", "%2B")}
    )

    assert (reply.status, reply.fields["erased"], tried.messages.all) == (200, 3, [])


def test_a_queue_and_a_day_of_a_test_key_end_as_those_of_a_live_one() -> None:
    world = with_test_key(make_world(make_settings(max_pending_per_recipient=2, daily_texts_per_key=3)))
    bodies = [{"to": number("0123"), "message": f"{count}"} for count in range(3)]
    replies = [ask(world, "queue", "POST", "/sms/queue", body) for body in bodies]
    assert [reply.status for reply in replies] == [202, 202, 429]
    replies = [ask(world, "queue", "POST", "/sms/queue", {"to": number("0124"), "message": "a"}) for _ in "ab"]
    assert [(reply.status, reply.fields.get("code")) for reply in replies] == [
        (202, None),
        (429, "daily_limit"),
    ]
    # Neither is anything to a live text.
    assert [world.enqueue(number("0123")).status for _ in range(2)] == [202, 202]


def test_the_provider_of_test_texts_asks_for_no_key_of_the_providers(tried: World) -> None:
    tried.provider.faults.fail("prepare", times=1000)
    ident = enqueue(tried, number("0123"))
    tried.consume()
    assert stored(tried, ident).status is Status.DELIVERED
    assert tried.provider.faults.count("prepare") == 0
