"""/sms/messages, /sms/tags and /sms/recipients: found page by page, counted, and gone when asked."""

from typing import Any
from urllib.parse import quote

import pytest

from longcode.domain.destinations import Destination
from longcode.domain.events import Counted
from longcode.domain.opt_outs import OptOutChange
from longcode.domain.search import Found
from longcode.domain.status import Status
from longcode.use_cases import opt_outs
from tests.support.fakes import THEIRS, Reply, World, call, make_settings, make_world
from tests.support.fakes.examples import NO_ANSWER, make_message
from tests.support.fakes.webhooks import inbound, receipt

OTHERS = "+12025550124"


def search(world: World, **parameters: str) -> Reply:
    """GET /sms/messages; `from_` is `from`."""
    event = call("GET", "/sms/messages")
    asked = {name.rstrip("_"): value for name, value in parameters.items()}
    event["queryStringParameters"] = asked or None
    event["multiValueQueryStringParameters"] = {name: [value] for name, value in asked.items()} or None
    return Reply.of(world.invoke("messages", event))


def ids(reply: Reply) -> list[str]:
    return [row["message_id"] for row in reply.fields["messages"]]


def erase(world: World, number: str = THEIRS) -> dict[str, Any]:
    reply = world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": number})
    assert reply.status == 200
    return reply.fields


def receive(world: World, text: str, sender: str = THEIRS, **more: Any) -> None:
    world.clock.pass_ms(1)
    world.webhook(inbound(sender, text, world.clock.now, to="+12025550100", **more))


# ------------------------------------------------------------------------------------------ finding


def test_a_search_pages_through_all_that_fits_each_once_and_newest_first(world: World) -> None:
    sent = [world.enqueue(message=f"text {n}").fields["message_id"] for n in range(7)]
    world.enqueue(OTHERS)

    found: list[str] = []
    pages, cursor = 0, None
    while pages == 0 or cursor:
        reply = search(world, to=THEIRS, limit="3", **({"cursor": cursor} if cursor else {}))
        found += ids(reply)
        pages, cursor = pages + 1, reply.fields["cursor"]

    assert found == sent[::-1]
    assert pages == 3


def test_all_the_time_that_there_is_may_be_searched(world: World) -> None:
    ident = world.enqueue().fields["message_id"]

    for since, until in (
        ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999-14:00"),
        ("0001-01-01", "9999-12-31"),
    ):
        first = search(world, since=since, until=until, limit="1")
        assert ids(first) == [ident]
    for nothing in ({"since": "9999-12-31T23:59:59.999-14:00"}, {"until": "0001-01-01T00:00:00+14:00"}):
        assert ids(search(world, **nothing)) == []


@pytest.mark.parametrize("value", ["1700000000", "1700110112345", "20231114", "20231114T221320Z"])
def test_digits_without_separators_are_no_time(world: World, value: str) -> None:
    for name in ("since", "until"):
        reply = search(world, **{name: value})
        assert (reply.status, reply.fields["code"], reply.fields["field"]) == (400, "invalid_request", name)


def test_a_row_is_the_status_without_its_story(world: World) -> None:
    ident = world.enqueue(metadata={"tag": "spring"}).fields["message_id"]
    world.consume()

    (row,) = search(world, tag="spring").fields["messages"]

    status = world.status(ident).fields
    assert row == {name: value for name, value in status.items() if name not in ("history", "errors")}
    assert row["text"] == "Hello"


def test_inbound_texts_are_found_by_their_sender_with_their_words_and_attachments(world: World) -> None:
    receive(world, "Is this on?")
    receive(world, "Other", sender=OTHERS)
    world.enqueue()

    (row,) = search(world, from_=THEIRS).fields["messages"]

    assert (row["direction"], row["text"], row["from"]) == ("inbound", "Is this on?", THEIRS)
    assert (row["media"], row["is_spam"]) == ([], False)


