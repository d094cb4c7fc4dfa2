"""The texts of a file: each row as the API takes it, or what is wrong with it; and the batches that they go in."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from longcode_cli import numbers
from longcode_cli.commands.send.columns import Columns
from longcode_cli.commands.send.sheet import Row, Sheet
from longcode_cli.terminal import count

# As many as POST /sms/batch takes.
BATCH = 500
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Item:
    """A text of the row `row`, which begins on `line`. `written` is its recipient as the file has it."""

    row: int
    line: int
    written: str
    # Any: JSON.
    fields: dict[str, Any]

    @property
    def number(self) -> str:
        """Its recipient in E.164 format."""
        return str(self.fields["to"])


@dataclass(frozen=True, slots=True)
class Flaw:
    """A row that is no text, and why."""

    row: int
    line: int
    written: str
    why: str


@dataclass(slots=True)
class Batch:
    """Up to 500 texts that are sent together, and the flaws among them. Batches are numbered from 0."""

    number: int
    items: list[Item] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Run:
    """A file with the options by which it becomes texts.

    The same of both is the same run: its batches have the same texts, and the same idempotency keys. `common` are
    the fields that all texts have; `again` is a name under which a file is sent once more.
    """

    sheet: Sheet
    columns: Columns
    region: str
    # Any: JSON.
    common: dict[str, Any]
    where: str
    again: str = ""
    template: str = ""

    @property
    def ident(self) -> str:
        """What its results are known by: half of it is the file's, and half the options'."""
        return f"{self.sheet.source.digest[:12]}-{self._options[:12]}"

    def key(self, batch: int) -> str:
        """The idempotency key of a batch."""
        return f"send-{self.sheet.source.digest[:32]}-{self._options[:32]}-{batch}"

    @property
    def _options(self) -> str:
        made = {
            "sheet": [self.sheet.codec, self.sheet.delimiter],
            "columns": [self.columns.to, self.columns.text, sorted(self.columns.own.items())],
            "template": self.template,
            "region": self.region,
            "common": self.common,
            "where": self.where,
            "again": self.again,
        }
        return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()

    def batches(self) -> Iterator[Batch]:
        """All texts of the file in batches, of which only one is kept. Raises Problem where it can't be read."""
        batch = Batch(0)
        for found in self._texts():
            if isinstance(found, Flaw):
                batch.flaws.append(found)
                if len(batch.flaws) == BATCH:
                    # They are no part of what a batch sends, and may be many.
                    yield Batch(batch.number, flaws=batch.flaws)
                    batch = Batch(batch.number, items=batch.items)
                continue
            if len(batch.items) == BATCH:
                yield batch
                batch = Batch(batch.number + 1)
            batch.items.append(found)
        yield batch

    def _texts(self) -> Iterator[Item | Flaw]:
        # The row that each key was met in first.
        keys: dict[str, int] = {}
        for row in self.sheet.rows():
            try:
                fields = self._fields(row)
                key = fields.get("key")
                if key is not None and (first := keys.setdefault(key, row.number)) != row.number:
                    raise ValueError(f"the same key as row {first}")
            except ValueError as exc:
                yield Flaw(row.number, row.line, self._written(row.cells), str(exc))
            else:
                yield Item(row.number, row.line, self._written(row.cells), fields)

    def _written(self, cells: list[str]) -> str:
        return cells[self.columns.to].strip() if self.columns.to < len(cells) else ""

    # Any: JSON.
    def _fields(self, row: Row) -> dict[str, Any]:
        """A row's item of the batch. Raises ValueError with what is wrong."""
        width, cells = self.columns.width, row.cells
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            raise ValueError(f"{count(len(cells), 'column')}, and the first row has {width}")
        fields = {"to": numbers.e164(cells[self.columns.to], self.region), "message": self.columns.words(cells)}
        fields |= {name: cells[at].strip() for name, at in self.columns.own.items() if cells[at].strip()}
        if "key" in fields:
            # Sent on purpose once more, a text has to have another key.
            fields["key"] = f"{self.again}:{fields['key']}" if self.again else fields["key"]
            if not _KEY.fullmatch(fields["key"]):
                raise ValueError("the key must be 1 to 255 visible ASCII characters")
        return fields
