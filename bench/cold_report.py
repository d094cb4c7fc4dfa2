"""Prints what `bench cold` measured, and keeps it as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import cold, quota
from bench.cold import Start, Subject
from bench.report import Promise, verdicts

# Telnyx waits so long for the answer to a webhook.
WEBHOOK_MS = 2_000


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
        "calls",
    ):
        made.add_column(head, justify="right")
    for subject in subjects:
        floor = _floor(subject, subjects)
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
            f"{subject.middle(_cpu) / floor.middle(_cpu):.2f}" if floor else "",
            f"{subject.starts[0].calls}",
            style="bold" if subject.kind == "function" else "",
        )
    return made


def _cpu(start: Start) -> float:
    return start.init_cpu_ms + start.call_cpu_ms


def _floor(subject: Subject, subjects: Sequence[Subject]) -> Subject | None:
    """What `subject` is compared with."""
    wanted = (subject.floor, subject.memory_mb)
    return next((other for other in subjects if (other.name, other.memory_mb) == wanted), None)


def show(console: Console, subjects: Sequence[Subject], init_cpus: float | None) -> None:
    """The table, the one promise, and how far the machine kept to the quota."""
    console.print(table(subjects, init_cpus))
    webhooks = [subject for subject in subjects if subject.name == "webhook"]
    verdicts(
        console,
        [
            Promise(
                f"a cold webhook of {one.memory_mb} MB answers within {WEBHOOK_MS:,} ms",
                f"{one.most(_answer):,.0f} ms at worst",
                one.most(_answer) <= WEBHOOK_MS,
            )
            for one in webhooks
        ],
    )
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
def as_json(subjects: Sequence[Subject], init_cpus: float | None, build: str) -> dict[str, Any]:
    """All that was measured, and on what."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "build": build,
        "machine": cold.machine(),
        "period_us": quota.PERIOD_US,
        "mb_of_one_cpu": quota.MB_OF_ONE_CPU,
        "init_cpus": init_cpus,
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


def write(path: Path, found: dict[str, Any]) -> None:
    """Keep it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")
