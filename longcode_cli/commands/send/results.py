"""The result file of a run: what became of each row, which the same command reads and goes on from."""

import csv
import fcntl
import io
import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from longcode_cli.commands.send.texts import Batch
from longcode_cli.problems import Problem
from longcode_cli.terminal import plain

COLUMNS = ("row", "number", "message_id", "status", "error", "run")
_HEADER = (",".join(COLUMNS) + "\n").encode()
# What a row is that is no text; one that the API refused; one whose recipient has opted out; and one that the API
# may take when the command is run again.
PROBLEM, REFUSED, OPTED_OUT, NOT_YET = "problem", "refused", "opted_out", "not_yet"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a row: the API's status of its text, or one of those above with an `error`."""

    row: int
    number: str
    status: str
    message_id: str = ""
    error: str = ""


class Results:
    """The result file at `path` of the run `ident`. Only one process at a time has it.

    Raises Problem where it is another's, of another file or other options, or can't be written.
    """

    def __init__(self, path: Path, ident: str) -> None:
        self.path = path
        self._ident = ident
        self._statuses: dict[int, str] = {}
        # None until something is written.
        self._file: BinaryIO | None = None
        if path.exists():
            self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def begun(self) -> bool:
        """Whether a run before this one has come to a result."""
        return bool(self._statuses)

    def counts(self) -> Counter[str]:
        """How many rows have each status."""
        return Counter(self._statuses.values())

    @property
    def accepted(self) -> int:
        """How many rows are texts that the API has accepted."""
        others = (PROBLEM, REFUSED, OPTED_OUT, NOT_YET)
        return sum(many for status, many in self.counts().items() if status not in others)

    def has(self, row: int) -> bool:
        """Whether it is known for good what became of a row."""
        return self._statuses.get(row, NOT_YET) != NOT_YET

    def missing(self, batch: Batch) -> Batch:
        """What of a batch has no result yet."""
        return Batch(
            batch.number,
            [item for item in batch.items if not self.has(item.row)],
            [flaw for flaw in batch.flaws if not self.has(flaw.row)],
        )

    def begin(self) -> None:
        """Make the file, and keep other processes from it."""
        if self._file is None:
            self._open()

    def add(self, found: Iterable[Result]) -> None:
        """Write what became of rows, which is on the disk then."""
        lines = io.StringIO(newline="")
        writer = csv.writer(lines, lineterminator="\n")
        for one in sorted(found, key=lambda one: one.row):
            # A row is a line, so that a file which was cut off is known by its last one.
            number, error = (" ".join(text.split()) for text in (one.number, one.error))
            writer.writerow((one.row, number, one.message_id, one.status, error, self._ident))
            self._statuses[one.row] = one.status
        self.begin()
        assert self._file is not None
        self._file.write(lines.getvalue().encode())
        self._sync()

    def _open(self) -> None:
        try:
            # It may not be there yet, and is not to be emptied.
            self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            assert self._file is not None
            self._file.close()
            raise Problem(
                f"Another longcode send writes to {plain(str(self.path))}.", "Let it end, or stop it, first."
            ) from None
        except OSError as exc:
            raise Problem(
                f"{plain(str(self.path))} can't be written: {exc.strerror}.", "Name another place: --results PATH."
            ) from None
        try:
            self._read(self._file)
        except Problem:
            self._file.close()
            raise

    def _read(self, file: BinaryIO) -> None:
        """Learn what is there, and cut off what a killed process left of a line."""
        end = 0
        for line in file:
            if not line.endswith(b"\n"):
                break
            if end == 0 and line != _HEADER:
                raise self._of_another("no result file of longcode send")
            if end:
                self._take(line)
            end += len(line)
        if end == 0:
            file.seek(0)
            if not _HEADER.startswith(file.read()):
                raise self._of_another("no result file of longcode send")
        file.truncate(end)
        file.seek(end)
        if end == 0:
            file.write(_HEADER)
            self._sync()

    def _take(self, line: bytes) -> None:
        try:
            cells = next(csv.reader([line.decode(errors="replace").rstrip("\n")]), [])
        except csv.Error:
            cells = []
        if len(cells) != len(COLUMNS) or not cells[0].isdecimal():
            # Half a line from somewhere: its batch is asked for again, which sends nothing twice.
            return
        row, _, _, status, _, ident = cells
        if ident != self._ident:
            if self._ident.startswith(ident):
                return
            theirs, ours = ident.partition("-")[0], self._ident.partition("-")[0]
            raise self._of_another("of other options" if theirs == ours else "of another file")
        # Of a few words there are as many as rows.
        self._statuses[int(row)] = sys.intern(status)

    def _of_another(self, what: str) -> Problem:
        return Problem(
            f"{plain(str(self.path))} is {what}.",
            "To go on with that run, use its file and options as they were. For a run of its own, name another "
            "place for its results: --results PATH; to send the same texts once more on purpose, --again NAME.",
        )

    def _sync(self) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
