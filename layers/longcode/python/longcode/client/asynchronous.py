"""The client for asyncio."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self, Unpack

import httpx

from longcode.client.methods import Methods, RunsAsync
from longcode.client.settings import Options, Settings
from longcode.client.steps import Call, Outcome, Pause, Step


class AsyncClient(Methods, RunsAsync):
    """As `Client`, but its methods are awaited, and its lists are asynchronous iterators."""

    def __init__(
        self,
        base_url: str | None = None,
        key: str | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        **options: Unpack[Options],
    ) -> None:
        made = Settings(base_url, key, **options)
        self.base_url = made.base_url
        self._patience = made.patience
        self._sleep = sleep
        self._http = httpx.AsyncClient(
            base_url=made.base_url,
            headers=made.headers,
            timeout=made.timeout_s,
            trust_env=made.trust_env,
            transport=transport,
        )

    async def run[T](self, call: Call[T]) -> T:
        """The answer to a call. Raises LongcodeError."""
        steps = self._patience.steps(call)
        step = next(steps)
        while True:
            outcome = await self._outcome(step)
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                found: T = end.value
                return found

    async def _outcome(self, step: Step) -> Outcome:
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return None
        try:
            return await self._http.request(
                step.method, step.path, params=step.query, content=step.body, headers=step.headers
            )
        except httpx.RequestError as exc:
            return exc

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self.base_url!r})"
