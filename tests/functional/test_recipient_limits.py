"""RecipientLimits in virtual time: of all callers together, one person gets no more texts in a while."""

import random
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.message import iso
from longcode.domain.priority import Priority
from longcode.domain.recipient_limits import MARGIN_MS, parse
from longcode.domain.status import HeldBy, Status
from tests.chance import FULL, showing
from tests.functional.consumer_steps import gaps
from tests.functional.test_carrier_limits import ATT
from tests.support.fakes import THEIRS, World, make_settings, make_world
from tests.support.fakes.fault_injector import Died, unavailable
from tests.support.fakes.provider import (
    ACCEPTS,
    ACCEPTS_AND_HANGS,
    HANGS,
    NO_SUCH_NUMBER,
    RATE_LIMITED,
    UNREACHABLE,
    Behaviour,
)
from tests.unit.test_recipient_limit_rules import breaches

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
WORDS = "5/15min,20/day"
LIMITS = parse(WORDS)
OTHER = "+12025550124"
FAILING = ("claim", "release", "submitted", "ambiguous", "hold", "end", "read_gate", "reserve", "push")


# Any: the name and type of each setting.
def limited(words: str = WORDS, **settings: Any) -> World:
    more = {"validity_minutes": 14 * 1440, "max_pending_per_recipient": 1_000} | settings
    return make_world(make_settings(recipient_limits=parse(words), **more))


def takes_time(world: World, seed: int = 2026) -> None:
    """Let each call of a store take some milliseconds, in which the others get on."""
    chance = random.Random(seed)
    departures: Any = world.service.departures
    for faults in (world.limits.faults, world.messages.faults, departures.faults):
        faults.takes = lambda: world.clock.pass_ms(chance.randint(1, 12))


def noted(world: World) -> tuple[int, ...]:
    """The departures to THEIRS that are noted."""
    return world.limits.limiters[f"to#{THEIRS}"].departures if f"to#{THEIRS}" in world.limits.limiters else ()


def in_order(world: World, *idents: str) -> bool:
    """Whether texts that were queued left in their order, each once."""
    left = [
        text.key for text in sorted(world.provider.texts, key=lambda text: text.taken_ms) if text.key in idents
    ]
    return left == list(idents)


def test_of_64_clients_at_once_by_both_routes_no_period_has_more_and_none_is_lost_or_sent_twice() -> None:
    world = limited()
    takes_time(world)
    began = world.clock.now
    queued: list[str] = []
    sent: list[str] = []
    refused: list[tuple[int, str]] = []

    def send(number: int) -> None:
        reply = world.send(message=f"Text {number}")
        if reply.status == 200:
            sent.append(str(reply.fields["message_id"]))
        else:
            refused.append((reply.status, str(reply.fields["code"])))

    def queue(number: int) -> None:
        priority = "bulk" if number % 4 == 1 else "transactional"
        reply = world.enqueue(message=f"Text {number}", priority=priority)
        assert reply.status == 202, reply.fields
        queued.append(str(reply.fields["message_id"]))

    for burst in range(3):
        # At once, again in a while, and at once with what waits.
        for number in range(64):
            job = queue if number % 8 == 1 and not burst else send
            world.clock.at(began + burst * 7 * MINUTE, lambda job=job, number=number: job(number))  # type: ignore[misc]
    bulk = world.mapping(Priority.BULK)
    world.clock.at(began + 100, lambda: bulk.run(concurrency=5))
    world.clock.pass_ms(200)
    world.consume(concurrency=5)
    world.consume(Priority.BULK, concurrency=5)
    world.clock.pass_ms(MINUTE)

    assert (len(queued), len(sent) + len(refused)) == (8, 64 * 3 - 8)
    assert set(refused) == {(429, "recipient_limit")}
    assert breaches(world.provider.arrivals(THEIRS), LIMITS) == []
    assert sorted(text.key for text in world.provider.texts) == sorted(queued + sent)
    assert len(sent) >= 5
    assert not world.logger.crashes


