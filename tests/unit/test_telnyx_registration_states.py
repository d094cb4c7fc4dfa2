"""What is read of a campaign's state, of a number's entry at the carriers, and of its health."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.telnyx import registration_states as states
from longcode.telnyx.registration_states import CampaignState, Health, NetworkState, NumberState, Stage
from tests.chance import showing
from tests.support.fakes.oddities import ANYTHING, is_safe, raw, texts_of

NUMBER = {
    "assignmentStatus": "ASSIGNED",
    "tmobileNumberMappingStatus": "ADDED",
    "nonTmobileNumberMappingStatus": "PENDING",
    "failureReasons": None,
}
CAMPAIGN = {
    "status": "ACTIVE",
    "campaignStatus": "MNO_PROVISIONED",
    "isTMobileRegistered": True,
    "isTMobileSuspended": False,
    "webhookURL": "https://hooks.example.com/a",
}


def number(**more: Any) -> NumberState:
    return states.number_state(json.dumps(NUMBER | more).encode())


def campaign(**more: Any) -> CampaignState:
    return states.campaign_state(json.dumps(CAMPAIGN | more).encode())


def health(**fields: Any) -> Health:
    return states.health(json.dumps({"data": {"health": fields}}).encode())


def test_a_numbers_entries_are_those_that_were_named() -> None:
    both = {"T-Mobile": "ADDED", "the other carriers": "PENDING"}

    assert number() == NumberState("ASSIGNED", "", both)
    assert number(attNumberMappingStatus="failed").entries == {"AT&T": "FAILED", **both}
    assert number(tmobileNumberMappingStatus=None).entries == {"the other carriers": "PENDING"}
    assert states.number_state(json.dumps({"data": NUMBER}).encode()) == number()


def test_why_an_assignment_failed_may_stand_in_either_field_and_in_several_forms() -> None:
    for said in (
        "Taken.",
        ["Taken."],
        [{"description": "Taken."}],
        {"detail": "Taken."},
        [None, {"title": "Taken."}],
    ):
        for name in ("failureReasons", "errors"):
            with showing((name, said)):
                assert number(**{name: said}).reasons == "Taken."
    assert number(failureReasons=["One.", "Two."], errors="Three.").reasons == "One.; Two."


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("MNO_PROVISIONED", Stage.APPROVED),
        ("MNO_ACCEPTED", Stage.APPROVED),
        ("TCR_ACCEPTED", Stage.PENDING),
        ("TELNYX_ACCEPTED", Stage.PENDING),
        ("MNO_REJECTED", Stage.REJECTED),
        ("MNO_PROVISIONING_FAILED", Stage.REJECTED),
        ("tcr_suspended", Stage.SUSPENDED),
        ("TCR_EXPIRED", Stage.EXPIRED),
        ("BRAND_NEW", Stage.UNKNOWN),
        (None, Stage.UNKNOWN),
    ],
)
def test_a_campaigns_status_says_how_far_it_has_come(status: str | None, stage: Stage) -> None:
    found = campaign(campaignStatus=status)
    assert (found.stage, found.status) == (stage, (status or "").upper())


def test_a_campaign_whose_time_is_over_has_expired_whatever_else_it_says() -> None:
    assert campaign(status="EXPIRED").stage is Stage.EXPIRED
    assert campaign(status="expired", campaignStatus=None).status == "EXPIRED"


def test_a_campaign_says_where_its_events_go_and_what_t_mobile_has_to_say() -> None:
    shown = CampaignState(Stage.APPROVED, "MNO_PROVISIONED", "", "https://hooks.example.com/a", True, False)
    assert campaign() == shown
    silent = campaign(webhookURL=None, isTMobileRegistered="yes", isTMobileSuspended=None)
    assert (silent.webhook_url, silent.t_mobile_registered, silent.t_mobile_suspended) == ("", None, None)


def test_each_network_in_the_metadata_is_a_row() -> None:
    fields = {
        "10017": {"mno": "AT&T", "mnoSupport": True, "qualify": True},
        "10038": {"mnoSupport": False, "qualify": "no"},
        "meta": {"mno": "none"},
        "10035": "none",
    }
    found = [NetworkState("AT&T", True, True), NetworkState("network 10038", False, None)]

    assert states.networks(json.dumps(fields).encode()) == found
    assert states.networks(json.dumps({"mnoMetadata": fields}).encode()) == found


def test_a_numbers_health_is_read_as_shares() -> None:
    assert health(message_count=122, success_ratio=0.94, spam_ratio="0.06") == Health(122, 0.94, 0.06)
    assert health(message_count=0, success_ratio=0, spam_ratio=1) == Health(0, 0.0, 1.0)
    for odd in (-0.1, 1.01, True, None, "", "many", "nan", "1e999", 10**400, [0.5]):
        with showing(odd):
            assert health(success_ratio=odd, spam_ratio=odd) == Health()
    assert states.health(b'{"data": {"health": 7}}') == Health()


_FIELDS = (*NUMBER, *CAMPAIGN, "errors", "attNumberMappingStatus", "health", "data", "mnoMetadata", "10017")


@given(st.dictionaries(st.sampled_from(_FIELDS), ANYTHING, max_size=6) | ANYTHING)
def test_whatever_the_provider_answers_nothing_raises_and_it_can_be_shown(answer: Any) -> None:
    content = raw(answer)

    shown = [
        asdict(states.number_state(content)),
        asdict(states.campaign_state(content)),
        asdict(states.health(content)),
        *map(asdict, states.networks(content)),
    ]
    assert all(is_safe(text) and len(text) <= 2_000 for text in texts_of(shown))


def test_what_is_no_json_says_nothing() -> None:
    for content in (b"", b"[]", b"null", b"\xff", b"[" * 100_000):
        assert states.number_state(content) == NumberState()
        assert states.campaign_state(content) == CampaignState()
        assert states.networks(content) == []
        assert states.health(content) == Health()
