"""Texts in doubt: repeated in time, one after the other; and for how long they hold up those behind them."""

import itertools

import pytest

from longcode.domain.status import Status
from tests.faults.matrix import HOUR, MINUTE, Evidence, Stage
from tests.faults.outages import Patient
from tests.support.fakes import provider as behaviours
from tests.support.fakes.provider import refuses

pytestmark = pytest.mark.slow

TO = "+12025550123"
OTHERS = [f"+1202555{131 + number:04}" for number in range(4)]


@pytest.mark.parametrize(("interval_s", "doubts"), [(600, 1), (3_600, 1), (120, 4), (60, 4), (30, 4), (1, 4)])
def test_doubts_at_any_pace_are_settled_and_the_recipient_queue_goes_on(interval_s: int, doubts: int) -> None:
    stage = Stage(recipient_interval_ms=interval_s * 1000, idle_reconciles=True)
    world, provider = stage.world, stage.world.provider
    texts = 9 if interval_s < 3_600 else 6
    ids = [world.enqueue(TO, str(number), key=str(number)).fields["message_id"] for number in range(texts)]
    for ident in ids[:doubts]:
        provider.then(behaviours.FAILS_500, to=ident)
    stage.run(23 * HOUR)

    assert [provider.taken(ident) for ident in ids] == [1] * texts
    arrivals = provider.arrivals(TO)
    assert all(later - sooner >= interval_s * 1000 for sooner, later in itertools.pairwise(arrivals))
    # All of it takes its pace, and the replays ten minutes or so each.
    assert arrivals[-1] - arrivals[0] <= (texts + doubts) * interval_s * 1000 + (doubts + 2) * 10 * MINUTE


def test_an_outage_that_comes_and_goes_fails_nothing() -> None:
    stage = Stage(validity_minutes=2 * 1440)
    world, provider = stage.world, stage.world.provider
    refused = refuses(403, "40300", "The number is not on a messaging profile")
    for number in range(6):
        began = stage.start_ms + number * 61 * MINUTE
        stage.clock.at(began, lambda: setattr(provider, "usual", refused))
        stage.clock.at(began + 60 * MINUTE, lambda: setattr(provider, "usual", behaviours.ACCEPTS))
        for to in OTHERS[:3]:
            stage.clock.at(began + MINUTE, lambda to=to: world.enqueue(to, key=f"{to}/{stage.clock.now}"))  # type: ignore[misc]
    stage.run(20 * HOUR)

    assert {message.status for message in world.messages.all} == {Status.DELIVERED}
    assert len(provider.texts) == 18


def test_without_an_outage_a_doubt_holds_up_no_one() -> None:
    stage = Stage(evidence=Evidence.NOTHING)
    world, provider = stage.world, stage.world.provider
    provider.shows_queued = False
    provider.records_readable = False
    provider.then(behaviours.HANGS, to=TO)
    world.enqueue(TO, "in doubt", key="0")
    for number in range(30):
        # Another recipient's answers are lost now and then.
        at = stage.start_ms + number * 4 * MINUTE
        stage.clock.at(at, lambda: provider.then(behaviours.ACCEPTS_THEN_DROPS, to=OTHERS[0]))
        stage.clock.at(at + 1, lambda number=number: world.enqueue(OTHERS[0], key=f"o{number}"))  # type: ignore[misc]
        stage.clock.at(at + 60_000, lambda number=number: world.enqueue(OTHERS[1], key=f"p{number}"))  # type: ignore[misc]
    asked = stage.start_ms + HOUR
    stage.clock.at(asked, lambda: world.enqueue(TO, "behind", key="1"))
    stage.run(3 * HOUR)

    (behind,) = [text for text in provider.texts if text.text == "behind"]
    assert behind.taken_ms - asked <= 2_000


def test_a_replays_clear_answer_is_recorded_though_another_write_fails() -> None:
    stage = Patient(honours_keys=False, evidence=Evidence.NOTHING)
    world, provider = stage.world, stage.world.provider
    provider.shows_queued = False
    provider.then(behaviours.FAILS_500)
    world.enqueue(TO, key="0")
    stage.run(9 * MINUTE)
    world.limits.faults.fail("push", skip=1)
    stage.run(3 * HOUR)

    assert len(provider.texts) == 1
    assert len(provider.requests) == 2


def test_after_a_short_outage_what_waits_leaves_at_once_and_not_after_what_is_in_doubt() -> None:
    stage = Stage()
    world, provider = stage.world, stage.world.provider
    provider.usual = behaviours.FAILS_500
    for number in range(3):
        for to in OTHERS:
            world.enqueue(to, str(number), key=f"{number}/{to}")
    ended = stage.start_ms + 45_000
    stage.clock.at(ended, lambda: setattr(provider, "usual", behaviours.ACCEPTS))
    stage.run(2 * MINUTE)

    left = [message for message in world.messages.all if message.status is Status.DELIVERED]
    doubtful = [message for message in world.messages.all if message.status is Status.UNKNOWN]
    assert len(left) + len(doubtful) == 12
    assert len(left) >= 5
    stage.run(15 * MINUTE)
    assert {message.status for message in world.messages.all} == {Status.DELIVERED}
    assert len(provider.texts) == 12