def test_what_waits_for_its_recipient_says_so_and_leaves_in_order_as_soon_as_it_may() -> None:
    world = limited()
    began = world.clock.now
    idents = [str(world.enqueue(message=f"Text {number}").fields["message_id"]) for number in range(22)]
    theirs = str(world.enqueue(OTHER).fields["message_id"])

    world.consume(until_ms=began + MINUTE)

    assert len(world.provider.arrivals(THEIRS)) == 5
    assert world.provider.taken(theirs) == 1
    sixth = next(message for message in world.messages.all if message.id == idents[5])
    first = world.provider.arrivals(THEIRS)[0]
    assert sixth.held_by is HeldBy.RECIPIENT_LIMIT
    assert first + 15 * MINUTE <= (sixth.slot_ms or 0) <= first + 15 * MINUTE + MARGIN_MS + SECOND
    said = world.status(sixth.id).fields
    assert (said["held_by"], said["eta"], said["position"]) == ("recipient_limit", iso(sixth.slot_ms or 0), 1), (
        said
    )
    last = world.status(idents[-1]).fields
    assert (last["held_by"], last["position"]) == ("recipient_limit", 17)

    world.consume()

    arrivals = world.provider.arrivals(THEIRS)
    assert in_order(world, *idents)
    assert breaches(arrivals, LIMITS) == []
    # Nothing waits for longer than it must: the margin, and the second that the queue rounds by.
    for number, text in enumerate(arrivals[5:20], 5):
        assert arrivals[number - 5] + 15 * MINUTE <= text <= arrivals[number - 5] + 15 * MINUTE + 5 * SECOND
    assert arrivals[0] + DAY <= arrivals[20] <= arrivals[0] + DAY + 5 * SECOND
    # The forecast for the last one, made when it stood at place 17.
    at_ms = next(message for message in world.messages.all if message.id == idents[-1])
    assert at_ms.status is Status.SUBMITTED
    assert abs(arrivals[-1] - parse_iso(str(last["eta"]))) < MINUTE


def parse_iso(words: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(words).timestamp() * 1000)


def test_a_text_that_is_queued_hears_when_its_place_is_free() -> None:
    world = limited("2/h")
    began = world.clock.now
    for _ in range(2):
        assert world.send().status == 200
        world.clock.pass_ms(1_100)

    said = world.enqueue().fields

    assert said["held_by"] == "recipient_limit"
    assert parse_iso(str(said["eta"])) == began + MARGIN_MS + HOUR


def test_a_send_that_finds_no_place_hears_when_to_come_and_nothing_is_stored_or_taken() -> None:
    world = limited("2/15min", daily_texts_per_key=3)
    for _ in range(2):
        assert world.send().status == 200
        world.clock.pass_ms(1_100)
    before, limiters = list(world.messages.all), dict(world.limits.limiters)

    reply = world.send(key="mine")

    assert (reply.status, reply.fields["code"]) == (429, "recipient_limit")
    assert int(reply.headers["retry-after"]) == 15 * 60
    assert (world.messages.all, world.limits.limiters) == (before, limiters)
    assert sum(world.limits.counted.values()) == 2
    world.clock.pass_ms(int(reply.headers["retry-after"]) * 1_000)
    assert world.send(key="mine").status == 200


def test_who_loses_the_race_for_the_last_place_is_refused_with_nothing_stored_and_nothing_counted() -> None:
    world = limited("1/h", campaign=CampaignSettings(t_mobile_per_day=100))
    takes_time(world)
    replies = []
    for _ in range(2):
        world.clock.at(world.clock.now, lambda: replies.append(world.send()))
    world.clock.pass_ms(SECOND)

    assert sorted(reply.status for reply in replies) == [200, 429]
    assert [message.status for message in world.messages.all] == [Status.SUBMITTED]
    # Around midnight a text is counted for two days; the refused one for none.
    assert set(world.carriers.counted.values()) <= {0, 1}
    assert sum(world.limits.counted.values()) == 1


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_text_that_was_refused_or_not_sent_gives_its_place_back(route: str) -> None:
    world = limited("1/h")
    began = world.clock.now
    for behaviour in (NO_SUCH_NUMBER, RATE_LIMITED):
        world.provider.then(behaviour)
        if route == "send":
            assert world.send().status >= 400
            world.clock.pass_ms(5 * SECOND)
        else:
            world.enqueue()
            world.consume()
    departures = world.limits.limiters[f"to#{THEIRS}"].departures

    assert world.clock.now < began + 10 * MINUTE
    if route == "send":
        assert departures == ()
        assert world.send().status == 200
    else:
        # The one that was asked to wait has left since.
        assert len(departures) == len(world.provider.texts) == 1
    assert breaches(world.provider.arrivals(THEIRS), parse("1/h")) == []


