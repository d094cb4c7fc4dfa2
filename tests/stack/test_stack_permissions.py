"""Every function can do its work with the policies that the template gives it."""

import io
import os
from collections.abc import Iterator

import pytest
from rich.console import Console

from local import demo
from local import stack as stacks
from local.layout import Layout, Stack
from tests.stack.world import RUNS, Silent

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def guarded_stack() -> Iterator[Stack]:
    layout = Layout.of(RUNS / f"iam-{os.getpid()}")
    try:
        yield stacks.up(layout, Silent(), environment={}, enforce_iam=True)
    finally:
        stacks.down(layout, Silent(), forget=True)


def test_the_demo_runs_with_policies_enforced(guarded_stack: Stack) -> None:
    shown = io.StringIO()
    assert demo.Demo(guarded_stack, Console(file=shown, width=120)).run(), shown.getvalue()
