"""The official SDK as an independent witness of shapes, errors and signatures."""

import importlib
from typing import Any

import pytest

from devtools.telnyx_simulator.registration import BRAND_ID, CAMPAIGN_ID
from tests.telnyx_simulator.world import API_KEY, OURS, RECIPIENT, Hook, Inbox, Running

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def telnyx() -> Any:
    """The SDK. Only the worker that needs it imports it, for a second and a half."""
    return importlib.import_module("telnyx")


@pytest.fixture
def client(telnyx: Any, provider: Running) -> Any:
    with telnyx.Telnyx(
        api_key=API_KEY,
        base_url=f"{provider.url}/v2",
        public_key=provider.public_key,
        max_retries=0,
    ) as made:
        yield made


def unwrap(client: Any, hook: Hook) -> Any:
    return client.webhooks.unwrap(hook.raw.decode(), headers=hook.headers)


def test_the_sdk_sends_a_text_and_reads_it_back(client: Any) -> None:
    sent = client.messages.send(from_=OURS, to=RECIPIENT, text="Hello!", idempotency_key="k-1").data
    assert (sent.to[0].status, sent.encoding, sent.parts) == ("queued", "GSM-7", 1)
    assert client.messages.retrieve(sent.id).data.id == sent.id
    again = client.messages.send(from_=OURS, to=RECIPIENT, text="Hello!", idempotency_key="k-1")
    assert again.data.id == sent.id


def test_the_sdk_sends_over_the_long_code_endpoint(client: Any) -> None:
    sent = client.messages.send_long_code(from_=OURS, to=RECIPIENT, text="Hello!").data
    assert sent.to[0].phone_number == RECIPIENT


def test_the_sdk_verifies_and_reads_every_kind_of_webhook(client: Any, provider: Running, inbox: Inbox) -> None:
    url = f"{inbox.url}/hook"
    client.messages.send(from_=OURS, to=RECIPIENT, text="Grüße 😀", webhook_url=url)
    sent, final = (unwrap(client, hook) for hook in inbox.wait(2))
    assert (sent.data.event_type, sent.data.payload.to[0].status) == ("message.sent", "sent")
    assert (final.data.event_type, final.data.payload.to[0].status) == (
        "message.finalized",
        "delivered",
    )
    assert final.data.payload.webhook_url == url
    provider.control("inbound", **{"from": RECIPIENT}, text="STOP", webhook_url=url)
    received = unwrap(client, inbox.wait(3)[2])
    assert received.data.event_type == "message.received"
    assert received.data.payload.autoresponse_type == "STOP"


@pytest.mark.parametrize("fault", ["forge", "stale"])
def test_the_sdk_rejects_a_forged_and_a_stale_webhook(
    client: Any, provider: Running, inbox: Inbox, fault: str
) -> None:
    provider.control("faults", webhook=fault, event_type="message.sent")
    client.messages.send(from_=OURS, to=RECIPIENT, text="Hello!", webhook_url=f"{inbox.url}/hook")
    bad, good = inbox.wait(2)
    with pytest.raises(ValueError, match=r"[Ss]ignature|timestamp"):
        unwrap(client, bad)
    assert unwrap(client, good).data.event_type == "message.finalized"


@pytest.mark.parametrize(
    ("suffix", "error"),
    [
        ("0150", "PermissionDeniedError"),
        ("0151", "BadRequestError"),
        ("0154", "RateLimitError"),
        ("0160", "InternalServerError"),
        ("0172", "APIConnectionError"),
    ],
)
def test_the_sdk_raises_its_own_error_for_each_kind_of_refusal(
    telnyx: Any, client: Any, suffix: str, error: str
) -> None:
    with pytest.raises(getattr(telnyx, error)):
        client.messages.send(from_=OURS, to=f"+1202555{suffix}", text="Hello!")


