"""`longcode doctor`: a stack that is well, a deployment that is not, and the doctor's page."""

import json
import re

import pytest

from devtools.local_stack.layout import ROOT
from longcode_cli import stack as stacks
from longcode_cli.commands.doctor import command as doctor
from tests.longcode_cli.clinic import GATEWAY_KEY, Clinic, now_ms, opt_out, services
from tests.longcode_cli.world import NAME, OTHERS, OURS, REGION, THEIRS, World, ident
from tests.telnyx_simulator.world import API_KEY

pytestmark = pytest.mark.enable_socket


def test_of_a_stack_that_is_well_every_line_is_ok(clinic: Clinic) -> None:
    report = clinic.examine()
    assert {name: row["state"] for name, row in report.rows.items()} == dict.fromkeys(doctor.checks(None), "ok")
    assert report.healthy
    assert all(row["todo"] is None for row in report.rows.values())
    assert "All of 26 checks are well." in clinic.world.says("doctor")


def test_for_a_person_each_line_says_what_to_do(clinic: Clinic) -> None:
    clinic.world.stack.limits.pause(now_ms(), "wrong template")
    clinic.world.die(ident(1))
    shown = clinic.world.run("doctor")
    assert shown.exit_code == 1
    words = " ".join(shown.stdout.split())
    assert re.search(r"FAIL dead letters 1 text died in the queue: .*? → See why \(aws logs tail", words)
    assert re.search(r"warn pause Sending is paused since .*?: wrong template\. → longcode resume", words)
    assert words.endswith("Of 26 checks 1 failed, 1 to be looked at.")


def test_for_a_script_the_exit_code_tells_a_failure_from_a_warning(clinic: Clinic) -> None:
    clinic.world.stack.limits.pause(now_ms(), "wrong template")
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
    opt_out(clinic, THEIRS, "keyword")
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
    assert "and 15 more: VALIDITY_MINUTES" in clinic.examine().found("settings")


def test_an_account_whose_concurrency_the_queue_alone_could_use_up(clinic: Clinic) -> None:
    clinic.set("ConsumerConcurrency", "20")
    clinic.concurrency = 140
    assert clinic.examine().ill == {}
    clinic.concurrency = 139
    report = clinic.examine()
    assert report.ill == {"concurrency": "warn"}
    assert "may run 139 functions side by side, and this stack wants 140" in report.found("concurrency")
    assert "ConsumerConcurrency to 19" in report.todo("concurrency")
    clinic.concurrency = 10
    assert "ConsumerConcurrency to 2." in clinic.examine().todo("concurrency")


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
