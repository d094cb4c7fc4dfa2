"""Signatures of deliveries, when the next attempt is due, and the ids of events."""

import base64
import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from longcode.domain import deliveries, signing, webhook_body
from longcode.domain.deliveries import Attempt, Delivery, DeliveryState, QueuedEvent
from longcode.domain.subscriptions import Secret
from longcode_cli import __version__
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import make_message

HOUR_MS = 3_600_000
EVENT = QueuedEvent("whs_1", deliveries.event_id(START_MS, "e-1", "sms.received"), "sms.received", "g", "{}")


def secret(letter: bytes) -> Secret:
    return Secret(f"whsec_{base64.b64encode(letter * 32).decode()}")


def now_ms() -> int:
    return round(datetime.now(UTC).timestamp() * 1000)


def test_a_signature_by_each_secret_is_good_for_the_library_of_the_standard() -> None:
    body = json.dumps({"type": "sms.received", "data": {"name": "caf\u00e9 \N{SNOWMAN}"}}).encode()
    headers = signing.headers("evt_1", now_ms(), body, [secret(b"n"), secret(b"o")])

    assert headers["webhook-signature"].count("v1,") == 2
    for good in (secret(b"n"), secret(b"o")):
        assert Webhook(good.value).verify(body, headers) == json.loads(body)
    wrong = [
        (secret(b"x"), body, headers),
        (secret(b"n"), body + b" ", headers),
        (secret(b"n"), body, headers | {"webhook-id": "evt_2"}),
        (secret(b"n"), body, headers | {"webhook-timestamp": str(now_ms() // 1000 + 1)}),
    ]
    for key, content, given in wrong:
        with pytest.raises(WebhookVerificationError):
            Webhook(key.value).verify(content, given)


def test_the_headers_are_those_of_the_contract() -> None:
    headers = signing.headers("evt_1", START_MS + 999, b"{}", [secret(b"n")])

    assert set(headers) == {
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "content-type",
        "user-agent",
    }
    assert headers["webhook-timestamp"] == str(START_MS // 1000)
    assert headers["user-agent"] == f"long-code-sms/{__version__}"


def test_delays_grow_until_an_event_is_a_day_old_with_a_last_attempt_then() -> None:
    for jitter in (0.0, 0.5, 1.0):
        now, moments = START_MS, [START_MS]
        while (after := deliveries.next_attempt_ms(len(moments), START_MS, now, jitter)) is not None:
            assert after > now
            now = after
            moments.append(now)
        delays = [(later - earlier) / 1000 for earlier, later in pairwise(moments)]
        for delay, wanted in zip(delays[:-1], [*deliveries.DELAYS_S, *[14400] * 9], strict=False):
            assert wanted <= delay <= wanted * 1.1
        assert moments[-1] == START_MS + 24 * HOUR_MS
        # Less than are kept, so that all of them can be seen.
        assert 12 <= len(moments) <= 15 < deliveries.MOST_ATTEMPTS


def test_the_id_of_an_event_is_the_same_each_time_and_says_when_it_was() -> None:
    made = deliveries.event_id(START_MS, "e-1", "sms.received")

    assert made == EVENT.event_id
    assert deliveries.is_event_id(made)
    assert deliveries.event_ms(made) == START_MS
    others = {
        deliveries.event_id(START_MS, "e-2", "sms.received"),
        deliveries.event_id(START_MS, "e-1", "sms.opt_out_unclear"),
        made,
    }
    assert len(others) == 3
    assert deliveries.event_id(START_MS - 1, "e-1", "x") < made < deliveries.event_id(START_MS + 1, "e-1", "x")
    for odd_ms in (-5, 10**15):
        assert deliveries.is_event_id(deliveries.event_id(odd_ms, "e-1", "x"))
    for wrong in ("", made[:-1], f"{made}x", made.upper(), f"{made}\n", "evt_\u0661" + made[5:]):
        assert not deliveries.is_event_id(wrong)


def test_the_last_attempts_are_kept_and_counted_from_when_the_event_was_queued() -> None:
    delivery: Delivery | None = None
    for number in range(25):
        attempt = Attempt(START_MS + number, 503, None, 10)
        delivery = deliveries.noted(EVENT, delivery, attempt, DeliveryState.RETRYING, START_MS + 99)

    assert delivery
    assert [one.at_ms - START_MS for one in delivery.attempts] == list(range(5, 25))
    assert delivery.failures_since(START_MS + 20) == 5


def test_what_is_kept_of_an_event_has_nothing_of_whom_it_is_about() -> None:
    text = make_message(metadata={"order": "A-17"})
    detail = {"at": "2026-01-01T00:00:00.000Z", "from": text.sender, "to": text.recipient, "tag": None}
    whole = {**detail, "metadata": text.metadata, "status": "sent"}

    kept = webhook_body.kept(whole)

    assert text.recipient not in kept
    assert text.sender not in kept
    assert "A-17" not in kept
    assert json.loads(webhook_body.body("sms.status_changed", kept, text)) == {
        "type": "sms.status_changed",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "data": whole,
    }
    # What an event does not have it does not get.
    inbound = json.loads(webhook_body.body("sms.received", webhook_body.kept(detail), text))
    assert inbound["data"] == detail
