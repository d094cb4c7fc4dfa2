"""The client that blocks."""

import time
from collections.abc import Callable
from typing import Self, Unpack

import httpx

from longcode.client.methods import Methods, Runs
from longcode.client.settings import Options, Settings
from longcode.client.steps import Call, Outcome, Pause, Step


class Client(Methods, Runs):
    """The API at `base_url` with its `key`; without them, those of LONGCODE_URL and LONGCODE_KEY.

    A call that fails in passing is repeated, with the same idempotency key, for `patience_s` seconds; then it
    raises the last LongcodeError. Threads may share a client. Close it, or use it in a `with`.
    """

    def __init__(
        self,
        base_url: str | None = None,
        key: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        **options: Unpack[Options],
    ) -> None:
        made = Settings(base_url, key, **options)
        self.base_url = made.base_url
        self._patience = made.patience
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=made.base_url,
            headers=made.headers,
            timeout=made.timeout_s,
            trust_env=made.trust_env,
            transport=transport,
        )

    def run[T](self, call: Call[T]) -> T:
        """The answer to a call. Raises LongcodeError."""
        steps = self._patience.steps(call)
        step = next(steps)
        while True:
            outcome = self._outcome(step)
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                found: T = end.value
                return found

    def _outcome(self, step: Step) -> Outcome:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return None
        try:
            return self._http.request(
                step.method, step.path, params=step.query, content=step.body, headers=step.headers
            )
        except httpx.RequestError as exc:
            return exc

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.base_url!r})"
