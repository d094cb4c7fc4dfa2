"""The running stack's variables as SAM's own code takes them; no Docker engine is needed for that."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devtools.local_stack import build, sam_local, sam_template
from devtools.local_stack.layout import ROOT, Layout, Stack

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.enable_socket]

PYTHON = build.SAM.with_name("python")
SCRIPT = ROOT / "tests/local_stack/resolved_by_sam.py"


def command(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devtools.local_stack", *words, "--dir", str(home)],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def written(stack: Stack, run_layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of variables, as the command of the page writes it."""
    done = command("env", "--sam", home=run_layout.home)
    assert done.returncode == 0, done.stderr
    path = tmp_path_factory.mktemp("sam") / "sam-env.json"
    path.write_text(done.stdout)
    return path


@pytest.fixture(scope="module")
def by_sam(written: Path, run_layout: Layout) -> dict[str, Any]:
    """What SAM's code makes of it, by logical id."""
    template = build.build(run_layout.log("build")).template
    done = subprocess.run(
        [str(PYTHON), str(SCRIPT), str(template), str(written), build.architecture()],
        env=build.sam_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_sam_takes_each_variable_of_the_file_for_each_function(written: Path, by_sam: dict[str, Any]) -> None:
    given = json.loads(written.read_text())

    assert set(given) == set(by_sam)
    assert len(given) >= 16
    for logical_id, variables in given.items():
        assert {name: by_sam[logical_id]["variables"][name] for name in variables} == variables, logical_id


def test_no_variable_of_the_template_is_left_to_sams_own_guess(written: Path, by_sam: dict[str, Any]) -> None:
    template = sam_template.load(ROOT / "template.yaml")
    given = json.loads(written.read_text())

    for logical_id in by_sam:
        assert set(given[logical_id]) == set(sam_local.declared(template, logical_id)), logical_id


def test_a_variable_that_no_template_declares_would_not_be_taken(
    written: Path, run_layout: Layout, tmp_path: Path
) -> None:
    given = json.loads(written.read_text())
    given["StatusFunction"]["OF_NO_TEMPLATE"] = "x"
    (tmp_path / "more.json").write_text(json.dumps(given))
    template = build.build(run_layout.log("build")).template
    done = subprocess.run(
        [str(PYTHON), str(SCRIPT), str(template), str(tmp_path / "more.json"), build.architecture()],
        env=build.sam_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert "OF_NO_TEMPLATE" not in json.loads(done.stdout)["StatusFunction"]["variables"]


def test_the_variables_lead_a_container_to_this_stack(stack: Stack, by_sam: dict[str, Any]) -> None:
    for logical_id, found in by_sam.items():
        variables = found["variables"]
        assert variables["AWS_ENDPOINT_URL"] == stack.aws_endpoint_url.replace("127.0.0.1", "host.docker.internal")
        assert variables["MESSAGES_TABLE"] == stack.messages_table, logical_id
        assert not any("127.0.0.1" in value for value in variables.values()), logical_id
        assert found["architecture"] == build.architecture()
    assert by_sam["SendFunction"]["variables"]["STACK_KEY_ID"] == sam_local.SAMPLE_KEY_ID


def test_invoke_says_on_standard_error_which_engine_it_uses(run_layout: Layout, stack: Stack) -> None:
    done = command("invoke", "--rie", "status", "events/status-404-unknown.json", home=run_layout.home)

    first, *_ = done.stderr.splitlines()
    assert first == "Engine: the Runtime Interface Emulator of the SAM CLI, without Docker"
    assert json.loads(done.stdout)["statusCode"] == 404
