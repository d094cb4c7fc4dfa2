"""`longcode send FILE.csv`: the files that it reads, and those that it does not, each with what to do."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from longcode_cli.commands.send.columns import Columns, Header
from longcode_cli.commands.send.sheet import Encoding, Sheet, open_source
from longcode_cli.commands.send.texts import Flaw, Item, Run
from longcode_cli.numbers import e164
from longcode_cli.problems import Problem
from tests.chance import drawn, showing, times
from tests.longcode_cli.campaigns import Campaign
from tests.support.batch_api import BatchApi, serving

HI = "Hi {name}"


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    api = BatchApi()
    with serving(api, tmp_path / "stack"):
        yield Campaign(tmp_path, api)


def made(
    path: Path, content: str | bytes, text: str | None = HI, encoding: Encoding | None = None
) -> list[Item | Flaw]:
    """What the rows of a file become."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_source(str(path)) as source:
        sheet = Sheet(source, encoding)
        run = Run(sheet, Columns.find(Header(sheet.header), None, text, None), "US", {}, "here")
        found = list[Item | Flaw]()
        for batch in run.batches():
            found += [*batch.items, *batch.flaws]
        return found


def texts(path: Path, content: str | bytes, text: str | None = HI, encoding: Encoding | None = None) -> list[str]:
    """The numbers and words that a file becomes."""
    found = made(path, content, text, encoding)
    assert all(isinstance(one, Item) for one in found), found
    return [f"{one.number} {one.fields['message']}" for one in found if isinstance(one, Item)]


def flaws(path: Path, content: str, text: str | None = HI) -> list[tuple[int, int, str]]:
    return [(one.row, one.line, one.why) for one in made(path, content, text) if isinstance(one, Flaw)]


# ---------------------------------------------------------------------------------------------- what is read


def test_a_file_may_be_in_utf_8_or_utf_16_with_or_without_a_mark_and_in_windows_1252_by_choice(
    tmp_path: Path,
) -> None:
    content = "phone,name\n2025550123,Zoë\n"
    for codec in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        with showing(codec):
            assert texts(tmp_path / "a.csv", content.encode(codec)) == ["+12025550123 Hi Zoë"]
    found = texts(tmp_path / "a.csv", content.encode("windows-1252"), encoding=Encoding.WINDOWS_1252)
    assert found == ["+12025550123 Hi Zoë"]


def test_what_parts_the_columns_is_found_and_quotes_may_hold_it_and_line_breaks(tmp_path: Path) -> None:
    for mark in ",;\t|":
        with showing(mark):
            content = f'phone{mark}name\r\n2025550123{mark}"Doe{mark} ""A""\nand B"\r\n\r\n2025550124{mark}C'
            assert texts(tmp_path / "a.csv", content) == [
                f'+12025550123 Hi Doe{mark} "A"\nand B',
                "+12025550124 Hi C",
            ]
    # The header decides, in which another mark may stand between quotes.
    assert texts(tmp_path / "a.csv", '"phone";"name, or a, b, c"\n2025550123;A\n', "Hi") == ["+12025550123 Hi"]


def test_columns_are_found_by_their_names_however_they_are_written(tmp_path: Path) -> None:
    for name in (
        "to",
        "Phone",
        "NUMBER",
        " mobile ",
        "phone_number",
        "Mobile-Phone",
        "recipient",
        "Cell\u00a0Phone",
    ):
        with showing(name):
            found = texts(tmp_path / "a.csv", f"First Name,{name}\nA,2025550123\n", "Hi {first_name}, {{x}}")
            assert found == ["+12025550123 Hi A, {x}"]
    for name in ("text", "Message", "SMS"):
        with showing(name):
            assert texts(tmp_path / "a.csv", f"to,{name}\n2025550123, Hi  \n", None) == ["+12025550123  Hi  "]


def test_key_send_at_and_timezone_go_with_a_row_that_has_them(tmp_path: Path) -> None:
    content = "to,key,Send At,timezone\n2025550123,a1,2026-12-01T09:30,America/Denver\n2025550124,,,\n"
    one, other = (item for item in made(tmp_path / "a.csv", content, "Hi") if isinstance(item, Item))
    extra = {"key": "a1", "send_at": "2026-12-01T09:30", "timezone": "America/Denver"}
    assert one.fields == {"to": "+12025550123", "message": "Hi"} | extra
    assert other.fields == {"to": "+12025550124", "message": "Hi"}


