"""A test run that was killed leaves no stack running once the next one begins."""

import os
import sys
from pathlib import Path

import pytest

from devtools.local_stack.layout import Layout
from devtools.local_stack.processes import alive, spawn, started_at, stop
from tests.stack import world

NO_PROCESS = 2**22 + 1


@pytest.mark.parametrize(
    ("name", "user", "gone"),
    [
        ("shared", f"{NO_PROCESS} 1", True),
        ("shared", f"{os.getpid()} 1", True),
        ("shared", f"{os.getpid()} {started_at(os.getpid())}", False),
        ("shared", "", False),
        (f"lifecycle-{NO_PROCESS}", None, True),
        (f"lifecycle-{os.getpid()}", None, False),
    ],
    # A process id in a test's name would be another one in each worker.
    ids=["no-process", "another-start", "at-work", "unknown", "lifecycle-gone", "lifecycle-at-work"],
)
def test_only_a_stack_whose_makers_are_gone_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, user: str | None, gone: bool
) -> None:
    monkeypatch.setattr(world, "RUNS", tmp_path / "runs")
    layout = Layout.of(tmp_path / "runs" / name)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    layout.emulator.mkdir(parents=True)
    child = spawn(command, env={}, log=tmp_path / "log", cwd=tmp_path, register=layout.processes)
    if user is not None:
        (layout.home / "users").mkdir()
        (layout.home / "users" / "gw0").write_text(user)

    world.forget_old_runs()

    assert alive(child) is not gone
    stop([child])
