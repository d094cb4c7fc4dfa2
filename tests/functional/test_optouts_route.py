"""/sms/optouts: an operator's word counts like any other, by when it was said."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from longcode.domain.opt_outs import OptOut, OptOutChange
from tests.functional.conftest import nothing_happened
from tests.support.fakes import OURS, THEIRS, FakeOptOuts, Reply, World, call, make_world
from tests.support.fakes.clock import START_MS
from tests.support.fakes.webhooks import inbound


def ask(world: World, method: str) -> Reply:
    return world.request("optouts", method, "/sms/optouts/{number}", parameters={"number": THEIRS})


def test_a_number_is_opted_out_and_in_again_and_the_answer_says_how_it_came_to_that(world: World) -> None:
    out = ask(world, "PUT")
    world.clock.pass_ms(1_000)
    back = ask(world, "DELETE")
    world.clock.pass_ms(1_000)

    assert [row["opted_out"] for row in out.fields["history"]] == [True]
    assert ask(world, "GET").fields == back.fields
    assert set(back.fields) == {"number", "opted_out", "source", "scope", "timestamp", "history", "unclear"}
    assert [out.fields["scope"], out.fields["history"][0]["scope"]] == ["all", "all"]
    assert (back.fields["number"], back.fields["opted_out"], back.fields["source"]) == (THEIRS, False, "api")
    assert back.fields["timestamp"] == "2023-11-14T22:13:21.000Z"
    assert [(row["at"], row["opted_out"]) for row in back.fields["history"]] == [
        ("2023-11-14T22:13:20.000Z", True),
        ("2023-11-14T22:13:21.000Z", False),
    ]


def test_who_may_have_asked_for_an_end_is_listed_until_it_is_answered(world: World) -> None:
    for number in range(103):
        sender = f"+1202555{number:04}"
        world.webhook(inbound(sender, "Please stop", world.clock.now, to=OURS, telnyx_id=IDS[number]))
        world.clock.pass_ms(1)

    first = unclear(world)
    second = unclear(world, first.fields["cursor"])
    answered = [route(world, method, f"+1202555000{at}").status for at, method in enumerate(("PUT", "DELETE"))]
    left = unclear(world).fields["unclear"]

    assert [len(page.fields["unclear"]) for page in (first, second)] == [100, 3]
    assert second.fields["cursor"] is None
    text = {"message_id": IDS[0], "at": "2023-11-14T22:13:20.000Z"}
    assert first.fields["unclear"][0] == {"number": "+12025550000", "texts": [text]}
    assert answered == [200, 200]
    assert [row["number"] for row in left[:2]] == ["+12025550002", "+12025550003"]
    assert [world.optouts.entries[f"+1202555000{number}"].opted_out for number in range(3)] == [True, False, False]


IDS = [f"00000000-0000-4000-8000-{number:012}" for number in range(103)]


def unclear(world: World, cursor: str | None = None) -> Reply:
    event = call("GET", "/sms/optouts/{number}", parameters={"number": "unclear"})
    event["queryStringParameters"] = {"cursor": cursor} if cursor else None
    return Reply.of(world.invoke("optouts", event))


def test_a_number_with_nothing_but_an_unclear_text_has_no_state_yet(world: World) -> None:
    world.webhook(inbound(THEIRS, "Please stop", world.clock.now, to=OURS, telnyx_id=IDS[0]))

    assert ask(world, "GET").fields == {
        "number": THEIRS,
        "opted_out": False,
        "source": None,
        "scope": None,
        "timestamp": None,
        "history": [],
        "unclear": [{"message_id": IDS[0], "at": "2023-11-14T22:13:20.000Z", "dismissed_at": None}],
    }


def route(world: World, method: str, number: str) -> Reply:
    """The route of one sender, escaped as a caller has to."""
    return world.request("optouts", method, "/sms/optouts/{number}", parameters={"number": quote(number, safe="")})


def pages(world: World) -> Iterator[list[dict[str, Any]]]:
    """Each page of the list, by the cursors that it gives."""
    cursor: str | None = None
    while True:
        event = call("GET", "/sms/optouts")
        event["queryStringParameters"] = {"cursor": cursor} if cursor else None
        reply = Reply.of(world.invoke("optouts", event))
        assert reply.status == 200
        yield reply.fields["optouts"]
        cursor = reply.fields["cursor"]
        if cursor is None:
            return


# Senders that are no E.164 number.
SENDERS = [
    "40404",
    "7726",
    "ACME",
    "ACME Inc",
    "optouts",
    "a/b",
    "50%",
    "Étoile",
    "0123456",
    "+0123",
    "12025550124",
]


def test_the_list_goes_on_over_all_pages_whatever_the_senders_are_called(world: World) -> None:
    for number in range(230):
        world.webhook(
            inbound(f"Sender {number}" if number % 2 else f"4{number:04}", "STOP", world.clock.now, to=OURS)
        )
        world.clock.pass_ms(number % 3)

    listed = [[row["number"] for row in page] for page in pages(world)]

    assert [len(page) for page in listed] == [100, 100, 30]
    assert len({number for page in listed for number in page}) == 230


@pytest.mark.parametrize("sender", SENDERS)
def test_an_entry_of_any_sender_can_be_looked_at_and_changed(world: World, sender: str) -> None:
    world.webhook(inbound(sender, "STOP", world.clock.now, to=OURS))
    ((row,),) = pages(world)
    world.clock.pass_ms(1_000)

    # The last as a name with a slash has to be escaped for a gateway that takes escaped ones apart.
    for asked in (row["number"], sender, sender.replace("/", "%2F"), sender.replace("/", "%2f")):
        assert route(world, "GET", asked).fields == row
        assert route(world, "DELETE", asked).fields["opted_out"] is False
        world.clock.pass_ms(1_000)
        assert route(world, "PUT", asked).fields["opted_out"] is True
        row = route(world, "GET", asked).fields
        world.clock.pass_ms(1_000)
    assert len(world.optouts.entries) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "number", ["bob", "40404", "202-555-0123", "", " ", "+", "+0123456789", "a\x00b", "\u202ex"]
)
def test_what_is_neither_a_number_nor_in_the_ledger_is_refused_and_nothing_is_stored(
    world: World, method: str, number: str
) -> None:
    reply = route(world, method, number)

    assert nothing_happened(world)
    assert (reply.status, reply.fields["code"], reply.fields["field"]) == (400, "invalid_request", "number")


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "%", "é", "MTIz", "IA==", "=", "A" * 5_000),
        *(
            base64.urlsafe_b64encode(text.encode()).decode()
            for text in ("1", "1 ", " +12025550123", "-1 ACME", "x y")
        ),
        *(
            base64.urlsafe_b64encode(text.encode()).decode()
            for text in ("1 12025550123", f"{'9' * 16} ACME", "1  ACME")
        ),
        base64.urlsafe_b64encode(b"1 +12025550123").decode() + "\n",
        base64.urlsafe_b64encode(b"1 \xff").decode(),
    ],
)
def test_a_cursor_that_no_page_gave_is_refused_by_name(world: World, cursor: str) -> None:
    event = call("GET", "/sms/optouts")
    event["queryStringParameters"] = {"cursor": cursor}

    reply = Reply.of(world.invoke("optouts", event))

    assert (reply.status, reply.fields["field"]) == (400, "cursor")


def test_saying_it_twice_is_one_change(world: World) -> None:
    first = ask(world, "PUT")
    world.clock.pass_ms(1_000)

    assert ask(world, "PUT").fields == first.fields
    assert world.optouts.entries[THEIRS].said_ms == START_MS + 1_000


def test_a_stop_of_the_same_moment_is_stronger_than_an_operators_delete(world: World) -> None:
    world.webhook(inbound(THEIRS, "STOP", world.clock.now, to=OURS))

    reply = ask(world, "DELETE")

    assert world.optouts.entries[THEIRS].opted_out
    assert (reply.status, reply.fields["opted_out"]) == (200, True)


@pytest.mark.parametrize(("was", "method"), [(False, "PUT"), (True, "DELETE")], ids=["start", "stop"])
def test_an_entry_that_was_dated_ahead_can_be_changed(world: World, was: bool, method: str) -> None:
    """An earlier version took any date."""
    year = 365 * 86_400_000
    change = OptOutChange(START_MS + year, was, "keyword", "m-1")
    world.optouts.entries[THEIRS] = OptOut(THEIRS, was, (change,), START_MS + year, 0)

    reply = ask(world, method)

    assert world.optouts.entries[THEIRS].opted_out is not was
    assert (reply.status, reply.fields["opted_out"]) == (200, not was)


def test_a_ledger_that_others_keep_changing_is_unavailable_and_nothing_is_said_to_be_done() -> None:
    class Busy(FakeOptOuts):
        """Another always comes first."""

        def replace(self, seen: OptOut | None, entry: OptOut) -> bool:
            self.faults.calls.append("replace")
            return False

    world = make_world(optouts=Busy())

    reply = ask(world, "PUT")

    assert nothing_happened(world)
    assert world.optouts.faults.count("replace") == 10
    assert reply.status == 503
