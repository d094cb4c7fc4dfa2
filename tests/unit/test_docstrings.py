"""Docstrings: each example does what it shows, and a module says what it is in one sentence."""

import ast
import doctest
import importlib
import re

from tests.support.fakes import ROOT

LAYER = ROOT / "layers/longcode/python"
FOLDERS = {LAYER: ("longcode",), ROOT: ("devtools", "longcode_cli", "tests", "bench", "examples")}
PROMPT = ">" * 3 + " "


def test_every_example_in_a_docstring_does_what_it_says() -> None:
    modules = [
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for root, folders in FOLDERS.items()
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
        if PROMPT in path.read_text()
    ]
    ran = {module: doctest.testmod(importlib.import_module(module)) for module in modules}

    assert "longcode.telnyx.error_codes" in ran
    assert {module: result for module, result in ran.items() if result.failed or not result.attempted} == {}


def test_a_module_says_what_it_is_in_one_sentence() -> None:
    found = []
    for folder in ("layers", "functions", "longcode_cli", "devtools", "bench", "docs", "examples"):
        for path in (ROOT / folder).rglob("*.py"):
            words = ast.get_docstring(ast.parse(path.read_text())) or ""
            if "\n\n" in words or len(re.findall(r"[.!?](?:\s|$)", words)) != 1:
                found.append(path.relative_to(ROOT).as_posix())

    assert found == []
