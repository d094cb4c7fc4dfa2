"""Quiet hours are kept at departure: whatever put a text off, it does not leave in them, and is never dropped."""

from collections.abc import Callable
from typing import Any

import pytest

from longcode.domain.message import epoch_ms, iso
from longcode.domain.quiet_hours import QuietHours
from longcode.domain.status import Status
from tests.support.fakes import World, make_settings, make_world
from tests.support.fakes.provider import HANGS, RATE_LIMITED

pytestmark = pytest.mark.slow

MINUTE = 60_000
HOUR = 60 * MINUTE
NEW_YORK, IDAHO = "+12125550123", "+12085550123"
# A Thursday in New York, and the morning after it.
EVENING, MORNING = "2026-07-02T20:55:00-04:00", "2026-07-03T12:00:00.000Z"


def at(moment: str, **settings: Any) -> World:
    """A world with quiet hours, by the clock of a moment."""
    more: dict[str, Any] = {"max_pending_per_recipient": 10_000, "daily_texts_per_key": 0}
    found = make_world(make_settings(quiet_hours=QuietHours.parse("21:00-08:00"), **more, **settings))
    found.clock.now = epoch_ms(moment)  # type: ignore[assignment]
    return found


def ms(moment: str) -> int:
    found = epoch_ms(moment)
    assert found is not None
    return found


def marketing(world: World, text: str, to: str = NEW_YORK, **fields: Any) -> str:
    return str(world.enqueue(to, text, category="marketing", **fields).fields["message_id"])


