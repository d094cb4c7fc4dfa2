"""`longcode optouts import`: a whole list of people who want no texts."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from typer.testing import Result

from longcode.domain.message import epoch_ms
from longcode.domain.opt_outs import OptOut, OptOutChange
from longcode.use_cases import opt_outs
from longcode_cli.commands.optouts.reading import Listed, Terms, read, region_of
from tests.chance import showing
from tests.longcode_cli.world import NAME, OURS, REGION, World, hooked, run

MADE = "2026-11-01T12:00:00Z"
MADE_MS = epoch_ms(MADE) or 0
NOW_MS = epoch_ms("2026-11-23T00:00:00Z") or 0
DAY = 86_400_000


def listed(text: str | bytes, region: str = "US", as_of_ms: int | None = MADE_MS) -> Listed:
    found = Listed()
    content = text if isinstance(text, bytes) else text.encode()
    for _ in read(content, Terms(region, as_of_ms, NOW_MS, "old.csv"), found):
        pass
    return found


def numbers(text: str, region: str = "US") -> list[str]:
    found = listed(text, region)
    assert found.flaws == []
    return list(found.changes)


def flaws(text: str | bytes) -> list[tuple[int, str, str]]:
    return [(flaw.row, flaw.column, flaw.why) for flaw in listed(text).flaws]


# ------------------------------------------------------------------------------------------- the file


def test_numbers_are_taken_as_people_write_them() -> None:
    cases = {
        ("US", "(202) 555-0123"): "+12025550123",
        ("US", "202.555.0123"): "+12025550123",
        ("US", "1 202 555 0123"): "+12025550123",
        ("US", "0114420 7946 0123"): "+442079460123",
        ("US", " +52 1 55 1234 5678 "): "+525512345678",
        ("GB", "020 7946 0123"): "+442079460123",
        ("GB", "001 202 555 0123"): "+12025550123",
        ("DE", "030/23125 000"): "+493023125000",
    }
    for (region, written), number in cases.items():
        with showing((region, written)):
            assert numbers(f"{written}\n", region) == [number]


@pytest.mark.parametrize(
    "text",
    [
        "+12025550123\n+12025550124\n",
        "+12025550123\r\n\r\n+12025550124",
        "\ufeffphone\n+12025550123\n+12025550124\n",
        "Name;Phone Number\nA;2025550123\nB;2025550124\n",
        'to,name\n2025550123,"Doe, A"\n2025550124,"two\nlines"\n',
        "created_at\tkeyword\tto\n2026-10-01\tSTOP\t+12025550123\n2026-10-02\tEND\t+12025550124\n",
        "number,date,note\n2025550123,,\n2025550124,2026-10-01,web\n",
    ],
)
def test_a_list_may_have_any_of_the_usual_forms(text: str) -> None:
    assert numbers(text) == ["+12025550123", "+12025550124"]


def test_a_date_and_a_note_are_kept_and_without_them_those_of_the_file() -> None:
    found = listed("2025550123,2026-10-01T08:00:00+02:00,web form\n2025550124,,\n2025550125,2026-10-01 08:00,\n")

    six = epoch_ms("2026-10-01T06:00:00Z") or 0
    assert list(found.changes.values()) == [
        OptOutChange(six, True, "import", "web form"),
        OptOutChange(MADE_MS, True, "import", "old.csv"),
        OptOutChange(six + 2 * 3_600_000, True, "import", "old.csv"),
    ]
    assert found.undated == 1


def test_a_day_without_a_time_is_its_end_and_no_later_than_the_list() -> None:
    for day, at_ms in (("2026-10-31", MADE_MS - DAY // 2 - 1), ("2026-11-01", MADE_MS)):
        with showing(day):
            assert [change.at_ms for change in listed(f"2025550123,{day}\n").changes.values()] == [at_ms]


def test_each_flaw_is_named_by_its_row_and_column() -> None:
    twice = "the same number as in row 2"
    cut = "a quotation mark is not closed; is the file cut off?"
    day = "no date as 2026-11-23, nor a time as 2026-11-23T15:48:14Z"
    cases: dict[str | bytes, list[tuple[int, str, str]]] = {
        "number\nbob\n2025550123\n202555\n": [(2, "number", "no number"), (4, "number", "too short for a number")],
        "Phone\n5550123\n40404\n\n202555012345\n": [
            (2, "Phone", "no area code"),
            (3, "Phone", "too short for a number"),
            (5, "Phone", "too long for a number"),
        ],
        "number,date\n2025550123,2026-10-01\n+1 (202) 555-0123,\n": [(3, "number", twice)],
        "+5215512345678\n+525512345678\n": [(2, "1", "the same number as in row 1")],
        "2025550123,10/01/2026\n2025550124,2026-13-01\n": [(1, "2", day), (2, "2", day)],
        "2025550123,2026-11-24\n": [(1, "2", "in the future")],
        "number,date,note\n2025550123,2026-10-01,a\n2025550124,2026-1": [
            (3, "date", "2 cells in this row and 3 in the first; is the file cut off?")
        ],
        "2025550123\n2025550124,2026-10-01\n": [
            (2, "2", "2 cells in this row and 1 in the first; is the file cut off?")
        ],
        'number,date,note\n2025550123,,a\n2025550124,2026-10-01,"she sa': [(3, "note", cut)],
        'number,name\n"20255': [(2, "number", cut)],
        '2025550123\n"2025550124"x\n': [(2, "1", "the quotation marks are not as CSV has them")],
        "bob\n2025550123\n": [(1, "1", "neither a number nor names of columns, of which one is number")],
        "1,2,3,4\n": [(1, "4", "a file with so many columns needs a first row that names them")],
        "": [(1, "1", "no number in the whole file")],
        "number\n": [(1, "1", "no number in the whole file")],
        b"2025550123\n202555\xff\n": [(2, "1", "not in UTF-8; save the file as CSV (UTF-8)")],
    }
    for text, expected in cases.items():
        with showing(text):
            assert flaws(text) == expected


def test_a_file_that_is_cut_off_anywhere_in_its_last_row_is_refused_or_has_the_whole_row() -> None:
    head, last = "number,date,note\n+12025550123,2026-10-01,web\n", '+12025550124,2026-10-02,"said ""no"""'
    for length in range(1, len(last)):
        with showing(last[:length]):
            assert [flaw.row for flaw in listed(head + last[:length]).flaws] in ([3], []), "its own row"
            if length < last.index('"said') + 1:
                # A note that is missing is no other than one that is cut off before its first character.
                assert flaws(head + last[:length]) or last[:length].endswith(",")
    assert numbers(head + last) == ["+12025550123", "+12025550124"]


