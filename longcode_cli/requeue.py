"""Waiting texts that the queue has lost, put back into it.

The table says who waits, and in which order they leave; which of them the queue still has, nobody can ask SQS. So
some may get a second copy. That can't cause a second text: the consumer sends only what it can claim, and what was
claimed waits no more. It costs a receive and a read, and so a queue that has lost nothing is left alone.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, batched

from longcode.aws.queue import SqsQueue
from longcode.domain import pacing
from longcode.domain.metrics import Metric
from longcode.use_cases import backlog
from longcode.use_cases.ports import Waiting
from longcode_cli.problems import Problem
from longcode_cli.redrive import depth
from longcode_cli.target import Target

_WORKERS = 10
# So many between two steps of the progress that is shown.
_CHUNK = 100
# SQS goes on purging for up to a minute, and what is put in meanwhile may go too. Its counts can be as late. And a
# text that was accepted just now may not have come to the queue yet.
_SETTLED_MS = 60_000
_ALL = 2**31 - 2


@dataclass(frozen=True, slots=True)
class Lost:
    """The texts that wait and that the queue has lost, line by line, the longest waiting first.

    `younger`: how many more wait of which it is too early to say. `dead_letters`: some of all these may be there.
    """

    lines: list[list[Waiting]]
    younger: int
    dead_letters: int


def lost(target: Target, now_ms: int, purged_ms: int | None) -> Lost:
    """What the queue has lost: what was accepted before it was purged, and in the minute for which SQS goes on
    purging; or all, where nobody says when that was.

    Then it has to be empty now, and there may be no dead letters. Raises Problem where it can't be told, or is not
    to be put back yet.
    """
    if purged_ms is not None and now_ms < purged_ms:
        raise Problem("--purged-at is in the future.", "It is when the queue was purged.")
    if purged_ms is not None and now_ms < purged_ms + _SETTLED_MS:
        raise Problem(
            "SQS may still be purging, also what is put back now.",
            f"Run it again in {pacing.seconds_up(purged_ms + _SETTLED_MS - now_ms)} s.",
        )
    before_ms = now_ms - _SETTLED_MS if purged_ms is None else purged_ms + _SETTLED_MS
    waiting, _ = target.messages.waiting(_ALL)
    lines: dict[str, list[Waiting]] = {}
    younger = 0
    for text in waiting:
        if text.accepted_ms < before_ms:
            lines.setdefault(text.recipient, []).append(text)
        elif purged_ms is None:
            younger += 1
    letters = depth(target.sqs, target.dead_letter_queue_url).total
    if lines and purged_ms is None:
        if letters:
            raise Problem(
                f"Texts among the dead letters ({letters:,}) wait as well, and would be in the queue twice.",
                "Mend the consumer and put them back first: longcode redrive. Was the queue purged besides? "
                "longcode requeue --purged-at TIME does not mind them.",
            )
        if there := depth(target.sqs, target.queue_url).total:
            raise Problem(
                f"The queue holds about {there:,}, so it may have lost nothing.",
                "Was it purged? longcode requeue --purged-at TIME puts back what was accepted before then.",
            )
    return Lost(sorted(lines.values(), key=lambda texts: texts[0].accepted_ms), younger, letters)


class Uncounted:
    """ports.Metrics that nobody reads: what an operator puts back is no sign of a fault."""

    def count(self, metric: Metric, value: float = 1) -> None:
        """Do nothing."""


def requeue(target: Target, texts: Sequence[Waiting], now_ms: int) -> Iterator[int]:
    """Put `texts` into the queue, and say after each chunk how many are in."""
    queue = SqsQueue(target.sqs, target.queue_url)

    def put(chunk: Sequence[Waiting]) -> int:
        # Another mark in each run: in between, the queue may have been emptied again.
        backlog.put_back(chunk, queue, Uncounted(), mark=f"requeue:{now_ms}")
        return len(chunk)

    with ThreadPoolExecutor(_WORKERS) as pool:
        yield from accumulate(pool.map(put, batched(texts, _CHUNK, strict=False)))
