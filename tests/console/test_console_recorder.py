"""The recorder's pages: the list of texts, the way of one, and what the simulated provider saw of it."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import httpx
import pytest
from moto import mock_aws

import longcode_cli.stack
from devtools.console.app import make_app
from devtools.console.context import Context
from devtools.console.live import Live
from devtools.console.recorder.lists import latest
from devtools.console.recorder.reading import Following
from devtools.console.recorder.simulator import seen
from longcode.domain.message import Fault
from longcode.domain.outcomes import Receipt
from longcode.domain.status import Status
from longcode_cli.trace.model import Group, State
from tests.console.conftest import Pages
from tests.longcode_cli.test_cli_trace import NASTY, logs
from tests.longcode_cli.world import NAME, NOW_MS, REGION, THEIRS, World, deploy, formation, ident

ID, TELNYX_ID = ident(1), "telnyx-1"
REQUEST: dict[str, Any] = {
    "arrived_ms": NOW_MS + 4_250.4,
    "idempotency_key": ID,
    "message_id": TELNYX_ID,
    "outcome": "accepted_then_500",
    "accepted": True,
    "replayed": False,
    "status": 500,
    "code": "10007",
}
WEBHOOK: dict[str, Any] = {
    "at_ms": NOW_MS + 5_100.2,
    "event_id": "e",
    "event_type": "message.finalized",
    "message_id": TELNYX_ID,
    "message_status": "delivered",
    "attempt": 2,
    "http_status": 200,
    "error": None,
    "faults": [],
    "latency_ms": 80.3,
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(), formation({NAME: deploy()}), logs([]):
        stack = longcode_cli.stack.Stack("the local stack", NAME, boto3.Session(region_name=REGION))
        made = World(stack)
        made.submit(ID, TELNYX_ID, metadata={"tag": "spring"}, text=NASTY)
        yield made


def console_of(context: Context, world: World, answer: int = 200) -> Pages:
    """The console over the world's tables, and a simulator that answers so."""

    def simulated(request: httpx.Request) -> httpx.Response:
        rows = {"requests": [REQUEST], "webhooks": [WEBHOOK]} if answer == 200 else {}
        return httpx.Response(answer, json=rows)

    client = httpx.AsyncClient(transport=httpx.MockTransport(simulated), base_url="http://127.0.0.1:2")
    return Pages(make_app(replace(context, service=world.stack, simulator=client)))


def test_the_way_of_a_text_has_what_the_simulator_saw(context: Context, world: World) -> None:
    answer = console_of(context, world).get(f"/api/texts/{ID}/trace")
    trace = answer.json()

    assert answer.status_code == 200
    simulated = [span for span in trace["spans"] if span["source"] == "simulator"]
    assert [(span["group"], span["label"]) for span in simulated] == [
        ("provider", "Simulator: answers 500"),
        ("receipts", "Simulator: delivered, try 2"),
    ]
    assert ["to", THEIRS] in trace["facts"]
    assert ["text", NASTY] in trace["facts"]


def test_it_is_found_by_the_providers_id_too_and_another_is_404(context: Context, world: World) -> None:
    console = console_of(context, world)
    assert console.get(f"/api/texts/{TELNYX_ID}/trace").json()["id"] == ID
    long = f"/api/texts/{'a' * 3000}/trace"
    for path in ("/api/texts/none/trace", "/api/texts/none/live", "/texts/none/trace.html", long):
        answer = console.get(path)
        assert (answer.status_code, answer.json()["field"]) == (404, "id"), path


def test_a_simulator_that_does_not_answer_is_said(context: Context, world: World) -> None:
    trace = console_of(context, world, answer=503).get(f"/api/texts/{ID}/trace").json()
    assert [note for note in trace["notes"] if "simulated provider does not answer" in note]
    assert trace["spans"]


