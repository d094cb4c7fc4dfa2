"""Texts at the limits of US carriers, in virtual time, by the simulated provider's own count of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from longcode.domain import destinations, pacific
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.message import iso
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy, Status
from tests.chance import FULL
from tests.support.fakes import OURS, FakeClock, World, make_settings, make_world
from tests.support.fakes import provider as behaviours
from tests.support.fakes.network import NetworkProvider
from tests.support.fakes.provider import refuses

pytestmark = pytest.mark.slow

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
ATT, T_MOBILE, VERIZON = (f"+1{{}}5550{suffix}" for suffix in ("180", "101", "190"))


def at_pacific(moment: str) -> int:
    return round(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("America/Los_Angeles")).timestamp() * 1000)


def numbers(pattern: str, count: int) -> list[str]:
    """So many numbers on one network."""
    found = [pattern.format(area) for area in range(200, 900)]
    return [number for number in found if destinations.country(number) == "+1"][:count]


def world_of(
    campaign: CampaignSettings,
    *,
    at: str = "2026-11-27T09:00:00",
    known: Sequence[str] = (),
    lookup: str = "off",
    validity: int = 5 * 1440,
    **initial: object,
) -> tuple[World, NetworkProvider]:
    """A world that knows the carriers of these numbers, at a moment in Los Angeles."""
    clock = FakeClock(at_pacific(at))
    provider = NetworkProvider(clock, OURS, **initial)
    settings = make_settings(
        campaign=campaign,
        number_lookup=lookup,
        validity_minutes=validity,
        max_pending_per_recipient=1_000,
        daily_texts_per_key=0,
    )
    world = make_world(settings, clock=clock, provider=provider)
    for number in known:
        network = provider.networks.of(number).network
        world.carriers.learn(number, Subscription(Carrier(network), "wireless", clock.now))
    return world, provider


def queue(world: World, recipients: Sequence[str], text: str = "Hello", **fields: str) -> list[str]:
    """Queue a text to each; their ids."""
    return [str(world.enqueue(to, text, **fields).fields["message_id"]) for to in recipients]


def left_in_order(world: World, provider: NetworkProvider) -> bool:
    """Whether each recipient got their texts in the order of acceptance."""
    place = {message.id: number for number, message in enumerate(world.messages.all)}
    last: dict[str, int] = {}
    for text in sorted(provider.texts, key=lambda text: text.taken_ms):
        if place[text.key] < last.get(text.recipient, -1):
            return False
        last[text.recipient] = place[text.key]
    return True


def taken_between(provider: NetworkProvider, first_ms: int, last_ms: int) -> int:
    return sum(first_ms <= text.taken_ms < last_ms for text in provider.texts)


def extra_writes(world: World) -> int:
    """The writes so far that only limits of carriers ask for."""
    of_carriers = {"learn", "forget", "take", "give_back", "stop", "know"}
    slots = sum(key.startswith("carrier#") for key in world.limits.reserved)
    noted = world.messages.faults.calls.count("hold")
    return sum(call in of_carriers for call in world.carriers.faults.calls) + slots + noted


def test_what_a_day_of_t_mobile_has_no_room_for_leaves_on_the_next_ones_in_order_and_nothing_is_refused() -> None:
    scale = 5 if FULL else 1
    texts, cap, used = 1_000 * scale, 400 * scale, 388 * scale
    recipients = numbers(T_MOBILE, 100 * scale)
    world, provider = world_of(
        CampaignSettings(t_mobile_per_day=cap), known=recipients, registration={"brand": {"daily_cap": cap}}
    )
    began, before = world.clock.now, extra_writes(world)
    first_reset = pacific.next_day_ms(began)
    second_reset = pacific.next_day_ms(first_reset)
    queue(world, recipients * 10)

    world.consume(until_ms=began + 10 * MINUTE, concurrency=50)

    assert len(provider.texts) == used
    held = [message for message in world.messages.all if message.status is Status.QUEUED]
    assert {message.held_by for message in held} == {HeldBy.CARRIER_DAY_CAP}
    assert {pacific.day_of(message.slot_ms or 0) for message in held} == {"2026-11-28", "2026-11-29"}
    one = world.status(held[0].id).fields
    assert (one["held_by"], one["eta"]) == ("carrier_day_cap", iso(held[0].slot_ms or 0))

    world.consume(until_ms=second_reset + HOUR, concurrency=50)

    assert len(provider.texts) == texts
    assert provider.refused == {}
    assert taken_between(provider, first_reset, first_reset + MINUTE) == used
    assert taken_between(provider, second_reset, second_reset + MINUTE) == texts - 2 * used
    assert left_in_order(world, provider)
    assert extra_writes(world) - before <= texts


@pytest.mark.parametrize("mixed", [False, True], ids=["one segment each", "one to three segments"])
def test_a_minute_of_att_takes_all_that_it_may_and_nothing_is_refused(mixed: bool) -> None:
    recipients = numbers(ATT, 100)
    world, provider = world_of(
        CampaignSettings("T"), known=recipients, registration={"campaign": {"message_class": "T"}}
    )
    began = world.clock.now
    for number, recipient in enumerate(recipients * 4):
        world.enqueue(recipient, "x" * 200 if mixed and number % 3 == 0 else "Hello")

    world.consume(until_ms=began + MINUTE, concurrency=50)
    held_at_first = [message.held_by for message in world.messages.all if message.status is Status.QUEUED]
    world.consume(concurrency=50)

    segments = {message.id: message.segments for message in world.messages.all}
    in_minutes = Counter[int]()
    for text in provider.texts:
        in_minutes[(text.taken_ms - began) // MINUTE] += segments[text.key]
    assert provider.refused == {}
    assert HeldBy.CARRIER_RATE in held_at_first
    assert len(provider.texts) == 400
    # The last ones keep the distance of their own recipient.
    assert min(in_minutes[number] for number in range(4)) >= (0.75 if mixed else 0.98) * 75
    assert left_in_order(world, provider)
    assert extra_writes(world) <= 2 * 400


def test_a_text_that_no_day_takes_before_it_is_out_of_date_ends_at_that_moment() -> None:
    recipients = numbers(T_MOBILE, 2)
    world, provider = world_of(CampaignSettings(t_mobile_per_day=1, margin=0), known=recipients, validity=60)
    _, late = queue(world, recipients)
    accepted_ms = world.clock.now

    world.consume(until_ms=accepted_ms + MINUTE)
    assert world.status(late).fields["eta"] == iso(accepted_ms + HOUR + 1_000)
    world.consume(until_ms=accepted_ms + HOUR + MINUTE)

    ended = world.messages.get(late)
    assert ended
    assert ended.status is Status.EXPIRED_UNSENT
    assert accepted_ms + HOUR <= ended.updated_ms <= accepted_ms + HOUR + 1_000
    assert len(provider.texts) == 1


def test_where_every_day_of_the_longest_validity_is_full_nothing_leaves_uncounted() -> None:
    recipients = numbers(T_MOBILE, 20)
    world, provider = world_of(CampaignSettings(t_mobile_per_day=1, margin=0), known=recipients, validity=20_160)
    queue(world, recipients)

    world.consume(until_ms=world.clock.now + MINUTE)

    assert [text.recipient for text in provider.texts] == recipients[:1]


def test_a_text_behind_one_that_waits_for_another_day_says_so_before_the_consumer_has_seen_it() -> None:
    (number,) = numbers(T_MOBILE, 1)
    world, _ = world_of(CampaignSettings(t_mobile_per_day=1, margin=0), known=[number])
    queue(world, [number] * 2)
    world.consume(until_ms=world.clock.now + MINUTE)
    midnight_ms = pacific.next_day_ms(world.clock.now) + pacific.BEGINS_MS

    answer = world.enqueue(number).fields
    shown = world.status(answer["message_id"]).fields

    for said in (answer, shown):
        assert (said["held_by"], said["eta"]) == ("carrier_day_cap", iso(midnight_ms + 1_020))


def test_no_carrier_waits_for_the_limits_of_another() -> None:
    att, t_mobile, verizon = numbers(ATT, 60), numbers(T_MOBILE, 60), numbers(VERIZON, 60)
    world, provider = world_of(
        CampaignSettings("W", t_mobile_per_day=20),
        known=[*att, *t_mobile, *verizon],
        registration={"campaign": {"message_class": "W"}, "brand": {"daily_cap": 20}},
    )
    began = world.clock.now
    for each in zip(att, t_mobile, verizon, strict=True):
        queue(world, each)

    world.consume(until_ms=began + HOUR, concurrency=50)

    left = {text.recipient: text.taken_ms - began for text in provider.texts}
    assert provider.refused == {}
    assert all(left[number] < 5_000 for number in verizon)
    assert max(left[number] for number in att) < 60 / 15 * 1.02 * MINUTE + 5_000
    assert sum(number in left for number in t_mobile) == 20


@pytest.mark.parametrize(
    ("at", "reset"),
    [("2026-11-01T00:30:00", "2026-11-02T00:00:00"), ("2027-03-14T00:30:00", "2027-03-15T00:00:00")],
)
def test_a_day_ends_at_midnight_in_los_angeles_also_when_its_clocks_change(at: str, reset: str) -> None:
    recipients = numbers(T_MOBILE, 4)
    world, provider = world_of(
        CampaignSettings(t_mobile_per_day=2, margin=0),
        at=at,
        known=recipients,
        registration={"brand": {"daily_cap": 2}},
    )
    ids = queue(world, recipients)

    world.consume(until_ms=world.clock.now + MINUTE)
    etas = [world.status(ident).fields.get("eta") for ident in ids]
    world.consume(until_ms=at_pacific(reset) + MINUTE)

    assert provider.refused == {}
    assert [text.taken_ms >= at_pacific(reset) for text in provider.texts] == [False, False, True, True]
    assert all(text.taken_ms < at_pacific(reset) + 5_000 for text in provider.texts)
    assert etas[2:] == [iso(at_pacific(reset) + pacific.BEGINS_MS)] * 2


def test_a_text_that_leaves_at_once_takes_its_carriers_limits_or_is_refused_with_nothing_stored() -> None:
    att, t_mobile = numbers(ATT, 6), numbers(T_MOBILE, 3)
    world, provider = world_of(
        CampaignSettings("W", t_mobile_per_day=2, margin=0),
        known=[*att, *t_mobile],
        registration={"campaign": {"message_class": "W"}, "brand": {"daily_cap": 2}},
    )

    to_att = [world.send(number) for number in att[:2]]
    to_t_mobile = [world.send(number) for number in t_mobile]

    assert [reply.status for reply in to_att] == [200, 429]
    assert to_att[1].fields["code"] == "carrier_rate"
    # Four seconds apart, and a hundredth.
    assert to_att[1].headers["retry-after"] == "4"
    assert [reply.status for reply in to_t_mobile] == [200, 200, 429]
    assert to_t_mobile[2].fields["code"] == "carrier_day_cap"
    midnight_ms = pacific.next_day_ms(world.clock.now) + pacific.BEGINS_MS
    assert int(to_t_mobile[2].headers["retry-after"]) == -(-(midnight_ms - world.clock.now) // 1000)
    assert len(world.messages.all) == len(provider.texts) == 3
    assert provider.refused == {}


def test_bulk_texts_leave_a_share_of_the_day_to_the_others() -> None:
    recipients = numbers(T_MOBILE, 20)
    world, provider = world_of(
        CampaignSettings(t_mobile_per_day=10, margin=0, transactional=30),
        known=recipients,
        registration={"brand": {"daily_cap": 10}},
    )
    queue(world, recipients[:12], priority="bulk")
    world.consume(Priority.BULK, until_ms=world.clock.now + MINUTE)
    queued = len(provider.texts)

    sent = [world.send(number).status for number in recipients[12:16]]

    assert queued == 7
    assert sent == [200, 200, 200, 429]
    assert provider.refused == {}


def _not_stored(world: World, _provider: NetworkProvider) -> None:
    world.messages.faults.fail("accept")


def _no_slot(world: World, _provider: NetworkProvider) -> None:
    world.limits.faults.fail("reserve")


def _refused(_world: World, provider: NetworkProvider) -> None:
    provider.then(refuses(400, "40310", "Invalid 'to' address"))


def _stopped(world: World, _provider: NetworkProvider) -> None:
    # After the first look at the gate, and before the second one.
    reserve = world.limits.reserve

    def and_pause(*arguments: Any, **more: Any) -> Any:
        world.limits.reserve = reserve  # type: ignore[method-assign]
        world.limits.pause(world.clock.now, "a test")
        return reserve(*arguments, **more)

    world.limits.reserve = and_pause  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("happens", "status"), [(_not_stored, 503), (_no_slot, 503), (_refused, 400), (_stopped, 503)]
)
def test_what_was_not_sent_after_all_is_taken_off_the_day(
    happens: Callable[[World, NetworkProvider], None], status: int
) -> None:
    # Of no known carrier, so that each takes of T-Mobile's day and of AT&T's minute.
    first, second, third = numbers(T_MOBILE, 3)
    world, provider = world_of(CampaignSettings("A", t_mobile_per_day=1, margin=0))
    happens(world, provider)

    assert world.send(first).status == status
    world.limits.resume()
    assert world.send(second).status == 200
    assert world.send(third).fields["code"] == "carrier_day_cap"


def test_without_limits_of_carriers_nothing_is_read_and_a_number_is_learnt_once() -> None:
    world, provider = world_of(CampaignSettings())
    queue(world, numbers(ATT, 20) * 2)
    world.consume()
    world.send(numbers(T_MOBILE, 1)[0])

    assert len(provider.texts) == 41
    assert world.carriers.faults.calls == ["learn"] * 21
    assert not any(key.startswith("carrier#") for key in world.limits.reserved)


def test_an_unknown_carrier_counts_against_both_limits_until_an_answer_names_it() -> None:
    verizon, t_mobile = numbers(VERIZON, 30), numbers(T_MOBILE, 30)
    world, provider = world_of(
        CampaignSettings(t_mobile_per_day=20, margin=0), registration={"brand": {"daily_cap": 20}}
    )
    day = pacific.day_of(world.clock.now)
    queue(world, verizon)
    world.consume(until_ms=world.clock.now + HOUR, concurrency=2)

    # No more than 20 are under way unknown, and each that is named gives its place back.
    assert len(provider.texts) == 30
    assert world.carriers.counted[Carrier.T_MOBILE, day] == 0

    queue(world, [*t_mobile, *verizon])
    world.consume(until_ms=world.clock.now + HOUR, concurrency=2)

    assert provider.refused == {}
    assert world.carriers.counted[Carrier.T_MOBILE, day] == 20
    assert Counter(text.recipient in t_mobile for text in provider.texts) == {False: 60, True: 20}


def test_a_number_lookup_keeps_strangers_out_of_limits_that_are_not_theirs() -> None:
    verizon, t_mobile = numbers(VERIZON, 10), numbers(T_MOBILE, 10)
    world, provider = world_of(
        CampaignSettings("W", t_mobile_per_day=2, margin=0),
        lookup="unknown",
        registration={"campaign": {"message_class": "W"}, "brand": {"daily_cap": 2}},
    )
    provider.carriers = dict.fromkeys(verizon, ("Verizon Wireless", "mobile"))
    provider.carriers |= dict.fromkeys(t_mobile, ("T-MOBILE USA, INC.", "mobile"))
    began = world.clock.now
    queue(world, [*t_mobile, *verizon[:9]])

    world.consume(until_ms=began + MINUTE)
    sent = world.send(verizon[9])

    assert sent.status == 200
    assert Counter(text.recipient in verizon for text in provider.texts) == {True: 10, False: 2}
    assert max(text.taken_ms for text in provider.texts[:-1]) < began + 10_000
    assert sorted(provider.lookups) == sorted([*t_mobile, *verizon])
    assert provider.refused == {}


def test_a_number_that_was_unknown_while_a_day_was_full_leaves_when_its_carrier_is_learnt() -> None:
    (unknown,), (other,) = numbers(VERIZON, 1), numbers(T_MOBILE, 1)
    world, provider = world_of(CampaignSettings(t_mobile_per_day=1, margin=0), known=[other])
    queue(world, [other])
    world.consume(until_ms=world.clock.now + MINUTE)
    (ident,) = queue(world, [unknown])
    world.consume(until_ms=world.clock.now + MINUTE)
    assert world.status(ident).fields["held_by"] == "carrier_day_cap"

    # As a reply of theirs names it.
    world.carriers.learn(unknown, Subscription(Carrier.VERIZON, "wireless", world.clock.now))
    world.consume(until_ms=world.clock.now + HOUR)

    assert [text.recipient for text in provider.texts] == [other, unknown]
    tomorrow = pacific.day_of(pacific.next_day_ms(world.clock.now))
    assert world.carriers.counted[Carrier.T_MOBILE, tomorrow] == 0


def test_a_text_that_waits_past_midnight_inside_an_invocation_is_counted_for_the_day_in_which_it_leaves() -> None:
    recipients = numbers(T_MOBILE, 100)
    world, provider = world_of(
        CampaignSettings(t_mobile_per_day=100, margin=0),
        at="2026-11-27T23:59:40",
        known=recipients,
        registration={"brand": {"daily_cap": 100}},
    )
    # The last of them leave ten seconds later.
    queue(world, recipients[:4] * 10)
    world.consume(until_ms=world.clock.now + 30_000, concurrency=10)
    queue(world, recipients)
    world.consume(until_ms=world.clock.now + HOUR, concurrency=10)

    assert provider.refused == {}
    assert Counter(pacific.day_of(text.taken_ms) for text in provider.texts) == {
        "2026-11-27": 20,
        "2026-11-28": 100,
    }
    assert left_in_order(world, provider)


def test_a_text_that_is_sent_at_midnight_has_its_place_in_both_days() -> None:
    first, second, third = numbers(T_MOBILE, 3)
    world, provider = world_of(
        CampaignSettings(t_mobile_per_day=2, margin=0),
        at="2026-11-27T23:59:59",
        known=[first, second, third],
        registration={"brand": {"daily_cap": 2}},
    )
    provider.usual = replace(provider.usual, way_ms=3_000, latency_ms=4_000)

    sent = [world.send(number).status for number in (first, second, third)]

    assert sent == [200, 200, 429]
    assert provider.refused == {}
    assert world.carriers.counted[Carrier.T_MOBILE, "2026-11-28"] == 2


def test_slots_that_slow_answers_move_are_taken_anew() -> None:
    recipients = numbers(ATT, 100)
    world, provider = world_of(
        CampaignSettings("T"), known=recipients, registration={"campaign": {"message_class": "T"}}
    )
    for recipient in recipients[::10]:
        provider.then(replace(provider.usual, latency_ms=12_000, way_ms=20), to=recipient)
    queue(world, recipients * 3)

    world.consume(concurrency=20)

    assert len(provider.texts) == 300
    assert provider.refused == {}


@pytest.mark.parametrize("failures", [0, 3])
def test_a_day_is_given_back_once_for_each_text_that_was_counted_before_its_carrier_was_known(
    failures: int,
) -> None:
    (verizon,) = numbers(VERIZON, 1)
    world, provider = world_of(CampaignSettings("W", t_mobile_per_day=100))
    day = pacific.day_of(world.clock.now)
    world.carriers.counted[Carrier.T_MOBILE, day] = 50
    queue(world, [verizon] * 10)
    # What would give the count back is not recorded at first.
    world.messages.faults.fail("hold", skip=8, times=failures)

    world.consume(concurrency=2)

    assert len(provider.texts) == 10
    left = world.carriers.counted[Carrier.T_MOBILE, day] - 50
    assert left == 0 if not failures else left >= 0


def test_a_text_in_doubt_that_may_never_have_come_to_its_carrier_leaves_again_within_the_limits() -> None:
    recipients = numbers(ATT, 60)
    world, provider = world_of(
        CampaignSettings("W"), known=recipients, registration={"campaign": {"message_class": "W"}}
    )
    provider.then(behaviours.HANGS, to=recipients[0])
    (doubt, *_) = queue(world, recipients[:1])
    world.consume()
    world.clock.pass_ms(15 * MINUTE)
    queue(world, recipients[1:16])
    world.consume(until_ms=world.clock.now + MINUTE)
    for _ in range(5):
        world.reconcile()
        world.clock.pass_ms(MINUTE)

    assert provider.taken(doubt) == 1
    assert len(provider.texts) == 16
    assert provider.refused == {}
