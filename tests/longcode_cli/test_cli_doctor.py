"""`longcode doctor`: a stack that is well, and each illness in the one row that it belongs to."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from devtools.local_stack.layout import ROOT
from longcode.aws.queue import SqsQueue
from longcode.domain.opt_outs import OptOutChange
from longcode.domain.outcomes import Receipt
from longcode.domain.status import Status
from longcode.use_cases import opt_outs
from longcode.use_cases.backlog import waiting
from longcode_cli import stack as stacks
from longcode_cli.commands.doctor import command as doctor
from longcode_cli.commands.doctor.account import Profile
from longcode_cli.commands.doctor.case import State
from longcode_cli.commands.doctor.provider import judge
from tests.longcode_cli.clinic import GATEWAY_KEY, Clinic, Front, admit, serve, services
from tests.longcode_cli.world import NAME, OTHERS, OURS, REGION, THEIRS, World, deploy, formation, ident
from tests.telnyx_simulator.world import API_KEY, Running

pytestmark = pytest.mark.enable_socket

FAR_MS = 4_000_000_000_000


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    provider = Running()
    yield provider
    provider.stop()


@pytest.fixture
def clinic(monkeypatch: pytest.MonkeyPatch, running: Running) -> Iterator[Clinic]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "LONGCODE_STACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    running.control("profile", webhook_url=None, webhook_api_version="2", enabled=True, assigned=True)
    front = Front(running.public_key)
    described: dict[str, dict[str, Any]] = {}
    with mock_aws(), serve(front), formation(described):
        described[NAME] = deploy()
        made = admit(World(stacks.on_aws(NAME, None, REGION)), described[NAME], front, running)
        with services(made):
            made.world = World(stacks.on_aws(NAME, None, REGION))
            _delivered(made)
            yield made


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _opt_out(clinic: Clinic, number: str, source: str) -> None:
    now = _now_ms()
    opt_outs.apply(clinic.world.stack.optouts, number, OptOutChange(now, True, source), now)


def _delivered(clinic: Clinic) -> None:
    """A text that was delivered a moment ago, as a verified webhook reported."""
    now = _now_ms()
    clinic.world.submit(ident(1), "telnyx-1", accepted_ms=now - 20_000)
    receipt = Receipt("event-1", "telnyx-1", Status.DELIVERED, "delivered", now - 10_000)
    clinic.world.stack.messages.record(ident(1), receipt, now - 10_000)


def test_of_a_stack_that_is_well_every_line_is_ok(clinic: Clinic) -> None:
    report = clinic.examine()
    assert {name: row["state"] for name, row in report.rows.items()} == dict.fromkeys(doctor.checks(None), "ok")
    assert report.healthy
    assert all(row["todo"] is None for row in report.rows.values())
    assert "All of 20 checks are well." in clinic.world.says("doctor")


def test_for_a_person_each_line_says_what_to_do(clinic: Clinic) -> None:
    clinic.world.stack.limits.pause(_now_ms(), "wrong template")
    clinic.world.die(ident(1))
    shown = clinic.world.run("doctor")
    assert shown.exit_code == 1
    words = " ".join(shown.stdout.split())
    assert re.search(r"FAIL dead letters 1 text died in the queue: .*? → See why \(aws logs tail", words)
    assert re.search(r"warn pause Sending is paused since .*?: wrong template\. → longcode resume", words)
    assert words.endswith("Of 20 checks 1 failed, 1 to be looked at.")


def test_for_a_script_the_exit_code_tells_a_failure_from_a_warning(clinic: Clinic) -> None:
    clinic.world.stack.limits.pause(_now_ms(), "wrong template")
    warned = clinic.world.run("doctor", "--json")
    assert warned.exit_code == 0
    found = json.loads(warned.stdout)
    assert (found["stack"], found["healthy"]) == (NAME, True)
    (pause,) = [row for row in found["checks"] if row["state"] != "ok"]
    assert pause.keys() == {"check", "state", "found", "todo"}
    assert (pause["check"], pause["state"]) == ("pause", "warn")
    clinic.world.die(ident(1))
    failed = clinic.world.run("doctor", "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["healthy"] is False


def test_neither_a_secret_nor_a_whole_number_is_printed(clinic: Clinic) -> None:
    _opt_out(clinic, THEIRS, "keyword")
    printed = clinic.world.run("doctor", "--to", THEIRS).output
    clinic.write_secret("KEY_of_another_account")
    clinic.provider.control("profile", assigned=False)
    clinic.set("TelnyxLongCode", OTHERS)
    printed += clinic.world.run("doctor", "--to", OTHERS).output + clinic.world.run("doctor", "--json").output
    for hidden in (API_KEY, "KEY_of_another_account", GATEWAY_KEY, OURS, THEIRS, OTHERS):
        assert hidden not in printed


def test_it_sends_nothing_and_changes_nothing(clinic: Clinic) -> None:
    before = len(clinic.provider.requests())
    clinic.calls.clear()
    clinic.examine()
    assert len(clinic.provider.requests()) == before
    writes = ("Put", "Update", "Delete", "Send", "Start", "Create", "Set", "Tag", "Change", "Receive")
    assert not {call for call in clinic.calls if call.split(":")[1].startswith(writes)}


# ------------------------------------------------------------------------------------- one illness, one row


def test_a_deployment_that_failed_or_is_under_way(clinic: Clinic) -> None:
    for status, state in [
        ("UPDATE_ROLLBACK_COMPLETE", "warn"),
        ("UPDATE_IN_PROGRESS", "warn"),
        ("UPDATE_ROLLBACK_FAILED", "fail"),
    ]:
        clinic.stack["StackStatus"] = status
        assert clinic.examine().ill == {"stack": state}


def test_a_function_whose_settings_are_invalid_is_named_with_the_setting(clinic: Clinic) -> None:
    clinic.environments[f"{NAME}-webhook"]["TELNYX_PUBLIC_KEY"] = "c2hvcnQ="
    report = clinic.examine()
    assert report.ill == {"settings": "fail"}
    assert not report.healthy
    assert "webhook: TELNYX_PUBLIC_KEY must be 32 bytes of base64" in report.found("settings")
    assert "make deploy" in report.todo("settings")


def test_a_function_that_was_changed_by_hand_is_named(clinic: Clinic) -> None:
    clinic.environments[f"{NAME}-consumer"]["RECIPIENT_INTERVAL_MS"] = "1"
    report = clinic.examine()
    assert report.ill == {"settings": "fail"}
    assert "consumer: RECIPIENT_INTERVAL_MS is not the stack's own." in report.found("settings")


def test_a_deployment_that_no_alias_leads_to_is_reported(clinic: Clinic) -> None:
    clinic.edited[f"{NAME}-send"] = "a new build"
    report = clinic.examine()
    assert report.ill == {"settings": "fail"}
    assert report.found("settings") == "send: what was deployed last is not what is called."
    assert "Release: make deploy" in report.todo("settings")


def test_parameters_that_no_function_has_yet_are_reported(clinic: Clinic) -> None:
    clinic.set("ValidityMinutes", "7")
    assert "and 12 more: VALIDITY_MINUTES" in clinic.examine().found("settings")


def test_an_account_whose_concurrency_the_queue_alone_could_use_up(clinic: Clinic) -> None:
    clinic.set("ConsumerConcurrency", "20")
    clinic.concurrency = 120
    assert clinic.examine().ill == {}
    clinic.concurrency = 119
    report = clinic.examine()
    assert report.ill == {"concurrency": "warn"}
    assert "may run 119 functions side by side, and this stack wants 120" in report.found("concurrency")
    assert "ConsumerConcurrency to 19" in report.todo("concurrency")
    clinic.concurrency = 10
    assert "ConsumerConcurrency to 2." in clinic.examine().todo("concurrency")


@pytest.mark.parametrize("text", ["", "KEY with blanks", "KEYé"])
def test_a_secret_that_no_header_can_carry(clinic: Clinic, text: str) -> None:
    clinic.write_secret(text or " ")
    report = clinic.examine()
    assert not report.healthy
    assert report.ill == {
        "secret": "fail",
        "provider key": "skipped",
        "number": "skipped",
        "profile": "skipped",
    }
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
    assert report.ill == {"provider key": "fail", "number": "skipped", "profile": "skipped"}
    assert "401 (10009 Authentication failed)" in report.found("provider key")
    todo = report.todo("provider key")
    assert f"put-secret-value --secret-id {clinic.secret_id}" in todo
    assert f"longcode resume --breaker --stack {NAME}" in todo


def test_a_provider_that_does_not_answer(clinic: Clinic) -> None:
    for name in clinic.environments:
        clinic.environments[name]["TELNYX_BASE_URL"] = "http://127.0.0.1:1/v2"
    clinic.set("TelnyxBaseUrl", "http://127.0.0.1:1/v2")
    report = clinic.examine()
    assert report.ill == {"provider key": "fail", "number": "skipped", "profile": "skipped"}
    assert "127.0.0.1:1 does not answer (ConnectError)" in report.found("provider key")
    assert "status.telnyx.com" in report.todo("provider key")


def test_a_number_of_another_account(clinic: Clinic) -> None:
    for name in clinic.environments:
        clinic.environments[name]["TELNYX_LONG_CODE"] = OTHERS
    clinic.set("TelnyxLongCode", OTHERS)
    report = clinic.examine()
    assert report.ill == {"number": "fail", "profile": "skipped"}
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
    clinic.provider.control("profile", webhook_url=f"{clinic.front.url}/hooks")
    report = clinic.examine()
    assert report.ill == {"webhook": "fail", "receipts": "skipped"}
    assert "404 not_found, where 401 invalid_signature is due" in report.found("webhook")


def test_a_webhook_that_nothing_answers_at(clinic: Clinic) -> None:
    clinic.set("WebhookUrl", "http://127.0.0.1:1/webhooks/message")
    for name in clinic.environments:
        clinic.environments[name]["WEBHOOK_URL"] = "http://127.0.0.1:1/webhooks/message"
    clinic.provider.control("profile", webhook_url="http://127.0.0.1:1/webhooks/message")
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
    clinic.world.submit(ident(2), "telnyx-2", accepted_ms=_now_ms() - 3_600_000)
    report = clinic.examine()
    assert report.ill == {"receipts": "fail"}
    assert "1 text" in report.found("receipts")
    assert "TelnyxPublicKey" in report.todo("receipts")


def test_texts_without_webhooks_since_the_last_one_are_a_warning(clinic: Clinic) -> None:
    _forget(clinic)
    clinic.world.submit(ident(2), "telnyx-2", accepted_ms=_now_ms() - 7_200_000)
    receipt = Receipt("event-3", "telnyx-2", Status.DELIVERED, "delivered", _now_ms() - 7_100_000)
    clinic.world.stack.messages.record(ident(2), receipt, _now_ms() - 7_100_000)
    for number in (3, 4):
        clinic.world.submit(ident(number), f"telnyx-{number}", accepted_ms=_now_ms() - 3_600_000)
    # Two may be chance.
    assert clinic.examine().ill == {}
    clinic.world.submit(ident(5), "telnyx-5", accepted_ms=_now_ms() - 3_600_000)
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


def test_a_text_that_has_waited_for_long(clinic: Clinic) -> None:
    message = clinic.world.accept(ident(3), accepted_ms=_now_ms() - 20 * 60_000)
    at = clinic.world.stack
    SqsQueue(at.sqs, at.queue_url).put([waiting(message)])
    report = clinic.examine()
    assert report.ill == {"queue": "warn"}
    assert f"longcode queue --stack {NAME}" in report.todo("queue")


def test_a_text_that_waits_for_long_and_is_not_in_the_queue(clinic: Clinic) -> None:
    clinic.world.accept(ident(3), accepted_ms=_now_ms() - 20 * 60_000)
    report = clinic.examine()
    assert report.ill == {"queue": "warn"}
    assert f"longcode requeue --stack {NAME}" in report.todo("queue")


@pytest.mark.parametrize("check", ["consumer", "publisher"])
def test_a_function_that_nothing_starts_any_more(clinic: Clinic, check: str) -> None:
    (mapping,) = clinic.mappings[f"{NAME}-{check}:live"]
    mapping["State"] = "Disabled"
    report = clinic.examine()
    assert report.ill == {check: "fail"}
    todo = report.todo(check)
    assert todo == f"aws lambda update-event-source-mapping --uuid {mapping['UUID']} --enabled --region {REGION}"
    mapping["State"] = "Enabling"
    assert clinic.examine().ill == {check: "warn"}
    clinic.mappings[f"{NAME}-{check}:live"] = []
    report = clinic.examine()
    assert report.ill == {check: "fail"}
    assert "create-event-source-mapping" in report.todo(check)


@pytest.mark.parametrize("said", ["PROBLEM: Function call failed", "FAILED"])
def test_a_function_that_failed_on_what_it_got_last(clinic: Clinic, said: str) -> None:
    (mapping,) = clinic.mappings[f"{NAME}-consumer:live"]
    mapping["LastProcessingResult"] = said
    report = clinic.examine()
    assert report.ill == {"consumer": "warn"}
    assert said in report.found("consumer")
    assert f"{NAME}-consumer" in report.todo("consumer")
    for well in ("OK", "No records processed"):
        mapping["LastProcessingResult"] = well
        assert clinic.examine().ill == {}


def test_a_dead_letter(clinic: Clinic) -> None:
    clinic.world.die(ident(1))
    report = clinic.examine()
    assert report.ill == {"dead letters": "fail"}
    assert f"longcode redrive --stack {NAME}" in report.todo("dead letters")


def test_changes_that_were_given_up(clinic: Clinic) -> None:
    url = clinic.world.stack.outputs["UnpublishedQueueUrl"]
    clinic.world.stack.sqs.send_message(QueueUrl=url, MessageBody="{}")
    report = clinic.examine()
    assert report.ill == {"unpublished": "warn"}
    assert f"longcode republish --stack {NAME}" in report.todo("unpublished")


def test_a_breaker_that_an_outage_has_opened_says_that_it_ends_by_itself(clinic: Clinic) -> None:
    clinic.world.stack.limits.open_breaker(_now_ms(), FAR_MS, "http_502 The provider answered 502.")
    report = clinic.examine()
    assert report.ill == {"breaker": "fail"}
    assert "for an outage of the provider: http_502" in report.found("breaker")
    assert "texts leave by themselves when it is back" in report.todo("breaker")
    # That is for who sent a single text.
    assert "Follow the status" not in report.todo("breaker")


def test_an_open_breaker_says_what_fixes_it(clinic: Clinic) -> None:
    clinic.world.stack.limits.open_breaker(_now_ms(), FAR_MS, "20100 Insufficient Funds")
    report = clinic.examine()
    assert report.ill == {"breaker": "fail"}
    assert "20100 Insufficient Funds" in report.found("breaker")
    assert "Top up the account" in report.todo("breaker")
    assert f"longcode resume --breaker --stack {NAME}" in report.todo("breaker")


def test_a_pause_is_a_warning_with_its_reason(clinic: Clinic) -> None:
    clinic.world.stack.limits.pause(_now_ms(), f"call {THEIRS} first")
    report = clinic.examine()
    assert report.ill == {"pause": "warn"}
    assert "call +1…23 first" in report.found("pause")


def test_our_own_number_in_the_ledger(clinic: Clinic) -> None:
    _opt_out(clinic, THEIRS, "keyword")
    assert clinic.examine().found("opt-outs") == "1 opted out, our own number is not among them"
    _opt_out(clinic, OURS, "api")
    assert clinic.examine().ill == {"opt-outs": "warn"}


def test_a_hundred_opt_outs_are_not_counted_further(clinic: Clinic) -> None:
    for number in range(101):
        _opt_out(clinic, f"+120255501{number:02}", "keyword")
    assert clinic.examine().found("opt-outs").startswith("100 or more")


def test_one_number_may_be_asked_after(clinic: Clinic) -> None:
    assert clinic.examine(OTHERS).found("recipient") == "+1…24 may be texted"
    _opt_out(clinic, OTHERS, "keyword")
    assert clinic.examine(OTHERS).ill == {"recipient": "warn"}
    assert clinic.world.run("doctor", "--to", "x").exit_code == 2


@pytest.mark.parametrize(("allowed", "refused"), [("", True), ("+1", True), ("+1,+44:5", False), ("*", False)])
def test_a_number_where_no_texts_may_go_is_reported(clinic: Clinic, allowed: str, refused: bool) -> None:
    clinic.set("AllowedDestinations", allowed)
    report = clinic.examine("+442079460123")
    assert report.rows["recipient"]["state"] == ("warn" if refused else "ok")
    assert ("AllowedDestinations" in (report.todo("recipient") or "")) is refused


def test_a_check_that_breaks_down_stops_no_other_and_tells_nothing_private(clinic: Clinic) -> None:
    del clinic.resources["ConsumerFunction"]
    clinic.gateway_key = {}
    # The handler holds the list of before.
    with services(clinic):
        clinic.world = World(stacks.on_aws(NAME, None, REGION))
        report = clinic.examine()
    assert report.found("api key") == "The check itself failed (KeyError)."
    assert report.rows["opt-outs"]["state"] == "ok"


# ------------------------------------------------------------------------------------------------ its page


PAGE = (ROOT / "docs" / "doctor.md").read_text()


def test_the_page_names_every_check_in_its_order() -> None:
    table = PAGE.split("## What it looks at")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE) == doctor.checks("anybody")


def test_the_page_lists_exactly_the_permissions_that_it_takes(clinic: Clinic) -> None:
    clinic.calls.clear()
    clinic.world.run("doctor", "--to", THEIRS)
    policy = json.loads(PAGE.split("```json")[1].split("```")[0])
    allowed = {action for row in policy["Statement"] for action in [row["Action"]] for action in _list(action)}
    # The command looks the stack up before it examines anything; API Gateway's actions are HTTP methods.
    called = {call.replace("apigateway:GetApiKey", "apigateway:GET") for call in clinic.calls}
    assert called == allowed


def _list(action: str | list[str]) -> list[str]:
    return [action] if isinstance(action, str) else action
