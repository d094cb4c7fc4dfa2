"""`make test` leaves nothing in the system's temporary directory, however it ends."""

import os
import subprocess
from pathlib import Path

import pytest

from devtools.local_stack.layout import ROOT

pytestmark = pytest.mark.slow

# What it would install first: this runs in an environment that has it.
INSTALLED = [
    f"--old-file={path}/.synced"
    for path in (".venv", *(f".local/venv-{name}" for name in ("sam", "emulator", "scan")))
]


@pytest.mark.parametrize(
    ("jobs", "tests", "passes"),
    [
        ("1", "tests/unit/test_phone.py tests/template/test_documents.py", True),
        ("0", "tests/no_such_test.py", False),
    ],
    ids=["passed", "failed"],
)
def test_a_test_run_leaves_nothing_behind_in_the_temporary_directory(
    tmp_path: Path, jobs: str, tests: str, passes: bool
) -> None:
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "MAKE", "MFLAGS"))
    }

    done = subprocess.run(
        ["make", *INSTALLED, "test", f"JOBS={jobs}", f"ARGS=-p no:cacheprovider {tests}"],
        cwd=ROOT,
        env=outside | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode == 0) is passes, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
