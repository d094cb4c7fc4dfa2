"""`longcode cancel`: what it takes back, what it says of the rest, and when it asks."""

import re
from typing import Any

import pytest
from typer.testing import Result

from longcode.domain.carriers import Carrier
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.cancel import NOTE
from longcode_cli import terminal
from longcode_cli.problems import Problem
from tests.longcode_cli.world import NOW_MS, OTHERS, World, ident
from tests.support.places import got

pytestmark = pytest.mark.disable_socket

SPRING: dict[str, Any] = {"metadata": {"tag": "spring"}}


def status(world: World, number: int) -> Status:
    found = world.stack.messages.get(ident(number))
    assert found
    return found.status


def refused(result: Result, code: int = 1) -> str:
    assert result.exit_code == code, result.output
    return " ".join(re.sub("[│╭╮╰╯─]", " ", result.stdout + result.stderr).split())


@pytest.fixture
def spring(world: World) -> World:
    """Three texts of a tag that wait, one that is being sent, one that has ended; and one without the tag."""
    for number in (1, 2, 3):
        world.accept(ident(number), accepted_ms=NOW_MS + number, **SPRING)
    world.accept(ident(4), OTHERS, **SPRING)
    assert world.stack.messages.claim(ident(4), "claim", NOW_MS).won
    world.accept(ident(5), OTHERS, status=Status.FAILED, **SPRING)
    world.accept(ident(6))
    return world


def test_texts_are_cancelled_by_their_ids(world: World) -> None:
    for number in (1, 2):
        world.accept(ident(number))

    said = world.says("cancel", ident(1))

    assert (status(world, 1), status(world, 2)) == (Status.CANCELLED, Status.QUEUED)
    assert said == f"id result {ident(1)} cancelled"
    found = world.stack.messages.get(ident(1))
    assert found
    assert [(entry.source, entry.note) for entry in found.history] == [("operator", NOTE)]
    # A repeated call finds it cancelled.
    assert world.says("cancel", ident(1)) == said


def test_what_is_too_late_or_not_there_is_said_and_fails(world: World) -> None:
    world.accept(ident(1))
    world.submit(ident(2), "10000000-0000-4000-8000-000000000002")

    said = refused(world.run("cancel", ident(1), ident(2), ident(3)))

    assert (status(world, 1), status(world, 2)) == (Status.CANCELLED, Status.SUBMITTED)
    assert f"{ident(1)} cancelled {ident(2)} too late: submitted {ident(3)} not found" in said


def test_the_texts_of_a_tag_are_counted_cancelled_and_summed_up(spring: World) -> None:
    said = refused(spring.run("cancel", "--tag", "spring", "--yes"))

    assert [status(spring, number).value for number in (1, 2, 3, 4, 5, 6)] == [
        "cancelled", "cancelled", "cancelled", "sending", "failed", "queued",
    ]  # fmt: skip
    assert said.startswith("3 texts with the tag spring in stack long-code-test in eu-west-1 wait.")
    assert "result texts cancelled 3 too late: sending 1" in said
    assert "run it again in a minute" in said


def test_without_one_that_was_too_late_it_succeeds(world: World) -> None:
    world.accept(ident(1), **SPRING)

    said = world.says("cancel", "--tag", "spring", "--yes")

    assert status(world, 1) is Status.CANCELLED
    assert said.endswith("waits. result texts cancelled 1")


def test_a_dry_run_only_counts(spring: World) -> None:
    said = spring.says("cancel", "--tag", "spring", "--dry-run")

    assert status(spring, 1) is Status.QUEUED
    assert said.startswith("3 texts with the tag spring")
    assert said.endswith("too late: sending 1 Nothing was cancelled.")


def test_of_a_tag_it_asks_before(spring: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def no(question: str) -> None:
        asked.append(question)
        raise Problem("Nothing was done.", "")

    monkeypatch.setattr(terminal, "ask", no)
    said = refused(spring.run("cancel", "--tag", "spring"))

    assert status(spring, 1) is Status.QUEUED
    assert asked == ["Cancel 3 texts in stack long-code-test in eu-west-1?"]
    assert "Nothing was done." in said


def test_a_tag_that_nothing_waits_of_asks_nothing(world: World) -> None:
    assert world.says("cancel", "--tag", "spring") == (
        "0 texts with the tag spring in stack long-code-test in eu-west-1 wait."
    )


def test_more_texts_than_a_page_has_are_all_cancelled(world: World) -> None:
    for number in range(120):
        world.accept(ident(number), accepted_ms=NOW_MS + number, **SPRING)

    said = world.says("cancel", "--tag", "spring", "--yes")

    assert {status(world, number) for number in range(120)} == {Status.CANCELLED}
    assert said.endswith("cancelled 120")


def test_a_text_held_for_a_carrier_s_day_gives_its_place_back(world: World) -> None:
    world.accept(ident(1))
    world.stack.messages.hold(
        got(world.stack.messages, ident(1)), NOW_MS + 1, HeldBy.CARRIER_DAY_CAP, cap_day="2026-11-19"
    )
    key = {"pk": {"S": f"carrier#{Carrier.T_MOBILE}#2026-11-19"}}
    table = world.stack.outputs["LimitsTableName"]
    dynamodb = world.stack.client("dynamodb")
    dynamodb.put_item(TableName=table, Item=key | {"counted": {"N": "5"}})

    world.says("cancel", ident(1))

    assert dynamodb.get_item(TableName=table, Key=key)["Item"]["counted"] == {"N": "4"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Give the ids of texts, or --tag."),
        ((ident(1), "--tag", "spring"), "Give the ids of texts, or --tag."),
        (("no-id",), "no-id is not a message id."),
        ((ident(1), "no-id"), "no-id is not a message id."),
        (("--tag", " "), "A tag has 1 to 64 visible characters."),
        (("--tag", ""), "A tag has 1 to 64 visible characters."),
        ((ident(1), "--dry-run"), "--yes and --dry-run go with --tag."),
        ((ident(1), "--yes"), "--yes and --dry-run go with --tag."),
    ],
)
def test_bad_arguments_are_refused_and_cancel_nothing(world: World, arguments: Any, said: str) -> None:
    world.accept(ident(1), **SPRING)

    answer = refused(world.run("cancel", *arguments), code=2)

    assert status(world, 1) is Status.QUEUED
    assert said in answer


def test_with_until_final_the_words_of_a_cancelled_text_go(world: World) -> None:
    world.accept(ident(1))
    (row,) = [row for row in world.stack.describe()["Parameters"] if row["ParameterKey"] == "StoreText"]
    row["ParameterValue"] = "until_final"

    world.says("cancel", ident(1))

    found = world.stack.messages.get(ident(1))
    assert found
    assert (found.status, found.text) == (Status.CANCELLED, None)
