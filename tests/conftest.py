"""The tests that run in this process know no network: a socket is a failure."""

import functools
import gc
import ssl
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import moto.core.responses
import pytest
from botocore.loaders import Loader, create_loader
from pytest_socket import disable_socket, enable_socket

from tests import chance

TESTS = Path(__file__).parent
IN_PROCESS = ("unit", "contract", "functional")


def pytest_report_header() -> str:
    """The seed of what is drawn by chance."""
    return f"TEST_SEED={chance.SEED}" + (" FULL=1" if chance.FULL else "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stacks first: they wait more than they work, and a long file at the end would keep one worker alone."""
    items.sort(key=lambda item: item.get_closest_marker("stack") is None)


@pytest.fixture(scope="session", autouse=True)
def aws_models_read_once() -> Iterator[None]:
    """Let all sessions of this process share what botocore knows of AWS: a client is made in 2 ms, not in 30."""
    loaders: dict[str | None, Loader] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            botocore.session, "create_loader", lambda path=None: loaders.setdefault(path, create_loader(path))
        )
        yield


@pytest.fixture(scope="session", autouse=True)
def tls_and_moto_looked_up_once() -> Iterator[None]:
    """Each client of httpx reads all certificates of the world, for 20 ms; each call of moto its own methods."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        named = moto.core.responses.method_names_from_class
        patch.setattr(moto.core.responses, "method_names_from_class", functools.cache(named))
        yield


def pytest_collection_finish() -> None:
    """What is imported by now stays: it need not be gone through again for each generation of garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forbid sockets to unit, contract and functional tests."""
    if request.path.relative_to(TESTS).parts[0] not in IN_PROCESS:
        yield
        return
    disable_socket()
    yield
    enable_socket()
