"""Keys of `longcode keys` on the deployed stack: what they may do over HTTP, and when they cease to."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import Layout, Stack
from tests.longcode_cli.world import run

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

LISTED, ALLOWED, OTHERS = "+12025550171", "+12025550172", "+12025550174"
IDENT = "00000000-0000-4000-8000-000000000000"
# One route of each scope, such that it changes nothing.
ASKED = {
    "send": ("POST", "/sms/preview"),
    "read": ("GET", f"/sms/status/{IDENT}"),
    "admin": ("DELETE", "/sms/optouts/+12025550173"),
}


class Keys:
    """Makes keys by the command, and calls the API with them."""

    def __init__(self, stack: Stack, home: Layout) -> None:
        self._stack, self._home = stack, home
        self.made: list[str] = []

    def longcode(self, *arguments: str) -> Any:
        result = run("keys", *arguments, "--dir", str(self._home.home))
        assert result.exit_code == 0, result.output
        return result

    def make(self, *arguments: str) -> tuple[str, httpx.Client]:
        result = self.longcode(*arguments)
        (key_id,) = re.findall(r"id ([a-z0-9]+)\.", result.stderr)
        self.made.append(key_id)
        return key_id, self.client(result.stdout.strip())

    def client(self, value: str) -> httpx.Client:
        return httpx.Client(
            base_url=self._stack.api_url, headers={"x-api-key": value}, timeout=40, trust_env=False
        )


@pytest.fixture
def keys(stack: Stack, run_layout: Layout) -> Iterator[Keys]:
    made = Keys(stack, run_layout)
    yield made
    for key_id in made.made:
        run("keys", "revoke", key_id, "--yes", "--dir", str(run_layout.home))


def code(answer: httpx.Response) -> str:
    return str(answer.json().get("code", ""))


def test_a_key_may_do_what_its_scope_says_and_nothing_else(keys: Keys) -> None:
    for scope in ASKED:
        _, client = keys.make("create", "--name", f"only-{scope}", "--scope", scope)
        with client:
            for asked, (method, path) in ASKED.items():
                answer = client.request(method, path, json={"message": "Hello"} if method == "POST" else None)
                if asked == scope:
                    assert code(answer) not in ("scope_missing", "forbidden")
                else:
                    assert (answer.status_code, code(answer)) == (403, "scope_missing")
                    assert asked in answer.json()["error"]


def test_a_guest_list_key_texts_who_is_listed_and_no_one_else(keys: Keys) -> None:
    key_id, client = keys.make(
        "create", "--name", "demo", "--kind", "guest-list", "--scope", "send", "--to", LISTED
    )
    keys.longcode("allow", key_id, ALLOWED)
    with client:

        def queue(to: str) -> httpx.Response:
            return client.post("/sms/queue", json={"to": to, "message": "Hello"})

        assert [queue(to).status_code for to in (LISTED, ALLOWED)] == [202, 202]
        refused = queue(OTHERS)
        assert (refused.status_code, code(refused), refused.json()["field"]) == (403, "recipient_not_listed", "to")
        assert code(client.post("/sms/queue/process")) == "forbidden"


def test_a_key_that_was_made_elsewhere_may_do_nothing(keys: Keys, stack: Stack, aws: Callable[[str], Any]) -> None:
    gateway = aws("apigateway")
    formation = aws("cloudformation").describe_stacks(StackName=stack.stack_name)["Stacks"][0]
    plan = {row["OutputKey"]: row["OutputValue"] for row in formation["Outputs"]}["UsagePlanId"]
    made = gateway.create_api_key(name="by hand", enabled=True, value="made-by-hand-0123456789")
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=made["id"], keyType="API_KEY")
    try:
        with keys.client(made["value"]) as client:
            for method, path in ASKED.values():
                answer = client.request(method, path, content=b"{")
                assert (answer.status_code, code(answer)) == (403, "forbidden")
                assert "longcode keys create" in answer.json()["error"]
    finally:
        gateway.delete_usage_plan_key(usagePlanId=plan, keyId=made["id"])
        gateway.delete_api_key(apiKey=made["id"])


def test_a_rotated_key_is_one_caller_and_a_revoked_one_stops(keys: Keys) -> None:
    first, old = keys.make("create", "--name", "shop", "--scope", "send", "--scope", "read")
    _, new = keys.make("rotate", first)
    body, headers = {"to": LISTED, "message": "Your order is on its way"}, {"Idempotency-Key": "order-4711"}
    with old, new:
        texts = [client.post("/sms/queue", json=body, headers=headers) for client in (old, new)]
        assert [text.status_code for text in texts] == [202, 202]
        assert len({text.json()["message_id"] for text in texts}) == 1

        begun = time.monotonic()
        keys.longcode("revoke", first, "--yes")
        while old.get(f"/sms/status/{IDENT}").status_code != 403:
            assert time.monotonic() - begun < 60

        assert new.get(f"/sms/status/{IDENT}").status_code == 404
