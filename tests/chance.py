"""What a run leaves to chance. Its header has the seed: `TEST_SEED=…` repeats it, `FULL=1` leaves nothing out.

A worker of the run inherits both from the process that started it.
"""

import itertools
import os
import random
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager

SEED = int(os.environ.setdefault("TEST_SEED", str(secrets.randbelow(10**6))))
FULL = os.environ.get("FULL") == "1"


def times(few: int) -> int:
    """How many random examples a run tries."""
    return 20 * few if FULL else few


@contextmanager
def showing(case: object) -> Iterator[None]:
    """Of several cases in one test: let a failure say which it was, and how to have it again."""
    try:
        yield
    except BaseException as exc:
        exc.add_note(f"{case}, TEST_SEED={SEED}")
        raise


def drawn(what: str, seed: int = SEED) -> random.Random:
    """Chance for one purpose: the same in each process of a run."""
    return random.Random(f"{seed}/{what}")


def pairs(values: Sequence[object]) -> set[tuple[object, ...]]:
    """Every two of a row's values, each with its place."""
    return {(*one, *other) for one, other in itertools.combinations(enumerate(values), 2)}


def meeting[T](rows: Iterable[T], meets: Callable[[T], Set[object]], seed: int = SEED) -> list[T]:
    """Rows by chance, until all is met that any of them meets."""
    every = list(rows)
    missing = {pair for row in every for pair in meets(row)}
    drawn("rows", seed).shuffle(every)
    chosen = []
    for row in every:
        if new := missing & meets(row):
            chosen.append(row)
            missing -= new
    return chosen


def groups_meeting[T](members: Collection[T], size: int, seed: int = SEED) -> list[tuple[T, ...]]:
    """Groups of so many members by chance, until every two members were in one together."""
    groups = itertools.combinations(members, size)
    return meeting(groups, lambda group: set(itertools.combinations(group, 2)), seed)
