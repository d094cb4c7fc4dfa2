"""The recipient's carrier: learnt from answers and receipts for nothing, shown, and erased with the person."""

import json
from typing import Any

import pytest

from devtools.local_stack.telemetry import deployed, insights
from devtools.local_stack.telemetry.insights import LogLine
from longcode.aws.observability import FewMetrics, LambdaLogger, LambdaMetrics
from longcode.domain.carriers import BELIEVED_MS, RENEWED_MS, Carrier, Subscription
from longcode.domain.destinations import Destination
from longcode.domain.message import Fault
from longcode.domain.metrics import Metric
from longcode.use_cases.number_lookup import NOT_KNOWN, look_up
from tests.support.fakes import OURS, THEIRS, World, call, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.logger import Line
from tests.support.fakes.provider import Text
from tests.support.fakes.webhooks import inbound, receipt

ATT = ("NEW CINGULAR WIRELESS PCS, LLC - GA", "Wireless")
T_MOBILE = ("T-MOBILE USA, INC.", "Wireless")
VOIP = ("ONVOY, LLC - TN", "VoIP")
OTHERS = "+12025550124"
ABROAD = "+442079460123"


def received(world: World, text: Text, word: str, *, at_ms: int | None = None, **more: Any) -> None:
    """The receipt of a text, as old as `at_ms`."""
    body = receipt(text, word, world.clock.now if at_ms is None else at_ms, **more)
    assert world.webhook(body, path_id=text.key).fields == {"status": "updated"}


def renamed(text: Text, network: tuple[str, str] | None) -> Text:
    """The provider names another carrier in the receipts that follow."""
    text.network = dict(zip(("carrier", "line_type"), network, strict=True)) if network else {}
    return text


def last_line(world: World) -> Line:
    return world.logger.of("request")[-1]


def learnt(world: World) -> int:
    """How often a carrier was written down for a number."""
    return world.carriers.faults.count("learn")


# -------------------------------------------------------------------------------------------- from the answer


@pytest.mark.parametrize("route", ["send", "enqueue"])
def test_an_answer_teaches_the_carrier_of_its_text_and_of_its_number(world: World, route: str) -> None:
    world.provider.carriers[THEIRS] = ATT
    ident = getattr(world, route)().fields["message_id"]
    world.consume()

    (message,) = world.messages.all
    assert (message.id, message.carrier, message.line_type) == (ident, "att", "wireless")
    known = Subscription(Carrier.ATT, "wireless", message.sent_ms or 0)
    assert world.carriers.known == {THEIRS: known}
    assert world.limits.read_gate(THEIRS, OURS).subscription == known


def test_what_is_known_is_written_again_only_when_it_is_half_as_old_as_may_be_or_another(world: World) -> None:
    world.provider.carriers[THEIRS] = ATT
    world.send()
    assert learnt(world) == 1

    world.clock.pass_ms(RENEWED_MS - 60_000)
    world.send()
    assert learnt(world) == 1
    world.clock.pass_ms(60_000)
    world.send()
    assert learnt(world) == 2
    assert world.carriers.known[THEIRS].believed(world.clock.now + BELIEVED_MS - 1_000)

    world.provider.carriers[THEIRS] = T_MOBILE
    world.send()
    assert learnt(world) == 3
    assert world.carriers.known[THEIRS].carrier is Carrier.T_MOBILE


def test_an_answer_without_a_name_or_a_refusal_teaches_nothing(world: World) -> None:
    world.send()
    world.provider.carriers[THEIRS] = ATT
    world.provider.then(providers.NO_SUCH_NUMBER, providers.RATE_LIMITED, providers.HANGS)
    for _ in range(3):
        world.send()
        world.clock.pass_ms(30_000)

    assert world.carriers.known == {}
    assert {message.carrier for message in world.messages.all} == {None}


def test_nothing_is_learnt_of_a_number_abroad_and_its_carrier_is_none_of_the_us_ones() -> None:
    world = make_world(make_settings(allowed_destinations=(Destination("+44"),)))
    world.provider.carriers[ABROAD] = ("T-Mobile Polska S.A.", "Wireless")
    ident = world.send(ABROAD).fields["message_id"]
    received(world, renamed(world.provider.text(ident), (ATT[0], "VoIP")), "delivered")

    assert world.carriers.known == {}
    assert learnt(world) == 0
    fields = world.status(ident).fields
    assert (fields["carrier"], fields["line_type"]) == ("other", "voip")


