"""The live streams: a stack that does not answer is a problem that the page shows, and no end of the stream."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError

from devtools.console.live import Live
from longcode.domain.errors import Unavailable
from longcode_cli.problems import Problem


async def hanging() -> Any:
    await asyncio.Event().wait()


def raising(problem: Exception) -> Any:
    async def read() -> Any:
        raise problem

    return read


def said(live: Live) -> dict[str, Any]:
    event = asyncio.run(live.now())
    assert event.event == "problem"
    found: dict[str, Any] = json.loads(str(event.data))
    return found


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (httpx.ReadTimeout("no answer"), "The simulated provider does not answer (ReadTimeout)."),
        (Problem("There is no local stack.", "make up"), "There is no local stack."),
        (Unavailable("The messages table"), "Tables and queues do not answer (Unavailable)."),
        (
            EndpointConnectionError(endpoint_url="http://x"),
            "Tables and queues do not answer (EndpointConnectionError).",
        ),
    ],
)
def test_what_does_not_answer_is_named(problem: Exception, words: str) -> None:
    assert said(Live(raising(problem))) == {"error": words}


def test_a_stack_that_hangs_is_not_taken_for_one_without_news() -> None:
    assert said(Live(hanging, patience_s=0.01)) == {"error": "The stack has not answered for 0 s."}


def test_each_change_is_sent_once() -> None:
    answers = iter([1, 1, 2, 2, 3])

    async def read() -> int:
        return next(answers)

    async def three() -> list[str]:
        live, found = Live(read, every_s=0.0), []
        async for event in live.events():
            found.append(str(event.data))
            if len(found) == 3:
                return found
        return found

    assert asyncio.run(three()) == ["1", "2", "3"]
