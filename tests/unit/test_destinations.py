"""Which numbers may be texted: how the setting is read, which entry decides, and the table of countries."""

import re

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata

from longcode.domain import destinations
from longcode.domain.destinations import Destination, country, find, in_us, own_country, parse
from tests.chance import showing

OURS = "+12025550100"
BRITISH = "+442079460123"
JAMAICAN = "+18765550123"


def decides(number: str, setting: str) -> str | None:
    found = find(number, parse(setting))
    return found.prefix if found else None


def test_a_setting_is_prefixes_each_perhaps_with_a_cap() -> None:
    assert parse("+1,+44:500, *:20 ,") == (
        Destination("+1"),
        Destination("+44", 500),
        Destination("*", 20),
    )


def test_a_setting_that_is_malformed_names_every_entry_that_is_wrong() -> None:
    cases: list[tuple[str, str]] = [
        ("1", "'1'"),
        ("+", "'+'"),
        ("+0", "'+0'"),
        ("+44:", "'+44:'"),
        ("+44:0", "'+44:0'"),
        ("+44:-1", "'+44:-1'"),
        ("+44:1e3", "'+44:1e3'"),
        ("+44:9999999999", "'+44:9999999999'"),
        ("+1234567890123456", "'+1234567890123456'"),
        ("+4\u0664", "'+4\u0664'"),
        ("US", "'US'"),
        ("+44 +45", "'+44 +45'"),
        ("**", "'**'"),
        ("+44,+44:5", "'+44:5'"),
        ("+1,44,+45,0", "'44', '0'"),
    ]
    for setting, wrong in cases:
        with showing((setting, wrong)), pytest.raises(ValueError, match=re.escape(f"wrong is {wrong}") + "$"):
            parse(setting)


def test_a_setting_of_nothing_is_not_everything_and_not_the_default() -> None:
    with pytest.raises(ValueError, match="names no destination"):
        parse(" , ")


# ------------------------------------------------------------------------------------- which entry decides


def test_the_longest_entry_that_a_number_begins_with_decides() -> None:
    cases: list[tuple[str, str, str | None]] = [
        ("+44", BRITISH, "+44"),
        ("+44", OURS, None),
        ("+44,+4420:5,+442:9", BRITISH, "+4420"),
        ("+442079460123", BRITISH, "+442079460123"),
        ("+442079460124", BRITISH, None),
        ("*", BRITISH, "*"),
        ("*,+44:5", BRITISH, "+44"),
        ("*:1,+4:2", BRITISH, "+4"),
        ("+1", "+1202555", "+1"),
    ]
    for setting, number, entry in cases:
        with showing((setting, number, entry)):
            assert decides(number, setting) == entry


def test_country_code_1_alone_is_the_united_states_and_canada() -> None:
    cases: list[str] = [JAMAICAN, "+12425550123", "+17875550123", "+16715550123", "+19005550123"]
    for number in cases:
        with showing(number):
            assert decides(number, "+1") is None
            assert decides(number, "+1,+12") is None
            assert decides(number, f"+1,{number[:5]}:3") == number[:5]
            assert decides(number, f"+1,{number[:8]}") == number[:8]
            assert decides(number, "*") == "*"
            assert decides(number, "*,+1:3") == "*"


# ---------------------------------------------------------------------------------------- the own country


def test_without_a_setting_a_sender_may_text_its_own_country() -> None:
    cases: list[tuple[str, list[str], list[str]]] = [
        (OURS, ["+13035550101", "+14165550123", "+18005550123"], [BRITISH, JAMAICAN, "+19005550123"]),
        ("+442079460100", [BRITISH], [OURS, "+353209100123", "+493023125000"]),
        ("+74950000000", ["+77172000000"], [OURS]),
        ("+353209100123", ["+353209100124"], [BRITISH]),
        (JAMAICAN, ["+16585550123", OURS], ["+18095550123"]),
        ("+17875550123", ["+19395550123", OURS], [JAMAICAN]),
    ]
    for sender, yes, no in cases:
        with showing((sender, yes, no)):
            allowed = own_country(sender)

            assert [number for number in yes if not find(number, allowed)] == []
            assert [number for number in no if find(number, allowed)] == []
            assert all(entry.daily is None for entry in allowed)


