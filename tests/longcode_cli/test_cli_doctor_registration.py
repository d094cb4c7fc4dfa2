"""What `longcode doctor` says of 10DLC: each broken set-up in one line, and what US carriers take."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from devtools.telnyx_simulator.registration import CAMPAIGN_ID
from longcode.aws.carriers import DynamoCarriers
from longcode.domain.campaign import CampaignFacts, CampaignSettings
from longcode.telnyx.registration_states import Health
from longcode_cli.commands.doctor import command as doctor
from longcode_cli.commands.doctor.account import Account, Listed, Refused
from longcode_cli.commands.doctor.carrier_limits import side_by_side
from longcode_cli.commands.doctor.case import Case, Finding, State
from longcode_cli.commands.doctor.registration import judge_health
from tests.longcode_cli.clinic import Clinic, now_ms
from tests.longcode_cli.world import NAME, OURS
from tests.telnyx_simulator.world import API_KEY

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

HOUR_MS = 3_600_000


def registered(**asked: Any) -> Callable[[Clinic], None]:
    """What the provider has registered is otherwise than it should be."""
    return lambda clinic: clinic.provider.control("registration", **asked)


def number(**asked: Any) -> Callable[[Clinic], None]:
    return registered(number={"number": OURS, **asked})


def deployed(parameter: str, value: str, **asked: Any) -> Callable[[Clinic], None]:
    """A parameter is otherwise than it should be, for what the provider has registered."""

    def breaking(clinic: Clinic) -> None:
        clinic.deploy(parameter, value)
        clinic.provider.control("registration", **asked)

    return breaking


def read(clinic: Clinic, facts: CampaignFacts) -> None:
    """What the functions have read of the campaign."""
    at = clinic.world.stack
    DynamoCarriers(at.client("dynamodb"), at.outputs["LimitsTableName"]).know(OURS, facts)


@dataclass(frozen=True)
class Broken:
    """How it is broken; the row that says so, and how it stands; words of what is found and of what to do."""

    breaking: Callable[[Clinic], None]
    check: str
    state: str
    found: str
    todo: str


REFUSED = "already on another campaign"
BROKEN = {
    "a number on no campaign": Broken(
        number(campaign=None), "campaign", "fail", "+1…00 is on no campaign", "Assign it to one: portal.telnyx.com"
    ),
    "an assignment that is pending": Broken(
        number(assignment="PENDING_ASSIGNMENT"),
        "campaign",
        "fail",
        "not yet on campaign C751C6A: its assignment is pending",
        f"longcode pause --stack {NAME}",
    ),
    "an assignment that has failed": Broken(
        number(assignment="FAILED_ASSIGNMENT", failure_reasons=f"{OURS} is {REFUSED}."),
        "campaign",
        "fail",
        f"has failed (+1…00 is {REFUSED}.)",
        "assign it again",
    ),
    "a number that is taken off its campaign": Broken(
        number(assignment="PENDING_UNASSIGNMENT"), "campaign", "warn", "is being taken off", "assign it again"
    ),
    "a campaign that is suspended": Broken(
        registered(campaign={"status": "suspended"}),
        "campaign",
        "fail",
        "C751C6A is suspended (TCR_SUSPENDED)",
        "10dlcquestions@telnyx.com why",
    ),
    "a campaign that is dormant": Broken(
        registered(campaign={"status": "dormant"}),
        "campaign",
        "fail",
        "or because it was dormant",
        "If it was dormant, assign the number again, twice",
    ),
    "a campaign that has expired": Broken(
        registered(campaign={"status": "expired"}), "campaign", "fail", "has expired", "Register another one"
    ),
    "a key that may not read 10DLC": Broken(
        registered(denied=True),
        "campaign",
        "warn",
        "may not read 10DLC: 127.0.0.1:",
        "set CampaignClass and TmobileSegmentsPerDay",
    ),
    "a campaign whose events go elsewhere": Broken(
        registered(campaign={"webhook_url": "https://user:pass@old.example.com/hook?token=x"}),
        "campaign events",
        "warn",
        "(10dlc.*) go to https://old.example.com/hook, not to this stack",
        "/webhooks/message: portal.telnyx.com, Messaging, 10DLC",
    ),
    "a campaign whose events go nowhere": Broken(
        registered(campaign={"webhook_url": None}), "campaign events", "warn", "go nowhere", "Set the webhook URL"
    ),
    "a number that T-Mobile could not enter": Broken(
        number(t_mobile_mapping="FAILED"),
        "carriers",
        "warn",
        "The number is not entered at T-Mobile (FAILED)",
        "portal",
    ),
    "a number that T-Mobile has no entry of": Broken(
        number(t_mobile_mapping=None), "carriers", "warn", "T-Mobile has no entry of the number", "portal"
    ),
    "a number that the other carriers have not yet entered": Broken(
        number(other_mapping="PENDING"),
        "carriers",
        "warn",
        "not entered at the other carriers (PENDING)",
        "for a day",
    ),
    "a campaign that T-Mobile has not registered": Broken(
        registered(campaign={"t_mobile_registered": False}), "carriers", "warn", "not registered", "portal"
    ),
    "a campaign that a carrier does not qualify": Broken(
        registered(campaign={"unqualified": ["verizon"]}),
        "carriers",
        "warn",
        "Verizon Wireless does not qualify it",
        "portal",
    ),
    "a campaign whose use a carrier does not support": Broken(
        registered(campaign={"unsupported": ["us_cellular"]}),
        "carriers",
        "warn",
        "US Cellular does not support its use",
        "portal",
    ),
    "metadata without carriers": Broken(
        registered(metadata="none"), "carriers", "warn", "names no carrier", "Set CampaignClass"
    ),
    "metadata without limits": Broken(
        registered(metadata="common"),
        "carrier limits",
        "warn",
        "says how much AT&T and T-Mobile let through",
        "asks for CampaignClass; make deploy GUIDED=1 asks for TmobileSegmentsPerDay",
    ),
    "a rate above AT&T's": Broken(
        deployed("AttSegmentsPerMinute", "240", campaign={"message_class": "T"}),
        "carrier limits",
        "warn",
        "AttSegmentsPerMinute lets 240 segments a minute go to AT&T, and the provider reports 75 (class T)",
        "make deploy GUIDED=1 asks for AttSegmentsPerMinute",
    ),
    "a class above the campaign's": Broken(
        deployed("CampaignClass", "A", campaign={"message_class": "E"}),
        "carrier limits",
        "warn",
        "CampaignClass lets 4,500 segments a minute go to AT&T, and the provider reports 240 (class E)",
        "make deploy GUIDED=1 asks for CampaignClass",
    ),
    "a day above T-Mobile's": Broken(
        deployed("TmobileSegmentsPerDay", "40000", brand={"score": None}),
        "carrier limits",
        "warn",
        "lets 40,000 segments a day go to T-Mobile, and the provider reports 2,000 (tier LOW)",
        "Leave TmobileSegmentsPerDay empty",
    ),
    "a share that leaves nothing": Broken(
        deployed("OtherProvidersShare", "99", brand={"daily_cap": 500}),
        "carrier limits",
        "warn",
        "OtherProvidersShare (99 %) and CarrierMargin (3 %) leave 5 of T-Mobile's 500 segments a day",
        "asks for OtherProvidersShare",
    ),
    "texts that expire before T-Mobile's next day": Broken(
        deployed("ValidityMinutes", "720"),
        "carrier limits",
        "warn",
        "ValidityMinutes is 720",
        "1440 or more: make deploy GUIDED=1 asks for ValidityMinutes",
    ),
    "a number whose texts fail": Broken(
        number(health={"message_count": 122, "success_ratio": 0.6, "spam_ratio": 0.01}),
        "number health",
        "warn",
        "Of 122 texts 60% delivered and 1% blocked as spam",
        f"longcode find --status delivery_failed --stack {NAME} lists",
    ),
    "a number whose texts are taken for spam": Broken(
        number(health={"message_count": 122, "success_ratio": 0.9, "spam_ratio": 0.09}),
        "number health",
        "warn",
        "9% blocked as spam",
        "Send only to people who asked for it",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_set_up_is_named_by_one_line_with_what_to_do(clinic: Clinic, name: str) -> None:
    broken = BROKEN[name]
    broken.breaking(clinic)
    report = clinic.examine()
    named = {check: state for check, state in report.ill.items() if state != "skipped"}
    assert named == {broken.check: broken.state}
    assert broken.found in report.found(broken.check)
    assert broken.todo in report.todo(broken.check)
    assert OURS not in report.found(broken.check)
    # What could not be looked at leads to the line that says why, and asks for nothing itself.
    assert all(not row["todo"] for check, row in report.rows.items() if check != broken.check)


def test_of_a_healthy_registration_no_line_asks_for_anything(clinic: Clinic) -> None:
    clinic.provider.control(
        "registration", number={"number": OURS, "health": {"message_count": 1000, "success_ratio": 0.97}}
    )
    read(clinic, CampaignFacts(now_ms(), CAMPAIGN_ID, att_class="A", t_mobile_per_day=200_000))
    report = clinic.examine()
    assert report.ill == {}
    assert report.found("campaign") == "+1…00 is on campaign C751C6A, MNO_PROVISIONED"
    assert report.found("campaign events") == "the campaign's events (10dlc.*) come to this stack"
    assert report.found("carriers") == (
        "AT&T: class A, 4,500 segments a minute, qualified; T-Mobile: tier TOP, 200,000 segments a day, "
        "qualified; US Cellular: qualified; Verizon Wireless: qualified"
    )
    assert report.found("number health") == "of 1,000 texts 97% delivered and 0% blocked as spam"
    assert report.found("carrier limits") == "in segments: AT&T 4,500 a minute, T-Mobile 194,000 a day"


def test_nothing_that_the_provider_says_of_a_number_shows_it_in_full_or_steers_a_terminal(clinic: Clinic) -> None:
    number(assignment="FAILED_ASSIGNMENT", failure_reasons=f"\x1b[2J{OURS}")(clinic)
    printed = clinic.world.run("doctor").output
    assert OURS not in printed
    assert "\x1b[2J" not in printed


# ------------------------------------------------------------------------------------- what carriers take


def test_both_limits_stand_side_by_side_with_what_holds(clinic: Clinic) -> None:
    clinic.deploy("CampaignClass", "T")
    clinic.deploy("OtherProvidersShare", "50")
    clinic.deploy("CarrierLimits", "verizon=6000")
    shown = clinic.world.run("doctor").stdout
    lines = [line for line in shown[shown.index("segments   ") :].splitlines() if line.strip()]
    assert [re.split(r" {2,}", line.strip()) for line in lines[:3]] == [
        ["segments", "the provider reports", "the parameters say", "what holds"],
        ["AT&T, a minute", "4,500 (class A)", "75 (class T)", "75"],
        # It goes on in the next line where there is no room.
        ["T-Mobile, a day", "200,000 (tier TOP)", "not set; 50 % for", "97,000"],
    ]
    assert [re.split(r" {2,}", line.strip()) for line in lines[4:7]] == [
        ["Verizon, a minute", "not said", "6,000", "6,000"],
        ["US Cellular, a minute", "not said", "not set", "no limit"],
        ["all others, a minute", "not said", "not set", "no limit"],
    ]


def test_for_a_script_they_are_numbers(clinic: Clinic) -> None:
    clinic.deploy("TmobileSegmentsPerDay", "1000")
    found = json.loads(clinic.world.run("doctor", "--json").stdout)["carrier_limits"]
    assert found[:2] == [
        {"carrier": "AT&T", "per": "minute", "provider": 4500, "parameters": None, "holds": 4500},
        {"carrier": "T-Mobile", "per": "day", "provider": 200_000, "parameters": 1000, "holds": 970},
    ]
    assert [row["holds"] for row in found[2:]] == [None] * 3


def test_of_a_campaign_that_ended_the_limits_are_shown_all_the_same(clinic: Clinic) -> None:
    registered(campaign={"status": "expired"})(clinic)
    report = clinic.examine()
    assert report.ill == {"campaign": "fail", "carriers": "skipped"}
    assert report.limits[0]["provider"] == 4500


def test_two_problems_of_the_parameters_are_both_in_the_line(clinic: Clinic) -> None:
    clinic.deploy("ValidityMinutes", "60")
    clinic.deploy("AttSegmentsPerMinute", "2000")
    registered(campaign={"message_class": "E"})(clinic)
    report = clinic.examine()
    assert report.ill == {"carrier limits": "warn"}
    assert "AttSegmentsPerMinute lets" in report.found("carrier limits")
    assert "ValidityMinutes is 60" in report.found("carrier limits")


def test_where_the_provider_says_nothing_the_parameters_do(clinic: Clinic) -> None:
    clinic.deploy("CampaignClass", "T")
    clinic.deploy("TmobileSegmentsPerDay", "2000")
    for silent in ({"denied": True}, {"denied": False, "metadata": "common"}):
        registered(**silent)(clinic)
        report = clinic.examine()
        assert report.rows["carrier limits"]["state"] == "ok"
        assert report.found("carrier limits") == "in segments: AT&T 75 a minute, T-Mobile 1,940 a day"


def test_where_no_one_says_anything_today_what_the_functions_have_read_holds(clinic: Clinic) -> None:
    read(clinic, CampaignFacts(now_ms(), CAMPAIGN_ID, att_class="T", t_mobile_tier="LOW"))
    registered(denied=True)(clinic)
    report = clinic.examine()
    assert report.ill == {"campaign": "warn", "campaign events": "skipped", "carriers": "skipped"}
    assert report.found("carrier limits") == "in segments: AT&T 75 a minute, T-Mobile 1,940 a day"


def test_functions_that_go_by_something_else_are_named(clinic: Clinic) -> None:
    assert clinic.examine().found("carrier limits").endswith("; the functions have not read that yet")
    before = CampaignFacts(now_ms() - HOUR_MS, CAMPAIGN_ID, att_class="T", t_mobile_tier="LOW")
    read(clinic, before)
    assert clinic.examine().found("carrier limits").endswith("; the functions still go by what they read 1 h ago")
    read(clinic, CampaignFacts(now_ms() - 7 * HOUR_MS, CAMPAIGN_ID, att_class="A", t_mobile_tier="TOP"))
    report = clinic.examine()
    assert report.ill == {"carrier limits": "warn"}
    assert "last 7 h ago, where they should each hour" in report.found("carrier limits")
    assert f"{NAME}-reconciler" in report.todo("carrier limits")


def test_a_limit_says_what_it_comes_from() -> None:
    att, day, *_ = side_by_side(CampaignSettings(campaign_class="B", att_per_minute=7, margin=0), None)
    assert (att.provider, att.parameters, att.parameter_words, att.holds) == (None, 7, "", 7)
    assert (day.provider, day.parameters, day.holds) == (None, None, None)


# --------------------------------------------------------------------------- numbers that 10DLC is not about


@pytest.mark.parametrize("sender", ["+442079460123", "+14165550123", "+18005550123"])
def test_of_a_number_that_is_no_us_long_code_one_line_says_that_10dlc_does_not_apply(
    clinic: Clinic, sender: str
) -> None:
    clinic.deploy("TelnyxLongCode", sender)
    report = clinic.examine()
    assert report.found("campaign").startswith("10DLC does not apply to +")
    assert not {"campaign events", "carriers", "carrier limits"} & report.rows.keys()
    assert report.limits == []
    assert "the provider reports" not in clinic.world.run("doctor").stdout


# ------------------------------------------------------------------------------------ the provider's answers


def account(answers: dict[str, httpx.Response]) -> Account:
    def reply(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {API_KEY}"
        return answers.get(request.url.path, httpx.Response(404, json={"errors": [{"code": "10005"}]}))

    client = httpx.Client(transport=httpx.MockTransport(reply))
    return Account(client, "https://provider.invalid/v2", API_KEY, lambda _headers: None)


def examined(clinic: Clinic, answers: dict[str, httpx.Response], kind: str = "longcode") -> dict[str, Finding]:
    """The rows on a registration of which the provider answers this, and of what `kind` it says our number is."""
    assigned = {
        f"/v2/10dlc/phone_number_campaigns/{OURS}": yes(campaignId=CAMPAIGN_ID, assignmentStatus="ASSIGNED")
    }
    case = Case(clinic.world.stack, httpx.Client(), now_ms)
    case.account, case.listed = account(assigned | answers), Listed("a profile", kind)
    rows = [doctor.look(check, case) for check in ("campaign", "campaign events", "carriers")]
    return {row.check: row for row in rows if row}


def test_a_campaign_that_was_not_let_in_or_is_not_yet_says_so(clinic: Clinic) -> None:
    path = f"/v2/10dlc/campaign/{CAMPAIGN_ID}"
    rejected = yes(campaignStatus="MNO_REJECTED", failureReasons="No opt-out language.")
    found = examined(clinic, {path: rejected})["campaign"]
    assert (found.state, found.check) == (State.FAIL, "campaign")
    assert "was rejected (MNO_REJECTED) (No opt-out language.)" in found.found
    found = examined(clinic, {path: yes(campaignStatus="MNO_PENDING")})["campaign"]
    assert found.state is State.WARN
    assert "not approved by the carriers yet (MNO_PENDING)" in found.found


def test_a_campaign_that_t_mobile_alone_has_suspended_says_so(clinic: Clinic) -> None:
    path = f"/v2/10dlc/campaign/{CAMPAIGN_ID}"
    state = yes(campaignStatus="MNO_PROVISIONED", isTMobileSuspended=True, isTMobileRegistered=False)
    metadata = yes(**{"10035": {"mno": "T-Mobile", "qualify": True}})
    rows = examined(clinic, {path: state, f"{path}/mnoMetadata": metadata})
    assert rows["campaign"].state is State.OK
    assert rows["carriers"].state is State.WARN
    assert rows["carriers"].found.startswith("T-Mobile has suspended the campaign: ")


def test_what_the_provider_calls_toll_free_is_no_long_code(clinic: Clinic) -> None:
    rows = examined(clinic, {}, kind="toll_free")
    assert rows.keys() == {"campaign"}
    assert rows["campaign"].found.startswith("10DLC does not apply to +1…00")


def test_metadata_that_cant_be_read_is_a_warning_unless_the_campaign_is_none_that_is_well(clinic: Clinic) -> None:
    path = f"/v2/10dlc/campaign/{CAMPAIGN_ID}"
    broken = {f"{path}/mnoMetadata": httpx.Response(500)}
    found = examined(clinic, {path: yes(campaignStatus="MNO_PROVISIONED"), **broken})["carriers"]
    assert found.state is State.WARN
    assert "can't be read: provider.invalid answers 500" in found.found
    found = examined(clinic, {path: yes(campaignStatus="TCR_EXPIRED"), **broken})["carriers"]
    assert (found.state, found.todo) == (State.SKIPPED, "")


def test_of_a_campaign_that_the_provider_does_not_show_it_is_said_where_its_events_are_set(clinic: Clinic) -> None:
    rows = examined(clinic, {})
    assert rows["campaign"].state is State.OK
    assert rows["campaign events"].state is State.WARN
    assert f"set its webhook URL {clinic.front.url}/webhooks/message" in rows["campaign events"].todo
    assert "Set CampaignClass" in rows["carriers"].todo


def yes(**fields: Any) -> httpx.Response:
    return httpx.Response(200, json=fields)


def test_a_shared_campaign_is_found_where_the_provider_keeps_it() -> None:
    assigned = {f"/v2/10dlc/phone_number_campaigns/{OURS}": yes(campaignId="C751C6A", tcrCampaignId="C751C6A")}
    shared = {"/v2/10dlc/partner_campaigns/C751C6A": yes(campaignStatus="TCR_SUSPENDED", webhookURL="https://a")}
    found = account(assigned | shared).campaign_of(OURS)
    assert found is not None
    assert found.state is not None
    assert (found.ident, found.state.status, found.state.webhook_url) == ("C751C6A", "TCR_SUSPENDED", "https://a")
    hidden = account(assigned).campaign_of(OURS)
    assert hidden is not None
    assert hidden.state is None


def test_what_is_no_answer_of_the_provider_is_no_absence() -> None:
    page = httpx.Response(404, text="<html>no such host</html>")
    for answer in (page, httpx.Response(500), httpx.Response(200, text="[]"), httpx.Response(200, text="{")):
        with pytest.raises(Refused):
            account({f"/v2/10dlc/phone_number_campaigns/{OURS}": answer}).campaign_of(OURS)
    assert account({}).campaign_of(OURS) is None
    assert account({}).metadata("C751C6A") == b""
    assert account({}).health(OURS) is None


@pytest.mark.parametrize(
    ("health", "state", "words"),
    [
        (Health(99, 0.0, 1.0), State.OK, "too few to tell"),
        (Health(100, 0.85, 0.05), State.OK, "85% delivered and 5% blocked as spam"),
        (Health(100, 0.84, 0.0), State.WARN, "Many failures"),
        (Health(100, 0.24, 0.0), State.WARN, "the provider calls such a number unhealthy"),
        (Health(100, 1.0, 0.06), State.WARN, "block such a number altogether"),
        (Health(100, 1.0, 0.76), State.WARN, "the provider calls such a number unhealthy"),
        (Health(100, None, None), State.OK, "no word of how they went"),
    ],
)
def test_a_number_is_judged_by_how_its_texts_went(health: Health, state: State, words: str) -> None:
    found = judge_health(health, "longcode find")
    assert found[0] is state
    assert words in found[1]
    assert bool(found[2]) is (state is State.WARN)
