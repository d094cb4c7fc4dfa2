"""Sending later over HTTP on the deployed stack, with the provider's own log as the witness."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from longcode.domain.message import iso
from tests.chance import FULL
from tests.stack.world import paced

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]
# What a busy machine may add to the two seconds that a text may be late.
SLACK_MS = 3_000


def now_ms() -> int:
    return round(time.time() * 1000)


def requests_to(provider: httpx.Client, number: str) -> list[dict[str, Any]]:
    """What the provider was asked to send to a number, in the order in which it saw it."""
    rows: list[dict[str, Any]] = provider.get("/_provider/requests", params={"to": number}).json()["requests"]
    return rows


def queue(api: httpx.Client, to: str, text: str = "Hello", **fields: Any) -> dict[str, Any]:
    """POST /sms/queue."""
    answer = api.post("/sms/queue", json={"to": to, "message": text, **fields})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def status_of(api: httpx.Client, ident: str) -> dict[str, Any]:
    """GET /sms/status/{id}."""
    fields: dict[str, Any] = api.get(f"/sms/status/{ident}").json()
    return fields


def test_texts_leave_at_their_time_in_order_and_paced(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    # The timer of the first is set by the API; with FULL=1 the reconciler sets that of one beyond its horizon.
    for to, ahead_s in (("+12022460101", 8), *((("+12022460102", 170),) if FULL else ())):
        at_ms = now_ms() + ahead_s * 1000
        later = queue(api, to, "later", send_at=iso(at_ms + 200))
        first = queue(api, to, "first", send_at=iso(at_ms))
        assert (first["status"], first["held_by"], first["eta"]) == ("held", "schedule", iso(at_ms))
        assert first["position"] == 1
        assert status_of(api, first["message_id"])["send_at"] == iso(at_ms)
        listed = api.get("/sms/messages", params={"status": "held", "to": to}).json()["messages"]
        assert {row["message_id"] for row in listed} == {first["message_id"], later["message_id"]}

        eventually(lambda: len(requests_to(provider, to)) == 2, within_s=300)  # noqa: B023 - called at once

        rows = requests_to(provider, to)
        assert [row["idempotency_key"] for row in rows] == [first["message_id"], later["message_id"]]
        moments = [row["arrived_ms"] for row in rows]
        assert 0 <= moments[0] - at_ms <= 2_000 + SLACK_MS
        assert moments == sorted(moments)
        assert paced(moments)
        eventually(lambda: status_of(api, first["message_id"])["status"] == "delivered")  # noqa: B023
        history = [entry["status"] for entry in status_of(api, first["message_id"])["history"]]
        assert history[0] == "accepted"


def test_a_held_text_is_changed_or_cancelled_and_then_leaves_as_that_says(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    to, at_ms = "+12022460103", now_ms() + 6_000
    gone = queue(api, to, "gone", send_at=iso(at_ms))["message_id"]
    moved = queue(api, to, "as it was", send_at=iso(at_ms))["message_id"]

    assert api.delete(f"/sms/queue/{gone}").json()["status"] == "cancelled"
    changed = api.patch(f"/sms/queue/{moved}", json={"message": "as it is now", "send_at": iso(at_ms + 4_000)})

    assert (changed.status_code, changed.json()["status"], changed.json()["text"]) == (200, "held", "as it is now")
    eventually(lambda: status_of(api, moved)["status"] == "delivered")
    (row,) = requests_to(provider, to)
    assert row["idempotency_key"] == moved
    assert 4_000 <= row["arrived_ms"] - at_ms <= 6_000 + SLACK_MS
    late = api.patch(f"/sms/queue/{moved}", json={"message": "too late"})
    assert (late.status_code, late.json()["code"]) == (409, "too_late")
    assert [entry["status"] for entry in status_of(api, moved)["history"]].count("changed") == 1


def test_a_text_is_not_sent_after_it_expires_and_ends_at_its_minute(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    to = "+12022460104"
    # At one a second the last would leave after nine seconds.
    ids = [queue(api, to, f"text {number}", ttl_s=5)["message_id"] for number in range(10)]
    ends_ms = now_ms() + 5_000

    eventually(lambda: all(status_of(api, ident)["status"] in ("delivered", "expired_unsent") for ident in ids))

    ended = [ident for ident in ids if status_of(api, ident)["status"] == "expired_unsent"]
    assert 3 <= len(ended) <= 9
    assert ended == ids[-len(ended) :]
    assert all(row["arrived_ms"] <= ends_ms for row in requests_to(provider, to))
    assert len(requests_to(provider, to)) == 10 - len(ended)


def test_marketing_waits_for_the_morning_of_its_recipient_and_other_texts_do_not(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    utc = datetime.now(UTC)
    # Zones of whole hours, in which it is two at night and noon.
    night, noon = (
        next(
            name
            for name in (f"Etc/GMT{offset:+d}" for offset in range(-14, 13))
            if utc.astimezone(ZoneInfo(name)).hour == hour
        )
        for hour in (2, 12)
    )
    to = "+12022460105"

    held = queue(api, to, "news", category="marketing", timezone=night)
    code = queue(api, to, "a code", timezone=night)
    by_day = queue(api, to, "news", category="marketing", timezone=noon)

    local = utc.astimezone(ZoneInfo(night))
    opens = local.replace(hour=8, minute=0, second=0, microsecond=0).astimezone(UTC)
    assert (held["status"], held["held_by"]) == ("held", "quiet_hours")
    assert abs(datetime.fromisoformat(held["eta"]) - opens) <= timedelta(seconds=1)
    eventually(lambda: len(requests_to(provider, to)) == 2)
    sent = [row["idempotency_key"] for row in requests_to(provider, to)]
    assert sent == [code["message_id"], by_day["message_id"]]
    assert status_of(api, held["message_id"])["held_by"] == "quiet_hours"
    # By the number alone, which the layer's data knows.
    preview = api.post("/sms/preview", json={"to": "+12125550123", "message": "x", "category": "marketing"}).json()
    assert preview["quiet_hours"]["timezones"] == ["America/New_York"]
    assert api.delete(f"/sms/queue/{held['message_id']}").status_code == 200
