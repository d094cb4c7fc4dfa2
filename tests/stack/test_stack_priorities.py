"""Two priorities on the deployed stack: a queue, a pause and a drain of each, and codes that pass a campaign."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import Layout
from tests.longcode_cli.world import run
from tests.stack.test_stack_scheduling import queue, requests_to, status_of
from tests.stack.world import paced

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]


Longcode = Callable[..., str]


@pytest.fixture
def longcode(run_layout: Layout) -> Longcode:
    def call(*arguments: str) -> str:
        result = run(*arguments, "--dir", str(run_layout.home))
        assert result.exit_code == 0, result.output
        return result.stdout

    return call


@pytest.fixture
def bulk_is_paused(api: httpx.Client, longcode: Longcode) -> Iterator[None]:
    longcode("pause", "--priority", "bulk", "--reason", "wrong link")
    yield
    longcode("resume", "--priority", "bulk")


def test_a_code_passes_a_campaign_that_is_paused_and_the_campaign_goes_on_afterwards(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually, longcode: Longcode, bulk_is_paused: None
) -> None:
    person = "+12022460131"
    offer = queue(api, person, "Our sale begins", priority="bulk")
    code = queue(api, person, "Your code is 123456")
    assert (offer["position"], offer["held_by"], code["position"]) == (1, "paused", 1)

    eventually(lambda: requests_to(provider, person))
    seen = status_of(api, offer["message_id"])
    assert (seen["status"], seen["priority"], seen["held_by"]) == ("queued", "bulk", "paused")
    overview = json.loads(longcode("queue", "--json", "--full"))
    assert overview["pauses"]["bulk"]["reason"] == "wrong link"
    assert {(row["to"], row["priority"]) for row in overview["waiting"]} >= {(person, "bulk")}
    sent = api.post("/sms/send", json={"to": person, "message": "Sale", "priority": "bulk"})
    assert (sent.status_code, sent.json()["code"]) == (503, "paused")

    longcode("resume", "--priority", "bulk")

    # It looks again within five seconds; the drain takes what is due by then.
    def left() -> bool:
        assert api.post("/sms/queue/process", params={"priority": "bulk"}, timeout=60).status_code == 200
        return len(requests_to(provider, person)) == 2

    eventually(left)
    first, second = requests_to(provider, person)
    assert [first["idempotency_key"], second["idempotency_key"]] == [code["message_id"], offer["message_id"]]
    assert first["arrived_ms"] < second["arrived_ms"]
    assert paced([first["arrived_ms"], second["arrived_ms"]])


def test_a_priority_that_there_is_not_is_refused(api: httpx.Client) -> None:
    for answer in (
        api.post("/sms/queue", json={"to": "+12022460131", "message": "Hi", "priority": "urgent"}),
        api.post("/sms/queue/process", params={"priority": "urgent"}),
    ):
        assert (answer.status_code, answer.json()["field"]) == (400, "priority")
