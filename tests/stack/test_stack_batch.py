"""A batch over HTTP on the deployed stack: each text arrives once, in its recipient's pace and order."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.stack.world import paced

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

NUMBERS = [f"+1202308{place:04d}" for place in range(110, 115)]


def test_twenty_texts_by_one_batch_arrive_once_and_never_faster_than_agreed(
    api: httpx.Client, provider: httpx.Client, eventually: Callable[..., Any]
) -> None:
    body = {
        "template": "Hi {name}, this is text {place}.",
        "messages": [
            {"to": NUMBERS[place % 5], "values": {"name": "Ana", "place": str(place)}} for place in range(20)
        ],
    }
    seen = api.post("/sms/batch", json=body | {"dry_run": True}).json()
    assert (seen["totals"]["valid"], seen["totals"]["duplicates"]) == (20, 0)

    first, again = (api.post("/sms/batch", json=body | {"token": seen["token"]}) for _ in range(2))

    assert (first.status_code, first.json()["accepted"]) == (202, 20), first.text
    ids = [row["message_id"] for row in first.json()["messages"]]
    assert [row["message_id"] for row in again.json()["messages"]] == ids

    def taken() -> list[dict[str, Any]]:
        rows = provider.get("/_provider/requests", params={"limit": 100_000}).json()["requests"]
        return [row for row in rows if row["to"] in NUMBERS and row["accepted"]]

    eventually(lambda: len(taken()) >= 20)
    assert Counter(row["idempotency_key"] for row in taken()) == Counter(ids)
    times: dict[str, list[float]] = defaultdict(list)
    for row in taken():
        times[row["to"]].append(row["arrived_ms"])
    assert all(map(paced, times.values()))
    # In the order of the list.
    for place, number in enumerate(NUMBERS):
        order = [row["idempotency_key"] for row in sorted(taken(), key=lambda row: row["arrived_ms"])]
        assert [ident for ident in order if ident in ids[place::5]] == ids[place::5], number
