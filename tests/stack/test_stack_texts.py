"""What the service is for, over HTTP on the deployed stack, with the provider's own log as the witness."""

import base64
import io
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from nacl.signing import SigningKey
from rich.console import Console

from devtools.local_stack import demo
from devtools.local_stack.layout import Layout, Stack
from devtools.local_stack.signing import webhook
from tests.stack.world import paced

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]
OURS = "+12025550100"
# The provider has it. Its receipts are another matter: on a busy machine it may give up on one.
LEFT = {"submitted", "sent", "delivered"}


def requests_to(provider: httpx.Client, number: str) -> list[dict[str, Any]]:
    """What the provider was asked to send to a number, in the order in which it saw it."""
    rows: list[dict[str, Any]] = provider.get("/_provider/requests", params={"to": number}).json()["requests"]
    return rows


def status_of(api: httpx.Client, message_id: str) -> dict[str, Any]:
    """GET /sms/status/{id}."""
    fields: dict[str, Any] = api.get(f"/sms/status/{message_id}").json()
    return fields


def test_a_text_sent_now_is_delivered_and_says_so(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    answer = api.post("/sms/send", json={"to": "+12022010101", "message": "Grüße"})
    assert answer.status_code == 200
    sent = answer.json()
    assert (sent["status"], sent["from"], sent["to"]) == ("queued", OURS, "+12022010101")
    eventually(lambda: status_of(api, sent["message_id"])["status"] == "delivered")
    by_telnyx_id = status_of(api, sent["telnyx_id"])
    assert [entry["status"] for entry in by_telnyx_id["history"]][-3:] == ["submitted", "sent", "delivered"]
    assert [row["idempotency_key"] for row in requests_to(provider, "+12022010101")] == [sent["message_id"]]


def test_a_hundred_texts_to_twenty_people_all_arrive_once_and_never_faster_than_agreed(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    numbers = [f"+1202301{n:04d}" for n in range(100, 120)]
    texts = [(number, f"text {n}") for n in range(5) for number in numbers]

    def enqueue(text: tuple[str, str]) -> str:
        answer = api.post("/sms/queue", json={"to": text[0], "message": text[1]})
        assert answer.status_code == 202, answer.text
        ident: str = answer.json()["message_id"]
        return ident

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(enqueue, texts))

    def taken() -> list[dict[str, Any]]:
        rows = provider.get("/_provider/requests", params={"limit": 100_000}).json()["requests"]
        return [row for row in rows if row["to"] in numbers and row["accepted"]]

    eventually(lambda: len(taken()) >= len(ids))
    times: dict[str, list[float]] = defaultdict(list)
    for row in taken():
        times[row["to"]].append(row["arrived_ms"])
    assert Counter(row["idempotency_key"] for row in taken()) == Counter(ids)
    assert all(map(paced, times.values()))
    waiting = set(ids)

    def all_delivered() -> bool:
        waiting.difference_update({i for i in waiting if status_of(api, i)["status"] == "delivered"})
        return not waiting

    eventually(all_delivered)


def test_texts_to_one_person_leave_in_the_order_in_which_they_came(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    number = "+12023020100"
    answers = [api.post("/sms/queue", json={"to": number, "message": f"text {n}"}).json() for n in range(4)]
    eventually(lambda: len(requests_to(provider, number)) == 4)
    keys = [row["idempotency_key"] for row in requests_to(provider, number)]
    assert keys == [answer["message_id"] for answer in answers]


def test_the_same_idempotency_key_sends_once(api: httpx.Client, provider: httpx.Client) -> None:
    number, headers = "+12023030100", {"Idempotency-Key": "order-4711"}
    body = {"to": number, "message": "Your order has left"}
    first = api.post("/sms/send", json=body, headers=headers)
    second = api.post("/sms/send", json=body, headers=headers)
    other = api.post("/sms/send", json=body | {"message": "Another"}, headers=headers)
    assert len(requests_to(provider, number)) == 1
    assert (first.status_code, second.status_code, other.status_code) == (200, 200, 409)
    assert first.json()["message_id"] == second.json()["message_id"]


def test_processing_drains_what_waits_or_leaves_it_to_the_consumer(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    number = "+12023040100"
    queued = api.post("/sms/queue", json={"to": number, "message": "Hello"}).json()
    answer = api.post("/sms/queue/process")
    assert answer.status_code == 200
    assert set(answer.json()) == {"processed", "failed", "results", "remaining"}
    eventually(lambda: status_of(api, queued["message_id"])["status"] == "delivered")
    assert len(requests_to(provider, number)) == 1


def test_an_inbound_text_is_kept_and_read_by_its_id(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    said = provider.post("/_provider/inbound", json={"from": "+12023050100", "text": "Is this on?"}).json()
    found = eventually(lambda: (a := status_of(api, said["message_id"])).get("status") == "received" and a)
    assert (found["direction"], found["from"], found["text"]) == ("inbound", "+12023050100", "Is this on?")


@pytest.mark.parametrize(
    ("number", "status"), [("+12025550140", "delivery_failed"), ("+12025550147", "delivered")]
)
def test_a_receipt_decides_what_became_of_a_text(
    api: httpx.Client, eventually: Eventually, number: str, status: str
) -> None:
    sent = api.post("/sms/send", json={"to": number, "message": "Hello"}).json()
    eventually(lambda: status_of(api, sent["message_id"])["status"] == status)
    assert status_of(api, sent["message_id"])["status"] == status


@pytest.mark.parametrize(
    ("number", "http_status", "code"),
    [
        ("+12025550150", 403, "recipient_opted_out"),
        ("+12025550151", 400, "provider_refused"),
        ("+12025550170", 504, "outcome_unknown"),
    ],
)
def test_what_the_provider_refuses_is_reported_to_the_caller(
    api: httpx.Client, number: str, http_status: int, code: str
) -> None:
    answer = api.post("/sms/send", json={"to": number, "message": "Hello"})
    assert (answer.status_code, answer.json()["code"]) == (http_status, code)


def test_a_webhook_signed_by_another_key_changes_nothing(
    api: httpx.Client, anyone: httpx.Client, stack: Stack, run_layout: Layout
) -> None:
    good = webhook(run_layout, stack, "inbound", other="+12023060100", text="Hello")
    stranger = SigningKey.generate()
    timestamp = str(int(time.time()))
    forged = good.headers | {
        "telnyx-timestamp": timestamp,
        "telnyx-signature-ed25519": base64.b64encode(
            stranger.sign(timestamp.encode() + b"|" + good.body).signature
        ).decode(),
    }
    refused = anyone.post(good.url, content=good.body, headers=forged)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_signature")
    ident = httpx.Response(200, content=good.body).json()["data"]["payload"]["id"]
    assert api.get(f"/sms/status/{ident}").status_code == 404
    accepted = anyone.post(good.url, content=good.body, headers=good.headers)
    assert (accepted.status_code, accepted.json()) == (200, {"status": "received"})
    assert api.get(f"/sms/status/{ident}").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'{"to": 5, "message": "x"}', "to"),
        (b'{"to": "+0123456789", "message": "x"}', "to"),
        (b'{"to": "+12025550100", "message": "x"}', "to"),
        (b'{"to": "+12023070100", "message": " "}', "message"),
        (b'{"to": "+12023070100", "message": "x", "colour": "red"}', "colour"),
        (b'{"to": "+12023070100", "message": "x", "metadata": {"a": {"b": "c"}}}', "metadata"),
        (b'{"to": "+12023070100", "message": "\\ud800"}', "message"),
    ],
)
@pytest.mark.parametrize("route", ["/sms/send", "/sms/queue"])
def test_bad_input_is_refused_by_name_and_reaches_no_one(
    api: httpx.Client, provider: httpx.Client, route: str, body: bytes, field: str | None
) -> None:
    answer = api.post(route, content=body, headers={"content-type": "application/json"})
    assert requests_to(provider, "+12023070100") == []
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"
    assert answer.json().get("field") == field


def test_a_path_that_is_no_route_and_a_method_that_a_route_has_not_are_answered_in_one_shape(
    api: httpx.Client,
) -> None:
    missing, wrong, unknown = api.get("/sms"), api.delete("/health"), api.get("/sms/status/nonsense")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "GET")
    assert (unknown.status_code, unknown.json()["code"]) == (400, "invalid_request")


