"""Sends a file's batches, and writes down what became of each row."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from longcode.client import BatchRow
from longcode_cli.api import Api
from longcode_cli.commands.send.results import NOT_YET, OPTED_OUT, PROBLEM, REFUSED, Result, Results
from longcode_cli.commands.send.texts import Batch, Run


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends what `results` does not know yet. `done` is called with how many rows are, after each batch.

    It may be killed at any moment and begun again: a batch has the same key then, under which the API completes
    what is missing and sends nothing twice. So a result that was not written down costs one more request.
    """

    run: Run
    api: Api
    results: Results
    done: Callable[[int], object]

    def send(self) -> None:
        """Send all of it. Raises Problem where the API refuses a whole batch, or does not answer."""
        rows = 0
        self.results.begin()
        for batch in self.run.batches():
            if found := list(self._became(batch)):
                self.results.add(found)
            rows += len(batch.items) + len(batch.flaws)
            self.done(rows)

    def _became(self, batch: Batch) -> Iterator[Result]:
        """What became of the rows of a batch that have no result yet."""
        missing = self.results.missing(batch)
        for flaw in missing.flaws:
            yield Result(flaw.row, flaw.written, PROBLEM, error=flaw.why)
        if not missing.items:
            return
        for item, answer in zip(batch.items, self._answers(batch), strict=True):
            if not self.results.has(item.row):
                yield _result(item.row, item.number, answer)

    def _answers(self, batch: Batch) -> tuple[BatchRow, ...]:
        """The API's answers about all texts of a batch: an item's place is a part of its id."""
        # Any: JSON of the API.
        common: dict[str, Any] = self.run.common
        texts, key = [item.fields for item in batch.items], self.run.key(batch.number)
        return self.api.ask(self.api.client.batch, texts, idempotency_key=key, **common).messages


def _result(row: int, number: str, answer: BatchRow) -> Result:
    if answer.accepted and answer.message_id:
        return Result(row, number, answer.status or "", answer.message_id)
    status = REFUSED
    if is_opted_out(answer.code):
        status = OPTED_OUT
    elif answer.passing or answer.status_code == 429:
        # A cap of the day, or of a recipient queue, has room again later.
        status = NOT_YET
    return Result(row, number, status, error=in_words(answer.code, answer.error))


def is_opted_out(code: str | None) -> bool:
    """Whether a text is refused because its recipient wants none."""
    return code == "recipient_opted_out"


def in_words(code: str | None, error: str | None) -> str:
    """Why the API refuses a text: its code and its words."""
    return f"{code or 'refused'}: {error or ''}".rstrip(": ")
