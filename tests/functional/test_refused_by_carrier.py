"""A carrier takes no more of us: its texts wait, all others leave, and what it refused is never sent again."""

import itertools
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest

from longcode.domain.carriers import Carrier, CarrierStop, Subscription
from longcode.domain.destinations import EVERYWHERE, Destination
from longcode.domain.message import Fault, Message, iso
from longcode.domain.metrics import Metric
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import carrier_stops
from longcode.use_cases.backlog import waiting
from tests.chance import showing
from tests.support.fakes import OURS, FakeClock, World, make_settings, make_world
from tests.support.fakes.examples import make_message, make_receipt
from tests.support.fakes.provider import ACCEPTS_AND_HANGS, HANGS, Behaviour, refuses
from tests.support.fakes.webhooks import receipt

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
T_MOBILE = ["+12025550110", "+12025550111", "+12025550112"]
ATT = ["+12025550180", "+12025550181"]
VERIZON = "+12025550190"
UNKNOWN = "+12025550198"
ABROAD = "+442079460123"
CODES = ("40011", "40014", "40016", "40018")
BY: tuple[Literal["answer", "receipt"], ...] = ("answer", "receipt")


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("America/Los_Angeles")).timestamp() * 1000)


def make(now: str = "2026-11-27T15:00:00", **settings: Any) -> World:
    """A world in which it is that time in Los Angeles, and the carriers of our recipients are known."""
    settings = {"validity_minutes": 2 * 1440, "recipient_interval_ms": 1_000, **settings}
    world = make_world(make_settings(**settings), clock=FakeClock(_ms(now)))
    for carrier, numbers in ((Carrier.T_MOBILE, T_MOBILE), (Carrier.ATT, ATT), (Carrier.VERIZON, [VERIZON])):
        for number in numbers:
            world.carriers.known[number] = Subscription(carrier, "wireless", world.clock.now)
    return world


def enqueue(world: World, to: str, text: str = "Hello") -> str:
    reply = world.enqueue(to, text)
    assert reply.status == 202, reply.fields
    return str(reply.fields["message_id"])


def found(world: World, ident: str) -> Message:
    message = world.messages.get(ident)
    assert message
    return message


def stops(world: World) -> dict[Carrier, int]:
    """The carriers that are stopped now, and for how long."""
    now = world.clock.now
    return {stop.carrier: stop.until_ms - now for stop in world.carriers.stops_of(OURS) if stop.until_ms > now}


def go_on(world: World, until_ms: int, *, every_ms: int = HOUR) -> None:
    """Let consumer and reconciler do their work until then."""
    while world.clock.now < until_ms:
        step_ms = min(world.clock.now + every_ms, until_ms)
        world.reconcile()
        world.consume(until_ms=step_ms - 1)
        world.clock.sleep_until(step_ms)


def asked_for(world: World, ident: str) -> int:
    """How often the provider was asked for a text."""
    return sum(request.key == ident for request in world.provider.requests)


# ------------------------------------------------------------------------------------------- T-Mobile's day


