"""Texts of a test key on the deployed stack: all of it, and no call to the provider."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import Layout, Stack
from longcode_cli.main import COMMANDS
from tests.longcode_cli.world import run

pytestmark = [
    pytest.mark.stack,
    pytest.mark.enable_socket,
    pytest.mark.skipif("keys" not in COMMANDS, reason="longcode keys makes the key"),
]

Eventually = Callable[..., Any]
# A number that the simulated provider would refuse, so that a call could not be overlooked.
DELIVERED, FAILED, DOUBTFUL = "+12067550123", "+12065550140", "+12065550171"


@pytest.fixture
def tests(stack: Stack, run_layout: Layout) -> Iterator[httpx.Client]:
    """The deployed API, with a test key."""
    home = str(run_layout.home)
    made = run(
        "keys", "create", "--name", "tests", "--kind", "test", "--scope", "send", "--scope", "read", "--dir", home
    )
    assert made.exit_code == 0, made.output
    headers = {"x-api-key": made.stdout.strip()}
    with httpx.Client(base_url=stack.api_url, headers=headers, timeout=40, trust_env=False) as client:
        yield client
    (key_id,) = re.findall(r"id ([a-z0-9]+)\.", made.stderr)
    run("keys", "revoke", key_id, "--yes", "--dir", home)


def test_a_test_text_goes_through_the_whole_stack_and_none_reaches_the_provider(
    tests: httpx.Client, api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    expected = {DELIVERED: "delivered", FAILED: "delivery_failed", DOUBTFUL: "delivered"}
    before = api.get("/health").json()["tracked_messages"]
    ids: dict[str, str] = {}
    for route in ("/sms/queue", "/sms/send"):
        for to, status in expected.items():
            answer = tests.post(route, json={"to": to, "message": "Hello", "metadata": {"tag": "stack-test"}})
            assert answer.status_code in (200, 202, 504), answer.text
            ids[answer.json()["message_id"]] = status
    batch = [{"to": DELIVERED, "message": f"{count}"} for count in range(2)]
    answer = tests.post("/sms/batch", json={"messages": batch})
    assert answer.status_code == 202, answer.text
    ids |= dict.fromkeys((row["message_id"] for row in answer.json()["messages"]), "delivered")

    for ident, status in ids.items():
        eventually(lambda ident=ident, status=status: api.get(f"/sms/status/{ident}").json()["status"] == status)
        fields = tests.get(f"/sms/status/{ident}").json()
        assert (fields["test"], fields["cost"]["amount"]) == (True, "0")
    seen = tests.get("/sms/messages", params={"tag": "stack-test"}).json()["messages"]
    assert {row["message_id"] for row in seen} == set(list(ids)[:6])
    assert api.get("/sms/messages", params={"tag": "stack-test"}).json()["messages"] == []
    counted = {"delivered": 4, "delivery_failed": 2}
    eventually(lambda: tests.get("/sms/tags/stack-test").json()["counts"] == counted)

    for to in expected:
        assert provider.get("/_provider/requests", params={"to": to}).json()["requests"] == []
    assert before <= api.get("/health").json()["tracked_messages"]
