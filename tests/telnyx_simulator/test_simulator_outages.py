"""The whole API in an outage: what comes back, what our own client makes of it, and how it ends."""

import time
from collections.abc import Iterator

import httpx
import pytest

from devtools.telnyx_simulator.outages import SUMMARIES, Kind
from longcode.domain.errors import Unavailable
from longcode.domain.outcomes import Record, Verdict
from longcode.outbound import transport
from longcode.telnyx.client import Telnyx
from tests.support.fakes.examples import TELNYX_ID, make_message
from tests.telnyx_simulator.world import API_KEY, OURS, PATIENCE_S, RECIPIENT, Running, eventually

pytestmark = pytest.mark.enable_socket

# (kind, HTTP status or error, content type, first of the body)
ANSWERS = [
    ("hang", httpx.ReadTimeout, "", ""),
    ("500", 500, "application/json", '{"errors":[{"code":"10007"'),
    ("502", 502, "text/html", "<html>"),
    ("403", 403, "text/html", "<html>"),
    ("404", 404, "text/html", ""),
    ("200", 200, "text/html", "<html>"),
    ("redirect", 302, "text/html", ""),
    ("refused", httpx.ConnectError, "", ""),
]
# (kind, what our client makes of a send, code of the fault)
VERDICTS = [
    ("hang", Verdict.AMBIGUOUS, "provider_no_answer"),
    ("500", Verdict.AMBIGUOUS, "10007"),
    ("502", Verdict.AMBIGUOUS, "http_502"),
    ("403", Verdict.CONFIGURATION, "http_403"),
    ("404", Verdict.CONFIGURATION, "http_404"),
    ("200", Verdict.AMBIGUOUS, "provider_unreadable"),
    ("redirect", Verdict.CONFIGURATION, "http_302"),
    ("refused", Verdict.NOT_SENT, "provider_unreachable"),
]


@pytest.fixture
def connections() -> Iterator[httpx.Client]:
    with transport.client() as made:
        yield made


def ours(provider: Running, connections: httpx.Client, send_s: float = 5.0) -> Telnyx:
    return Telnyx(connections, f"{provider.url}/v2", lambda _fresh: API_KEY, send_s=send_s)


def put(provider: Running, kind: str, **more: object) -> None:
    provider.control("faults", outage=kind, **more)
    if kind == "refused":
        eventually(lambda: refuses(provider))


def refuses(provider: Running) -> bool:
    try:
        httpx.get(f"{provider.url}/v2/balance", trust_env=False)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        # It was let in at the very moment in which the port was closed.
        return False
    return False


def programmed(provider: Running) -> dict[str, object]:
    shown: dict[str, object] = provider.client.get(f"{provider.control_url}/_provider/faults").json()
    return shown


def log(provider: Running) -> list[tuple[object, object, object]]:
    answer = provider.client.get(f"{provider.control_url}/_provider/requests", params={"to": RECIPIENT})
    return [(row["outcome"], row["status"], row["accepted"]) for row in answer.json()["requests"]]


def test_every_kind_is_tried_here() -> None:
    assert {row[0] for row in ANSWERS} | {"rate"} == set(Kind) == set(SUMMARIES)
    assert {row[0] for row in VERDICTS} | {"rate"} == set(Kind)


@pytest.mark.parametrize(("kind", "came", "media", "body"), ANSWERS)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "messages"), ("GET", f"messages/{TELNYX_ID}"), ("GET", "detail_records")]
)
def test_every_request_fares_alike(
    provider: Running, kind: str, came: int | type[Exception], media: str, body: str, method: str, path: str
) -> None:
    put(provider, kind)
    headers = {"authorization": f"Bearer {API_KEY}"}
    fields = {"to": RECIPIENT, "from": OURS, "text": "Hello!"} if method == "POST" else None

    def ask() -> httpx.Response:
        # On a connection of its own: one that was open before may have its end still on its way.
        return httpx.request(
            method,
            f"{provider.url}/v2/{path}",
            json=fields,
            headers=headers,
            timeout=httpx.Timeout(PATIENCE_S, read=0.2 if came is httpx.ReadTimeout else PATIENCE_S),
            trust_env=False,
        )

    if isinstance(came, int):
        answer = ask()
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (came, media)
        assert answer.text[: len(body)] == body
    else:
        with pytest.raises(came):
            ask()
    if method == "POST" and kind != "refused":
        unanswered = not isinstance(came, int)
        assert log(provider) == [(f"outage_{kind}", None if unanswered else came, False)]


