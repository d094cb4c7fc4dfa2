"""`longcode smoke` on AWS: a stack's address and key, and a gateway that is new."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from longcode_cli import stack as stacks
from longcode_cli.api import http_of
from longcode_cli.commands.smoke.run import Smoke, Step
from tests.longcode_cli.deployments import DEV, place, stack_of
from tests.longcode_cli.formation import FakeFormation
from tests.longcode_cli.world import REGION, Ok, hooked, run
from tests.longcode_cli.world import deploy as create

pytestmark = pytest.mark.disable_socket


@pytest.fixture
def key_of_the_api() -> Iterator[None]:
    """An API Gateway that knows one key."""

    def answer(params: dict[str, Any], **_: Any) -> tuple[Ok, dict[str, Any]]:
        assert params["url_path"] == "/apikeys/key-id"
        assert params["query_string"] == {"includeValue": "true"}
        return Ok(), {"value": "the key itself"}

    with hooked(("before-call.api-gateway.GetApiKey", answer)):
        yield


def test_on_aws_the_smoke_test_takes_address_and_key_from_the_stack(
    account: FakeFormation, key_of_the_api: None
) -> None:
    account.stacks[DEV] = stack_of(DEV)
    account.stacks[DEV]["Outputs"].append({"OutputKey": "ApiKeyId", "OutputValue": "key-id"})

    with http_of(place()) as api:
        assert api.headers["x-api-key"] == "the key itself"
        assert str(api.base_url) == "https://api.invalid/v1/"


@dataclass
class Gateway:
    """An API that refuses its key so many times before it knows it, but not at the path that it `knows`."""

    refusals: int
    knows: str = "nothing"
    asked: int = 0
    naps: int = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(self.knows):
            self.asked += 1
            if self.asked <= self.refusals:
                return httpx.Response(403, json={"message": "Forbidden"})
        if request.url.path.endswith("/health"):
            return httpx.Response(200, json={"status": "healthy", "queue_size": 0})
        return httpx.Response(400, json={"error": "no number", "code": "invalid_request", "field": "to"})

    def nap(self, _seconds: float) -> None:
        self.naps += 1

    def run(self, at: stacks.Stack) -> list[Step]:
        with httpx.Client(base_url="https://api.invalid/v1", transport=httpx.MockTransport(self.answer)) as api:
            made = Smoke(at, api, "+12025550123", 1, lambda _: nullcontext(), sleep=self.nap)
            plan = [
                step for step in made._plan() if step[0] in ("GET /health", "bad input is refused by its field")
            ]
            return [made._made(*step) for step in plan]


def test_right_after_a_first_deployment_the_gateway_is_waited_for_and_that_is_reported(
    account: FakeFormation,
) -> None:
    account.stacks[DEV] = {**stack_of(DEV), **create()}
    gateway = Gateway(refusals=3, knows="/health")

    health, bad_input = gateway.run(stacks.on_aws(DEV, None, REGION))

    assert (health.ok, health.said) == (True, "0 wait")
    assert (bad_input.ok, bad_input.said) == (
        True,
        "400, field to, 2 s after the first try: the gateway was new",
    )
    assert gateway.naps == 3


def test_a_gateway_that_never_lets_us_in_is_not_waited_for_for_ever(account: FakeFormation) -> None:
    account.stacks[DEV] = {**stack_of(DEV), **create()}
    gateway = Gateway(refusals=10_000)

    health, bad_input = gateway.run(stacks.on_aws(DEV, None, REGION))

    assert not health.ok
    assert not bad_input.ok
    assert "403" in health.said
    # Two minutes for each.
    assert gateway.naps == 2 * 240


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "Which number shall be texted?"), (["--to", "+12025550123"], "There is no terminal to ask on")],
)
def test_on_aws_nothing_is_sent_without_a_number_and_a_yes(
    account: FakeFormation, arguments: list[str], words: str
) -> None:
    account.stacks[DEV] = {**stack_of(DEV), **create()}

    result = run("smoke", "--stack", DEV, *arguments)

    assert result.exit_code == 1
    assert words in result.stderr
