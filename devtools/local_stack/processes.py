"""Starts processes that outlive us, and stops only those: a pid counts with its start time."""

import atexit
import errno
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

# `make down` promises ten seconds, and a killed child is waited for too.
GRACE_S = 7.0

# Kept so that a child of this very process can be reaped; otherwise it would stay a zombie.
_ours: dict[int, subprocess.Popen[bytes]] = {}


@atexit.register
def _let_go() -> None:
    """Children outlive us on purpose; without this Popen would call each of them forgotten."""
    for process in _ours.values():
        if process.poll() is None:
            process.returncode = 0


@dataclass(frozen=True, slots=True)
class Child:
    """A process that we started. `started` tells it from a later one with the same pid."""

    pid: int
    started: str


def spawn(
    command: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path, register: Path | None = None
) -> Child:
    """Start a process in a session of its own, with exactly this environment and its output in `log`.

    With `register`, a folder, a later command finds it there, even if we are killed next.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _ours[process.pid] = process
    child = Child(process.pid, started_at(process.pid) or "")
    if register is not None:
        register.mkdir(parents=True, exist_ok=True)
        (register / str(child.pid)).write_text(child.started)
    return child


def registered(register: Path) -> list[Child]:
    """The processes in `register` that still run; the others are struck off."""
    running = []
    for entry in register.glob("*"):
        child = Child(int(entry.name), entry.read_text())
        if alive(child):
            running.append(child)
        else:
            entry.unlink(missing_ok=True)
    return running


def started_at(pid: int) -> str | None:
    """When a process began, in whatever words the system has for it; None if there is no such process."""
    if (process := _ours.get(pid)) is not None and process.poll() is not None:
        return None
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(
            ["ps", "-o", "lstart=,stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.strip()
        return listed.rsplit(None, 1)[0] if listed and not listed.endswith("Z") else None
    try:
        # The name may hold spaces and parentheses: the fields that count follow the last one.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, ticks = fields[0], fields[19]
    return None if state == "Z" else ticks


def alive(child: Child) -> bool:
    """Whether it still runs, and is not another process with its pid."""
    return bool(child.started) and started_at(child.pid) == child.started


def stop(children: Sequence[Child], *, patience_s: float = GRACE_S) -> list[Child]:
    """Ask each to end, wait, then kill it and all that it started. Answers those that had to be killed."""
    running = [child for child in children if alive(child)]
    for child in running:
        _signal(child, signal.SIGTERM)
    _gone(running, patience_s)
    late = [child for child in running if alive(child)]
    for child in running:
        _kill_session(child)
    _gone(late, 2.0)
    return late


def _kill_session(child: Child) -> None:
    """Kill what is left of the group that `spawn` made: its number is not given away while one of it lives."""
    # A Mac answers EPERM for a group of which only a zombie is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _signal(child: Child, number: signal.Signals) -> None:
    if alive(child):
        with suppress(ProcessLookupError):
            os.kill(child.pid, number)


def _gone(children: Sequence[Child], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while any(alive(child) for child in children):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def free_port(preferred: int | None = None) -> int:
    """A loopback port that nothing listens on: `preferred` if it is free, so that addresses stay."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            # As servers do: a connection that lingers from the last run doesn't make the port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as exc:
                if exc.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free loopback port")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time: two `make up`, or the workers of a test run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        flock(file, LOCK_EX)
        yield
