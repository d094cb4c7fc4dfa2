"""The tests that run in this process know no network: a socket is a failure."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

TESTS = Path(__file__).parent
IN_PROCESS = ("unit", "contract", "functional")


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forbid sockets to unit, contract and functional tests."""
    if request.path.relative_to(TESTS).parts[0] not in IN_PROCESS:
        yield
        return
    disable_socket()
    yield
    enable_socket()
