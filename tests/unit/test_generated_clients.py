"""Generated clients: a machine without a language is asked for it in one line, and no registry is named."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from devtools.clients import __main__ as command
from devtools.clients.languages import HERE, LANGUAGES, run
from devtools.local_stack.problems import LocalError


def test_a_language_that_the_machine_has_not_got_is_one_line_and_an_error_only_if_each_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    asked = ["--only", "go", "--only", "typescript"]
    answers = [CliRunner().invoke(command.app, [*asked, *more]) for more in ([], ["--every"])]

    lines = [
        "typescript: left out, as this machine has no node and no npm.",
        "go: left out, as this machine has no go.",
    ]
    assert [(answer.exit_code, answer.output.splitlines()) for answer in answers] == [(0, lines), (1, lines)]


def test_each_language_has_a_program_and_a_number_of_its_own() -> None:
    assert {language.name for language in LANGUAGES} == {path.name for path in HERE.iterdir() if path.is_dir()} - {
        "__pycache__"
    }
    assert set(command.TO) == {language.name for language in LANGUAGES}
    assert len(set(command.TO.values())) == 3


def test_a_program_that_fails_is_said_with_what_it_wrote(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="gone wrong"):
        run(["sh", "-c", "echo gone wrong; exit 3"], tmp_path)


def test_what_npm_installs_has_its_hash_and_names_no_address() -> None:
    lock = json.loads((HERE / "typescript/package-lock.json").read_text())
    packages = {name: found for name, found in lock["packages"].items() if name}
    assert packages
    assert all(found["integrity"].startswith("sha512-") for found in packages.values())
    assert "://" not in json.dumps(packages)
