"""bench/budgets.toml: what each figure may be at most, or must be at least, and what was measured beside it."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import ROOT
from devtools.local_stack.problems import LocalError

FILE = Path(__file__).parent / "budgets.toml"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure beside its budget; `least` turns it round."""

    name: str
    measured: float
    budget: float
    least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the figure is within its budget."""
        return self.measured >= self.budget if self.least else self.measured <= self.budget

    @property
    def ratio(self) -> float | None:
        """The figure over its budget; None where the budget is nothing."""
        return self.measured / self.budget if self.budget else None


# Any: TOML.
def read(part: str, path: Path = FILE) -> dict[str, Any]:
    """The budgets of a part, by name. Raises LocalError for a part that has none."""
    found = tomllib.loads(path.read_text())
    if part not in found:
        raise LocalError(f"{path.name} has no part {part}.", hint=f"It has {', '.join(sorted(found))}.")
    budgets: dict[str, Any] = found[part]
    return budgets


def compare(budgets: Mapping[str, Any], measured: Mapping[str, float], *, whole: bool = True) -> list[Line]:
    """Each budget with what was measured under its name.

    Raises LocalError for a budget without a figure, unless only some were measured, which is not `whole`.
    """
    if whole and (missing := sorted(set(budgets) - set(measured))):
        raise LocalError(
            f"There is a budget, but no figure: {', '.join(missing)}.",
            hint=f"Take it out of bench/{FILE.name}, or name it as a figure: {', '.join(sorted(measured))}.",
        )
    return [_line(name, measured[name], budget) for name, budget in budgets.items() if name in measured]


def _line(name: str, measured: float, budget: Any) -> Line:
    if isinstance(budget, dict):
        return Line(name, measured, float(budget["least"]), least=True)
    return Line(name, measured, float(budget))


def each_has_one(budgets: Mapping[str, Any], names: Iterable[str], part: str) -> None:
    """Raises LocalError if one of `names` has no budget."""
    if missing := sorted(set(names) - set(budgets)):
        raise LocalError(
            f"No budget in part {part}: {', '.join(missing)}.", hint=f"Add a line for it to bench/{FILE.name}."
        )


def table(part: str, lines: Sequence[Line]) -> Table:
    """Figure, budget, their ratio, and whether it is kept."""
    made = Table(title=f"Budgets: {part}", title_justify="left", title_style="bold", header_style="dim")
    for head in ("", "figure"):
        made.add_column(head)
    for head in ("measured", "budget", "ratio"):
        made.add_column(head, justify="right")
    for line in lines:
        made.add_row(
            "[green]ok[/green]" if line.kept else "[red]over[/red]" if not line.least else "[red]under[/red]",
            line.name,
            number(line.measured),
            ("≥ " if line.least else "≤ ") + number(line.budget),
            "" if line.ratio is None else f"{line.ratio:.2f}",
        )
    return made


def number(value: float) -> str:
    """A figure with as many digits as say something."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.3g}"


def show(console: Console, part: str, lines: Sequence[Line]) -> None:
    """The table, where there is a line."""
    if lines:
        console.print(table(part, lines))


def as_json(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The same for scripts."""
    return [asdict(line) | {"kept": line.kept} for line in lines]


def expect_kept(lines: Sequence[Line]) -> None:
    """Raises LocalError that names each figure which is over its budget."""
    if broken := [line for line in lines if not line.kept]:
        words = "; ".join(f"{line.name}: {number(line.measured)}, budget {number(line.budget)}" for line in broken)
        raise LocalError(
            f"Over budget: {words}.",
            hint=f"Make it smaller, or say in the commit why bench/{FILE.name} gets another number.",
        )


def where(path: Path) -> str:
    """A path as it is seen from the repository."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
