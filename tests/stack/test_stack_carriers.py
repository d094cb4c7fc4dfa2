"""Carriers on the deployed stack: from the simulated provider's answers and receipts into the tables, and out."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import Stack

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]
ATT, VERIZON, VOIP = "+15055550180", "+15055550190", "+15055550197"
NAMED = {ATT: ("att", "wireless"), VERIZON: ("verizon", "wireless"), VOIP: ("other", "voip")}


@pytest.fixture
def learnt(stack: Stack, aws: Callable[[str], Any]) -> Callable[[str], str | None]:
    """The carrier in the limits table by which a number is known."""

    def read(number: str) -> str | None:
        item = (
            aws("dynamodb")
            .get_item(TableName=stack.limits_table, Key={"pk": {"S": f"to#{number}"}})
            .get("Item", {})
        )
        carrier: str | None = item.get("carrier", {}).get("S")
        return carrier

    return read


def test_the_carrier_that_the_provider_names_is_shown_learnt_corrected_by_a_receipt_and_erased(
    api: httpx.Client, provider: httpx.Client, learnt: Callable[[str], str | None], eventually: Eventually
) -> None:
    idents = {}
    for number in NAMED:
        idents[number] = api.post("/sms/queue", json={"to": number, "message": "Hello"}).json()["message_id"]

    def shown(number: str) -> dict[str, Any]:
        fields: dict[str, Any] = api.get(f"/sms/status/{idents[number]}").json()
        return fields

    for number, (carrier, line_type) in NAMED.items():
        eventually(lambda number=number: shown(number)["status"] == "delivered")
        fields = shown(number)
        assert (fields["carrier"], fields["line_type"]) == (carrier, line_type)
        assert learnt(number) == carrier

    # A number that moves while its text is under way: only the function of the webhook writes here.
    provider.post("/_provider/faults", json={"webhook": "lose", "to": ATT, "times": 9})
    idents[ATT] = api.post("/sms/send", json={"to": ATT, "message": "Hello"}).json()["message_id"]
    url = f"{str(api.base_url).rstrip('/')}/webhooks/message/{idents[ATT]}"
    to = {"phone_number": ATT, "status": "delivered", "carrier": "T-MOBILE USA, INC.", "line_type": "Wireless"}
    event = {
        "event_type": "message.finalized",
        "id": str(uuid.uuid4()),
        "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "payload": {"id": shown(ATT)["telnyx_id"], "webhook_url": url, "to": [to], "errors": []},
    }
    posted = provider.post(
        "/_provider/signed", params={"url": url}, content=json.dumps({"data": event}), timeout=40
    )
    assert posted.json()["http_status"] == 200
    assert shown(ATT)["carrier"] == learnt(ATT) == "t_mobile"

    erased = api.delete(f"/sms/recipients/{ATT}").json()
    assert erased == {"erased": 2, "kept": 0, "remaining": False}
    assert learnt(ATT) is None
    assert learnt(VERIZON) == "verizon"
