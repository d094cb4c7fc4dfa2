"""The dry run of a batch, and the token that sends exactly what it saw, once."""

import base64
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from longcode.domain import batch_token, destinations, pacing
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.message import epoch_ms, iso
from longcode.domain.priority import Priority
from longcode.domain.quiet_hours import QuietHours
from longcode.domain.status import Status
from longcode.domain.tag_brake import Pause, Subject, SubjectKind
from tests.functional.batch_steps import ask, deliver, dry_run, expected, items, number
from tests.functional.conftest import nothing_happened
from tests.functional.test_batch import opt_out, rows
from tests.functional.test_quota import BRITISH
from tests.support.fakes import OURS, THEIRS, Reply, World, make_settings, make_world
from tests.support.fakes.gateway import API_KEY_ID

DAY = 86_400_000
HOUR = 3_600_000


def totals(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = reply.fields["totals"]
    return found


def on(world: World, to: str, carrier: Carrier) -> None:
    """Let it be known which carrier a number is on."""
    world.carriers.learn(to, Subscription(carrier, "wireless", world.clock.now))


# ---------------------------------------------------------------------------------------- what it says


def test_a_dry_run_stores_counts_and_reserves_nothing_and_says_what_each_is(world: World) -> None:
    on(world, number(0), Carrier.ATT)
    wanted = [
        {"to": number(0), "message": "Hello"},
        {"to": number(1), "message": "\N{GRINNING FACE}" * 40},
        {"to": "12025550123", "message": "Hello"},
        {"to": BRITISH, "message": "Hello"},
    ]

    reply = dry_run(world, wanted, key="list-1")

    assert nothing_happened(world)
    assert not len(world.bulk_queue.stored)
    assert not any(world.limits.counted.values())
    assert (reply.status, reply.fields["dry_run"]) == (200, True)
    first, second, third, fourth = rows(reply)
    nothing_else = {"carrier": None, "duplicate_of": None}
    assert first == {"valid": True, "encoding": "gsm7", "segments": 1, "carrier": "att", "duplicate_of": None}
    assert second == {"valid": True, "encoding": "ucs2", "segments": 2} | nothing_else
    alone = world.request("queue", "POST", "/sms/queue", wanted[2])
    assert third == (
        {"valid": False, "index": 2, "status_code": 400, "encoding": None, "segments": None}
        | nothing_else
        | alone.fields
    )
    assert (fourth["code"], fourth["segments"]) == ("destination_not_allowed", 1)
    assert totals(reply) == {
        "messages": 4,
        "valid": 2,
        "refused": 2,
        "segments": 3,
        "cost": None,
        "currency": None,
        "opted_out": 0,
        "duplicates": 0,
        "held_by_quiet_hours": 0,
        "expired_unsent": 0,
        "finishes_at": iso(world.clock.now),
        "valid_until": iso(world.clock.now + DAY),
        "by_carrier": {"att": 1, "unknown": 1},
        "into_tomorrow": {},
    }


def test_who_has_opted_out_is_counted(world: World) -> None:
    opt_out(world, number(1))
    entries = dict(world.optouts.entries)

    reply = dry_run(world, items(3))

    assert world.optouts.entries == entries
    assert [row.get("code") for row in rows(reply)] == [None, "recipient_opted_out", None]
    assert (totals(reply)["opted_out"], totals(reply)["valid"]) == (1, 2)


def test_the_same_words_to_the_same_person_are_a_duplicate_within_the_list_and_of_late(world: World) -> None:
    world.enqueue(number(0), "Too old")
    world.clock.pass_ms(HOUR)
    late = world.enqueue(number(0), "Hello")
    cancelled = world.enqueue(number(1), "Hello")
    ident = {"id": cancelled.fields["message_id"]}
    assert world.request("queue", "DELETE", "/sms/queue/{id}", parameters=ident).status == 200
    wanted = [
        {"to": number(0), "message": "Hello"},
        {"to": number(1), "message": "Hello"},
        {"to": number(1), "message": "Hello"},
        {"to": number(1), "message": "hello"},
        {"to": number(0), "message": "Too old"},
    ]

    found = [row["duplicate_of"] for row in rows(dry_run(world, wanted))]
    longer = [row["duplicate_of"] for row in rows(dry_run(world, wanted, duplicate_window_s=7_200))]
    none = dry_run(world, wanted, duplicate_window_s=0)

    assert found == [late.fields["message_id"], None, 1, None, None]
    assert longer[:4] == found[:4]
    assert longer[4] == world.messages.all[0].id
    assert [row["duplicate_of"] for row in rows(none)] == [None, None, 1, None, None]
    assert totals(none)["duplicates"] == 1
    # It is no refusal.
    assert totals(none)["valid"] == 5


def test_what_was_sent_under_its_key_is_known_and_costs_nothing_more(world: World) -> None:
    first = ask(world, items(2), key="list-1")

    reply = dry_run(world, items(3), key="list-1")

    assert [row.get("message_id") for row in rows(reply)] == [
        *(row["message_id"] for row in rows(first)), None,
    ]  # fmt: skip
    assert (totals(reply)["segments"], totals(reply)["duplicates"]) == (1, 2)


def test_the_cost_is_what_texts_to_the_same_countries_cost_of_late() -> None:
    world = make_world(make_settings(allowed_destinations=destinations.parse("+1,+44")))
    for to, cost in ((THEIRS, "0.0040"), (BRITISH, "0.0500")):
        ident = world.enqueue(to, "Hello", priority="bulk").fields["message_id"]
        row = world.messages._rows[ident]
        row.message = replace(row.message, status=Status.DELIVERED, cost=Decimal(cost), currency="USD", parts=1)
    wanted = [*items(2), {"to": BRITISH, "message": "x" * 161}]

    assert (totals(dry_run(world, wanted))["cost"], totals(dry_run(world, wanted))["currency"]) == ("0.108", "USD")
    # Of a third country nothing is known.
    world.service.settings = make_settings(allowed_destinations=destinations.parse("*"))
    assert totals(dry_run(world, [*wanted, {"to": "+33123456789", "message": "x"}]))["cost"] is None


def test_what_is_over_the_cap_of_a_day_is_refused_from_the_end_and_nothing_is_counted() -> None:
    world = make_world(make_settings(daily_texts_per_key=5))
    ask(world, items(2))
    counted = dict(world.limits.counted)

    reply = dry_run(world, items(5, 10))

    assert [row.get("code") for row in rows(reply)] == [None] * 3 + ["daily_limit"] * 2
    assert dict(world.limits.counted) == counted
    assert world.metrics.values.get("DailyLimitReached") is None


# ------------------------------------------------------------------------------------- when it would end


def test_it_ends_when_the_sender_has_had_a_slot_for_each_segment_less_the_reserved_share() -> None:
    campaign = CampaignSettings(transactional=20)
    world = make_world(make_settings(sender_segment_ms=100, campaign=campaign))
    wanted = [*items(9), {"to": number(9), "message": "x" * 161}]

    bulk, codes = dry_run(world, wanted), dry_run(world, wanted, priority="transactional")

    # The last of ten texts leaves after nine segments; bulk has four fifths of the rate.
    assert epoch_ms(totals(codes)["finishes_at"]) == world.clock.now + 900
    assert epoch_ms(totals(bulk)["finishes_at"]) in range(world.clock.now + 1_123, world.clock.now + 1_127)


def test_slots_that_others_have_taken_come_before_it() -> None:
    world = make_world(make_settings(sender_segment_ms=100, account_segment_ms=50))
    world.limits.reserve(pacing.sender_key(OURS), 7, 100, world.clock.now)

    by_sender = dry_run(world, items(3))
    world.limits.reserve(pacing.ACCOUNT_KEY, 30, 50, world.clock.now)
    by_account = dry_run(world, items(3))

    began = world.clock.now - 2
    assert epoch_ms(totals(by_sender)["finishes_at"]) == began + 700 + 200
    assert epoch_ms(totals(by_account)["finishes_at"]) == began + 1 + 1_500 + 100


def test_a_carrier_that_was_learnt_long_ago_is_not_known(world: World) -> None:
    on(world, number(0), Carrier.ATT)
    world.clock.pass_ms(31 * DAY)

    reply = dry_run(world, items(1))

    assert rows(reply)[0]["carrier"] is None
    assert totals(reply)["by_carrier"] == {"unknown": 1}


def test_it_ends_when_the_longest_recipient_queue_does(world: World) -> None:
    world.enqueue(THEIRS, "before", priority="bulk")

    reply = dry_run(world, [{"to": THEIRS, "message": f"Text {place}"} for place in range(3)])

    assert epoch_ms(totals(reply)["finishes_at"]) == world.clock.now + 3 * 1_020


def test_it_ends_when_a_carrier_has_had_its_minutes() -> None:
    world = make_world(make_settings(campaign=CampaignSettings(att_per_minute=60)))
    for place in range(11):
        on(world, number(place), Carrier.ATT)

    reply = dry_run(world, items(11))

    assert epoch_ms(totals(reply)["finishes_at"]) == world.clock.now + 10_000


def test_what_t_mobiles_day_has_no_room_for_spills_into_tomorrow() -> None:
    campaign = CampaignSettings(t_mobile_per_day=10, margin=0, transactional=20)
    world = make_world(make_settings(campaign=campaign))
    today = "2023-11-14"
    world.carriers.take(Carrier.T_MOBILE, today, 100, [3], world.clock.now + DAY)
    for place in range(10):
        on(world, number(place), Carrier.T_MOBILE if place < 8 else Carrier.VERIZON)

    reply = dry_run(world, items(10))

    # Eight of ten for bulk, three are used.
    assert totals(reply)["into_tomorrow"] == {"t_mobile": 3}
    # 22:13 UTC is 14:13 in Los Angeles.
    midnight = epoch_ms("2023-11-15T08:00:00Z")
    assert midnight
    assert totals(reply)["finishes_at"] == iso(midnight + 2_000)
    assert world.carriers.counted[Carrier.T_MOBILE, today] == 3
    codes = dry_run(world, items(10), priority="transactional")
    assert totals(codes)["into_tomorrow"] == {"t_mobile": 1}


def test_what_waits_for_quiet_hours_now_or_by_its_turn_is_counted() -> None:
    # 17:13 in New York, and 18:00 is in 47 minutes.
    hours = QuietHours.parse("18:00-08:00")
    world = make_world(make_settings(quiet_hours=hours, sender_segment_ms=HOUR))
    to = [f"+1212555{place:04d}" for place in range(100, 103)]
    wanted = [{"to": one, "message": "Sale", "category": "marketing"} for one in to]

    reply = dry_run(world, [*wanted, {"to": THEIRS, "message": "No sale"}])

    # The first one leaves at once; the third and the second would in an hour or two.
    assert totals(reply)["held_by_quiet_hours"] == 2
    morning = epoch_ms("2023-11-15T13:00:00Z")
    assert morning
    assert totals(reply)["finishes_at"] == iso(morning + HOUR)
    held = make_world(make_settings(quiet_hours=QuietHours.parse("17:00-08:00")))
    assert totals(dry_run(held, wanted))["held_by_quiet_hours"] == 3


def test_while_a_pause_holds_one_of_them_no_one_knows_when_it_ends() -> None:
    def ends(world: World, **fields: Any) -> bool:
        return totals(dry_run(world, items(2), **fields))["finishes_at"] is not None

    world = make_world()
    world.limits.pause(world.clock.now, "lunch")
    assert not ends(world)

    world = make_world()
    world.limits.pause(world.clock.now, "lunch", Priority.BULK)
    assert not ends(world)
    assert ends(world, priority="transactional")

    world = make_world()
    world.brakes.pause(Subject(SubjectKind.TAG, "sale"), Pause(world.clock.now))
    assert not ends(world, metadata={"tag": "sale"})
    assert ends(world, metadata={"tag": "news"})
    assert ends(world, metadata={"tag": "sale"}, priority="transactional")

    world = make_world()
    world.brakes.pause(Subject(SubjectKind.CARRIER, "att"), Pause(world.clock.now))
    assert ends(world)
    on(world, number(1), Carrier.ATT)
    assert not ends(world)


def test_a_pause_of_one_priority_is_of_no_weight_to_the_other(world: World) -> None:
    world.limits.pause(world.clock.now, "wrong link", Priority.BULK)

    assert totals(dry_run(world, items(2)))["finishes_at"] is None
    assert totals(dry_run(world, items(2), priority="transactional"))["finishes_at"] is not None


def test_a_campaign_ends_after_the_turns_that_another_has_taken() -> None:
    world = make_world(make_settings(sender_segment_ms=1_000))
    world.limits.reserve(pacing.bulk_key(pacing.sender_key(OURS)), 60, 1_000, world.clock.now)

    codes, bulk = dry_run(world, items(1), priority="transactional"), dry_run(world, items(1))

    assert totals(codes)["finishes_at"] <= iso(world.clock.now + 1_000)
    assert totals(bulk)["finishes_at"] >= iso(world.clock.now + 59_000)


def test_while_the_breaker_is_open_or_the_provider_wants_a_wait_nothing_leaves(world: World) -> None:
    world.limits.push(pacing.sender_key(OURS), world.clock.now + 20_000)
    assert totals(dry_run(world, items(2)))["finishes_at"] == iso(world.clock.now + 19_999)

    world.limits.open_breaker(world.clock.now, world.clock.now + 60_000, "40310")
    assert totals(dry_run(world, items(2)))["finishes_at"] == iso(world.clock.now + 59_999)


def test_a_list_that_takes_longer_than_its_texts_are_valid_says_how_many_are_not_sent() -> None:
    world = make_world(make_settings(sender_segment_ms=60_000, validity_minutes=10))

    reply = dry_run(world, items(20), priority="transactional")

    assert totals(reply)["expired_unsent"] == 10
    assert totals(reply)["finishes_at"] == iso(world.clock.now + 9 * 60_000)
    assert totals(reply)["valid_until"] == iso(world.clock.now + 10 * 60_000)


def test_a_scheduled_list_ends_after_its_time(world: World) -> None:
    at_ms = world.clock.now + DAY

    reply = dry_run(world, items(2), send_at=iso(at_ms))

    assert totals(reply)["finishes_at"] == iso(at_ms)
    assert rows(reply)[0]["held_by"] == "schedule"


# ------------------------------------------------------------------------------------------ the token


def test_the_token_sends_the_list_once_however_often_it_comes(world: World) -> None:
    wanted = items(12)
    token = dry_run(world, wanted).fields["token"]

    replies = [ask(world, wanted, token=token) for _ in range(3)]

    assert [reply.status for reply in replies] == [202] * 3
    assert replies[0].fields == replies[1].fields
    assert len(world.messages.all) == 12
    assert deliver(world) == expected(wanted)
    # Another dry run is another list.
    assert ask(world, wanted, token=dry_run(world, wanted).fields["token"]).fields["accepted"] == 12
    assert len(world.messages.all) == 24


def test_under_a_key_a_second_token_sends_nothing_again(world: World) -> None:
    wanted = items(3)
    for _ in range(2):
        token = dry_run(world, wanted, key="list-1").fields["token"]
        assert ask(world, wanted, key="list-1", token=token).fields["accepted"] == 3

    assert len(world.messages.all) == 3


def test_what_the_dry_run_saw_refused_stays_refused_and_the_others_are_sent(world: World) -> None:
    opt_out(world, number(1))
    wanted = [*items(3), {"to": "bad", "message": "x"}]
    token = dry_run(world, wanted).fields["token"]

    reply = ask(world, wanted, token=token)

    assert [row.get("code") for row in rows(reply)] == [None, "recipient_opted_out", None, "invalid_request"]
    assert len(world.messages.all) == 2


@pytest.mark.parametrize(
    ("change", "field", "changes"),
    [
        ({1: {"message": "Other"}}, "messages[1].message", [{"index": 1, "changed": ["message"]}]),
        ({2: {"to": number(50)}}, "messages[2].to", [{"index": 2, "changed": ["to"]}]),
        ({0: {"metadata": {"tag": "new"}}}, "messages[0]", [{"index": 0, "changed": ["fields"]}]),
        ({0: {"key": "row-1"}}, "messages[0]", [{"index": 0, "changed": ["fields"]}]),
        (
            {3: {"to": "bad", "message": "Other"}},
            "messages[3].to",
            [{"index": 3, "changed": ["to", "message", "verdict"], "was": "valid", "now": "invalid_request"}],
        ),
        ({4: {"to": number(4), "message": "Text 4"}}, "messages[4]", [{"index": 4, "changed": ["added"]}]),
        ({3: None}, "messages[3]", [{"index": 3, "changed": ["removed"]}]),
    ],
)
def test_a_list_that_was_changed_is_refused_with_what_changed(
    world: World, change: dict[int, dict[str, Any] | None], field: str, changes: list[dict[str, Any]]
) -> None:
    wanted = items(4)
    token = dry_run(world, wanted).fields["token"]
    for place, fields in change.items():
        wanted[place : place + 1] = [] if fields is None else [(wanted[place : place + 1] or [{}])[0] | fields]

    reply = ask(world, wanted, token=token)

    assert nothing_happened(world)
    assert not len(world.bulk_queue.stored)
    assert not any(world.limits.counted.values())
    assert world.limits.faults.count("count") == 0
    assert (reply.status, reply.fields["code"]) == (409, "batch_changed")
    assert (reply.fields["field"], reply.fields["changes"]) == (field, changes)


def test_a_template_that_was_changed_is_named_for_each_item(world: World) -> None:
    wanted = [{"to": number(place), "values": {"name": "Ana"}} for place in range(3)]
    token = dry_run(world, wanted, template="Hi {name}").fields["token"]

    reply = ask(world, wanted, template="Bye {name}", token=token)

    assert nothing_happened(world)
    assert [change["changed"] for change in reply.fields["changes"]] == [["message"]] * 3


def test_who_opts_out_after_the_dry_run_is_named_and_no_one_gets_a_text(world: World) -> None:
    token = dry_run(world, items(3)).fields["token"]
    opt_out(world, number(2))

    reply = ask(world, items(3), token=token)

    assert world.messages.all == []
    assert reply.fields["changes"] == [
        {"index": 2, "changed": ["verdict"], "was": "valid", "now": "recipient_opted_out"}
    ]
    # And back in is as much of a change.
    seen = dry_run(world, items(3)).fields["token"]
    parameters = {"number": number(2)}
    assert world.request("optouts", "DELETE", "/sms/optouts/{number}", parameters=parameters).status == 200
    assert ask(world, items(3), token=seen).fields["changes"][0]["now"] == "valid"
    assert world.messages.all == []


def test_a_cap_that_was_used_up_since_is_a_change_and_nothing_is_counted() -> None:
    world = make_world(make_settings(daily_texts_per_key=5))
    token = dry_run(world, items(4)).fields["token"]
    ask(world, items(2, 10))

    reply = ask(world, items(4), token=token)

    assert len(world.messages.all) == 2
    assert [(change["index"], change["now"]) for change in reply.fields["changes"]] == [(3, "daily_limit")]
    assert sum(world.limits.counted.values()) == 2


def test_a_repeat_completes_what_its_own_first_half_has_begun(world: World) -> None:
    wanted = items(12)
    token = dry_run(world, wanted).fields["token"]
    world.messages.faults.fail("accept", skip=5, times=4)
    world.messages.faults.fail("get", times=4)
    first = ask(world, wanted, token=token)
    opt_out(world, world.messages.all[0].recipient)

    again = ask(world, wanted, token=token)

    assert (first.fields["accepted"], again.fields["accepted"]) == (8, 12)
    assert len(world.messages.all) == 12


def test_a_token_is_good_for_a_day_and_for_its_api_key(world: World) -> None:
    wanted = items(2)
    token = dry_run(world, wanted).fields["token"]
    body = {"messages": wanted, "token": token}

    world.api_keys.live("anotherKeyId")
    other = world.request("queue", "POST", "/sms/batch", body, caller="anotherKeyId")
    world.clock.pass_ms(DAY - 1)
    assert ask(world, wanted, token=token).status == 202
    late = ask(world, wanted, token=token)

    assert len(world.messages.all) == 2
    for reply in (other, late):
        assert (reply.status, reply.fields["code"], reply.fields["field"]) == (400, "invalid_request", "token")
    assert "24 hours" in late.fields["error"]


def test_what_is_no_token_is_named(world: World) -> None:
    token = dry_run(world, items(2)).fields["token"]
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    payload = raw[: -batch_token._SUM_BYTES]
    # A later release's, and one that says of itself that it has more rows: each with a sum that is right.
    newer, shorter = (
        base64.urlsafe_b64encode(one + batch_token._sum(API_KEY_ID, one)).decode()
        for one in (b"\x02" + payload[1:], payload[:-5])
    )
    cases: list[object] = [
        "", "x", "AAAA", "!" * 20, token[:-1], token[1:], token[:40] + "A" + token[41:], newer, shorter, 7,
        True, "A" * 20_000, "\N{GREEK SMALL LETTER ALPHA}",
    ]  # fmt: skip
    for case in cases:
        reply = ask(world, items(2), token=case)

        assert nothing_happened(world)
        assert (reply.status, reply.fields["field"]) == (400, "token"), case
    assert ask(world, items(2), token=token, dry_run=True).fields["field"] == "token"


def test_a_dry_run_knows_the_priority_whose_queue_is_full() -> None:
    world = make_world(make_settings(max_pending_per_recipient=1))
    world.enqueue(THEIRS, "before", priority="bulk")

    bulk = dry_run(world, [{"to": THEIRS, "message": "Hello"}])
    code = dry_run(world, [{"to": THEIRS, "message": "Hello"}], priority=Priority.TRANSACTIONAL.value)

    assert (rows(bulk)[0]["code"], rows(code)[0]["valid"]) == ("recipient_queue_full", True)
    assert len(world.messages.all) == 1
    assert API_KEY_ID not in str(bulk.fields)
