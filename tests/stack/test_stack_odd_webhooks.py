"""Signed webhooks that are not as the provider documents them, over HTTP on the deployed stack."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]
OURS = "+12025550100"
NASTY = "\ud800\x1b]8;;https://example.com\x07[bold]\x9b2J\u202e\x00"
PLAIN = "\N{REPLACEMENT CHARACTER} ]8;;https://example.com [bold] 2J  "


@pytest.fixture
def signed(api: httpx.Client, provider: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Sign an event and post it as the provider does; what the API answered."""

    def post(data: dict[str, Any], path: str = "") -> dict[str, Any]:
        url = f"{str(api.base_url).rstrip('/')}/webhooks/message{path}"
        answer = provider.post(
            "/_provider/signed", params={"url": url}, content=json.dumps({"data": data}), timeout=40
        )
        fields: dict[str, Any] = answer.json()
        return fields

    return post


# Any: JSON.
def inbound(**payload: Any) -> dict[str, Any]:
    """An event about a text to us."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    usual = {"id": str(uuid.uuid4()), "from": {"phone_number": "+12023060100"}, "to": [{"phone_number": OURS}]}
    return {
        "event_type": "message.received",
        "id": str(uuid.uuid4()),
        "occurred_at": now,
        "payload": usual | {"text": "Hi", "direction": "inbound", "type": "SMS"} | payload,
    }


def found(api: httpx.Client, text: str) -> list[dict[str, Any]]:
    """The inbound texts of today that say `text`."""
    today = datetime.now(UTC).date().isoformat()
    answer = api.get("/sms/messages", params={"status": "received", "since": today, "limit": "100"})
    return [row for row in answer.json()["messages"] if row["text"] == text]


@pytest.mark.parametrize(
    ("name", "changes", "sender"),
    [
        ("no sender", {"from": None}, ""),
        ("a list of senders", {"from": [{"phone_number": "72345"}]}, "72345"),
        ("the list of the opted-out", {"from": {"phone_number": "optouts"}}, "optouts"),
        ("a nasty sender", {"from": {"phone_number": NASTY}}, PLAIN.strip()),
        ("a long sender", {"from": {"phone_number": "9" * 5_000}}, "9" * 64),
        ("no id", {"id": None}, "+12023060100"),
        ("a long id", {"id": "x" * 5_000}, "+12023060100"),
        ("a nasty id", {"id": NASTY}, "+12023060100"),
        ("an object of recipients", {"to": {"phone_number": OURS}}, "+12023060100"),
        ("our number second", {"to": [{"phone_number": "+12023060199"}, {"phone_number": OURS}]}, "+12023060100"),
        (
            "numbers that are none",
            {"parts": 10**40, "is_spam": 10**40, "media": [{"size": 10**40}]},
            "+12023060100",
        ),
    ],
)
def test_an_odd_inbound_text_is_kept_once_and_can_be_read(
    api: httpx.Client,
    signed: Callable[..., dict[str, Any]],
    eventually: Eventually,
    name: str,
    changes: dict[str, Any],
    sender: str,
) -> None:
    words = f"{name} {uuid.uuid4()}"
    event = inbound(text=words, **changes)

    answers = [signed(event), signed(event)]

    assert [(row["http_status"], json.loads(row["body"])) for row in answers] == [
        (200, {"status": "received"})
    ] * 2
    (row,) = eventually(lambda: found(api, words))
    status = api.get(f"/sms/status/{row['message_id']}")
    assert status.status_code == 200
    assert (status.json()["from"], status.json()["to"]) == (sender, OURS)
    assert api.get("/sms/optouts").status_code == 200


def test_an_odd_receipt_is_kept_with_its_reason_and_a_later_one_still_counts(
    api: httpx.Client, provider: httpx.Client, signed: Callable[..., dict[str, Any]], eventually: Eventually
) -> None:
    # Of this one the provider itself tells nothing.
    number = "+12023070101"
    provider.post("/_provider/faults", json={"webhook": "lose", "to": number, "times": 9})
    sent = api.post("/sms/send", json={"to": number, "message": "Hello"}).json()
    ident, telnyx_id = sent["message_id"], sent["telnyx_id"]
    url = f"{str(api.base_url).rstrip('/')}/webhooks/message/{ident.upper()}"

    def receipt(**changes: Any) -> dict[str, Any]:
        usual = {"id": telnyx_id.upper(), "webhook_url": url, "to": [{"phone_number": number, "status": NASTY}]}
        errors = [{"code": NASTY, "title": NASTY, "detail": NASTY * 999}]
        payload = usual | {"errors": errors, "cost": None, "parts": True} | changes
        return {
            "event_type": "message.finalized",
            "id": str(uuid.uuid4()),
            "occurred_at": "9999-12-31",
            "payload": payload,
        }

    odd = signed(receipt(), f"/{ident}")
    nameless = signed(receipt(id=None), f"/{ident}")
    upper = signed(receipt(to={"phone_number": number, "status": "DELIVERED"}, errors=[]), f"/{ident}")
    late = signed(receipt(cost={"amount": 0.0051, "currency": "usd"}), f"/{ident}")

    assert [row["http_status"] for row in (odd, nameless, upper, late)] == [200] * 4
    assert {json.loads(row["body"])["status"] for row in (odd, nameless, upper, late)} == {"updated"}
    fields = api.get(f"/sms/status/{ident}").json()
    assert fields["status"] == "delivered"
    assert fields["cost"] == {"amount": "0.0051", "currency": "USD"}
    kept = [row for row in fields["history"] if row["source"] == "webhook"]
    assert len(kept) == 4
    assert all(row["at"].startswith(datetime.now(UTC).date().isoformat()[:4]) for row in kept)
    assert kept[0]["note"] == "The provider ended it with a status that this service does not know."
    assert kept[0]["errors"][0]["title"] == PLAIN


def test_digits_without_separators_are_no_time_of_a_search(api: httpx.Client) -> None:
    for name in ("since", "until"):
        for value in ("1700110112345", "20261123"):
            answer = api.get("/sms/messages", params={name: value})
            assert (answer.status_code, answer.json()["field"]) == (400, name)
