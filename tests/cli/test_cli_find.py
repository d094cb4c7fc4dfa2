"""`longcode find`: the search of GET /sms/messages, for an operator."""

import time
from typing import Any

import pytest

from longcode import http
from longcode.message import Message, iso
from tests.cli.world import OTHERS, THEIRS, World, ident, run

pytestmark = pytest.mark.disable_socket


def _minutes_ago(minutes: int) -> int:
    return time.time_ns() // 1_000_000 - minutes * 60_000


# Of the last two hours.
LATELY = ("--since", iso(_minutes_ago(120)))


@pytest.fixture
def texts(world: World) -> dict[int, Message]:
    """Three texts, the oldest first."""
    spring: dict[str, Any] = {"metadata": {"tag": "spring"}}
    return {
        1: world.accept(ident(1), THEIRS, _minutes_ago(30), **spring),
        2: world.accept(ident(2), OTHERS, _minutes_ago(20), **spring),
        3: world.accept(ident(3), THEIRS, _minutes_ago(10)),
    }


def _ids(world: World, *arguments: str) -> list[int]:
    return [int(row["message_id"][-12:]) for row in world.json("find", *arguments)["messages"]]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (LATELY, [3, 2, 1]),
        (("--to", THEIRS), [3, 1]),
        (("--tag", "spring"), [2, 1]),
        (("--tag", "spring", "--to", THEIRS), [1]),
        (("--status", "delivered"), []),
        (("--from", THEIRS), []),
    ],
)
def test_texts_are_found_by_person_tag_and_status_the_newest_first(
    world: World, texts: dict[int, Message], arguments: tuple[str, ...], found: list[int]
) -> None:
    assert _ids(world, *arguments) == found


def test_a_page_says_how_to_go_on(world: World, texts: dict[int, Message]) -> None:
    asked = (*LATELY, "--limit", "2")
    first = world.json("find", *asked)
    assert len(first["messages"]) == 2
    assert f"--cursor {first['cursor']}" in world.says("find", *asked)
    assert _ids(world, *asked, "--cursor", first["cursor"]) == [1]


def test_neither_numbers_nor_words_are_shown_unless_asked_for(world: World, texts: dict[int, Message]) -> None:
    told = world.says("find", *LATELY) + world.run("find", *LATELY, "--json").output
    assert "to +1…23 queued" in told
    for hidden in (THEIRS, OTHERS, "The words", "spring"):
        assert hidden not in told
    full = world.says("find", "--full", "--to", THEIRS)
    assert THEIRS in full
    assert "The words of the text" in full


def test_the_full_json_is_the_apis_own_answer(world: World, texts: dict[int, Message]) -> None:
    stored = [message for number in (3, 2, 1) if (message := world.target.messages.get(ident(number)))]
    assert world.json("find", *LATELY, "--full") == http.message_page(stored, None).fields


def test_nothing_found_says_so(world: World) -> None:
    assert world.says("find", *LATELY) == "None."


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("--to", "everybody"), "--to"),
        (("--status", "lost"), "--status"),
        (("--since", "yesterday"), "--since"),
        ((*LATELY, "--limit", "0"), "--limit"),
        ((*LATELY, "--cursor", "x"), "--cursor"),
        ((), "Say what to look for"),
    ],
)
def test_a_search_that_can_not_be_made_names_its_option(arguments: tuple[str, ...], field: str) -> None:
    result = run("find", *arguments)
    assert result.exit_code == 2
    assert field in result.stderr
