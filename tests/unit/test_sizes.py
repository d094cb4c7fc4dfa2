"""How long a function, a file, a page and a template may be, with the reason for each exception."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.fakes import ROOT

FUNCTION, FILE, TEMPLATE, OPERATIONS, README, LINE = 40, 400, 900, 500, 130, 300
CODE = ("layers", "functions", "longcode_cli", "devtools", "bench", "docs", "examples")
LONG_FUNCTIONS = {
    "layers/longcode/python/longcode/entrypoints/config.py:from_env": "a line for each setting",
}
LONG_FILES: dict[str, str] = {}


def sources() -> list[Path]:
    found = [path for folder in CODE for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(found) > 100
    return found


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """The name and the number of lines of each function, without its decorators."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_a_function_fits_on_a_screen_or_says_why_not() -> None:
    found = {
        f"{path.relative_to(ROOT).as_posix()}:{name}": length
        for path in sources()
        for name, length in functions(path)
        if length > FUNCTION
    }

    assert {name: length for name, length in found.items() if name not in LONG_FUNCTIONS} == {}
    assert set(LONG_FUNCTIONS) <= set(found), "These fit by now: take them off the list."


def test_a_file_has_one_subject_or_says_why_not() -> None:
    found = {path.relative_to(ROOT).as_posix(): lines(path) for path in sources() if lines(path) > FILE}

    assert {name: length for name, length in found.items() if name not in LONG_FILES} == {}
    assert set(LONG_FILES) <= set(found), "These fit by now: take them off the list."


def test_a_template_can_be_read() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): path.read_text().splitlines()
        for path in (ROOT / "template.yaml", *sorted((ROOT / "operations").rglob("*.yaml")))
    }

    assert len(found["template.yaml"]) <= TEMPLATE
    assert {
        name: len(text) for name, text in found.items() if name != "template.yaml" and len(text) > OPERATIONS
    } == {}
    assert [name for name, text in found.items() for line in text if len(line) > LINE] == []


def test_the_readme_is_read_in_half_a_minute() -> None:
    assert lines(ROOT / "README.md") <= README
