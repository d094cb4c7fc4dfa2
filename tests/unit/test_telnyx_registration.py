"""What the provider's 10DLC endpoints say of our number, and the client that reads them."""

import json
from dataclasses import asdict
from typing import Any

import httpx
import pytest
from hypothesis import given

from longcode.domain.campaign import CampaignFacts, CampaignSettings, limits
from longcode.domain.carriers import Carrier
from longcode.domain.errors import Unavailable
from longcode.telnyx import registration
from longcode.telnyx.client import CAMPAIGN_S
from longcode.telnyx.registration import Assignment
from tests.chance import showing
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS
from tests.support.fakes.oddities import ANYTHING, ASSIGNMENTS, METADATA, is_safe, raw
from tests.unit.telnyx_wire import Keys, Wire, refused

ID, TCR_ID = "751c6a5c-907b-43a9-8ada-ba1dc8335b07", "C751C6A"
ON_IT = {
    "phoneNumber": OURS,
    "campaignId": ID,
    "telnyxCampaignId": ID,
    "tcrCampaignId": TCR_ID,
    "assignmentStatus": "ASSIGNED",
}
REGISTRY = {
    "10017": {"mno": "AT&T", "msgClass": "T", "tpm": 75, "tpmScope": "CAMPAIGN", "mmsTpm": 50},
    "10035": {"mno": "T-Mobile", "brandTier": "LOW", "brandDailyCap": 2000},
    "10038": {"mno": "Verizon Wireless"},
}
GUIDE = {
    "10017": {"attMsgClass": "T", "attTpm": 75},
    "10035": {"tMobileBrandTier": "Basic"},
}
NO_SUCH = refused(404, "10005")


def facts(metadata: object, assigned: object = ON_IT) -> CampaignFacts:
    """What is read of these two answers."""
    of_number = registration.assignment(json.dumps(assigned).encode())
    return registration.facts(of_number, json.dumps(metadata).encode(), START_MS)


def test_each_name_that_was_seen_says_what_a_campaign_may_send() -> None:
    known = CampaignFacts(START_MS, ID, "ASSIGNED", "T", 75, "LOW", 2000, TCR_ID)

    assert facts(REGISTRY) == known
    assert facts({"campaignId": TCR_ID, "mnoMetadata": REGISTRY}) == known
    assert facts({"data": REGISTRY}) == known
    assert facts(GUIDE) == CampaignFacts(START_MS, ID, "ASSIGNED", "T", 75, "Basic", tcr_id=TCR_ID)
    assert facts({"attMsgClass": "t", "attTpm": "75", "tMobileBrandTier": "Basic"}) == facts(GUIDE)
    assert facts({"10017": {"mno": "AT&T", "qualify": True}}) == CampaignFacts(
        START_MS, ID, "ASSIGNED", tcr_id=TCR_ID
    )


def test_what_was_read_paces_by_the_same_limits_whosever_names_it_has() -> None:
    by_name = [limits(CampaignSettings(margin=0), facts(metadata)) for metadata in (REGISTRY, GUIDE)]

    assert by_name[0] == by_name[1]
    assert by_name[0].per_minute == {Carrier.ATT: 75}
    assert by_name[0].per_day == {Carrier.T_MOBILE: 2000}


def test_a_number_that_is_none_is_not_read() -> None:
    for value in (0, -1, 1.5, True, "", "many", "-75", "²", 10**9, 10**80, None, [75], {"tpm": 75}):
        with showing(value):
            found = facts({"10017": {"tpm": value}, "10035": {"brandDailyCap": value}})

            assert (found.att_per_minute, found.t_mobile_per_day) == (None, None)
    assert facts({"10017": {"tpm": "4,500"}, "10035": {"brandDailyCap": "200000"}}).att_per_minute == 4500
    # One name that can't be read leaves it to the other.
    assert facts({"10017": {"tpm": None, "attTpm": 240}}).att_per_minute == 240


def test_a_campaign_that_is_shared_has_the_registrys_id_alone() -> None:
    shared = {"campaignId": TCR_ID, "tcrCampaignId": TCR_ID, "assignmentStatus": "PENDING_ASSIGNMENT"}

    assert registration.assignment(json.dumps(shared).encode()) == Assignment(TCR_ID, TCR_ID, "PENDING_ASSIGNMENT")
    assert registration.assignment(json.dumps({"tcrCampaignId": TCR_ID}).encode()) == Assignment(TCR_ID, TCR_ID)
    assert registration.assignment(json.dumps({"campaignId": ID.upper()}).encode()) == Assignment(ID)


