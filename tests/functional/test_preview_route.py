"""POST /sms/preview: what a text would take, and why. Nothing is stored, counted or reserved."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from longcode.domain import destinations
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import BELIEVED_MS, Carrier, CarrierStop, Subscription
from longcode.domain.message import epoch_ms
from longcode.domain.status import HeldBy, Status
from tests.functional.conftest import nothing_happened
from tests.functional.test_bad_input import BODIES
from tests.support.fakes import OURS, THEIRS, Reply, World, make_settings, make_world
from tests.support.fakes.fault_injector import unavailable

QUOTE = "\N{RIGHT SINGLE QUOTATION MARK}"
SIZE = ("encoding", "units", "segments", "left")


def preview(world: World, message: object, **fields: Any) -> Reply:
    return world.request("queue", "POST", "/sms/preview", {"message": message} | fields)


def size(fields: dict[str, Any]) -> tuple[object, ...]:
    return tuple(fields[name] for name in SIZE)


def test_a_plain_text_is_gsm_7_and_nothing_forces_it_to_be_more(world: World) -> None:
    reply = preview(world, "Hello")

    assert nothing_happened(world)
    assert reply.status == 200
    assert reply.fields == {
        "encoding": "gsm7",
        "units": 5,
        "segments": 1,
        "left": 155,
        "forced_by": [],
        "forced_by_total": 0,
        "smart_encoding": {
            "encoding": "gsm7",
            "units": 5,
            "segments": 1,
            "left": 155,
            "text": "Hello",
            "replaced": [],
        },
        "cost": None,
    }


def test_what_forces_ucs_2_is_named_with_its_places_and_its_replacement(world: World) -> None:
    text = f"It{QUOTE}s {QUOTE}late{QUOTE} " + "a" * 80

    reply = preview(world, text)

    assert nothing_happened(world)
    assert size(reply.fields) == ("ucs2", 92, 2, 42)
    assert reply.fields["forced_by"] == [
        {
            "character": QUOTE,
            "name": "right single quotation mark",
            "count": 3,
            "positions": [2, 5, 10],
            "replacement": "'",
        }
    ]
    smart = reply.fields["smart_encoding"]
    assert size(smart) == ("gsm7", 92, 1, 68)
    assert smart["text"] == "It's 'late' " + "a" * 80
    assert smart["replaced"] == [{"character": QUOTE, "replacement": "'", "count": 3}]


def test_where_nothing_would_be_saved_smart_encoding_leaves_the_text_alone(world: World) -> None:
    smart = preview(world, f"It{QUOTE}s").fields["smart_encoding"]

    assert (smart["text"], smart["replaced"], smart["segments"]) == (f"It{QUOTE}s", [], 1)


def test_of_many_characters_the_first_ones_are_listed_and_all_are_counted(world: World) -> None:
    fields = preview(world, "".join(chr(code) for code in range(0x4E00, 0x4E1E)) + "\u4e00" * 15).fields

    assert len(fields["forced_by"]) == 20
    assert fields["forced_by_total"] == 30
    assert fields["forced_by"][0]["count"] == 16
    assert fields["forced_by"][0]["positions"] == [0, *range(30, 39)]


@pytest.mark.parametrize("fields", [{}, {"to": None}])
def test_without_a_recipient_nothing_is_read(world: World, fields: dict[str, Any]) -> None:
    reply = preview(world, "Hello", **fields)

    assert world.limits.faults.calls == []
    assert "outlook" not in reply.fields


def test_a_preview_reads_little_and_writes_nothing(world: World) -> None:
    reply = preview(world, "Hello", to=THEIRS)

    assert nothing_happened(world)
    assert world.limits.faults.calls == ["read_gate"]
    # What the latest texts have cost, of which there are none.
    assert (world.finder.faults.calls, world.messages.faults.calls) == (["find"], ["get_all"])
    assert [
        fake.faults.calls
        for fake in (
            world.queue,
            world.carriers,
            world.optouts,
            world.registrations,
            world.provider,
        )
    ] == [[]] * 5
    assert reply.fields["outlook"] == {
        "to": THEIRS,
        "carrier": None,
        "line_type": None,
        "limits": [],
        "held_by": None,
        "held_until": None,
    }


LIMITED = CampaignSettings(campaign_class="T", t_mobile_per_day=2_000, per_minute={Carrier.VERIZON: 6_000})
ATT = {"carrier": "att", "per": "minute", "segments": 75}
T_MOBILE = {"carrier": "t_mobile", "per": "day", "segments": 1_940}


@pytest.mark.parametrize(
    ("carrier", "limits"),
    [
        (None, [ATT, T_MOBILE]),
        (Carrier.ATT, [ATT]),
        (Carrier.T_MOBILE, [T_MOBILE]),
        (Carrier.VERIZON, [{"carrier": "verizon", "per": "minute", "segments": 6_000}]),
        (Carrier.OTHER, []),
    ],
)
def test_the_outlook_has_the_limits_that_the_text_would_count_against(
    carrier: Carrier | None, limits: list[dict[str, object]]
) -> None:
    world = make_world(make_settings(campaign=LIMITED))
    if carrier:
        world.carriers.known[THEIRS] = Subscription(carrier, "wireless", world.clock.now)

    outlook = preview(world, "Hello", to=THEIRS).fields["outlook"]

    assert outlook["limits"] == limits
    assert (outlook["carrier"], outlook["line_type"]) == (carrier, "wireless" if carrier else None)


def test_a_carrier_that_was_learnt_too_long_ago_is_not_known() -> None:
    world = make_world(make_settings(campaign=LIMITED))
    world.carriers.known[THEIRS] = Subscription(Carrier.ATT, "wireless", world.clock.now - BELIEVED_MS)

    outlook = preview(world, "Hello", to=THEIRS).fields["outlook"]

    assert (outlook["carrier"], outlook["line_type"]) == (None, None)
    assert outlook["limits"] == [ATT, T_MOBILE]


def test_a_line_type_that_the_provider_did_not_name_is_null(world: World) -> None:
    world.carriers.known[THEIRS] = Subscription(Carrier.OTHER, "", world.clock.now)

    outlook = preview(world, "Hello", to=THEIRS).fields["outlook"]

    assert (outlook["carrier"], outlook["line_type"]) == ("other", None)


def test_the_outlook_says_that_the_carrier_is_stopped_and_until_when(world: World) -> None:
    world.carriers.known[THEIRS] = Subscription(Carrier.ATT, "wireless", world.clock.now)
    until = world.clock.now + 60_000
    world.carriers.stop(OURS, CarrierStop(Carrier.ATT, until, HeldBy.CARRIER_RATE))

    outlook = preview(world, "Hello", to=THEIRS).fields["outlook"]

    assert (outlook["held_by"], epoch_ms(outlook["held_until"])) == ("carrier_rate", until)


def test_smart_encoding_and_max_segments_hold_as_they_do_for_the_queue(world: World) -> None:
    text = QUOTE + "a" * 100

    refused = preview(world, text, max_segments=1)
    taken = preview(world, text, max_segments=1, smart_encoding=True)

    assert nothing_happened(world)
    assert (refused.status, refused.fields["field"], refused.fields["given"]) == (400, "max_segments", 2)
    assert (taken.status, taken.fields["segments"], taken.fields["smart_encoding"]["segments"]) == (200, 2, 1)


def test_what_the_queue_refuses_a_preview_refuses_by_the_same_name(world: World) -> None:
    for what, body, field in BODIES:
        if field == "to" and isinstance(body, dict) and body.get("to") is None:
            continue
        reply = world.request("queue", "POST", "/sms/preview", body)

        assert nothing_happened(world), what
        assert (reply.status, reply.fields["code"]) == (400, "invalid_request"), what
        assert reply.fields.get("field") == field, what


def test_a_preview_without_a_text_names_it(world: World) -> None:
    reply = world.request("queue", "POST", "/sms/preview", {})

    assert (reply.status, reply.fields["field"]) == (400, "message")


def test_a_preview_uses_no_quota() -> None:
    world = make_world(make_settings(daily_texts_per_key=1))
    for _ in range(3):
        assert preview(world, "Hello", to=THEIRS).status == 200

    assert world.enqueue().status == 202
    assert preview(world, "Hello", to=THEIRS).status == 200


def test_when_the_limits_do_not_answer_a_preview_with_a_recipient_says_so(world: World) -> None:
    world.limits.faults.fail("read_gate", unavailable)

    assert preview(world, "Hello", to=THEIRS).status == 503
    assert preview(world, "Hello").status == 200
    assert nothing_happened(world)


def test_the_log_has_neither_the_text_nor_the_number(world: World) -> None:
    preview(world, f"A secret{QUOTE}s text", to=THEIRS)

    lines = repr(vars(world.logger))
    assert "/sms/preview" in lines
    assert "secret" not in lines
    assert THEIRS not in lines


def test_a_cost_is_estimated_by_what_was_charged_of_late_to_the_same_country() -> None:
    world = make_world(make_settings(allowed_destinations=destinations.parse("*")))

    def delivered(to: str, cost: str, parts: int, currency: str = "USD") -> None:
        ident = world.enqueue(to).fields["message_id"]
        row = world.messages._rows[ident]
        row.message = replace(
            row.message, status=Status.DELIVERED, cost=Decimal(cost), currency=currency, parts=parts
        )

    assert preview(world, "a" * 200, to=THEIRS).fields["cost"] is None
    delivered(THEIRS, "9.0", 1)
    world.clock.pass_ms(8 * 86_400_000)
    for cost, parts in (("0.004", 1), ("0.0102", 2), ("0.07", 1)):
        delivered(THEIRS, cost, parts)
    delivered("+18765550123", "0.5", 1)

    cost = preview(world, "a" * 200, to=THEIRS).fields["cost"]

    assert cost == {"amount": "0.0102", "currency": "USD", "per_segment": "0.0051", "texts": 3}
    assert preview(world, "a").fields["cost"]["amount"] == "0.0051"
    assert preview(world, "a", to="+18765550123").fields["cost"]["amount"] == "0.5"
    assert preview(world, "a", to="+13065550123").fields["cost"]["texts"] == 3
    assert preview(world, "a", to="+442079460123").fields["cost"] is None
