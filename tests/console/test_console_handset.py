"""The handset: its calls of the API and of the provider's control API, and what arrives at a phone."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from devtools.console.app import make_app
from devtools.console.context import Context
from devtools.console.handset import texts
from devtools.console.handset.provider import Provider
from devtools.console.handset.routes import Streams
from devtools.console.security import POLICY
from devtools.local_stack.layout import ROOT
from tests.console.conftest import ADDRESS, Pages
from tests.longcode_cli.conftest import aws, world
from tests.longcode_cli.world import OTHERS, THEIRS, World, ident
from tests.telnyx_simulator.world import Running, eventually

__all__ = ["aws", "world"]  # fixtures of the command's own tests

OWN = {"origin": ADDRESS, "sec-fetch-site": "same-origin"}


@dataclass
class FakeHttp:
    """A server that answers all alike, and remembers what it was asked."""

    status: int = 200
    answer: dict[str, Any] = field(default_factory=lambda: {"queued": True})
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(self.status, json=self.answer, headers=self.headers)

    def client(self) -> httpx.AsyncClient:
        """A client that reaches nothing else."""
        return httpx.AsyncClient(
            base_url="http://api/v1", headers={"x-api-key": "the-key"}, transport=httpx.MockTransport(self)
        )


@pytest.fixture
def api() -> FakeHttp:
    return FakeHttp()


@pytest.fixture
def simulator() -> FakeHttp:
    return FakeHttp()


@pytest.fixture
def context(context: Context, api: FakeHttp, simulator: FakeHttp) -> Context:
    return replace(context, api=api.client(), simulator=simulator.client())


@pytest.fixture
def away(context: Context) -> Pages:
    """The console of a stack whose provider is not simulated."""
    return Pages(make_app(replace(context, simulator=None)))


# -------------------------------------------------------------------------------------------- sending


@pytest.mark.parametrize("route", texts.ROUTES)
def test_each_route_hands_over_what_it_got_and_answers_what_it_was_answered(
    console: Pages, api: FakeHttp, route: str
) -> None:
    wanted = {"to": THEIRS, "message": "Hi", "ttl_s": "soon", "metadata": {"tag": "spring"}}
    api.status, api.answer, api.headers = 400, {"error": "No.", "field": "ttl_s"}, {"retry-after": "3"}

    answer = console.post(f"/api/handset/texts/{route}", json={"request": wanted}, headers=OWN)

    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (400, api.answer, "3")
    [request] = api.asked
    assert (request.method, request.url.path) == ("POST", f"/v1/sms/{route}")
    assert json.loads(request.content) == wanted
    assert "idempotency-key" not in request.headers


def test_an_idempotency_key_goes_along(console: Pages, api: FakeHttp) -> None:
    console.post("/api/handset/texts/queue", json={"request": {}, "idempotency_key": "k-1"})
    refused = console.post("/api/handset/texts/queue", json={"request": {}, "idempotency_key": "schlüssel"})

    assert [request.headers["idempotency-key"] for request in api.asked] == ["k-1"]
    assert (refused.status_code, refused.json()["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize("key", ["a\nb", "a\r\nx-api-key: b", 7, ["a"], "\x00", " ", "k" * 1001])
def test_an_idempotency_key_is_no_way_to_another_header(console: Pages, api: FakeHttp, key: object) -> None:
    answer = console.post("/api/handset/texts/queue", json={"request": {}, "idempotency_key": key})

    assert (answer.status_code, answer.json()["field"], api.asked) == (400, "Idempotency-Key", [])


@pytest.mark.parametrize("path", ["texts/send", "sending", "inbound", "faults", "carriers", "limits", "behaviour"])
@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', "\xff"])
def test_a_body_that_is_no_object_is_refused(
    console: Pages, api: FakeHttp, simulator: FakeHttp, path: str, body: str
) -> None:
    answer = console.post(f"/api/handset/{path}", content=body.encode("latin-1"))

    assert (answer.status_code, answer.json()["field"]) == (400, "body")
    assert api.asked + simulator.asked == []


@pytest.mark.parametrize(
    "body", ['{"x": NaN}', '{"x": 1e999}', '{"x": "\\ud800"}', "[" * 100_000, '{"x":' * 50_000]
)
@pytest.mark.parametrize("path", ["texts/send", "sending", "inbound"])
def test_what_json_can_not_hand_on_is_refused(
    context: Context, api: FakeHttp, simulator: FakeHttp, path: str, body: str
) -> None:
    pages = Pages(make_app(context))
    answer = pages.post(f"/api/handset/{path}", content=body)

    assert (answer.status_code, answer.json()["field"]) == (400, "body")
    assert api.asked + simulator.asked == []


def test_a_body_that_is_too_long_is_refused_before_it_is_read_to_its_end(context: Context, api: FakeHttp) -> None:
    sent = 0

    async def drip() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 1
            yield b" " * 65_536

    answer = Pages(make_app(context)).post("/api/handset/texts/batch", content=drip())

    assert (answer.status_code, answer.json()["field"], api.asked) == (413, "body", [])
    assert sent < 1_000


def test_an_error_of_its_own_has_the_headers_of_all_pages_and_no_detail(context: Context) -> None:
    def broken(_request: httpx.Request) -> httpx.Response:
        raise RuntimeError("a secret")

    api = httpx.AsyncClient(base_url="http://api/v1", transport=httpx.MockTransport(broken))
    pages = Pages(make_app(replace(context, api=api)), raises=False)
    answer = pages.post("/api/handset/texts/send", json={"request": {}})

    assert (answer.status_code, answer.headers["content-security-policy"]) == (500, POLICY)
    assert "console.log" in answer.json()["error"]
    assert "secret" not in answer.text


def test_there_is_no_way_to_another_route_of_the_api(console: Pages, api: FakeHttp) -> None:
    for path in ("texts/keys", "texts/..%2fkeys", "texts/send/../../keys"):
        assert console.post(f"/api/handset/{path}", json={"request": {}}).status_code in (404, 405), path
    assert api.asked == []


def test_a_text_is_taken_back_by_the_api(console: Pages, api: FakeHttp) -> None:
    api.status, api.answer = 409, {"error": "It left.", "code": "too_late", "status": "sent"}

    answer = console.delete(f"/api/handset/waiting/{ident(1)}", headers=OWN)

    assert (answer.status_code, answer.json()) == (409, api.answer)
    [request] = api.asked
    assert (request.method, request.url.raw_path.decode()) == ("DELETE", f"/v1/sms/queue/{ident(1)}")


@pytest.mark.parametrize("other", ["..", "x", "%3Ftag=spring", "..%2foptouts", "process"])
def test_what_is_no_id_of_a_text_reaches_no_other_route(console: Pages, api: FakeHttp, other: str) -> None:
    assert console.delete(f"/api/handset/waiting/{other}").status_code in (404, 405)
    assert api.asked == []


def test_an_api_that_does_not_answer_is_said_so(context: Context) -> None:
    def dead(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    unreachable = httpx.AsyncClient(base_url="http://api", transport=httpx.MockTransport(dead))
    pages = Pages(make_app(replace(context, api=unreachable, simulator=unreachable)))

    for path, body in (("texts/send", {"request": {}}), ("inbound", {"from": THEIRS, "text": "STOP"})):
        answer = pages.post(f"/api/handset/{path}", json=body)
        assert (answer.status_code, "make up" in answer.json()["error"]) == (502, True)


def test_the_key_of_the_api_reaches_no_page(console: Pages, context: Context) -> None:
    for path in ("/", "/api/handset/choices", f"/api/handset/facts?number={quote(THEIRS)}"):
        found = console.get(path)
        assert found.status_code == 200
        assert context.stack.api_key not in found.text
        assert "the-key" not in found.text


def test_the_form_has_a_labelled_field_for_each_of_the_api(console: Pages) -> None:
    schemas = json.loads((ROOT / "docs/openapi.json").read_text("utf-8"))["components"]["schemas"]
    page = console.get("/").text
    shown = dict(re.findall(r'data-field="([^"]+)" data-routes="([^"]+)"', page))
    # A batch's rows and template are made of the form; what a dry run has seen comes from its answer.
    made = {"messages", "template", "dry_run", "token"}

    for route, name in (("send", "SendRequest"), ("queue", "QueueRequest"), ("batch", "BatchRequest")):
        fields = set(schemas[name]["properties"]) - made
        offered = {one for one, routes in shown.items() if route in routes.split()}
        own = {"tag", "Idempotency-Key"} | ({"recipients", "message"} if route == "batch" else set())
        assert offered - own == fields, route
    for one in shown:
        assert f'<label for="field-{one}">' in page
        assert f'id="error-{one}"' in page


# ------------------------------------------------------------------------------------------ provider


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("inbound", {"from": THEIRS, "text": "<b>STOP</b>", "media_urls": ["https://media.example.com/a.png"]}),
        ("carriers", {"number": THEIRS, "network": "att"}),
        ("limits", {"enforce": True}),
        ("faults", {"outage": "500", "seconds": 5}),
    ],
)
def test_what_a_person_does_at_the_provider_is_asked_of_it(
    console: Pages, simulator: FakeHttp, path: str, asked: dict[str, Any]
) -> None:
    simulator.status, simulator.answer = 400, {"error": "network must be null or one of …"}

    answer = console.post(f"/api/handset/{path}", json=asked, headers=OWN)

    assert (answer.status_code, answer.json()) == (400, simulator.answer)
    [request] = simulator.asked
    assert (request.method, request.url.path) == ("POST", f"/v1/_provider/{path}")
    assert json.loads(request.content) == asked


def test_without_a_simulated_provider_the_page_says_so_and_still_sends(away: Pages, api: FakeHttp) -> None:
    page = away.get("/").text

    assert "Phones are not shown" in page
    assert 'id="talk"' not in page
    assert 'id="compose"' in page
    assert 'id="queues"' in page
    assert away.post("/api/handset/texts/send", json={"request": {"to": THEIRS}}).status_code == 200
    assert len(api.asked) == 1
    for path in ("inbound", "carriers", "faults", "limits", "behaviour"):
        answer = away.post(f"/api/handset/{path}", json={"number": THEIRS})
        assert (answer.status_code, "not simulated" in answer.json()["error"]) == (409, True), path


@pytest.mark.parametrize("number", ["", "x", "12025550123", "+1202555012٣", "<b>", "+" + "1" * 16])
def test_what_is_no_number_is_refused(console: Pages, simulator: FakeHttp, number: str) -> None:
    for path in ("/api/handset", "/api/handset/facts"):
        answer = console.get(path, params={"number": number})
        assert (answer.status_code, answer.json()["field"]) == (400, "number"), path
    answer = console.post("/api/handset/behaviour", json={"number": number, "outcome": "slow"})
    assert (answer.status_code, answer.json()["field"]) == (400, "number")
    assert simulator.asked == []


def test_the_choices_are_the_documented_ones(console: Pages) -> None:
    choices = console.get("/api/handset/choices").json()

    by_name = {one["name"]: one for one in choices["outcomes"]}
    assert by_name["delivery_failed"]["suffix"] == "0140"
    assert by_name["webhooks_doubled"]["summary"].startswith("delivered; each webhook comes twice")
    assert {"att", "t_mobile", "landline"} <= {one["name"] for one in choices["networks"]}
    assert {"refused", "500", "rate"} <= {one["name"] for one in choices["outages"]}
    facts = console.get("/api/handset/facts", params={"number": "+12025550146"}).json()
    assert facts == {"number": "+12025550146", "outcome": "landline", "network": "landline"}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    provider = Running()
    yield provider
    provider.stop()


@pytest.fixture
def provider(running: Running) -> Running:
    running.control("reset")
    return running


def reaching(provider: Running) -> httpx.AsyncClient:
    """A client of the control API that keeps no connection from one event loop to the next."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(base_url=provider.control_url, trust_env=False, limits=limits)


