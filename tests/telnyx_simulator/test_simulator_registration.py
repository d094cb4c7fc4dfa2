"""What is registered for 10DLC: numbers without a campaign, campaigns that end, and what the API says of them."""

from typing import Any

import pytest

from devtools.telnyx_simulator.app import Options
from devtools.telnyx_simulator.registration import CAMPAIGN_ID
from tests.telnyx_simulator.world import OURS, RECIPIENT, Inbox, Running, eventually

pytestmark = pytest.mark.enable_socket

MARKS = ("tcr_campaign_id", "tcr_campaign_billable", "tcr_campaign_registered")
ATT = "+12025550180"
UNREGISTERED = ("sending_failed", ["40010"])
DELIVERED: tuple[str, list[str]] = ("delivered", [])


def marks(message: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(message[name] for name in MARKS)


def test_a_registered_number_says_so_in_the_answer_and_in_each_receipt(provider: Running, inbox: Inbox) -> None:
    answer = provider.send(webhook_url=f"{inbox.url}/hook").json()["data"]
    receipts = [hook.body["data"]["payload"] for hook in inbox.wait(2)]
    assert [marks(one) for one in (answer, *receipts)] == [("C751C6A", True, "REGISTERED")] * 3


@pytest.mark.parametrize("written", [None, False])
def test_an_unregistered_number_sends_two_segments_a_minute(provider: Running, written: bool | None) -> None:
    provider.control("registration", number={"number": OURS, "campaign": None}, unregistered_as=written)
    assert marks(provider.send(text="x" * 161).json()["data"]) == (None, False, written)
    assert [provider.final(to) for to in (RECIPIENT, ATT)] == [UNREGISTERED] * 2
    assert provider.final("+12025550197") == DELIVERED  # which is no mobile number
    provider.control("clock", advance_s=61)
    assert provider.final(ATT) == DELIVERED
    provider.control("limits", unregistered_per_minute=0)
    assert provider.final(RECIPIENT) == UNREGISTERED
    charged = {row["network"]: row["charged"] for row in provider.shown("limits")["days"]}
    assert charged == {"t_mobile": 4, "att": 2, "voip": 1}


def test_a_number_that_is_assigned_again_is_registered_again(provider: Running) -> None:
    provider.control("registration", number={"number": OURS, "campaign": None})
    provider.control("registration", number={"number": OURS, "campaign": CAMPAIGN_ID})
    assert [provider.final(RECIPIENT) for _ in range(3)] == [DELIVERED] * 3


@pytest.mark.parametrize("assignment", ["PENDING_ASSIGNMENT", "FAILED_ASSIGNMENT"])
def test_a_number_that_has_not_come_onto_its_campaign_is_not_registered(
    provider: Running, assignment: str
) -> None:
    state = {"assignment": assignment, "failure_reasons": "Already on another campaign."}
    provider.control("registration", number={"number": OURS, **state})
    found = provider.get(f"/v2/10dlc/phone_number_campaigns/{OURS}")
    assert (found["campaignId"], found["assignmentStatus"]) == (CAMPAIGN_ID, assignment)
    assert found["failureReasons"] == "Already on another campaign."
    assert marks(provider.send(text="x" * 161).json()["data"]) == (None, False, None)
    assert provider.final(RECIPIENT) == UNREGISTERED
    # One that is to leave its campaign, or can't, is still on it.
    for still in ("PENDING_UNASSIGNMENT", "FAILED_UNASSIGNMENT", "ASSIGNED"):
        provider.control("registration", number={"number": OURS, "assignment": still})
        assert marks(provider.send().json()["data"]) == ("C751C6A", True, "REGISTERED")


def test_the_carriers_entries_of_a_number_are_as_set(provider: Running) -> None:
    path, shown = f"/v2/10dlc/phone_number_campaigns/{OURS}", []
    for entries in ({}, {"t_mobile_mapping": "FAILED", "other_mapping": "PENDING"}, {"t_mobile_mapping": None}):
        provider.control("registration", number={"number": OURS, **entries})
        found = provider.get(path)
        shown.append((found["tmobileNumberMappingStatus"], found["nonTmobileNumberMappingStatus"]))
    assert shown == [("ADDED", "ADDED"), ("FAILED", "PENDING"), (None, "PENDING")]


EVENTS = {
    "dormant": {"type": "TELNYX_EVENT", "status": "DORMANT", "description": "Campaign has been marked as dormant"},
    "suspended": {
        "type": "TCR_EVENT",
        "eventType": "MNO_CAMPAIGN_OPERATION_SUSPENDED",
        "description": "Campaign C751C6A has been suspended",
    },
    "expired": {
        "type": "TCR_EVENT",
        "eventType": "CAMPAIGN_EXPIRED",
        "description": "Campaign C751C6A has expired",
    },
}


@pytest.mark.parametrize("status", EVENTS)
def test_a_campaign_that_ends_is_announced_and_its_numbers_are_unregistered(
    provider: Running, inbox: Inbox, status: str
) -> None:
    provider.control("registration", campaign={"status": status, "webhook_url": f"{inbox.url}/campaign"})
    [hook] = inbox.wait(1, "/campaign")
    assert hook.is_signed_with(provider.public_key)
    assert (hook.event, hook.attempt) == ("10dlc.campaign.update", 1)
    assert hook.body["data"]["payload"] == {"campaignId": CAMPAIGN_ID, **EVENTS[status]}
    assert marks(provider.send(text="x" * 161).json()["data"]) == (None, False, None)
    assert provider.final(RECIPIENT) == UNREGISTERED


def test_a_campaign_that_is_active_again_is_announced_too_and_no_change_is_not(
    provider: Running, inbox: Inbox
) -> None:
    url = f"{inbox.url}/campaign"
    for status in ("suspended", "suspended", "active"):
        provider.control("registration", campaign={"status": status, "webhook_url": url})
        provider.control("registration", campaign={"message_class": "C"})
        eventually(lambda: provider.shown("webhooks")["pending"] == 0)
    payloads = [hook.body["data"]["payload"]["eventType"] for hook in inbox.at("/campaign")]
    assert payloads == ["MNO_CAMPAIGN_OPERATION_SUSPENDED", "MNO_CAMPAIGN_OPERATION_UNSUSPENDED"]
    assert provider.final(RECIPIENT) == DELIVERED


def test_a_campaign_s_webhook_is_tried_five_times_a_url(provider: Running, inbox: Inbox) -> None:
    inbox.statuses |= {"/campaign": 500, "/failover": 500}
    urls = {"webhook_url": f"{inbox.url}/campaign", "failover_url": f"{inbox.url}/failover"}
    provider.control("registration", campaign={"status": "expired", **urls})
    eventually(lambda: provider.shown("webhooks")["pending"] == 0)
    assert [hook.attempt for hook in inbox.at("/campaign")] == [1, 2, 3, 4, 5]
    assert [hook.attempt for hook in inbox.at("/failover")] == [6, 7, 8, 9, 10]
    assert len({hook.event_id for hook in inbox.hooks}) == 1


def test_half_a_minute_lies_between_two_tries_unless_set_otherwise() -> None:
    [default] = [
        field.default for field in Options.__dataclass_fields__.values() if field.name == "registration_retry_s"
    ]
    assert default == 30.0


def test_a_campaign_without_a_webhook_is_announced_to_no_one(provider: Running, inbox: Inbox) -> None:
    provider.control("profile", webhook_url=f"{inbox.url}/hook")
    provider.control("registration", campaign={"status": "dormant"})
    eventually(lambda: provider.shown("webhooks")["webhooks"])
    assert [row["error"] for row in provider.shown("webhooks")["webhooks"]] == ["no URL"]
    assert inbox.hooks == []


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"brand": {"score": 101}}, "score must be 0 to 100"),
        ({"campaign": {"message_class": "Z"}}, "message_class must be one of A, B"),
        ({"campaign": {"status": "paused"}}, "active, suspended, expired, dormant"),
        ({"campaign": {"id": "C1"}}, "UUID"),
        ({"number": {"number": RECIPIENT, "campaign": None}}, OURS),
        ({"number": {"number": OURS, "campaign": "C1"}}, CAMPAIGN_ID),
        ({"number": {"number": OURS, "health": {"spam": 1}}}, "unknown: spam"),
        ({"number": {"number": OURS, "assignment": "assigned"}}, "ASSIGNED, PENDING_ASSIGNMENT"),
        ({"number": {"number": OURS, "campaign": None, "t_mobile_mapping": "NO"}}, "ADDED, PENDING, FAILED, or"),
        ({"campaign": {"unqualified": ["sprint"]}}, "any of att, t_mobile, us_cellular, verizon"),
        ({"denied": "yes"}, "true or false"),
        ({"metadata": "xml"}, "registry, guide, common, none"),
        ({"unregistered_as": True}, "null or false"),
        ({"brands": {}}, "unknown: brands"),
        ({"brand": 7}, "a JSON object"),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(
    provider: Running, asked: dict[str, Any], word: str
) -> None:
    before = provider.shown("registration")
    assert word in provider.refusal("registration", **asked)
    assert provider.shown("registration") == before


