"""A list of opt-outs in a file: read whole, with every flaw named by its row and column."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import phonenumbers
from phonenumbers import NumberParseException, ValidationResult

from longcode.domain import phone
from longcode.domain.message import epoch_ms
from longcode.domain.opt_outs import ALL, OptOutChange
from longcode_cli.numbers import WRONG

# What a column may be called in a file's first row, for each of those that are read.
NAMES = {
    "number": ("number", "phone", "phone number", "phone_number", "mobile", "msisdn", "to"),
    "date": ("date", "created_at", "opted_out_at", "timestamp", "time"),
    "note": ("note", "source", "reason", "keyword"),
}
_DAY_MS = 86_400_000
# Of a row that is cut off so much is looked at for the column.
_LOOK = 10_000


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a cell. Rows count from 1, a header too; `column` is its name, or its number from 1."""

    row: int
    column: str
    why: str

    def __str__(self) -> str:
        return f"Row {self.row}, column {self.column}: {self.why}."


@dataclass(slots=True)
class Listed:
    """What a file lists: an opt-out for each number, in its canonical form; or flaws, and then nothing counts.

    `undated`: how many rows have no date. `ignored`: columns that are not read.
    """

    changes: dict[str, OptOutChange] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    undated: int = 0
    ignored: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a file is to be read.

    `region` is the country of numbers without a plus (two letters); `as_of_ms` when the list was made, None if
    that is not known; `note` is kept with each opt-out whose row has none.
    """

    region: str
    as_of_ms: int | None
    now_ms: int
    note: str = ""
    scope: str = ALL


def read(content: bytes, terms: Terms, found: Listed) -> Iterator[int]:
    """Read a file into `found`, whose memory grows with it; how many rows are read, after each."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        row = content.count(b"\n", 0, exc.start) + 1
        found.flaws.append(Flaw(row, "1", "not in UTF-8; save the file as CSV (UTF-8)"))
        return
    yield from _Reader(text, terms, found).rows()


