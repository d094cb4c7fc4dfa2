"""A batch of ten recipients at the consumer, beside the same ten one by one, at a provider that takes its time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.table import Table

from bench import cloud, cold, functions, quota, warm
from devtools.local_stack.problems import LocalError
from longcode.aws.queue import body
from longcode.domain.message import Message
from tests.support.fakes.examples import make_message

LATENCY_MS = 150.0
_TEXTS = 10


@dataclass(frozen=True, slots=True)
class Batch:
    """Milliseconds of the clock: of each batch of ten, and of ten invocations of one text each."""

    cpus: float | None
    together_ms: list[float]
    one_by_one_ms: list[float]

    @property
    def ratio(self) -> float:
        """How long a batch takes, over the provider's latency."""
        return median(self.together_ms) / LATENCY_MS


def texts() -> list[Message]:
    """Ten queued texts to as many recipients."""
    then = time.time_ns() // 1_000_000 - 60_000
    numbers = [f"+120255501{number:02d}" for number in range(10, 10 + _TEXTS)]
    return [make_message(recipient=number, accepted_ms=then, updated_ms=then) for number in numbers]


# Any: an event is JSON.
def event_of(some: Sequence[Message]) -> Any:
    """The event that Lambda makes of these in the queue."""
    (record,) = functions.event_of("consumer")["Records"]
    return {
        "Records": [
            record
            | {
                "messageId": f"059f36b4-87a3-44ab-83d2-6619750533{number:02d}",
                "receiptHandle": f"AQEBexampleReceiptHandle{number}==",
                "body": body(text.id),
                "attributes": record["attributes"] | {"MessageGroupId": text.recipient},
            }
            for number, text in enumerate(some)
        ]
    }


def run(made: cold.Workshop, aws: cloud.Cloud, rounds: int) -> list[Batch]:
    """The consumer with all there is, then at its share of a CPU."""
    share = quota.share(functions.memory_of("consumer", made.template))
    return [_run(made, aws, rounds, cpus) for cpus in (None, share)]


def _run(made: cold.Workshop, aws: cloud.Cloud, rounds: int, cpus: float | None) -> Batch:
    ten = texts()
    walls = [[event_of(ten)], [event_of([text]) for text in ten]]
    job = warm.Job(event_of(ten), warm_up=5, walls=walls, wall_rounds=rounds)
    aws.provider_ms = LATENCY_MS
    try:
        found = warm.run(made, aws, "consumer", job, texts=ten, cpus=cpus)
    finally:
        aws.provider_ms = 0.0
    if found.wall_sends != rounds * 2 * _TEXTS:
        raise LocalError(f"Of {rounds * 2 * _TEXTS} texts {found.wall_sends} were sent: nothing was measured.")
    together, one_by_one = zip(*found.walls_ms, strict=True)
    return Batch(cpus, list(together), list(one_by_one))


def figures(found: Sequence[Batch]) -> dict[str, float]:
    """What has a budget."""
    free, shared = found
    return {
        "batch of ten over the provider's latency": free.ratio,
        "the same at the consumer's share of a CPU": shared.ratio,
    }


def table(found: Sequence[Batch]) -> Table:
    """A line for each share of a CPU."""
    title = f"Ten recipients, the provider takes {LATENCY_MS:.0f} ms"
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for head in ("CPU", "together ms", "x latency", "worst ms", "one by one ms", "times faster"):
        made.add_column(head, justify="right")
    for one in found:
        middle, other = median(one.together_ms), median(one.one_by_one_ms)
        made.add_row(
            "all" if one.cpus is None else f"{one.cpus:.3f}",
            f"{middle:,.0f}",
            f"{one.ratio:.2f}",
            f"{max(one.together_ms):,.0f}",
            f"{other:,.0f}",
            f"{other / middle:.1f}",
        )
    return made
