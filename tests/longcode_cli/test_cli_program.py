"""The program `longcode` at the root of the repository."""

import shutil
import subprocess
from pathlib import Path

import pytest

from devtools.local_stack.layout import ROOT
from docs import commands as commands_page
from longcode_cli import __version__
from tests.longcode_cli.world import run

COMMANDS = [
    *(
        "send",
        "watch",
        "inbox",
        "status",
        "find",
        "queue",
        "schedule",
        "tags",
        "doctor",
        "pause",
        "resume",
        "optouts",
        "webhooks",
        "cancel",
        "redrive",
        "requeue",
        "republish",
        "restore",
    ),
    *("smoke", "deploy", "set", "rollback-alarms", "drift", "destroy"),
]


def _program(*arguments: str, at: Path, program: Path = ROOT / "longcode") -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], cwd=at, capture_output=True, text=True, check=False)


def test_it_runs_from_anywhere_and_through_a_link(tmp_path: Path) -> None:
    # A folder of the same name where the person stands is not what is meant.
    (tmp_path / "longcode_cli").mkdir()
    (tmp_path / "longcode_cli" / "__main__.py").write_text("raise SystemExit(9)")
    (tmp_path / "link").symlink_to(ROOT / "longcode")
    for program in (ROOT / "longcode", tmp_path / "link"):
        done = _program("--version", at=tmp_path, program=program)
        assert (done.returncode, done.stdout) == (0, f"longcode {__version__}\n"), done.stderr


def test_without_its_environment_it_says_what_to_run(tmp_path: Path) -> None:
    shutil.copy(ROOT / "longcode", tmp_path)
    done = _program("queue", at=tmp_path, program=tmp_path / "longcode")
    assert done.returncode == 1
    assert "make install" in done.stderr


@pytest.mark.parametrize("command", commands_page.names())
def test_the_help_of_each_command_has_examples(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"Examples:\n    longcode {command}" in result.stdout


def test_the_help_names_every_command() -> None:
    listed = run("--help").stdout.split("Commands:")[1]
    assert [line.split()[0] for line in listed.splitlines() if line.strip()] == COMMANDS
