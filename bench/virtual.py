"""All scenarios in virtual time, each by every strategy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.figures import Figures, figures
from bench.scenarios import SCENARIOS, Scenario, without_backlog
from bench.simulation import Simulation
from bench.strategies import Ours, Strategy
from bench.texts import Text

CONTROL = "longcode, no backlog"


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy in one scenario."""

    scenario: Scenario
    strategy: str
    figures: Figures


# Called with the run that begins and its number of texts; returns what to call with how many have been sent.
Watcher = Callable[[str, int], Callable[[int], None]]


def _unwatched(_what: str, _total: int) -> Callable[[int], None]:
    return lambda _done: None


def run_one(
    scenario: Scenario,
    strategy: Strategy,
    texts: Sequence[Text],
    name: str,
    *,
    seed: int = 1,
    watch: Watcher = _unwatched,
) -> Row:
    """One strategy over one load."""
    progress = watch(f"{scenario.name}: {name}", len(texts))
    simulation = Simulation(
        texts, strategy, scenario.pace, concurrency=scenario.concurrency, seed=seed, progress=progress
    )
    return Row(scenario, name, figures(simulation.run(), scenario.pace))


def rows(scenario: Scenario, *, quick: bool, seed: int = 1, watch: Watcher = _unwatched) -> Iterator[Row]:
    """Ours, then the baselines, and where the others' waits are reported, ours without the backlog."""
    for strategy in scenario.strategies():
        ours = isinstance(strategy, Ours) and strategy.name == Ours.name
        small = quick or (scenario.baselines_small and not ours)
        texts = scenario.small() if small else scenario.texts()
        yield run_one(scenario, strategy, texts, strategy.name, seed=seed, watch=watch)
    if scenario.waits:
        texts = without_backlog(scenario.small() if quick else scenario.texts())
        yield run_one(scenario, Ours(), texts, CONTROL, seed=seed, watch=watch)


def run(*, quick: bool, seed: int = 1, watch: Watcher = _unwatched) -> list[Row]:
    """Everything."""
    return [row for scenario in SCENARIOS for row in rows(scenario, quick=quick, seed=seed, watch=watch)]
