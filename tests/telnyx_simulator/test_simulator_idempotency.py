"""The Idempotency-Key contract."""

import threading

import pytest

from devtools.telnyx_simulator.ledger import REPLAY_S, KeyInFlight, KeyReused, Ledger, Message, Success
from tests.telnyx_simulator.world import API_KEY, OURS, RECIPIENT, Running, eventually

pytestmark = pytest.mark.enable_socket


def texts_taken(provider: Running) -> int:
    return len(provider.client.get("/_provider/messages").json()["messages"])


def test_a_repeated_key_replays_the_identical_answer_and_sends_nothing(provider: Running) -> None:
    first, again = provider.send(key="k-1"), provider.send(key="k-1")
    assert texts_taken(provider) == 1
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


def test_a_replay_is_logged_as_a_replay(provider: Running) -> None:
    message_id = provider.send(key="k-1").json()["data"]["id"]
    provider.send(key="k-1")
    first, again = provider.requests()
    assert (first["accepted"], first["replayed"]) == (True, False)
    assert (again["accepted"], again["replayed"]) == (False, True)
    assert first["message_id"] == again["message_id"] == message_id


def test_a_key_with_another_body_is_unprocessable(provider: Running) -> None:
    provider.send(key="k-1")
    answer = provider.send(key="k-1", text="Something else")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "10027")
    assert texts_taken(provider) == 1


def test_a_body_that_differs_only_in_its_bytes_is_another_body(provider: Running) -> None:
    body = f'{{"to":"{RECIPIENT}","from":"{OURS}","text":"Hi"}}'.encode()
    provider.post(body, key="k-1")
    assert provider.post(body + b" ", key="k-1").json()["errors"][0]["code"] == "10027"


def test_another_endpoint_is_another_record(provider: Running) -> None:
    body = f'{{"to":"{RECIPIENT}","from":"{OURS}","text":"Hi"}}'.encode()
    headers = {"authorization": f"Bearer {API_KEY}", "idempotency-key": "k-1"}
    for path in ("/v2/messages", "/v2/messages/long_code"):
        answer = provider.client.post(path, content=body, headers=headers)
        assert answer.status_code == 200
        assert "idempotent-replayed" not in answer.headers
    assert texts_taken(provider) == 2


def test_the_same_key_in_flight_is_a_conflict(provider: Running) -> None:
    provider.control("faults", latency_ms=300)
    first: list[int] = []
    thread = threading.Thread(target=lambda: first.append(provider.send(key="k-1").status_code))
    thread.start()
    eventually(provider.requests)
    conflict = provider.send(key="k-1")
    thread.join()
    assert (conflict.status_code, conflict.json()["errors"][0]["code"]) == (409, "10036")
    assert first == [200]
    assert texts_taken(provider) == 1


def test_a_refusal_is_not_recorded_so_the_key_can_be_tried_again(provider: Running) -> None:
    provider.control("faults", outcome="service_busy", times=1)
    assert provider.send(key="k-1").status_code == 503
    again = provider.send(key="k-1")
    assert again.status_code == 200
    assert "idempotent-replayed" not in again.headers


def test_without_a_key_every_request_is_a_text(provider: Running) -> None:
    provider.send()
    provider.send()
    assert texts_taken(provider) == 2


def test_a_provider_that_ignores_keys_texts_twice(provider: Running) -> None:
    provider.control("faults", idempotency="ignore")
    provider.send(key="k-1")
    provider.send(key="k-1")
    assert [request["accepted"] for request in provider.requests()] == [True, True]


@pytest.mark.parametrize("key", ["", "a b", "a/b", "a" * 256])
def test_a_malformed_key_is_refused(provider: Running, key: str) -> None:
    answer = provider.send(key=key)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "10015")
    assert texts_taken(provider) == 0


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
