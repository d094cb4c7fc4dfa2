"""What `longcode doctor` says of the provider: secret, key, number and profile."""

from typing import Any

import boto3
import pytest

from longcode_cli.commands.doctor.account import Profile
from longcode_cli.commands.doctor.case import State
from longcode_cli.commands.doctor.provider import judge
from tests.longcode_cli.clinic import Clinic
from tests.longcode_cli.world import NAME, OTHERS, REGION

pytestmark = pytest.mark.enable_socket

# What can't be seen without the account.
UNSEEN = dict.fromkeys(
    ("number", "profile", "campaign", "campaign events", "carriers", "number health", "carrier limits"), "skipped"
)


@pytest.mark.parametrize("text", ["", "KEY with blanks", "KEYé"])
def test_a_secret_that_no_header_can_carry(clinic: Clinic, text: str) -> None:
    clinic.write_secret(text or " ")
    report = clinic.examine()
    assert not report.healthy
    assert report.ill == {"secret": "fail", "provider key": "skipped", **UNSEEN}
    assert "put-secret-value" in report.todo("secret")


def test_a_secret_that_is_gone_stops_no_other_check(clinic: Clinic) -> None:
    boto3.client("secretsmanager", region_name=REGION).delete_secret(
        SecretId=clinic.secret_id, ForceDeleteWithoutRecovery=True
    )
    report = clinic.examine()
    assert report.rows["secret"]["state"] == "fail"
    assert "GetSecretValue" in report.found("secret")
    assert report.rows["opt-outs"]["state"] == "ok"


def test_a_key_that_the_provider_refuses(clinic: Clinic) -> None:
    clinic.write_secret("KEY_of_another_account")
    report = clinic.examine()
    assert report.ill == {"provider key": "fail", **UNSEEN}
    assert "401 (10009 Authentication failed)" in report.found("provider key")
    todo = report.todo("provider key")
    assert f"put-secret-value --secret-id {clinic.secret_id}" in todo
    assert f"longcode resume --breaker --stack {NAME}" in todo


def test_a_provider_that_does_not_answer(clinic: Clinic) -> None:
    clinic.deploy("TelnyxBaseUrl", "http://127.0.0.1:1/v2")
    report = clinic.examine()
    assert report.ill == {"provider key": "fail", **UNSEEN}
    assert "127.0.0.1:1 does not answer (ConnectError)" in report.found("provider key")
    assert "status.telnyx.com" in report.todo("provider key")


def test_a_number_of_another_account(clinic: Clinic) -> None:
    clinic.deploy("TelnyxLongCode", OTHERS)
    report = clinic.examine()
    assert report.ill == UNSEEN | {"number": "fail"}
    assert "has no number +1…24" in report.found("number")


def test_a_number_on_no_profile(clinic: Clinic) -> None:
    clinic.provider.control("profile", assigned=False)
    report = clinic.examine()
    assert report.ill == {"number": "fail", "profile": "skipped"}
    assert "portal.telnyx.com, Numbers" in report.todo("number")


def test_a_profile_that_is_switched_off(clinic: Clinic) -> None:
    clinic.provider.control("profile", enabled=False)
    assert clinic.examine().ill == {"profile": "fail"}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"webhook_api_version": "1"}, "API version 1"),
        ({"webhook_url": None}, "go nowhere"),
        ({"webhook_url": "https://user:pass@old.example.com/hook?token=x"}, "go to https://old.example.com/hook,"),
        ({"webhook_url": "https://old.example.com:8443/hook"}, "go to https://old.example.com:8443/hook,"),
    ],
)
def test_a_profile_whose_webhooks_go_elsewhere_is_a_warning(
    clinic: Clinic, setting: dict[str, Any], words: str
) -> None:
    clinic.provider.control("profile", **setting)
    report = clinic.examine()
    assert report.ill == {"profile": "warn"}
    assert report.healthy
    assert words in report.found("profile")
    assert "STOP among them" in report.found("profile")


def test_a_slash_at_the_end_of_the_profiles_url_is_no_difference() -> None:
    profile = Profile("", True, "https://api.example.com/webhooks/message/", "2")
    assert judge(profile, "https://api.example.com/webhooks/message")[0] is State.OK
