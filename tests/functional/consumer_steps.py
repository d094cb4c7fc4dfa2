"""What the tests of the consumer share."""

import itertools
from typing import Any

from longcode.domain import pacing
from tests.support.fakes import World
from tests.support.fakes.shelf import Stored

A, B, C = "+12025550101", "+12025550102", "+12025550103"
INTERVAL_MS = 1_000
# An interval of which an invocation does not wait for two.
SLOW_MS = pacing.SHORT_WAIT_MS


def ids(world: World) -> list[str]:
    """The messages in the order in which they were accepted."""
    return [message.id for message in world.messages.all]


def batch(world: World, taken: list[Stored]) -> dict[str, Any]:
    return {"Records": [world.queue.record(stored) for stored in taken]}


def failed(answer: dict[str, Any]) -> list[str]:
    return [row["itemIdentifier"] for row in answer["batchItemFailures"]]


def gaps(moments: list[int]) -> list[int]:
    return [later - earlier for earlier, later in itertools.pairwise(moments)]