@pytest.mark.parametrize(
    ("now", "midnight", "hours"),
    [
        ("2026-11-27T15:00:00", "2026-11-28T00:00:00", 9),
        # 23 and 25 hours.
        ("2026-03-08T00:30:00", "2026-03-09T00:00:00", 22.5),
        ("2026-11-01T00:30:00", "2026-11-02T00:00:00", 24.5),
    ],
    ids=["autumn", "clock-forward", "clock-back"],
)
def test_a_refusal_by_t_mobiles_day_stops_its_texts_until_midnight_in_los_angeles_and_no_others(
    now: str, midnight: str, hours: float
) -> None:
    world, midnight_ms = make(now), _ms(midnight)
    assert midnight_ms - world.clock.now == hours * HOUR
    world.report()
    world.provider.refuse("40016", *T_MOBILE, by="receipt", until_ms=midnight_ms)
    lost = enqueue(world, T_MOBILE[0], "one too many")
    world.consume()
    world.clock.pass_ms(SECOND)
    assert (found(world, lost).status, asked_for(world, lost)) == (Status.DELIVERY_FAILED, 1)

    theirs = [enqueue(world, to, f"number {number}") for number in range(4) for to in T_MOBILE]
    others = [enqueue(world, to) for to in (*ATT, VERIZON) for _ in range(3)]
    began = world.clock.now
    go_on(world, began + MINUTE, every_ms=MINUTE)
    assert {found(world, ident).status for ident in others} == {Status.DELIVERED}
    assert {found(world, ident).status for ident in theirs} == {Status.QUEUED}

    # The queue delivers twice, and a redrive puts all of it back: that sends nothing.
    world.queue.put([waiting(found(world, ident)) for ident in (lost, *theirs)], "redrive")
    go_on(world, midnight_ms)
    assert {found(world, ident).status for ident in theirs} == {Status.QUEUED}
    assert {world.status(ident).fields["held_by"] for ident in theirs} == {"carrier_day_cap"}

    go_on(world, midnight_ms + MINUTE, every_ms=MINUTE)
    assert {found(world, ident).status for ident in theirs} == {Status.DELIVERED}
    for number, to in enumerate(T_MOBILE):
        sent = [text for text in world.provider.texts if text.recipient == to and text.key != lost]
        assert [text.key for text in sent] == theirs[number :: len(T_MOBILE)]
        assert midnight_ms + 2 * SECOND <= sent[0].taken_ms <= midnight_ms + 10 * SECOND
    assert [asked_for(world, ident) for ident in (lost, *theirs)] == [1] * (1 + len(theirs))
    assert world.queue.stored == []


def test_its_forecast_and_its_status_say_until_when_it_waits() -> None:
    world = make()
    world.report()
    world.provider.refuse("40016", T_MOBILE[0], by="receipt")
    enqueue(world, T_MOBILE[0])
    world.consume()
    world.clock.pass_ms(SECOND)

    replies = [world.enqueue(T_MOBILE[1], f"number {number}") for number in range(2)]

    assert [reply.fields["held_by"] for reply in replies] == ["carrier_day_cap"] * 2
    # A moment after midnight in Los Angeles.
    assert [reply.fields["eta"] for reply in replies] == ["2026-11-28T08:00:02.000Z", "2026-11-28T08:00:03.020Z"]
    for _ in range(2):
        status = world.status(replies[1].fields["message_id"]).fields
        assert (status["held_by"], status["eta"]) == ("carrier_day_cap", "2026-11-28T08:00:03.020Z")
        assert "midnight in Los Angeles" in status["history"][-1]["note"]
        # The second time from the slot that it has been given by then.
        world.consume(until_ms=world.clock.now + SECOND)
    assert world.enqueue(VERIZON).fields["held_by"] is None


# ------------------------------------------------------------------------------------------------- a minute


def test_att_s_minute_is_over_after_one_and_only_its_texts_wait_for_it() -> None:
    world = make()
    world.report()
    world.provider.refuse("40018", ATT[0], by="receipt", until_ms=world.clock.now + 10 * SECOND)
    lost = enqueue(world, ATT[0])
    world.consume()
    world.clock.pass_ms(SECOND)
    assert stops(world) == {Carrier.ATT: pytest.approx(59_500, abs=100)}

    theirs = [enqueue(world, to) for to in ATT]
    others = [enqueue(world, to) for to in (*T_MOBILE, VERIZON)]
    world.consume(until_ms=world.clock.now + 30 * SECOND)
    assert {found(world, ident).status for ident in theirs} == {Status.QUEUED}
    assert len(world.provider.texts) == 1 + len(others)
    world.consume(until_ms=world.clock.now + 90 * SECOND)

    world.clock.pass_ms(SECOND)
    assert {found(world, ident).status for ident in (*theirs, *others)} == {Status.DELIVERED}
    assert (asked_for(world, lost), found(world, lost).status) == (1, Status.DELIVERY_FAILED)