def test_a_status_is_found_by_a_window_alone(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    world.enqueue(OTHERS)
    world.messages.claim(ident, "mine", world.clock.now)

    assert ids(search(world, status="sending", since="2023-11-14")) == [ident]


def test_what_changed_since_the_index_was_written_is_shown_only_if_it_still_fits(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    stale = world.messages.all[0]

    class Behind:
        """A finder whose index is a moment behind."""

        def find(self, *_: object) -> Any:
            return Found([stale.id], None)

    world.messages.claim(ident, "mine", world.clock.now)
    vars(world.service)["finder"] = Behind()

    assert search(world, status="queued").fields == {"messages": [], "cursor": None}


@pytest.mark.parametrize(
    ("parameters", "field"),
    [({}, None), ({"to": "Bob"}, "to"), ({"tag": "a", "cursor": "abc"}, "cursor"), ({"colour": "red"}, "colour")],
)
def test_a_search_that_makes_no_sense_is_one_clear_refusal(
    world: World, parameters: dict[str, str], field: str | None
) -> None:
    reply = search(world, **parameters)

    assert (reply.status, reply.fields["code"], reply.fields.get("field")) == (400, "invalid_request", field)


def test_a_parameter_that_is_there_twice_is_refused(world: World) -> None:
    event = call("GET", "/sms/messages")
    event["queryStringParameters"] = {"to": OTHERS}
    event["multiValueQueryStringParameters"] = {"to": [THEIRS, OTHERS]}

    reply = Reply.of(world.invoke("messages", event))

    assert (reply.status, reply.fields["field"]) == (400, "to")


def test_a_search_whose_store_is_down_says_so(world: World) -> None:
    world.service.finder.faults.fail("find")  # type: ignore[attr-defined]

    assert search(world, to=THEIRS).status == 503


# --------------------------------------------------------------------------------------------- tags


def test_a_tag_tells_how_many_of_its_texts_are_where(world: World) -> None:
    for number in range(3):
        world.counters.add([Counted(f"e-{number}", None, (Status.QUEUED, "spring sale"))], world.clock.now)
    world.counters.add(
        [Counted("e-9", (Status.QUEUED, "spring sale"), (Status.DELIVERED, "spring sale"))], world.clock.now
    )

    reply = world.request("tags", "GET", "/sms/tags/{tag}", parameters={"tag": "spring%20sale"})

    found = {name: reply.fields[name] for name in ("tag", "counts", "total")}
    assert found == {"tag": "spring sale", "counts": {"queued": 2, "delivered": 1}, "total": 3}


def test_a_tag_that_no_text_has_counts_nothing(world: World) -> None:
    reply = world.request("tags", "GET", "/sms/tags/{tag}", parameters={"tag": "unused"})

    zeros: dict[str, object] = {"total": 0, "sent": 0, "segments": 0, "opted_out": 0}
    said = {name: value for name, value in reply.fields.items() if value is not None}
    assert (reply.status, said) == (200, {"tag": "unused", "counts": {}, "by_carrier": {}, **zeros})


@pytest.mark.parametrize("tag", ["x" * 65, "%20", "a%00b"])
def test_what_can_be_no_tag_is_refused(world: World, tag: str) -> None:
    reply = world.request("tags", "GET", "/sms/tags/{tag}", parameters={"tag": tag})

    assert (reply.status, reply.fields["field"]) == (400, "tag")


# ------------------------------------------------------------------------------------------ erasing


def test_a_person_is_erased_both_ways_and_their_opt_out_stays(world: World) -> None:
    sent = world.send().fields
    receive(world, "Thank you", telnyx_id="6a0f2f7e-0d8e-4a0d-9a8e-3b9a3c1d5e55")
    others = world.send(OTHERS).fields["message_id"]
    opt_outs.apply(world.optouts, THEIRS, OptOutChange(world.clock.now, True, "api"), world.clock.now)

    assert erase(world) == {"erased": 2, "kept": 0, "remaining": False}

    assert [message.id for message in world.messages.all] == [others]
    for ident in (sent["message_id"], sent["telnyx_id"], "6a0f2f7e-0d8e-4a0d-9a8e-3b9a3c1d5e55"):
        assert world.status(ident).status == 404
    assert search(world, to=THEIRS).fields["messages"] == []
    assert world.optouts.entries[THEIRS].opted_out


def test_what_waits_is_cancelled_and_never_leaves(world: World) -> None:
    for number in range(3):
        world.enqueue(message=f"text {number}")

    assert erase(world) == {"erased": 3, "kept": 0, "remaining": False}

    world.consume()
    assert world.provider.requests == []
    assert world.queue.stored == []
    assert world.metrics.counts["DuplicatesSuppressed"] == 3


def test_what_is_being_sent_or_in_doubt_stays_and_is_counted(world: World) -> None:
    sending, unknown = (world.enqueue().fields["message_id"] for _ in range(2))
    world.enqueue()
    for ident in (sending, unknown):
        world.messages.claim(ident, "mine", world.clock.now)
    doubted = world.messages.get(unknown)
    assert doubted
    world.messages.ambiguous(doubted, NO_ANSWER, world.clock.now)

    assert erase(world) == {"erased": 1, "kept": 2, "remaining": False}

    assert {message.id for message in world.messages.all} == {sending, unknown}


def test_a_text_that_is_claimed_while_it_is_being_erased_stays(world: World) -> None:
    world.enqueue()
    messages = world.messages
    get_all = messages.get_all

    def claimed_right_after(wanted: Any) -> Any:
        found = get_all(wanted)
        for message in found:
            messages.claim(message.id, "mine", world.clock.now)
        return found

    messages.get_all = claimed_right_after  # type: ignore[assignment, method-assign]

    assert erase(world) == {"erased": 0, "kept": 1, "remaining": False}
    assert messages.all[0].status is Status.SENDING


def test_more_than_a_call_can_erase_takes_several_which_say_so(world: World) -> None:
    for number in range(520):
        world.messages.receive(
            make_message(direction="inbound", status=Status.RECEIVED, sender=THEIRS, accepted_ms=number)
        )

    done = [erase(world) for _ in range(3)]

    assert [(one["erased"], one["remaining"]) for one in done] == [(250, True), (250, True), (20, False)]
    assert world.messages.all == []


def test_a_late_receipt_of_an_erased_text_is_acknowledged_and_brings_nothing_back(world: World) -> None:
    ident = world.send().fields["message_id"]
    text = world.provider.text(ident)
    erase(world)

    reply = world.webhook(receipt(text, "delivered", world.clock.now), path_id=ident)

    assert world.messages.all == []
    assert (reply.status, reply.fields) == (200, {"status": "acknowledged"})


def test_an_erasure_that_a_store_interrupted_is_finished_by_the_next_call(world: World) -> None:
    for _ in range(3):
        world.enqueue()
    world.messages.faults.fail("erase", skip=1, after=True)

    first = world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS})
    again = erase(world)

    assert first.status == 503
    assert again == {"erased": 1, "kept": 0, "remaining": False}
    assert world.messages.all == []