def test_the_country_is_that_of_the_number_we_send_from() -> None:
    assert [region_of(number) for number in (OURS, "+442079460123")] == ["US", "GB"]


# ---------------------------------------------------------------------------------------- the command


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    path = tmp_path / "old.csv"
    path.write_text("number,date\n(202) 555-0131,2024-03-05\n202-555-0132,2024-03-06T10:00:00Z\n202-555-0133,\n")
    os.utime(path, (MADE_MS / 1000, MADE_MS / 1000))
    return path


def state(world: World) -> dict[str, tuple[bool, list[str], int]]:
    """Each number of the list's as the ledger has it: opted out, by whom, since when."""
    found = world.stack.optouts.get_all([f"+1202555013{number}" for number in range(10)])
    return {
        number[-2:]: (entry.opted_out, [one.source for one in entry.changes], entry.revision)
        for number, entry in found.items()
    }


def imported(world: World, *arguments: str) -> Result:
    return world.run("optouts", "import", *arguments)


def test_a_list_is_recorded_once_and_a_repeat_changes_nothing(world: World, a_file: Path) -> None:
    first = world.json("optouts", "import", str(a_file), "--yes")
    once = {number: world.stack.optouts.get(f"+120255501{number}") for number in sorted(state(world))}

    again = world.json("optouts", "import", str(a_file), "--yes")

    assert state(world) == {number: (True, ["import"], 1) for number in ("31", "32", "33")}
    assert once == {number: world.stack.optouts.get(f"+120255501{number}") for number in once}
    notes = [(entry.said_ms, entry.changes[0].note) for entry in once.values() if entry]
    assert notes[1:] == [(epoch_ms("2024-03-06T10:00:00Z"), "old.csv"), (MADE_MS, "old.csv")]
    assert first == {"numbers": 3, "new": 3, "known": 0, "opted_in_since": 0, "to_record": 3, "recorded": 3}
    assert again == {"numbers": 3, "new": 0, "known": 3, "opted_in_since": 0, "to_record": 0, "recorded": 0}
    assert all(world.stack.limits.read_gate(f"+120255501{number}", OURS).opted_out for number in once)