@pytest.mark.parametrize(("kind", "verdict", "code"), VERDICTS)
def test_our_client_sends_nothing_and_takes_no_records_for_none(
    provider: Running, connections: httpx.Client, kind: str, verdict: Verdict, code: str
) -> None:
    put(provider, kind)
    # Only where no answer can come is the wait for it short.
    client = ours(provider, connections, 0.5 if kind == "hang" else PATIENCE_S)

    answer = client.send(make_message(sender=OURS, recipient=RECIPIENT))

    assert (answer.verdict, answer.fault and answer.fault.code) == (verdict, code)
    for telnyx_id in (TELNYX_ID, None):
        with pytest.raises(Unavailable):
            client.record_of(make_message(telnyx_id=telnyx_id))


@pytest.mark.parametrize("kind", [row[0] for row in VERDICTS])
def test_an_outage_ends_on_request_and_by_itself(provider: Running, kind: str) -> None:
    put(provider, kind)
    assert programmed(provider)["outage"] == {"outage": kind, "seconds": None}
    provider.control("faults", outage=None)
    assert provider.send().status_code == 200

    put(provider, kind, seconds=0.05)
    eventually(lambda: programmed(provider)["outage"] is None)
    eventually(lambda: not refuses(provider))
    assert provider.send().status_code == 200
    assert [accepted for _, _, accepted in log(provider)] == [True, True]


def test_an_outage_ends_with_the_faults(provider: Running) -> None:
    put(provider, "refused")
    provider.client.delete(f"{provider.control_url}/_provider/faults").raise_for_status()
    assert provider.send().status_code == 200

    put(provider, "403")
    provider.control("reset")
    assert provider.send().status_code == 200


def test_connections_that_were_open_are_dropped_when_connections_are_refused(provider: Running) -> None:
    assert provider.send().status_code == 200
    put(provider, "refused")

    # The one that was open may be seen to be dropped only when something is sent on it.
    with pytest.raises(httpx.TransportError):
        provider.send()
    with pytest.raises(httpx.ConnectError):
        provider.send()


def test_so_many_requests_a_second_are_looked_at_and_the_others_are_asked_to_wait(
    provider: Running, connections: httpx.Client
) -> None:
    provider.control("faults", outage="rate", rate=2)
    client = ours(provider, connections)
    begun = time.monotonic()
    answers = [client.send(make_message(id=str(number), sender=OURS)) for number in range(20)]
    seconds = int(time.monotonic() - begun) + 2  # that have begun by then

    limited = [answer for answer in answers if answer.verdict is Verdict.BACK_OFF]
    assert 2 <= len(answers) - len(limited) <= 2 * seconds
    assert {(answer.fault and answer.fault.code, answer.wait_ms) for answer in limited} == {("10011", 1_000)}
    headers = {"authorization": f"Bearer {API_KEY}"}
    rows = [provider.client.get("/v2/balance", headers=headers) for _ in range(20)]
    assert {(row.status_code, row.headers.get("retry-after")) for row in rows} >= {(429, "1")}
    assert programmed(provider)["outage"] == {"outage": "rate", "seconds": None, "rate": 2}


@pytest.mark.parametrize(
    "asked",
    [
        {"outage": "flood"},
        {"outage": 500},
        {"outage": "hang", "seconds": 0},
        {"outage": "hang", "seconds": True},
        {"outage": "hang", "rate": 3},
        {"outage": "rate"},
        {"outage": "rate", "rate": -1},
        {"outage": "hang", "to": RECIPIENT},
    ],
    ids=repr,
)
def test_an_outage_that_makes_no_sense_is_refused_with_a_reason(
    provider: Running, asked: dict[str, object]
) -> None:
    answer = provider.client.post("/_provider/faults", json=asked)

    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert programmed(provider)["outage"] is None


def test_our_client_reads_all_pages_of_the_records(provider: Running, connections: httpx.Client) -> None:
    url = "https://example.com/webhooks/message/ours"
    sent = provider.send(webhook_url=url, use_profile_webhooks=False).json()["data"]["id"]
    for _ in range(60):
        provider.send()
    rows = {"filter[record_type]": "messaging", "filter[cld]": RECIPIENT, "page[size]": "50"}
    eventually(lambda: provider.get("/v2/detail_records", **rows)["meta"]["total_results"] == 61)
    client = ours(provider, connections)

    found = client.record_of(make_message(webhook_url=url))

    assert isinstance(found, Record)
    assert found.telnyx_id == sent
    assert client.record_of(make_message(webhook_url=f"{url}-not")) is None
