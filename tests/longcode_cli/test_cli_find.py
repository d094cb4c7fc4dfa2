"""`longcode find`: the search of GET /sms/messages, for an operator."""

import time
from dataclasses import replace
from typing import Any

import pytest

from longcode.domain.message import Message, iso
from longcode.domain.opt_outs import OptOutChange
from longcode.domain.status import Status
from longcode.entrypoints import responses
from longcode.use_cases import opt_outs
from tests.longcode_cli.world import OTHERS, OURS, THEIRS, World, ident, run, text

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
        (("--with", THEIRS), [3, 1]),
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
    printed = world.says("find", *LATELY) + world.run("find", *LATELY, "--json").output
    assert "to +1…23 queued" in printed
    for hidden in (THEIRS, OTHERS, "The words", "spring"):
        assert hidden not in printed
    full = world.says("find", "--full", "--to", THEIRS)
    assert THEIRS in full
    assert "The words of the text" in full


def test_the_full_json_is_the_apis_own_answer(world: World, texts: dict[int, Message]) -> None:
    stored = [message for number in (3, 2, 1) if (message := world.stack.messages.get(ident(number)))]
    assert world.json("find", *LATELY, "--full") == responses.message_page(stored, None).fields


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


# ------------------------------------------------------------------------------ what may be a request to stop


@pytest.fixture
def unclear(world: World) -> Message:
    """A text from THEIRS that a person has to read."""
    fields: dict[str, Any] = {
        "direction": "inbound",
        "status": Status.RECEIVED,
        "sender": THEIRS,
        "recipient": OURS,
    }
    message = text(ident(9), OURS, _minutes_ago(5), **fields, opt_out="unclear", route="webhook")
    assert world.stack.messages.receive(message)
    assert world.stack.messages.receive(replace(message, id=ident(8), opt_out=None))
    return message


def test_what_may_be_a_request_to_stop_is_found_and_what_to_do_is_said(world: World, unclear: Message) -> None:
    assert _ids(world, "--unclear") == [9]
    assert _ids(world, "--unclear", "--from", THEIRS) == [9]
    said = world.says("find", "--unclear")
    assert "from +1…23 received may ask for an end" in said
    assert "longcode optouts add ID" in said
    assert THEIRS not in said
    assert "perhaps a request to stop" in world.says("status", ident(9))


def test_a_search_for_it_among_texts_that_were_sent_names_its_option(world: World) -> None:
    result = run("find", "--unclear", "--to", THEIRS)
    assert (result.exit_code, "--unclear" in result.stderr) == (2, True)


@pytest.mark.parametrize("who", [ident(9), THEIRS, THEIRS[1:]])
def test_who_wants_no_more_texts_is_opted_out_by_a_text_or_a_number(
    world: World, unclear: Message, who: str
) -> None:
    said = world.says("optouts", "add", who)

    entry = world.stack.optouts.get(THEIRS)
    assert entry
    assert (entry.opted_out, entry.changes[-1].source) == (True, "operator")
    assert entry.changes[-1].note == (ident(9) if who == ident(9) else "")
    assert world.stack.limits.read_gate(THEIRS, OURS).opted_out
    assert said == "+1…23 is opted out: no more texts go there."
    assert world.says("optouts", "add", who) == "+1…23 was opted out already."


def test_a_sender_of_the_ledger_can_be_opted_out_again(world: World) -> None:
    entry = opt_outs.decide("ACME Inc", None, OptOutChange(1, False, "keyword"), 1)
    assert entry
    assert world.stack.optouts.replace(None, entry)

    world.says("optouts", "add", "ACME Inc")

    found = world.stack.optouts.get("ACME Inc")
    assert found
    assert found.opted_out


def test_an_unknown_person_is_not_opted_out(world: World, texts: dict[int, Message]) -> None:
    problems = {
        who: world.run("optouts", "add", who) for who in ("bob", "202-555-0123", ident(7), ident(1), "40404")
    }

    assert {who: result.exit_code for who, result in problems.items()} == {
        **dict.fromkeys(("bob", "202-555-0123", "40404"), 2),
        **dict.fromkeys((ident(7), ident(1)), 1),
    }
    assert "E.164" in problems["bob"].stderr
    assert "is a text that was sent" in problems[ident(1)].stderr
    assert list(world.stack.optouts.page(None, 10)) == []


def test_a_thread_has_no_filter_but_time(world: World, texts: dict[int, Message]) -> None:
    for other in (("--to", THEIRS), ("--tag", "spring"), ("--status", "sent")):
        result = run("find", "--with", THEIRS, *other)
        assert result.exit_code == 2
        assert f"--{other[0][2:]}" in result.stderr
