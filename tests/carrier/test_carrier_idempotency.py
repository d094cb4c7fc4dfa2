"""The Idempotency-Key contract."""

import threading

import pytest

from local.carrier.ledger import REPLAY_S, KeyInFlight, KeyReused, Ledger, Message, Success
from tests.carrier.world import API_KEY, OURS, RECIPIENT, Running, eventually

pytestmark = pytest.mark.enable_socket


def texts_taken(carrier: Running) -> int:
    return len(carrier.client.get("/_carrier/messages").json()["messages"])


def test_a_repeated_key_replays_the_identical_answer_and_sends_nothing(carrier: Running) -> None:
    first, again = carrier.send(key="k-1"), carrier.send(key="k-1")
    assert texts_taken(carrier) == 1
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


def test_a_replay_is_logged_as_a_replay(carrier: Running) -> None:
    message_id = carrier.send(key="k-1").json()["data"]["id"]
    carrier.send(key="k-1")
    first, again = carrier.requests()
    assert (first["accepted"], first["replayed"]) == (True, False)
    assert (again["accepted"], again["replayed"]) == (False, True)
    assert first["message_id"] == again["message_id"] == message_id


def test_a_key_with_another_body_is_unprocessable(carrier: Running) -> None:
    carrier.send(key="k-1")
    answer = carrier.send(key="k-1", text="Something else")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "10027")
    assert texts_taken(carrier) == 1


def test_a_body_that_differs_only_in_its_bytes_is_another_body(carrier: Running) -> None:
    body = f'{{"to":"{RECIPIENT}","from":"{OURS}","text":"Hi"}}'.encode()
    carrier.post(body, key="k-1")
    assert carrier.post(body + b" ", key="k-1").json()["errors"][0]["code"] == "10027"


def test_another_endpoint_is_another_record(carrier: Running) -> None:
    body = f'{{"to":"{RECIPIENT}","from":"{OURS}","text":"Hi"}}'.encode()
    headers = {"authorization": f"Bearer {API_KEY}", "idempotency-key": "k-1"}
    for path in ("/v2/messages", "/v2/messages/long_code"):
        answer = carrier.client.post(path, content=body, headers=headers)
        assert answer.status_code == 200
        assert "idempotent-replayed" not in answer.headers
    assert texts_taken(carrier) == 2


def test_the_same_key_in_flight_is_a_conflict(carrier: Running) -> None:
    carrier.control("faults", latency_ms=300)
    first: list[int] = []
    thread = threading.Thread(target=lambda: first.append(carrier.send(key="k-1").status_code))
    thread.start()
    eventually(carrier.requests)
    conflict = carrier.send(key="k-1")
    thread.join()
    assert (conflict.status_code, conflict.json()["errors"][0]["code"]) == (409, "10036")
    assert first == [200]
    assert texts_taken(carrier) == 1


def test_a_refusal_is_not_recorded_so_the_key_can_be_tried_again(carrier: Running) -> None:
    carrier.control("faults", outcome="service_busy", times=1)
    assert carrier.send(key="k-1").status_code == 503
    again = carrier.send(key="k-1")
    assert again.status_code == 200
    assert "idempotent-replayed" not in again.headers


def test_without_a_key_every_request_is_a_text(carrier: Running) -> None:
    carrier.send()
    carrier.send()
    assert texts_taken(carrier) == 2


def test_a_carrier_that_ignores_keys_texts_twice(carrier: Running) -> None:
    carrier.control("faults", idempotency="ignore")
    carrier.send(key="k-1")
    carrier.send(key="k-1")
    assert [request["accepted"] for request in carrier.requests()] == [True, True]


@pytest.mark.parametrize("key", ["", "a b", "a/b", "a" * 256])
def test_a_malformed_key_is_refused(carrier: Running, key: str) -> None:
    answer = carrier.send(key=key)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "10015")
    assert texts_taken(carrier) == 0


def test_a_success_is_replayed_for_24_hours_and_not_longer() -> None:
    ledger, at = Ledger(), 1_000_000.0
    message = Message({"id": "m", "to": [{"phone_number": RECIPIENT}]}, at, "delivered")
    success = Success("digest", "{}", "m", at)
    assert ledger.begin("k", "digest", at) is None
    ledger.take(message, "k", success)
    ledger.end("k")
    assert ledger.begin("k", "digest", at + REPLAY_S - 1) == success
    with pytest.raises(KeyReused):
        ledger.begin("k", "other", at + REPLAY_S - 1)
    assert ledger.begin("k", "other", at + REPLAY_S) is None
    with pytest.raises(KeyInFlight):
        ledger.begin("k", "other", at + REPLAY_S)
