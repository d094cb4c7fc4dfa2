"""The deployed API and its OpenAPI document: random requests, good and bad, and none is answered otherwise.

A stack of its own: what is cancelled, opted out and erased here at random would be other tests' texts.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from devtools.contract.attempt import attempt
from devtools.local_stack import stack as stacks
from devtools.local_stack.layout import ROOT, Layout, Stack
from tests import chance
from tests.stack.world import RUNS, Silent, up

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

LAYOUT = Layout.of(RUNS / f"contract-{os.getpid()}")


@pytest.fixture(scope="module")
def alone() -> Iterator[Stack]:
    try:
        yield up(LAYOUT, parameters={"DailyTextsPerKey": "0"})
    finally:
        stacks.down(LAYOUT, Silent(), forget=True)


def test_the_document_is_served_without_a_key_and_is_the_one_in_the_docs(alone: Stack) -> None:
    with httpx.Client(base_url=alone.api_url, trust_env=False, timeout=30) as anyone:
        answer = anyone.get("/openapi.json")
        again = anyone.get("/openapi.json", headers={"if-none-match": answer.headers["etag"]})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads((ROOT / "docs/openapi.json").read_text())
    assert (again.status_code, again.content) == (304, b"")


def test_of_many_subscriptions_that_are_made_at_once_no_more_than_twenty_are_there(alone: Stack) -> None:
    # Here, as other tests find no room while they are there.
    path, url = "/webhooks/subscriptions", "http://127.0.0.1:9/sms"
    with httpx.Client(
        base_url=alone.api_url, headers={"x-api-key": alone.api_key}, trust_env=False, timeout=40
    ) as api:

        def create(number: int) -> httpx.Response:
            return api.post(path, json={"url": f"{url}/{number}", "events": ["sms.paused"]})

        def listed() -> list[str]:
            return [one["id"] for one in api.get(path).json()["subscriptions"]]

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(create, range(24)))
        created = [answer.json()["id"] for answer in answers if answer.status_code == 201]
        # One that meets others again and again gives up, and may be asked for again.
        assert {answer.status_code for answer in answers} <= {201, 409, 503}
        assert set(created) == set(listed())
        assert len(created) <= 20
        while create(99).status_code == 201:
            pass
        assert len(listed()) == 20
        assert create(99).json()["code"] == "too_many_subscriptions"
        for ident in listed():
            api.delete(f"{path}/{ident}")


def test_no_request_is_answered_in_a_way_that_the_document_does_not_have(alone: Stack) -> None:
    document = ROOT / "docs/openapi.json"
    routes = sum(map(len, json.loads(document.read_text())["paths"].values()))
    # A short run ends once it has tried each route: with a time to fill, it would go on until that is over.
    examples, seconds = (400, 600) if chance.FULL else (5, None)

    tried = attempt(
        LAYOUT, alone, document, examples=examples, seconds=seconds, seed=chance.SEED, all_phases=chance.FULL
    )

    assert tried.good, tried.output
    assert tried.routes == routes, tried.output
    assert tried.requests > (2_000 if chance.FULL else routes)