@pytest.mark.enable_socket
def test_a_number_behaves_as_chosen_and_all_else_stays_as_it_was(context: Context, provider: Running) -> None:
    pages = Pages(make_app(replace(context, simulator=reaching(provider))))
    provider.control("faults", outcome="expired", to=OTHERS, times=2)
    provider.control("faults", webhook="lose", to=OTHERS, times=None)
    provider.control("faults", outage="rate", rate=7)
    provider.control("faults", latency_ms=3)

    def programmed() -> dict[str, Any]:
        found: dict[str, Any] = provider.shown("faults")
        return found

    before = programmed()
    for outcome, times in (("slow", None), ("rate_limited", 2)):
        answer = pages.post("/api/handset/behaviour", json={"number": THEIRS, "outcome": outcome})
        assert answer.status_code == 200
        assert {"outcome": outcome, "to": THEIRS, "times": times} in programmed()["requests"]
        assert [fault for fault in programmed()["requests"] if fault["to"] == THEIRS] == programmed()["requests"][
            1:
        ]
    refused = pages.post("/api/handset/behaviour", json={"number": THEIRS, "outcome": "nonsense"})
    assert (refused.status_code, "outcome must be one of" in refused.json()["error"]) == (400, True)
    assert programmed()["requests"][-1]["outcome"] == "rate_limited"
    back = pages.post("/api/handset/behaviour", json={"number": THEIRS, "outcome": None})
    assert back.status_code == 200
    assert programmed() == before
    provider.control("faults", outage=None)