# --- the provider's own API ---------------------------------------------------------------------------


METADATA = {
    "registry": (
        {"msgClass": "F", "tpm": 240, "tpmScope": "CAMPAIGN", "mmsTpm": 150},
        {"brandTier": "LOW", "brandDailyCap": 2000},
    ),
    "guide": ({"attMsgClass": "F", "attTpm": 240}, {"tMobileBrandTier": "Basic"}),
    "common": ({}, {}),
}


@pytest.mark.parametrize("naming", METADATA)
def test_a_campaign_s_metadata_has_the_names_asked_for(provider: Running, naming: str) -> None:
    provider.control("registration", metadata=naming, campaign={"message_class": "F"}, brand={"score": None})
    found = provider.get(f"/v2/10dlc/campaign/{CAMPAIGN_ID}/mnoMetadata")
    common = found["10038"].keys()
    own = [{name: value for name, value in found[key].items() if name not in common} for key in ("10017", "10035")]
    assert tuple(own) == METADATA[naming]
    assert [one["mno"] for one in found.values()] == ["AT&T", "T-Mobile", "US Cellular", "Verizon Wireless"]


def test_a_campaign_without_networks_has_empty_metadata_and_a_network_may_refuse_its_use(
    provider: Running,
) -> None:
    path = f"/v2/10dlc/campaign/{CAMPAIGN_ID}/mnoMetadata"
    provider.control("registration", campaign={"unqualified": ["verizon"], "unsupported": ["us_cellular"]})
    states = [(one["qualify"], one["mnoSupport"]) for one in provider.get(path).values()]
    assert states == [(True, True), (True, True), (True, False), (False, True)]
    provider.control("registration", metadata="none")
    assert provider.get(path) == {}


