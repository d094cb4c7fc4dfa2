"""What a docstring shows in an interpreter is what the code does."""

import doctest
import importlib

from tests.support.fakes import ROOT

LAYER = ROOT / "layers/longcode/python"
FOLDERS = {LAYER: ("longcode",), ROOT: ("devtools", "longcode_cli", "tests", "bench")}
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