@pytest.mark.enable_socket
def test_of_two_pages_that_program_at_once_neither_loses_its_change(provider: Running) -> None:
    phones = Provider(reaching(provider))

    async def at_once() -> None:
        await asyncio.gather(
            *(phones.behave(number, "slow") for number in (THEIRS, OTHERS)),
            phones.post("faults", {"latency_ms": 3}),
        )

    asyncio.run(at_once())
    found = provider.shown("faults")
    assert {fault["to"] for fault in found["requests"]} == {THEIRS, OTHERS}
    assert found["latency_ms"] == 3


@pytest.mark.enable_socket
def test_a_phone_has_its_last_text_and_the_service_its_own_word_for_it(
    context: Context, provider: Running, world: World
) -> None:
    url = f"https://hooks.example.com/webhooks/message/{ident(1)}"
    provider.send(THEIRS, text="<b>Hello</b>", webhook_url=url)
    provider.control("inbound", **{"from": THEIRS}, text="STOP")
    eventually(lambda: provider.shown("messages")["messages"][0]["status"] == "delivered")
    world.accept(ident(1), THEIRS, text="<b>Hello</b>")
    streams = Streams(replace(context, service=world.stack), Provider(reaching(provider)))

    found = asyncio.run(streams.read(THEIRS))

    [phone] = found["provider"]["phones"]
    assert (phone["number"], phone["arrived"], phone["opted_out"]) == (THEIRS, 2, True)
    assert (phone["outcome"], phone["network"]) == ("delivered", "t_mobile")
    assert (found["arrived"][0]["message_id"], found["arrived"][0]["status"]) == (ident(1), "delivered")
    assert [text["kind"] for text in found["arrived"]] == ["text", "inbound", "autoresponse"]
    assert found["provider"]["requests"][0]["outcome"] == "delivered"
    assert found["provider"]["limits"]["t_mobile"]["sent"] == 1
    assert [(text["message_id"], text["status"]) for text in found["texts"]["texts"]] == [(ident(1), "queued")]
