"""What `longcode doctor` says of the API, its webhook, receipts and clocks."""

import boto3
import pytest

from longcode.domain.outcomes import Receipt
from longcode.domain.status import Status
from tests.longcode_cli.clinic import Clinic, now_ms
from tests.longcode_cli.world import NAME, REGION, ident

pytestmark = pytest.mark.enable_socket


def test_an_api_that_is_not_healthy(clinic: Clinic) -> None:
    clinic.front.answers["GET /health"] = (503, {"code": "service_unavailable"})
    report = clinic.examine()
    assert report.ill == {"health": "fail"}
    assert "503 service_unavailable" in report.found("health")
    assert f"aws logs tail /aws/lambda/{NAME}-health" in report.todo("health")


def test_an_api_that_lets_everybody_in(clinic: Clinic) -> None:
    clinic.front.answers["GET /sms"] = (404, {"code": "not_found"})
    report = clinic.examine()
    assert report.ill == {"api key": "fail"}
    assert "Without a key" in report.found("api key")


def test_an_api_that_lets_us_in_no_more(clinic: Clinic) -> None:
    clinic.front.key = "another"
    report = clinic.examine()
    assert report.ill == {"api key": "fail"}
    assert "403 forbidden, where 404 not_found is due" in report.found("api key")


def test_a_webhook_that_takes_whatever_comes(clinic: Clinic) -> None:
    clinic.front.verifies = False
    report = clinic.examine()
    assert report.ill == {"webhook": "fail", "receipts": "skipped"}
    assert "unsigned (200): anyone could forge receipts" in report.found("webhook")


def test_a_webhook_that_takes_any_signature(clinic: Clinic) -> None:
    clinic.front.trusts_anybody = True
    report = clinic.examine()
    assert report.ill == {"webhook": "fail", "receipts": "skipped"}
    assert "signed by a stranger (200)" in report.found("webhook")


def test_a_webhook_address_that_leads_elsewhere(clinic: Clinic) -> None:
    clinic.set("WebhookUrl", f"{clinic.front.url}/hooks")
    for name in clinic.environments:
        clinic.environments[name]["WEBHOOK_URL"] = f"{clinic.front.url}/hooks"
    clinic.webhooks_to(f"{clinic.front.url}/hooks")
    report = clinic.examine()
    assert report.ill == {"webhook": "fail", "receipts": "skipped"}
    assert "404 not_found, where 401 invalid_signature is due" in report.found("webhook")


def test_a_webhook_that_nothing_answers_at(clinic: Clinic) -> None:
    clinic.set("WebhookUrl", "http://127.0.0.1:1/webhooks/message")
    for name in clinic.environments:
        clinic.environments[name]["WEBHOOK_URL"] = "http://127.0.0.1:1/webhooks/message"
    clinic.webhooks_to("http://127.0.0.1:1/webhooks/message")
    report = clinic.examine()
    assert report.ill == {"webhook": "fail", "receipts": "skipped"}
    assert "Nothing answers at http://127.0.0.1:1" in report.found("webhook")


def _forget(clinic: Clinic) -> None:
    boto3.client("dynamodb", region_name=REGION).delete_item(
        TableName="MessagesTable", Key={"pk": {"S": f"M#{ident(1)}"}}
    )


def test_without_any_webhook_yet_the_key_is_not_proven(clinic: Clinic) -> None:
    _forget(clinic)
    report = clinic.examine()
    assert report.ill == {"receipts": "warn"}
    assert "Send one text" in report.todo("receipts")


def test_texts_without_a_single_webhook_are_a_fault(clinic: Clinic) -> None:
    _forget(clinic)
    clinic.world.submit(ident(2), "telnyx-2", accepted_ms=now_ms() - 3_600_000)
    report = clinic.examine()
    assert report.ill == {"receipts": "fail"}
    assert "1 text" in report.found("receipts")
    assert "TelnyxPublicKey" in report.todo("receipts")


def test_texts_without_webhooks_since_the_last_one_are_a_warning(clinic: Clinic) -> None:
    _forget(clinic)
    clinic.world.submit(ident(2), "telnyx-2", accepted_ms=now_ms() - 7_200_000)
    receipt = Receipt("event-3", "telnyx-2", Status.DELIVERED, "delivered", now_ms() - 7_100_000)
    clinic.world.stack.messages.record(ident(2), receipt, now_ms() - 7_100_000)
    for number in (3, 4):
        clinic.world.submit(ident(number), f"telnyx-{number}", accepted_ms=now_ms() - 3_600_000)
    # Two may be chance.
    assert clinic.examine().ill == {}
    clinic.world.submit(ident(5), "telnyx-5", accepted_ms=now_ms() - 3_600_000)
    report = clinic.examine()
    assert report.ill == {"receipts": "warn"}
    assert "3 texts since then had none" in report.found("receipts")


@pytest.mark.parametrize(("ahead_s", "state"), [(20, None), (100, "warn"), (-400, "fail")])
def test_clocks_that_do_not_agree(clinic: Clinic, ahead_s: int, state: str | None) -> None:
    clinic.front.ahead_s = ahead_s
    report = clinic.examine()
    assert report.ill == ({"clocks": state} if state else {})
    if state:
        assert "the odd one is the api" in report.todo("clocks").lower()
