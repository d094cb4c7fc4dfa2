"""A Telnyx client over a transport that a test scripts."""

from collections.abc import Callable

import httpx

from longcode.telnyx.client import Telnyx
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import TELNYX_ID, make_message

OUR_ID = "5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a11"
MESSAGE = make_message(id=OUR_ID)
YES = {"data": {"id": TELNYX_ID, "to": [{"status": "queued"}], "parts": 1}}
Answering = Callable[[httpx.Request], httpx.Response]


class Keys:
    """The secret store: hands out what it has, and the next one when asked to look again."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)
        self.reads: list[bool] = []

    def __call__(self, fresh: bool) -> str:
        self.reads.append(fresh)
        if fresh and len(self.keys) > 1:
            self.keys.pop(0)
        return self.keys[0]


class Wire:
    """A provider over a transport that a test scripts."""

    def __init__(
        self,
        *answers: httpx.Response | Exception,
        keys: Callable[[bool], str] | None = None,
        url: str = "https://provider.invalid/v2",
        takes_s: float = 0.0,
    ) -> None:
        self.requests: list[httpx.Request] = []
        self.now_s = 1_000.0
        self._answers = list(answers)
        self._takes_s = takes_s
        client = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.provider = Telnyx(
            client,
            url,
            keys or Keys("KEY_one"),
            wall_s=lambda: START_MS / 1000,
            monotonic_s=lambda: self.now_s,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.now_s += self._takes_s
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def refused(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"errors": [{"code": code, "title": "T", "detail": "D"}]})
