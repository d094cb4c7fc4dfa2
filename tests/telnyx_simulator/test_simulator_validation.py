"""What the provider refuses before it looks at the number, and with which code."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from devtools.telnyx_simulator import validate
from devtools.telnyx_simulator.errors import Refused
from devtools.telnyx_simulator.settings import PROFILE_ID
from tests.telnyx_simulator.world import API_KEY, OURS, RECIPIENT, Running

pytestmark = pytest.mark.enable_socket

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
GOOD: dict[str, Any] = {"to": RECIPIENT, "from": OURS, "text": "Hello!"}
MISSING = object()


def check(fields: dict[str, Any], *, long_code: bool = False) -> validate.SendRequest:
    body = {name: value for name, value in (GOOD | fields).items() if value is not MISSING}
    return validate.send_request(
        json.dumps(body).encode(),
        numbers=frozenset({OURS}),
        profile_id=PROFILE_ID,
        now=NOW,
        long_code=long_code,
    )


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"to": MISSING}, "10004", "/to"),
        ({"from": MISSING}, "10004", "/from"),
        ({"to": "12025550123"}, "10016", "/to"),
        ({"to": "+1 202 555 0123"}, "10016", "/to"),
        ({"to": "+12025550123\n"}, "10016", "/to"),
        ({"to": [RECIPIENT]}, "10002", "/to"),
        ({"to": OURS}, "40310", "/to"),
        ({"from": "+12025550199"}, "40305", "/from"),
        ({"from": 12025550100}, "10015", "/from"),
        ({"text": MISSING}, "40316", "/text"),
        ({"text": ""}, "40316", "/text"),
        ({"text": " \n"}, "40316", "/text"),
        ({"text": None}, "10015", "/text"),
        ({"text": "a" * 1531}, "40302", "/text"),
        ({"text": "ы" * 671}, "40302", "/text"),
        ({"text": "ы", "encoding": "gsm7"}, "40328", "/text"),
        ({"encoding": "utf-8"}, "10015", "/encoding"),
        ({"type": "RCS"}, "10015", "/type"),
        ({"type": "MMS"}, "40316", "/media_urls"),
        ({"media_urls": ["not a url"]}, "10003", "/media_urls"),
        ({"webhook_url": "ftp://example.com/"}, "10003", "/webhook_url"),
        ({"webhook_url": "/hook"}, "10003", "/webhook_url"),
        ({"webhook_url": "https://example.com/" + "a" * 1981}, "10003", "/webhook_url"),
        ({"webhook_url": None}, "10015", "/webhook_url"),
        ({"webhook_failover_url": "https://"}, "10003", "/webhook_failover_url"),
        ({"messaging_profile_id": "another-profile"}, "40311", "/messaging_profile_id"),
        ({"use_profile_webhooks": "yes"}, "10015", "/use_profile_webhooks"),
        ({"send_at": "tomorrow"}, "10015", "/send_at"),
        ({"send_at": "2026-07-01T12:04:00Z"}, "10015", "/send_at"),
        ({"send_at": "2026-07-07T12:00:00Z"}, "10015", "/send_at"),
        ({"tags": ["mine"]}, "10015", "/tags"),
        ({"client_ref": "mine"}, "10015", "/client_ref"),
    ],
)
def test_a_faulty_request_is_refused_with_its_documented_code(
    fields: dict[str, Any], code: str, pointer: str
) -> None:
    with pytest.raises(Refused) as refused:
        check(fields)
    [error] = refused.value.errors
    assert (error.code, error.pointer) == (code, pointer)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"text": "a" * 1530},
        {"text": "ы" * 670},
        {"webhook_url": "https://example.com/" + "a" * 1980},
        {"media_urls": ["https://example.com/cat.png"], "text": MISSING},
        {"send_at": "2026-07-01T12:06:00Z"},
        {"send_at": None},
        {"from": MISSING, "messaging_profile_id": PROFILE_ID},
        {"auto_detect": True, "subject": "Hi", "encoding": "ucs2", "type": "SMS"},
    ],
)
def test_a_sound_request_is_taken(fields: dict[str, Any]) -> None:
    assert check(fields).sender == OURS


@pytest.mark.parametrize("field", ["messaging_profile_id", "send_at"])
def test_the_long_code_endpoint_has_fewer_fields(field: str) -> None:
    with pytest.raises(Refused) as refused:
        check({field: PROFILE_ID}, long_code=True)
    assert refused.value.errors[0].pointer == f"/{field}"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff"])
def test_a_body_that_is_no_json_object_is_not_well_formed(provider: Running, body: bytes) -> None:
    answer = provider.post(body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "10015")


def test_all_faulty_fields_are_named_at_once(provider: Running) -> None:
    answer = provider.send(tags=["mine"], text=7)
    pointers = {error["source"]["pointer"] for error in answer.json()["errors"]}
    assert (answer.status_code, pointers) == (422, {"/tags", "/text"})


@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {API_KEY}", API_KEY])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v2/messages"), ("GET", "/v2/balance"), ("GET", "/v2/messaging_optouts")],
)
def test_a_missing_or_wrong_key_is_10009(provider: Running, method: str, path: str, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    answer = provider.client.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "10009")


def test_a_refused_request_is_logged_and_makes_no_message(provider: Running) -> None:
    provider.send(tags=["mine"])
    [request] = provider.requests()
    assert (request["accepted"], request["status"], request["code"]) == (False, 422, "10015")
    assert provider.client.get("/_provider/messages").json()["messages"] == []


def test_an_unknown_path_is_answered_in_the_providers_own_shape(provider: Running) -> None:
    answer = provider.client.get("/v2/nothing")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "10005")
