"""An API of batches in memory, on a loopback port: what POST /sms/batch promises, and every way it may fail.

It keeps what it accepted by the idempotency key and the place of each text. It is no stronger than the real one:
it may die with half of a batch stored, lose its answer, be slow, and refuse a batch or some of its texts.
"""

import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

KEY = "the-key-of-our-programs"
_NAMESPACE = uuid.UUID("00000000-0000-4000-8000-000000000000")
_ITEM = {"to", "message", "metadata", "send_at", "expires_at", "ttl_s", "category", "timezone", "key", "values"}
_ITEM |= {"respect_quiet_hours", "priority", "max_segments", "smart_encoding"}
_WHOLE = (_ITEM - {"to", "message", "values", "key"}) | {"messages", "template", "dry_run", "token"}


class Died(Exception):
    """It closes the connection without an answer."""


@dataclass
class Answer:
    """An answer in the place of its own."""

    status: int
    fields: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


# What a test does to a request: given its number from 1, its path and its body, it may give another answer.
Trouble = Callable[[int, str, dict[str, Any]], Answer | None]


@dataclass
class BatchApi:
    """The API. `texts` are what it has accepted by id, in that order; `requests` the bodies that came, by path."""

    url: str = ""
    texts: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    # The error of each recipient that is refused.
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)
    carriers: dict[str, str] = field(default_factory=dict)
    # Before anything is stored, before a half of it is, and after all is.
    before: Trouble | None = None
    half_way: Trouble | None = None
    after: Trouble | None = None
    finishes_at: str | None = None
    valid_until: str | None = None
    cost: str | None = "0.0051"
    # Answers of other routes by method and path.
    answers: dict[str, Callable[[dict[str, str]], Answer]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # ---------------------------------------------------------------------------- what a test asks

    def sent(self) -> Counter[tuple[str, str]]:
        """How often each text was accepted, by its recipient and words."""
        return Counter((one["to"], one["message"]) for one in self.texts.values())

    def real(self) -> list[tuple[str, dict[str, Any], str]]:
        """The batches that were no dry runs: path, body and idempotency key."""
        return [one for one in self.requests if one[0] == "/sms/batch" and not one[1].get("dry_run")]

    def dry(self) -> list[tuple[str, dict[str, Any], str]]:
        """Those that were."""
        return [one for one in self.requests if one[1].get("dry_run")]

    # ------------------------------------------------------------------------------------- its routes

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        if headers.get("x-api-key") != KEY:
            return Answer(403, {"error": "Send a valid API key.", "code": "forbidden"})
        parts = urlsplit(target.removeprefix("/v1"))
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        own = self.answers.get(f"{method} {unquote(parts.path)}")
        if own is not None:
            return own(query)
        fields = json.loads(body) if body else {}
        key = headers.get("idempotency-key", "")
        with self._lock:
            self.requests.append((parts.path, fields, key))
            number = len(self.requests)
        if found := self.before and self.before(number, parts.path, fields):
            return found
        match f"{method} {parts.path}":
            case "POST /sms/batch":
                return self._batch(number, fields, key)
            case "POST /sms/queue":
                return self._queue(fields, key)
            case "POST /sms/preview":
                return Answer(200, {"segments": _segments(fields["message"])})
        return Answer(404, {"error": "There is no such route.", "code": "not_found"})

    def _queue(self, fields: dict[str, Any], key: str) -> Answer:
        one = self._accept(fields, str(uuid.uuid5(_NAMESPACE, key)))
        if "error" in one:
            return Answer(one["status_code"], one)
        return Answer(202, one | {"queued": True, "eta": "2026-11-23T15:48:17.235Z", "held_by": None})

    def _batch(self, number: int, fields: dict[str, Any], key: str) -> Answer:
        unknown = set(fields) - _WHOLE
        items: list[dict[str, Any]] = fields.get("messages", [])
        if unknown or not 1 <= len(items) <= 500:
            return _invalid(sorted(unknown)[0] if unknown else "messages")
        keys = [item["key"] for item in items if "key" in item]
        strange = [(place, name) for place, item in enumerate(items) for name in sorted(set(item) - _ITEM)]
        if strange or len(set(keys)) < len(keys):
            return _invalid(f"messages[{strange[0][0]}].{strange[0][1]}" if strange else "messages.key")
        common = {name: fields[name] for name in fields if name in _ITEM}
        whole = [{"priority": "bulk"} | common | item for item in items]
        if fields.get("dry_run"):
            return self._dry_run(whole, key)
        answers = []
        for place, item in enumerate(whole):
            if place == len(whole) // 2 and (found := self.half_way and self.half_way(number, "", fields)):
                return found
            answers.append(self._accept(item, _ident(item, key, place)))
        if found := self.after and self.after(number, "/sms/batch", fields):
            return found
        accepted = sum("error" not in one for one in answers)
        return Answer(202, {"accepted": accepted, "refused": len(answers) - accepted, "messages": answers})

    def _accept(self, item: dict[str, Any], ident: str) -> dict[str, Any]:
        with self._lock:
            if item["to"] in self.refused and ident not in self.texts:
                return self.refused[item["to"]]
            if self.texts.setdefault(ident, item) != item:
                said = "This key came before, with another request."
                return {"error": said, "code": "idempotency_key_reused", "status_code": 409}
        status = "held" if "send_at" in item else "queued"
        return {"message_id": ident, "status": status, "segments": _segments(item["message"])}

    def _dry_run(self, items: list[dict[str, Any]], key: str) -> Answer:
        answers, seen = list[dict[str, Any]](), dict[tuple[str, str], int]()
        for place, item in enumerate(items):
            first = seen.setdefault((item["to"], item["message"]), place)
            refused = self.refused.get(item["to"], {})
            ident = _ident(item, key, place)
            known = {"message_id": ident, "status": "queued", "duplicate_of": ident} if ident in self.texts else {}
            answers.append(
                {"valid": not refused, "encoding": "gsm7", "segments": _segments(item["message"])}
                | {"carrier": self.carriers.get(item["to"]), "duplicate_of": None if first == place else first}
                | (known or refused)
            )
        new = [one for one in answers if one["valid"] and "message_id" not in one]
        carriers = Counter(one["carrier"] or "unknown" for one in new)
        totals = {
            "messages": len(items),
            "valid": sum(one["valid"] for one in answers),
            "refused": sum(not one["valid"] for one in answers),
            "segments": sum(one["segments"] for one in new),
            "cost": self.cost if new else None,
            "currency": "USD",
            "opted_out": sum(one.get("code") == "recipient_opted_out" for one in answers),
            "duplicates": sum(one["duplicate_of"] is not None for one in answers),
            "held_by_quiet_hours": sum(item.get("category") == "marketing" for item in items),
            "finishes_at": self.finishes_at if new else None,
            "valid_until": self.valid_until if new else None,
            "by_carrier": dict(carriers),
            "into_tomorrow": {},
        }
        return Answer(200, {"dry_run": True, "token": "token", "messages": answers, "totals": totals})


def _invalid(name: str) -> Answer:
    said = f"'{name}' is not as it must be."
    return Answer(400, {"error": said, "code": "invalid_request", "field": name})


def _ident(item: dict[str, Any], key: str, place: int) -> str:
    made = f"key {item['key']}" if "key" in item else f"place {key or uuid.uuid4()} {place}"
    return str(uuid.uuid5(_NAMESPACE, made))


def _segments(text: str) -> int:
    return 1 if len(text) <= 160 else -(-len(text) // 153)


@contextmanager
def serving(api: BatchApi, home: Path) -> Iterator[BatchApi]:
    """Serve it, and record it in `home` as a local stack's API."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Or the body waits 40 ms for the head's acknowledgement.
        disable_nagle_algorithm = True

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                made = api.answer(self.command, self.path, body, headers)
            except Died:
                self.close_connection = True
                self.connection.close()
                return
            raw = json.dumps(made.fields).encode()
            try:
                self.send_response(made.status)
                self.send_header("content-length", str(len(raw)))
                for name, value in made.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)
            except OSError:
                # Its client was killed.
                self.close_connection = True

        do_GET = do_POST = _do

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}/v1"
    record(api.url, home)
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def record(url: str, home: Path) -> None:
    """The record of a local stack whose API is at `url`."""
    fields = {"api_url": url, "api_key": KEY, "aws_endpoint_url": "http://127.0.0.1:9", "region": "us-east-1"}
    home.mkdir(exist_ok=True)
    (home / "stack.json").write_text(
        json.dumps(fields | {"stack_name": "long-code-sms-local", "telnyx_public_key": ""})
    )
