"""The local stack and the operator's command run on locks/local.txt, a part of the development environment."""

import json
import re
import subprocess
import sys

from tests.support.fakes import ROOT

# Whatever they import at any time is imported here.
IMPORTED = """
import importlib, json, pathlib, sys
from importlib.metadata import packages_distributions
packages = ("local_stack", "local_stack.telemetry", "telnyx_simulator", "console", "console.dashboard")
for package in (*(f"devtools.{name}" for name in packages), "longcode_cli"):
    for path in sorted(pathlib.Path(package.replace(".", "/")).glob("[!_]*.py")):
        if path.stem != "emulator_main":
            importlib.import_module(f"{package}.{path.stem}")
known = packages_distributions()
print(json.dumps(sorted({name for module in sys.modules for name in known.get(module.partition(".")[0], [])})))
"""


def _locked(group: str) -> dict[str, str]:
    text = (ROOT / "locks" / f"{group}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", text, re.MULTILINE))


def test_the_local_stack_and_the_command_import_only_what_their_lock_has() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'layers/longcode/python'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {name.lower().replace("_", "-") for name in json.loads(done.stdout)}

    assert {"boto3", "typer", "starlette"} <= imported
    # httpcore takes sniffio if it is there, which it is for the provider's SDK.
    assert imported - set(_locked("local")) - {"sniffio"} == set()


def test_what_the_local_stack_runs_on_is_part_of_the_development_environment() -> None:
    whole = _locked("dev")

    assert _locked("local").items() <= whole.items()
    assert len(_locked("local")) < len(whole) / 2
