"""Which network a number is on, and what messages, lookups and the documentation say of it."""

import re
from pathlib import Path
from typing import Any

import pytest

from devtools.telnyx_simulator.networks import CARRIERS, RULE, Network, by_rule
from tests.telnyx_simulator.world import OURS, RECIPIENT, Inbox, Running

pytestmark = pytest.mark.enable_socket

ATT = "+13035550180"
SEEN = {
    "+13035550123": ("T-MOBILE USA, INC.", "Wireless"),
    "+13035550166": ("SPRINT SPECTRUM, L.P.", "Wireless"),
    "+13035550167": ("METRO PCS, INC.", "Wireless"),
    ATT: ("AT&T Mobility LLC", "Wireless"),
    "+13035550181": ("NEW CINGULAR WIRELESS PCS, LLC - IL", "Wireless"),
    "+13035550190": ("CELLCO PARTNERSHIP DBA VERIZON WIRELESS - OH", "Wireless"),
    "+13035550194": ("UNITED STATES CELLULAR CORP. - IOWA", "Wireless"),
    "+13035550196": ("GCI COMMUNICATION CORP. DBA GENERAL COMMUNICATION", "Pre-Paid Wireless"),
    "+13035550197": ("ONVOY, LLC - TN", "VoIP"),
    "+13035550198": ("", ""),
    "+12025560180": ("T-MOBILE USA, INC.", "Wireless"),
    "+442071230180": ("", ""),
}


def network_of(message: dict[str, Any]) -> tuple[str, str]:
    [to] = message["to"]
    return to["carrier"], to["line_type"]


@pytest.mark.parametrize("to", SEEN)
def test_the_answer_and_every_receipt_name_the_network(provider: Running, inbox: Inbox, to: str) -> None:
    answer = provider.send(to, webhook_url=f"{inbox.url}/hook").json()["data"]
    receipts = [hook.body["data"]["payload"] for hook in inbox.wait(2)]
    assert [network_of(message) for message in (answer, *receipts)] == [SEEN[to]] * 3


def test_every_network_but_those_of_no_number_has_one() -> None:
    found = {by_rule(f"+1202555{suffix:04}").network for suffix in range(100, 200)}
    assert found == set(Network)


def test_a_number_that_moved_is_on_its_new_network_and_back_again(provider: Running) -> None:
    provider.control("carriers", number=RECIPIENT, network="att")
    assert network_of(provider.send().json()["data"]) == ("AT&T Mobility LLC", "Wireless")
    provider.control("carriers", number=RECIPIENT, network="verizon", name="Verizon", line_type="VoWiFi")
    assert network_of(provider.send().json()["data"]) == ("Verizon", "VoWiFi")
    assert provider.shown("carriers")["moved"][RECIPIENT]["network"] == "verizon"
    provider.control("carriers", number=RECIPIENT, network=None)
    assert network_of(provider.send().json()["data"]) == ("T-MOBILE USA, INC.", "Wireless")
    days = {row["network"]: row["sent"] for row in provider.shown("limits")["days"]}
    assert days == {"att": 1, "verizon": 1, "t_mobile": 1}


def test_a_text_to_a_number_that_became_a_landline_fails(provider: Running) -> None:
    provider.control("carriers", number=RECIPIENT, network="landline")
    assert provider.final(RECIPIENT) == ("delivery_failed", ["40001"])


def test_a_text_from_a_phone_names_its_network(provider: Running, inbox: Inbox) -> None:
    provider.control("inbound", **{"from": ATT}, text="Hi", webhook_url=f"{inbox.url}/hook")
    [hook] = inbox.wait(1)
    assert hook.body["data"]["payload"]["from"]["carrier"] == SEEN[ATT][0]


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"number": "2025550123", "network": "att"}, "E.164"),
        ({"number": RECIPIENT, "network": "sprint"}, "network must be"),
        ({"number": RECIPIENT, "network": "att", "name": 7}, "strings"),
        ({"number": RECIPIENT, "carrier": "att"}, "unknown: carrier"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(provider: Running, asked: dict[str, object], word: str) -> None:
    assert word in provider.refusal("carriers", **asked)
    assert provider.shown("carriers")["moved"] == {}


def test_a_lookup_of_the_network_costs_and_others_do_not(provider: Running) -> None:
    plain = provider.get(f"/v2/number_lookup/{ATT}")["data"]
    assert (plain["carrier"], plain["national_format"]) == (None, "(303) 555-0180")
    provider.control("carriers", number=RECIPIENT, network="us_cellular")
    found = [provider.get(f"/v2/number_lookup/{number}", type="carrier")["data"] for number in (ATT, RECIPIENT)]
    assert [one["carrier"]["normalized_carrier"] for one in found] == ["AT&T", "US Cellular"]
    assert [one["carrier"]["type"] for one in found] == ["mobile", "mobile"]
    assert [one["portability"]["ported_status"] for one in found] == ["N", "Y"]
    assert provider.shown("limits")["lookups"] == {"count": 2, "cost": "0.0030"}


@pytest.mark.parametrize(("number", "kind"), [(OURS, "fraud"), ("2025550123", "carrier")])
def test_a_lookup_that_makes_no_sense_is_refused_and_costs_nothing(
    provider: Running, number: str, kind: str
) -> None:
    assert provider.get(f"/v2/number_lookup/{number}", type=kind)["errors"][0]["code"] == "10015"
    assert provider.shown("limits")["lookups"]["count"] == 0


def test_the_documentation_has_the_same_table() -> None:
    text = Path("docs/local-stack.md").read_text()
    rows = re.findall(r"^\| `(01\d\d)`(?:-`(01\d\d)`)? \| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE)
    assert [(first, last or first, network) for first, last, network, _ in rows] == list(RULE)
    shown = {network: line_type.strip() for _, _, network, line_type in rows}
    assert shown == {network: CARRIERS[network].line_type or "empty" for _, _, network in RULE}
