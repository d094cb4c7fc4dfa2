"""How a campaign stands: GET /sms/tags/{tag}, from the publisher's counters, the index and the brakes."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from longcode.domain import pacing
from longcode.domain.campaign import CampaignSettings, CarrierLimits
from longcode.domain.carriers import Carrier
from longcode.domain.errors import Unavailable
from longcode.domain.finish import Rest, Speed, finishes_ms
from longcode.domain.message import Fault, Message, epoch_ms, iso
from longcode.domain.opt_outs import OptOut, OptOutChange
from longcode.domain.pacing import Pace
from longcode.domain.priority import Priority
from longcode.domain.status import Status
from longcode.domain.tag_brake import Pause, Subject, SubjectKind, Tally
from tests.support.fakes import OURS, THEIRS, World, make_settings, make_world
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import make_message
from tests.support.fakes.stream import event

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
IDS = [f"5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a{number:02}" for number in range(50)]
SALE = Subject(SubjectKind.TAG, "sale")


def text(number: int, tag: str = "sale", **changes: Any) -> Message:
    return make_message(id=IDS[number], **({"metadata": {"tag": tag}} | changes))


def moment(at: str) -> int:
    found = epoch_ms(at)
    assert found is not None
    return found


def view(world: World, tag: str = "sale") -> dict[str, Any]:
    reply = world.request("tags", "GET", "/sms/tags/{tag}", parameters={"tag": tag})
    assert reply.status == 200, reply.fields
    return dict(reply.fields)


def publish(world: World, *writes: tuple[Any, Any], first: int = 1) -> None:
    assert world.invoke("publisher", event(*writes, first=first)) == {"batchItemFailures": []}


def stop(number: str, at_ms: int, source: str = "keyword") -> OptOut:
    return OptOut(number, True, (OptOutChange(at_ms, True, source),), at_ms, 1)


def test_the_life_of_a_campaign_adds_up_and_what_comes_again_counts_once(world: World) -> None:
    waits = text(0)
    sent = text(1, status=Status.SUBMITTED, telnyx_id="t-1", segments=2, carrier="att", line_type="wireless")
    delivered = replace(sent, status=Status.DELIVERED, parts=3, cost=Decimal("0.0153"), currency="USD")
    dearer = replace(delivered, cost=Decimal("0.0160"))
    failed = text(2, status=Status.DELIVERY_FAILED, telnyx_id="t-2", carrier="t_mobile", line_type="voip")
    lives: list[tuple[Any, Any]] = [
        (None, waits),
        (None, text(1, segments=2)),
        (text(1, segments=2), sent),
        (sent, delivered),
        (delivered, dearer),
        (None, failed),
        # The end of another's time, one of another tag, one that came in.
        (text(3, status=Status.DELIVERED, carrier="att", line_type="wireless", telnyx_id="t-3"), None),
        (None, text(4, "news", telnyx_id="t-4", cost=Decimal(7), currency="EUR")),
        (None, text(5, direction="inbound", status=Status.RECEIVED, metadata={})),
    ]

    for begin, end in ((0, 5), (0, 7), (5, 9), (0, 9)):
        publish(world, *lives[begin:end], first=begin + 1)

    found = view(world)
    assert found["counts"] == {"queued": 1, "delivery_failed": 1}
    assert found["by_carrier"] == {
        "unknown": {"queued": 1},
        "t_mobile": {"delivery_failed": 1},
    }
    assert (found["sent"], found["segments"]) == (2, 4)
    assert found["cost"] == {"amount": "0.0160", "currency": "USD"}
    assert view(world, "news")["cost"] == {"amount": "7", "currency": "EUR"}
    assert view(world, "news")["sent"] == 1
    assert world.counters.tags(START_MS, 10) == ["sale", "news"]


def test_a_carrier_that_is_named_later_takes_the_text_along(world: World) -> None:
    before = text(1, status=Status.SENT, telnyx_id="t-1")
    publish(world, (None, before), (before, replace(before, carrier="att", line_type="wireless")))

    assert view(world)["by_carrier"] == {"att": {"sent": 1}}


def test_who_opts_out_counts_once_for_the_last_text_that_left_for_them(world: World) -> None:
    left: dict[str, Any] = {"status": Status.SENT, "telnyx_id": "t"}
    for message in (
        text(0, "old", sent_ms=START_MS - 80 * HOUR, **left),
        # It was scheduled long ago, and left last.
        text(1, "sale", accepted_ms=START_MS - 200 * HOUR, sent_ms=START_MS - HOUR, **left),
        text(2, "news", accepted_ms=START_MS - 3 * HOUR, sent_ms=START_MS - 2 * HOUR, **left),
        text(3, "waits", accepted_ms=START_MS - MINUTE),
    ):
        world.messages.accept(message)
    world.clock.pass_ms(MINUTE)
    for number in (1, 2):
        publish(world, (None, text(number, ["", "sale", "news"][number], **left)), first=number)

    for _ in range(2):
        publish(world, (None, stop(THEIRS, START_MS)), first=10)
    # Said once more, by an operator's list, or after the fact by the provider: no answer to a text.
    publish(world, (stop(THEIRS, START_MS), stop(THEIRS, START_MS + 1)), first=11)
    for number, source in enumerate(("operator", "import", "sync", "block", "api")):
        publish(world, (None, stop(THEIRS, START_MS, source)), first=20 + number)

    found = view(world)
    assert (found["opted_out"], found["opt_out_rate"]) == (1, 1.0)
    assert [view(world, tag)["opted_out"] for tag in ("old", "news", "waits")] == [0, 0, 0]


def test_an_opt_out_long_after_the_last_text_counts_for_no_tag(world: World) -> None:
    world.messages.accept(text(0, status=Status.SENT, telnyx_id="t", sent_ms=START_MS - 73 * HOUR))

    publish(world, (None, text(1)), (None, stop(THEIRS, START_MS)))

    assert (view(world)["counts"], view(world)["opted_out"]) == ({"queued": 1}, 0)


def test_a_batch_that_comes_again_after_an_erasure_counts_the_same_changes(world: World) -> None:
    answered = text(0, status=Status.SENT, telnyx_id="t", sent_ms=START_MS - HOUR)
    world.messages.accept(answered)
    rows: list[tuple[Any, Any]] = [(None, text(1)), (None, stop(THEIRS, START_MS)), (None, text(2))]

    publish(world, *rows[:2])
    assert world.messages.erase(replace(answered, status=Status.DELIVERED))
    publish(world, *rows)

    # By their number the counters know what they have counted of a batch that was cut otherwise.
    first, again = world.counters.batches
    assert first == again[:2]
    assert (view(world)["counts"], view(world)["opted_out"]) == ({"queued": 2}, 1)


def test_an_index_that_does_not_answer_has_the_batch_come_again(world: World) -> None:
    world.finder.faults.fail("find")
    batch = event((None, text(1)), (None, stop(THEIRS, START_MS)))

    assert world.invoke("publisher", batch)["batchItemFailures"]
    assert view(world)["total"] == 0
    assert world.invoke("publisher", batch) == {"batchItemFailures": []}
    assert view(world)["total"] == 1


def test_what_cannot_be_read_is_503(world: World) -> None:
    for fake, call in ((world.counters, "read_tag"), (world.finder, "ends"), (world.brakes, "standings")):
        fake.faults.fail(call, lambda: Unavailable("A store"))
        assert world.request("tags", "GET", "/sms/tags/{tag}", parameters={"tag": "sale"}).status == 503


def test_a_pause_is_said_and_leaves_no_finish(world: World) -> None:
    publish(world, (None, text(1)))
    assert view(world)["paused"] is None
    assert view(world)["finishes_at"]

    world.brakes.pause(SALE, Pause(START_MS, "13 of the last 60 texts failed (limit 20 %)", "brake"))

    found = view(world)
    assert found["finishes_at"] is None
    assert found["paused"] == {
        "since": iso(START_MS),
        "by": "brake",
        "reason": "13 of the last 60 texts failed (limit 20 %)",
    }
    world.brakes.resume(SALE, START_MS)
    world.limits.pause(START_MS, "")
    assert (view(world)["finishes_at"], view(world)["paused"]) == (None, None)
    world.limits.resume()
    world.limits.pause(START_MS, "", Priority.BULK)
    assert view(world)["finishes_at"]
    offer = text(2, "news", priority=Priority.BULK)
    world.messages.accept(offer)
    publish(world, (None, offer), first=2)
    assert view(world, "news")["finishes_at"] is None
    world.limits.resume(Priority.BULK)
    assert view(world, "news")["finishes_at"]


def finish(world: World) -> int:
    """In how many milliseconds the last text leaves."""
    return moment(view(world)["finishes_at"]) - world.clock.now


def test_the_finish_is_by_the_limits_of_today_and_the_speed_of_the_last_minutes() -> None:
    settings: dict[str, Any] = {"sender_segment_ms": 100, "campaign": CampaignSettings(transactional=20)}
    world = make_world(make_settings(**settings))
    for number in range(40):
        world.messages.accept(text(number, accepted_ms=START_MS + number, priority=Priority.BULK, segments=2))
    publish(world, *((None, text(number, priority=Priority.BULK, segments=2)) for number in range(40)))
    found = view(world)
    assert (found["first_accepted_at"], found["last_accepted_at"]) == (iso(START_MS), iso(START_MS + 39))
    # 80 segments, of each ten of a second eight for bulk.
    assert finish(world) == 80 * 100 * 100 // 80

    # They left more slowly than that: one in three seconds.
    world.brakes.add(SALE, Tally(sent=1), world.clock.now, world.clock.now)
    world.clock.pass_ms(30 * SECOND)
    world.brakes.add(SALE, Tally(sent=9), world.clock.now, world.clock.now)
    assert finish(world) == 40 * 3 * SECOND


def test_what_is_held_is_not_over_before_its_time(world: World) -> None:
    late = text(1, status=Status.HELD, not_before_ms=START_MS + 5 * HOUR, send_at_ms=START_MS + 5 * HOUR)
    world.messages.accept(late)
    publish(world, (None, late))

    assert finish(world) == 5 * HOUR


def test_nothing_is_over_before_an_open_breaker_and_a_wait_that_the_provider_wants() -> None:
    world = make_world(make_settings(sender_segment_ms=100))
    publish(world, (None, text(1)))
    assert finish(world) == 100

    world.limits.push(pacing.sender_key(OURS), START_MS + MINUTE)
    assert finish(world) == MINUTE + 100
    world.limits.open_breaker(START_MS, START_MS + HOUR, "40333")
    assert finish(world) == HOUR + 100


def test_the_finish_counts_the_carriers_minutes_and_days() -> None:
    # 10:00 in Los Angeles.
    now = moment("2026-11-27T18:00:00Z")
    none = CarrierLimits()
    minute, day = CarrierLimits({Carrier.ATT: 60}), CarrierLimits({}, {Carrier.T_MOBILE: 1_000})
    half = {"att": 0.5, "t_mobile": 0.5}
    midnight = moment("2026-11-28T08:00:00Z")
    for rest, speed, wanted in (
        (Rest(100), Speed(Pace(0), none), now),
        (Rest(100, 2), Speed(Pace(0, 100, 200), none), now + 40 * SECOND),
        (Rest(100), Speed(Pace(0), minute), now + 100 * SECOND),
        (Rest(100, 1, 0, half), Speed(Pace(0), minute), now + 50 * SECOND),
        (Rest(100, 1, 0, {"verizon": 1.0}), Speed(Pace(0), minute), now),
        (Rest(100, 1, now + HOUR), Speed(Pace(0), minute), now + HOUR + 100 * SECOND),
        (Rest(100), Speed(Pace(0), none, recent=50, recent_in_ms=MINUTE), now + 2 * MINUTE),
        (Rest(1_000), Speed(Pace(0), day), now),
    ):
        assert finishes_ms(rest, speed, now) == wanted, (rest, speed)
    for rest, speed, days in (
        (Rest(1_001), Speed(Pace(0), day), 1),
        (Rest(2_000), Speed(Pace(0), day), 1),
        (Rest(2_001), Speed(Pace(0), day), 2),
        (Rest(1_000), Speed(Pace(0), day, 80), 1),
        (Rest(1_000), Speed(Pace(0), day, 100, {Carrier.T_MOBILE: 1}), 1),
        (Rest(1_000), Speed(Pace(0), day, 100, {Carrier.T_MOBILE: 5_000}), 1),
        (Rest(1_001, 1, 0, half), Speed(Pace(0), day, 100, {Carrier.T_MOBILE: 600}), 1),
    ):
        found = finishes_ms(rest, speed, now)
        assert midnight + (days - 1) * DAY <= found <= midnight + (days - 1) * DAY + MINUTE, (rest, speed)


def test_the_day_that_is_used_up_already_is_read() -> None:
    world = make_world(make_settings(campaign=CampaignSettings(t_mobile_per_day=1_000, margin=0)))
    publish(world, *((None, text(number)) for number in range(40)))
    assert finish(world) == 0

    # It is 14:13 in Los Angeles.
    world.carriers.counted[Carrier.T_MOBILE, "2023-11-14"] = 980

    assert 9 * HOUR < finish(world) < 10 * HOUR


def test_a_failure_is_no_news_for_the_counts_of_another_fault() -> None:
    world = make_world()
    before = text(1, status=Status.SENT, telnyx_id="t-1")
    publish(world, (None, before), (before, replace(before, faults=(Fault("40001", "x"),))))

    assert view(world)["counts"] == {"sent": 1}
