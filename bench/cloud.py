"""What a function talks to while its start is measured: Lambda's runtime API; AWS and the provider over TLS."""

# All of it listens on 127.0.0.1 and runs in the process of the benchmark, outside of the quota. Behind the AWS
# side is moto, so that a function gets real answers; the provider takes every text.

import json
import re
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from moto import mock_aws

from longcode.aws.messages import DynamoMessages
from longcode.domain.message import Message
from longcode.domain.status import Status
from tests.contract.tables import REGION, create_queue, create_table
from tests.support.fakes.examples import TELNYX_ID, make_message

# The two messages that the sample events speak of.
WAITING = "5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a11"
SENT = "0b5f3a1c-6c1e-4a63-8f0e-3a4d3f5b7c22"

_SERVICES = {
    "DynamoDB_20120810": "dynamodb",
    "AmazonSQS": "sqs",
    "secretsmanager": "secretsmanager",
    "AWSEvents": "events",
}


class _Handler(BaseHTTPRequestHandler):
    """Answers in one write, so that no answer waits for an acknowledgement of its head."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        status, headers, content = self.server.answer(self.path, dict(self.headers.items()), body)
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


_Answer = tuple[int, dict[str, str], bytes]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    answer: Callable[[str, dict[str, str], bytes], _Answer]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that is killed in the middle is the rule here."""


@contextmanager
def _serving(answer: Callable[[str, dict[str, str], bytes], _Answer], tls: ssl.SSLContext | None) -> Iterator[int]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.answer = answer
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


@dataclass(slots=True)
class Call:
    """One cold start: the event to give, and what came of it. Moments are of time.perf_counter()."""

    event: Any
    timeout_s: float
    # Called where the function has started, before it gets the event.
    on_ready: Callable[[], None]
    # Called where it has answered.
    on_done: Callable[[], None]
    ready_at: float | None = None
    given_at: float = 0.0
    done_at: float | None = None
    answer: Any = None
    error: str | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class RuntimeApi:
    """Lambda's runtime API for one function at a time, and one invocation of it."""

    def __init__(self) -> None:
        self.call: Call | None = None

    def answer(self, path: str, _headers: dict[str, str], body: bytes) -> _Answer:
        """Any request of the runtime's client."""
        now, call = time.perf_counter(), self.call
        assert call
        kind = path.rpartition("/")[2]
        if kind == "next" and call.ready_at is None:
            call.ready_at = now
            call.on_ready()
            call.given_at = time.perf_counter()
            return self._next(call)
        if kind == "next":
            # There is no second event: the process is ended meanwhile.
            time.sleep(60)
        elif kind == "response":
            call.done_at = now
            call.on_done()
            call.answer = json.loads(body)
            call.ended.set()
        elif kind == "error":
            call.error = body.decode(errors="replace")[:2000]
            call.ended.set()
        return 202, {}, b"{}"

    @staticmethod
    def _next(call: Call) -> _Answer:
        deadline_ms = (time.time() + call.timeout_s) * 1000
        return (
            200,
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                "Lambda-Runtime-Deadline-Ms": str(round(deadline_ms)),
                "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{REGION}:123456789012:function:bench",
            },
            json.dumps(call.event).encode(),
        )


