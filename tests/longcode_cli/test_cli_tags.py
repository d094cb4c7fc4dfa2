"""`longcode tags`, and pause and resume of a tag or a carrier."""

import time
from decimal import Decimal

import pytest

from longcode.domain.events import Counted
from longcode.domain.status import Status
from longcode.domain.tag_brake import Pause, Subject, SubjectKind, Tally
from longcode_cli import campaigns
from tests.longcode_cli.world import NAME, OURS, REGION, THEIRS, World, ident, run

pytestmark = pytest.mark.disable_socket

SALE = Subject(SubjectKind.TAG, "sale")
ATT = Subject(SubjectKind.CARRIER, "att")


def _now() -> int:
    return time.time_ns() // 1_000_000


def counted(world: World, tag: str = "sale", texts: int = 3, days_ago: int = 0) -> None:
    """So many texts of a tag are counted: one waits, the others were delivered."""
    accepted_ms = _now() - days_ago * 86_400_000
    more: dict[tuple[str, str], int | Decimal] = {
        (tag, "att.delivered"): texts - 1,
        (tag, "unknown.queued"): 1,
        (tag, "taken"): texts - 1,
        (tag, "segments"): 2 * texts - 2,
        (tag, "opted_out"): 1,
        (tag, "cost.USD"): Decimal("0.0102"),
    }
    rows = [Counted(f"{tag}-{number}", None, (Status.DELIVERED, tag)) for number in range(texts - 1)]
    rows.append(Counted(f"{tag}-last", None, (Status.QUEUED, tag), more, tag, accepted_ms))
    campaigns.counters(world.stack).add(rows, _now())


def test_the_tags_of_the_last_days_are_a_row_each_and_what_is_paused_says_why(world: World) -> None:
    assert world.says("tags") == "No text of the last 3 days has a tag."
    counted(world)
    counted(world, "news")
    counted(world, "old", days_ago=10)
    why = Pause(_now(), "13 of the last 60 texts failed (limit 20 %)", "brake")
    campaigns.brakes(world.stack).pause(SALE, why)

    printed = world.says("tags")

    assert printed.startswith("tag texts wait delivered failed opted out finishes")
    assert "news 3 1 2 0 1 (50.00%) at once" in printed
    assert "sale 3 1 2 0 1 (50.00%) when resumed" in printed
    assert "sale is paused since " in printed
    assert "by its brake: 13 of the last 60 texts failed (limit 20 %)" in printed
    assert printed.count("paused") == 1
    assert " old 3 " not in printed
    assert " old 3 " in world.says("tags", "--days", "12")


def test_a_long_tag_leaves_the_numbers_whole(world: World) -> None:
    tag = "summer" * 10
    counted(world, tag, texts=12_345)

    result = run("tags", "--stack", NAME, "--region", REGION, env={"COLUMNS": "80"})

    assert "12,345 1 12,344 0 1 (0.01%) at once" in " ".join(result.stdout.split())


def test_one_tag_has_all_of_it(world: World) -> None:
    counted(world)
    world.accept(ident(1), THEIRS, _now() - 60_000, metadata={"tag": "sale"})
    campaigns.brakes(world.stack).add(SALE, Tally(40, 2, 1, 0), _now(), _now())

    printed = world.says("tags", "sale")

    for words in (
        "3: 1 queued, 2 delivered",
        "2 delivered",
        "2 texts of 4 segments in all",
        "0.0102 USD",
        "1 (50.00%)",
        "40 sent, 2 failed, 1 stopped by a filter, 0 opted out",
        "(1 min ago)",
        "about ",
    ):
        assert words in printed, words
    assert THEIRS not in printed


def test_a_script_gets_what_the_route_answers(world: World) -> None:
    counted(world)

    (row,) = world.json("tags", "sale")["tags"]

    assert (row["tag"], row["counts"], row["cost"]) == (
        "sale",
        {"queued": 1, "delivered": 2},
        {"amount": "0.0102", "currency": "USD"},
    )
    assert [one["tag"] for one in world.json("tags")["tags"]] == ["sale"]


def test_a_tag_is_paused_and_resumed_by_a_word(world: World) -> None:
    for subject, option in ((SALE, ("--tag", "sale")), (ATT, ("--carrier", "att"))):
        brakes = campaigns.brakes(world.stack)

        printed = world.says("pause", *option, "--reason", "wrong link")
        pause = brakes.standings([subject], _now())[subject].pause
        assert pause
        assert (pause.reason, pause.by) == ("wrong link", "operator")
        assert "are paused" in printed
        assert "by an operator: wrong link" in world.says("pause", *option, "--reason", "another")
        # All other sending goes on.
        gate = world.stack.limits.read_gate(THEIRS, OURS, tag="sale")
        assert gate.control.paused_since_ms is None

        if subject is ATT:
            assert "Bulk texts to AT&T are paused since" in world.says("queue")
        assert "wrong link" in world.says("resume", *option)
        assert brakes.standings([subject], _now())[subject].pause is None
        assert "were not paused" in world.says("resume", *option)


def test_a_name_that_can_be_none_is_refused_before_anything_is_done(world: World) -> None:
    for arguments, words in (
        (("pause", "--tag", " x "), "--tag"),
        (("resume", "--carrier", "sprint"), "att, t_mobile"),
        (("pause", "--tag", "a", "--carrier", "att"), "a tag or a carrier"),
        (("tags", " x "), "TAG"),
    ):
        done = world.run(*arguments)
        assert done.exit_code == 2, arguments
        assert words in done.output, arguments
    assert world.stack.limits.read_gate("", OURS).control.paused_since_ms is None
