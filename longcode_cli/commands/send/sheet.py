"""A CSV file of a campaign, as it was when it was opened: decoded, and read row by row."""

import csv
import hashlib
import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import IO

from longcode_cli.problems import Problem
from longcode_cli.terminal import plain

STANDARD_INPUT = "-"
# What columns may be parted by, where no option says it.
DELIMITERS = ",;\t|"
_DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_CHUNK = 1 << 20
# So much of a file is kept in memory, the rest on the disk.
_IN_MEMORY = 8 << 20
_SAMPLE = 4_096
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


class Encoding(StrEnum):
    """How a file's characters are written. Nothing tells windows-1252 from others of its kind but a person."""

    UTF_8 = "utf-8"
    UTF_16 = "utf-16"
    WINDOWS_1252 = "windows-1252"


@dataclass(frozen=True, slots=True)
class Row:
    """A row. `number` counts from 1 as a spreadsheet does, the header too; `line` is where it begins."""

    number: int
    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes as they were when it was opened: a change of it since then changes no text.

    `name` is what to call it; `digest` is the SHA-256 of its bytes, as hex digits.
    """

    name: str
    digest: str
    content: IO[bytes]


@contextmanager
def open_source(file: str) -> Iterator[Source]:
    """The file at a path, or the standard input. Raises Problem where it is empty or can't be read."""
    name = "The standard input" if file == STANDARD_INPUT else f"The file {plain(file)}"
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as copy:
        yield Source(name, _copied(file, name, copy), copy)


def _copied(file: str, name: str, copy: IO[bytes]) -> str:
    """Copy a file; the SHA-256 of its bytes. Raises Problem as above."""
    digest = hashlib.sha256()
    if file == STANDARD_INPUT and sys.stdin is None:
        raise Problem("The standard input is closed.", "Name a file, or send one into the command with |.")
    try:
        # The standard input is not ours to close.
        with nullcontext(sys.stdin.buffer) if file == STANDARD_INPUT else Path(file).open("rb") as content:
            head = chunk = content.read(_CHUNK)
            while chunk:
                digest.update(chunk)
                copy.write(chunk)
                chunk = content.read(_CHUNK)
    except IsADirectoryError:
        raise Problem(f"{name} is a directory.", "Name the CSV file in it.") from None
    except FileNotFoundError:
        raise Problem(f"There is no file {plain(file)}.", "Check the path.") from None
    except OSError as exc:
        raise Problem(f"{name} can't be read: {exc.strerror}.", "Check the path and its permissions.") from None
    if not head:
        hint = "It can be read once." if file == STANDARD_INPUT else "Is it the right one?"
        raise Problem(f"{name} is empty.", hint)
    if head.startswith(_WORKBOOKS):
        raise Problem(f"{name} is a spreadsheet's own file.", "Save it as CSV (UTF-8), and send that.")
    return digest.hexdigest()


class Sheet:
    """The rows of a file. `header` has the names of its columns as they are written there.

    Raises Problem where the file can't be decoded, has no rows, or is no CSV.
    """

    def __init__(self, source: Source, encoding: Encoding | None = None, delimiter: str | None = None) -> None:
        self.source = source
        self.codec = _codec(source, encoding)
        self._chosen = encoding is not None
        self.delimiter = _delimiter(delimiter) or self._likely_delimiter()
        first = next(self._all_rows(), None)
        if first is None:
            raise Problem(f"{source.name} has no rows.", "Its first row names the columns.")
        self.header = first.cells

    def rows(self) -> Iterator[Row]:
        """The rows below the header, without those in which all cells are empty."""
        return islice(self._all_rows(), 1, None)

    def _all_rows(self) -> Iterator[Row]:
        with self._text() as text:
            reader = csv.reader(text, delimiter=self.delimiter, strict=True)
            number, line = 0, 1
            try:
                for number, cells in enumerate(reader, 1):
                    if any(cell.strip() for cell in cells):
                        yield Row(number, line, cells)
                    line = reader.line_num + 1
            except csv.Error as exc:
                raise Problem(
                    f"{self.source.name} is no CSV from line {line} on (row {number + 1}): {_unreadable(exc)}.",
                    "Save it as CSV again, or name what parts its columns: --delimiter.",
                ) from None
            except UnicodeDecodeError:
                raise self._undecodable() from None

    @contextmanager
    def _text(self) -> Iterator[io.TextIOWrapper]:
        """The file's text from its beginning. The bytes stay open."""
        content = self.source.content
        content.seek(0)
        text = io.TextIOWrapper(content, encoding=self.codec, newline="")
        try:
            yield text
        finally:
            text.detach()

    def _likely_delimiter(self) -> str:
        """What makes the most columns of the first row."""

        def columns(delimiter: str) -> int:
            with self._text() as text:
                try:
                    rows = csv.reader(text, delimiter=delimiter, strict=True)
                    return len(next((cells for cells in rows if any(cells)), []))
                except csv.Error:
                    return 0
                except UnicodeDecodeError:
                    raise self._undecodable() from None

        return max(DELIMITERS, key=columns)

    def _undecodable(self) -> Problem:
        """Why the file is not of its encoding, and what to do."""
        if self.codec != "utf-8-sig":
            hint = "Name another --encoding, or none." if self._chosen else "Save it as CSV (UTF-8)."
            return Problem(f"{self.source.name} is not in {self.codec}.", hint)
        self.source.content.seek(0)
        line = next(line for line, raw in enumerate(self.source.content, 1) if not _is_utf8(raw))
        return Problem(
            f"{self.source.name} is not in UTF-8: line {line}.",
            "Save it as CSV (UTF-8); or, if it comes from a spreadsheet of Windows, add --encoding windows-1252 "
            "and look at its letters in the preview.",
        )


def _codec(source: Source, encoding: Encoding | None) -> str:
    """Python's name of the encoding: the one that was named, or what the file's first bytes are in."""
    source.content.seek(0)
    head = source.content.read(_SAMPLE)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and encoding in (None, Encoding.UTF_16):
        return "utf-16"
    # Of UTF-16 without a mark every other byte of the usual letters is 0.
    if encoding is Encoding.UTF_16 or (encoding is None and b"\0" in head):
        return "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le"
    return "windows-1252" if encoding is Encoding.WINDOWS_1252 else "utf-8-sig"


def _delimiter(given: str | None) -> str | None:
    """The character that an option means. Raises Problem for what is none."""
    if given is None:
        return None
    found = _DELIMITER_NAMES.get(given.lower(), given)
    if len(found) != 1 or found in '"\r\n' or found.isalnum():
        raise Problem(f"--delimiter is {plain(given)}.", "It must be one character, as ; or tab.")
    return found


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unreadable(exc: csv.Error) -> str:
    if "end of data" in str(exc):
        return "a quotation mark is not closed"
    if "field limit" in str(exc):
        return f"a cell has over {csv.field_size_limit():,} characters, as if a quotation mark is not closed"
    return "the quotation marks are not as CSV has them"