def test_a_limit_that_stays_too_high_costs_ever_fewer_texts() -> None:
    world = make()
    world.report()
    world.provider.refuse("40018", ATT[0], by="receipt")
    idents = [enqueue(world, ATT[0], f"number {number}") for number in range(100)]
    go_on(world, world.clock.now + HOUR, every_ms=MINUTE)

    lost = [ident for ident in idents if found(world, ident).status is Status.DELIVERY_FAILED]
    # A minute, then 2, 4, 8, and then 15 minutes; two leave before the receipt of the first.
    assert len(lost) <= 14
    assert idents[: len(lost)] == lost
    assert all(asked_for(world, ident) == 1 for ident in lost)


@pytest.mark.parametrize("code", CODES)
def test_the_refusal_of_a_request_is_the_same_and_a_receipt_needs_no_answer_before_it(code: str) -> None:
    world = make()
    to = T_MOBILE[0] if code == "40016" else ATT[0]
    world.provider.refuse(code, to)
    lost, next_one = enqueue(world, to, "lost"), enqueue(world, to, "next")
    other = enqueue(world, VERIZON)
    world.consume(until_ms=world.clock.now + 20 * SECOND)

    assert (found(world, lost).status, found(world, lost).safe_to_retry) == (Status.FAILED, False)
    assert found(world, lost).faults[0].code == code
    assert found(world, next_one).status is Status.QUEUED
    assert found(world, other).status is Status.SUBMITTED
    assert list(stops(world)) == [Carrier.T_MOBILE if code == "40016" else Carrier.ATT]
    # All goes on for the others: it is no fault that everybody has.
    assert world.limits.control.breaker_since_ms is None
    assert world.limits.control.suspects == frozenset()
    go_on(world, world.clock.now + 30 * SECOND, every_ms=10 * SECOND)
    assert asked_for(world, lost) == 1


def test_three_of_them_do_not_stop_everybody_and_a_429_is_no_reason_to_send_one_again() -> None:
    world = make()
    numbers = [f"+1202555013{number}" for number in range(4)]
    for status, code in ((400, "40016"), (429, "40018"), (429, "40011")):
        with showing((status, code)):
            world.carriers.stops.clear()
            world.provider.then(*[refuses(status, code, "Too many", retry_after="1")] * len(numbers))
            lost = []
            for to in numbers:
                lost.append(enqueue(world, to))
                world.carriers.stops.clear()
                world.consume()
            go_on(world, world.clock.now + 5 * MINUTE, every_ms=MINUTE)

            assert {found(world, ident).status for ident in lost} == {Status.FAILED}
            assert [asked_for(world, ident) for ident in lost] == [1] * len(numbers)
            assert world.limits.control.breaker_since_ms is None
            assert world.metrics.counts[Metric.RATE_LIMITED] == 0


# --------------------------------------------------------------------------------------------- which carrier


def test_a_carrier_that_nothing_is_known_of_waits_for_att_and_t_mobile_but_not_abroad() -> None:
    world = make(allowed_destinations=(Destination(EVERYWHERE),))
    world.provider.refuse("40018", ATT[0])
    enqueue(world, ATT[0])
    world.consume()

    unknown, abroad = enqueue(world, UNKNOWN), enqueue(world, ABROAD)
    world.consume(until_ms=world.clock.now + 10 * SECOND)

    assert (found(world, unknown).status, found(world, unknown).held_by) == (Status.QUEUED, HeldBy.CARRIER_RATE)
    assert found(world, abroad).status is Status.SUBMITTED


def test_a_code_that_names_no_carrier_stops_the_recipients_and_none_where_that_is_not_known() -> None:
    for by in BY:
        with showing(by):
            world = make()
            world.report()
            world.provider.refuse("40011", VERIZON, UNKNOWN, by=by)
            enqueue(world, UNKNOWN)
            world.consume()
            world.clock.pass_ms(SECOND)
            assert stops(world) == {}

            # Of the answer to the send the carrier is kept with the text.
            known = make_message(recipient=VERIZON, carrier="verizon", accepted_ms=world.clock.now)
            world.messages.accept(known)
            world.queue.put([waiting(known)])
            world.consume()
            world.clock.pass_ms(SECOND)
            assert list(stops(world)) == [Carrier.VERIZON]