def test_a_text_that_was_dealt_with_since_it_was_read_gives_its_place_back() -> None:
    world = limited("1/h")
    ident = str(world.enqueue().fields["message_id"])
    found = world.messages.get(ident)
    assert found
    cancelled: list[int] = []

    def cancel() -> None:
        if not cancelled:
            cancelled.append(world.request("queue", "DELETE", "/sms/queue/{id}", parameters={"id": ident}).status)

    departures: Any = world.service.departures
    departures.faults.takes = cancel
    world.consume()

    assert cancelled == [200]
    assert departures.last([THEIRS]) == {}
    assert world.send().status == 200


def test_a_worker_that_is_killed_at_any_point_breaks_no_limit_and_loses_and_doubles_no_text() -> None:
    for store, call, after in (
        ("departures", "last", False),
        ("departures", "take", False),
        ("departures", "take", True),
        ("messages", "claim", False),
        ("messages", "claim", True),
        ("messages", "submitted", False),
        ("messages", "hold", True),
    ):
        for skip in (0, 2):
            world = limited("3/15min,8/day")
            idents = [str(world.enqueue(message=f"Text {number}").fields["message_id"]) for number in range(6)]
            faults = world.messages.faults if store == "messages" else world.service.departures.faults  # type: ignore[attr-defined]
            faults.fail(call, Died, after=after, skip=skip)
            for _ in range(3 * 60):
                world.mapping().run(until_ms=world.clock.now + MINUTE)
                world.clock.pass_ms(MINUTE)
                world.reconcile()
            world.consume()

            case = store, call, after, skip
            assert breaches(world.provider.arrivals(THEIRS), parse("3/15min,8/day")) == [], case
            assert sorted(text.key for text in world.provider.texts) == sorted(idents), case


def test_a_store_that_fails_at_any_call_breaks_no_limit_and_no_place_is_lost_for_what_did_not_leave() -> None:
    for call, after in (("last", False), ("take", False), ("take", True), ("give_back", False), ("move", False)):
        world = limited("2/15min")
        idents = [str(world.enqueue(message=f"Text {number}").fields["message_id"]) for number in range(4)]
        departures: Any = world.service.departures
        departures.faults.fail(call, after=after)
        world.consume()

        assert breaches(world.provider.arrivals(THEIRS), parse("2/15min")) == [], call
        assert in_order(world, *idents), call


def test_a_claim_that_could_not_be_written_gives_its_place_back() -> None:
    world = limited("1/h")
    world.enqueue()
    world.messages.faults.fail("claim")
    began = world.clock.now

    world.consume()

    (left,) = world.provider.arrivals(THEIRS)
    assert left < began + MINUTE


def test_a_request_that_is_slow_on_its_way_counts_from_when_it_may_have_come() -> None:
    world = limited("1/min")
    world.provider.then(Behaviour(latency_ms=9_000, way_ms=8_900))
    idents = [str(world.enqueue(message=f"Text {number}").fields["message_id"]) for number in range(2)]

    world.consume()

    assert in_order(world, *idents)
    assert breaches(world.provider.arrivals(THEIRS), parse("1/min")) == []


