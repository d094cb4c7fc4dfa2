"""docs/webhooks.md: its program verifies deliveries, and its facts are those of the code."""

import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from longcode.domain import deliveries, delivery_request, subscription_request, subscriptions
from longcode.domain.deliveries import Attempt, Delivery, DeliveryState, QueuedEvent
from longcode.domain.event_types import EVENT_TYPES
from longcode.domain.message import epoch_ms
from longcode.domain.subscriptions import DisabledReason, Subscription
from longcode.entrypoints import delivery_routes, routes, subscription_routes
from longcode.outbound import client
from longcode.outbound.client import GuardedClient
from longcode.use_cases.deliveries import REPLAYED_MOST

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()
SECRET = "whsec_ZXhhbXBsZSBvZiBhIHNlY3JldCBvZiAzMiBieXRlcyE="
OTHER = "whsec_YW5vdGhlciBzZWNyZXQgd2l0aCAzMiBieXRlcyBpbg=="
BODY = json.dumps({"type": "sms.received", "data": {"message_id": "m-1"}})


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The program of the page, on a free port; its URL."""
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    # Any: whatever the program defines.
    made: dict[str, Any] = {"__name__": "of_the_page"}
    exec(compile(code, "docs/webhooks.md", "exec"), made)  # a reader runs it too
    monkeypatch.setattr(made["Receiver"], "log_message", lambda *_: None)
    with made["ThreadingHTTPServer"](("127.0.0.1", 0), made["Receiver"]) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/sms"
        server.shutdown()
        thread.join()


def signed(*secrets: str, ident: str = "event-1", at: datetime | None = None) -> dict[str, str]:
    at = at or datetime.now(UTC)
    return {
        "webhook-id": ident,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(one).sign(ident, at, BODY) for one in secrets),
    }


def test_the_receiver_takes_what_is_signed_and_each_id_once(
    receiver: str, capsys: pytest.CaptureFixture[str]
) -> None:
    calling = GuardedClient(allow_loopback=True)

    def post(headers: dict[str, str], body: str = BODY) -> int:
        return calling.call("POST", receiver, headers=headers, content=body.encode()).status

    good = signed(SECRET)
    assert post(good) == post(good) == 204
    assert capsys.readouterr().out == "sms.received m-1\n"
    # While a rotation is under way.
    assert post(signed(OTHER, SECRET, ident="event-2")) == 204
    assert capsys.readouterr().out == "sms.received m-1\n"
    for bad, body in (
        ({}, BODY),
        (signed(OTHER), BODY),
        (good, BODY.replace("m-1", "m-2")),
        (good | {"webhook-id": "event-9"}, BODY),
        (good | {"webhook-signature": "v1"}, BODY),
        (signed(SECRET, at=datetime.now(UTC) - timedelta(minutes=6)), BODY),
    ):
        assert post(bad, body) == 400, bad
    assert capsys.readouterr().out == ""
    calling.close()


def test_the_page_says_what_the_code_does() -> None:
    for number in (
        subscriptions.MOST_SUBSCRIPTIONS,
        subscription_request.MOST_DESCRIPTION,
        client.MOST_CHARACTERS,
    ):
        assert f" {number} " in PAGE
    assert f'{{"overlap_s": {subscription_request.OVERLAP_S}}}' in PAGE
    assert f"{subscription_request.MOST_OVERLAP_S:,}" in PAGE
    assert [kind for kind in EVENT_TYPES if f"`{kind}`" not in PAGE] == []
    assert [reason for reason in DisabledReason if f"`{reason}`" not in PAGE] == []
    ours = [route for route in routes.ROUTES if route.path.startswith("/webhooks/subscriptions")]
    assert len(ours) >= 6
    assert [route for route in ours if f"`{route.method} {route.path}`" not in PAGE] == []


def test_the_example_is_an_answer(receiver: str) -> None:
    found, listed, *replays = map(json.loads, re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
    one = Subscription(found["id"], found["url"], frozenset(found["events"]), (), 0, found["description"])
    assert list(found) == [*subscription_routes.shown(one), "secret"]
    assert subscription_request.is_subscription_id(found["id"])
    assert found["secret"] == SECRET
    (row,) = listed["deliveries"]
    (attempt,) = row["attempts"]
    event = QueuedEvent("whs_", row["event_id"], row["type"], "", "{}", row["message_id"])
    tried = Attempt(epoch_ms(attempt["at"]) or 0, attempt["status"], attempt["error"], attempt["duration_ms"])
    state, next_ms = DeliveryState(row["state"]), epoch_ms(row["next_attempt_at"])
    assert delivery_routes.shown(Delivery(event, state, (tried,), next_ms)) == row
    now_ms = (epoch_ms(attempt["at"]) or 0) + 3_600_000
    by_id, by_time = (delivery_request.parse_replay(body, now_ms) for body in replays)
    assert by_id.event_ids == (row["event_id"],)
    assert by_time.since_ms < by_time.until_ms < now_ms
    assert receiver


def test_the_page_has_the_delays_and_numbers_of_the_code() -> None:
    words = " ".join(PAGE.split())
    said = re.search(r"the next attempt is (.*?), and every 4 h from there", words)
    assert said
    units = {"s": 1, "min": 60, "h": 3600}
    delays = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", said[1])]
    assert tuple(delays) == deliveries.DELAYS_S
    assert delays[-1] == 4 * 3600
    assert deliveries.GIVE_UP_MS == 24 * 3_600_000
    assert deliveries.FAILING_MS == 3 * 24 * 3_600_000
    for number in (
        f"`attempts` are the last {deliveries.MOST_ATTEMPTS};",
        f"A call replays {REPLAYED_MOST} at most",
    ):
        assert number in words
