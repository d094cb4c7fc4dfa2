"""The stack that the operator's command is tried on: in this process, or the real local one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto import mock_aws

from devtools.local_stack.layout import Stack
from longcode_cli import stack as stacks
from longcode_cli.commands.deploy import FROM_ENVIRONMENT
from tests.longcode_cli.clinic import Clinic, Front, admit, delivered, serve, services
from tests.longcode_cli.formation import FakeFormation
from tests.longcode_cli.world import HOME, NAME, REGION, World, deploy, formation, hooked
from tests.stack.conftest import eventually
from tests.stack.world import forget_old_runs, shared_stack
from tests.telnyx_simulator.world import Running

__all__ = ["eventually"]  # a fixture of the stack's own tests


@pytest.fixture(scope="session")
def operated() -> Iterator[Stack]:
    """The deployed local stack that the operators' tests pause and break: they share it with no others."""
    forget_old_runs()
    with shared_stack(HOME, "only", parameters={"RecipientIntervalMs": "400", "StatusEvents": "all"}) as found:
        yield found


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS account in this process, with nothing of the person's own configuration."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "LONGCODE_STACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    other: dict[str, Any] = {"StackStatus": "UPDATE_COMPLETE", "Outputs": [], "Parameters": []}
    with mock_aws(), formation({NAME: deploy(), "other": other}), no_long_polls():
        yield


@contextmanager
def no_long_polls() -> Iterator[None]:
    """Nothing comes while a receiver waits for it, so an empty queue says so at once."""

    def at_once(params: dict[str, Any], **_: Any) -> None:
        params["WaitTimeSeconds"] = 0

    with hooked(("provide-client-params.sqs.ReceiveMessage", at_once)):
        yield


@pytest.fixture
def world(aws: None) -> World:
    return World(stacks.on_aws(NAME, None, REGION).complete())


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFormation]:
    """An AWS account without a stack, and nothing of the person's own configuration."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "LONGCODE_STACK", *FROM_ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    formation = FakeFormation({})
    with mock_aws(), formation.answering():
        yield formation


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    provider = Running()
    yield provider
    provider.stop()


@pytest.fixture
def clinic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, running: Running) -> Iterator[Clinic]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "LONGCODE_STACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    # Not where a whole module shares what it has put there, which takes long.
    if "stops" not in request.fixturenames:
        running.control("reset")
    running.control("profile", webhook_url=None, webhook_api_version="2", enabled=True, assigned=True)
    front = Front(running.public_key)
    described: dict[str, dict[str, Any]] = {}
    with mock_aws(), serve(front), formation(described):
        described[NAME] = deploy()
        made = admit(World(stacks.on_aws(NAME, None, REGION)), described[NAME], front, running)
        with services(made):
            made.world = World(stacks.on_aws(NAME, None, REGION))
            delivered(made)
            yield made