@pytest.mark.parametrize("number", ["Bob", "202-555-0123", "40404", "%20", "a%00b"])
def test_a_person_who_cannot_be_one_is_refused(world: World, number: str) -> None:
    reply = world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": number})

    assert (reply.status, reply.fields["field"]) == (400, "number")


@pytest.mark.parametrize(
    "sender", ["40404", "ACME Inc", "optouts", "a/b", "50%", "Étoile", "0123456", "12025550124"]
)
def test_the_texts_of_any_sender_are_found_and_erased(world: World, sender: str) -> None:
    receive(world, "STOP", sender=sender)
    receive(world, "Hello")

    (row,) = search(world, from_=sender).fields["messages"]
    assert row["from"] == sender
    assert erase(world, quote(sender, safe="")) == {"erased": 1, "kept": 0, "remaining": False}

    assert search(world, from_=sender).fields["messages"] == []
    assert [message.sender for message in world.messages.all] == [THEIRS]
    assert len(world.optouts.entries) == 1


def test_a_person_is_found_and_erased_by_any_way_to_write_their_number() -> None:
    world = make_world(make_settings(allowed_destinations=(Destination("*"),)))
    ways = ("+5215512345678", "+525512345678")
    for way in ways:
        receive(world, "Hello", sender=way)
        world.enqueue(way)

    assert [len(search(world, to=way).fields["messages"]) for way in ways] == [2, 2]
    assert [len(search(world, from_=way).fields["messages"]) for way in ways] == [2, 2]
    assert erase(world, ways[0]) == {"erased": 4, "kept": 0, "remaining": False}
    assert world.messages.all == []


# ------------------------------------------------------------------------------------ words not kept


def test_with_until_final_the_words_are_gone_after_the_receipt_and_a_repeated_request_is_still_known() -> None:
    world = make_world(make_settings(store_text="until_final"))
    first = world.send(key="order-1").fields
    text = world.provider.text(first["message_id"])
    assert world.status(first["message_id"]).fields["text"] == "Hello"
    world.webhook(receipt(text, "delivered", world.clock.now), path_id=first["message_id"])

    again = world.send(key="order-1")
    other = world.send(key="order-1", message="Another")

    assert len(world.provider.texts) == 1
    assert world.status(first["message_id"]).fields["text"] is None
    assert search(world, to=THEIRS).fields["messages"][0]["text"] is None
    assert (again.status, again.fields["message_id"]) == (200, first["message_id"])
    assert (other.status, other.fields["code"]) == (409, "idempotency_key_reused")
