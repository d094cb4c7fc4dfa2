"""A share of a CPU for one process and its children: a control group with a quota."""

# Linux only, and the control groups must be writable, which mostly means root. There is no other way to the same:
# a lower priority takes nothing from a process that runs alone.

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from devtools.local_stack.problems import LocalError

ROOT = Path("/sys/fs/cgroup")
# AWS, "Configure Lambda function memory": at 1,769 MB a function has the equivalent of one vCPU.
MB_OF_ONE_CPU = 1769
# How often the quota is handed out anew. Not documented for Lambda; the kernel's own default is 100 ms.
PERIOD_US = 20_000
# The kernel takes no quota below this.
_LEAST_US = 1_000


def share(memory_mb: int) -> float:
    """How much of a CPU a function with so much memory gets."""
    return memory_mb / MB_OF_ONE_CPU


@dataclass(frozen=True, slots=True)
class Group:
    """A control group. `limit` is where its quota is kept, `usage` where its CPU time is counted."""

    limit: Path
    usage: Path

    @property
    def members(self) -> list[str]:
        """The files that a process writes its pid into to be in it."""
        return [str(folder / "cgroup.procs") for folder in dict.fromkeys((self.limit, self.usage))]

    def allow(self, cpus: float | None) -> None:
        """Allow so many CPUs from now on; None is no limit."""
        quota = -1 if cpus is None else max(_LEAST_US, round(cpus * PERIOD_US))
        if (self.limit / "cpu.max").exists():
            (self.limit / "cpu.max").write_text(f"{'max' if quota < 0 else quota} {PERIOD_US}")
        else:
            (self.limit / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.limit / "cpu.cfs_quota_us").write_text(str(quota))

    def used_ms(self) -> float:
        """The CPU time of all its members until now, in milliseconds."""
        if (counted := self.usage / "cpuacct.usage").exists():
            return int(counted.read_text()) / 1e6
        fields = dict(line.split() for line in (self.usage / "cpu.stat").read_text().splitlines())
        return int(fields["usage_usec"]) / 1e3


@contextmanager
def group(root: Path = ROOT) -> Iterator[Group]:
    """A control group of our own. Raises LocalError where there can be none."""
    name = f"longcode-bench-{os.getpid()}"
    try:
        made = _unified(root, name) if (root / "cgroup.controllers").exists() else _separate(root, name)
        made.allow(1.0)
    except OSError as exc:
        raise LocalError(
            f"No CPU quota can be set here ({exc}), and on free cores these numbers would mean nothing.",
            hint="Run it as root on Linux, where /sys/fs/cgroup is writable.",
        ) from exc
    try:
        yield made
    finally:
        for folder in dict.fromkeys((made.limit, made.usage)):
            _remove(folder)


def _unified(root: Path, name: str) -> Group:
    """Version 2: one tree, whose root hands its controllers down."""
    if "cpu" not in (root / "cgroup.subtree_control").read_text().split():
        (root / "cgroup.subtree_control").write_text("+cpu")
    (root / name).mkdir()
    return Group(root / name, root / name)


def _separate(root: Path, name: str) -> Group:
    """Version 1: a tree for each controller."""
    folders = root / "cpu" / name, root / "cpuacct" / name
    for folder in folders:
        # Both may be one mount.
        folder.mkdir(exist_ok=True)
    return Group(*folders)


def _remove(folder: Path, patience_s: float = 2.0) -> None:
    """Remove a group; a member that has just been killed is in it for a moment longer."""
    until = time.monotonic() + patience_s
    while folder.exists() and time.monotonic() < until:
        with suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.02)
