"""The fakes' fault injector knows each call of its fake, and no other."""

import ast
from collections.abc import Iterator

import pytest

from tests.support.fakes import ROOT, make_world
from tests.support.fakes.fault_injector import FaultInjector

FAKES = sorted((ROOT / "tests/support/fakes").glob("*.py"))
# The fake of the messages has most of its writes pass through this one.
WRAPS = ("around", "_change")


def literals(tree: ast.AST, *functions: str) -> Iterator[str]:
    """The strings that any of `functions` is called with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in functions:
            yield from (str(each.value) for each in node.args if isinstance(each, ast.Constant))


def test_a_fault_of_a_call_that_the_fake_does_not_have_is_refused() -> None:
    world = make_world()
    for injector in (world.messages.faults, world.limits.faults, world.queue.faults, world.provider.faults):
        for plan in (injector.fail, injector.count):
            with pytest.raises(ValueError, match="no call of this fake is named 'clam'"):
                plan("clam")


def test_a_call_that_the_injector_was_not_made_with_is_refused() -> None:
    with pytest.raises(ValueError, match="'put'"), FaultInjector("get").around("put"):
        pytest.fail("The call had its effect.")


def test_every_fake_wraps_each_call_that_its_injector_was_made_with() -> None:
    checked = 0
    for path in FAKES:
        tree = ast.parse(path.read_text())
        named = set(literals(tree, "FaultInjector"))
        if named:
            assert named == set(literals(tree, *WRAPS)), path.name
            checked += 1
    assert checked == 17
