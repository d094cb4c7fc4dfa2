"""A local stack that several test processes share.

The first that asks brings it up; the last that is done takes it down and removes what it held.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from devtools.local_stack import stack as stacks
from devtools.local_stack.layout import ROOT, Layout, Stack
from devtools.local_stack.processes import Child, alive, locked, started_at
from devtools.local_stack.progress import Step
from devtools.local_stack.release import ALIAS

RUNS = ROOT / ".local" / "test"
INTERVAL_MS = 1_000
# On the way to the provider: a text that opens the connection takes longer than the next.
_TRANSIT_MS = 50


class Silent:
    """Progress that is not shown."""

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        yield Step()


def up(layout: Layout, **options: Any) -> Stack:
    """A stack whose functions can do no more than their policies say, as on AWS."""
    return stacks.up(layout, Silent(), environment={}, enforce_iam=True, **options)


def paced(arrived_ms: Iterable[float]) -> bool:
    """Whether texts to one person, by when they arrived at the provider, left an interval apart.

    The tests in virtual time hold each departure to the millisecond. On the way two may come closer, but no row of
    them may: what one gains there, the next has not.
    """
    times = sorted(arrived_ms)
    apart = all(after - before >= INTERVAL_MS - _TRANSIT_MS for before, after in pairwise(times))
    return apart and (not times or times[-1] - times[0] >= (len(times) - 1) * INTERVAL_MS - _TRANSIT_MS)


@contextmanager
def shared_stack(home: Path, user: str, **options: Any) -> Iterator[Stack]:
    """The stack in `home`, up while any user of it is in here."""
    layout, users = Layout.of(home), home / "users"
    users.mkdir(parents=True, exist_ok=True)
    with locked(home / "users.lock"):
        (users / user).write_text(f"{os.getpid()} {started_at(os.getpid())}")
        try:
            found = stacks.state(layout)
            # A later process takes it as it is: a file saved meanwhile must not redeploy it mid-run.
            stack = found.record if found.up and found.record else up(layout, **options)
        except BaseException:
            (users / user).unlink()
            raise
    try:
        yield stack
    finally:
        with locked(home / "users.lock"):
            (users / user).unlink()
            if not any(users.iterdir()):
                stacks.down(layout, Silent())
                # The logs of a run that went wrong are worth keeping; the rest is not.
                shutil.rmtree(layout.emulator, ignore_errors=True)
                shutil.rmtree(layout.provider, ignore_errors=True)


def reconfigure(functions: Any, name: str, **settings: Any) -> None:
    """Change a function's settings and have its alias lead to them, which starts its processes anew."""
    functions.update_function_configuration(FunctionName=name, **settings)
    version = functions.publish_version(FunctionName=name)["Version"]
    functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)


def forget_old_runs(keep: int = 3) -> None:
    """Remove what earlier runs left, but for the latest logs; end what those left that were killed."""
    runs = [path for path in RUNS.glob("*") if path.is_dir()]
    for path in filter(abandoned, runs):
        stacks.down(Layout.of(path), Silent())
    for path in sorted(runs, key=lambda path: path.stat().st_mtime, reverse=True)[keep:]:
        if not stacks.state(Layout.of(path)).running:
            shutil.rmtree(path, ignore_errors=True)


def abandoned(run: Path) -> bool:
    """Whether the processes that made this run's stack are gone. A file's own stack is named after its process."""
    users = run / "users"
    if users.is_dir():
        return not any(map(_present, users.iterdir()))
    pid = run.name.rpartition("-")[2]
    return pid.isdecimal() and started_at(int(pid)) is None


def _present(user: Path) -> bool:
    pid, _, started = user.read_text().partition(" ")
    # The process that is just writing it is present.
    return not started or alive(Child(int(pid), started))
