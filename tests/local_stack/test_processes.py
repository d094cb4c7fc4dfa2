"""Processes are ours by pid and start time, and are gone when `stop` returns."""

import os
import re
import socket
import sys
from pathlib import Path

import pytest

from devtools.local_stack.processes import (
    Child,
    _gone,
    alive,
    free_port,
    locked,
    registered,
    spawn,
    started_at,
    stop,
)

pytestmark = pytest.mark.enable_socket

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def _spawn(tmp_path: Path, code: str) -> Child:
    return spawn([sys.executable, "-c", code], env={"ONLY": "this"}, log=tmp_path / "log", cwd=tmp_path)


def test_a_child_is_alive_until_it_is_stopped(tmp_path: Path) -> None:
    child = _spawn(tmp_path, "import time; time.sleep(60)")
    assert alive(child)
    assert stop([child]) == []
    assert not alive(child)


def test_a_child_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    child = _spawn(tmp_path, STUBBORN)
    while "up" not in (tmp_path / "log").read_text():
        assert alive(child)
    assert stop([child], patience_s=0.2) == [child]
    assert not alive(child)


WITH_A_WORKER = """
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
time.sleep(60)
"""


@pytest.mark.parametrize("code", ["import time; time.sleep(60)", STUBBORN], ids=["obeys", "ignores"])
def test_what_a_child_has_started_ends_with_it(tmp_path: Path, code: str) -> None:
    worker = code.replace("time.sleep", "print(f\"worker {__import__('os').getpid()}\", flush=True); time.sleep")
    command = [sys.executable, "-c", WITH_A_WORKER, worker]
    child = spawn(command, env={}, log=tmp_path / "log", cwd=tmp_path)
    while not (found := re.search(r"worker (\d+)\n", (tmp_path / "log").read_text())):
        assert alive(child)
    started = Child(int(found[1]), started_at(int(found[1])) or "")

    assert stop([child]) == []

    assert _gone([started, child], 5.0)


def test_a_child_is_found_by_the_next_command_until_it_is_gone(tmp_path: Path) -> None:
    register = tmp_path / "processes"
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = spawn(command, env={}, log=tmp_path / "log", cwd=tmp_path, register=register)

    assert registered(register) == [child]
    stop([child])
    assert registered(register) == []
    assert list(register.iterdir()) == []
    assert registered(tmp_path / "none") == []


def test_a_process_that_got_the_pid_later_is_not_ours() -> None:
    # This very process under a start time that is not its own: stopping it would end the test run.
    stranger = Child(os.getpid(), "1")
    assert started_at(os.getpid()) != "1"
    assert not alive(stranger)
    assert stop([stranger], patience_s=0) == []


def test_a_child_sees_only_the_environment_it_was_given(tmp_path: Path) -> None:
    child = _spawn(tmp_path, "import os; print(sorted(os.environ.items()))")
    while alive(child):
        pass
    shown = (tmp_path / "log").read_text()
    assert "('ONLY', 'this')" in shown
    assert "PATH" not in shown


def test_a_port_that_was_used_before_is_preferred_while_it_is_free() -> None:
    port = free_port()
    assert free_port(port) == port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert free_port(port) != port


def test_the_lock_file_stays_and_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "deep" / "lock"):
            assert (tmp_path / "deep" / "lock").exists()


def test_a_pid_that_does_not_exist_has_no_start() -> None:
    assert started_at(2**22 + 1) is None
