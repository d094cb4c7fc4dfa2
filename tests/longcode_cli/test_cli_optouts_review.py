"""`longcode optouts review` and `dismiss`: what may ask for an end is read by a person, and answered."""

from dataclasses import replace

import pytest

from longcode.domain.opt_outs import Unclear
from longcode.domain.status import Status
from longcode.use_cases import opt_outs
from tests.longcode_cli.world import NOW_MS, OTHERS, OURS, THEIRS, World, ident, text


def came_in(world: World, number: int, sender: str, words: str) -> str:
    message = text(
        ident(number),
        OURS,
        NOW_MS + number,
        direction="inbound",
        status=Status.RECEIVED,
        sender=sender,
        text=words,
        route="webhook",
        opt_out="unclear",
    )
    assert world.stack.messages.receive(message)
    assert opt_outs.note_unclear(world.stack.optouts, sender, Unclear(NOW_MS + number, message.id))
    return message.id


@pytest.fixture
def replies(world: World) -> list[str]:
    """Three texts of two people, of whom one is far from clear."""
    return [
        came_in(world, 1, THEIRS, "Please stop"),
        came_in(world, 2, OTHERS, "Stop by at five, no more texts needed"),
        came_in(world, 3, THEIRS, "I said stop"),
    ]


def test_what_waits_for_an_answer_is_shown_with_how_to_answer_and_without_numbers(
    world: World, replies: list[str]
) -> None:
    said = world.says("optouts", "review")

    assert [word for word in said.split() if word in replies] == [replies[0], replies[2], replies[1]]
    assert "longcode optouts add ID" in said
    assert "longcode optouts dismiss ID" in said
    assert not any(secret in said for secret in (THEIRS, OTHERS, "Please"))
    full = world.says("optouts", "review", "--full")
    assert all(shown in full for shown in (THEIRS, OTHERS, "Please stop", "no more texts needed"))


def test_a_script_has_them_too(world: World, replies: list[str]) -> None:
    rows = world.json("optouts", "review")["unclear"]

    assert [row["message_id"] for row in rows] == [replies[0], replies[2], replies[1]]
    assert {row["from"] for row in rows} == {"+1…23", "+1…24"}
    assert {row["text"] for row in rows} == {None}


def test_one_is_dismissed_by_its_id_and_the_others_stay(world: World, replies: list[str]) -> None:
    assert world.says("optouts", "dismiss", replies[1]) == "1 text of +1…24 dismissed."
    assert world.says("optouts", "dismiss", replies[1]) == "Nothing of +1…24 is to review."

    assert [row["message_id"] for row in world.json("optouts", "review")["unclear"]] == [replies[0], replies[2]]
    entry = world.stack.optouts.get(OTHERS)
    assert entry
    assert (entry.opted_out, [one.dismissed_ms is None for one in entry.unclear]) == (False, [False])


def test_an_opt_out_by_the_id_of_a_text_answers_all_of_that_person(world: World, replies: list[str]) -> None:
    world.says("optouts", "add", replies[0])

    assert [row["message_id"] for row in world.json("optouts", "review")["unclear"]] == [replies[1]]
    assert world.stack.limits.read_gate(THEIRS, OURS).opted_out


def test_all_of_a_person_are_dismissed_by_the_number_as_when_their_texts_are_erased(
    world: World, replies: list[str]
) -> None:
    assert world.says("optouts", "dismiss", THEIRS) == "2 texts of +1…23 dismissed."
    world.says("optouts", "dismiss", OTHERS)

    assert world.says("optouts", "review") == "No text waits for an answer."


def test_where_unclear_texts_hold_it_says_so_and_the_queue_shows_what_is_held(
    world: World, replies: list[str]
) -> None:
    assert "No text leaves" not in world.says("optouts", "review")
    (row,) = [row for row in world.stack.describe()["Parameters"] if row["ParameterKey"] == "HoldOnUnclear"]
    row["ParameterValue"] = "true"
    world.accept(ident(9))

    assert "No text leaves for these people" in world.says("optouts", "review")
    (row,) = world.json("queue")["waiting"]
    assert (row["held_by"], row["eta"]) == ("opt_out_unclear", None)
    assert "after review" in world.says("queue")
    assert "waits for an answer to their text (longcode optouts review)" in world.says("status", ident(9))


def test_more_than_a_screen_is_cut_and_said(world: World) -> None:
    for number in range(25):
        sender = replace(text(ident(0)), sender=f"+1303555{number:04}").sender
        came_in(world, number + 1, sender, "Please stop")

    said = world.says("optouts", "review")

    assert "… and 5 more texts (--full, --json)." in said
