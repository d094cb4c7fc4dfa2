"""docs/commands.md shows the commands as they are."""

import re
from pathlib import Path

import pytest

from docs import commands as commands_page


def test_the_page_is_what_the_help_of_each_command_says_now() -> None:
    assert commands_page.PAGE.read_text() == commands_page.page(), "Run `python docs/commands.py`."


def test_it_names_every_command_and_every_make_target() -> None:
    page = commands_page.PAGE.read_text()
    makefile = (commands_page.HERE.parent / "Makefile").read_text()

    assert re.findall(r"^### longcode (.+)$", page, re.MULTILINE) == commands_page.names()
    assert {"status", "optouts add", "optouts import"} < set(commands_page.names())
    targets = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    assert re.findall(r"^\| `make ([a-z-]+)` \|", page, re.MULTILINE) == targets != []


def test_it_is_written_by_its_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(commands_page, "PAGE", tmp_path / "commands.md")
    commands_page.write()
    assert (tmp_path / "commands.md").read_text() == commands_page.page()