# --------------------------------------------------------------------- the table, against a well-kept library


def test_the_table_reads_every_country_code_that_is_assigned() -> None:
    codes = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)

    assert len(codes) > 200
    # Any area code that is not another country's: of 1 that would be longer.
    assert [code for code in codes if country(f"+{code}2025550123") != f"+{code}"] == []


def test_the_table_knows_each_area_code_that_is_not_of_the_united_states_or_canada() -> None:
    regions = [region for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1] if region not in ("US", "CA")]
    # A pattern for each of them, as 658|876.
    leading = {}
    for region in regions:
        metadata = PhoneMetadata.metadata_for_region(region, None)
        assert metadata
        leading[region] = metadata.leading_digits
    assert all(leading.values())
    areas = [str(area) for area in range(200, 1_000)]
    by_region = {
        region: [area for area in areas if re.fullmatch(pattern or "", area)]
        for region, pattern in leading.items()
    }

    assert sorted(tuple(group.split()) for group in destinations._OTHERS_IN_1) == sorted(
        map(tuple, by_region.values())
    )
    apart = {area for area in areas if country(f"+1{area}5550123") != "+1"}
    assert apart == {area for group in by_region.values() for area in group} | {"900"}


def test_only_900_is_premium_among_the_area_codes_of_the_united_states_and_canada() -> None:
    for region in ("US", "CA"):
        metadata = PhoneMetadata.metadata_for_region(region, None)
        assert metadata
        assert metadata.premium_rate
        assert metadata.premium_rate.national_number_pattern == r"900[2-9]\d{6}"


# ------------------------------------------------------------------------------------- the United States alone


def test_a_number_of_the_united_states_is_none_of_canada_the_caribbean_or_no_place() -> None:
    cases: dict[str, bool] = {
        OURS: True,
        "+13055550123": True,
        "+19075550123": True,
        "+18085550123": True,
        "+14165550123": False,
        "+16005550123": False,
        JAMAICAN: False,
        "+17875550123": False,
        "+18005550123": False,
        "+19005550123": False,
        "+15005550123": False,
        BRITISH: False,
        "+1202555012": False,
        "+120255501234": False,
        "12025550123": False,
        "": False,
    }
    for number, expected in cases.items():
        with showing(number):
            assert in_us(number) is expected


def test_the_table_of_the_united_states_is_the_librarys() -> None:
    metadata = {region: PhoneMetadata.metadata_for_region(region, None) for region in ("US", "CA")}
    geographic = {}
    for region, found in metadata.items():
        assert found
        assert found.fixed_line
        pattern = re.compile(found.fixed_line.national_number_pattern or "")
        geographic[region] = {
            str(area)
            for area in range(200, 1_000)
            if any(pattern.fullmatch(f"{area}{rest}") for rest in ("2345678", "3456789", "5550123"))
        }
    ours = {str(area) for area in range(200, 1_000) if in_us(f"+1{area}5550123")}

    assert len(geographic["US"]) > 300
    assert geographic["US"] - ours == set()
    assert geographic["CA"] & ours == set()
    assert geographic["CA"] == set(destinations._CANADA.split())
    # What is not of the United States is of another country, or of no place.
    named = {str(area) for area in range(200, 1_000) if country(f"+1{area}5550123") != "+1"}
    no_place = set(destinations._OF_NO_PLACE.split())
    assert no_place & (geographic["US"] | geographic["CA"]) == set()
    assert {str(area) for area in range(200, 1_000)} - ours == geographic["CA"] | named | no_place
    toll_free, personal = (
        getattr(metadata["US"], kind).national_number_pattern for kind in ("toll_free", "personal_number")
    )
    for area in range(200, 1_000):
        if re.fullmatch(toll_free, f"{area}2345678") or re.fullmatch(personal, f"{area}2345678"):
            assert str(area) in no_place
