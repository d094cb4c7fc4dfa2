"""`max_segments` and `smart_encoding` of send and queue: what is stored, sent and answered."""

from typing import Any

import pytest

from tests.functional.conftest import nothing_happened
from tests.support.fakes import THEIRS, Reply, World

QUOTE = "\N{RIGHT SINGLE QUOTATION MARK}"
CURLY = f"It{QUOTE}s late\N{HORIZONTAL ELLIPSIS} " + "a" * 100
PLAIN = "It's late... " + "a" * 100
REPLACED = [
    {"character": QUOTE, "replacement": "'", "count": 1},
    {"character": "\N{HORIZONTAL ELLIPSIS}", "replacement": "...", "count": 1},
]


def ask(world: World, route: str, message: str, *, key: str | None = None, **fields: object) -> Reply:
    return (world.send if route == "send" else world.enqueue)(THEIRS, message, key=key, **fields)


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_text_of_more_segments_than_it_may_have_is_refused_with_both_numbers(world: World, route: str) -> None:
    reply = ask(world, route, CURLY, max_segments=1)

    assert nothing_happened(world)
    assert reply.status == 400
    assert reply.fields == {
        "error": "'message' would take 2 segments, and 'max_segments' allows 1.",
        "code": "invalid_request",
        "field": "max_segments",
        "given": 2,
        "limit": 1,
    }


@pytest.mark.parametrize("route", ["send", "queue"])
def test_typography_that_costs_a_segment_is_replaced_before_the_text_is_stored(world: World, route: str) -> None:
    reply = ask(world, route, CURLY, max_segments=1, smart_encoding=True)

    (message,) = world.messages.all
    assert (message.text, message.segments) == (PLAIN, 1)
    if route == "queue":
        world.consume()
    assert [text.text for text in world.provider.texts] == [PLAIN]
    assert (reply.fields["segments"], reply.fields["replaced"]) == (1, REPLACED)


@pytest.mark.parametrize("route", ["send", "queue"])
def test_typography_that_costs_nothing_is_left_as_it_is(world: World, route: str) -> None:
    reply = ask(world, route, f"It{QUOTE}s late", smart_encoding=True)

    (message,) = world.messages.all
    assert message.text == f"It{QUOTE}s late"
    assert "replaced" not in reply.fields


@pytest.mark.parametrize("route", ["send", "queue"])
def test_without_smart_encoding_nothing_is_replaced(world: World, route: str) -> None:
    asked: list[dict[str, Any]] = [{}, {"smart_encoding": False}, {"smart_encoding": None}]
    for number, fields in enumerate(asked, 1):
        reply = ask(world, route, CURLY, **fields)

        assert len(world.messages.all) == number
        assert {(message.text, message.segments) for message in world.messages.all} == {(CURLY, 2)}
        assert "replaced" not in reply.fields


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_text_that_only_smart_encoding_makes_short_enough_is_taken(world: World, route: str) -> None:
    text = QUOTE + "a" * 1_400

    assert ask(world, route, text).status == 400
    assert nothing_happened(world)
    assert ask(world, route, text, smart_encoding=True).status in (200, 202)
    assert [message.segments for message in world.messages.all] == [10]


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_repeated_request_gets_the_same_answer_and_sends_nothing_more(world: World, route: str) -> None:
    first = ask(world, route, CURLY, key="k", smart_encoding=True)
    again = ask(world, route, CURLY, key="k", smart_encoding=True)

    (message,) = world.messages.all
    assert message.text == PLAIN
    for name in ("message_id", "segments", "replaced"):
        assert first.fields[name] == again.fields[name], name


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_key_is_compared_with_what_was_asked_and_not_with_what_was_made_of_it(world: World, route: str) -> None:
    ask(world, route, CURLY, key="k", smart_encoding=True)

    for text, fields in ((PLAIN, {}), (PLAIN, {"smart_encoding": True}), (CURLY, {})):
        reply = ask(world, route, text, key="k", **fields)
        assert (reply.status, reply.fields["code"]) == (409, "idempotency_key_reused"), fields
    assert len(world.messages.all) == 1


def test_a_key_of_before_smart_encoding_still_knows_its_request(world: World) -> None:
    """A fingerprint that an older release has stored."""
    world.enqueue("+12025550123", "Hello", key="k", metadata={"order": "A-17"})

    (message,) = world.messages.all
    assert message.fingerprint == "1RJ2kzTYIj573it_Wa50cA"
    assert (
        world.enqueue("+12025550123", "Hello", key="k", metadata={"order": "A-17"}, max_segments=3).status == 202
    )


def test_the_numbers_of_a_refusal_are_given_where_there_are_any(world: World) -> None:
    for fields, given, limit in (
        ({"max_segments": 11}, 11, 10),
        ({"max_segments": 0}, 0, 10),
        ({"max_segments": "2"}, None, 10),
        ({"message": "a" * 1_531}, 11, 10),
        ({"message": 7}, None, None),
    ):
        reply = world.request("queue", "POST", "/sms/queue", {"to": THEIRS, "message": "Hi"} | fields)

        assert nothing_happened(world), fields
        assert (reply.fields.get("given"), reply.fields.get("limit")) == (given, limit), fields