def test_a_place_that_has_passed_before_the_text_leaves_is_taken_anew() -> None:
    for route in ("send", "queue"):
        world = limited("1/10s", recipient_interval_ms=0)
        # Between the place and the request the claim takes all of the period.
        gates = 0

        def slow(world: World = world) -> None:
            nonlocal gates
            if noted(world):
                gates += 1
                if gates == 1:
                    world.clock.pass_ms(11 * SECOND)

        world.messages.faults.takes = slow
        if route == "send":
            assert world.send().status == 200
        else:
            world.enqueue()
            world.consume()
        at_ms = world.provider.arrivals(THEIRS)[-1]
        departures = noted(world)
        assert gates, route
        assert len(departures) == 1
        assert at_ms <= departures[0] <= at_ms + MARGIN_MS, route


def test_a_text_in_doubt_takes_a_place_for_its_replay_and_waits_for_one_an_hour_at_most() -> None:
    for hours, waits in (("2/40min", True), ("2/5h", False)):
        world = limited(hours, max_pending_per_recipient=10)
        # The provider never got it, and we do not know.
        world.provider.then(HANGS)
        doubt = str(world.enqueue().fields["message_id"])
        world.enqueue()
        world.consume()
        began = world.clock.now
        assert [message.status for message in world.messages.all] == [Status.UNKNOWN, Status.SUBMITTED]

        while world.provider.taken(doubt) == 0 and world.clock.now < began + 4 * HOUR:
            world.clock.pass_ms(MINUTE)
            world.reconcile()

        arrivals = world.provider.arrivals(THEIRS)
        assert world.provider.taken(doubt) == 1
        if waits:
            assert breaches(arrivals, parse(hours)) == []
            assert began + 39 * MINUTE < arrivals[-1] < began + 50 * MINUTE
        else:
            assert began + 59 * MINUTE < arrivals[-1] < began + 75 * MINUTE
        # It is counted: who comes next waits for it too.
        assert arrivals[-1] <= world.limits.limiters[f"to#{THEIRS}"].departures[-1]


def test_a_replay_that_is_refused_gives_its_place_back() -> None:
    world = limited("2/day")
    world.provider.then(HANGS)
    ident = str(world.enqueue().fields["message_id"])
    world.consume()
    world.provider.then(*[RATE_LIMITED] * 3)
    for _ in range(60):
        world.clock.pass_ms(MINUTE)
        world.reconcile()

    assert world.provider.taken(ident) == 1
    # That of the first try, which may have left, and that of the last one.
    assert len(world.limits.limiters[f"to#{THEIRS}"].departures) == 2


def test_a_text_that_expires_while_it_waits_for_its_recipient_is_ended_and_those_behind_it_leave() -> None:
    world = limited("1/h", validity_minutes=90)
    idents = [str(world.enqueue(message=f"Text {number}").fields["message_id"]) for number in range(2)]
    short = str(world.enqueue(message="Short", ttl_s=120).fields["message_id"])
    last = str(world.enqueue(message="Last").fields["message_id"])

    world.consume()

    found = {message.id: message.status for message in world.messages.all}
    assert [found[ident] for ident in (*idents, short)] == [
        Status.SUBMITTED,
        Status.SUBMITTED,
        Status.EXPIRED_UNSENT,
    ]
    assert found[last] is Status.EXPIRED_UNSENT
    assert breaches(world.provider.arrivals(THEIRS), parse("1/h")) == []


def test_what_waits_for_its_recipient_takes_no_slot_of_a_limit_that_others_share() -> None:
    world = limited("1/15min", sender_segment_ms=2_000, campaign=CampaignSettings("T"))
    began = world.clock.now
    mine = [str(world.enqueue(ATT.format(202), f"Text {number}").fields["message_id"]) for number in range(5)]
    world.consume(until_ms=began + MINUTE)
    reserved = len(world.limits.reserved)
    others = [ATT.format(area) for area in (203, 205, 206)]
    for number in others:
        world.enqueue(number)
    start = world.clock.now
    world.consume(until_ms=start + 10 * SECOND)

    # One after the other, as if none waited.
    assert world.provider.arrivals()[1:] == pytest.approx([began + 2_000, began + 4_000, began + 6_000], abs=200)
    world.consume()
    assert in_order(world, *mine)
    # A wait costs no slot: each text takes its own once.
    assert len(world.limits.reserved) - reserved <= 3 * (len(mine) - 1 + len(others))