def run(world: World, until: int, *, concurrency: int = 5) -> None:
    """Let the consumer and, each minute, the reconciler work until then."""
    next_ms = [world.clock.now + MINUTE // 2]

    def minute() -> None:
        next_ms[0] += MINUTE
        world.reconcile()

    world.clock.standing.append(lambda: (next_ms[0], minute))
    try:
        while world.clock.now < until:
            stop_ms = min(next_ms[0], until)
            world.consume(until_ms=stop_ms, concurrency=concurrency, at_most=10**7)
            world.clock.sleep_until(stop_ms)
    finally:
        world.clock.standing.clear()


def sent(world: World, since: int = 0) -> list[str]:
    return [text.text for text in world.provider.texts if text.taken_ms >= since]


def refuse(world: World, times: int) -> None:
    for _ in range(times):
        world.provider.then(RATE_LIMITED, to=NEW_YORK)


def test_what_would_leave_after_its_slots_in_quiet_hours_waits_until_morning_in_order() -> None:
    world = at("2026-07-02T20:58:00-04:00")
    for number in range(100):
        world.clock.pass_ms(1)
        marketing(world, str(number))
    for number in range(100, 200):
        marketing(world, str(number))

    run(world, ms(MORNING) + 5 * MINUTE)

    assert sent(world) == [str(number) for number in range(200)]
    evening = [text for text in world.provider.texts if text.taken_ms < ms("2026-07-02T21:00:00-04:00")]
    # A second each until the margin before nine.
    assert 95 <= len(evening) <= 105
    assert {text.taken_ms >= ms(MORNING) for text in world.provider.texts[len(evening) :]} == {True}
    # A second each again, from eight on.
    assert world.provider.texts[-1].taken_ms - ms(MORNING) <= (200 - len(evening)) * 1_030 + 2_000


def test_a_campaign_that_runs_into_the_night_leaves_the_senders_limit_to_others() -> None:
    # A segment in two seconds: 300 texts take ten minutes, five of them in the night.
    world = at(EVENING, sender_segment_ms=2_000)
    ids = [marketing(world, "news", f"+1212555{number:04d}") for number in range(100, 400)]
    run(world, ms("2026-07-02T21:02:00-04:00"))
    held = [ident for ident in ids if world.messages.get(ident).status is Status.HELD]  # type: ignore[union-attr]
    assert 140 <= len(held) <= 165
    assert {world.status(ident).fields["held_by"] for ident in held} == {"quiet_hours"}
    assert {world.status(ident).fields["eta"] for ident in held} == {MORNING}

    code_ms = world.clock.now
    world.enqueue(IDAHO, "a code")
    run(world, code_ms + MINUTE)

    assert sent(world, code_ms) == ["a code"]
    # At most the slots of the batch at the edge were for nothing.
    assert world.provider.texts[-1].taken_ms - code_ms <= 22_000
    run(world, ms(MORNING) + 8 * MINUTE)
    morning = [text.taken_ms for text in world.provider.texts if text.taken_ms >= ms(MORNING)]
    assert len(morning) == len(held)
    assert max(morning) - ms(MORNING) <= len(held) * 2_000 * 100 // 95


@pytest.mark.parametrize("trouble", ["pause", "breaker", "backoff", "slow stores"])
def test_what_is_put_off_into_the_night_by_something_else_waits_until_morning(trouble: str) -> None:
    world = at(EVENING)
    troubles: dict[str, Callable[[], object]] = {
        "pause": lambda: world.limits.pause(world.clock.now, "by hand"),
        "breaker": lambda: world.limits.open_breaker(
            world.clock.now, ms("2026-07-02T21:10:00-04:00"), "20100 no credit"
        ),
        "backoff": lambda: refuse(world, 8),
        "slow stores": lambda: setattr(world.messages.faults, "takes", lambda: world.clock.pass_ms(40_000)),
    }
    ident = marketing(world, "news")
    world.enqueue(IDAHO, "a code")
    if trouble == "slow stores":
        world.clock.sleep_until(ms("2026-07-02T20:59:00-04:00"))
    troubles[trouble]()
    world.clock.at(ms("2026-07-02T21:20:00-04:00"), world.limits.resume)

    run(world, ms("2026-07-02T21:30:00-04:00"))
    world.messages.faults.takes = lambda: None
    run(world, ms(MORNING) + 10 * MINUTE)

    took = {text.text: text.taken_ms for text in world.provider.texts}
    assert took.keys() == {"news", "a code"}
    night = ms("2026-07-02T21:00:00-04:00")
    assert not night <= took["news"] < ms(MORNING), iso(took["news"])
    assert world.messages.get(ident).status is Status.SUBMITTED  # type: ignore[union-attr]


def test_a_text_in_doubt_is_not_repeated_in_quiet_hours() -> None:
    world = at("2026-07-02T20:58:00-04:00")
    world.provider.then(HANGS)
    marketing(world, "news")
    run(world, world.clock.now + 20_000)
    assert len(world.provider.requests) == 1

    run(world, ms(MORNING) - 1)
    assert len(world.provider.requests) == 1

    run(world, ms(MORNING) + 2 * HOUR)
    assert len(world.provider.requests) >= 2


def test_what_was_taken_along_does_not_lose_the_only_queue_message_to_one_that_is_held() -> None:
    world = at(EVENING)
    world.limits.push("to#" + NEW_YORK, ms("2026-07-02T21:05:00-04:00"))
    world.enqueue(NEW_YORK, "a code")
    world.queue.stored.clear()
    marketing(world, "news")

    run(world, ms("2026-07-02T21:30:00-04:00"))

    assert sent(world) == ["a code"]
    run(world, ms(MORNING) + MINUTE)
    assert sent(world) == ["a code", "news"]


def test_a_held_text_is_counted_for_no_carriers_day() -> None:
    from longcode.domain.campaign import CampaignSettings

    world = at(EVENING, campaign=CampaignSettings(t_mobile_per_day=1_000))
    world.limits.push("to#" + NEW_YORK, ms("2026-07-02T21:05:00-04:00"))
    for number in range(5):
        marketing(world, str(number))
    run(world, ms("2026-07-02T21:30:00-04:00"))

    assert sent(world) == []
    assert {message.cap_day for message in world.messages.all} == {None}
    assert sum(world.carriers.counted.values()) == 0
    run(world, ms(MORNING) + MINUTE)
    assert sent(world) == ["0", "1", "2", "3", "4"]
    assert sum(world.carriers.counted.values()) == 5