def test_a_text_is_sent_and_recorded_although_its_carrier_could_not_be_learnt(world: World) -> None:
    world.provider.carriers[THEIRS] = ATT
    world.carriers.faults.fail("learn")

    ident = world.send().fields["message_id"]

    assert world.status(ident).fields["status"] == "submitted"
    assert world.status(ident).fields["carrier"] == "att"
    assert world.carriers.known == {}
    (line,) = world.logger.of("store.unavailable")
    assert line.fields["message_id"] == ident
    world.send()
    assert world.carriers.known[THEIRS].carrier is Carrier.ATT


def test_a_replay_and_a_record_teach_the_carrier_too(world: World) -> None:
    world.provider.carriers |= {THEIRS: ATT, OTHERS: T_MOBILE}
    world.provider.then(providers.HANGS, to=THEIRS)
    world.provider.then(providers.ACCEPTS_AND_HANGS, to=OTHERS)
    replayed = world.send().fields["message_id"]
    found = world.send(OTHERS).fields["message_id"]
    for _ in range(20):
        world.clock.pass_ms(60_000)
        world.reconcile()

    assert world.status(replayed).fields["carrier"] == "att"
    assert world.carriers.known[THEIRS].carrier is Carrier.ATT
    assert world.status(found).fields["carrier"] == "t_mobile"


# ------------------------------------------------------------------------------------------ from the receipts


def test_a_receipt_normally_writes_nothing_but_itself(world: World) -> None:
    world.provider.carriers[THEIRS] = ATT
    text = world.provider.text(world.send().fields["message_id"])
    before = learnt(world)

    received(world, text, "sent")
    received(world, text, "delivered")

    assert learnt(world) == before == 1
    assert world.messages.faults.count("record") == 2
    assert world.messages.faults.count("get") == world.messages.faults.count("find") == 0


def test_a_receipt_teaches_what_the_answer_did_not_say_once(world: World) -> None:
    text = world.provider.text(world.send().fields["message_id"])
    assert learnt(world) == 0
    world.clock.pass_ms(5_000)

    received(world, renamed(text, T_MOBILE), "sent", at_ms=world.clock.now - 2_000)
    received(world, text, "delivered")
    received(world, text, "delivered")

    assert learnt(world) == 1
    assert world.carriers.known == {THEIRS: Subscription(Carrier.T_MOBILE, "wireless", world.clock.now - 2_000)}
    assert world.status(text.key).fields["carrier"] == "t_mobile"


def test_a_receipt_that_names_another_carrier_than_the_answer_is_the_later_word(world: World) -> None:
    world.provider.carriers[THEIRS] = ATT
    text = world.provider.text(world.send().fields["message_id"])
    world.clock.pass_ms(5_000)

    received(world, renamed(text, T_MOBILE), "delivered")

    assert world.carriers.known[THEIRS].carrier is Carrier.T_MOBILE
    assert world.status(text.key).fields["carrier"] == "t_mobile"


def test_a_receipt_that_comes_late_does_not_take_back_what_a_later_answer_said(world: World) -> None:
    world.provider.carriers[THEIRS] = ATT
    text = world.provider.text(world.send().fields["message_id"])
    happened_ms = world.clock.now
    world.clock.pass_ms(3_600_000)
    world.provider.carriers[THEIRS] = T_MOBILE
    world.send()

    received(world, renamed(text, VOIP), "delivered", at_ms=happened_ms)

    assert world.carriers.known[THEIRS].carrier is Carrier.T_MOBILE
    assert world.status(text.key).fields["carrier"] == "other"


def test_a_receipt_older_than_a_carrier_is_believed_teaches_no_number(world: World) -> None:
    text = world.provider.text(world.send().fields["message_id"])
    happened_ms = world.clock.now
    world.clock.pass_ms(BELIEVED_MS)

    received(world, renamed(text, ATT), "delivered", at_ms=happened_ms)

    assert learnt(world) == 0
    assert world.status(text.key).fields["carrier"] == "att"