def test_numbers_are_taken_as_people_write_them() -> None:
    cases = {
        ("US", "(202) 555-0123"): "+12025550123",
        ("US", "202\u00a0555\u00a00123"): "+12025550123",
        ("US", "202.555.0123"): "+12025550123",
        ("US", "1-202-555-0123"): "+12025550123",
        ("US", "+1 202 555 0123"): "+12025550123",
        ("US", "+12025550123"): "+12025550123",
        ("US", "00 1 202 555 0123"): "+12025550123",
        ("US", "0044 20 7946 0123"): "+442079460123",
        ("US", "011 44 20 7946 0123"): "+442079460123",
        ("GB", "0044 20 7946 0123"): "+442079460123",
        ("GB", "020 7946 0123"): "+442079460123",
        ("GB", "07700 900123"): "+447700900123",
        ("US", "+52 1 55 1234 5678"): "+5215512345678",
        ("US", "\u200e+1 202 555 0123\u202c"): "+12025550123",
    }
    for (region, written), number in cases.items():
        with showing((region, written)):
            assert e164(written, region) == number


def test_numbers_that_are_not_given_to_the_library_are_those_that_it_would_find() -> None:
    chance = drawn("numbers as they are written")
    for _ in range(times(500)):
        area, office = (f"{chance.randint(2, 9)}{chance.randint(0, 99):02}" for _ in range(2))
        parts = [chance.choice(("", "1", "+1", "1-", "+1 ", "+1.", " ")), chance.choice((area, f"({area})"))]
        parts += [
            chance.choice("-. \u00a0"),
            office,
            chance.choice(("", "-", ".", " ")),
            f"{chance.randint(0, 9999):04}",
        ]
        written, region = "".join(parts), chance.choice(("US", "CA", "GB", "DE"))
        with showing((written, region)):
            # A word joiner is nothing to the library, and makes this no usual form.
            assert _tried(written, region) == _tried(f"{written}\u2060", region)


def _tried(written: str, region: str) -> str:
    try:
        return e164(written, region)
    except ValueError as exc:
        return str(exc)


def test_what_is_no_number_is_said_to_be_none_and_why() -> None:
    cases = {
        "": "empty",
        "none": "no number",
        "1.20256E+10": "letters in the number",
        "2025550123 ext 5": "letters in the number",
        "555-0123": "no area code",
        "20255501234": "too long for a number",
        "12345": "too short for a number",
        "102 555 0123": "no area code of North America begins like that",
        "2025550123;2025550124": "more than one number, or one with an extension",
        "2025550123 / 2025550124": "no number",
        "+999 123456789": "no number",
    }
    for written, why in cases.items():
        with showing(written), pytest.raises(ValueError, match=f"^{why}$"):
            e164(written, "US")


# ------------------------------------------------------------------------------------------- rows with problems


def test_each_problem_row_is_named_by_its_row_and_line(tmp_path: Path) -> None:
    content = 'to,name,note\n2025550123,"A\nB",x\n2025550124,C\n\n2025550125,D,x,\n2025550126,E,x,y\n,F,x\n'
    content += "555-0123,G,x\n2025550127, ,x\n"
    assert flaws(tmp_path / "a.csv", content) == [
        (3, 4, "2 columns, and the first row has 3"),
        (6, 7, "4 columns, and the first row has 3"),
        (7, 8, "empty"),
        (8, 9, "no area code"),
        (9, 10, "no value for {name}"),
    ]
    assert flaws(tmp_path / "a.csv", "to,name\n2025550123\n") == [(2, 2, "1 column, and the first row has 2")]
    content = "to,message,key\n2025550123, ,a\n2025550123,A,a\n2025550123,B,a\n2025550123,C,ä\n"
    assert flaws(tmp_path / "a.csv", content, None) == [
        (2, 2, "no text"),
        (4, 4, "the same key as row 3"),
        (5, 5, "the key must be 1 to 255 visible ASCII characters"),
    ]


# ------------------------------------------------------------------------------------------------ bad input


