"""`media_urls`: what is looked at before a text is accepted, and what becomes of it after."""

import json
from typing import Any

import pytest

from longcode.domain import destinations
from longcode.telnyx import protocol
from tests.functional.conftest import nothing_happened
from tests.support.fakes import THEIRS, Reply, World, make_settings, make_world
from tests.support.fakes.web import PICTURE, FakeWeb, Page

PNG, VIDEO = "https://media.example/a.png", "https://media.example/b.mp4"
ROUTES = ("/sms/send", "/sms/queue", "/sms/batch")
FUNCTIONS = {"/sms/send": "send", "/sms/queue": "queue", "/sms/batch": "queue"}


@pytest.fixture
def web() -> FakeWeb:
    return FakeWeb({PNG: Page(), VIDEO: Page(bytes(300_000), "video/mp4")})


@pytest.fixture
def world(web: FakeWeb) -> World:
    return make_world(outbound=web)


def ask(world: World, route: str, key: str | None = None, **fields: Any) -> Reply:
    """One text by a route; of a batch the answer is that of its item."""
    body = {"to": THEIRS, "message": "Look", **fields}
    body = {name: value for name, value in body.items() if value is not None}
    world.clock.pass_ms(1)
    headers = {"Idempotency-Key": key} if key else None
    if route != "/sms/batch":
        return world.request(FUNCTIONS[route], "POST", route, body, headers=headers)
    reply = world.request("queue", "POST", route, {"messages": [body]}, headers=headers)
    if reply.status != 202:
        return reply
    row = reply.fields["messages"][0]
    return Reply(row.get("status_code", 202), row, reply.headers)


def test_a_text_with_media_is_an_mms_that_counts_as_one_segment_whatever_its_words(world: World) -> None:
    for route in ROUTES:
        reply = ask(world, route, media_urls=[PNG, VIDEO], message="a" * 400, priority="transactional")
        assert reply.fields["segments"] == 1, route
        if route != "/sms/send":
            world.clock.pass_ms(5_000)
            world.consume()
        fields = world.status(reply.fields["message_id"]).fields
        assert (fields["media_urls"], fields["segments"]) == ([PNG, VIDEO], 1)
    assert [(sent.media_urls, sent.text) for sent in map(world_message(world), world.provider.texts)] == [
        ((PNG, VIDEO), "a" * 400)
    ] * 3


def world_message(world: World) -> Any:
    by_id = {message.id: message for message in world.messages.all}
    return lambda text: by_id[text.key]


def test_a_picture_needs_no_words(world: World) -> None:
    for route in ROUTES:
        for words in (None, ""):
            reply = ask(world, route, media_urls=[PNG], message=words)
            assert reply.status in (200, 202), (route, reply.fields)
            assert world.status(reply.fields["message_id"]).fields["text"] == ""


BIG = 600_000
# (what is wrong, media_urls, the field that is named, given)
BAD: list[tuple[str, object, str, object]] = [
    ("no list", PNG, "media_urls", None),
    ("an empty list", [], "media_urls", 0),
    ("eleven", [f"{PNG}?{n}" for n in range(11)], "media_urls", 11),
    ("a number", [PNG, 7], "media_urls[1]", None),
    ("no URL", ["picture.png"], "media_urls[0]", None),
    ("a blank in it", ["https://media.example/a b.png"], "media_urls[0]", None),
    ("too long", ["https://media.example/" + "a" * 2_030], "media_urls[0]", 2_052),
    ("nothing there", [PNG, "https://media.example/none"], "media_urls[1]", None),
    ("an address inside", ["https://inside.example/a.png"], "media_urls[0]", None),
    ("no answer", ["https://silent.example/a.png"], "media_urls[0]", None),
    ("packed", ["https://media.example/packed"], "media_urls[0]", None),
    ("a page", ["https://media.example/page"], "media_urls[0]", None),
    ("a redirect", ["https://media.example/moved"], "media_urls[0]", None),
    ("too large", ["https://media.example/large"], "media_urls[0]", BIG + 1),
    ("too large together", [VIDEO, VIDEO, PNG], "media_urls[2]", BIG + len(PICTURE)),
    ("too large, and no word of it", ["https://media.example/endless"], "media_urls[0]", BIG + 1),
]


def test_what_can_not_be_carried_is_refused_by_its_field_and_nothing_is_stored() -> None:
    for route in ROUTES:
        for what, urls, field, given in BAD:
            web = FakeWeb(
                {
                    PNG: Page(),
                    VIDEO: Page(bytes(300_000), "video/mp4"),
                    "https://inside.example/a.png": Page(
                        refused="The URL leads to an address that is not public."
                    ),
                    "https://silent.example/a.png": Page(fails="timed out"),
                    "https://media.example/page": Page(b"<html>", "text/html; charset=utf-8"),
                    "https://media.example/packed": Page(packed="gzip"),
                    "https://media.example/moved": Page(b"", "image/png", 302),
                    "https://media.example/large": Page(bytes(BIG + 1)),
                    "https://media.example/endless": Page(bytes(2 * BIG), head=False, says_length=False),
                }
            )
            world = make_world(outbound=web)
            reply = ask(world, route, media_urls=urls)
            assert (reply.status, reply.fields["code"]) == (400, "invalid_request"), (route, what, reply.fields)
            assert reply.fields["field"].endswith(field), (route, what, reply.fields)
            assert reply.fields.get("given") == given, (route, what, reply.fields)
            assert nothing_happened(world), (route, what)


