"""Two priorities: a queue of its own for each, one distance between all texts to a person, and pauses of one."""

from dataclasses import replace
from itertools import pairwise

import pytest

from longcode.domain.message import Place, iso
from longcode.domain.metrics import Metric
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy, Status
from tests.support.fakes import THEIRS, World, make_settings, make_world
from tests.support.fakes.both_queues import work
from tests.support.places import END, got

MINUTE = 60_000


def both(world: World, for_ms: int = MINUTE) -> None:
    """Let the consumers of both queues work for a while."""
    end = work(world)
    world.clock.sleep_until(world.clock.now + for_ms)
    end()


def ident(reply: object) -> str:
    return str(reply.fields["message_id"])  # type: ignore[attr-defined]


def test_a_text_is_transactional_unless_it_says_bulk() -> None:
    world = make_world()

    asked = [world.enqueue(**fields) for fields in ({}, {"priority": "transactional"}, {"priority": "bulk"})]

    stored = [got(world.messages, ident(reply)) for reply in asked]
    assert [text.priority for text in stored] == ["transactional", "transactional", "bulk"]
    assert len(world.queue.stored) == 2
    assert len(world.bulk_queue.stored) == 1
    assert world.status(ident(asked[2])).fields["priority"] == "bulk"


@pytest.mark.parametrize("priority", ["urgent", "", 1, True, ["bulk"]])
def test_another_priority_is_refused_and_nothing_stored(priority: object) -> None:
    world = make_world()

    for reply in (world.enqueue(priority=priority), world.send(priority=priority)):
        assert (reply.status, reply.fields["field"]) == (400, "priority")

    assert world.messages.all == []
    assert len(world.queue.stored) == len(world.bulk_queue.stored) == 0


def test_a_code_leaves_before_a_campaign_to_the_same_person_and_all_keep_their_distance() -> None:
    world = make_world(make_settings(recipient_interval_ms=10_000))
    bulk = [ident(world.enqueue(message=f"Offer {number}", priority="bulk")) for number in range(5)]
    codes: list[str] = []
    world.clock.at(world.clock.now + 21_500, lambda: codes.append(ident(world.enqueue(message="Code"))))

    both(world, 2 * MINUTE)

    left = sorted(world.provider.texts, key=lambda text: text.taken_ms)
    assert [text.key for text in left] == [*bulk[:3], codes[0], *bulk[3:]]
    moments = [text.taken_ms for text in left]
    assert all(later - before >= 10_000 for before, later in pairwise(moments))
    code = got(world.messages, codes[0])
    # The third left a moment before.
    assert moments[3] - code.accepted_ms <= 10_500


def test_each_priority_has_a_place_and_a_bound_of_its_own() -> None:
    world = make_world(make_settings(max_pending_per_recipient=2))

    bulk = [world.enqueue(priority="bulk") for _ in range(3)]
    code = world.enqueue()

    assert [reply.status for reply in bulk] == [202, 202, 429]
    assert (code.status, code.fields["position"]) == (202, 1)
    before = Place(world.clock.now + 1, 0)
    lengths = {
        priority: world.messages.queue_length(THEIRS, at_most=9, before=before, priority=priority)
        for priority in Priority
    }
    assert lengths == {Priority.TRANSACTIONAL: 1, Priority.BULK: 2}


def test_a_pause_of_bulk_holds_bulk_alone_until_it_ends() -> None:
    world = make_world()
    world.limits.pause(world.clock.now, "wrong link", Priority.BULK)
    offer, code = world.enqueue(priority="bulk"), world.enqueue()

    both(world)

    assert [text.key for text in world.provider.texts] == [ident(code)]
    assert offer.fields["held_by"] == world.status(ident(offer)).fields["held_by"] == "paused"
    assert got(world.messages, ident(offer)).status is Status.QUEUED
    # POST /sms/send has a priority as well.
    refused = world.send(priority="bulk")
    assert (refused.status, refused.fields["code"]) == (503, "paused")
    assert world.send("+12025550124").status == 200

    world.limits.resume(Priority.BULK)
    both(world)

    assert ident(offer) in [text.key for text in world.provider.texts]


def test_a_pause_of_all_holds_both() -> None:
    world = make_world()
    world.limits.pause(world.clock.now, "")
    world.enqueue(priority="bulk")
    world.enqueue()

    both(world)

    assert world.provider.texts == []