def test_the_provider_is_answered_although_a_carrier_could_not_be_learnt(world: World) -> None:
    text = world.provider.text(world.send().fields["message_id"])
    world.carriers.faults.fail("learn")

    received(world, renamed(text, ATT), "delivered")

    assert world.carriers.known == {}
    assert world.status(text.key).fields["status"] == "delivered"
    assert [line.fields for line in world.logger.of("store.unavailable")] == [
        {"what": "A store", "message_id": text.key}
    ]


@pytest.mark.parametrize("oddity", [7, None, [], {"a": 1}, "\ud800", "x" * 9_000, "", True], ids=repr)
def test_odd_names_are_answered_with_200_and_harm_nothing(world: World, oddity: object) -> None:
    text = world.provider.text(world.send().fields["message_id"])
    body = json.loads(receipt(text, "delivered", world.clock.now))
    body["data"]["payload"]["to"][0] |= {"carrier": oddity, "line_type": oddity}

    assert world.webhook(json.dumps(body).encode(), path_id=text.key).status == 200

    found = world.status(text.key).fields
    assert found["status"] == "delivered"
    assert found["carrier"] in (None, "other")
    assert len(found["line_type"] or "") <= 64


# ---------------------------------------------------------------------------------------------------- shown


def test_status_and_list_show_it_and_null_while_it_is_unknown(world: World) -> None:
    world.provider.carriers[THEIRS] = ("SPRINT SPECTRUM, L.P.", "")
    known, unknown = world.send().fields["message_id"], world.send(OTHERS).fields["message_id"]
    world.webhook(
        inbound(THEIRS, "Hi", world.clock.now, to=OURS, network={"carrier": VOIP[0], "line_type": VOIP[1]})
    )

    shown = {
        ident: (fields["carrier"], fields["line_type"])
        for ident in (known, unknown)
        if (fields := world.status(ident).fields)
    }
    assert shown == {known: ("t_mobile", None), unknown: (None, None)}
    event = call("GET", "/sms/messages") | {"queryStringParameters": {"since": "2000-01-01"}}
    rows = json.loads(world.invoke("messages", event)["body"])["messages"]
    assert {(row["direction"], row["carrier"], row["line_type"]) for row in rows} == {
        ("outbound", "t_mobile", None),
        ("outbound", None, None),
        ("inbound", "other", "voip"),
    }


def test_a_text_of_a_person_teaches_its_number_nothing_as_that_would_be_a_write_for_each(world: World) -> None:
    network = {"carrier": ATT[0], "line_type": ATT[1]}
    world.webhook(inbound(THEIRS, "Hi", world.clock.now, to=OURS, network=network))

    assert learnt(world) == 0
    assert [message.carrier for message in world.messages.all] == ["att"]


# --------------------------------------------------------------------------------------------------- erased


def erase(world: World, number: str = THEIRS) -> dict[str, Any]:
    reply = world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": number})
    return dict(reply.fields)


def test_it_is_erased_with_the_person_and_with_no_one_else(world: World) -> None:
    world.provider.carriers |= {THEIRS: ATT, OTHERS: T_MOBILE}
    text = world.provider.text(world.send().fields["message_id"])
    world.send(OTHERS)

    assert erase(world)["erased"] == 1
    # A receipt of a text that is gone.
    world.webhook(receipt(text, "delivered", world.clock.now), path_id=text.key)

    assert set(world.carriers.known) == {OTHERS}
    assert world.limits.read_gate(THEIRS, OURS).subscription is None


def test_it_is_erased_where_no_text_is_left(world: World) -> None:
    world.carriers.learn(THEIRS, Subscription(Carrier.ATT, "wireless", world.clock.now))

    assert erase(world) == {"erased": 0, "kept": 0, "remaining": False}

    assert world.carriers.known == {}


def test_an_erasure_whose_last_step_failed_says_so_and_is_finished_by_the_next_call(world: World) -> None:
    world.provider.carriers[THEIRS] = ATT
    world.send()
    world.carriers.faults.fail("forget")

    assert erase(world)["code"] == "unavailable"
    assert set(world.carriers.known) == {THEIRS}
    assert erase(world) == {"erased": 0, "kept": 0, "remaining": False}
    assert world.carriers.known == {}


