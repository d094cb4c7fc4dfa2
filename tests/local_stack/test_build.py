"""What SAM is run in, and what is left of a run."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from devtools.local_stack import build
from devtools.local_stack.layout import ROOT

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


def modules(package: Path) -> set[str]:
    return {path.relative_to(package).as_posix() for path in package.rglob("*.py")}


def test_the_layer_has_all_of_the_package_but_the_client(tmp_path: Path) -> None:
    package = ROOT / "layers/longcode/python/longcode"
    environment = os.environ | {"ARTIFACTS_DIR": str(tmp_path), "PYTHON": sys.executable}
    subprocess.run(
        ["make", "--silent", "build-LongcodeLayer"], cwd=ROOT / "layers/longcode", env=environment, check=True
    )

    client = {name for name in modules(package) if name.startswith("client/")}
    assert len(client) > 5
    assert modules(tmp_path / "python/longcode") == modules(package) - client
    assert not [path for path in (tmp_path / "python/longcode").rglob("*") if "client" in path.parts[:-1]]


def test_a_change_of_what_no_function_has_is_no_other_build(tmp_path: Path) -> None:
    for source in build.SOURCES:
        (tmp_path / source).parent.mkdir(exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, tmp_path / source)
    before = build.fingerprint(tmp_path)
    package = tmp_path / "layers/longcode/python/longcode"

    assert before == build.fingerprint()
    (package / "client/texts.py").write_text("")
    assert build.fingerprint(tmp_path) == before
    (package / "domain/phone.py").write_text("")
    assert build.fingerprint(tmp_path) != before
