"""Prints what `bench cold` measured, and keeps it as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import budgets, quota
from bench.budgets import Line
from bench.cold import Start, Subject


def _answer(start: Start) -> float:
    return start.answer_ms


def table(subjects: Sequence[Subject], init_cpus: float | None) -> Table:
    """One line a subject; milliseconds, the median of all starts unless a column says otherwise."""
    how = "at its share of a CPU" if init_cpus is None else f"its init at {init_cpus:g} CPU"
    made = Table(title=f"Cold starts, {how}", title_justify="left", title_style="bold", header_style="dim")
    made.add_column("started")
    for head in (
        "MB",
        "CPU",
        "init",
        "first call",
        "answer",
        "worst",
        "CPU ms init",
        "call",
        "x floor",
        "x sdk",
        "calls",
    ):
        made.add_column(head, justify="right")
    for subject in subjects:
        floor = _floor(subject, subjects)
        sdk = _other("sdk", subject, subjects) if subject.kind == "function" else None
        made.add_row(
            subject.name,
            f"{subject.memory_mb}",
            f"{quota.share(subject.memory_mb):.3f}",
            f"{subject.middle(lambda start: start.init_ms):,.0f}",
            f"{subject.middle(lambda start: start.call_ms):,.0f}",
            f"{subject.middle(_answer):,.0f}",
            f"{subject.most(_answer):,.0f}",
            f"{subject.middle(lambda start: start.init_cpu_ms):,.0f}",
            f"{subject.middle(lambda start: start.call_cpu_ms):,.0f}",
            f"{over(subject, floor):.2f}" if floor else "",
            f"{over(subject, sdk):.2f}" if sdk else "",
            f"{subject.starts[0].calls}",
            style="bold" if subject.kind == "function" else "",
        )
    return made


def _cpu(start: Start) -> float:
    return start.init_cpu_ms + start.call_cpu_ms


def _floor(subject: Subject, subjects: Sequence[Subject]) -> Subject | None:
    """What `subject` is compared with."""
    return _other(subject.floor, subject, subjects)


def _other(name: str | None, subject: Subject, subjects: Sequence[Subject]) -> Subject | None:
    """The subject of this name with as much memory."""
    wanted = (name, subject.memory_mb)
    return next((other for other in subjects if (other.name, other.memory_mb) == wanted), None)


def figures(subjects: Sequence[Subject]) -> dict[str, float]:
    """What has a budget; of a function that was started with several memories, the first."""
    made: dict[str, float] = {}
    over_sdk = []
    for subject in subjects:
        if subject.kind != "function":
            continue
        made.setdefault(f"{subject.name}: answer, ms", subject.middle(_answer))
        if floor := _floor(subject, subjects):
            made.setdefault(f"{subject.name}: CPU over the floor", over(subject, floor))
        if sdk := _other("sdk", subject, subjects):
            over_sdk.append(over(subject, sdk))
    if over_sdk:
        made["any function: CPU over `import telnyx, flask`"] = max(over_sdk)
    return made


def over(subject: Subject, other: Subject) -> float:
    """CPU time over the other's: the median of the rounds, in each of which both were started."""
    pairs = zip(subject.starts, other.starts, strict=True)
    return median(_cpu(mine) / _cpu(theirs) for mine, theirs in pairs)


def show(console: Console, subjects: Sequence[Subject], init_cpus: float | None) -> None:
    """The table, and how far the machine kept to the quota."""
    console.print(table(subjects, init_cpus))
    if init_cpus is None:
        least = min(got(subject) for subject in subjects)
        console.print(
            f"The init used at least {least:.0%} of its quota; where that is much below 100 %, others on this"
            " machine took the CPU, and the times are too long."
        )


def got(subject: Subject) -> float:
    """How much of its quota the init of a subject has used: all of it, as long as nothing else takes the CPU."""
    share = min(1.0, quota.share(subject.memory_mb))
    return subject.middle(lambda start: start.init_cpu_ms / start.init_ms / share)


# Any: JSON.
def as_json(
    subjects: Sequence[Subject], init_cpus: float | None, build: str, lines: Sequence[Line] = ()
) -> dict[str, Any]:
    """All that was measured, and its budgets."""
    return {
        "build": build,
        "period_us": quota.PERIOD_US,
        "mb_of_one_cpu": quota.MB_OF_ONE_CPU,
        "init_cpus": init_cpus,
        "budgets": budgets.as_json(lines),
        "figures": figures(subjects),
        "subjects": [
            {
                "name": subject.name,
                "kind": subject.kind,
                "memory_mb": subject.memory_mb,
                "cpus": round(quota.share(subject.memory_mb), 4),
                "floor": subject.floor,
                "quota_used_by_init": round(got(subject), 3),
                "starts": [
                    {name: round(value, 1) for name, value in asdict(start).items()} for start in subject.starts
                ],
            }
            for subject in subjects
        ],
    }
