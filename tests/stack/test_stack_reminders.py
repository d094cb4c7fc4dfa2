"""examples/reminders as its README runs it, and the programs of docs/client.md, against the deployed stack."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from devtools.local_stack.layout import Stack
from tests.support.fakes import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]
# Of this file alone.
ANA, BEN = "+12405550131", "+12405550132"
# An event that a busy machine takes too long for is delivered again, a while later.
LONG_S = 300.0
PAGE = (ROOT / "examples/reminders/README.md").read_text()


@pytest.fixture
def environment(stack: Stack) -> dict[str, str]:
    """What the README exports."""
    mine = {"LONGCODE_URL": stack.api_url, "LONGCODE_KEY": stack.api_key}
    return os.environ | mine | {"PYTHONPATH": f"{ROOT}/layers/longcode/python:{ROOT}"}


class Office:
    """The program's commands over one file of appointments."""

    def __init__(self, book: Path, environment: dict[str, str]) -> None:
        self.command = [sys.executable, "-m", "examples.reminders", "--db", str(book)]
        self.environment = environment

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self.command, *arguments],
            env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add(self, name: str, phone: str, *more: str) -> str:
        """Book an appointment in two days; its line."""
        # Where it is about noon: the stack has quiet hours.
        zone = f"Etc/GMT{datetime.now(UTC).hour - 12:+}"
        at = datetime.now(ZoneInfo(zone)) + timedelta(days=2)
        return self(
            "add", "--name", name, "--phone", phone, "--at", f"{at:%Y-%m-%dT%H:%M}", "--timezone", zone, *more
        )


@pytest.fixture
def office(
    tmp_path: Path, environment: dict[str, str], api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> Iterator[Office]:
    """The program with its receiver running, subscribed; its subscription goes with it."""
    made = Office(tmp_path / "book.sqlite3", environment)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    serving = subprocess.Popen(
        [*made.command, "serve", "--port", port],
        env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert serving.stdout
    assert "POST" in serving.stdout.readline()
    ident = made("subscribe", f"http://127.0.0.1:{port}/hooks").split()[0]

    def hears() -> bool:
        provider.post("/_provider/inbound", json={"from": "+12405550139", "text": "Hello"}).raise_for_status()
        return bool(api.get(f"/webhooks/subscriptions/{ident}/deliveries").json()["deliveries"])

    # The publisher knows of a new subscription some seconds later.
    eventually(hears, LONG_S)
    yield made
    api.delete(f"/webhooks/subscriptions/{ident}")
    serving.terminate()
    serving.communicate(timeout=30)


def to(provider: httpx.Client, number: str) -> list[str]:
    """What the provider has for a number, the oldest first."""
    rows = provider.get("/_provider/messages", params={"to": number}).json()["messages"]
    return [row["text"] for row in rows]


def test_people_are_reminded_confirm_by_a_reply_and_end_it_by_stop(
    office: Office, api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    # Its time has come already: it leaves at once.
    office.add("Ana", ANA, "--before", "72")
    ben = office.add("Ben", BEN)
    assert "reminder waiting" in ben
    eventually(lambda: any(text.startswith("Hi Ana,") for text in to(provider, ANA)), LONG_S)
    provider.post("/_provider/inbound", json={"from": ANA, "text": "C"}).raise_for_status()
    eventually(lambda: any(text.startswith("Thank you, Ana.") for text in to(provider, ANA)), LONG_S)
    eventually(lambda: "confirmed" in office("list"), LONG_S)

    provider.post("/_provider/inbound", json={"from": BEN, "text": "STOP"}).raise_for_status()
    eventually(lambda: api.get(f"/sms/status/{ben.split()[-1]}").json()["status"] == "cancelled", LONG_S)
    assert not any(text.startswith("Hi Ben,") for text in to(provider, BEN))

    late = office.add("Cleo", "+12405550133")
    office("cancel", late.split()[0])
    assert api.get(f"/sms/status/{late.split()[-1]}").json()["status"] == "cancelled"


def test_the_same_calls_in_curl_do_what_the_page_says(stack: Stack, environment: dict[str, str]) -> None:
    section = PAGE.partition("## The same in curl")[2]
    queue, status, cancel, subscribe = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)

    def run(command: str, **more: str) -> dict[str, Any]:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command.replace("+12025550123", "+12405550134")],
            env=environment | more, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        fields: dict[str, Any] = httpx.Response(200, text=done.stdout).json()
        return fields

    queued = run(queue)
    assert queued.get("status") == "held", queued
    assert run(queue)["message_id"] == queued["message_id"]
    ident = {"MESSAGE_ID": str(queued["message_id"])}
    assert run(status, **ident)["status"] == "held"
    assert run(cancel, **ident)["status"] == "cancelled"
    made = run(subscribe)
    assert made["secret"].startswith("whsec_")
    with httpx.Client(base_url=stack.api_url, headers={"x-api-key": stack.api_key}, trust_env=False) as client:
        assert client.delete(f"/webhooks/subscriptions/{made['id']}").json()["deleted"] is True


def test_the_programs_of_the_page_on_the_client_run(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("LONGCODE_URL", "LONGCODE_KEY"):
        monkeypatch.setenv(name, environment[name])
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/client.md").read_text(), re.DOTALL)
    said = []
    for code in blocks:
        exec(compile(code, "docs/client.md", "exec"), {"__name__": "of_the_page"})
        said.append(capsys.readouterr().out)
    assert len(said) == 3
    assert "outbound Your parcel comes at 10." in said[0]
    assert said[1] == "400 invalid_request to\n"
    assert "True" in said[2]
