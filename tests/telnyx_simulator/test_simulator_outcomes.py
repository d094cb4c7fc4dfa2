"""What becomes of a text to each magic number."""

import httpx
import pytest

from devtools.telnyx_simulator import outcomes
from devtools.telnyx_simulator.outcomes import DEFAULT, OUTCOMES, Outcome
from tests.telnyx_simulator.world import OURS, PATIENCE_S, Inbox, Running, eventually

pytestmark = pytest.mark.enable_socket

MAGIC = [outcome for outcome in OUTCOMES if outcome.suffix]

REFUSALS = {
    "opted_out": (403, "40300"),
    "invalid_number": (400, "40310"),
    "not_whitelisted": (400, "40309"),
    "from_not_on_profile": (403, "40300"),
    "rate_limited": (429, "10011"),
    "spend_limit": (429, "40333"),
    "queue_full": (400, "40318"),
    "no_funds": (403, "20100"),
    "service_busy": (503, "10037"),
    "server_error": (500, "10007"),
    "server_error_once": (500, "10007"),
    "request_timeout": (408, "10008"),
}
TRIES = {"rate_limited": 2, "queue_full": 2, "service_busy": 2, "server_error_once": 1}
RECEIPTS = {
    "delivered": (["sent", "delivered"], []),
    "delivered_at_once": (["sent", "delivered"], []),
    "delivery_failed": (["sent", "delivery_failed"], ["40008"]),
    "delivery_unconfirmed": (["sent", "delivery_unconfirmed"], []),
    "unconfirmed_then_delivered": (["sent", "delivery_unconfirmed", "delivered"], []),
    "never_finalized": (["sent"], []),
    "sending_failed": (["sending_failed"], ["40010"]),
    "expired": (["sent", "expired"], ["40005"]),
    "landline": (["sent", "delivery_failed"], ["40001"]),
}
UNANSWERED = {
    "lost_then_hang": httpx.ReadTimeout,
    "lost_then_reset": httpx.ReadError,
    "accepted_then_hang": httpx.ReadTimeout,
    "accepted_then_reset": httpx.ReadError,
    "accepted_then_cut": httpx.RemoteProtocolError,
}
MANGLED = {
    "accepted_then_500": 500,
    "accepted_then_truncated": 200,
    "accepted_then_gateway": 504,
    "bad_gateway": 502,
}


def number(name: str) -> str:
    return f"+1303555{outcomes.BY_NAME[name].suffix or '0111'}"


def accepted(provider: Running, to: str) -> list[bool]:
    return [request["accepted"] for request in provider.requests(to)]


def send(provider: Running, to: str, key: str, *, unanswered: bool = False) -> httpx.Response:
    # Only where no answer can come is the wait for it short.
    timeout = httpx.Timeout(PATIENCE_S, read=0.3 if unanswered else PATIENCE_S)
    return provider.post({"to": to, "from": OURS, "text": "Hello!"}, key=key, timeout=timeout)


def test_every_row_of_the_table_is_tested_here_or_with_the_webhooks() -> None:
    webhooks = {outcome.name for outcome in MAGIC if outcome.webhook_fault}
    tested = REFUSALS.keys() | RECEIPTS.keys() | UNANSWERED.keys() | MANGLED.keys() | webhooks
    assert {outcome.name for outcome in MAGIC} | {"delivered"} == tested | {"slow"}


def test_no_two_rows_share_a_number() -> None:
    assert len({outcome.suffix for outcome in MAGIC}) == len(MAGIC)


@pytest.mark.parametrize("area", ["202", "303", "989"])
def test_any_area_code_means_the_same(area: str) -> None:
    assert outcomes.of(f"+1{area}5550154").name == "rate_limited"


@pytest.mark.parametrize("to", ["+442071230154", "+12025560154", "+12025550123", "+12025550199"])
def test_a_number_outside_the_table_is_delivered(to: str) -> None:
    assert outcomes.of(to) is DEFAULT


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_has_its_status_and_code_and_makes_no_message(provider: Running, name: str) -> None:
    answer = provider.send(number(name))
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == REFUSALS[name]
    assert accepted(provider, number(name)) == [False]


def test_the_two_meanings_of_40300_differ_in_words(provider: Running) -> None:
    [stop] = provider.send(number("opted_out")).json()["errors"]
    [sender] = provider.send(number("from_not_on_profile")).json()["errors"]
    assert stop["title"] == "Blocked due to STOP message"
    assert number("opted_out") in stop["detail"]
    assert "STOP" not in sender["title"] + sender["detail"]


@pytest.mark.parametrize("name", TRIES)
def test_a_temporary_refusal_ends_after_its_tries(provider: Running, name: str) -> None:
    tries = TRIES[name]
    statuses = [provider.send(number(name), key="one").status_code for _ in range(tries + 1)]
    assert statuses == [REFUSALS[name][0]] * tries + [200]
    assert provider.send(number(name), key="two").status_code == REFUSALS[name][0]


@pytest.mark.parametrize("name", ["rate_limited", "service_busy"])
def test_a_busy_provider_says_when_to_come_back(provider: Running, name: str) -> None:
    assert provider.send(number(name)).headers["retry-after"] == "1"


