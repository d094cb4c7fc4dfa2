"""The parts of the benchmark that have budgets: each measures, prints, and keeps its JSON in bench/results/."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import (
    batch,
    budgets,
    calls,
    cloud,
    cold,
    cold_report,
    functions,
    instructions,
    levers,
    memory,
    package,
    results,
    throughput,
    warm,
    webhook,
)
from bench.budgets import Line
from devtools.cost import journeys
from devtools.cost.bill import Prices
from devtools.local_stack import build as builds
from devtools.local_stack import sam_template
from devtools.local_stack.build import Build
from devtools.local_stack.layout import Layout
from devtools.local_stack.problems import LocalError

STACK = Path(".local/bench")
# Those whose memory matters: a caller or the provider waits for them, or each text pays for them.
OF_MEMORY = ("webhook", "send", "queue", "status", "consumer", "publisher")


def built(path: Path | None = None) -> Build:
    """What is here, built; or what `path` holds."""
    if path is None:
        return builds.build(Layout.of(None).log("build"))
    if not (path / "template.yaml").exists():
        raise LocalError(f"{path} is no build.", hint="Give the folder that `make build` prints.")
    return Build(path, path.name, fresh=False)


def chosen(build: Build, only: Sequence[str], every: Sequence[str] | None = None) -> list[str]:
    """The functions to measure. Raises LocalError for one that there is not."""
    known = functions.names(sam_template.load(build.template))
    if unknown := sorted(set(only) - set(known)):
        raise LocalError(f"There is no function {', '.join(unknown)}.", hint=f"There are {', '.join(known)}.")
    return list(only or every or known)


@contextmanager
def progress(words: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar of so many steps; yields what advances it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(words, total=total)
        yield lambda: bars.advance(bar)


@contextmanager
def workshop(build: Build) -> Iterator[tuple[cold.Workshop, cloud.Cloud]]:
    """The built functions, and AWS and the provider in this process."""
    with tempfile.TemporaryDirectory(prefix="warm-") as folder, cloud.running(Path(folder)) as (_, _, aws, port):
        yield cold.Workshop(build, Path(folder), port), aws


def reported(
    console: Console,
    part: str,
    measured: dict[str, float],
    found: dict[str, Any],
    *,
    whole: bool = True,
    keep: bool = True,
) -> list[Line]:
    """Print the budgets of a part beside its figures, and keep the JSON: apart, where not all was measured."""
    lines = budgets.compare(budgets.read(part), measured, whole=whole)
    budgets.show(console, part, lines)
    if keep:
        path = results.write(
            part if whole else f"{part}-partial", {"budgets": budgets.as_json(lines), "figures": measured} | found
        )
        console.print(f"All of it is in {budgets.where(path)}.\n", style="dim")
    return lines


def run_package(console: Console, build: Build, *, keep: bool = True) -> list[Line]:
    """The sizes of the package."""
    found = package.sizes(build)
    console.print(package.table(found))
    rows = {"folders": [asdict(one) for one in found]}
    return reported(console, "package", package.figures(found), rows, keep=keep)


def run_calls(console: Console, *, keep: bool = True) -> list[Line]:
    """What a text takes of AWS."""
    run = journeys.run()
    found = calls.texts(run)
    console.print(calls.table(found))
    return reported(console, "calls", calls.figures(found) | calls.money(run), calls.as_json(run), keep=keep)


def run_modules(console: Console, build: Build, *, keep: bool = True) -> list[Line]:
    """What a start of each function loads."""
    template = sam_template.load(build.template)
    found = {name: functions.started(name, build.path, template) for name in functions.names(template)}
    budgets.each_has_one(budgets.read("modules"), found, "modules")
    measured = {name: float(len(one.modules)) for name, one in found.items()}
    rows = {"functions": {name: asdict(one) for name, one in found.items()}}
    return reported(console, "modules", measured, rows, keep=keep)


def run_instructions(console: Console, build: Build, only: Sequence[str]) -> list[Line]:
    """How many instructions a start takes."""
    names = chosen(build, only, OF_MEMORY)
    with progress("instructions of starts", 2 * len(names)) as watch:
        found = instructions.run(build, names, watch)
    console.print(instructions.table(found))
    rows = [asdict(one) | {"ratio": one.ratio} for one in found]
    return reported(console, "instructions", instructions.figures(found), {"functions": rows}, whole=not only)


def run_levers(console: Console, build: Build, only: Sequence[str]) -> None:
    """What each thing that was done for a short start is worth."""
    (name,) = chosen(build, only, ["status"])[:1]
    with progress("levers of a start", levers.steps()) as watch:
        found = levers.run(build, name, watch)
    console.print(levers.table(name, found))
    path = results.write("levers", {"function": name, "levers": [asdict(one) for one in found]})
    console.print(f"All of it is in {budgets.where(path)}.\n", style="dim")


def run_warm(console: Console, build: Build, only: Sequence[str], *, rounds: int, growth: int) -> list[Line]:
    """Warm calls beside a bare handler, and memory."""
    template = sam_template.load(build.template)
    usual = [*functions.routes(template), *(name for name in OF_MEMORY if name not in functions.routes(template))]
    names = chosen(build, only, usual)
    found = []
    with workshop(build) as (made, aws), progress("warm calls", len(names)) as watch:
        for name in names:
            job = warm.Job(functions.event_of(name), rounds=rounds, growth=growth)
            found.append(warm.run(made, aws, name, job))
            watch()
    console.print(warm.table(found))
    rows = {"growth_calls": growth, "functions": [asdict(one) for one in found]}
    return reported(console, "warm", warm.figures(found), rows, whole=not only and growth > 0)


def run_webhook(console: Console, build: Build, *, rounds: int) -> list[Line]:
    """Webhooks verified and applied a second."""
    with workshop(build) as (made, aws):
        found = webhook.run(made, aws, rounds)
    console.print(webhook.table(found))
    return reported(console, "webhook", found.figures, asdict(found))


def run_batch(console: Console, build: Build, *, rounds: int) -> list[Line]:
    """A batch of ten recipients."""
    with workshop(build) as (made, aws):
        found = batch.run(made, aws, rounds)
    console.print(batch.table(found))
    rows = {"latency_ms": batch.LATENCY_MS, "batches": [asdict(one) for one in found]}
    return reported(console, "batch", batch.figures(found), rows)


def run_throughput(console: Console, *, rounds: int, batches: int, keep: bool) -> list[Line]:
    """Accepts and sends a second on a local stack."""
    found = throughput.run(STACK, Console(stderr=True, highlight=False), rounds=rounds, batches=batches, keep=keep)
    console.print(throughput.table(found))
    return reported(console, "throughput", throughput.figures(found), asdict(found))


def run_memory(console: Console, only: Sequence[str]) -> None:
    """The table of memories, out of the results of cold and warm."""
    every = memory.works(results.read("cold"), results.read("warm"))
    found = [one for one in every if one.name in (only or OF_MEMORY)]
    prices = Prices.read()
    console.print(memory.table(found, prices))
    path = results.write("memory", {"functions": memory.as_json(found, prices)})
    console.print(f"All of it is in {budgets.where(path)}.\n", style="dim")


def run_cold(  # noqa: PLR0913 -- one parameter for each option of the command
    console: Console,
    build: Build,
    only: Sequence[str],
    *,
    rounds: int,
    memories: Sequence[int] = (),
    init_cpus: float | None = None,
    floors: bool = True,
    sdk: bool = True,
    out: Path | None = None,
) -> list[Line]:
    """Cold starts."""
    names = chosen(build, only)
    folder = tempfile.TemporaryDirectory(prefix="cold-")
    with folder, cold.workshop(build, Path(folder.name)) as (made, stage):
        subjects = cold.subjects(made, names, memories, floors=floors, sdk=sdk)
        with progress("cold starts", len(subjects) * (rounds + 1)) as watch:
            cold.measure(subjects, stage, rounds, init_cpus, watch)
    cold_report.show(console, subjects, init_cpus)
    whole = not only and not memories and floors and sdk
    lines = budgets.compare(budgets.read("cold"), cold_report.figures(subjects), whole=whole)
    budgets.show(console, "cold", lines)
    path = results.write(
        "cold" if whole else "cold-partial",
        cold_report.as_json(subjects, init_cpus, build.fingerprint, lines),
        out,
    )
    console.print(f"All of it is in {budgets.where(path)}.\n", style="dim")
    return lines


def run_check(console: Console, build: Build, *, keep: bool) -> list[Line]:
    """All that is the same each time."""
    return [
        *run_modules(console, build, keep=keep),
        *run_calls(console, keep=keep),
        *run_package(console, build, keep=keep),
    ]


def run_quick(console: Console) -> list[Line]:
    """A sensible set in some minutes: all but what needs a stack, with few rounds, its cold starts kept apart."""
    build = built()
    parts: list[tuple[str, Callable[[], list[Line]]]] = [
        ("modules, calls, package", lambda: run_check(console, build, keep=True)),
        ("webhook", lambda: run_webhook(console, build, rounds=15)),
        ("batch", lambda: run_batch(console, build, rounds=15)),
        ("warm, without growth", lambda: run_warm(console, build, [], rounds=5, growth=0)),
        ("cold, 3 rounds", lambda: run_cold(console, build, OF_MEMORY, rounds=3)),
    ]
    lines: list[Line] = []
    for number, (words, part) in enumerate(parts, 1):
        console.print(f"{number} of {len(parts)}: {words}", style="bold")
        lines += part()
    return lines
