"""Webhook subscriptions of the deployed stack, over HTTP: made, listed, rotated, ended, and what is refused."""

import base64
import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import ROOT, Stack

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.enable_socket]

ALL = "/webhooks/subscriptions"
# No one listens there: nothing is delivered in this file.
URL = "http://127.0.0.1:9/sms"


@pytest.fixture
def made(api: httpx.Client) -> Any:
    """A subscription that is gone when the test ends."""
    answer = api.post(ALL, json={"url": URL, "events": ["sms.paused"], "description": "of a test"})
    assert answer.status_code == 201, answer.text
    yield answer.json()
    api.delete(f"{ALL}/{answer.json()['id']}")


def test_one_is_made_listed_changed_rotated_and_ended(api: httpx.Client, made: dict[str, Any]) -> None:
    one = f"{ALL}/{made['id']}"
    shown = {name: value for name, value in made.items() if name != "secret"}
    assert (shown["url"], shown["events"], shown["enabled"]) == (URL, ["sms.paused"], True)
    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
    assert api.get(one).json() == shown
    assert shown in api.get(ALL).json()["subscriptions"]

    changed = api.patch(one, json={"enabled": False, "url": "http://localhost:9/other"})
    assert (changed.status_code, changed.json()["disabled_reason"]) == (200, "by_request")
    assert changed.json()["url"] == "http://localhost:9/other"
    assert api.patch(one, json={"enabled": True}).json()["enabled"] is True

    rotated = [api.post(f"{one}/secret", json={"overlap_s": 60}), api.post(f"{one}/secret")]
    assert [answer.status_code for answer in rotated] == [200, 200]
    assert len({made["secret"], *(answer.json()["secret"] for answer in rotated)}) == 3
    assert "secret" not in api.get(one).json()

    assert api.delete(one).json() == {"id": made["id"], "deleted": True}
    gone = [api.get(one), api.patch(one, json={"enabled": True}), api.delete(one), api.post(f"{one}/secret")]
    assert [(answer.status_code, answer.json()["code"]) for answer in gone] == [(404, "not_found")] * 4


def test_what_is_refused_is_400_with_its_field_and_nothing_is_stored(api: httpx.Client) -> None:
    before = api.get(ALL).json()
    for body, field in (
        ({"url": "http://10.0.0.1/", "events": ["*"]}, "url"),
        ({"url": "http://hooks.example.com/", "events": ["*"]}, "url"),
        ({"url": "https://169.254.169.254/latest/meta-data", "events": ["*"]}, "url"),
        ({"url": "https://0xa9fea9fe/", "events": ["*"]}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/", "events": ["*"]}, "url"),
        ({"url": "https://no-such-name.invalid/", "events": ["*"]}, "url"),
        ({"url": f"{URL}?token=x", "events": ["*"]}, "url"),
        ({"url": "http://user:pass@127.0.0.1/", "events": ["*"]}, "url"),
        ({"url": URL, "events": ["sms.sent"]}, "events[0]"),
        ({"url": URL}, "events"),
        ([], None),
    ):
        answer = api.post(ALL, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), body
        assert answer.json().get("field") == field
    assert api.get(ALL).json() == before


def test_a_stranger_gets_nowhere_and_the_providers_route_is_another(anyone: httpx.Client) -> None:
    ident = "whs_0000000000000000000000"
    for method, path in (
        *(("POST", ALL), ("GET", ALL), ("GET", f"{ALL}/{ident}"), ("PATCH", f"{ALL}/{ident}")),
        *(("DELETE", f"{ALL}/{ident}"), ("POST", f"{ALL}/{ident}/secret")),
    ):
        answer = anyone.request(method, path, json={"url": URL, "events": ["*"]})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
    assert anyone.post("/webhooks/message", json={}).status_code == 401


def test_the_command_works_on_the_stack_and_no_secret_is_in_a_log(
    stack: Stack, aws: Callable[[str], Any], api: httpx.Client
) -> None:
    home = str(ROOT / stack.logs["emulator"]).rpartition("/logs/")[0]

    def longcode(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / "longcode"), "webhooks", *arguments, "--dir", home]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    done = longcode("create", URL, "--event", "sms.paused", "--description", "by the command")
    assert done.returncode == 0, done.stderr
    secret = done.stdout.strip()
    (ident,) = [
        one["id"] for one in api.get(ALL).json()["subscriptions"] if one["description"] == "by the command"
    ]
    assert ident in longcode("list").stdout
    assert longcode("disable", ident).returncode == 0
    rotated = longcode("rotate", ident).stdout.strip()
    assert longcode("delete", ident, "--yes").returncode == 0
    assert longcode("delete", ident, "--yes").returncode == 1

    group = stack.log_groups["subscriptions"]
    pages = aws("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    log = "".join(event["message"] for page in pages for event in page["events"])
    assert ident in log
    assert "subscription.rotated" in log
    for private in (secret, rotated, secret.removeprefix("whsec_"), URL, stack.api_key):
        assert private not in log