def test_a_number_on_no_campaign_has_no_facts_but_when_they_were_read() -> None:
    assert registration.facts(None, b'{"10017": {"tpm": 75}}', START_MS) == CampaignFacts(START_MS)


@given(ASSIGNMENTS | ANYTHING, METADATA | ANYTHING)
def test_whatever_the_provider_answers_nothing_raises_and_it_can_be_stored(of_number: Any, metadata: Any) -> None:
    assigned = registration.assignment(raw(of_number))

    found = registration.facts(assigned, raw(metadata), START_MS)

    assert bool(found.campaign_id) == (assigned is not None)
    for value in asdict(found).values():
        if isinstance(value, str):
            assert is_safe(value)
            assert len(value) <= 128
    for number in (found.att_per_minute, found.t_mobile_per_day):
        assert number is None or 0 < number <= 99_999_999


def test_what_is_no_json_names_no_campaign_and_no_limit() -> None:
    for content in (b"", b"[]", b"null", b"\xff", b'{"data": [1]}', b"[" * 100_000):
        assert registration.assignment(content) is None
        assert registration.facts(Assignment(ID), content, START_MS) == CampaignFacts(START_MS, ID)


# ------------------------------------------------------------------------------------------ the client


def yes(fields: object) -> httpx.Response:
    return httpx.Response(200, json=fields)


def test_the_client_asks_for_the_numbers_campaign_and_then_for_what_it_may_send() -> None:
    wire = Wire(yes(ON_IT), yes(REGISTRY))

    found = wire.provider.campaign(OURS)

    assert found == CampaignFacts(START_MS, ID, "ASSIGNED", "T", 75, "LOW", 2000, TCR_ID)
    assert [request.url.raw_path.decode() for request in wire.requests] == [
        f"/v2/10dlc/phone_number_campaigns/%2B{OURS[1:]}",
        f"/v2/10dlc/campaign/{ID}/mnoMetadata",
    ]
    assert {request.headers["authorization"] for request in wire.requests} == {"Bearer KEY_one"}


def test_a_number_that_the_provider_knows_no_campaign_of_is_on_none() -> None:
    for answer in (NO_SUCH, httpx.Response(404, json={"detail": "Not Found"})):
        assert Wire(answer).provider.campaign(OURS) == CampaignFacts(START_MS)


def test_a_campaign_without_metadata_is_still_known() -> None:
    assert Wire(yes(ON_IT), NO_SUCH).provider.campaign(OURS) == CampaignFacts(
        START_MS, ID, "ASSIGNED", tcr_id=TCR_ID
    )


UNREADABLE: list[httpx.Response | Exception] = [
    httpx.Response(404),
    httpx.Response(404, content=b"<html>"),
    httpx.Response(404, json={"message": "Not Found"}),
    httpx.Response(500),
    httpx.Response(302),
    refused(401, "10009"),
    refused(403, "10010"),
    refused(429, "10011"),
    httpx.ReadTimeout("slow"),
    httpx.ConnectError("no route"),
]


def test_what_could_not_be_read_is_not_taken_for_no_campaign() -> None:
    for answer in (*UNREADABLE, yes({}), yes([]), httpx.Response(200, content=b"<html>")):
        with showing(answer), pytest.raises(Unavailable, match="What the provider knows of the campaign"):
            Wire(answer).provider.campaign(OURS)
    for answer in UNREADABLE:
        with showing(answer), pytest.raises(Unavailable, match="What the provider knows of the campaign"):
            Wire(yes(ON_IT), answer).provider.campaign(OURS)


def test_an_answer_that_comes_too_slowly_leaves_the_rest_unread() -> None:
    wire = Wire(yes(ON_IT), yes(REGISTRY), takes_s=CAMPAIGN_S)

    with pytest.raises(Unavailable):
        wire.provider.campaign(OURS)

    assert len(wire.requests) == 1


def test_a_key_that_was_changed_is_read_anew() -> None:
    wire = Wire(refused(401, "10009"), yes(ON_IT), yes(REGISTRY), keys=Keys("KEY_old", "KEY_new"))

    assert wire.provider.campaign(OURS).campaign_id == ID
    assert [request.headers["authorization"][-3:] for request in wire.requests] == ["old", "new", "new"]


def test_an_odd_id_of_the_providers_asks_for_nothing_else() -> None:
    wire = Wire(yes({"campaignId": "../balance?x=1#"}), yes({}))

    wire.provider.campaign(OURS)

    assert wire.requests[1].url.raw_path == b"/v2/10dlc/campaign/..%2Fbalance%3Fx%3D1%23/mnoMetadata"
