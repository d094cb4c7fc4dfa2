"""What the commands print and accept, and the arithmetic of the demo."""

import base64
import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from nacl.signing import VerifyKey

from devtools.local_stack import cli, demo, signing, simulator, stack
from devtools.local_stack.layout import Identity, Layout, Stack
from devtools.local_stack.problems import LocalError, last_lines
from devtools.local_stack.processes import Child, alive, spawn, started_at
from tests.local_stack.record import stack_of
from tests.stack.world import Silent

NOW = 1_800_000_000.0


def test_parameters_may_hold_equals_signs() -> None:
    assert cli.parse_parameters(["A=1", "B=x=y", "C="]) == {"A": "1", "B": "x=y", "C": ""}


@pytest.mark.parametrize("pair", ["A", "=1", ""])
def test_a_parameter_without_name_or_value_is_refused(pair: str) -> None:
    with pytest.raises(LocalError):
        cli.parse_parameters([pair])


def test_parameters_that_no_function_would_start_with_are_refused_by_name() -> None:
    before = {"AccountSegmentsPerSecond": "10", "CarrierLimits": "att=5"}
    with pytest.raises(LocalError, match=r"^AttSegmentsPerMinute can't be met: AccountSegmentsPerSecond comes to"):
        stack.refuse({"AttSegmentsPerMinute": "6000"}, before)
    stack.refuse({"AttSegmentsPerMinute": "600"}, before)


def test_the_welcome_shows_all_six_routes_with_address_and_key(tmp_path: Path) -> None:
    shown = cli.welcome(stack_of(Layout.of(tmp_path)))
    for route in ("/sms/send", "/sms/queue ", "/sms/queue/process", "/sms/status/", "/health"):
        assert f"http://127.0.0.1:1/api{route}" in shown
    assert "devtools.local_stack sign | curl" in shown


def test_the_lines_to_paste_are_whole_shell_words(tmp_path: Path) -> None:
    stack = replace(stack_of(Layout.of(tmp_path)), api_key="abc")
    lines = [line for line in cli.welcome(stack).splitlines() if line.startswith("  ")]
    assert len(lines) >= 6
    # A quote that is not closed would raise.
    assert all(shlex.split(line) for line in lines)


def test_a_shell_takes_over_the_stacks_surroundings_and_forgets_other_accounts(tmp_path: Path) -> None:
    lines = cli.exports(stack_of(Layout.of(tmp_path)))
    script = f'{lines}\necho "$AWS_ENDPOINT_URL|$STACK|$API|$KEY|${{AWS_PROFILE-none}}|${{LONGCODE_STACK-none}}"'
    environment = {"AWS_PROFILE": "prod", "LONGCODE_STACK": "prod", "PATH": os.environ["PATH"]}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "http://127.0.0.1:1|s|http://127.0.0.1:1/api|k e'y|none|none\n"


def test_a_signed_webhook_verifies_with_the_stacks_key(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    stack = stack_of(layout)
    webhook = signing.webhook(layout, stack, "inbound", other="+12025550123", text='say "hi"', now=NOW)
    assert webhook.headers["telnyx-timestamp"] == "1800000000"
    signed = b"1800000000|" + webhook.body
    signature = base64.b64decode(webhook.headers["telnyx-signature-ed25519"])
    VerifyKey(base64.b64decode(stack.telnyx_public_key)).verify(signed, signature)
    data = json.loads(webhook.body)["data"]
    assert data["event_type"] == "message.received"
    assert data["payload"]["from"]["phone_number"] == "+12025550123"
    assert data["payload"]["to"][0]["phone_number"] == stack.from_number


def test_a_receipt_goes_to_the_address_of_its_message(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    webhook = signing.webhook(
        layout,
        stack_of(layout),
        "failed",
        other="+12025550123",
        text="x",
        message_id="m1",
        telnyx_id="t1",
        now=NOW,
    )
    payload = json.loads(webhook.body)["data"]["payload"]
    assert webhook.url.endswith("/webhooks/message/m1")
    assert payload["webhook_url"] == webhook.url
    assert (payload["id"], payload["to"][0]["status"]) == ("t1", "delivery_failed")
    assert payload["errors"]


def test_nothing_is_signed_for_a_stack_that_trusts_another_key(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    stack = replace(stack_of(layout), telnyx_public_key="another")
    with pytest.raises(LocalError, match="another provider's key"):
        signing.webhook(layout, stack, "inbound", other="+12025550123", text="x")


def test_a_curl_config_survives_quotes_and_backslashes() -> None:
    config = signing.Webhook("http://x", {"a": "b"}, b'{"text": "a\\nb"}').as_curl_config()
    assert config.splitlines() == [
        'url = "http://x"',
        'header = "a: b"',
        'data-binary = "{\\"text\\": \\"a\\\\nb\\"}"',
    ]


def test_only_both_variables_together_name_another_provider() -> None:
    assert simulator.external({}) is None
    assert simulator.external({"TELNYX_BASE_URL": "http://x/v2"}) is None
    found = simulator.external({"TELNYX_BASE_URL": "http://x/v2/", "TELNYX_PUBLIC_KEY": "k"})
    assert found is not None
    assert (found.base_url, found.public_key, found.child) == ("http://x/v2", "k", None)


def test_the_smallest_gap_is_within_one_number_and_of_accepted_texts_only() -> None:
    def row(to: str, at: float, *, accepted: bool = True) -> dict[str, object]:
        return {"to": to, "arrived_monotonic_ms": at, "accepted": accepted}

    rows = [row("a", 0), row("b", 10), row("a", 1500), row("a", 20, accepted=False), row("b", 1100)]
    assert demo.smallest_gap_ms(rows) == ("b", 1090)
    assert demo.smallest_gap_ms([row("a", 0), row("b", 1)]) is None


def test_the_demo_sends_queues_fails_and_crowds_one_recipient() -> None:
    texts = demo.script("202")
    assert {text.via for text in texts} == {"send", "queue"}
    assert {text.expected for text in texts} == {"delivered", "delivery_failed"}
    assert sum(text.number == "+12025550101" for text in texts) >= 3


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    stack = stack_of(layout)
    stack.save(layout)
    assert Stack.load(layout) == stack
    assert layout.record.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"api_url": "x"}', '"x"'])
def test_a_record_that_is_not_one_counts_as_none(tmp_path: Path, content: str) -> None:
    layout = Layout.of(tmp_path)
    layout.record.write_text(content)
    assert Stack.load(layout) is None


def test_an_identity_keeps_the_ports_and_the_providers_key(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    identity = Identity.load(layout)
    identity.emulator_port = 4000
    identity.save(layout)
    assert Identity.load(layout) == identity


def test_the_end_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(str(n) for n in range(100)))
    assert last_lines(log, 2) == ["98", "99"]
    assert last_lines(tmp_path / "none") == []
    assert last_lines(None) == []


def test_processes_are_found_in_a_record_that_another_version_wrote(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    started = started_at(os.getpid())
    layout.record.write_text(json.dumps({"pids": {"emulator": os.getpid()}, "started": {"emulator": started}}))
    found = stack.state(layout)
    assert (found.record, found.up) == (None, False)
    assert found.running == {"emulator": Child(os.getpid(), started or "")}


def test_down_ends_what_a_start_that_was_killed_has_left(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    # The start was killed before it wrote its record.
    left = spawn(command, env={}, log=tmp_path / "log", cwd=tmp_path, register=layout.processes)

    assert stack.down(layout, Silent())

    assert not alive(left)
    assert not stack.down(layout, Silent())