def test_the_sdk_lists_detail_records_and_opt_outs(client: Any, provider: Running, inbox: Inbox) -> None:
    url = f"{inbox.url}/hook/our-id"
    sent = client.messages.send(from_=OURS, to=RECIPIENT, text="Hello!", webhook_url=url).data
    inbox.wait(2, "/hook/our-id")
    [record] = client.detail_records.list(filter={"record_type": "messaging", "cld": RECIPIENT})
    assert (record.uuid, record.status) == (sent.id, "delivered")
    assert record.delivery_status_webhook_url == url
    provider.control("inbound", **{"from": RECIPIENT}, text="STOP")
    [optout] = client.messaging_optouts.list()
    assert optout.to == RECIPIENT


def test_the_sdk_asks_for_the_balance_the_number_and_its_profile(client: Any) -> None:
    assert client.balance.retrieve().data.currency == "USD"
    [number] = client.phone_numbers.messaging.list(filter_phone_number=OURS)
    assert number.phone_number == OURS
    profile = client.messaging_profiles.retrieve(number.messaging_profile_id).data
    assert (profile.enabled, profile.webhook_api_version) == (True, "2")


def test_the_sdk_finds_a_number_s_campaign(telnyx: Any, client: Any, provider: Running) -> None:
    found = client.messaging_10dlc.phone_number_campaigns.retrieve(OURS)
    assert (found.assignment_status, found.campaign_id, found.brand_id) == ("ASSIGNED", CAMPAIGN_ID, BRAND_ID)
    assert found.tcr_campaign_id == provider.send().json()["data"]["tcr_campaign_id"]
    provider.control("registration", number={"number": OURS, "campaign": None})
    with pytest.raises(telnyx.NotFoundError):
        client.messaging_10dlc.phone_number_campaigns.retrieve(OURS)


def test_the_sdk_reads_the_metadata(telnyx: Any, client: Any) -> None:
    found = client.messaging_10dlc.campaign.get_mno_metadata(CAMPAIGN_ID).to_dict()
    assert (found["10017"]["tpm"], found["10035"]["brandDailyCap"]) == (4500, 200_000)
    with pytest.raises(telnyx.NotFoundError):
        client.messaging_10dlc.campaign.get_mno_metadata(BRAND_ID)


def test_the_sdk_reads_a_campaign(telnyx: Any, client: Any, provider: Running) -> None:
    provider.control("registration", campaign={"webhook_url": "https://hooks.example.com/a"})
    found = client.messaging_10dlc.campaign.retrieve(CAMPAIGN_ID)
    assert (found.campaign_status, found.status, found.brand_id) == ("MNO_PROVISIONED", "ACTIVE", BRAND_ID)
    assert (found.webhook_url, found.is_t_mobile_registered) == ("https://hooks.example.com/a", True)
    with pytest.raises(telnyx.NotFoundError):
        client.messaging_10dlc.campaign.retrieve(BRAND_ID)
    provider.control("registration", denied=True)
    with pytest.raises(telnyx.PermissionDeniedError):
        client.messaging_10dlc.campaign.retrieve(CAMPAIGN_ID)


def test_the_sdk_looks_a_number_up(client: Any) -> None:
    found = client.number_lookup.retrieve("+12025550180", type="carrier").data
    assert (found.carrier.name, found.carrier.normalized_carrier) == ("AT&T Mobility LLC", "AT&T")


def test_the_sdk_pages_through_all_opt_outs(client: Any, provider: Running) -> None:
    numbers = [f"+1303555{suffix:04}" for suffix in range(100, 130)]
    for number in numbers:
        provider.control("inbound", **{"from": number}, text="Stop")
    assert [row.to for row in client.messaging_optouts.list()] == numbers


def test_the_sdk_verifies_the_webhook_on_a_campaign(client: Any, provider: Running, inbox: Inbox) -> None:
    provider.control("registration", campaign={"status": "dormant", "webhook_url": f"{inbox.url}/hook"})
    event = unwrap(client, inbox.wait(1)[0])
    assert event.to_dict()["data"]["payload"]["status"] == "DORMANT"