def test_what_the_receipt_itself_says_of_the_carrier_comes_first() -> None:
    world = make()
    message = found(world, enqueue(world, UNKNOWN))
    verizon = Subscription(Carrier.VERIZON, "wireless", world.clock.now)
    said = make_receipt(
        Status.DELIVERY_FAILED,
        occurred_ms=world.clock.now,
        faults=(Fault("40008", "Undeliverable"), Fault("40011", "Too many requests")),
        subscription=verizon,
    )
    for carrier in (None, "att", "a carrier of a later release"):
        world.carriers.stops.clear()
        carrier_stops.after_receipt(replace(message, carrier=carrier), said, world.service.deps, world.clock.now)
        assert list(stops(world)) == [Carrier.VERIZON]


def test_an_answer_that_takes_a_text_may_say_at_once_that_its_carrier_does_not() -> None:
    world = make()
    errors = [{"code": "40016", "title": "T-Mobile 10DLC sending limit reached", "detail": ""}]
    world.provider.then(Behaviour(word="sending_failed", fields={"errors": errors}))
    lost = enqueue(world, T_MOBILE[0])
    world.consume()
    next_one = enqueue(world, T_MOBILE[1])
    world.consume(until_ms=world.clock.now + MINUTE)

    assert (found(world, lost).status, found(world, next_one).status) == (Status.SENDING_FAILED, Status.QUEUED)
    assert stops(world).keys() == {Carrier.T_MOBILE}


def test_a_receipt_that_never_came_is_read_back_and_stops_its_carrier_for_the_rest_of_the_day() -> None:
    world = make()
    lost = enqueue(world, T_MOBILE[0])
    world.consume()
    world.provider.finish(lost, "delivery_failed", Fault("40016", "T-Mobile 10DLC sending limit reached"))
    go_on(world, world.clock.now + 20 * MINUTE, every_ms=MINUTE)

    assert found(world, lost).status is Status.DELIVERY_FAILED
    assert stops(world) == {Carrier.T_MOBILE: pytest.approx(8 * HOUR + 40 * MINUTE, abs=5 * SECOND)}


def test_so_does_the_record_that_settles_a_doubt() -> None:
    world = make()
    world.provider.then(ACCEPTS_AND_HANGS)
    doubt = enqueue(world, T_MOBILE[0])
    world.consume()
    world.provider.finish(doubt, "delivery_failed", Fault("40016", "T-Mobile 10DLC sending limit reached"))
    go_on(world, world.clock.now + 5 * MINUTE, every_ms=MINUTE)

    assert (found(world, doubt).status, asked_for(world, doubt)) == (Status.DELIVERY_FAILED, 1)
    assert list(stops(world)) == [Carrier.T_MOBILE]


# ----------------------------------------------------------------------------------------------- the webhook


def test_a_receipt_for_no_text_of_ours_and_one_that_comes_twice_stop_nothing_more() -> None:
    world = make()
    ident = enqueue(world, ATT[0])
    world.consume()
    text, fault = world.provider.text(ident), Fault("40018", "AT&T 10DLC sending limit reached")
    foreign = replace(text, telnyx_id=str(uuid.uuid4()), webhook_url="https://example.com/webhooks/message")
    assert world.webhook(receipt(foreign, "delivery_failed", world.clock.now, faults=(fault,))).status == 200
    assert stops(world) == {}

    said = receipt(text, "delivery_failed", world.clock.now, faults=(fault,))
    assert world.webhook(said).fields == {"status": "updated"}
    first = stops(world)
    world.clock.pass_ms(10 * SECOND)
    assert world.webhook(said).fields == {"status": "updated"}
    assert stops(world) == {Carrier.ATT: first[Carrier.ATT] - 10 * SECOND}