def test_a_text_that_can_not_leave_by_its_recipients_limit_is_not_the_one_that_tries_an_open_breaker() -> None:
    world = limited("1/h")
    assert world.send().status == 200
    world.clock.pass_ms(2 * SECOND)
    waits = str(world.enqueue().fields["message_id"])
    world.limits.open_breaker(world.clock.now, world.clock.now + 1, "outage")
    world.clock.pass_ms(2 * SECOND)
    world.mapping().run(until_ms=world.clock.now + SECOND)

    assert world.limits.faults.count("probe") == 0
    other = str(world.enqueue(OTHER).fields["message_id"])
    world.consume(until_ms=world.clock.now + MINUTE)
    assert (world.provider.taken(other), world.provider.taken(waits)) == (1, 0)


def test_where_the_setting_is_empty_no_departure_is_read_or_written() -> None:
    world = make_world(make_settings(recipient_limits=()))
    departures: Any = world.service.departures
    world.provider.then(ACCEPTS_AND_HANGS)
    world.send()
    world.enqueue()
    world.consume()

    assert departures.faults.calls == []
    assert all(limiter.departures == () for limiter in world.limits.limiters.values())
    assert replace(world.service.pace, recipient_limits=()) == world.service.pace


@pytest.mark.parametrize("route", ["send", "queue"])
def test_who_is_stuck_until_its_place_has_passed_does_not_leave_beside_who_took_the_next_one(route: str) -> None:
    world = limited("1/20s", recipient_interval_ms=0)
    stuck = False

    def slow() -> None:
        nonlocal stuck
        if noted(world) and not stuck:
            stuck = True
            world.clock.pass_ms(23 * SECOND)
            # By now its place is no one's any more.
            assert world.send(message="Other").status == 200

    world.messages.faults.takes = slow
    if route == "send":
        reply = world.send()
        assert (reply.status, reply.fields["code"]) == (429, "recipient_limit")
        first = next(message for message in world.messages.all if message.text == "Hello")
        assert (first.status, first.safe_to_retry) == (Status.FAILED, True)
    else:
        world.enqueue()
        world.consume()
        assert len(world.provider.texts) == 2

    assert breaches(world.provider.arrivals(THEIRS), parse("1/20s")) == []


def test_a_send_that_is_slow_on_its_way_counts_from_when_it_may_have_come() -> None:
    world = limited("1/min")
    world.provider.then(Behaviour(latency_ms=9_000, way_ms=8_900))
    began = world.clock.now
    assert world.send().status == 200
    assert noted(world) == (began + 9_000,)
    world.clock.sleep_until(began + MINUTE + 5 * SECOND)

    assert world.send().fields["code"] == "recipient_limit"


def test_a_send_that_is_not_stored_gives_back_all_that_it_took() -> None:
    number = "+12025550101"
    for case in ("daily limit", "store", "refused", "paused meanwhile"):
        world = limited("1/h", daily_texts_per_key=1, campaign=CampaignSettings(t_mobile_per_day=100))
        world.carriers.learn(number, Subscription(Carrier.T_MOBILE, "wireless", world.clock.now))
        if case == "daily limit":
            world.enqueue(OTHER)
        elif case == "store":
            world.messages.faults.fail("accept")
        elif case == "refused":
            world.provider.then(NO_SUCH_NUMBER)
        else:
            world.messages.faults.takes = partial(world.limits.pause, world.clock.now, "a test")
        assert world.send(number).status >= 400, case

        assert world.limits.limiters[f"to#{number}"].departures == (), case
        assert world.service.departures.faults.count("take") == 1, case  # type: ignore[attr-defined]
        assert set(world.carriers.counted.values()) == {0}, case


def test_a_send_without_room_takes_no_slot_of_its_carrier() -> None:
    number = ATT.format(202)
    world = limited("1/h", campaign=CampaignSettings("T"))
    world.carriers.learn(number, Subscription(Carrier.ATT, "wireless", world.clock.now))
    assert world.send(number).status == 200
    world.clock.pass_ms(2 * SECOND)
    reserved = list(world.limits.reserved)

    assert world.send(number).fields["code"] == "recipient_limit"
    assert world.limits.reserved == reserved


