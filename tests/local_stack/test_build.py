"""What SAM is run in, and what is left of a run."""

import sys
import tempfile
from pathlib import Path

import pytest

from devtools.local_stack import build

# Leaves a folder behind, as SAM does for each function that it uploads, and says where.
UNTIDY = f"""#!{sys.executable}
import tempfile
print(tempfile.mkdtemp())
"""


def test_sam_leaves_nothing_in_the_systems_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sam = tmp_path / "sam"
    sam.write_text(UNTIDY)
    sam.chmod(0o700)
    monkeypatch.setattr(build, "SAM", sam)

    build.run_sam([], {}, tmp_path / "log", failure="It failed.")

    made = Path((tmp_path / "log").read_text().strip())
    assert made.parent != Path(tempfile.gettempdir())
    assert not made.exists()