class Cloud:
    """AWS and the provider's API. `fresh` puts both into the state that the sample events suppose."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        # How long all requests took here, which is none of the function's doing.
        self.seconds = 0.0
        self.calls = 0
        # How long the provider takes for an answer.
        self.provider_ms = 0.0

    @contextmanager
    def fresh(self, texts: Sequence[Message] = ()) -> Iterator[dict[str, str]]:
        """New tables and queues, and `texts` in them; yields the variables that name them to a function."""
        with mock_aws():
            session: Any = boto3
            self._clients = {name: session.client(name, region_name=REGION) for name in _SERVICES.values()}
            tables = self._clients["dynamodb"]
            declared = ("MessagesTable", "LimitsTable", "WebhooksTable")
            names = {logical: create_table(tables, logical) for logical in declared}
            self._clients["events"].create_event_bus(Name="bench")
            self._clients["secretsmanager"].create_secret(Name="telnyx", SecretString="KEY0123456789")
            queue = create_queue(self._clients["sqs"], "SendQueue")
            self._fill(
                DynamoMessages(tables, names["MessagesTable"], retention_days=90, validity_minutes=1440), texts
            )
            self.seconds, self.calls = 0.0, 0
            yield {
                "MESSAGES_TABLE": names["MessagesTable"],
                "LIMITS_TABLE": names["LimitsTable"],
                "WEBHOOKS_TABLE": names["WebhooksTable"],
                "QUEUE_URL": queue,
                "EVENT_BUS": "bench",
                "TELNYX_SECRET_ID": "telnyx",
            }

    @staticmethod
    def _fill(messages: DynamoMessages, texts: Sequence[Message]) -> None:
        now = time.time_ns() // 1_000_000
        then = {"accepted_ms": now - 60_000, "updated_ms": now - 60_000}
        messages.accept(make_message(id=WAITING, **then))
        # As the answer to its send named it, so that its receipt is no news.
        named = {"carrier": "t_mobile", "line_type": "wireless"}
        sent = {"status": Status.SUBMITTED, "claim_id": "c", "attempts": 1, "telnyx_id": TELNYX_ID}
        messages.accept(make_message(id=SENT, **sent, **named, **then))
        for text in texts:
            messages.accept(text)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> _Answer:
        """Any request to AWS or to the provider."""
        started = time.perf_counter()
        named = {name.lower(): value for name, value in headers.items()}
        target = named.get("x-amz-target")
        if not target:
            # Outside of the lock: it takes many at once.
            time.sleep(self.provider_ms / 1000)
        with self._lock:
            done = self._aws(target, body) if target else self._provider(path)
            self.seconds += time.perf_counter() - started
            self.calls += 1
        return done

    def _aws(self, target: str, body: bytes) -> _Answer:
        prefix, _, operation = target.partition(".")
        client = self._clients[_SERVICES[prefix]]
        kind = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "BENCH"}
        method = getattr(client, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())
        try:
            found = method(**json.loads(body))
        except ClientError as exc:
            fields = {"__type": f"com.amazonaws#{exc.response['Error']['Code']}", **exc.response}
            return 400, kind, json.dumps(fields, default=str).encode()
        found.pop("ResponseMetadata", None)
        return 200, kind, json.dumps(found, default=_plain).encode()

    @staticmethod
    def _provider(path: str) -> _Answer:
        taken = {"id": str(uuid.uuid4()), "to": [{"status": "queued"}], "parts": 1}
        data = taken if path.endswith("/messages") else []
        return 200, {"Content-Type": "application/json"}, json.dumps({"data": data}).encode()


def _plain(value: object) -> object:
    return value.timestamp() if isinstance(value, datetime) else str(value)


@contextmanager
def running(folder: Path) -> Iterator[tuple[RuntimeApi, int, Cloud, int]]:
    """Both of them with their ports. `folder` gets `root.pem`, the root that the TLS side's certificate is of."""
    api, cloud = RuntimeApi(), Cloud()
    with _serving(api.answer, None) as api_port, _serving(cloud.answer, _tls(folder)) as cloud_port:
        yield api, api_port, cloud, cloud_port


def _tls(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1, with keys as long as AWS's, and its root."""
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("bench root", "127.0.0.1")]
    root = _certificate(names[0], names[0], keys[0], keys[0], ca=True)
    leaf = _certificate(names[1], names[0], keys[1], keys[0], ca=False)
    (folder / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    secret = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(secret + leaf.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, signer: rsa.RSAPrivateKey, *, ca: bool
) -> x509.Certificate:
    now, public = datetime.now(UTC), signer.public_key()
    usage = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    # All of these, as Python's default context is strict.
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_encipherment=not ca, key_cert_sign=ca, crl_sign=ca, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(signer, hashes.SHA256())
    )
