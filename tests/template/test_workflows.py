"""The workflows: what they run exists, and only the deployment can become a role in AWS, after the tests."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.local_stack.layout import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_make_command_of_a_workflow_is_in_the_makefile(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = [found for job in read(path)["jobs"].values() for step in job["steps"]
            for found in re.findall(r"^make ([a-z-]+)", step.get("run", ""))]  # fmt: skip
    assert used
    assert set(used) <= targets


@pytest.mark.parametrize("path", [".ci/run", ".github/workflows/ci.yml", ".github/workflows/deploy.yml"])
def test_wherever_the_tests_are_run_the_slow_ones_are(path: str) -> None:
    found = re.findall(r"make (test(?:-slow)?)$", (ROOT / path).read_text(), re.MULTILINE)
    assert found == ["test", "test-slow"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nothing_from_outside_is_pasted_into_a_shell_line(path: Path) -> None:
    for job in read(path)["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


def test_only_the_deployment_can_become_a_role_and_only_after_the_tests() -> None:
    workflow = read(ROOT / ".github/workflows/deploy.yml")
    assert workflow["permissions"] == {"contents": "read"}
    able = [name for name, job in workflow["jobs"].items() if "id-token" in job.get("permissions", {})]
    assert able == ["deploy"]
    assert workflow["jobs"]["deploy"]["needs"] == "test"
    assert "environment" in workflow["jobs"]["deploy"]
    assert workflow["concurrency"]["cancel-in-progress"] is False


def test_the_deployment_is_given_every_key_that_a_first_one_needs() -> None:
    steps = read(ROOT / ".github/workflows/deploy.yml")["jobs"]["deploy"]["steps"]
    (deploy,) = [step for step in steps if step.get("run", "").startswith("make deploy")]
    assert {"TELNYX_API_KEY", "TELNYX_PUBLIC_KEY", "TELNYX_LONG_CODE"} <= deploy["env"].keys()