# ------------------------------------------------------------------------------------------- the webhook's line


def test_the_line_of_a_final_receipt_says_which_carrier_delivered_after_how_long(world: World) -> None:
    world.provider.carriers[THEIRS] = ATT
    text = world.provider.text(world.send().fields["message_id"])
    sent_ms = world.messages.all[0].sent_ms or 0
    received(world, text, "sent")
    assert not {"carrier", "delivered", "took_ms", "error_code"} & set(last_line(world).about)
    world.clock.pass_ms(4_000)
    happened_ms = world.clock.now
    world.clock.pass_ms(9_000)

    received(world, text, "delivered", at_ms=happened_ms)

    about = last_line(world).about
    expected = {"carrier": "att", "delivered": 1, "took_ms": happened_ms - sent_ms, "word": "delivered"}
    assert {name: about[name] for name in expected} == expected
    assert "error_code" not in about
    assert THEIRS not in str(about)


def test_the_line_of_a_failure_has_the_providers_code_or_its_word(world: World) -> None:
    first, second = (world.provider.text(world.send().fields["message_id"]) for _ in range(2))
    fault = Fault("40008", "Undeliverable", f"{THEIRS} is switched off")

    received(world, renamed(first, T_MOBILE), "delivery_failed", faults=[fault])
    about = last_line(world).about
    assert (about["carrier"], about["delivered"], about["error_code"]) == ("t_mobile", 0, "40008")
    assert THEIRS not in str(about)
    received(world, second, "expired")
    about = last_line(world).about
    assert (about["carrier"], about["delivered"], about["error_code"]) == ("unknown", 0, "expired")


def test_a_text_is_counted_once_however_often_its_end_is_reported(world: World) -> None:
    world.provider.carriers[THEIRS] = ATT
    text = world.provider.text(world.send().fields["message_id"])

    for _ in range(2):
        received(world, text, "delivered", event_id="e-1")
    received(world, text, "sent")
    received(world, text, "expired")

    assert sum("delivered" in line.about for line in world.logger.of("request")) == 1


def test_a_receipt_before_the_answer_was_recorded_is_counted_from_the_claim(world: World) -> None:
    world.provider.carriers[THEIRS] = ATT
    world.messages.faults.fail("submitted", times=9)
    world.send()
    (text,) = world.provider.texts
    claimed_ms = world.messages.all[0].claimed_ms or 0
    world.clock.pass_ms(7_000)

    received(world, text, "delivered")

    assert last_line(world).about["took_ms"] == world.clock.now - claimed_ms
    assert last_line(world).about["carrier"] == "att"


