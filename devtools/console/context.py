"""What the pages of the console read from and act on: one local stack."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from botocore.exceptions import BotoCoreError, ClientError

import longcode_cli.stack
from devtools.local_stack.layout import Layout, Stack
from longcode.domain.errors import Unavailable
from longcode_cli.problems import Problem

# The deployed API's slowest honest answer takes 29 s.
_API_TIMEOUT_S = 35.0
_SIMULATOR_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Context:
    """One running stack, as its pages need it.

    `api` calls the deployed API with the stack's key, which no page ever sees. `simulator` calls the simulated
    provider's control API; None where the stack has another provider. `service` reads tables and queues, as
    ./longcode does: its calls block, so they belong into a thread, and its `parameters` are those of the start.
    """

    layout: Layout
    stack: Stack
    api: httpx.AsyncClient
    simulator: httpx.AsyncClient | None
    service: longcode_cli.stack.Stack


@asynccontextmanager
async def context_of(layout: Layout) -> AsyncIterator[Context]:
    """The stack in `layout`. Raises longcode_cli.problems.Problem where none was started there."""
    service = longcode_cli.stack.on_this_machine(layout.home)
    stack = Stack.load(layout)
    assert stack is not None
    headers = {"x-api-key": stack.api_key}
    # trust_env off: a proxy from the environment must not see, or break, loopback calls.
    async with (
        httpx.AsyncClient(base_url=stack.api_url, headers=headers, timeout=_API_TIMEOUT_S, trust_env=False) as api,
        httpx.AsyncClient(
            base_url=stack.simulator_url or "", timeout=_SIMULATOR_TIMEOUT_S, trust_env=False
        ) as simulator,
    ):
        yield Context(layout, stack, api, simulator if stack.simulator_url else None, service)


def ask[**P, T](call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """The answer of a call that reads or writes tables and queues. Raises Problem where they do not answer."""
    try:
        return call(*args, **named)
    except (Unavailable, BotoCoreError, ClientError) as exc:
        raise Problem(
            f"Tables or queues do not answer ({type(exc).__name__}).", "Does make up still run?"
        ) from exc
