"""The matrix knows no network: a socket is a failure."""

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def no_sockets() -> Iterator[None]:
    """Forbid sockets."""
    disable_socket()
    yield
    enable_socket()
