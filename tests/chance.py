"""What a run leaves to chance. Its header has the seed: `TEST_SEED=…` repeats it, `FULL=1` leaves nothing out.

A worker of the run inherits both from the process that started it.
"""

import itertools
import os
import random
import secrets
from collections.abc import Callable, Iterable, Sequence

SEED = int(os.environ.setdefault("TEST_SEED", str(secrets.randbelow(10**6))))
FULL = os.environ.get("FULL") == "1"


def drawn(what: str, seed: int = SEED) -> random.Random:
    """Chance for one purpose: the same in each process of a run."""
    return random.Random(f"{seed}/{what}")


def pairs(values: Sequence[object]) -> set[tuple[object, ...]]:
    """Every two of a row's values, each with its place."""
    return {(*one, *other) for one, other in itertools.combinations(enumerate(values), 2)}


def meeting[T](rows: Iterable[T], values: Callable[[T], Sequence[object]], seed: int = SEED) -> list[T]:
    """Rows by chance, until every value of each dimension met every value of each other that it can meet."""
    every = list(rows)
    missing = {pair for row in every for pair in pairs(values(row))}
    drawn("rows", seed).shuffle(every)
    chosen = []
    for row in every:
        if new := missing & pairs(values(row)):
            chosen.append(row)
            missing -= new
    return chosen