def test_where_a_stop_can_not_be_written_the_receipt_is_kept_and_the_text_ends() -> None:
    for by, status in zip(BY, (Status.FAILED, Status.DELIVERY_FAILED), strict=True):
        with showing(by):
            world = make()
            world.report()
            world.carriers.faults.fail("refused")
            world.provider.refuse("40018", ATT[0], by=by)
            lost = enqueue(world, ATT[0])
            world.consume()
            world.clock.pass_ms(SECOND)

            assert (found(world, lost).status, stops(world)) == (status, {})
            assert world.metrics.counts[Metric.STORE_UNAVAILABLE] == 1

            # The next one says it again.
            enqueue(world, ATT[0])
            world.consume()
            world.clock.pass_ms(SECOND)
            assert list(stops(world)) == [Carrier.ATT]


def test_no_other_receipt_and_no_other_answer_costs_a_call_to_the_store_of_carriers() -> None:
    world = make()
    world.report()
    for to in (*ATT, *T_MOBILE):
        enqueue(world, to)
    world.provider.then(refuses(400, "40310", "Invalid 'to' address"), Behaviour(fields={"wait_seconds": 12.5}))
    reads = world.messages.faults.calls.count("get")
    world.consume()
    world.clock.pass_ms(SECOND)

    assert len([message for message in world.messages.all if message.status is Status.DELIVERED]) == 4
    assert world.carriers.faults.count("refused", "stop") == 0
    assert world.messages.faults.calls.count("get") == reads


# ------------------------------------------------------------------------------------------------ a send now


def test_a_send_to_a_carrier_that_is_stopped_is_refused_until_then_and_nothing_is_stored() -> None:
    for code, to, word, retry_after in (
        ("40018", ATT, "carrier_rate", 60),
        ("40016", T_MOBILE, "carrier_day_cap", 9 * 3600 + 2),
        ("40014", ATT, "provider_rate_limited", 600),
    ):
        with showing(code):
            world = make()
            world.provider.refuse(code, to[0], until_ms=world.clock.now + SECOND)
            refused = world.send(to[0], key="first")
            assert (refused.status, refused.fields["code"]) == (400, "provider_refused")
            assert refused.fields["provider"]["code"] == code
            stored = len(world.messages.all)

            reply = world.send(to[1], key="second")
            assert (reply.status, reply.fields["code"]) == (429, word)
            assert int(reply.headers["retry-after"]) == pytest.approx(retry_after, abs=1)
            assert len(world.messages.all) == stored
            assert world.send(VERIZON).status == 200

            world.clock.pass_ms(int(reply.headers["retry-after"]) * SECOND)
            assert world.send(to[1], key="second").status == 200
            # The one that was refused is so for good.
            again = world.send(to[0], key="first")
            assert (again.status, again.fields["code"]) == (400, "provider_refused")
            assert asked_for(world, refused.fields["message_id"]) == 1


def test_a_send_whose_carrier_is_stopped_after_its_first_look_does_not_leave_and_may_be_tried_again() -> None:
    world = make()
    stop = CarrierStop(Carrier.ATT, world.clock.now + MINUTE, HeldBy.CARRIER_RATE)

    def stopped_meanwhile() -> None:
        if world.limits.faults.calls.count("read_gate") == 1:
            world.carriers.stop(OURS, stop)

    world.limits.faults.takes = stopped_meanwhile
    reply = world.send(ATT[0], key="one")
    assert (reply.status, reply.fields["code"]) == (429, "carrier_rate")
    (message,) = world.messages.all
    assert (message.status, message.safe_to_retry, world.provider.requests) == (Status.FAILED, True, [])

    world.clock.pass_ms(MINUTE)
    assert world.send(ATT[0], key="one").status == 200
    assert asked_for(world, message.id) == 1


# ------------------------------------------------------------------------------------- with what else there is