def test_tables_that_do_not_answer_are_said_and_a_page_that_listens_hears_it(
    context: Context, world: World
) -> None:
    console, following = console_of(context, world), Following(replace(context, service=world.stack), ID)
    world.stack.messages.table.client.delete_table(TableName=world.stack.messages.table.name)

    for path in (f"/api/texts/{ID}/trace", f"/api/texts/{ID}/live", f"/texts/{ID}/trace.html", "/api/texts"):
        answer = console.get(path)
        assert (answer.status_code, "do not answer" in answer.json()["error"]) == (503, True), path
    event = asyncio.run(Live(following.read).now())
    assert (event.event, "do not answer" in str(event.data)) == ("problem", True)


def test_the_file_to_share_has_masked_numbers_and_is_a_download(context: Context, world: World) -> None:
    answer = console_of(context, world).get(f"/texts/{ID}/trace.html")
    assert answer.headers["content-disposition"] == f'attachment; filename="text-{ID[:8]}.html"'
    assert THEIRS not in answer.text
    assert "alert(1)" not in answer.text


def test_the_pages_load_only_files_of_the_console(context: Context, world: World) -> None:
    console = console_of(context, world)
    for path in ("/texts", f"/texts/{ID}"):
        answer = console.get(path)
        assert answer.status_code == 200
        loaded = {part.split('"')[0] for name in ('src="', 'href="') for part in answer.text.split(name)[1:]}
        for address in sorted(loaded):
            if address.startswith("/static/"):
                assert console.get(address).status_code == 200, address
    assert console.get("/static/trace/trace.html").status_code == 404
    for name in ("scale.js", "parts.js", "trace.js", "trace.css"):
        assert console.get(f"/static/trace/{name}").status_code == 200
    assert "&lt;b&gt;" in console.get("/texts/<b>").text


def test_a_filter_that_can_not_be_is_refused_with_its_field(context: Context, world: World) -> None:
    answer = console_of(context, world).get("/api/texts", params={"to": "abc"})
    assert (answer.status_code, answer.json()["field"]) == (400, "to")


def test_the_latest_texts_are_listed_by_a_filter(world: World) -> None:
    world.accept(ident(2), to="+12025550124", accepted_ms=NOW_MS + 1)
    fault = Fault("40001", "Not routable", "")
    receipt = Receipt("e", TELNYX_ID, Status.DELIVERY_FAILED, "delivery_failed", NOW_MS + 5_000, faults=(fault,))
    world.stack.messages.record(ID, receipt, NOW_MS + 5_100)

    def ids(**asked: str) -> list[str]:
        return [row["id"] for row in latest(world.stack, asked, NOW_MS + 10_000)["texts"]]

    assert ids() == [ident(2), ID]
    assert ids(to=f" {THEIRS} ") == [ID]
    assert ids(tag="spring") == [ID]
    assert ids(status="queued") == [ident(2)]
    assert ids(other="x") == [ident(2), ID]
    (row,) = latest(world.stack, {"tag": "spring"}, NOW_MS + 10_000)["texts"]
    assert (row["status"], row["code"], row["number"], row["final"]) == ("delivery_failed", "40001", THEIRS, True)


@pytest.mark.parametrize(
    ("request_", "webhook", "states", "words"),
    [
        ({}, {}, [State.FAULT, State.OK], "the service can't know it"),
        ({"status": 200}, {"faults": ["doubled"]}, [State.OK, State.FAULT], "doubled"),
        (
            {"status": None, "accepted": False},
            {"http_status": None, "error": "refused"},
            [State.FAULT] * 2,
            "refused",
        ),
        ({"replayed": True, "status": 200}, {"http_status": 503}, [State.OK, State.FAULT], "503"),
    ],
)
def test_what_the_simulator_does_wrong_is_a_fault(
    request_: dict[str, Any], webhook: dict[str, Any], states: list[State], words: str
) -> None:
    other = {**REQUEST, "idempotency_key": "another"}
    found = seen(ID, None, [other, REQUEST | request_], [WEBHOOK | webhook, {**WEBHOOK, "message_id": "another"}])
    assert [span.group for span in found] == [Group.PROVIDER, Group.RECEIPTS]
    assert [span.state for span in found] == states
    assert words in json.dumps([span.detail + span.label for span in found])
