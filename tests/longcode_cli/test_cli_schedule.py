"""`longcode schedule`: what is due when."""

from dataclasses import replace

import pytest

from longcode.domain.message import iso
from longcode.domain.status import HeldBy, Status
from longcode_cli.commands import schedule
from tests.longcode_cli.world import NOW_MS, OTHERS, THEIRS, World, ident

pytestmark = pytest.mark.disable_socket

HOUR = 3_600_000


def hold(world: World, number: int, at_ms: int, *, to: str = THEIRS, held_by: HeldBy = HeldBy.SCHEDULE) -> None:
    """A text that is held until then."""
    world.accept(ident(number), to, NOW_MS - HOUR)
    message = world.stack.messages.get(ident(number))
    assert message
    assert world.stack.messages.put_off(message, at_ms, held_by, NOW_MS - HOUR)


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "now_ms", lambda: NOW_MS)


def test_without_a_held_text_it_says_so(world: World) -> None:
    world.accept(ident(1))
    assert "No text is held." in world.says("schedule")
    assert world.json("schedule") == {"held": 0, "late": 0, "complete": True, "by_hour": [], "texts": []}


def test_texts_come_by_their_time_with_what_holds_them(world: World) -> None:
    hold(world, 1, NOW_MS + 3 * HOUR)
    hold(world, 2, NOW_MS + HOUR, to=OTHERS, held_by=HeldBy.QUIET_HOURS)
    hold(world, 3, NOW_MS + HOUR + 1)

    found = world.json("schedule", "--full")

    assert [(row["message_id"], row["to"], row["held_by"]) for row in found["texts"]] == [
        (ident(2), OTHERS, "quiet_hours"), (ident(3), THEIRS, "schedule"), (ident(1), THEIRS, "schedule"),
    ]  # fmt: skip
    assert found["texts"][0]["due_at"] == iso(NOW_MS + HOUR)
    assert [row["texts"] for row in found["by_hour"]] == [2, 1]
    assert (found["held"], found["late"], found["complete"]) == (3, 0, True)
    printed = world.says("schedule")
    assert "3 texts are held, the first until" in printed
    assert "+1…24" in printed
    assert OTHERS not in printed
    assert world.json("schedule", "--hours", "2")["held"] == 2


def test_what_is_late_is_said(world: World) -> None:
    hold(world, 1, NOW_MS - 10 * 60_000)

    assert world.json("schedule")["texts"][0]["late"] is True
    assert "1 text should have left" in world.says("schedule")


def test_it_says_where_it_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Several pages of each part.
    monkeypatch.setattr(schedule, "_PAGE", 2)
    for number in range(9):
        hold(world, number, NOW_MS + HOUR)

    assert world.json("schedule")["held"] == 9
    assert len({row["message_id"] for row in world.json("schedule")["texts"]}) == 9
    printed = world.says("schedule", "--rows", "2", "--limit", "8")
    assert "… and 6 more (--rows)." in printed
    assert "Stopped after 8 texts: more are held than that (--limit)." in printed


def test_many_days_are_one_bar_a_day(world: World) -> None:
    for number in range(45):
        hold(world, number, NOW_MS + number * 25 * HOUR)

    printed = world.says("schedule", "--rows", "0")

    assert printed.count("█") >= 45
    assert f"{iso(NOW_MS)[:10]} " in printed


def test_one_that_was_claimed_since_is_not_shown(world: World) -> None:
    hold(world, 1, NOW_MS + 1_000)
    message = world.stack.messages.claim(ident(1), "claim", NOW_MS).message
    assert message == replace(message, status=Status.SENDING)  # type: ignore[type-var]

    assert world.json("schedule")["texts"] == []


def test_the_queue_says_how_many_are_held(world: World) -> None:
    far_ms = 4_000_000_000_000
    hold(world, 1, far_ms)
    hold(world, 2, far_ms + HOUR)

    found = world.json("queue")

    assert (found["held"], found["held_until"], found["texts"]) == (2, iso(far_ms), 0)
    assert "held 2, the first until" in world.says("queue")
    assert "held none" not in world.says("queue")