def test_a_text_in_doubt_is_not_repeated_to_a_carrier_that_is_stopped() -> None:
    world = make()
    world.provider.then(HANGS, to=ATT[0])
    doubt = enqueue(world, ATT[0])
    world.consume()
    until_ms = world.clock.now + 2 * HOUR
    world.carriers.stop(OURS, CarrierStop(Carrier.ATT, until_ms, HeldBy.PROVIDER_BACKOFF))
    go_on(world, until_ms, every_ms=MINUTE)
    assert (asked_for(world, doubt), found(world, doubt).status) == (1, Status.UNKNOWN)

    go_on(world, until_ms + 30 * MINUTE, every_ms=MINUTE)
    assert (asked_for(world, doubt), found(world, doubt).status) == (2, Status.SUBMITTED)


def test_a_text_that_has_to_wait_for_its_carrier_does_not_use_up_the_try_through_an_open_breaker() -> None:
    world = make()
    now = world.clock.now
    world.limits.open_breaker(now, now + 20 * SECOND, "40300 Not assigned")
    world.carriers.stop(OURS, CarrierStop(Carrier.T_MOBILE, now + HOUR, HeldBy.CARRIER_DAY_CAP))
    theirs, other = [enqueue(world, to) for to in T_MOBILE], enqueue(world, VERIZON)
    world.consume(until_ms=now + 2 * MINUTE)

    assert found(world, other).status is Status.SUBMITTED
    assert world.provider.arrivals()[0] <= now + 25 * SECOND
    assert {found(world, ident).status for ident in theirs} == {Status.QUEUED}


def test_after_a_stop_texts_keep_to_the_limit_that_recipients_share() -> None:
    world = make(sender_segment_ms=2_000)
    world.carriers.stop(OURS, CarrierStop(Carrier.T_MOBILE, world.clock.now + HOUR, HeldBy.CARRIER_DAY_CAP))
    for to in T_MOBILE * 3:
        enqueue(world, to)
    go_on(world, world.clock.now + HOUR + 2 * MINUTE, every_ms=10 * MINUTE)

    arrivals = world.provider.arrivals()
    assert len(arrivals) == 9
    assert min(later - earlier for earlier, later in itertools.pairwise(arrivals)) >= 1_900


# ------------------------------------------------------------------------------------- the provider's own queue


def half_an_hour(world: World) -> Behaviour:
    """A text waits at the provider for half of the time that it may."""
    return Behaviour(fields={"wait_seconds": 1800.0, "valid_until": iso(world.clock.now + HOUR)})


def test_the_carrier_whose_queue_at_the_provider_is_long_waits_until_half_of_it_is_gone() -> None:
    world = make()
    world.provider.then(half_an_hour(world), to=ATT[0])
    world.send(ATT[0])
    assert stops(world) == {Carrier.ATT: pytest.approx(15 * MINUTE, abs=100)}
    assert world.carriers.faults.count("stop") == 1

    theirs, other = enqueue(world, ATT[1]), enqueue(world, T_MOBILE[0])
    go_on(world, world.clock.now + 14 * MINUTE)
    assert (found(world, theirs).status, found(world, other).status) == (Status.QUEUED, Status.SUBMITTED)
    assert found(world, theirs).held_by is HeldBy.PROVIDER_BACKOFF
    go_on(world, world.clock.now + 2 * MINUTE)
    assert found(world, theirs).status is Status.SUBMITTED


def test_where_the_carrier_is_not_known_all_texts_wait_for_it() -> None:
    world = make()
    world.provider.then(half_an_hour(world), to=UNKNOWN)
    world.send(UNKNOWN)
    began = world.clock.now
    assert (stops(world), world.carriers.faults.count("stop")) == ({}, 0)

    reply = world.send(VERIZON)
    assert (reply.status, reply.fields["code"]) == (429, "provider_rate_limited")
    assert int(reply.headers["retry-after"]) == pytest.approx(900, abs=1)
    queued = world.enqueue(VERIZON)
    assert queued.fields["held_by"] == "provider_backoff"
    go_on(world, began + 14 * MINUTE)
    assert len(world.provider.texts) == 1
    go_on(world, began + 16 * MINUTE)
    assert len(world.provider.texts) == 2
