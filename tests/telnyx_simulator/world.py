"""A running provider on a loopback port, and an inbox that its webhooks go to."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from devtools.telnyx_simulator.app import Options
from devtools.telnyx_simulator.keys import public_key
from devtools.telnyx_simulator.server import Server, bind
from devtools.telnyx_simulator.settings import Settings

API_KEY = "KEY_test"
OURS = "+12025550100"
RECIPIENT = "+12025550123"


# Patience, not a rate: a busy machine may take this long for what an idle one does at once.
PATIENCE_S = 30.0


def eventually[T](look: Callable[[], T], seconds: float = PATIENCE_S) -> T:
    """What `look` returns as soon as it is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: last saw {found!r}")
        time.sleep(0.005)
    return found


@dataclass(frozen=True)
class Hook:
    """One webhook as it arrived."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.raw)
        return value

    @property
    def event(self) -> str:
        return str(self.body["data"]["event_type"])

    @property
    def event_id(self) -> str:
        return str(self.body["data"]["id"])

    @property
    def status(self) -> str:
        return str(self.body["data"]["payload"]["to"][0]["status"])

    @property
    def attempt(self) -> int:
        return int(self.body["meta"]["attempt"])

    @property
    def timestamp(self) -> str:
        return self.headers["telnyx-timestamp"]

    def is_signed_with(self, key: str) -> bool:
        signature = base64.b64decode(self.headers["telnyx-signature-ed25519"], validate=True)
        try:
            VerifyKey(base64.b64decode(key)).verify(f"{self.timestamp}|".encode() + self.raw, signature)
        except BadSignatureError:
            return False
        return True


@dataclass
class Inbox:
    """A receiver of webhooks: keeps what comes and answers as set, by path."""

    url: str = ""
    hooks: list[Hook] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    script: list[int] = field(default_factory=list)  # the statuses of the next answers
    delays_s: dict[str, float] = field(default_factory=dict)

    def at(self, path: str) -> list[Hook]:
        return [hook for hook in list(self.hooks) if hook.path == path]

    def wait(self, count: int, path: str = "/hook") -> list[Hook]:
        eventually(lambda: len(self.at(path)) >= count)
        return self.at(path)


@contextmanager
def open_inbox() -> Iterator[Inbox]:
    """An inbox on a free loopback port."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = inbox.script.pop(0) if inbox.script else inbox.statuses.get(self.path, 200)
            inbox.hooks.append(Hook(self.path, headers, raw))
            time.sleep(inbox.delays_s.get(self.path, 0))
            try:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    inbox.url = f"http://127.0.0.1:{server.server_port}"
    yield inbox
    server.shutdown()
    thread.join()
    server.server_close()


class Running:
    """A provider in a thread, with a client that has its API key."""

    def __init__(
        self,
        state_dir: Path | None = None,
        key: SigningKey | None = None,
        numbers: tuple[str, ...] = (OURS,),
        *,
        webhook_timeout_s: float = PATIENCE_S,
    ) -> None:
        self.key = key or SigningKey.generate()
        self.public_key = public_key(self.key)
        settings = Settings(api_key=API_KEY, numbers=numbers, webhook_delay_s=0.01, latency_s=0.0)
        options = Options(
            settings, self.key, state_dir=state_dir, webhook_timeout_s=webhook_timeout_s, retry_s=0.01
        )
        options.registration_retry_s = 0.02
        ready = threading.Event()
        sock, control = bind(0), bind(0)
        self.control_url = f"http://127.0.0.1:{control.getsockname()[1]}"
        self.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        self._server = Server(options, ready.set)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve(sockets=[sock, control])))
        self._thread.start()
        assert ready.wait(PATIENCE_S)
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)

    def stop(self) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)

    def post(self, body: bytes | dict[str, Any], *, key: str | None = None, **more: Any) -> httpx.Response:
        """POST /v2/messages with exactly these bytes."""
        headers = {"authorization": f"Bearer {API_KEY}"}
        if key is not None:
            headers["idempotency-key"] = key
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post("/v2/messages", content=raw, headers=headers, **more)

    def send(self, to: str = RECIPIENT, *, key: str | None = None, **fields: Any) -> httpx.Response:
        """Send a text that the provider has nothing against."""
        return self.post({"to": to, "from": OURS, "text": "Hello!"} | fields, key=key)

    def get(self, path: str, **params: str) -> Any:
        """GET from the provider's own API."""
        headers = {"authorization": f"Bearer {API_KEY}"}
        return self.client.get(path, params=params, headers=headers).json()

    def control(self, path: str, **asked: Any) -> Any:
        """POST to the control API; fails on a refusal."""
        answer = self.client.post(f"{self.control_url}/_provider/{path}", json=asked)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def shown(self, path: str) -> Any:
        """GET from the control API."""
        return self.client.get(f"{self.control_url}/_provider/{path}").json()

    def refusal(self, path: str, **asked: Any) -> str:
        """What the control API has against a request."""
        answer = self.client.post(f"{self.control_url}/_provider/{path}", json=asked)
        assert answer.status_code == 400
        return str(answer.json()["error"])

    def final(self, to: str, **fields: Any) -> tuple[str, list[str]]:
        """Send a text, and the status and the error codes that it ends with."""
        return self.ended(self.send(to, **fields).json()["data"]["id"])

    def ended(self, message_id: str) -> tuple[str, list[str]]:
        """The status and the error codes that a message ends with."""
        path = f"/v2/messages/{message_id}"
        eventually(lambda: self.get(path)["data"]["completed_at"])
        message = self.get(path)["data"]
        return message["to"][0]["status"], [error["code"] for error in message["errors"]]

    def requests(self, to: str = RECIPIENT) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.client.get("/_provider/requests", params={"to": to}).json()["requests"]
        return rows

    def attempts(self, message_id: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.client.get(
            "/_provider/webhooks", params={"message_id": message_id}
        ).json()["webhooks"]
        return rows

    def status(self, message_id: str) -> str:
        return str(self.get(f"/v2/messages/{message_id}")["data"]["to"][0]["status"])
