"""A machine without browsers: the run says so, and how to get them."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import browsers


def program(folder: Path, name: str) -> None:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ([], "The browser tests were not run: no chromium and no firefox on this machine. "),
        (["chromium"], "The browser tests in Firefox were not run: no firefox on this machine. "),
        (["firefox-esr"], "The browser tests were not run: no chromium on this machine. "),
        (["google-chrome", "firefox"], ""),
    ],
)
def test_what_is_missing_is_named(
    installed: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in installed:
        program(tmp_path, name)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert browsers.missing() == (said and f"{said}On Debian: apt-get install chromium firefox-esr")


@pytest.mark.parametrize(
    ("required", "code", "said"), [("", 0, "4 passed"), ("required", 4, "ERROR: The browser")]
)
def test_a_run_without_browsers_passes_unless_they_are_required(
    required: str, code: int, said: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/browser", __file__, "-k", "is_named or harness"],
        env={"PATH": str(tmp_path), "BROWSER_TESTS": required, "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert "were not run: no chromium and no firefox" in done.stdout + done.stderr
