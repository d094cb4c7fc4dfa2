"""300 texts to three carriers with small limits, by the simulated provider's own count."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import Stack
from longcode.aws.carriers import DynamoCarriers
from longcode.domain import pacific
from longcode.domain.campaign import CampaignFacts
from longcode.domain.message import iso

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.enable_socket]

ATT, T_MOBILE, VERIZON = (
    [f"+1{area}5550{suffix}" for area in range(830, 840)] for suffix in ("181", "107", "191")
)
EVERYONE = [*ATT, *T_MOBILE, *VERIZON]
A_MINUTE, A_DAY = 300, 60
# 3 % of the day are left unused.
USED = 59


@pytest.fixture
def small_limits(
    stack: Stack, api: httpx.Client, provider: httpx.Client, aws: Callable[[str], Any]
) -> Iterator[Callable[[], None]]:
    """Sets small limits: for the provider, which enforces them, and for us, who have read them from it."""
    carriers = DynamoCarriers(aws("dynamodb"), stack.limits_table)

    def limit(a_minute: int | None, a_day: int | None) -> None:
        # We count from now on, and the provider has counted all texts of today.
        before = provider.get("/_provider/limits").json()["t_mobile"]["sent"]
        daily_cap = None if a_day is None else before + a_day
        registration = {"campaign": {"att_tpm": a_minute}, "brand": {"daily_cap": daily_cap}}
        assert provider.post("/_provider/registration", json=registration).status_code == 200
        assert provider.post("/_provider/limits", json={"enforce": a_day is not None}).status_code == 200
        facts = CampaignFacts(round(time.time() * 1000), att_per_minute=a_minute, t_mobile_per_day=a_day)
        carriers.know(stack.from_number, facts)

    yield lambda: limit(A_MINUTE, A_DAY)
    limit(None, None)
    # What waits for tomorrow would be in the way of other tests.
    for number in T_MOBILE:
        assert api.delete(f"/sms/recipients/{number}").status_code == 200
    aws("sqs").purge_queue(QueueUrl=stack.queue_url)


def _counts(provider: httpx.Client) -> Counter[tuple[str, str]]:
    """What the provider has counted so far: network, what became of a text's segments."""
    found: Counter[tuple[str, str]] = Counter()
    for row in provider.get("/_provider/limits").json()["days"]:
        for result in ("sent", "failed", "refused", "expired"):
            found[row["network"], result] += row[result]
    return found


def test_no_carrier_refuses_a_text_and_none_waits_for_the_limit_of_another(
    api: httpx.Client, provider: httpx.Client, small_limits: Callable[[], None], eventually: Callable[..., Any]
) -> None:
    def queue(number: str) -> str:
        answer = api.post("/sms/queue", json={"to": number, "message": "Hello"})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["message_id"])

    def status(ident: str) -> dict[str, Any]:
        fields: dict[str, Any] = api.get(f"/sms/status/{ident}").json()
        return fields

    # The carriers are learnt from the answers to a first text each.
    first = [queue(number) for number in EVERYONE]
    eventually(lambda: all(status(ident)["status"] == "delivered" for ident in first))
    assert {status(ident)["carrier"] for ident in first} == {"att", "t_mobile", "verizon"}
    small_limits()
    before = _counts(provider)
    begun = time.monotonic()
    with ThreadPoolExecutor(6) as clients:
        ids = list(clients.map(queue, EVERYONE * 10))

    def sent() -> Counter[tuple[str, str]]:
        return _counts(provider) - before

    eventually(lambda: sent()["verizon", "sent"] == 100)
    verizon_s = time.monotonic() - begun
    eventually(lambda: sent()["att", "sent"] == 100)
    att_s = time.monotonic() - begun

    assert dict(sent()) == {("verizon", "sent"): 100, ("att", "sent"): 100, ("t_mobile", "sent"): USED}

    def held() -> list[dict[str, Any]] | None:
        waiting = [fields for ident in ids if (fields := status(ident))["status"] == "queued"]
        # Until the consumer has seen a text, it waits for its turn in the recipient queue.
        return waiting if all(fields["held_by"] == "carrier_day_cap" for fields in waiting) else None

    waiting = eventually(held)
    midnight = iso(pacific.next_day_ms(round(time.time() * 1000)) + pacific.BEGINS_MS)
    assert len(waiting) == 100 - USED
    assert {fields["eta"][:17] for fields in waiting} == {midnight[:17]}
    assert verizon_s < att_s
