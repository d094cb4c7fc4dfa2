"""`longcode schedule`: what is held, and what is due when."""

import re
import time
from typing import Any

import pytest

from longcode.domain.message import Message, iso
from longcode.domain.status import HeldBy, Status
from tests.longcode_cli.world import OTHERS, THEIRS, World, ident

pytestmark = pytest.mark.disable_socket

MINUTE = 60_000
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def hold(world: World, number: int, due_ms: int, to: str = THEIRS, **more: Any) -> Message:
    fields: dict[str, Any] = {
        "status": Status.HELD,
        "send_at_ms": due_ms,
        "not_before_ms": due_ms,
        "held_by": HeldBy.SCHEDULE,
    }
    return world.accept(ident(number), to, **(fields | more))


def test_without_a_held_text_it_says_so(world: World) -> None:
    world.accept(ident(1))

    assert "held 0 texts" in world.says("schedule")
    found = world.json("schedule")
    assert (found["held"], found["next_at"], found["texts"], found["complete"]) == (0, None, [], True)


def test_what_is_due_comes_in_its_order_with_a_summary(world: World) -> None:
    now = now_ms()
    first = hold(world, 1, now + 5 * MINUTE, OTHERS, segments=3, metadata={"tag": "spring"})
    hold(world, 2, now + 5 * MINUTE + 1, held_by=HeldBy.QUIET_HOURS)
    hold(world, 3, now + 30 * HOUR)
    world.accept(ident(4))

    found = world.json("schedule", "--full")
    assert (found["held"], found["due"], found["later"], found["overdue"], found["by"]) == (3, 2, 1, 0, "hour")
    assert found["next_at"] == iso(first.ready_ms)
    assert sum(part["texts"] for part in found["summary"]) == 2
    assert sum(part["segments"] for part in found["summary"]) == 4
    assert [row["message_id"] for row in found["texts"]] == [ident(1), ident(2)]
    assert found["texts"][0] == {
        "message_id": ident(1),
        "to": OTHERS,
        "tag": "spring",
        "due": iso(first.ready_ms),
        "overdue": False,
        "held_by": "schedule",
        "segments": 3,
        "send_at": iso(first.ready_ms),
        "expires_at": None,
    }
    printed = world.says("schedule")
    assert "held 3 texts" in printed
    assert "later 1 text (--hours, --until)" in printed
    assert re.search(r"█", printed)
    assert printed.index(ident(1)) < printed.index(ident(2))
    assert "quiet hours" in printed
    assert "spring" in printed
    assert "+1…24" in printed
    assert OTHERS not in printed
    assert OTHERS in world.says("schedule", "--full")


def test_the_summary_is_by_minutes_hours_or_days(world: World) -> None:
    now = now_ms()
    for number in range(4):
        hold(world, number, now + 10 * DAY + number * DAY)

    for options, unit, due in (
        (("--hours", "1"), "minute", 0),
        (("--hours", "48"), "hour", 0),
        (("--until", iso(now + 11 * DAY + HOUR)), "day", 2),
        (("--hours", "2160"), "day", 4),
    ):
        found = world.json("schedule", *options)
        assert (found["by"], found["due"], len(found["summary"]), found["held"]) == (unit, due, due, 4), options
    assert world.json("schedule")["next_at"] == iso(now + 10 * DAY)


def test_one_tag_or_one_recipient(world: World) -> None:
    at = now_ms() + HOUR
    hold(world, 1, at, metadata={"tag": "spring"})
    hold(world, 2, at + 1, metadata={"tag": "autumn"})
    hold(world, 3, at + 2, OTHERS, metadata={"tag": "spring"})
    world.accept(ident(4))

    for options, ids in (
        (("--tag", "spring"), [1, 3]),
        (("--to", THEIRS), [1, 2]),
        (("--to", THEIRS, "--tag", "spring"), [1]),
        (("--tag", "none"), []),
    ):
        found = world.json("schedule", *options)
        assert [row["message_id"] for row in found["texts"]] == [ident(number) for number in ids], options
        assert found["held"] == len(ids)


def test_what_is_overdue_is_marked_and_what_waits_its_turn_is_not(world: World) -> None:
    now = now_ms()
    hold(world, 1, now - 10 * MINUTE)
    hold(world, 2, now - MINUTE)

    found = world.json("schedule")
    assert [row["overdue"] for row in found["texts"]] == [True, False]
    assert found["overdue"] == 1
    printed = world.says("schedule")
    assert re.search(r"overdue 1 text, up to 10 min", printed)
    assert re.search(r" now \+1…23 schedule", printed)


def test_it_says_where_it_stopped(world: World) -> None:
    at = now_ms() + HOUR
    for number in range(5):
        hold(world, number, at + number, f"+1202555011{number}")

    assert "… and 3 more texts (--rows)." in world.says("schedule", "--rows", "2")
    found = world.json("schedule", "--limit", "3")
    # The first of all parts, whichever part they are in.
    assert [row["message_id"] for row in found["texts"]] == [ident(number) for number in range(3)]
    assert (found["held"], found["complete"]) == (3, False)
    printed = world.says("schedule", "--limit", "3")
    assert "held at least 3 texts" in printed
    assert "more are held than that (--limit)" in printed
    assert world.json("schedule", "--limit", "5")["complete"] is True


def test_wrong_options_are_named(world: World) -> None:
    for option, value in (("--until", "2026-12-24"), ("--tag", " "), ("--to", "0123"), ("--hours", "0")):
        result = world.run("schedule", option, value)
        assert result.exit_code == 2, option
        assert option in result.output
