"""Every function can do its work with the policies that the template gives it."""

import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx
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


def test_the_publisher_counts_with_policies_enforced(guarded_stack: Stack, eventually: Callable[..., Any]) -> None:
    body, headers = {"to": "+12025550115", "message": "Hello"}, {"x-api-key": guarded_stack.api_key}
    with httpx.Client(base_url=guarded_stack.api_url, headers=headers, timeout=40, trust_env=False) as api:
        before = api.get("/health").json()["tracked_messages"]
        assert api.post("/sms/send", json=body).status_code == 200
        # Written after the events were taken, so it stands for both.
        eventually(lambda: api.get("/health").json()["tracked_messages"] > before)
