"""Every request that can't be served: one answer that names what is wrong, and nothing stored."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.functional.conftest import nothing_happened
from tests.support.fakes import OURS, THEIRS, Reply, World, call, make_world
from tests.support.fakes.webhooks import Signer, envelope, inbound

# (what is wrong, the body, the field that the answer names)
BODIES: list[tuple[str, object, str | None]] = [
    ("missing", None, None),
    ("empty", "", None),
    ("blank", " \n", None),
    ("not JSON", "{to: me}", None),
    ("cut off", '{"to": "+12025550123", "mess', None),
    ("a JSON list", [], None),
    ("a JSON text", '"hello"', None),
    ("null", "null", None),
    ("a number", "7", None),
    ("a constant that is no JSON", '{"to": "+12025550123", "message": NaN}', None),
    ("nested beyond reason", "[" * 50_000, None),
    ("half of a surrogate pair", "\ud800", None),
    ("no recipient", {"message": "Hi"}, "to"),
    ("no text", {"to": THEIRS}, "message"),
    ("neither", {}, "to"),
    ("an empty recipient", {"to": "", "message": "Hi"}, "to"),
    ("a null recipient", {"to": None, "message": "Hi"}, "to"),
    ("a recipient that is a number", {"to": 12025550123, "message": "Hi"}, "to"),
    ("a list of recipients", {"to": [THEIRS], "message": "Hi"}, "to"),
    ("a recipient without a plus", {"to": "12025550123", "message": "Hi"}, "to"),
    ("a recipient that starts with 0", {"to": "+02025550123", "message": "Hi"}, "to"),
    ("a recipient that is too short", {"to": "+120255", "message": "Hi"}, "to"),
    ("a recipient that is too long", {"to": "+1234567890123456", "message": "Hi"}, "to"),
    ("a recipient with spaces", {"to": "+1 202 555 0123", "message": "Hi"}, "to"),
    ("a recipient with a line break", {"to": "+12025550123\n", "message": "Hi"}, "to"),
    ("our own number", {"to": OURS, "message": "Hi"}, "to"),
    ("an empty text", {"to": THEIRS, "message": ""}, "message"),
    ("a blank text", {"to": THEIRS, "message": " \t\n "}, "message"),
    ("a text that is a number", {"to": THEIRS, "message": 7}, "message"),
    ("a text that is an object", {"to": THEIRS, "message": {"text": "Hi"}}, "message"),
    ("a text that is true", {"to": THEIRS, "message": True}, "message"),
    ("11 parts of GSM-7", {"to": THEIRS, "message": "a" * 1531}, "message"),
    ("11 parts of UCS-2", {"to": THEIRS, "message": "ê" * 671}, "message"),
    ("a text with half of a surrogate pair", {"to": THEIRS, "message": "Hi \ud83d"}, "message"),
    ("a byte-order mark", '\ufeff{"to": "+12025550123", "message": "Hi"}', None),
    ("a text that is there twice", '{"to": "+12025550123", "message": "Hi", "message": "Hello"}', "message"),
    ("the same text twice", '{"to": "+12025550123", "message": "Hi", "message": "Hi"}', "message"),
    ("a recipient twice", '{"to": "+12025550123", "message": "Hi", "to": "+12025550124"}', "to"),
    ("a tag twice", '{"to": "+12025550123", "message": "Hi", "metadata": {"tag": "a", "tag": "b"}}', "tag"),
    ("a number of 5,000 digits", '{"to": "+12025550123", "message": "Hi", "metadata": ' + "9" * 5_000 + "}", None),
    ("a number beyond all numbers", '{"to": "+12025550123", "message": "Hi", "metadata": 1e999}', "metadata"),
    ("nested far down", '{"to": "+12025550123", "message": "Hi", "metadata": ' + "[" * 90_000 + "}", None),
    ("a zero-width space alone", {"to": THEIRS, "message": "\u200b"}, "message"),
    ("joiners and a mark alone", {"to": THEIRS, "message": "\u200d\u2060\ufeff\u0301 "}, "message"),
    ("Hangul's filler alone", {"to": THEIRS, "message": "\u3164"}, "message"),
    ("blank Braille alone", {"to": THEIRS, "message": "\u2800\u2800"}, "message"),
    ("controls alone", {"to": THEIRS, "message": "\x1b\x07"}, "message"),
    ("NUL alone", {"to": THEIRS, "message": "\0"}, "message"),
    ("a text with NUL", {"to": THEIRS, "message": "Hi\0there"}, "message"),
    ("what is left of Latin-1", {"to": THEIRS, "message": "Gr\ufffd\ufffde"}, "message"),
    ("a tag of a no-break space", {"to": THEIRS, "message": "Hi", "metadata": {"tag": "\u00a0"}}, "metadata.tag"),
    ("a tag of a joiner", {"to": THEIRS, "message": "Hi", "metadata": {"tag": "\u200d"}}, "metadata.tag"),
    ("a tag with a word joiner", {"to": THEIRS, "message": "Hi", "metadata": {"tag": "a\u2060b"}}, "metadata.tag"),
    ("a tag of 65", {"to": THEIRS, "message": "Hi", "metadata": {"tag": "a" * 65}}, "metadata.tag"),
    ("an empty tag", {"to": THEIRS, "message": "Hi", "metadata": {"tag": ""}}, "metadata.tag"),
    ("a field that we do not know", {"to": THEIRS, "message": "Hi", "from": OURS}, "from"),
    ("a misspelt field", {"to": THEIRS, "mesage": "Hi"}, "mesage"),
    ("a limit of segments that is a text", {"to": THEIRS, "message": "Hi", "max_segments": "2"}, "max_segments"),
    ("a limit of segments that is true", {"to": THEIRS, "message": "Hi", "max_segments": True}, "max_segments"),
    ("a limit of segments with a fraction", {"to": THEIRS, "message": "Hi", "max_segments": 1.5}, "max_segments"),
    ("a limit of 2.0 segments", {"to": THEIRS, "message": "Hi", "max_segments": 2.0}, "max_segments"),
    (
        "a limit beyond all numbers",
        '{"to": "+12025550123", "message": "Hi", "max_segments": 1e999}',
        "max_segments",
    ),
    ("a list of limits", {"to": THEIRS, "message": "Hi", "max_segments": [2]}, "max_segments"),
    ("a limit of no segments", {"to": THEIRS, "message": "Hi", "max_segments": 0}, "max_segments"),
    ("a limit below zero", {"to": THEIRS, "message": "Hi", "max_segments": -1}, "max_segments"),
    ("a limit of 11 segments", {"to": THEIRS, "message": "Hi", "max_segments": 11}, "max_segments"),
    ("a huge limit", {"to": THEIRS, "message": "Hi", "max_segments": 10**4_000}, "max_segments"),
    ("more segments than the limit", {"to": THEIRS, "message": "a" * 161, "max_segments": 1}, "max_segments"),
    ("smart encoding as a text", {"to": THEIRS, "message": "Hi", "smart_encoding": "true"}, "smart_encoding"),
    ("smart encoding as 1", {"to": THEIRS, "message": "Hi", "smart_encoding": 1}, "smart_encoding"),
    ("smart encoding as an object", {"to": THEIRS, "message": "Hi", "smart_encoding": {}}, "smart_encoding"),
    (
        "a text that smart encoding would empty",
        {"to": THEIRS, "message": "\u00ad\u200b" * 40, "smart_encoding": True},
        "message",
    ),
    (
        "more segments than the limit with smart encoding",
        {"to": THEIRS, "message": "\u2019" + "a" * 160, "max_segments": 1, "smart_encoding": True},
        "max_segments",
    ),
    (
        "11 segments with smart encoding",
        {"to": THEIRS, "message": "\u2019" + "a" * 1_530, "smart_encoding": True},
        "message",
    ),
    ("metadata that is a list", {"to": THEIRS, "message": "Hi", "metadata": ["a"]}, "metadata"),
    ("metadata that is a text", {"to": THEIRS, "message": "Hi", "metadata": "a"}, "metadata"),
    ("metadata that is not flat", {"to": THEIRS, "message": "Hi", "metadata": {"a": {"b": "c"}}}, "metadata"),
    ("metadata of numbers", {"to": THEIRS, "message": "Hi", "metadata": {"a": 1}}, "metadata"),
    ("metadata with null", {"to": THEIRS, "message": "Hi", "metadata": {"a": None}}, "metadata"),
    ("metadata with an empty name", {"to": THEIRS, "message": "Hi", "metadata": {"": "a"}}, "metadata"),
    ("metadata over 2 KB", {"to": THEIRS, "message": "Hi", "metadata": {"a": "b" * 2_048}}, "metadata"),
    ("metadata over 2 KB in UTF-8", {"to": THEIRS, "message": "Hi", "metadata": {"a": "é" * 1_024}}, "metadata"),
    ("metadata with half a pair", {"to": THEIRS, "message": "Hi", "metadata": {"a": "\udc00"}}, "metadata"),
]


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_bad_body_is_refused_by_name_and_nothing_is_stored(world: World, route: str) -> None:
    for what, body, field in BODIES:
        reply = world.request(route, "POST", f"/sms/{route}", body)

        assert nothing_happened(world), what
        assert (reply.status, reply.fields["code"]) == (400, "invalid_request"), what
        assert reply.fields["error"], what
        assert reply.fields.get("field") == field, what


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_bad_base64_body_is_refused_and_nothing_is_stored(world: World, route: str) -> None:
    for body in (b"\xff\xfe\x00", b"not json", b"[]"):
        reply = world.request(route, "POST", f"/sms/{route}", body, base64_encoded=True)

        assert nothing_happened(world), body
        assert (reply.status, reply.fields["code"]) == (400, "invalid_request"), body


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_good_body_in_base64_is_served(world: World, route: str) -> None:
    body = json.dumps({"to": THEIRS, "message": "Grüße"}).encode()

    reply = world.request(route, "POST", f"/sms/{route}", body, base64_encoded=True)

    assert world.messages.all[0].text == "Grüße"
    assert reply.status in (200, 202)


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_bad_idempotency_key_is_refused_by_name_and_nothing_is_stored(world: World, route: str) -> None:
    for key in ("", " ", "two words", "k" * 256, "ключ", "a\nb"):
        reply = world.request(
            route, "POST", f"/sms/{route}", {"to": THEIRS, "message": "Hi"}, headers={"Idempotency-Key": key}
        )

        assert nothing_happened(world), key
        assert (reply.status, reply.fields["code"]) == (400, "invalid_request"), key
        assert reply.fields["field"] == "Idempotency-Key", key


@pytest.mark.parametrize(
    "fields",
    [
        {"message": "a" * 1_530},
        {"message": "ê" * 670},
        {"message": " padded "},
        {"to": "+1202555"},
        {"to": "+123456789012345"},
        {"metadata": None},
        {"metadata": {}},
        {"metadata": {"a": "b" * 2_047}},
        {"metadata": {"ключ": ""}},
        {"max_segments": None, "smart_encoding": None},
        {"max_segments": 1},
        {"max_segments": 10, "smart_encoding": False},
        {"message": "a" * 306, "max_segments": 2},
    ],
    ids=lambda fields: str(fields)[:30],
)
def test_what_is_just_good_enough_is_taken(world: World, fields: dict[str, object]) -> None:
    body: dict[str, object] = {"to": THEIRS, "message": "Hi"} | fields

    reply = world.request("queue", "POST", "/sms/queue", body)

    assert len(world.messages.all) == 1
    assert reply.status == 202


# --------------------------------------------------------------------------------------------- the paths


def test_a_status_of_what_is_no_id_is_refused_by_name(world: World) -> None:
    for ident in ("1", "message", "..", "T%23x", "%00", "null", "40385f64-5717-4562-b3fc-2c963f66afa"):
        reply = world.status(ident)

        refused = (reply.status, reply.fields["code"], reply.fields["field"])
        assert refused == (400, "invalid_request", "id"), ident


def test_a_status_of_an_unknown_id_is_not_found(world: World) -> None:
    reply = world.status("40385f64-5717-4562-b3fc-2c963f66afa6")

    assert reply.status == 404
    assert reply.fields == {"error": "Message not found.", "code": "not_found"}


def test_a_path_that_is_not_ours_is_not_found(world: World) -> None:
    for path in ("", "sms", "sms/sent", "sms/status", "sms/status/a/b", "healthz", "v1/health", "webhooks"):
        reply = world.request("fallback", "POST", "/{proxy+}", parameters={"proxy": path})

        assert nothing_happened(world), path
        assert (reply.status, reply.fields["code"]) == (404, "not_found"), path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "sms/send", "POST"),
        ("GET", "sms/queue", "POST, DELETE"),
        ("GET", "sms/queue/process", "POST"),
        ("DELETE", "sms/queue/process", "POST"),
        ("PUT", "sms/queue/40385f64-5717-4562-b3fc-2c963f66afa6", "DELETE, PATCH"),
        ("POST", "sms/status/40385f64-5717-4562-b3fc-2c963f66afa6", "GET"),
        ("GET", "webhooks/message", "POST"),
        ("PUT", "webhooks/message/40385f64-5717-4562-b3fc-2c963f66afa6", "POST"),
        ("POST", "health", "GET"),
        ("PATCH", "sms/optouts/+12025550123", "GET, PUT, DELETE"),
        ("HEAD", "health", "GET"),
        ("OPTIONS", "sms/optouts/+12025550123", "GET, PUT, DELETE"),
    ],
)
def test_a_method_that_a_route_does_not_have_names_the_one_that_it_has(
    world: World, method: str, path: str, allowed: str
) -> None:
    reply = world.request("fallback", method, "/{proxy+}", parameters={"proxy": path})

    assert nothing_happened(world)
    assert (reply.status, reply.fields["code"]) == (405, "method_not_allowed")
    assert reply.headers["allow"] == allowed


def test_a_path_with_a_slash_too_many_is_no_route_whatever_the_method(world: World) -> None:
    ident = "40385f64-5717-4562-b3fc-2c963f66afa6"
    for path in (
        "sms/send/",
        "sms/queue/",
        "health/",
        f"sms/status/{ident}/",
        f"sms/queue/{ident}/",
        "sms//send",
        "sms/tags/a/b",
        "sms%2Fsend",
    ):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            reply = world.request("fallback", method, "/{proxy+}", parameters={"proxy": path})

            assert nothing_happened(world), (method, path)
            assert (reply.status, reply.fields["code"]) == (404, "not_found"), (method, path)


def test_a_slash_that_the_gateway_cuts_off_is_no_wrong_method(world: World) -> None:
    event = call("POST", "/{proxy+}", parameters={"proxy": "sms/send"}) | {"path": "/sms/send/"}

    reply = Reply.of(world.invoke("fallback", event))

    assert reply.status == 404
    assert reply.fields["error"] == "There is no such route. Leave out the slash at the end of the path."


def test_a_parameter_that_is_there_twice_is_refused_by_name(world: World) -> None:
    for function, resource, name in (
        *(("messages", "/sms/messages", name) for name in ("to", "tag", "since", "limit", "cursor")),
        ("optouts", "/sms/optouts", "cursor"),
    ):
        reply = world.request(function, "GET", resource, query={name: ["a", "b"]})

        refused = (reply.status, reply.fields["code"], reply.fields["field"])
        assert refused == (400, "invalid_request", name), resource


def test_an_unknown_parameter_is_refused_by_name(world: World) -> None:
    for function, resource in (("messages", "/sms/messages"), ("optouts", "/sms/optouts")):
        reply = world.request(function, "GET", resource, query={"colour": "red"})

        assert (reply.status, reply.fields["field"]) == (400, "colour"), resource


# ------------------------------------------------------------------------------------------- the headers

# (what is wrong, the headers, the one that the answer names)
HEADERS: list[tuple[str, dict[str, str | list[str]], str]] = [
    ("two keys", {"Idempotency-Key": ["a", "b"]}, "Idempotency-Key"),
    ("one key twice", {"Idempotency-Key": ["a", "a"]}, "Idempotency-Key"),
    ("two keys in two cases", {"Idempotency-Key": "a", "idempotency-key": "b"}, "Idempotency-Key"),
    ("a body that is packed", {"Content-Encoding": "gzip"}, "Content-Encoding"),
    ("two codings", {"Content-Encoding": ["identity", "br"]}, "Content-Encoding"),
    ("Latin-1", {"Content-Type": "application/json; charset=ISO-8859-1"}, "Content-Type"),
    ("UTF-16 in quotes", {"Content-Type": 'application/json;Charset="utf-16"'}, "Content-Type"),
    ("two types", {"Content-Type": ["application/json", "text/plain"]}, "Content-Type"),
]


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_header_that_is_wrong_is_named_and_nothing_is_stored(world: World, route: str) -> None:
    for what, headers, field in HEADERS:
        reply = world.request(route, "POST", f"/sms/{route}", {"to": THEIRS, "message": "Hi"}, headers=headers)

        assert nothing_happened(world), what
        refused = (reply.status, reply.fields["code"], reply.fields.get("field"))
        assert refused == (400, "invalid_request", field), what


def test_what_kind_of_content_a_body_is_called_has_no_say(world: World) -> None:
    kinds = (
        "application/json; charset=UTF-8",
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "; charset=",
    )
    for number, kind in enumerate(kinds, 1):
        body = {"to": THEIRS, "message": "Hi"}
        reply = world.request(
            "queue", "POST", "/sms/queue", body, headers={"Content-Type": kind, "Content-Encoding": "identity"}
        )

        assert len(world.messages.all) == number, kind
        assert reply.status == 202, kind


# ------------------------------------------------------------------------------------------------ the tags


def test_a_tag_that_is_taken_can_be_looked_up_whatever_joins_its_characters(world: World) -> None:
    family, persian = "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u0645\u06cc\u200c\u062e\u0648"
    for tag in ("spring\u00a0sale", family, persian, "a\u202fb", "\u2764\ufe0f", "cafe\u0301"):
        assert world.enqueue(metadata={"tag": tag}).status == 202, tag

        counted = world.request("tags", "GET", "/sms/tags/{tag}", parameters={"tag": quote(tag)})
        found = world.request("messages", "GET", "/sms/messages", query={"tag": tag})

        assert (counted.status, counted.fields["tag"]) == (200, tag), tag
        assert [row["metadata"] for row in found.fields["messages"]] == [{"tag": tag}], tag


def test_a_tag_in_the_path_that_is_not_utf_8_is_refused(world: World) -> None:
    reply = world.request("tags", "GET", "/sms/tags/{tag}", parameters={"tag": "%ff"})

    assert (reply.status, reply.fields["field"]) == (400, "tag")


# ------------------------------------------------------------------------------------------- anything at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
# Something like a request: of the right names, and now and then of the right form.
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "to": st.sampled_from([THEIRS, "+442071838750", OURS, "+0"]) | JSON,
        "message": st.text(max_size=40) | JSON,
        "metadata": st.dictionaries(st.sampled_from(["tag", "a"]), st.text(max_size=10), max_size=2) | JSON,
        "colour": JSON,
    },
)
BYTES = (
    st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | REQUESTS.map(lambda fields: json.dumps(fields).encode())
    | st.builds(
        lambda fields, by: json.dumps(fields).encode(by, "surrogatepass"),
        REQUESTS,
        st.sampled_from(["utf-16", "utf-8-sig"]),
    )
)
VALUES = st.text(st.characters(codec="latin-1"), max_size=12) | st.sampled_from(
    ["gzip", "application/json; charset=x"]
)
SOME_HEADERS = st.dictionaries(
    st.sampled_from(["Idempotency-Key", "idempotency-key", "Content-Type", "Content-Encoding", "X-Other"]),
    VALUES | st.lists(VALUES, min_size=1, max_size=3),
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["send", "queue"]), BYTES, SOME_HEADERS)
def test_no_body_and_no_header_is_our_fault(route: str, body: bytes, headers: dict[str, str | list[str]]) -> None:
    world = make_world()

    reply = world.request(route, "POST", f"/sms/{route}", body, headers=headers, base64_encoded=True)

    assert world.logger.crashes == []
    assert reply.status in (200, 202, 400, 403, 429), reply.fields
    if reply.status not in (200, 202):
        assert reply.fields["error"]
        assert nothing_happened(world)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        [
            ("status", "/sms/status/{id}", "id"),
            ("tags", "/sms/tags/{tag}", "tag"),
            ("optouts", "/sms/optouts/{number}", "number"),
            ("recipients", "/sms/recipients/{number}", "number"),
            ("queue", "/sms/queue/{id}", "id"),
            ("queue", "/sms/queue", "none"),
            ("fallback", "/{proxy+}", "proxy"),
            ("messages", "/sms/messages", "none"),
            ("optouts", "/sms/optouts", "none"),
        ]
    ),
    st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    st.text(max_size=30) | st.sampled_from(["+12025550123", "%2B12025550123", "%ff", "sms/send/"]),
    st.dictionaries(
        st.sampled_from(["to", "from", "tag", "status", "since", "until", "limit", "cursor", "colour"]),
        st.text(max_size=12) | st.lists(st.text(max_size=6), min_size=1, max_size=2),
        max_size=3,
    ),
)
def test_no_path_and_no_parameter_is_our_fault(
    route: tuple[str, str, str], method: str, value: str, query: dict[str, str | list[str]]
) -> None:
    world = make_world()
    function, resource, name = route

    reply = world.request(function, method, resource, parameters={name: value}, query=query)

    assert world.logger.crashes == []
    assert reply.status in (200, 400, 404, 405), reply.fields
    assert reply.status == 200 or reply.fields["error"]


# ------------------------------------------------------------------------------------------- the webhooks


def post(world: World, body: bytes, headers: dict[str, str], **more: Any) -> int:
    reply = world.request("webhook", "POST", "/webhooks/message", body, headers=headers, **more)
    assert set(reply.fields) >= {"error", "code"}
    return reply.status


def test_a_webhook_that_is_not_signed_is_refused_and_nothing_is_stored(world: World) -> None:
    body = inbound(THEIRS, "STOP", world.clock.now, to=OURS)
    good = world.signer.headers(body, world.clock.now)
    stale = world.signer.headers(body, world.clock.now - 301_000)
    future = world.signer.headers(body, world.clock.now + 301_000)
    strangers = Signer(b"someone who is not the provider!").headers(body, world.clock.now)
    bad: list[dict[str, str]] = [
        {},
        {name: value for name, value in good.items() if name != "telnyx-timestamp"},
        {name: value for name, value in good.items() if name != "telnyx-signature-ed25519"},
        good | {"telnyx-timestamp": "now"},
        good | {"telnyx-timestamp": ""},
        good | {"telnyx-signature-ed25519": "not base64!"},
        good | {"telnyx-signature-ed25519": base64.b64encode(b"x" * 63).decode()},
        good | {"telnyx-signature-ed25519": base64.b64encode(b"x" * 64).decode()},
        stale,
        future,
        strangers,
    ]

    statuses = [post(world, body, headers) for headers in bad]
    statuses.append(post(world, body.replace(b"STOP", b"SPOT"), good))

    assert nothing_happened(world)
    assert statuses == [401] * len(statuses)


def test_a_signed_body_that_is_no_event_is_bad_input(world: World) -> None:
    for body in (b"", b"not json", b"\xff\xfe\x00", b"[]", b"null", b"{}", b'{"data": {}}', b"[" * 50_000):
        headers = world.signer.headers(body, world.clock.now)

        assert post(world, body, headers, base64_encoded=True) == 400, body[:12]

        assert nothing_happened(world), body[:12]


def test_an_unsigned_body_is_not_even_looked_at(world: World) -> None:
    for body in (b"", b"not json", b"\xff\xfe\x00", b"[]"):
        assert post(world, body, {}, base64_encoded=True) == 401, body

        assert nothing_happened(world), body


def test_broken_base64_of_the_gateway_is_bad_input(world: World) -> None:
    event = call("POST", "/webhooks/message", "???") | {"isBase64Encoded": True}

    assert world.invoke("webhook", event)["statusCode"] == 400

    assert nothing_happened(world)


def test_a_signed_webhook_on_an_address_that_is_no_id_is_bad_input(world: World) -> None:
    reply = world.webhook(envelope("message.read", {"id": "x"}, world.clock.now), path_id="no-id")

    assert nothing_happened(world)
    assert (reply.status, reply.fields["field"]) == (400, "id")