def test_what_is_no_list_of_texts_is_refused_in_one_sentence(campaign: Campaign) -> None:
    cases: dict[str, tuple[str | bytes, str]] = {
        "empty": (b"", "is empty"),
        "blank": (b"\n \n", "has no rows"),
        "mark": (b"\xef\xbb\xbf", "has no rows"),
        "header only": ("phone,name\n", "has no rows below its first"),
        "no recipient": ("who,name\n2025550123,A\n", "--to-column NAME. The file's first row has: who, name."),
        "two recipients": ("phone,mobile,name\n1,2,A\n", "phone and mobile. Name it: --to-column NAME"),
        "no header": ("2025550123,A\n2025550124,B\n", "No column is called to, phone"),
        "twice": ("phone,First Name,first_name\n2025550123,A,B\n", "Two columns are called First Name"),
        "placeholder": ("phone,nom\n2025550123,A\n", "no column for {name}. The file's first row has: phone, nom"),
        "windows": ("phone,name\n2025550123,Zoë\n".encode("windows-1252"), "line 2. Save it as CSV (UTF-8); or"),
        "quote": ('phone,name\n2025550123,"A\n2025550124,B\n', "from line 2 on (row 2): a quotation mark is not"),
        "long cell": (
            "phone,name\n2025550123," + "x" * 140_000 + "\n",
            "a cell has over 131,072 characters, as if",
        ),
        "workbook": (b"PK\x03\x04rest", "Save it as CSV (UTF-8), and send that"),
        "short row": ("phone,name\n2025550123\n", "1 row can't be sent, so nothing was sent"),
    }
    for case, (content, words) in cases.items():
        with showing(case):
            said = campaign.refused(campaign.file(content), "--text", HI, "--yes")
            assert words in said


def test_what_is_wrong_with_a_file_has_its_name_as_it_is(campaign: Campaign, tmp_path: Path) -> None:
    assert f"The file {tmp_path / 'list.csv'} is empty." in campaign.refused(campaign.file(b""), "--text", HI)


def test_a_closed_standard_input_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    # As Python has it after `<&-`.
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(Problem, match=r"^The standard input is closed"), open_source("-"):
        pass


def test_a_file_that_is_not_there_and_a_directory_are_refused(campaign: Campaign) -> None:
    assert "There is no file" in campaign.refused(campaign.folder / "none.csv", "--text", "Hi", "--yes")
    assert "is a directory" in campaign.refused(campaign.folder, "--text", "Hi", "--yes")


def test_options_that_can_not_be_meant_are_usage(campaign: Campaign) -> None:
    file = campaign.file("phone,name\n2025550123,A\n")
    cases: dict[tuple[str, ...], str] = {
        (): "Give a CSV file, or --to",
        ("-", "--text", "Hi"): "no question can be asked: add --yes",
        ("-", "-", "--text", "Hi", "--yes"): "unexpected extra argument",
        (str(file), "--text", "Hi", "--text-column", "name"): "Give one of --text and --text-column",
        (str(file), "--text", " "): "is empty",
        (str(file), "--text", "Hi", "--default-country", "XX"): "two letters of a country",
        (str(file), "--text", "Hi", "--send-at", "tomorrow"): "a time with its zone",
        (str(file), "--text", "Hi", "--again", "../x"): "letters, digits",
        (str(file), "--text", "Hi", "--tag", " "): "visible characters",
        (str(file), "--text", "Hi", "--encoding", "latin"): "--encoding",
        (str(file), "--text", "Hi", "--to", "2025550123"): "does not go with --to",
        ("--to", "2025550123"): "--text",
        ("--to", "555-0123", "--text", "Hi"): "no area code",
    }
    for arguments, words in cases.items():
        with showing(arguments):
            assert words in campaign.refused(*arguments, code=2)


def test_options_name_what_the_file_does_not(campaign: Campaign) -> None:
    file = campaign.file("who:words:name\n2025550123:Hi:A\n")
    for options, words in (
        ((), "No column is called to, phone"),
        (("--to-column", "x"), "--to-column: there is no column x"),
        (("--to-column", "who"), "There is no text"),
        (("--to-column", "who", "--text", "a { b"), "--text has a { alone"),
    ):
        with showing(options):
            assert words in campaign.refused(file, "--delimiter", ":", *options, "--yes")
    said = campaign.refused(file, "--delimiter", "ab", "--yes")
    assert "--delimiter is ab. It must be one character" in said

    campaign.says(file, "--delimiter", ":", "--to-column", "WHO", "--text-column", "Words", "--yes")

    assert campaign.api.sent() == {("+12025550123", "Hi"): 1}


def test_a_file_that_changes_while_it_is_sent_changes_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("phone,name\n2025550123,A\n")
    with open_source(str(path)) as source:
        sheet = Sheet(source)
        path.write_text("phone,name\n2025550124,B\n")
        assert [row.cells for row in sheet.rows()] == [["2025550123", "A"]]


def test_a_sheet_that_can_not_be_decoded_later_on_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"phone,name\n" + b"2025550123,A\n" * 20_000 + b"2025550123,\xff\n")
    with open_source(str(path)) as source, pytest.raises(Problem, match=r"not in UTF-8: line 20002\."):
        list(Sheet(source).rows())
