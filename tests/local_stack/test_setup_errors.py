"""What goes wrong in the first five minutes is said in words, with what to do about it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.local_stack import cli, problems, stack
from devtools.local_stack.layout import ROOT

# Debian's, without python3.13-venv: it leaves half an environment.
NO_VENV = '[ "$1" != -m ] || { mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo "no ensurepip"; exit 1; }'
# One that makes an environment whose pip and Python do nothing.
WORKS = '[ "$1" != -m ] || [ "$2" != venv ] || { mkdir -p .venv/bin; cp "$0" .venv/bin/python; }'
UV_FAILS = '[ "$1" = --version ] || { echo "error: dns error" >&2; exit 2; }'


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of a clone as an installation reads, in a folder whose path has a space."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / "locks", folder / "locks")
    (folder / "bin").mkdir()
    return folder


def program(clone: Path, name: str, script: str) -> None:
    path = clone / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def make(clone: Path, target: str = ".venv/.local-synced") -> subprocess.CompletedProcess[str]:
    """Run make with the programs of the test before all others."""
    return subprocess.run(
        ["make", target],
        cwd=clone,
        env={"PATH": f"{clone / 'bin'}:/usr/bin:/bin", "HOME": str(clone)},
        capture_output=True,
        text=True,
    )


def test_without_python_313_it_says_where_to_get_it(clone: Path) -> None:
    program(clone, "python3.13", "exit 1")
    done = make(clone)

    assert done.returncode != 0
    assert "This project needs Python 3.13, and 'python3.13' is none." in done.stderr
    assert "apt-get install python3.13-venv" in done.stderr
    assert not (clone / ".venv").exists()


def test_without_the_venv_module_nothing_is_left_that_looks_installed(clone: Path) -> None:
    program(clone, "python3.13", NO_VENV)
    done = make(clone)

    assert done.returncode != 0
    assert "apt-get install python3.13-venv" in done.stderr
    assert not (clone / ".venv").exists()

    program(clone, "python3.13", WORKS)
    program(clone, "uv", "exit 0")
    assert make(clone).returncode == 0
    assert (clone / ".venv/.local-synced").exists()


def test_an_environment_of_another_python_is_not_used(clone: Path) -> None:
    program(clone, "uv", "exit 0")
    (clone / ".venv/bin").mkdir(parents=True)
    program(clone, "../.venv/bin/python", "exit 1")
    done = make(clone)

    assert done.returncode != 0
    assert "rm -rf .venv, then run the same command again" in done.stderr


def test_without_a_network_it_says_so_and_goes_on_where_it_stopped(clone: Path) -> None:
    program(clone, "python3.13", WORKS)
    program(clone, "uv", UV_FAILS)
    done = make(clone)

    assert done.returncode != 0
    assert "What to do: if the package index was not reached, see to the network" in done.stderr
    assert not (clone / ".venv/.local-synced").exists()

    program(clone, "uv", "exit 0")
    assert make(clone).returncode == 0


def test_a_uv_that_was_half_installed_is_installed_again(clone: Path) -> None:
    program(clone, "python3.13", WORKS)
    make(clone, ".venv/bin/python")
    (clone / ".venv/bin/uv").write_text("half a program")
    (clone / ".venv/bin/uv").chmod(0o755)
    program(
        clone,
        "../.venv/bin/python",
        'case $2 in ensurepip) touch pip;; pip) [ ! -e pip ] || echo "exit 0" > .venv/bin/uv;; esac',
    )

    assert make(clone).returncode == 0
    assert (clone / ".venv/.local-synced").exists()


def test_a_missing_package_is_named_with_what_to_do(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    done = subprocess.run(
        [str(bare / "bin/python"), "-m", "devtools.local_stack", "up"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("No module named 'typer'.\nWhat to do: A package is missing")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("OSError: [Errno 28] No space left on device: '/x'", problems.NO_SPACE),
        ("ModuleNotFoundError: No module named 'samcli'", problems.HALF_INSTALLED),
        ("/x/sam: bad interpreter: No such file or directory", problems.HALF_INSTALLED),
    ],
)
def test_what_a_log_says_last_decides_what_to_do(
    line: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "build.log"
    log.write_text(f"Building\n{line}\n")
    cli.complain(problems.LocalError("sam build failed.", log=log, hint="Something general."))

    said = capsys.readouterr().err
    assert f"What to do: {hint}\n" in said
    assert "Something general." not in said


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that takes nothing more")
def test_an_empty_log_on_a_full_disk_is_read_as_such(tmp_path: Path) -> None:
    assert not problems.full(tmp_path / "logs" / "build.log")
    assert problems.full(Path("/proc/nothing/logs/build.log"))


def test_a_full_disk_is_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "devtools.local_stack", "status", "--dir", str(tmp_path)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)

    assert done.returncode == 1
    assert done.stderr == f"\nNo space left on device: a file\nWhat to do: {problems.NO_SPACE}\n"


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [(None, 1, ""), (1, 1, ""), (1, 2, "another program has port 1, so it is on 2")],
)
def test_a_port_that_another_program_has_is_named(before: int | None, now: int, said: str) -> None:
    assert stack.moved(before, now) == said


@pytest.mark.parametrize("layer", ["longcode", "dependencies"])
def test_a_layer_is_built_by_programs_in_a_path_with_spaces(layer: str, tmp_path: Path) -> None:
    for name in ("uv", "python"):
        (tmp_path / "a b").mkdir(exist_ok=True)
        (tmp_path / "a b" / name).symlink_to("/bin/true")
    built = subprocess.run(
        [
            "make",
            "--dry-run",
            f"build-{'LongcodeLayer' if layer == 'longcode' else 'DependenciesLayer'}",
            f"ARTIFACTS_DIR={tmp_path / 'a b' / 'out'}",
            f"PYTHON={tmp_path / 'a b' / 'python'}",
            f"UV={tmp_path / 'a b' / 'uv'}",
        ],
        cwd=ROOT / "layers" / layer,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    lines = built.replace("\\\n", " ").splitlines()
    programs = [line for line in lines if "a b/python" in line or "a b/uv" in line]
    assert programs
    for line in programs:
        assert f'"{tmp_path}/a b/' in line
        assert "a b/" not in line.replace(f'"{tmp_path}/a b/', "")