class _Reader:
    def __init__(self, text: str, terms: Terms, found: Listed) -> None:
        self._text = text
        self._terms = terms
        self._found = found
        # Where each column that is read stands, and what to call it.
        self._places: dict[str, tuple[int, str]] = {}
        self._width = 0
        self._first_row: dict[str, int] = {}

    def rows(self) -> Iterator[int]:
        first, _, _ = self._text.partition("\n")
        delimiter = max(",;\t", key=first.count)
        reader = csv.reader(io.StringIO(self._text, newline=""), delimiter=delimiter, strict=True)
        row, line = 0, 0
        try:
            for row, cells in enumerate(reader, 1):
                line = reader.line_num
                if any(cell.strip() for cell in cells):
                    self._row(row, [cell.strip() for cell in cells])
                yield row
        except csv.Error as exc:
            self._flaw(row + 1, self._column_of_the_last_cell(line, delimiter), _unreadable(exc))
        if not self._found.changes and not self._found.flaws:
            self._flaw(1, "1", "no number in the whole file")

    def _flaw(self, row: int, column: str, why: str) -> None:
        self._found.flaws.append(Flaw(row, column, why))

    def _row(self, row: int, cells: Sequence[str]) -> None:
        if not self._width:
            self._width = len(cells)
            if self._is_header(row, cells):
                return
        if len(cells) != self._width:
            why = f"{len(cells)} cells in this row and {self._width} in the first; is the file cut off?"
            # Where a row ends too early, or goes on too long.
            self._flaw(row, self._title(min(len(cells) - 1, self._width)), why)
            return
        if "number" not in self._places:
            return
        number = self._number(row, cells)
        at_ms = self._at_ms(row, cells)
        if number is None or at_ms is None:
            return
        place = self._places.get("note")
        note = cells[place[0]] if place else ""
        change = OptOutChange(at_ms, True, "import", note or self._terms.note, self._terms.scope)
        if number in self._first_row:
            why = f"the same number as in row {self._first_row[number]}"
            self._flaw(row, self._places["number"][1], why)
        self._first_row.setdefault(number, row)
        self._found.changes[number] = change

    def _is_header(self, row: int, cells: Sequence[str]) -> bool:
        """Learn the columns from the first row. Whether it names them, and is no number itself."""
        if any(char.isdigit() for char in cells[0]):
            if len(cells) > len(NAMES):
                self._flaw(
                    row, str(len(NAMES) + 1), "a file with so many columns needs a first row that names them"
                )
                return True
            self._places = {
                name: (place, str(place + 1)) for place, name in enumerate(NAMES) if place < len(cells)
            }
            return False
        titles = [cell.lower() for cell in cells]
        for name, words in NAMES.items():
            place = next((titles.index(word) for word in words if word in titles), None)
            if place is not None:
                self._places[name] = place, cells[place]
        taken = {place for place, _ in self._places.values()}
        self._found.ignored = [cell for place, cell in enumerate(cells) if place not in taken]
        if "number" not in self._places:
            self._flaw(row, "1", "neither a number nor names of columns, of which one is number")
        return True

    def _number(self, row: int, cells: Sequence[str]) -> str | None:
        place, column = self._places["number"]
        try:
            return e164(cells[place], self._terms.region)
        except ValueError as exc:
            self._flaw(row, column, str(exc))
            return None

    def _at_ms(self, row: int, cells: Sequence[str]) -> int | None:
        """When a row's opt-out was said, None if that can't be."""
        place, column = self._places.get("date", (0, ""))
        written = cells[place] if column else ""
        if not written:
            self._found.undated += 1
            return self._terms.now_ms if self._terms.as_of_ms is None else self._terms.as_of_ms
        at_ms = epoch_ms(written)
        if at_ms is None:
            self._flaw(row, column, "no date as 2026-11-23, nor a time as 2026-11-23T15:48:14Z")
            return None
        if len(written) == len("2026-11-23"):
            at_ms = self._end_of_day(at_ms)
        if at_ms > self._terms.now_ms:
            self._flaw(row, column, "in the future")
            return None
        return at_ms

    def _end_of_day(self, day_ms: int) -> int:
        """The last moment of a day at which it can have been said: of two words of one day STOP counts."""
        made_ms = self._terms.now_ms if self._terms.as_of_ms is None else self._terms.as_of_ms
        return min(day_ms + _DAY_MS - 1, made_ms) if made_ms >= day_ms else day_ms + _DAY_MS - 1

    def _column_of_the_last_cell(self, line: int, delimiter: str) -> str:
        """Which column an unreadable row ends in."""
        rest = "".join(list(io.StringIO(self._text, newline=""))[line:])[:_LOOK]
        cells = next(csv.reader(io.StringIO(rest, newline=""), delimiter=delimiter), [""])
        return self._title(len(cells) - 1)

    def _title(self, place: int) -> str:
        return next((title for at, title in self._places.values() if at == place), str(place + 1))


def _unreadable(exc: csv.Error) -> str:
    if "end of data" in str(exc) or "field limit" in str(exc):
        return "a quotation mark is not closed; is the file cut off?"
    return "the quotation marks are not as CSV has them"


def e164(written: str, region: str) -> str:
    """A number as people write it, in its canonical form. Raises ValueError with what is wrong, without the
    number.

    >>> e164("(202) 555-0123", "US"), e164("0044 20 7946 0123", "GB"), e164("+44 20 7946 0123", "US")
    ('+12025550123', '+442079460123', '+442079460123')
    """
    if any(char.isalpha() for char in written):
        raise ValueError("no number")
    try:
        parsed = phonenumbers.parse(written, region)
        # The library no longer knows Mexico's former 1.
        number = phone.canonical(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
        possible = phonenumbers.is_possible_number_with_reason(phonenumbers.parse(number))
    except NumberParseException:
        raise ValueError("no number") from None
    if possible != ValidationResult.IS_POSSIBLE:
        raise ValueError(WRONG[possible])
    return number


def region_of(number: str) -> str:
    """The country of a number in E.164 format, by its country code, as two letters."""
    return phonenumbers.region_code_for_country_code(phonenumbers.parse(number).country_code or 0)