def test_process_drains_both_queues_or_one() -> None:
    world = make_world()
    bulk, code = world.enqueue("+12025550124", priority="bulk"), world.enqueue()

    one = world.request("process", "POST", "/sms/queue/process", query={"priority": "bulk"})
    assert [text.key for text in world.provider.texts] == [ident(bulk)]
    assert (one.status, one.fields["remaining"]) == (200, 0)

    assert world.process().fields["processed"] == 1
    assert [text.key for text in world.provider.texts] == [ident(bulk), ident(code)]

    bad = world.request("process", "POST", "/sms/queue/process", query={"priority": "all"})
    assert (bad.status, bad.fields["field"]) == (400, "priority")


def test_a_scheduled_campaign_comes_into_its_own_queue_when_it_is_due() -> None:
    world = make_world()
    at_ms = world.clock.now + 30_000
    offer = ident(world.enqueue(priority="bulk", send_at=iso(at_ms)))
    assert len(world.queue.stored) == 0
    assert len(world.bulk_queue.stored) == 1, "its timer"

    both(world)

    (text,) = world.provider.texts
    assert text.key == offer
    assert at_ms <= text.taken_ms <= at_ms + 2_000


def test_a_scheduled_campaign_whose_timer_was_lost_comes_by_the_reconciler() -> None:
    world = make_world()
    offer = ident(world.enqueue(priority="bulk", send_at=iso(world.clock.now + 30_000)))
    world.bulk_queue.stored.clear()
    world.clock.pass_ms(90_000)

    world.reconcile()
    both(world)

    assert [text.key for text in world.provider.texts] == [offer]


def test_what_the_bulk_queue_did_not_take_is_put_there_by_the_reconciler() -> None:
    world = make_world()
    world.bulk_queue.faults.fail("put")
    offer = ident(world.enqueue(priority="bulk"))
    assert len(world.bulk_queue.stored) == 0
    world.clock.pass_ms(2 * MINUTE)

    world.reconcile()

    assert len(world.queue.stored) == 0
    assert len(world.bulk_queue.stored) == 1
    both(world)
    assert [text.key for text in world.provider.texts] == [offer]


def test_a_bulk_text_that_is_put_back_into_the_other_queue_still_leaves_once() -> None:
    """As by a redrive of dead letters by hand."""
    world = make_world()
    offer = ident(world.enqueue(priority="bulk"))
    (stored,) = list(world.bulk_queue.stored)
    world.queue.append(stored.body, stored.group, "by hand")

    both(world)

    assert [text.key for text in world.provider.texts] == [offer]
    assert len(world.queue.stored) == len(world.bulk_queue.stored) == 0


def test_bulk_takes_no_more_than_its_share_of_the_senders_rate_and_codes_the_rest() -> None:
    settings = make_settings(sender_segment_ms=1_000, daily_texts_per_key=0)
    world = make_world(replace(settings, campaign=replace(settings.campaign, transactional=50)))
    for number in range(60):
        world.enqueue(f"+1202555{100 + number:04d}", priority="bulk")

    both(world)

    # One in two seconds, as half is reserved.
    assert 27 <= len(world.provider.texts) <= 31


def test_a_bulk_texts_forecast_is_that_of_the_turns_that_bulk_has_taken() -> None:
    settings = make_settings(sender_segment_ms=1_000, daily_texts_per_key=0)
    world = make_world(settings)
    for number in range(40):
        world.enqueue(f"+1202555{100 + number:04d}", priority="bulk")
    both(world, 5_000)

    offer, code = world.enqueue("+12025550150", priority="bulk"), world.enqueue("+12025550151")

    waits_ms = [text.slot_ms or 0 for text in world.messages.all if text.status.waiting]
    assert offer.fields["held_by"] == HeldBy.SENDER_RATE
    assert offer.fields["eta"] >= iso(max(waits_ms))
    assert code.fields["eta"] <= iso(world.clock.now + 2_000)


def test_what_is_erased_of_a_person_leaves_neither_queue() -> None:
    world = make_world()
    for priority in ("bulk", "transactional"):
        world.enqueue(priority=priority)

    world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS})
    both(world)

    assert world.provider.texts == []
    for priority in Priority:
        assert world.messages.recipient_queue(THEIRS, until=END, at_most=9, priority=priority) == []


def test_codes_whose_queue_was_purged_are_seen_and_put_back_while_a_campaign_waits() -> None:
    world = make_world()
    world.limits.pause(world.clock.now, "wrong link", Priority.BULK)
    world.enqueue("+12025550124", priority="bulk")
    code = ident(world.enqueue())
    world.queue.stored.clear()
    world.clock.pass_ms(20 * MINUTE)

    world.reconcile()
    assert world.metrics.values[Metric.STRANDED_NOW][-1] == 1
    world.process()

    assert [text.key for text in world.provider.texts] == [code]
