"""The program: python -m devtools.telnyx_simulator."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from devtools.telnyx_simulator import networks
from devtools.telnyx_simulator.__main__ import app
from devtools.telnyx_simulator.keys import load_or_make, public_key
from devtools.telnyx_simulator.outages import SUMMARIES
from devtools.telnyx_simulator.outcomes import OUTCOMES
from devtools.telnyx_simulator.server import bind
from devtools.telnyx_simulator.wire import HANG_S
from tests.telnyx_simulator.world import API_KEY, OURS, PATIENCE_S, RECIPIENT, eventually

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "devtools.telnyx_simulator")
Start = Callable[..., tuple[subprocess.Popen[bytes], dict[str, Any]]]


def run(*arguments: str) -> Result:
    """A command that ends by itself, in this process."""
    return CliRunner().invoke(app, arguments, prog_name="python -m devtools.telnyx_simulator")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    processes: list[subprocess.Popen[bytes]] = []

    def starter(*more: str) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
        ready = tmp_path / "ready.json"
        ready.unlink(missing_ok=True)
        process = subprocess.Popen(
            [
                *(*PROGRAM, "serve"),
                *("--api-key", API_KEY, "--number", OURS),
                *("--ready-file", str(ready), "--key-file", str(tmp_path / "key")),
                *more,
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        processes.append(process)
        eventually(ready.exists)
        return process, json.loads(ready.read_text())

    yield starter
    for process in processes:
        process.kill()
        process.wait()


def post(base_url: str, to: str, key: str) -> httpx.Response:
    return httpx.post(
        f"{base_url}/messages",
        json={"to": to, "from": OURS, "text": "Hello!"},
        headers={"authorization": f"Bearer {API_KEY}", "idempotency-key": key},
        timeout=HANG_S,
        trust_env=False,
    )


def test_the_ready_file_says_where_it_listens_and_with_which_key(start: Start, tmp_path: Path) -> None:
    process, ready = start()
    assert ready["pid"] == process.pid
    assert ready["base_url"].startswith("http://127.0.0.1:")
    assert ready["control_url"].startswith("http://127.0.0.1:")
    assert ready["public_key"] == public_key(load_or_make(tmp_path / "key"))
    assert post(ready["base_url"], RECIPIENT, "k").status_code == 200


def test_a_stop_is_clean_and_does_not_wait_for_a_request_that_hangs(
    start: Start,
) -> None:
    process, ready = start()
    failures: list[Exception] = []

    def hang() -> None:
        try:
            post(ready["base_url"], "+12025550171", "k")
        except httpx.HTTPError as exc:
            failures.append(exc)

    thread = threading.Thread(target=hang)
    thread.start()
    log = f"{ready['control_url']}_provider/requests"
    eventually(lambda: [r for r in httpx.get(log).json()["requests"] if r["accepted"]])
    process.send_signal(signal.SIGTERM)
    # The request and its caller would wait for twice as long.
    assert process.wait(HANG_S / 2) == 0
    thread.join()
    assert len(failures) == 1


def test_a_killed_provider_comes_back_with_its_key_and_its_idempotency_records(
    start: Start, tmp_path: Path
) -> None:
    process, ready = start("--state-dir", str(tmp_path / "state"))
    first = post(ready["base_url"], RECIPIENT, "k")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, again = start("--state-dir", str(tmp_path / "state"))
    assert again["public_key"] == ready["public_key"]
    replay = post(again["base_url"], RECIPIENT, "k")
    assert replay.content == first.content
    assert replay.headers["idempotent-replayed"] == "true"


def test_the_help_shows_examples_and_every_magic_number() -> None:
    helped = run("--help").stdout
    assert "python -m devtools.telnyx_simulator serve" in helped
    for outcome in OUTCOMES:
        if outcome.suffix:
            assert f"{outcome.suffix}  {outcome.name}" in helped


def test_the_help_shows_every_kind_of_outage() -> None:
    helped = run("--help").stdout
    for kind, summary in SUMMARIES.items():
        assert f"{kind:<9}  {summary}" in helped


def test_an_outage_is_begun_and_ended_from_the_command_line(start: Start) -> None:
    _, ready = start()
    control = ("--control-url", ready["control_url"])
    assert json.loads(run("outage", "403", "--seconds", "60", *control).stdout)["outage"]["outage"] == "403"
    assert post(ready["base_url"], RECIPIENT, "k").status_code == 403
    assert run("outage", "refused", *control).exit_code == 0
    assert json.loads(run("outage", "none", *control).stdout)["outage"] is None
    assert post(ready["base_url"], RECIPIENT, "k").status_code == 200
    odd = run("outage", "flood", *control)
    assert (odd.exit_code, "one of refused, hang" in odd.stdout) == (1, True)


def test_the_help_shows_which_numbers_are_on_which_network() -> None:
    helped = run("--help").stdout
    for line in networks.table().splitlines():
        assert line in helped


def test_the_networks_are_set_and_shown_from_the_command_line(start: Start) -> None:
    _, ready = start()
    control = ("--control-url", ready["control_url"])
    assert json.loads(run("set", "limits", '{"enforce": true}', *control).stdout)["settings"]["enforce"] is True
    assert run("set", "registration", '{"brand": {"daily_cap": 0}}', *control).exit_code == 0
    message = post(ready["base_url"], RECIPIENT, "k").json()["data"]
    assert message["to"][0]["carrier"] == "T-MOBILE USA, INC."
    assert json.loads(run("show", "limits", *control).stdout)["days"][0]["failed"] == 1
    assert json.loads(run("set", "clock", '{"advance_s": 60}', *control).stdout)["offset_s"] == 60
    assert run("set", "carriers", "att", *control).exit_code == 2
    assert run("set", "carriers", "{}", *control).exit_code == 1


def test_a_start_with_limits_is_where_a_reset_comes_back_to(start: Start) -> None:
    asked = {
        "limits": {"enforce": True},
        "registration": {"campaign": {"message_class": "W"}},
        "carriers": [{"number": RECIPIENT, "network": "verizon"}],
    }
    _, ready = start("--network", json.dumps(asked))
    provider = f"{ready['control_url']}_provider"
    httpx.post(f"{provider}/limits", json={"enforce": False}, trust_env=False)
    httpx.post(f"{provider}/carriers", json={"number": RECIPIENT, "network": None}, trust_env=False)
    httpx.post(f"{provider}/reset", trust_env=False)
    limits = httpx.get(f"{provider}/limits", trust_env=False).json()
    assert (limits["settings"]["enforce"], list(limits["att"].values())) == (True, [15])
    assert RECIPIENT in httpx.get(f"{provider}/carriers", trust_env=False).json()["moved"]


def test_the_table_can_be_read_by_a_program() -> None:
    rows = json.loads(run("outcomes", "--json").stdout)
    assert [row["name"] for row in rows] == [outcome.name for outcome in OUTCOMES]


def test_the_public_key_can_be_printed_before_the_first_start(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert run("keys", "--key-file", str(path)).stdout.strip() == public_key(load_or_make(path))


def test_a_text_can_be_sent_to_our_number_from_the_command_line(start: Start) -> None:
    _, ready = start()
    sent = run("text", "--control-url", ready["control_url"], "--from", RECIPIENT, "STOP")
    assert json.loads(sent.stdout)["autoresponse_type"] == "STOP"
    assert post(ready["base_url"], RECIPIENT, "k").status_code == 403


def test_a_wrong_option_is_named_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("no key")
    good = {"--api-key": API_KEY, "--number": OURS, "--key-file": str(tmp_path / "key")}
    with bind(0) as taken:
        taken.listen()
        wrong = {
            "--number": "12025550100",
            "--port": str(taken.getsockname()[1]),
            "--key-file": str(tmp_path / "notes"),
            "--network": '{"limits": {"enforce": 1}}',
        }
        for option, value in wrong.items():
            given = good | {option: value}
            # On its own: it would serve for ever if the option were not seen to be wrong.
            failed = subprocess.run(
                [*PROGRAM, "serve", *(part for pair in given.items() for part in pair)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
            assert failed.returncode == 2
            assert option in failed.stderr