def test_media_that_fits_to_the_byte_is_taken_also_without_head_or_length(web: FakeWeb, world: World) -> None:
    for head, says_length in ((True, True), (False, True), (True, False), (False, False)):
        web.pages[PNG] = Page(bytes(BIG), head=head, says_length=says_length)
        assert ask(world, "/sms/queue", media_urls=[PNG]).status == 202, (head, says_length)


def test_a_head_that_says_another_thing_than_the_picture_is_does_not_count(web: FakeWeb, world: World) -> None:
    for head in (Page(b""), Page(content_type="text/html"), Page(status=403), Page(fails="no connection")):
        web.pages[PNG] = Page(other_head=head)
        assert ask(world, "/sms/queue", media_urls=[PNG]).status == 202, head


def test_a_name_that_is_looked_up_for_long_is_looked_up_once(web: FakeWeb, world: World) -> None:
    web.pages[PNG] = Page(fails="no connection")
    # By the operating system, which nothing cuts short.
    web.before_call = lambda: world.clock.pass_ms(10_000)
    reply = ask(world, "/sms/queue", media_urls=[PNG])
    assert (reply.status, reply.fields["field"]) == (400, "media_urls[0]")
    assert web.calls == [("HEAD", PNG)]


def test_a_dry_run_takes_other_pictures_for_another_text(world: World) -> None:
    sent = ask(world, "/sms/queue", media_urls=[PNG]).fields["message_id"]
    rows = [{"to": THEIRS, "message": "Look", "media_urls": [url]} for url in (PNG, VIDEO, VIDEO)]
    body = {"dry_run": True, "duplicate_window_s": 3_600, "messages": rows}
    found = world.request("queue", "POST", "/sms/batch", body).fields["messages"]
    assert [row["duplicate_of"] for row in found] == [sent, None, 1]


def test_a_signed_url_may_be_a_pictures(web: FakeWeb, world: World) -> None:
    url = f"{PNG}?X-Amz-Signature=0123&X-Amz-Expires=300"
    web.pages[url] = Page()
    assert ask(world, "/sms/queue", media_urls=[url]).status == 202


def test_an_mms_goes_to_the_us_and_canada_alone() -> None:

    world = make_world(
        make_settings(allowed_destinations=destinations.parse("*")), outbound=FakeWeb({PNG: Page()})
    )
    for to in ("+442071838750", "+18765550101"):
        reply = ask(world, "/sms/queue", to=to, media_urls=[PNG])
        assert (reply.status, reply.fields["field"]) == (400, "media_urls"), to
    assert ask(world, "/sms/queue", to="+16135550123", media_urls=[PNG]).status == 202


def test_a_repeat_is_answered_as_before_though_its_media_is_gone(web: FakeWeb, world: World) -> None:
    for route in ROUTES:
        first = ask(world, route, key=f"k{route}", media_urls=[PNG])
        held, web.pages = web.pages, {}
        again = ask(world, route, key=f"k{route}", media_urls=[PNG])
        other = ask(world, route, key=f"k{route}", media_urls=[VIDEO])
        web.pages = held
        assert again.fields["message_id"] == first.fields["message_id"], route
        assert other.fields["code"] == "idempotency_key_reused", route


def test_the_same_words_with_another_picture_are_no_second_text(world: World) -> None:
    first = ask(world, "/sms/queue", media_urls=[PNG], refuse_duplicates_s=60)
    assert ask(world, "/sms/queue", media_urls=[VIDEO], refuse_duplicates_s=60).status == 202
    again = ask(world, "/sms/queue", media_urls=[PNG], refuse_duplicates_s=60)
    assert (again.fields["code"], again.fields["message_id"]) == ("duplicate_text", first.fields["message_id"])


def test_a_batch_looks_at_each_url_once_and_refuses_too_many(web: FakeWeb, world: World) -> None:
    rows: list[dict[str, Any]] = [{"to": f"+120255501{n:02}", "message": "Look"} for n in range(1, 51)]
    reply = world.request("queue", "POST", "/sms/batch", {"messages": rows, "media_urls": [PNG]})
    assert (reply.status, reply.fields["accepted"]) == (202, 50)
    assert web.calls == [("HEAD", PNG)]

    web.pages |= {f"{PNG}?{n}": Page() for n in range(21)}
    rows = [row | {"media_urls": [f"{PNG}?{n}"]} for n, row in enumerate(rows[:21])]
    reply = world.request("queue", "POST", "/sms/batch", {"messages": rows})
    assert (reply.status, reply.fields["field"], reply.fields["limit"]) == (400, "messages[20].media_urls", 20)


def test_a_dry_run_says_what_its_media_lacks(web: FakeWeb, world: World) -> None:
    rows = [{"to": THEIRS, "media_urls": [PNG]}, {"to": THEIRS, "media_urls": ["https://media.example/none"]}]
    reply = world.request("queue", "POST", "/sms/batch", {"messages": rows, "dry_run": True})
    assert [row["valid"] for row in reply.fields["messages"]] == [True, False]
    assert reply.fields["messages"][1]["field"] == "media_urls[0]"
    assert nothing_happened(world)


def test_the_request_to_the_provider_is_of_an_mms(world: World) -> None:

    ident = ask(world, "/sms/queue", media_urls=[PNG]).fields["message_id"]
    (message,) = [one for one in world.messages.all if one.id == ident]
    body = json.loads(protocol.request_body(message))
    assert (body["media_urls"], body["type"], body["text"]) == ([PNG], "MMS", "Look")
    plain = world.enqueue().fields["message_id"]
    (message,) = [one for one in world.messages.all if one.id == plain]
    assert {"media_urls", "type"} & json.loads(protocol.request_body(message)).keys() == set()