def test_after_a_stop_nothing_more_leaves(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    number = "+12023080100"
    ids = [
        api.post("/sms/queue", json={"to": number, "message": f"text {n}"}).json()["message_id"] for n in range(9)
    ]
    eventually(lambda: requests_to(provider, number))
    provider.post("/_provider/inbound", json={"from": number, "text": "STOP"})
    eventually(lambda: api.get(f"/sms/optouts/{number}").status_code == 200)
    known_ms = time.time() * 1000
    ended = LEFT | {"suppressed", "failed"}
    eventually(lambda: all(status_of(api, ident)["status"] in ended for ident in ids))
    ends = [status_of(api, i) for i in ids]
    # The provider knows the STOP before its webhook is here, and refuses a text that arrives between the two.
    refused = [end for end in ends if end["status"] == "failed"]
    assert [end["errors"][0]["code"] for end in refused] in ([], ["40300"])
    assert {end["status"] for end in ends if end not in refused} <= LEFT | {"suppressed"}
    assert [row for row in requests_to(provider, number) if row["arrived_ms"] > known_ms + 1000] == []
    assert status_of(api, ids[-1])["status"] == "suppressed"
    assert api.post("/sms/send", json={"to": number, "message": "x"}).json()["code"] == "recipient_opted_out"
    provider.post("/_provider/inbound", json={"from": number, "text": "START"})
    eventually(lambda: api.post("/sms/send", json={"to": number, "message": "Welcome back"}).status_code == 200)


def test_the_demo_comes_to_its_good_end(stack: Stack) -> None:
    shown = io.StringIO()
    assert demo.Demo(stack, Console(file=shown, width=120), area_code="808").run(), shown.getvalue()