@pytest.mark.parametrize("monitoring", ["basic", "full"])
def test_queries_and_widgets_compare_the_carriers_by_that_line(
    monitoring: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    # A name of its own, as loggers are kept by their names, together with where they write to.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)
    logger = LambdaLogger(one_line=monitoring == "basic")
    metrics = FewMetrics("test", logger) if monitoring == "basic" else LambdaMetrics("test")
    world = make_world(logger=logger, metrics=metrics)
    world.provider.latency_ms = 0
    fault = Fault("40008", "Undeliverable")
    for number, network, took_ms, word in (
        ("+12025550131", ATT, 1_000, "delivered"),
        ("+12025550132", ATT, 3_000, "delivered"),
        ("+12025550133", ATT, 8_000, "delivered"),
        ("+12025550134", ATT, 2_000, "delivery_failed"),
        ("+12025550135", T_MOBILE, 500, "delivery_failed"),
        ("+12025550136", None, 700, "delivered"),
    ):
        world.provider.carriers |= {number: network} if network else {}
        text = world.provider.text(world.send(number).fields["message_id"])
        sent_ms = world.clock.now
        for each in ("sent", word):
            world.clock.sleep_until(sent_ms + took_ms)
            received(world, text, each, faults=[fault] if each == "delivery_failed" else [])
    group = "/aws/lambda/sms-webhook"
    lines = [LogLine(0, group, line) for line in capsys.readouterr().out.splitlines()]
    operations = deployed.read_operations({}, {"Monitoring": monitoring}, "sms", "us-east-1")
    saved = {query.name.removeprefix("sms/"): query for query in operations.queries}
    drawn = {widget.title: widget.properties.get("query", "") for widget in operations.widgets}

    delivered, failed = saved["delivered, by carrier"], saved["not delivered, by carrier and error"]
    assert set(delivered.log_groups) == set(failed.log_groups) == {group}
    for text_of_query in (delivered.text, drawn["Delivered, by carrier"]):
        assert sorted(map(tuple, (row.values() for row in insights.read(text_of_query).run(lines)))) == [
            ("att", 4, 0.75, 2_500),
            ("t_mobile", 1, 0.0, 500),
            ("unknown", 1, 1.0, 700),
        ]
    for text_of_query in (failed.text, drawn["Not delivered, by carrier and error"]):
        assert sorted(map(tuple, (row.values() for row in insights.read(text_of_query).run(lines)))) == [
            ("att", "40008", 1),
            ("t_mobile", "40008", 1),
        ]


# ------------------------------------------------------------------------------------------------- the lookup


def looking_world(**settings: Any) -> World:
    world = make_world(make_settings(number_lookup="unknown", **settings))
    world.provider.silent = True
    return world


def test_a_number_that_nothing_is_known_of_is_looked_up_once_and_counted() -> None:
    world = looking_world()
    world.provider.carriers |= {THEIRS: ("CELLCO PARTNERSHIP DBA VERIZON WIRELESS - OH", "mobile"), OTHERS: VOIP}

    found = look_up([THEIRS, OTHERS, THEIRS, ABROAD, ""], world.service.deps)

    assert sorted(world.provider.lookups) == [THEIRS, OTHERS]
    assert {number: (one.carrier, one.line_type) for number, one in found.items()} == {
        THEIRS: (Carrier.VERIZON, "wireless"),
        OTHERS: (Carrier.OTHER, "voip"),
    }
    assert world.carriers.known == found
    assert world.metrics.counts[Metric.NUMBER_LOOKUPS] == 2


def test_a_number_that_the_provider_does_not_know_is_remembered_and_gives_way_to_an_answer() -> None:
    world = looking_world()

    (unknown,) = look_up([THEIRS], world.service.deps).values()

    assert (unknown.carrier, unknown.line_type) == (Carrier.OTHER, NOT_KNOWN)
    assert world.carriers.known == {THEIRS: unknown}
    assert unknown.believed(world.clock.now + BELIEVED_MS - 1_000)
    world.provider.silent, world.provider.carriers[THEIRS] = False, ATT
    world.send()
    assert world.carriers.known[THEIRS].carrier is Carrier.ATT


def test_with_the_setting_off_nothing_is_asked_for() -> None:
    world = make_world()

    assert look_up([THEIRS], world.service.deps) == {}

    assert world.provider.lookups == []
    assert world.metrics.counts[Metric.NUMBER_LOOKUPS] == 0


def test_lookups_of_a_batch_are_made_side_by_side_and_once_one_fails_no_further_one_is_begun() -> None:
    world = looking_world()
    numbers = [f"+1202555013{number}" for number in range(10)]
    began = world.clock.now
    assert len(look_up(numbers[:5], world.service.deps, world.clock.side_by_side)) == 5
    assert world.clock.now - began == world.provider.latency_ms

    world.provider.faults.fail("lookup")
    found = look_up(numbers[5:], world.service.deps)

    assert found == {}
    assert world.metrics.counts[Metric.NUMBER_LOOKUPS] == 6
    (line,) = world.logger.of("lookup.unavailable")
    assert not [number for number in numbers if number in str(line)]
    assert set(world.carriers.known) == set(numbers[:5])


def test_what_was_paid_for_is_used_although_it_could_not_be_learnt() -> None:
    world = looking_world()
    world.provider.carriers[THEIRS] = ATT
    world.carriers.faults.fail("learn")

    found = look_up([THEIRS], world.service.deps)

    assert found[THEIRS].carrier is Carrier.ATT
    (line,) = world.logger.of("store.unavailable")
    assert THEIRS not in str(line)
