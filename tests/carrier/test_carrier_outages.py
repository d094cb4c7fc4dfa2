"""The whole API in an outage: what comes back, what our own client makes of it, and how it ends."""

from collections.abc import Iterator

import httpx
import pytest

from local.carrier.outages import SUMMARIES, Kind
from longcode import transport
from longcode.carrier import Telnyx
from longcode.errors import Unavailable
from longcode.ports import Record, Verdict
from tests.carrier.world import API_KEY, OURS, RECIPIENT, Running, eventually
from tests.fakes.examples import TELNYX_ID, make_message

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
    ("hang", Verdict.AMBIGUOUS, "carrier_no_answer"),
    ("500", Verdict.AMBIGUOUS, "10007"),
    ("502", Verdict.AMBIGUOUS, "http_502"),
    ("403", Verdict.CONFIGURATION, "http_403"),
    ("404", Verdict.CONFIGURATION, "http_404"),
    ("200", Verdict.AMBIGUOUS, "carrier_unreadable"),
    ("redirect", Verdict.CONFIGURATION, "http_302"),
    ("refused", Verdict.NOT_SENT, "carrier_unreachable"),
]


@pytest.fixture
def connections() -> Iterator[httpx.Client]:
    with transport.client() as made:
        yield made


def ours(carrier: Running, connections: httpx.Client, send_s: float = 5.0) -> Telnyx:
    return Telnyx(connections, f"{carrier.url}/v2", lambda _fresh: API_KEY, send_s=send_s)


def put(carrier: Running, kind: str, **more: object) -> None:
    carrier.control("faults", outage=kind, **more)
    if kind == "refused":
        eventually(lambda: refuses(carrier))


def refuses(carrier: Running) -> bool:
    try:
        httpx.get(f"{carrier.url}/v2/balance", trust_env=False)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        # It was let in at the very moment in which the port was closed.
        return False
    return False


def programmed(carrier: Running) -> dict[str, object]:
    shown: dict[str, object] = carrier.client.get(f"{carrier.control_url}/_carrier/faults").json()
    return shown


def log(carrier: Running) -> list[tuple[object, object, object]]:
    answer = carrier.client.get(f"{carrier.control_url}/_carrier/requests", params={"to": RECIPIENT})
    return [(row["outcome"], row["status"], row["accepted"]) for row in answer.json()["requests"]]


def test_every_kind_is_tried_here() -> None:
    assert {row[0] for row in ANSWERS} | {"rate"} == set(Kind) == set(SUMMARIES)
    assert {row[0] for row in VERDICTS} | {"rate"} == set(Kind)


@pytest.mark.parametrize(("kind", "came", "media", "body"), ANSWERS)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "messages"), ("GET", f"messages/{TELNYX_ID}"), ("GET", "detail_records")]
)
def test_every_request_fares_alike(
    carrier: Running, kind: str, came: int | type[Exception], media: str, body: str, method: str, path: str
) -> None:
    put(carrier, kind)
    headers = {"authorization": f"Bearer {API_KEY}"}
    fields = {"to": RECIPIENT, "from": OURS, "text": "Hello!"} if method == "POST" else None

    def ask() -> httpx.Response:
        # On a connection of its own: one that was open before may have its end still on its way.
        return httpx.request(
            method,
            f"{carrier.url}/v2/{path}",
            json=fields,
            headers=headers,
            timeout=httpx.Timeout(5.0, read=0.2),
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
        assert log(carrier) == [(f"outage_{kind}", None if unanswered else came, False)]


@pytest.mark.parametrize(("kind", "verdict", "code"), VERDICTS)
def test_our_client_sends_nothing_and_takes_no_records_for_none(
    carrier: Running, connections: httpx.Client, kind: str, verdict: Verdict, code: str
) -> None:
    put(carrier, kind)
    client = ours(carrier, connections, 0.5)

    answer = client.send(make_message(sender=OURS, recipient=RECIPIENT))

    assert (answer.verdict, answer.fault and answer.fault.code) == (verdict, code)
    for telnyx_id in (TELNYX_ID, None):
        with pytest.raises(Unavailable):
            client.record_of(make_message(telnyx_id=telnyx_id))


@pytest.mark.parametrize("kind", [row[0] for row in VERDICTS])
def test_an_outage_ends_when_told_and_by_itself(carrier: Running, kind: str) -> None:
    put(carrier, kind)
    assert programmed(carrier)["outage"] == {"outage": kind, "seconds": None}
    carrier.control("faults", outage=None)
    assert carrier.send().status_code == 200

    put(carrier, kind, seconds=0.05)
    eventually(lambda: programmed(carrier)["outage"] is None)
    eventually(lambda: not refuses(carrier))
    assert carrier.send().status_code == 200
    assert [accepted for _, _, accepted in log(carrier)] == [True, True]


def test_an_outage_ends_with_the_faults(carrier: Running) -> None:
    put(carrier, "refused")
    carrier.client.delete(f"{carrier.control_url}/_carrier/faults").raise_for_status()
    assert carrier.send().status_code == 200

    put(carrier, "403")
    carrier.control("reset")
    assert carrier.send().status_code == 200


def test_connections_that_were_open_are_dropped_when_connections_are_refused(carrier: Running) -> None:
    assert carrier.send().status_code == 200
    put(carrier, "refused")

    # The one that was open may be seen to be dropped only when something is sent on it.
    with pytest.raises(httpx.TransportError):
        carrier.send()
    with pytest.raises(httpx.ConnectError):
        carrier.send()


def test_so_many_requests_a_second_are_looked_at_and_the_others_are_told_to_wait(
    carrier: Running, connections: httpx.Client
) -> None:
    carrier.control("faults", outage="rate", rate=2)
    client = ours(carrier, connections)
    answers = [client.send(make_message(id=str(number), sender=OURS)) for number in range(6)]

    limited = [answer for answer in answers if answer.verdict is Verdict.BACK_OFF]
    assert len(answers) - len(limited) in (2, 3, 4)  # a second may have begun in between
    assert {(answer.fault and answer.fault.code, answer.wait_ms) for answer in limited} == {("10011", 1_000)}
    headers = {"authorization": f"Bearer {API_KEY}"}
    rows = [carrier.client.get("/v2/balance", headers=headers) for _ in range(6)]
    assert {(row.status_code, row.headers.get("retry-after")) for row in rows} >= {(429, "1")}
    assert programmed(carrier)["outage"] == {"outage": "rate", "seconds": None, "rate": 2}


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
    carrier: Running, asked: dict[str, object]
) -> None:
    answer = carrier.client.post("/_carrier/faults", json=asked)

    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert programmed(carrier)["outage"] is None


def test_our_client_reads_all_pages_of_the_records(carrier: Running, connections: httpx.Client) -> None:
    url = "https://example.com/webhooks/message/ours"
    sent = carrier.send(webhook_url=url, use_profile_webhooks=False).json()["data"]["id"]
    for _ in range(60):
        carrier.send()
    rows = {"filter[record_type]": "messaging", "filter[cld]": RECIPIENT, "page[size]": "50"}
    eventually(lambda: carrier.get("/v2/detail_records", **rows)["meta"]["total_results"] == 61)
    client = ours(carrier, connections)

    found = client.record_of(make_message(webhook_url=url))

    assert isinstance(found, Record)
    assert found.telnyx_id == sent
    assert client.record_of(make_message(webhook_url=f"{url}-not")) is None