STATUSES = {
    "active": ("ACTIVE", "MNO_PROVISIONED", False),
    "suspended": ("ACTIVE", "TCR_SUSPENDED", True),
    "dormant": ("ACTIVE", "TCR_SUSPENDED", True),
    "expired": ("EXPIRED", "TCR_EXPIRED", False),
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_campaign_shows_its_status_and_where_its_webhooks_go(provider: Running, status: str) -> None:
    urls = {"webhook_url": "https://hooks.example.com/a", "failover_url": None}
    provider.control("registration", campaign={"status": status, "t_mobile_registered": False, **urls})
    found = provider.get(f"/v2/10dlc/campaign/{CAMPAIGN_ID}")
    assert (found["status"], found["campaignStatus"], found["isTMobileSuspended"]) == STATUSES[status]
    assert (found["campaignId"], found["tcrCampaignId"]) == (CAMPAIGN_ID, "C751C6A")
    assert (found["webhookURL"], found["webhookFailoverURL"]) == ("https://hooks.example.com/a", None)
    assert found["isTMobileRegistered"] is False


def test_a_key_may_be_kept_from_all_of_10dlc_and_sends_all_the_same(provider: Running) -> None:
    provider.control("registration", denied=True)
    for path in (
        f"phone_number_campaigns/{OURS}",
        f"campaign/{CAMPAIGN_ID}",
        f"campaign/{CAMPAIGN_ID}/mnoMetadata",
    ):
        assert provider.get(f"/v2/10dlc/{path}")["errors"][0]["code"] == "10010"
    assert provider.get(f"/v2/messaging_phone_numbers/{OURS}")["data"]["phone_number"] == OURS
    assert marks(provider.send().json()["data"]) == ("C751C6A", True, "REGISTERED")


def test_a_number_s_health_is_that_of_its_texts_or_as_set(provider: Running) -> None:
    for to in (RECIPIENT, RECIPIENT, "+12025550140"):
        provider.final(to)
    provider.control("inbound", **{"from": RECIPIENT}, text="Hi")
    path = f"/v2/messaging_phone_numbers/{OURS}"
    row = provider.get(path)["data"]
    assert (row["record_type"], row["phone_number"]) == ("messaging_phone_number", OURS)
    assert row["health"] == {
        "message_count": 3,
        "inbound_outbound_ratio": 0.3333,
        "success_ratio": 0.6667,
        "spam_ratio": 0.0,
    }
    provider.control("registration", number={"number": OURS, "health": {"spam_ratio": 0.4}})
    health = provider.get(path)["data"]["health"]
    assert (health["spam_ratio"], health["success_ratio"]) == (0.4, 0.6667)
    assert provider.get(f"/v2/messaging_phone_numbers/{RECIPIENT}")["errors"][0]["code"] == "10005"
    assert provider.final(RECIPIENT) == DELIVERED  # setting health leaves the number on its campaign


def test_opt_outs_come_in_pages_and_by_time(provider: Running) -> None:
    numbers = [f"+1303555{suffix:04}" for suffix in range(100, 160)]
    for number in numbers:
        provider.control("inbound", **{"from": number}, text="Stop")
    first = provider.get("/v2/messaging_optouts")
    assert ([row["to"] for row in first["data"]], first["meta"]["total_pages"]) == (numbers[:20], 3)
    page = provider.get("/v2/messaging_optouts", **{"page[size]": "25", "page[number]": "2"})
    assert [row["to"] for row in page["data"]] == numbers[25:50]
    assert page["meta"] == {"page_number": 2, "page_size": 25, "total_pages": 3, "total_results": 60}
    assert len(provider.get("/v2/messaging_optouts", **{"page[size]": "250"})["data"]) == 60
    provider.control("clock", advance_s=3600)
    provider.control("inbound", **{"from": RECIPIENT}, text="UNSUBSCRIBE")
    since = provider.shown("clock")["now"][:13] + ":00:00+00:00"
    [late] = provider.get("/v2/messaging_optouts", **{"created_at[gte]": since, "redaction_enabled": "true"})[
        "data"
    ]
    assert (late["to"], late["keyword"], late["from"]) == ("+1202555****", "UNSUBSCRIBE", OURS)
    before = provider.get("/v2/messaging_optouts", **{"created_at[lte]": since})
    assert before["meta"]["total_results"] == 60
    provider.control("inbound", **{"from": RECIPIENT}, text="START")
    assert len(provider.get("/v2/messaging_optouts", **{"page[size]": "250"})["data"]) == 60
