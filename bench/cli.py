"""The command line of the benchmarks."""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import report, virtual
from bench.scenarios import SCENARIOS
from devtools.local_stack.problems import LocalError, last_lines

app = typer.Typer(
    help="Measures the pacing of the queue and the functions' cold starts. Without a command: `pacing --all`.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Tables are wider than the 80 columns that a pipe is taken for.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
complaints = Console(stderr=True, highlight=False, soft_wrap=True)

STACK = Path(".local/bench")


def main() -> None:
    """Run a command; say what failed and what the log said last."""
    try:
        app()
    except LocalError as exc:
        complaints.print(f"[red bold]{exc}[/red bold]")
        for line in last_lines(exc.log):
            complaints.print(f"  {line}", style="dim", markup=False)
        if exc.hint:
            complaints.print(f"What to do: {exc.hint}", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


@app.callback(invoke_without_command=True)
def bare(ctx: typer.Context) -> None:
    """What happens without a command."""
    if ctx.invoked_subcommand is None:
        pacing()


@app.command(
    epilog="\b\nExamples:\n"
    "  python -m bench pacing --virtual --quick\n"
    "  python -m bench pacing --virtual --only sixty --only sender\n"
    "  python -m bench pacing --live"
)
def pacing(  # noqa: PLR0913 -- one parameter for each option of the command
    live: Annotated[bool, typer.Option("--live", help="Only on the local stack, in real time.")] = False,
    in_virtual_time: Annotated[
        bool, typer.Option("--virtual", help="Only in virtual time, beside three baselines.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Both; the default.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Smaller loads: seconds in virtual time, half a minute live.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="One scenario of virtual time. May be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed is another draw of latencies, virtual time only.")] = 1,
    home: Annotated[Path, typer.Option("--dir", help="The directory of the stack that --live uses.")] = STACK,
    batches: Annotated[
        int, typer.Option(min=1, max=50, help="How many batches that stack works on at a time; on AWS 50.")
    ] = 12,
    keep: Annotated[bool, typer.Option("--keep", help="Leave that stack running.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Gaps at the provider, time to drain against the ideal, receives and limiter writes a text, dead letters,
    and how long others wait behind one recipient's backlog.
    """
    both = everything or not (live or in_virtual_time)
    found: dict[str, Any] = {}
    if both or in_virtual_time:
        found["virtual"] = _pacing_virtual(quick, only or [], seed, show=not as_json)
    if both or live:
        found["live"] = _pacing_live(home, quick=quick, keep=keep, batches=batches, show=not as_json)
    if as_json:
        typer.echo(json.dumps(found, indent=2))


def _pacing_virtual(quick: bool, only: list[str], seed: int, *, show: bool) -> list[dict[str, Any]]:
    rows = _virtual(quick, only, seed)
    if show:
        report.virtual(console, rows)
        report.verdicts(console, report.promises(rows))
    return [{"scenario": row.scenario.name, "strategy": row.strategy} | asdict(row.figures) for row in rows]


def _pacing_live(home: Path, *, quick: bool, keep: bool, batches: int, show: bool) -> dict[str, Any]:
    # Only here: it needs the tools of the local stack.
    from bench import live as lives

    measured = lives.run(home, Console(stderr=True, highlight=False), quick=quick, keep=keep, batches=batches)
    if show:
        console.print()
        lives.show(console, measured)
    return asdict(measured)


@app.command(
    epilog="\b\nExamples:\n"
    "  python -m bench cold --only webhook --rounds 5\n"
    "  python -m bench cold --only webhook --memory 256 --memory 512 --memory 1024 --no-floors\n"
    "  python -m bench cold --init-cpus 1"
)
def cold(
    only: Annotated[
        list[str] | None, typer.Option(metavar="FUNCTION", help="One function. May be repeated.  [all]")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is started.")] = 15,
    memory: Annotated[
        list[int] | None, typer.Option(metavar="MB", help="Another memory. May be repeated.  [the template's]")
    ] = None,
    init_cpus: Annotated[
        float | None,
        typer.Option(help="What it may use until it is ready. Lambda is widely seen to give 1.  [its share]"),
    ] = None,
    floors: Annotated[bool, typer.Option(help="Also what there is to compare them with.")] = True,
    sdk: Annotated[bool, typer.Option(help="Also `import telnyx, flask`.")] = True,
    build: Annotated[
        Path | None, typer.Option(help="A folder that `make build` has printed.  [built from what is here]")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = Path("bench/results/cold.json"),
) -> None:
    """How long each built function takes from nothing to its first answer, at its share of a CPU, in fresh
    processes in turn. Needs Linux and writable control groups (root); without a quota it measures nothing.
    """
    # Only here: it needs all of the development environment.
    from bench import cold as colds
    from bench import cold_report, functions
    from devtools.local_stack import build as builds
    from devtools.local_stack import sam_template
    from devtools.local_stack.layout import Layout

    built = builds.Build(build, build.name, fresh=False) if build else builds.build(Layout.of(None).log("build"))
    every = functions.names(sam_template.load(built.template))
    if unknown := sorted(set(only or []) - set(every)):
        raise typer.BadParameter(f"There is no function {', '.join(unknown)}. There are {', '.join(every)}.")
    folder = tempfile.TemporaryDirectory(prefix="cold-")
    with folder, colds.workshop(built, Path(folder.name)) as (made, stage), _progress() as progress:
        chosen = colds.subjects(made, only or every, memory or [], floors=floors, sdk=sdk)
        bar = progress.add_task("cold starts", total=len(chosen) * (rounds + 1))
        colds.measure(chosen, stage, rounds, init_cpus, lambda: progress.advance(bar))
    cold_report.show(console, chosen, init_cpus)
    cold_report.write(out, cold_report.as_json(chosen, init_cpus, built.fingerprint))
    console.print(f"All of it is in {out}.")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _virtual(quick: bool, only: list[str], seed: int) -> list[virtual.Row]:
    names = [scenario.name for scenario in SCENARIOS]
    if unknown := sorted(set(only) - set(names)):
        raise typer.BadParameter(f"There is no scenario {', '.join(unknown)}. There are {', '.join(names)}.")
    rows: list[virtual.Row] = []
    with _progress() as progress:

        def watch(what: str, total: int) -> Callable[[int], None]:
            for task in progress.task_ids:
                progress.remove_task(task)
            bar = progress.add_task(what, total=total)
            return lambda done: progress.update(bar, completed=done)

        for scenario in SCENARIOS:
            if not only or scenario.name in only:
                rows += virtual.rows(scenario, quick=quick, seed=seed, watch=watch)
    return rows
