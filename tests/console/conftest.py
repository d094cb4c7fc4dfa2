"""The console over a stack that is only named: no page here asks it for anything but what a test answers."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from starlette.types import ASGIApp

import longcode_cli.stack
from devtools.console.app import make_app
from devtools.console.context import Context
from devtools.local_stack.layout import Layout
from tests.local_stack.record import stack_of

ADDRESS = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Pages:
    """Asks the console, without a connection."""

    app: ASGIApp
    # Whether an error of the console's own fails the test.
    raises: bool = True

    # Any: what httpx takes.
    def get(self, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, **options))

    def post(self, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, **options))

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._ask("DELETE", path, **options))

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=self.raises)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            return await client.request(method, path, **options)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    layout = Layout(tmp_path)
    stack = stack_of(layout)
    service = longcode_cli.stack.Stack("the local stack", stack.stack_name, boto3.Session(region_name="us-east-1"))
    return Context(layout, stack, httpx.AsyncClient(), None, service)


@pytest.fixture
def console(context: Context) -> Pages:
    return Pages(make_app(context))
