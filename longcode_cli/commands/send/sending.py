"""Sends a file's batches, and writes down what became of each row."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from longcode_cli.api import Api
from longcode_cli.commands.send.results import NOT_YET, OPTED_OUT, PROBLEM, REFUSED, Result, Results
from longcode_cli.commands.send.texts import Batch, Run
from longcode_cli.problems import Problem

PATH = "/sms/batch"
_IN_USE = "idempotency_key_in_use"
# A store that fails for one text of a batch is asked so often for the rest.
_ATTEMPTS = 4
_FIRST_WAIT_S = 1.0


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

    # Any: JSON of the API.
    def _answers(self, batch: Batch) -> list[dict[str, Any]]:
        """The API's answers about all texts of a batch: an item's place is a part of its id."""
        wait_s = _FIRST_WAIT_S
        for attempt in range(1, _ATTEMPTS + 1):
            answers = answers_of(
                self.api.post(PATH, self.run.body(batch.items), self.run.key(batch.number)), batch
            )
            passing = [answer for answer in answers if _is_passing(answer)]
            if not passing or attempt == _ATTEMPTS:
                break
            self.api.waiting(f"{len(passing)} of {len(answers)} texts were not stored; they are asked for again.")
            asked_s = max(float(answer.get("retry_after_s") or 0) for answer in passing)
            self.api.sleep(min(max(wait_s, asked_s), self.api.patience_s))
            wait_s *= 2
        return answers


# Any: JSON of the API.
def answers_of(found: Mapping[str, Any], batch: Batch) -> list[dict[str, Any]]:
    """The answers about each text of a batch. Raises Problem where they are not as many as the texts."""
    answers = found.get("messages")
    if not isinstance(answers, list) or len(answers) != len(batch.items):
        raise Problem(
            "The API's answer does not say what became of each text.",
            "Is the stack of the same version as this command? The same command goes on where it was.",
        )
    return answers


# Any: JSON of the API.
def _is_passing(answer: Mapping[str, Any]) -> bool:
    """Whether the same text may be taken a moment later."""
    return int(answer.get("status_code") or 0) >= 500 or answer.get("code") == _IN_USE


# Any: JSON of the API.
def _result(row: int, number: str, answer: Mapping[str, Any]) -> Result:
    if answer.get("message_id") and not answer.get("error"):
        return Result(row, number, str(answer.get("status", "")), str(answer["message_id"]))
    status = REFUSED
    if is_opted_out(answer):
        status = OPTED_OUT
    elif _is_passing(answer) or answer.get("status_code") == 429:
        # A cap of the day, or of a recipient queue, has room again later.
        status = NOT_YET
    return Result(row, number, status, error=in_words(answer))


# Any: JSON of the API.
def is_opted_out(answer: Mapping[str, Any]) -> bool:
    """Whether a text is refused because its recipient wants none."""
    return answer.get("code") == "recipient_opted_out"


# Any: JSON of the API.
def in_words(answer: Mapping[str, Any]) -> str:
    """Why the API refuses a text: its code and its words."""
    return f"{answer.get('code', 'refused')}: {answer.get('error', '')}".rstrip(": ")
