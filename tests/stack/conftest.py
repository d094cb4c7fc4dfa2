"""One local stack for the whole test run, and what tests use of it."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest

from devtools.local_stack.emulator import REGION
from devtools.local_stack.layout import Layout, Stack
from tests.stack.world import RUNS, forget_old_runs, shared_stack

# Patience, not a rate: nothing is measured by how long these take, and a busy machine may take long.
UP_TO_S = 120.0
# Saskatchewan is for test_stack_guards.py alone, all events for test_stack_events.py, quiet hours for
# test_stack_scheduling.py; the rest is the default.
PARAMETERS = {
    "AllowedDestinations": "+1,+1306:2",
    "StatusEvents": "all",
    "QuietHours": "21:00-08:00",
    "StoreMedia": "on",
}


@pytest.fixture(scope="session")
def run_layout() -> Layout:
    """The directory of this test run's stack: the same for each of its workers."""
    return Layout.of(RUNS / os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:12])


@pytest.fixture(scope="session")
def stack(run_layout: Layout) -> Iterator[Stack]:
    """The stack of this test run: what is in it belongs to all tests, so use numbers of your own.

    Each function can do no more than its policies say, as on AWS.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "only")
    forget_old_runs()
    with shared_stack(run_layout.home, worker, parameters=PARAMETERS) as found:
        yield found


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[httpx.Client]:
    """The deployed API, with the key."""
    with httpx.Client(
        base_url=stack.api_url, headers={"x-api-key": stack.api_key}, timeout=40, trust_env=False
    ) as client:
        yield client


@pytest.fixture(scope="session")
def anyone(stack: Stack) -> Iterator[httpx.Client]:
    """The deployed API, without a key."""
    with httpx.Client(base_url=stack.api_url, timeout=40, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def provider(stack: Stack) -> Iterator[httpx.Client]:
    """The simulated provider's control API: `/_provider/requests`, `/_provider/inbound`, …"""
    assert stack.simulator_url is not None
    with httpx.Client(base_url=stack.simulator_url, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def aws(stack: Stack) -> Callable[[str], Any]:
    """`aws("sqs")` is a boto3 client of the stack's emulated AWS."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)

    def client(service: str) -> Any:
        return session.client(
            service,  # type: ignore[call-overload]
            endpoint_url=stack.aws_endpoint_url,
        )

    return client


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """`eventually(lambda: …)` answers the first true value; fails with the last one after two minutes."""

    def wait(look: Callable[[], Any], within_s: float = UP_TO_S) -> Any:
        begun = time.monotonic()
        while True:
            if found := look():
                return found
            waited_s = time.monotonic() - begun
            if waited_s > within_s:
                raise AssertionError(f"not within {within_s:.0f} s: {found!r}")
            # Each look is calls of functions, which keep what is waited for from its processor.
            time.sleep(min(max(0.05, waited_s / 8), 1.0))

    return wait
