"""One provider and one inbox for the whole run, both emptied before each test."""

from collections.abc import Iterator

import pytest

from tests.telnyx_simulator.world import Inbox, Running, open_inbox


@pytest.fixture(scope="session")
def inbox_server() -> Iterator[Inbox]:
    with open_inbox() as inbox:
        yield inbox


@pytest.fixture
def inbox(inbox_server: Inbox) -> Inbox:
    inbox_server.hooks.clear()
    inbox_server.statuses.clear()
    inbox_server.script.clear()
    inbox_server.delays_s.clear()
    return inbox_server


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    provider = Running()
    yield provider
    provider.stop()


@pytest.fixture
def provider(running: Running) -> Running:
    running.control("reset")
    running.control(
        "profile", webhook_url=None, failover_url=None, webhook_api_version="2", enabled=True, assigned=True
    )
    return running
