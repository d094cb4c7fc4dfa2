"""Which carrier Telnyx means by a name, and what its number lookup says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.domain.carriers import Carrier, Subscription
from longcode.telnyx import carriers
from longcode.telnyx.carriers import Lookup
from tests.chance import showing
from tests.support.fakes.examples import THEIRS
from tests.support.fakes.oddities import ANYTHING, is_safe, raw
from tests.unit.telnyx_events import NOW

ATT, T_MOBILE, VERIZON, US_CELLULAR, OTHER = Carrier
ABROAD = "+442079460123"

# As Telnyx gave them: in its API reference, in its answers, and in its number lookups.
NAMES: dict[Carrier, str] = {
    ATT: """
        AT&T Mobility LLC; AT&T Mobility; AT&T; AT & T Wireless; ATT Mobility; AT&T MOBILITY SERVICES LLC
        NEW CINGULAR WIRELESS PCS, LLC - IL; NEW CINGULAR WIRELESS PCS, LLC - GA; Cingular Wireless/2
        CRICKET; Cricket Wireless, LLC; CRICKET COMMUNICATIONS, INC.""",
    T_MOBILE: """
        T-MOBILE USA, INC.; T-Mobile USA, Inc.; T-Mobile; T-Mobile US-SVR-10X/2; T-Mobile US:6529 - SVR/2; TMobile
        SPRINT SPECTRUM, L.P.; Sprint Spectrum LP; Sprint; Sprint/2; SPRINT PCS; NEXTEL COMMUNICATIONS, INC.
        METRO PCS, INC.; METROPCS, INC.; METROPCS NETWORKS, LLC; Metro by T-Mobile
        Metro PCS-Royal St. Comm-SVR-10X/2; Metro PCS Communications Inc
        OMNIPOINT COMMUNICATIONS ENTERPRISES, LP; OMNIPOINT MIAMI E LICENSE, LLC; POWERTEL ATLANTA LICENSES, INC.
        D&E/OMNIPOINT WIREL JOINT VENT LP DBA PCS ONE; VOICESTREAM GSM I, LLC; SUNCOM DBA T-MOBILE USA
        AERIAL COMMUNICATIONS, INC.""",
    VERIZON: """
        CELLCO PARTNERSHIP DBA VERIZON WIRELESS; CELLCO PARTNERSHIP DBA VERIZON WIRELESS - OH; Verizon Wireless
        Verizon Wireless:6006 - SVR/2; Verizon; Verizon/2; BELL ATLANTIC MOBILE, INC""",
    US_CELLULAR: """
        UNITED STATES CELLULAR CORP. - IOWA; UNITED STATES CELLULAR; U.S. Cellular; US CELLULAR; USCC""",
    OTHER: """
        GCI COMMUNICATION CORP. DBA GENERAL COMMUNICATION; CELLULAR SOUTH, INC.; UNION TELEPHONE COMPANY
        Boost SubscriberCo LLC-10X-NSR/2; Keystone Wireless:6921 - SVR/2; TracFone Wireless, Inc.
        ONVOY, LLC - TN; ONVOY SPECTRUM, LLC; Sinch-Onvoy Spectrum-NSR-10X/2; BANDWIDTH.COM CLEC, LLC; TELNYX LLC
        TDS METROCOM, LLC; MCIMETRO ATS LLC; LEAP TELECOM, LLC; U.S. TELEPACIFIC CORP. DBA TPX COMMUNICATIONS
        CINCINNATI BELL; BELLSOUTH TELECOMM INC DBA SOUTHERN BELL TEL & TEL; PEERLESS NETWORK OF TEXAS, LLC
        ALASCOM, INC. DBA AT&T ALASKA; AT&T ENTERPRISES, LLC; AT&T Nodal Services/1; AT&T CORP; AT&T LOCAL; AT&T/1
        Ameritech-AT&T Wireline/1; BellSouth-AT&T Wireline/1; SPRINT COMMUNICATIONS COMPANY, L.P.; Sprint/1
        VERIZON NEW YORK, INC.; VERIZON SOUTH, INC.; Verizon FDV/1; Verizon/1; MOBILE; CELLULAR; 7""",
}


def names(carrier: Carrier) -> list[str]:
    return [name.strip() for line in NAMES[carrier].strip().splitlines() for name in line.split(";")]


@pytest.mark.parametrize("carrier", Carrier)
def test_a_name_stands_for_its_carrier_however_it_is_written(carrier: Carrier) -> None:
    for name in names(carrier):
        for written in (name, name.upper(), name.lower(), f"  {name} "):
            with showing(written):
                assert carriers.carrier(written) is carrier
                assert carriers.carrier(written, "wireless") is carrier
                assert carriers.carrier(written, "pre-paid wireless") is carrier
                assert carriers.carrier(written, "vowifi") is carrier


@pytest.mark.parametrize("carrier", Carrier)
def test_no_line_but_a_mobile_one_counts_for_a_carrier_of_the_mobile_networks(carrier: Carrier) -> None:
    for name in names(carrier):
        with showing(name):
            assert carriers.carrier(name, "wireline") is OTHER
            assert carriers.carrier(name, "voip") is OTHER


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\n",
        "\u202e",
        "-",
        "unknown",
        "Unknown",
        "N/A",
        "null",
        None,
        7,
        True,
        1.5,
        ["T-Mobile"],
        {"name": "AT&T"},
    ],
    ids=repr,
)
def test_what_names_no_carrier_leaves_it_unknown(name: object) -> None:
    assert carriers.carrier(name) is None
    assert carriers.carrier(name, "voip") is None
    assert carriers.subscription({"carrier": name, "line_type": "Wireless"}, THEIRS, NOW) is None


def test_the_kind_of_line_is_one_word_for_messages_and_lookups() -> None:
    cases = [
        ("Wireless", "wireless"),
        ("mobile", "wireless"),
        ("Wireline", "wireline"),
        ("fixed line", "wireline"),
        ("VoIP", "voip"),
        ("VoWiFi", "vowifi"),
        ("Pre-Paid Wireless", "pre-paid wireless"),
        ("something new", "something new"),
        ("unknown", ""),
        ("", ""),
        (None, ""),
        (7, ""),
        (["Wireless"], ""),
    ]
    for said, word in cases:
        with showing(said):
            assert carriers.line_type(said) == word


def test_a_row_is_about_its_own_number() -> None:
    row = {"phone_number": THEIRS, "carrier": "T-MOBILE USA, INC.", "line_type": "Wireless"}
    expected = Subscription(T_MOBILE, "wireless", NOW)

    assert carriers.subscription(row, THEIRS, NOW) == expected
    assert carriers.subscription(row, "", NOW) == expected
    assert carriers.subscription({**row, "phone_number": None}, THEIRS, NOW) == expected
    assert carriers.subscription(row, "+12025550124", NOW) is None


def test_a_number_of_another_country_is_on_none_of_the_us_carriers() -> None:
    row = {"phone_number": ABROAD, "carrier": "T-Mobile Polska S.A.", "line_type": "Wireless"}

    assert carriers.subscription(row, ABROAD, NOW) == Subscription(OTHER, "wireless", NOW)
    assert carriers.subscription(row, "", NOW) == Subscription(OTHER, "wireless", NOW)
    assert carriers.subscription({**row, "carrier": ""}, ABROAD, NOW) is None


# ------------------------------------------------------------------------------------------------ lookups


# Any: JSON.
def looked_up(carrier: Any, portability: Any = None, number: str = THEIRS) -> Lookup | None:
    content = json.dumps({"data": {"carrier": carrier, "portability": portability}}).encode()
    return carriers.looked_up(content, number, NOW)


def test_a_lookup_tells_carrier_and_line_in_the_words_of_a_message() -> None:
    named = {"name": "CELLCO PARTNERSHIP DBA VERIZON WIRELESS - OH", "normalized_carrier": "Verizon Wireless"}

    assert looked_up({**named, "type": "mobile"}) == Lookup(Subscription(VERIZON, "wireless", NOW))
    assert looked_up({**named, "type": "fixed line"}) == Lookup(Subscription(OTHER, "wireline", NOW))
    assert looked_up(named, {"line_type": "mobile"}) == Lookup(Subscription(VERIZON, "wireless", NOW))
    assert looked_up({**named, "type": "unknown"}) == Lookup(Subscription(VERIZON, "", NOW))


def test_a_lookup_goes_by_the_network_that_carries_the_number() -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any] | None, Carrier]] = [
        ({"name": "TracFone Wireless, Inc.", "normalized_carrier": "AT&T"}, None, ATT),
        ({"name": "Cingular Wireless/2", "normalized_carrier": None}, None, ATT),
        ({"name": "METROPCS, INC.", "normalized_carrier": "Metro"}, None, T_MOBILE),
        ({"name": None}, {"spid_carrier_name": "T-MOBILE USA, INC."}, T_MOBILE),
        ({"name": "ONVOY, LLC - TN"}, {"spid_carrier_name": "ONVOY, LLC - TN"}, OTHER),
    ]
    for carrier, portability, expected in cases:
        with showing((carrier, portability)):
            assert looked_up(carrier, portability) == Lookup(Subscription(expected, "", NOW))


def test_a_number_that_a_lookup_does_not_know_is_not_taken_for_an_answer_that_is_none() -> None:
    for carrier in (None, {}, {"name": None, "type": "unknown"}, {"name": ""}, "T-Mobile", [{"name": "AT&T"}], 7):
        with showing(carrier):
            assert looked_up(carrier) == Lookup(None)
    for content in (b"", b"OK", b"[]", b"{}", b'{"data": null}', b'{"data": []}', b'{"data": {"carrier"', b"\xff"):
        with showing(content):
            assert carriers.looked_up(content, THEIRS, NOW) is None


# ------------------------------------------------------------------------------------ the words of others


@given(ANYTHING, ANYTHING, ANYTHING, st.sampled_from([THEIRS, ABROAD, ""]))
def test_anything_at_all_is_a_carrier_or_none(name: Any, kind: Any, phone_number: Any, number: str) -> None:
    row = {"carrier": name, "line_type": kind, "phone_number": phone_number}
    data = {"carrier": {"name": name, "normalized_carrier": kind, "type": kind}, "portability": phone_number}
    lookup = carriers.looked_up(raw({"data": data}), number, NOW)

    assert lookup
    for found in (carriers.subscription(row, number, NOW), lookup.found):
        if found:
            assert found.carrier in Carrier
            assert is_safe(found.line_type)
            assert len(found.line_type) <= 64
            assert found.line_type == found.line_type.lower()
            assert found.seen_ms == NOW


def test_a_name_as_long_as_an_answer_can_be_takes_no_time() -> None:
    for name in ("AT & " * 50_000, "U S " * 50_000, "SPRINT " * 50_000, " " * 200_000 + "AT&T", "/" * 200_000):
        with showing(name[:20]):
            assert carriers.carrier(name) in (OTHER, None)
