"""What a warm call of a function costs beside a bare handler with the same calls to AWS, and whether it grows."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from bench import cloud, cold, functions, quota
from bench.functions import PYTHON
from devtools.local_stack.problems import LocalError
from longcode.domain.message import Message

_COMMAND = (str(PYTHON), "-S", "-P", str(Path(__file__).parent / "warm_child.py"), "job.json", "result.json")


@dataclass(frozen=True, slots=True)
class Job:
    """What a process does: `rounds` blocks of `block` calls in turn with the bare handler; then how long each list
    of `walls` takes, `wall_rounds` times; then `growth` more calls. Any: an event is JSON.
    """

    event: Any
    rounds: int = 0
    block: int = 20
    warm_up: int = 50
    growth: int = 0
    walls: Sequence[Sequence[Any]] = ()
    wall_rounds: int = 0

    def as_json(self) -> str:
        """As the process reads it, each event as text."""
        return json.dumps(
            {
                "event": json.dumps(self.event),
                "rounds": self.rounds,
                "block": self.block,
                "warm_up": self.warm_up,
                "growth": self.growth,
                "walls": [[json.dumps(event) for event in events] for events in self.walls],
                "wall_rounds": self.wall_rounds,
            }
        )


@dataclass(frozen=True, slots=True)
class Warm:
    """A function, warm. CPU times are of each block, `resident_kb` from before the growth to after it."""

    name: str
    memory_mb: int
    aws_calls: int
    provider_calls: int
    function_cpu_ms: list[float]
    bare_cpu_ms: list[float]
    walls_ms: list[list[float]]
    wall_sends: int
    resident_kb: list[float] = field(default_factory=list)

    @property
    def cpu_ms(self) -> float:
        """CPU time of one call."""
        return median(self.function_cpu_ms)

    @property
    def bare_ms(self) -> float:
        """CPU time of one call of the bare handler."""
        return median(self.bare_cpu_ms)

    @property
    def ratio(self) -> float:
        """How much more it takes than the bare handler: the median over the blocks that ran side by side."""
        return median(mine / bare for mine, bare in zip(self.function_cpu_ms, self.bare_cpu_ms, strict=True))

    @property
    def grown_mb(self) -> float | None:
        """By how much its memory grew."""
        return (self.resident_kb[-1] - self.resident_kb[0]) / 1024 if self.resident_kb else None


def run(
    made: cold.Workshop,
    aws: cloud.Cloud,
    name: str,
    job: Job,
    *,
    texts: Sequence[Message] = (),
    cpus: float | None = None,
) -> Warm:
    """Do a job with the built function `name`, at `cpus` or with all there is, where these texts wait."""
    memory = functions.memory_of(name, made.template)
    subject = made.function(name, memory)
    with tempfile.TemporaryDirectory(prefix="warm-") as folder, aws.fresh(texts) as names, _limited(cpus) as join:
        (Path(folder) / "job.json").write_text(job.as_json())
        environment = functions.environment(subject.paths, name, memory, subject.variables) | names
        with (Path(folder) / "errors").open("wb") as errors:
            code = subprocess.run(
                ["/bin/sh", "-c", f'{join}exec "$@"', "sh", *_COMMAND],
                cwd=folder,
                env=environment | {"HOME": folder},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                check=False,
            ).returncode
        if code != 0:
            raise LocalError(f"{name}: the warm calls failed.\n{(Path(folder) / 'errors').read_text()[-3000:]}")
        found = json.loads((Path(folder) / "result.json").read_text())
    for when in ("first", "second", "last"):
        if problem := cold.refusal(found.pop(when), subject.status):
            raise LocalError(f"{name}: the {when} warm call gave no good answer: {problem}")
    return Warm(name, memory, **found)


@contextmanager
def _limited(cpus: float | None) -> Iterator[str]:
    """What a shell does first to be held to so many CPUs."""
    if cpus is None:
        yield ""
        return
    with quota.group() as group:
        group.allow(cpus)
        yield "".join(f'echo $$ > "{file}"; ' for file in group.members)


def figures(found: Sequence[Warm]) -> dict[str, float]:
    """What has a budget."""
    # Over no call to AWS at all, a ratio says nothing.
    made = {f"{one.name}: CPU over the bare handler": one.ratio for one in found if one.aws_calls}
    if grown := [one.grown_mb for one in found if one.grown_mb is not None]:
        made["most growth, MB"] = max(grown)
    return made


def table(found: Sequence[Warm]) -> Table:
    """A line a function; CPU time in ms a call."""
    made = Table(title="Warm calls, CPU ms", title_justify="left", title_style="bold", header_style="dim")
    made.add_column("")
    for head in ("calls to AWS", "to the provider", "bare", "function", "own", "x bare", "growth MB"):
        made.add_column(head, justify="right")
    for one in found:
        made.add_row(
            one.name,
            f"{one.aws_calls}",
            f"{one.provider_calls}",
            f"{one.bare_ms:.2f}",
            f"{one.cpu_ms:.2f}",
            f"{one.cpu_ms - one.bare_ms:.2f}",
            f"{one.ratio:.2f}" if one.aws_calls else "",
            "" if one.grown_mb is None else f"{one.grown_mb:.2f}",
        )
    return made