def test_who_has_opted_in_since_stays_so_and_the_preview_counts_them(world: World, a_file: Path) -> None:
    said = OptOutChange(MADE_MS - DAY, False, "keyword", "m-1")
    opt_outs.apply(world.stack.optouts, "+12025550131", said, MADE_MS)
    opt_outs.apply(world.stack.optouts, "+12025550133", said, MADE_MS)

    shown = world.says("optouts", "import", str(a_file), "--yes")

    assert {number: out for number, (out, *_) in state(world).items()} == {"31": False, "32": True, "33": True}
    assert "2 will be opted out, 0 are opted out already, 1 have opted in since" in shown
    assert shown.endswith("2 opt-outs recorded: no more texts go to these numbers.")


def test_a_dry_run_says_the_same_and_records_nothing(world: World, a_file: Path) -> None:
    shown = world.says("optouts", "import", str(a_file), "--dry-run")

    assert state(world) == {}
    assert "3 will be opted out" in shown
    assert shown.endswith("Nothing was recorded.")


def test_nothing_is_recorded_of_a_file_with_a_flaw_which_is_named_without_the_number(
    world: World, a_file: Path
) -> None:
    a_file.write_text(a_file.read_text() + "2025550139,2024-03-05\n+1 202 555 0131,\nbob,\n")

    result = imported(world, str(a_file), "--yes")

    assert (result.exit_code, state(world)) == (1, {})
    assert result.stderr.splitlines()[:2] == [
        "Row 6, column number: the same number as in row 2.",
        "Row 7, column number: no number.",
    ]
    assert "Nothing was recorded" in result.stderr
    assert "0131" not in result.stderr + result.stdout


def test_without_a_yes_nothing_is_recorded(world: World, a_file: Path) -> None:
    result = imported(world, str(a_file))

    assert (result.exit_code, state(world)) == (1, {})
    assert "--yes" in result.stderr


def test_a_list_from_the_standard_input_has_to_say_when_it_was_made(world: World) -> None:
    def typed(*more: str) -> Result:
        where = ("--stack", NAME, "--region", REGION)
        return run("optouts", "import", "-", *more, *where, typed="2025550131\n2025550132\n")

    unasked, undated = typed(), typed("--yes")
    assert [one.exit_code for one in (unasked, undated)] == [2, 2]
    assert ("--yes" in unasked.stderr, "--as-of" in undated.stderr, state(world)) == (True, True, {})

    assert typed("--yes", "--as-of", MADE, "--scope", "reminders").exit_code == 0

    assert sorted(state(world)) == ["31", "32"]
    entry = world.stack.optouts.get("+12025550131")
    assert entry
    assert (entry.said_ms, set(entry.scopes)) == (MADE_MS, {"reminders"})


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.csv"],
        ["old.csv", "--country", "XX"],
        ["old.csv", "--as-of", "yesterday"],
        ["old.csv", "--as-of", "2999-01-01T00:00:00Z"],
        ["old.csv", "--scope", "Our offers"],
    ],
)
def test_an_option_that_can_not_be_is_named(
    world: World, a_file: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(a_file.parent)

    result = imported(world, *arguments, "--yes")

    assert (result.exit_code, state(world)) == (2, {})
    assert (arguments[1] if len(arguments) > 1 else "FILE") in result.stderr


MANY = [f"+1{area}555{number:04}" for area in (202, 303, 404, 505) for number in range(100, 200)]


@contextmanager
def failing_after(writes: int) -> Iterator[None]:
    """The table takes so many writes and no more."""
    made = itertools.count(1)

    def refuse(**_: object) -> None:
        if next(made) > writes:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    with hooked(("before-call.dynamodb.UpdateItem", refuse)):
        yield


def ledger(world: World) -> dict[str, OptOut]:
    found = [world.stack.optouts.get_all(MANY[at : at + 100]) for at in range(0, len(MANY), 100)]
    return {number: entry for part in found for number, entry in part.items()}


def test_what_ends_in_the_middle_says_so_and_another_run_records_the_rest(world: World, a_file: Path) -> None:
    a_file.write_text("\n".join(MANY))
    os.utime(a_file, (MADE_MS / 1000, MADE_MS / 1000))

    with failing_after(149):
        result = imported(world, str(a_file), "--yes")
    there = ledger(world)
    again = world.json("optouts", "import", str(a_file), "--yes")

    assert (result.exit_code, len(there)) == (1, 149)
    assert "of 400 opt-outs are recorded. Try again in a minute. Another run goes on" in result.stderr
    assert (again["known"], again["recorded"]) == (149, 251)
    assert {number: (entry.opted_out, entry.revision) for number, entry in ledger(world).items()} == dict.fromkeys(
        MANY, (True, 1)
    )
