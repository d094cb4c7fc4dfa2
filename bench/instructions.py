"""How many instructions a start takes, of a function and of its floor, counted by valgrind: the same each time."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from bench import functions
from bench.floor import program
from bench.functions import LAYERS, PYTHON
from devtools.local_stack import invoke, sam_template
from devtools.local_stack.build import Build
from devtools.local_stack.problems import LocalError


@dataclass(frozen=True, slots=True)
class Started:
    """Millions of instructions until a function, and its floor, could take an event."""

    name: str
    floor: str
    function_m: float
    floor_m: float

    @property
    def ratio(self) -> float:
        """The function's over the floor's."""
        return self.function_m / self.floor_m


def run(build: Build, names: Sequence[str], watch: Callable[[], None]) -> list[Started]:
    """Start each once under valgrind, and each floor once. Raises LocalError without valgrind."""
    if shutil.which("valgrind") is None:
        raise LocalError(
            "Instructions can't be counted: there is no valgrind.", hint="Install the package valgrind."
        )
    template = sam_template.load(build.template)
    talks_to = {name: functions.started(name, build.path, template).talks_to for name in names}
    with tempfile.TemporaryDirectory(prefix="floors-") as folder, ThreadPoolExecutor(os.cpu_count()) as pool:

        def count(paths: Sequence[Path], variables: Mapping[str, str]) -> float:
            found = counted(paths, variables)
            watch()
            return found

        variables = functions.variables_of(names[0], template, invoke.NOWHERE)
        floors = {
            clients: pool.submit(count, _floor(Path(folder), clients, build.path), variables)
            for clients in sorted(set(talks_to.values()))
        }
        mine = {
            name: pool.submit(
                count,
                functions.paths_of(name, build.path, template),
                functions.variables_of(name, template, invoke.NOWHERE),
            )
            for name in names
        }
        return [
            Started(name, "+".join(talks_to[name]), mine[name].result(), floors[talks_to[name]].result())
            for name in names
        ]


def _floor(folder: Path, clients: tuple[str, ...], build: Path) -> tuple[Path, ...]:
    code = folder / ("floor-" + "-".join(clients))
    code.mkdir()
    (code / "app.py").write_text(program(clients))
    return code, build / LAYERS[0] / "python"


def counted(paths: Sequence[Path], variables: Mapping[str, str]) -> float:
    """Millions of instructions of one start: `import app` with no more on its path."""
    # Not the link in .venv: valgrind follows none. One seed, as the order in sets decides some of the work.
    python = str(PYTHON.resolve())
    environment = functions.environment(paths, "counted", 256, variables) | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", python, "-S", "-P", "-c", "import app"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if "Collected :" in line]
    if done.returncode != 0 or not lines:
        raise LocalError(f"valgrind counted nothing:\n{done.stderr[-2000:]}")
    return int(lines[-1].rpartition(":")[2]) / 1e6


def figures(found: Sequence[Started]) -> dict[str, float]:
    """What has a budget."""
    return {f"{one.name}: start over the floor": one.ratio for one in found}


def table(found: Sequence[Started]) -> Table:
    """A line a function."""
    title = "Instructions of a start, millions"
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    made.add_column("")
    made.add_column("floor")
    for head in ("floor's", "function's", "x floor"):
        made.add_column(head, justify="right")
    for one in found:
        made.add_row(one.name, one.floor, f"{one.floor_m:,.0f}", f"{one.function_m:,.0f}", f"{one.ratio:.3f}")
    return made
