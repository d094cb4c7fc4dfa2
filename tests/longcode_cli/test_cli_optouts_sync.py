"""`longcode optouts sync`: the provider's list of opt-outs, from the simulated provider."""

import pytest

from longcode.domain.errors import Unavailable
from longcode.domain.opt_outs import OptOut, OptOutChange, ProviderOptOut, ProviderPage
from longcode.use_cases import opt_outs
from longcode_cli.commands.optouts.sync import listed
from longcode_cli.problems import Problem
from tests.longcode_cli.clinic import Clinic, now_ms
from tests.telnyx_simulator.world import Running

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

NUMBERS = [f"+1303555{number:04}" for number in range(100, 400)]


@pytest.fixture(scope="module")
def stops(running: Running) -> None:
    """Once for the provider of this module: each is a request, and takes 3 ms."""
    running.control("profile", webhook_url=None)
    for number in NUMBERS:
        running.control("inbound", **{"from": number}, text="STOP")


@pytest.fixture
def stopped(stops: None, clinic: Clinic) -> Clinic:
    """The provider has opted out 300 people, of whom this service has not heard."""
    return clinic


def entries(clinic: Clinic) -> dict[str, OptOut]:
    found = [clinic.world.stack.optouts.get_all(NUMBERS[at : at + 100]) for at in range(0, len(NUMBERS), 100)]
    return {number: entry for part in found for number, entry in part.items()}


def test_the_whole_list_is_recorded_once_and_a_repeat_changes_nothing(stopped: Clinic) -> None:
    first = stopped.world.json("optouts", "sync", "--yes")
    once = entries(stopped)

    again = stopped.world.json("optouts", "sync", "--yes")

    assert {number: (entry.opted_out, entry.revision) for number, entry in once.items()} == dict.fromkeys(
        NUMBERS, (True, 1)
    )
    assert {(change.source, change.note) for entry in once.values() for change in entry.changes} == {
        ("sync", "STOP")
    }
    assert all(abs(entry.said_ms - now_ms()) < 600_000 for entry in once.values())
    assert entries(stopped) == once
    assert [first["recorded"], again["recorded"], again["known"]] == [300, 0, 300]


def test_who_has_opted_in_here_since_stays_so(stopped: Clinic) -> None:
    later = now_ms() + 60_000
    opt_outs.apply(stopped.world.stack.optouts, NUMBERS[0], OptOutChange(later, False, "api"), later)

    shown = stopped.world.says("optouts", "sync", "--yes")

    assert [number for number, entry in entries(stopped).items() if not entry.opted_out] == NUMBERS[:1]
    assert "1 have opted in since" in shown


def test_a_dry_run_records_nothing(stopped: Clinic) -> None:
    shown = stopped.world.says("optouts", "sync", "--dry-run")

    assert entries(stopped) == {}
    assert "300 will be opted out" in shown


def test_a_provider_that_refuses_the_key_is_named_and_nothing_is_recorded(stopped: Clinic) -> None:
    stopped.write_secret("KEY_of_another_account")

    result = stopped.world.run("optouts", "sync", "--yes")

    assert (result.exit_code, entries(stopped)) == (1, {})
    assert "401" in result.stderr


class Changing:
    """A list of which a person is taken off between two pages, so many times."""

    def __init__(self, times: int) -> None:
        self.rows = [ProviderOptOut(number, 1, "STOP") for number in NUMBERS]
        self.times = times

    def page(self, number: int) -> ProviderPage:
        total = len(self.rows)
        found = ProviderPage(tuple(self.rows[250 * (number - 1) : 250 * number]), number > 1, total, 0)
        if number == 1 and self.times:
            self.times -= 1
            del self.rows[0]
        return found


def test_a_list_that_grows_shorter_while_it_is_read_is_read_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(Changing(2), 10).keys() == set(NUMBERS)
    assert "kept changing" not in capsys.readouterr().err

    assert len(listed(Changing(3), 10)) >= 299
    assert "kept changing" in capsys.readouterr().err


def test_of_two_rows_of_a_number_the_later_counts_and_none_is_ahead_of_now() -> None:
    class Twice:
        """A list with a number on two of our numbers, and one without a date."""

        def page(self, number: int) -> ProviderPage:
            rows = [(NUMBERS[0], 5), (NUMBERS[0], 3), (NUMBERS[1], 99), (NUMBERS[2], None)]
            return ProviderPage(tuple(ProviderOptOut(to, at, "STOP") for to, at in rows), True, 4, 0)

    assert [change.at_ms for change in listed(Twice(), 10).values()] == [5, 10, 10]


def test_a_page_that_does_not_come_is_a_problem() -> None:
    class Silent:
        """A list whose second page can't be read."""

        def page(self, number: int) -> ProviderPage:
            if number == 2:
                raise Unavailable("The provider's list of opt-outs")
            return ProviderPage((), False, 300, 0)

    with pytest.raises(Problem, match=r"page 2\. Nothing was recorded"):
        listed(Silent(), 10)
