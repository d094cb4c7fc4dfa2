"""/sms/optouts: an operator's word counts like any other, by when it was said."""

import pytest

from longcode.ports import OptOut, OptOutChange
from tests.fakes import OURS, THEIRS, FakeOptOuts, Reply, World, make_world
from tests.fakes.clock import START_MS
from tests.fakes.webhooks import inbound
from tests.functional.conftest import nothing_happened


def ask(world: World, method: str) -> Reply:
    return world.request("optouts", method, "/sms/optouts/{number}", parameters={"number": THEIRS})


def test_a_number_is_opted_out_and_in_again_and_the_answer_says_how_it_came_to_that(world: World) -> None:
    out = ask(world, "PUT")
    world.clock.pass_ms(1_000)
    back = ask(world, "DELETE")
    world.clock.pass_ms(1_000)

    assert [row["opted_out"] for row in out.fields["history"]] == [True]
    assert ask(world, "GET").fields == back.fields
    assert set(back.fields) == {"number", "opted_out", "source", "timestamp", "history"}
    assert (back.fields["number"], back.fields["opted_out"], back.fields["source"]) == (THEIRS, False, "api")
    assert back.fields["timestamp"] == "2023-11-14T22:13:21.000Z"
    assert [(row["at"], row["opted_out"]) for row in back.fields["history"]] == [
        ("2023-11-14T22:13:20.000Z", True),
        ("2023-11-14T22:13:21.000Z", False),
    ]


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
        """Somebody else always comes first."""

        def replace(self, seen: OptOut | None, entry: OptOut) -> bool:
            self.trip.calls.append("replace")
            return False

    world = make_world(optouts=Busy())

    reply = ask(world, "PUT")

    assert nothing_happened(world)
    assert world.optouts.trip.count("replace") == 10
    assert reply.status == 503
