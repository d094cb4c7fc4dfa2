"""Every request that can't be served: one answer that names what is wrong, and nothing stored."""

import base64
import json
from typing import Any

import pytest

from tests.fakes import OURS, THEIRS, World, call
from tests.fakes.webhooks import Signer, envelope, inbound
from tests.functional.conftest import nothing_happened

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
    ("a field that we do not know", {"to": THEIRS, "message": "Hi", "from": OURS}, "from"),
    ("a misspelt field", {"to": THEIRS, "mesage": "Hi"}, "mesage"),
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


def test_a_status_of_an_id_that_nobody_has_is_not_found(world: World) -> None:
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
        ("DELETE", "sms/queue", "POST"),
        ("GET", "sms/queue/process", "POST"),
        ("POST", "sms/status/40385f64-5717-4562-b3fc-2c963f66afa6", "GET"),
        ("GET", "webhooks/message", "POST"),
        ("PUT", "webhooks/message/40385f64-5717-4562-b3fc-2c963f66afa6", "POST"),
        ("POST", "health", "GET"),
        ("PATCH", "sms/optouts/+12025550123", "GET, PUT, DELETE"),
        ("GET", "sms/send/", "POST"),
    ],
)
def test_a_method_that_a_route_does_not_have_names_the_one_that_it_has(
    world: World, method: str, path: str, allowed: str
) -> None:
    reply = world.request("fallback", method, "/{proxy+}", parameters={"proxy": path})

    assert nothing_happened(world)
    assert (reply.status, reply.fields["code"]) == (405, "method_not_allowed")
    assert reply.headers["allow"] == allowed


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
    strangers = Signer(b"somebody who is not the carrier!").headers(body, world.clock.now)
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


def test_a_body_that_nobody_signed_is_not_even_looked_at(world: World) -> None:
    for body in (b"", b"not json", b"\xff\xfe\x00", b"[]"):
        assert post(world, body, {}, base64_encoded=True) == 401, body

        assert nothing_happened(world), body


def test_broken_base64_of_the_gateway_is_bad_input(world: World) -> None:
    event = call("POST", "/webhooks/message", "???") | {"isBase64Encoded": True}

    assert world.invoke("webhook", event)["statusCode"] == 400

    assert nothing_happened(world)


def test_a_signed_webhook_on_an_address_that_is_no_id_is_bad_input(world: World) -> None:
    reply = world.webhook(envelope("message.read", {"id": "x"}, world.clock.now), path_id="nobody")

    assert nothing_happened(world)
    assert (reply.status, reply.fields["field"]) == (400, "id")


def test_an_inbound_text_from_nobody_is_bad_input(world: World) -> None:
    for nobody in ("", " ", "\n", "\u3000"):
        reply = world.webhook(inbound(nobody, "STOP", world.clock.now, to=OURS))

        assert nothing_happened(world), nobody
        assert reply.status == 400, nobody