def test_recipients_whose_places_are_free_at_one_moment_keep_to_the_senders_rate() -> None:
    world = limited("1/15min", sender_segment_ms=2_000)
    numbers = [f"+1202555{number:04}" for number in range(101, 109)]
    for number in numbers * 2:
        world.enqueue(number)

    world.consume(concurrency=10)

    arrivals = world.provider.arrivals()
    assert len(arrivals) == 16
    assert min(gaps(arrivals)) >= 2_000
    assert arrivals[-1] < arrivals[0] + 16 * MINUTE


def test_a_text_that_waits_for_a_day_is_looked_at_twice_and_ended_as_soon_as_it_is_out_of_date() -> None:
    world = limited("1/day")
    began = world.clock.now
    world.enqueue()
    short = str(world.enqueue(ttl_s=600).fields["message_id"])
    last = str(world.enqueue().fields["message_id"])

    mapping = world.consume()

    ended = world.messages.get(short)
    assert ended
    assert ended.status is Status.EXPIRED_UNSENT
    assert ended.history[-1].at_ms < began + 10 * MINUTE + 5 * SECOND
    assert world.provider.arrivals(THEIRS)[-1] == pytest.approx(began + DAY + MARGIN_MS, abs=2_000)
    assert world.provider.taken(last) == 1
    # SQS hides a message for 12 hours at most.
    assert len(mapping.invocations) <= 6


def test_a_text_that_is_out_of_date_before_its_place_is_free_takes_none_and_is_ended_in_the_same_invocation() -> (
    None
):
    world = limited("1/10s")
    began = world.clock.now
    short = str(world.enqueue(ttl_s=60).fields["message_id"])
    world.clock.sleep_until(began + 55 * SECOND)
    assert world.send().status == 200
    before = noted(world)

    mapping = world.consume()

    ended = world.messages.get(short)
    assert ended
    assert (ended.status, len(mapping.invocations)) == (Status.EXPIRED_UNSENT, 1)
    assert noted(world) == before


def test_whatever_fails_at_random_no_period_has_more_and_none_is_lost_or_sent_twice() -> None:
    limits = parse("3/10min,12/5h")
    for seed in range(300 if FULL else 2):
        with showing(seed):
            chance = random.Random(seed)
            world = limited("3/10min,12/5h")
            takes_time(world, seed)
            stores: tuple[Any, ...] = (world.service.departures, world.messages, world.limits)
            queued: list[str] = []
            for _ in range(30):
                store = chance.choice(stores)
                call = chance.choice(["take", "give_back", "last", "move"] if store is stores[0] else FAILING)
                if call in store.faults.names:
                    # A request is not killed: its caller would not know the id of the text.
                    failure = chance.choice((unavailable, Died))
                    store.faults.fail(call, failure, after=chance.random() < 0.5, skip=chance.randrange(4))
                world.provider.then(*chance.choices((ACCEPTS, ACCEPTS_AND_HANGS, RATE_LIMITED, UNREACHABLE), k=1))
                world.mapping().run(until_ms=world.clock.now + chance.randint(1, 9) * MINUTE, concurrency=3)
                for faults in (one.faults for one in stores):
                    faults.clear()
                world.reconcile()
                if len(queued) < 12:
                    queued.append(str(world.enqueue(message=f"Text {len(queued)}").fields["message_id"]))
                world.send(message="At once")
                world.clock.pass_ms(chance.randint(1, 90_000))
            for _ in range(14 * 12):
                world.consume(until_ms=world.clock.now + 5 * MINUTE)
                world.clock.pass_ms(5 * MINUTE)
                world.reconcile()

            # Who was in doubt for an hour leaves at any rate.
            patient = {message.id for message in world.messages.all if not message.replays}
            arrivals = [text.taken_ms for text in world.provider.texts if text.key in patient]
            assert breaches(arrivals, limits) == []
            assert [ident for ident in queued if world.provider.taken(ident) != 1] == []
            twice = [text.key for text in world.provider.texts if world.provider.taken(text.key) > 1]
            assert twice == []
