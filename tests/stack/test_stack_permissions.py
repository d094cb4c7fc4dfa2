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


def test_finding_counting_and_erasing_may_read_and_write_what_they_need(guarded_stack: Stack) -> None:
    number = "+15125550100"
    with httpx.Client(
        base_url=guarded_stack.api_url, headers={"x-api-key": guarded_stack.api_key}, timeout=40, trust_env=False
    ) as api:
        sent = api.post("/sms/send", json={"to": number, "message": "Hello", "metadata": {"tag": "guarded"}})
        searches = ({"to": number}, {"tag": "guarded"}, {"status": "held", "until": "2026-01-01"})
        answers = [api.get("/sms/messages", params=parameters) for parameters in searches]
        answers.append(api.get("/sms/tags/guarded"))
        answers.append(api.delete(f"/sms/recipients/{number}"))
        gone = api.get(f"/sms/status/{sent.json()['message_id']}")

    assert [answer.status_code for answer in answers] == [200] * 5, [answer.text for answer in answers]
    assert answers[-1].json()["erased"] == 1
    assert gone.status_code == 404
