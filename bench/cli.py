"""The command line of the benchmarks."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import budgets, report, results, virtual
from bench.scenarios import SCENARIOS
from devtools.local_stack.problems import LocalError, last_lines

app = typer.Typer(
    help="Measures what the service costs and how fast it is, beside bench/budgets.toml. By itself: `quick`.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Tables are wider than the 80 columns that a pipe is taken for.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
complaints = Console(stderr=True, highlight=False, soft_wrap=True)

STACK = Path(".local/bench")
Only = Annotated[list[str] | None, typer.Option(metavar="FUNCTION", help="One function. May be repeated.")]
Rounds = Annotated[int, typer.Option(min=1, help="How many rounds.")]


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
        quick()


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
    if both and not quick and not only:
        results.write("pacing", found)
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
    only: Only = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is started.")] = 15,
    memory: Annotated[
        list[int] | None, typer.Option(metavar="MB", help="Another memory. May be repeated.  [the template's]")
    ] = None,
    init_cpus: Annotated[
        float | None,
        typer.Option(help="What it may use until it is ready. Lambda is widely seen to give 1.  [its share]"),
    ] = None,
    floors: Annotated[bool, typer.Option(help="Also the least that each could cost.")] = True,
    sdk: Annotated[bool, typer.Option(help="Also `import telnyx, flask`.")] = True,
    build: Annotated[
        Path | None, typer.Option(help="A folder that `make build` has printed.  [built from what is here]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the JSON goes.  [bench/results/cold.json, or cold-partial.json of some functions]"
        ),
    ] = None,
) -> None:
    """How long each built function takes from nothing to its first answer, at its share of a CPU, in fresh
    processes in turn. Needs Linux and writable control groups (root); without a quota it measures nothing.
    """
    parts = _parts()
    parts.run_cold(
        console,
        parts.built(build),
        only or [],
        rounds=rounds,
        memories=memory or [],
        init_cpus=init_cpus,
        floors=floors,
        sdk=sdk,
        out=out,
    )


@app.command()
def warm(
    only: Only = None,
    rounds: Rounds = 15,
    growth: Annotated[int, typer.Option(min=0, help="How many calls its memory is watched for.")] = 10_000,
) -> None:
    """CPU time of a warm call of each function beside a bare handler with the same calls to AWS, in turn; and by
    how much its memory grows.
    """
    parts = _parts()
    parts.run_warm(console, parts.built(), only or [], rounds=rounds, growth=growth)


@app.command()
def webhook(rounds: Rounds = 15) -> None:
    """Webhooks that are verified, and that are verified and applied, for a second of a whole CPU."""
    parts = _parts()
    parts.run_webhook(console, parts.built(), rounds=rounds)


@app.command()
def batch(rounds: Rounds = 15) -> None:
    """A batch of ten recipients beside ten texts one by one, where the provider takes 150 ms."""
    parts = _parts()
    parts.run_batch(console, parts.built(), rounds=rounds)


@app.command()
def throughput(
    rounds: Rounds = 5,
    batches: Annotated[int, typer.Option(min=1, max=50, help="How many batches at a time.")] = 6,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
) -> None:
    """Accepts and sends a second on a local stack of its own, in turn with trivial handlers deployed there."""
    _parts().run_throughput(console, rounds=rounds, batches=batches, keep=keep)


@app.command()
def package() -> None:
    """How large the layers and the functions are, zipped and unzipped."""
    parts = _parts()
    parts.run_package(console, parts.built())


@app.command()
def calls() -> None:
    """What a text takes of AWS: units of the tables, requests to the queue, events, invocations, log bytes."""
    _parts().run_calls(console)


@app.command()
def modules() -> None:
    """How many modules of libraries each function has loaded when it has started."""
    parts = _parts()
    parts.run_modules(console, parts.built())


@app.command(name="instructions")
def count_instructions(only: Only = None) -> None:
    """How many instructions a start takes beside its floor, by valgrind: the same each time. Some minutes."""
    parts = _parts()
    parts.run_instructions(console, parts.built(), only or [])


@app.command()
def levers(only: Only = None) -> None:
    """How many instructions a start takes with and without each thing that was done to make it short."""
    parts = _parts()
    parts.run_levers(console, parts.built(), only or [])


@app.command()
def memory(only: Only = None) -> None:
    """What each memory costs and how long a function takes with it, out of the results of `cold` and `warm`."""
    _parts().run_memory(console, only or [])


@app.command()
def check() -> None:
    """Compare all that is the same each time with bench/budgets.toml; exit code 1 where something is over."""
    parts = _parts()
    budgets.expect_kept(parts.run_check(console, parts.built(), keep=False))


@app.command()
def quick() -> None:
    """A sensible set in some minutes; what `make bench` does."""
    lines = _parts().run_quick(console)
    _pacing_virtual(True, [], 1, show=True)
    over = [line for line in lines if not line.kept]
    console.print(f"{len(lines)} budgets, {len(over)} of them not kept{': ' if over else '.'}")
    budgets.show(console, "not kept", over)


def _parts() -> ModuleType:
    # Only here: they need all of the development environment.
    from bench import parts

    return parts


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
