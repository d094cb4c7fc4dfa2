"""A world for each test, and what is common to the claims about it."""

from collections.abc import Iterator

import pytest

from tests.functional.consumer_steps import SLOW_MS
from tests.support.fakes import World, make_settings, make_world


@pytest.fixture
def world() -> Iterator[World]:
    made = make_world()
    yield made
    assert made.logger.crashes == [], "Something crashed on the way, whatever was answered."


def nothing_happened(world: World) -> bool:
    """Whether nothing was stored, queued, reserved or sent."""
    return not (
        world.messages.all
        or world.queue.stored
        or world.limits.limiters
        or world.optouts.entries
        or world.provider.requests
    )


@pytest.fixture
def slow() -> Iterator[World]:
    """A world whose recipients get a text every few seconds at most."""
    made = make_world(make_settings(recipient_interval_ms=SLOW_MS))
    yield made
    assert made.logger.crashes == []
