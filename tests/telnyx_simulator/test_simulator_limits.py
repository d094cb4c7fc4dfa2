"""AT&T's and T-Mobile's limits: what goes over is failed, refused or held, and counted and charged."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from devtools.telnyx_simulator.networks import Network
from devtools.telnyx_simulator.registration import ATT_CLASSES, CAMPAIGN_ID
from devtools.telnyx_simulator.usage import Counted, Result, Usage
from tests.telnyx_simulator.world import OURS, RECIPIENT, Running, eventually

pytestmark = pytest.mark.enable_socket

OTHER = "+12025550101"  # of ours
SECOND_CAMPAIGN = "0c9b1c5e-3f6d-4a58-9c7e-2f5a1d7e9b10"
ATT, T_MOBILE, US_CELLULAR, VOIP = "+12025550180", RECIPIENT, "+12025550194", "+12025550197"
NOON = f"{datetime.now(UTC).year + 1}-07-01T19:00:20+00:00"  # in Los Angeles, and amid a minute
DELIVERED: tuple[str, list[str]] = ("delivered", [])


@pytest.fixture(scope="module")
def running_pair() -> Iterator[Running]:
    provider = Running(numbers=(OURS, OTHER))
    yield provider
    provider.stop()


@pytest.fixture
def limited(running_pair: Running) -> Running:
    """A provider with two numbers, whose limits are on, at noon."""
    running_pair.control("reset")
    running_pair.control("clock", at=NOON)
    running_pair.control("limits", enforce=True)
    return running_pair


def att(provider: Running, tpm: int, **limits: Any) -> None:
    provider.control("registration", campaign={"att_tpm": tpm})
    provider.control("limits", **limits)


def t_mobile(provider: Running, cap: int, **limits: Any) -> None:
    provider.control("registration", brand={"daily_cap": cap})
    provider.control("limits", **limits)


def counts(provider: Running, network: str) -> dict[str, Any]:
    """The day's row of a network, which the minutes' rows must come to as well."""
    shown = provider.shown("limits")
    [day] = [row for row in shown["days"] if row["network"] == network]
    minutes = [row for row in shown["minutes"] if row["network"] == network]
    for name in ("texts", "sent", "failed", "refused", "expired", "charged"):
        assert sum(row[name] for row in minutes) == day[name]
    return dict(day)


# --- AT&T -----------------------------------------------------------------------------------------


def test_without_a_setting_there_is_no_limit(provider: Running) -> None:
    provider.control("registration", campaign={"att_tpm": 1}, brand={"daily_cap": 1})
    assert [provider.final(to) for to in (ATT, ATT, T_MOBILE, T_MOBILE)] == [DELIVERED] * 4


def test_over_att_s_rate_a_text_is_taken_fails_by_receipt_and_is_charged(limited: Running) -> None:
    att(limited, 2)
    ends = [limited.final(ATT) for _ in range(3)]
    assert ends == [DELIVERED, DELIVERED, ("delivery_failed", ["40018"])]
    row = counts(limited, "att")
    assert (row["texts"], row["sent"], row["failed"], row["charged"]) == (3, 2, 1, 3)
    assert (row["codes"], row["cost"]) == ({"40018": 1}, "0.0153")


def test_over_a_limit_a_text_can_be_refused_at_submission_and_is_charged(limited: Running) -> None:
    att(limited, 1, att_over="refuse")
    limited.send(ATT)
    refused = limited.send(ATT, key="again")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "40018")
    assert [row["outcome"] for row in limited.requests(ATT)] == ["delivered", "over_limit"]
    row = counts(limited, "att")
    assert (row["sent"], row["refused"], row["charged"]) == (1, 1, 2)
    limited.control("clock", advance_s=61)
    assert limited.send(ATT, key="again").status_code == 200


def test_a_text_can_be_held_until_it_is_within_the_limit(limited: Running) -> None:
    att(limited, 1, att_over="hold")
    first, second, third = (limited.send(ATT).json()["data"] for _ in range(3))
    assert first["wait_seconds"] == 0.0
    assert second["wait_seconds"] == pytest.approx(60, abs=2)
    assert third["wait_seconds"] == pytest.approx(120, abs=2)
    assert limited.ended(first["id"]) == DELIVERED
    assert limited.status(second["id"]) == "queued"
    limited.control("clock", advance_s=61)
    assert limited.ended(second["id"]) == DELIVERED
    assert limited.status(third["id"]) == "queued"
    assert counts(limited, "att")["sent"] == 3


def test_what_is_held_beyond_valid_until_expires_in_the_queue_and_is_not_charged(limited: Running) -> None:
    att(limited, 1, att_over="hold", queue_s=90)
    sent, held, late = (limited.send(ATT).json()["data"] for _ in range(3))
    life = datetime.fromisoformat(late["valid_until"]) - datetime.fromisoformat(late["received_at"])
    assert life == timedelta(seconds=90)
    limited.control("clock", advance_s=91)
    assert [limited.ended(one["id"]) for one in (sent, held)] == [DELIVERED] * 2
    assert limited.ended(late["id"]) == ("sending_failed", ["40014"])
    row = counts(limited, "att")
    assert (row["sent"], row["expired"], row["charged"]) == (2, 1, 2)


def test_a_text_larger_than_the_limit_never_goes(limited: Running) -> None:
    att(limited, 1, att_over="hold", queue_s=30)
    message = limited.send(ATT, text="€" * 81).json()["data"]
    assert message["wait_seconds"] == 30
    limited.control("clock", advance_s=31)
    assert limited.ended(message["id"]) == ("sending_failed", ["40014"])


@pytest.mark.parametrize(
    ("text", "segments"),
    [("x" * 160, 1), ("x" * 161, 2), ("x" * 306, 2), ("x" * 307, 3), ("ы" * 70, 1), ("ы" * 71, 2), ("😀" * 68, 3)],
)
def test_a_limit_counts_segments_and_not_texts(limited: Running, text: str, segments: int) -> None:
    # The lengths are those of the standard: 160 and 153 septets, 70 and 67 UTF-16 units.
    att(limited, segments)
    assert limited.final(ATT, text=text) == DELIVERED
    assert counts(limited, "att")["sent"] == segments
    assert limited.final(ATT) == ("delivery_failed", ["40018"])


def test_an_mms_counts_as_one(limited: Running) -> None:
    limited.final(ATT, text="x" * 161, media_urls=["https://example.com/a.png"])
    assert counts(limited, "att")["sent"] == 1


def test_any_sixty_seconds_are_a_minute_unless_the_clock_s_are_asked_for(limited: Running) -> None:
    att(limited, 1)
    assert limited.final(ATT) == DELIVERED
    limited.control("clock", advance_s=45)  # the clock's next minute, and not 60 s later
    assert limited.final(ATT) == ("delivery_failed", ["40018"])
    limited.control("limits", window="minute")
    assert limited.final(ATT) == DELIVERED
    assert limited.final(ATT) == ("delivery_failed", ["40018"])


def test_the_numbers_of_a_campaign_share_its_rate(limited: Running) -> None:
    att(limited, 1)
    assert limited.final(ATT) == DELIVERED
    assert limited.final(ATT, **{"from": OTHER}) == ("delivery_failed", ["40018"])


@pytest.mark.parametrize("letter", ["G", "N"])
def test_a_class_by_number_gives_each_number_its_own(limited: Running, letter: str) -> None:
    limited.control("registration", campaign={"message_class": letter, "att_tpm": 1})
    assert [limited.final(ATT, **{"from": number}) for number in (OURS, OTHER)] == [DELIVERED] * 2
    assert limited.final(ATT) == ("delivery_failed", ["40018"])


def test_two_campaigns_have_a_rate_each_at_att_and_one_cap_at_t_mobile(limited: Running) -> None:
    limited.control("registration", campaign={"id": SECOND_CAMPAIGN, "att_tpm": 1}, brand={"daily_cap": 1})
    limited.control("registration", campaign={"att_tpm": 1}, number={"number": OTHER, "campaign": SECOND_CAMPAIGN})
    assert [limited.final(ATT, **{"from": number}) for number in (OURS, OTHER)] == [DELIVERED] * 2
    assert limited.final(T_MOBILE) == DELIVERED
    assert limited.final(T_MOBILE, **{"from": OTHER}) == ("delivery_failed", ["40016"])


def test_the_rate_is_that_of_the_campaign_s_class(limited: Running) -> None:
    table = {"A": 4500, "C": 2400, "F": 240, "T": 75, "W": 15, "S": 9000, "G": 60, "K": 4500, "P": 2400}
    for letter, tpm in table.items():
        limited.control("registration", campaign={"message_class": letter})
        assert limited.shown("limits")["att"] == {CAMPAIGN_ID: tpm}
    assert set(ATT_CLASSES) == set("ABCDEFTWKPSXGN")
    limited.control("registration", campaign={"message_class": "W"})
    for number in range(5):
        assert limited.send(ATT, text="x" * 307, key=f"k{number}").status_code == 200
    assert limited.final(ATT) == ("delivery_failed", ["40018"])


# --- T-Mobile -------------------------------------------------------------------------------------


def test_over_t_mobile_s_cap_a_text_fails_until_the_day_is_over(limited: Running) -> None:
    t_mobile(limited, 2)
    ends = [limited.final(T_MOBILE) for _ in range(3)]
    assert ends == [DELIVERED, DELIVERED, ("delivery_failed", ["40016"])]
    row = counts(limited, "t_mobile")
    assert (row["sent"], row["failed"], row["charged"], row["codes"]) == (2, 1, 3, {"40016": 1})
    limited.control("clock", advance_s=3600)
    assert limited.final(T_MOBILE) == ("delivery_failed", ["40016"])
    limited.control("clock", at=limited.shown("clock")["pacific_midnight"])
    assert limited.final(T_MOBILE) == DELIVERED


def test_older_names_of_t_mobile_count_as_t_mobile(limited: Running) -> None:
    t_mobile(limited, 1)
    assert limited.final("+12025550166") == DELIVERED
    assert limited.final("+12025550167") == ("delivery_failed", ["40016"])


def test_what_goes_through_other_providers_is_taken_off_the_cap(limited: Running) -> None:
    t_mobile(limited, 10, t_mobile_other_providers=9, t_mobile_over="refuse")
    assert limited.send(T_MOBILE).status_code == 200
    assert limited.send(T_MOBILE).json()["errors"][0]["code"] == "40016"
    assert limited.shown("limits")["t_mobile"]["cap"] == 1
    limited.control("limits", t_mobile_other_providers=11)
    assert limited.shown("limits")["t_mobile"]["cap"] == 0


@pytest.mark.parametrize(
    ("brand", "cap"),
    [
        ({"score": 100}, 200_000),
        ({"score": 75}, 200_000),
        ({"score": 74}, 40_000),
        ({"score": 49}, 10_000),
        ({"score": 24}, 2_000),
        ({"score": None}, 2_000),
        ({"sole_proprietor": True}, 1_000),
        ({"daily_cap": 7}, 7),
    ],
)
def test_the_cap_is_that_of_the_brand_s_tier(limited: Running, brand: dict[str, Any], cap: int) -> None:
    limited.control("registration", brand=brand)
    assert limited.shown("limits")["t_mobile"]["cap"] == cap


def test_a_text_over_the_cap_is_held_until_midnight_or_expires(limited: Running) -> None:
    t_mobile(limited, 1, t_mobile_over="hold")
    limited.send(T_MOBILE)
    assert limited.send(T_MOBILE).json()["data"]["wait_seconds"] == pytest.approx(12 * 3600, abs=30)
    limited.control("clock", advance_s=11.5 * 3600)
    held = limited.send(T_MOBILE).json()["data"]
    assert held["wait_seconds"] == pytest.approx(1800, abs=30)
    limited.control("clock", at=limited.shown("clock")["pacific_midnight"])
    assert limited.ended(held["id"]) == DELIVERED
    rows = [row for row in limited.shown("limits")["days"] if row["network"] == "t_mobile"]
    assert [(row["sent"], row["expired"]) for row in rows] == [(1, 1), (1, 0)]


def test_no_text_overtakes_one_that_t_mobile_s_cap_holds(limited: Running) -> None:
    t_mobile(limited, 2, t_mobile_over="hold", queue_s=2 * 86_400)
    limited.send(T_MOBILE)
    waits = [limited.send(T_MOBILE, text=text).json()["data"]["wait_seconds"] for text in ("x" * 161, "x")]
    assert waits == pytest.approx([12 * 3600, 36 * 3600], abs=30)


# --- the others -----------------------------------------------------------------------------------


def test_another_network_can_have_a_rate_for_each_number(limited: Running) -> None:
    assert [limited.final(US_CELLULAR) for _ in range(2)] == [DELIVERED] * 2
    limited.control("clock", advance_s=61)
    limited.control("limits", per_number={"us_cellular": 1})
    assert [limited.final(US_CELLULAR, **{"from": number}) for number in (OURS, OTHER)] == [DELIVERED] * 2
    assert limited.final(US_CELLULAR) == ("delivery_failed", ["40011"])
    limited.control("limits", per_number_over="refuse")
    assert limited.send(US_CELLULAR).json()["errors"][0]["code"] == "40011"


def test_what_is_no_mobile_number_has_no_limit(limited: Running) -> None:
    limited.control("registration", brand={"daily_cap": 0}, campaign={"att_tpm": 0})
    assert [limited.final(to) for to in (VOIP, "+12025550198", "+442071230123")] == [DELIVERED] * 3
    assert limited.final("+12025550146") == ("delivery_failed", ["40001"])


def test_a_scheduled_text_is_put_to_the_limit_when_it_is_due(limited: Running) -> None:
    att(limited, 1, att_over="refuse")
    due = datetime.fromisoformat(limited.shown("clock")["now"]) + timedelta(minutes=10)
    scheduled = [limited.send(ATT, send_at=due.isoformat()).json()["data"]["id"] for _ in range(2)]
    assert limited.final(ATT) == DELIVERED
    assert counts(limited, "att")["texts"] == 1
    limited.control("clock", advance_s=601)
    # Too late to be refused at submission: the second one fails by receipt.
    assert sorted(limited.ended(one) for one in scheduled) == [DELIVERED, ("delivery_failed", ["40018"])]


def test_a_replay_is_counted_once(limited: Running) -> None:
    first, again = (limited.send(ATT, key="k-1") for _ in range(2))
    assert first.content == again.content
    assert counts(limited, "att")["texts"] == 1


def test_a_number_of_the_table_counts_and_fails_over_a_limit_too(limited: Running) -> None:
    t_mobile(limited, 1)
    assert limited.final("+12025550140") == ("delivery_failed", ["40008"])
    answer = limited.send("+12025550147").json()["data"]
    assert answer["to"][0]["status"] == "queued"
    assert limited.ended(answer["id"]) == ("delivery_failed", ["40016"])
    limited.send("+12025550151")
    assert counts(limited, "t_mobile")["texts"] == 2


def test_a_restart_keeps_the_counts_and_the_clock(tmp_path: Path) -> None:
    first = Running(tmp_path)
    try:
        first.control("clock", at=NOON)
        first.send(T_MOBILE, text="x" * 161)
        first.get(f"/v2/number_lookup/{T_MOBILE}", type="carrier")
        eventually(lambda: first.shown("webhooks")["pending"] == 0)
        before = first.shown("limits")
    finally:
        first.stop()
    second = Running(tmp_path)
    try:
        assert second.shown("limits") == before
        assert second.shown("clock")["now"] >= NOON
        second.control("registration", brand={"daily_cap": 2})
        second.control("limits", enforce=True)
        assert second.final(T_MOBILE) == ("delivery_failed", ["40016"])
    finally:
        second.stop()


def test_a_restart_keeps_what_is_held(tmp_path: Path) -> None:
    first = Running(tmp_path)
    try:
        first.control("registration", campaign={"att_tpm": 1})
        first.control("limits", enforce=True, att_over="hold")
        assert first.final(ATT) == DELIVERED
        held = first.send(ATT).json()["data"]["id"]
    finally:
        first.stop()
    second = Running(tmp_path)
    try:
        assert second.status(held) == "queued"
        second.control("clock", advance_s=61)
        assert second.ended(held) == DELIVERED
        assert counts(second, "att")["sent"] == 2
    finally:
        second.stop()


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"enforce": 1}, "enforce must be true or false"),
        ({"att_over": "drop"}, "receipt, refuse, hold"),
        ({"t_mobile_other_providers": -1}, "0 or more"),
        ({"per_number": {"att": 1}}, "by network"),
        ({"queue_s": 0}, "positive"),
        ({"enforce": True, "cap": 1}, "unknown: cap"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_and_changes_nothing(
    provider: Running, asked: dict[str, Any], word: str
) -> None:
    before = provider.shown("limits")["settings"]
    assert word in provider.refusal("limits", **asked)
    assert provider.shown("limits")["settings"] == before


@pytest.mark.parametrize("seed", range(20))
def test_held_texts_leave_in_turn_and_never_over_the_limit(seed: int) -> None:
    chance, usage, limit, now = random.Random(seed), Usage(), 7, 1_000
    left: list[tuple[float, int]] = []
    for _ in range(150):
        now, parts = now + chance.randint(0, 12), chance.randint(1, 4)
        at = usage.free_in_minute(("att", "c"), parts, limit, now, sliding=True)
        usage.add(Counted(Network.ATT, OURS, "c", parts, at, Result.SENT))
        left.append((at, parts))
    assert all(earlier <= later for (earlier, _), (later, _) in pairwise(left))
    for end, _ in left:
        assert sum(parts for at, parts in left if end - 60 < at <= end) <= limit