@pytest.mark.parametrize("name", RECEIPTS)
def test_an_accepted_text_ends_as_its_number_says(provider: Running, inbox: Inbox, name: str) -> None:
    statuses, codes = RECEIPTS[name]
    answer = provider.send(number(name), webhook_url=f"{inbox.url}/hook")
    message = answer.json()["data"]
    hooks = inbox.wait(len(statuses))
    assert [hook.status for hook in hooks] == statuses
    assert [error["code"] for error in hooks[-1].body["data"]["payload"]["errors"]] == codes
    assert provider.status(message["id"]) == statuses[-1]
    assert message["to"][0]["status"] == ("delivered" if name == "delivered_at_once" else "queued")


@pytest.mark.parametrize("name", UNANSWERED)
def test_a_connection_without_an_answer_leaves_the_caller_in_doubt(provider: Running, name: str) -> None:
    with pytest.raises(UNANSWERED[name]):
        send(provider, number(name), "doubt", unanswered=UNANSWERED[name] is httpx.ReadTimeout)
    assert eventually(lambda: accepted(provider, number(name))) == [outcomes.BY_NAME[name].taken]


@pytest.mark.parametrize("name", MANGLED)
def test_a_mangled_answer_tells_nothing_about_the_message(provider: Running, name: str) -> None:
    answer = send(provider, number(name), "doubt")
    assert answer.status_code == MANGLED[name]
    assert '"data"' not in answer.text or not answer.text.endswith("}")
    assert accepted(provider, number(name)) == [outcomes.BY_NAME[name].taken]


@pytest.mark.parametrize(
    "outcome", [o for o in MAGIC if o.name in UNANSWERED or o.name in MANGLED], ids=lambda o: o.name
)
def test_a_doubtful_send_is_settled_by_a_replay_of_its_key(provider: Running, outcome: Outcome) -> None:
    to = number(outcome.name)
    if outcome.name in UNANSWERED:
        with pytest.raises(UNANSWERED[outcome.name]):
            send(provider, to, "doubt", unanswered=UNANSWERED[outcome.name] is httpx.ReadTimeout)
        eventually(lambda: accepted(provider, to))
    else:
        send(provider, to, "doubt")
    again = send(provider, to, "doubt")
    if outcome.name == "bad_gateway":
        assert again.status_code == 502
    else:
        assert again.status_code == 200
        assert again.headers.get("idempotent-replayed") == ("true" if outcome.taken else None)
        assert accepted(provider, to) == [outcome.taken, not outcome.taken]


def test_a_doubtful_text_that_was_taken_is_delivered(provider: Running) -> None:
    with pytest.raises(httpx.ReadError):
        send(provider, number("accepted_then_reset"), "doubt")
    [request] = provider.requests(number("accepted_then_reset"))
    eventually(lambda: provider.status(request["message_id"]) == "delivered")


def test_a_slow_answer_holds_its_key_and_then_comes(provider: Running) -> None:
    body = {"to": number("slow"), "from": OURS, "text": "Hello!"}
    with pytest.raises(httpx.ReadTimeout):
        provider.post(body, key="slow", timeout=httpx.Timeout(PATIENCE_S, read=0.05))
    again = provider.post(body, key="slow")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "10036")
    eventually(lambda: accepted(provider, number("slow")) == [True, False])


def test_a_programmed_fault_befalls_the_next_requests_only(provider: Running) -> None:
    provider.control("faults", outcome="server_error", times=2)
    assert [provider.send().status_code for _ in range(3)] == [500, 500, 200]


def test_a_programmed_fault_can_be_for_one_number(provider: Running) -> None:
    provider.control("faults", outcome="unauthenticated", to="+12025550124", times=None)
    assert provider.send("+12025550125").status_code == 200
    assert provider.send("+12025550124").status_code == 401
    assert provider.client.delete("/_provider/faults").json() == {"requests": [], "webhooks": [], "outage": None}
    assert provider.send("+12025550124").status_code == 200


def test_a_programmed_fault_takes_the_place_of_those_of_its_number_alone(provider: Running) -> None:
    for to, outcome in (("+12025550124", "unauthenticated"), ("+12025550125", "server_error"), (None, "slow")):
        provider.control("faults", outcome=outcome, to=to, times=None)

    provider.control("faults", outcome="rate_limited", to="+12025550124", times=None, instead=True)
    assert provider.send("+12025550125").status_code == 500
    programmed = provider.shown("faults")["requests"]
    assert [(one["to"], one["outcome"]) for one in programmed] == [
        *(("+12025550125", "server_error"), (None, "slow"), ("+12025550124", "rate_limited")),
    ]
    provider.control("faults", outcome=None, to="+12025550124", instead=True)
    assert provider.shown("faults")["requests"] == programmed[:2]


def test_a_programmed_fault_spoils_a_replay_too(provider: Running) -> None:
    provider.control("faults", outcome="accepted_then_gateway", times=2)
    statuses = [provider.send(key="k").status_code for _ in range(3)]
    assert statuses == [504, 504, 200]
    assert accepted(provider, "+12025550123") == [True, False, False]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"outcome": "nonsense"},
        {"outcome": "slow", "times": 0},
        {"outcome": "slow", "when": 1},
        {"outcome": None, "to": "+12025550124"},
        {"outcome": []},
        {"webhook": "delay", "seconds": None},
        {"webhook": "delay", "seconds": -1},
        {"outcome": "slow", "instead": True},
        {"outcome": "slow", "to": "+12025550124", "instead": "yes"},
        {"webhook": "nonsense"},
        {"idempotency": "perhaps"},
        {"latency_ms": -1},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_a_reason(provider: Running, asked: dict[str, object]) -> None:
    answer = provider.client.post("/_provider/faults", json=asked)
    assert answer.status_code == 400
    assert answer.json()["error"]
