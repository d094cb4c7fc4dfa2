"""Our own client over real connections: to a server that answers in pieces, and to the simulated provider."""

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from longcode.domain.outcomes import Answer, Verdict
from longcode.outbound import transport
from longcode.telnyx.client import Telnyx
from tests.support.fakes.examples import TELNYX_ID, make_message
from tests.telnyx_simulator.world import PATIENCE_S

pytestmark = pytest.mark.enable_socket

MESSAGE = make_message()
# How long a send may take here, and how much later a busy machine may notice it. What has no deadline, or one that
# each byte renews, takes longer than both.
SEND_S, LATE_S = 0.15, 3.0
YES = json.dumps({"data": {"id": TELNYX_ID, "to": [{"status": "queued"}]}}).encode()
REFUSED = json.dumps({"errors": [{"code": "10009", "title": "Authentication failed"}]}).encode()


def http(status: int, content: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + content


@dataclass
class Server:
    """It reads a request, then does the next of `script` with the connection; keeps what it was asked."""

    url: str
    script: list[Callable[[socket.socket, threading.Event], None]]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


def says(content: bytes) -> Callable[[socket.socket, threading.Event], None]:
    return lambda connection, _over: connection.sendall(content)


def drips(before: bytes, dripped: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """`before` at once, then one byte of `dripped` each 20 ms, again and again."""

    def drip(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(before)
        while True:
            for byte in dripped:
                if over.wait(0.02):
                    return
                connection.sendall(bytes([byte]))

    return drip


def hangs(_connection: socket.socket, over: threading.Event) -> None:
    over.wait(5)


def whole_request(stream: socket.socket) -> bytes:
    """One request with its body, empty if the client has no more."""
    asked = b""
    while b"\r\n\r\n" not in asked or len(asked.partition(b"\r\n\r\n")[2]) < int(
        asked.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0
    ):
        more = stream.recv(65_536)
        if not more:
            return b""
        asked += more
    return asked


def serve(server: "Server", connection: socket.socket, over: threading.Event, tls: ssl.SSLContext | None) -> None:
    # The client goes away in the middle, which is what is tried here.
    with (
        connection,
        suppress(OSError),
        tls.wrap_socket(connection, server_side=True) if tls else connection as stream,
    ):
        while asked := whole_request(stream):
            server.requests.append(asked)
            server.script.pop(0)(stream, over)


@contextmanager
def serving(
    *script: Callable[[socket.socket, threading.Event], None], tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    scheme = "https" if tls else "http"
    server = Server(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/v2", list(script))
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connections.append(connection)
            server.connections += 1
            threads.append(threading.Thread(target=serve, args=(server, connection, over, tls)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    yield server
    over.set()
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    for connection in connections:
        # One that the client has closed already is closed all the same.
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    for thread in (accepting, *threads):
        thread.join(PATIENCE_S)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with transport.client() as made:
        yield made


def timed(client: httpx.Client, url: str, send_s: float = SEND_S) -> tuple[Answer, float]:
    """What one send came to, and how long it took."""
    provider = Telnyx(client, url, lambda fresh: "KEY_new" if fresh else "KEY_old", send_s=send_s)
    started = time.monotonic()
    answer = provider.send(MESSAGE)
    return answer, time.monotonic() - started


HEAD = b"HTTP/1.1 200 OK\r\n"
SLOW = [
    pytest.param(drips(b"", HEAD + b"x: y\r\n" * 99), id="from-the-first-byte"),
    pytest.param(drips(HEAD, b"x-filler: abc\r\n"), id="headers"),
    pytest.param(drips(HEAD + b"content-length: 1000\r\n\r\n", b" "), id="body"),
    pytest.param(drips(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"), id="chunks"),
    pytest.param(drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="words-before-the-answer"),
    pytest.param(hangs, id="nothing-at-all"),
]


@pytest.mark.parametrize("answering", SLOW)
def test_a_send_ends_in_its_time_however_slowly_the_answer_comes(
    client: httpx.Client, answering: Callable[[socket.socket, threading.Event], None]
) -> None:
    with serving(answering, says(http(200, YES))) as server:
        answer, took_s = timed(client, server.url)
        again, _ = timed(client, server.url, send_s=PATIENCE_S)

    assert answer.verdict is Verdict.AMBIGUOUS
    assert answer.fault
    assert (answer.fault.code, answer.fault.detail) == ("provider_no_answer", "ReadTimeout")
    assert took_s < SEND_S + LATE_S
    # Nothing of the first answer is taken for one to the next request.
    assert (again.verdict, server.connections, len(server.requests)) == (Verdict.ACCEPTED, 2, 2)


def test_an_answer_without_an_end_is_left_before_it_takes_all_memory(client: httpx.Client) -> None:
    def floods(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        try:
            while not over.is_set():
                connection.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        except OSError:
            # It was hung up on.
            return

    with serving(floods) as server:
        answer, took_s = timed(client, server.url, send_s=PATIENCE_S)

    assert answer.verdict is Verdict.AMBIGUOUS
    assert answer.fault
    assert (answer.fault.code, answer.fault.detail) == ("provider_no_answer", "RemoteProtocolError")
    assert took_s < PATIENCE_S


def test_a_second_request_under_a_new_key_has_only_what_the_first_has_left(client: httpx.Client) -> None:
    with serving(says(http(401, REFUSED)), drips(HEAD, b"x: y\r\n")) as server:
        started = time.monotonic()
        # Long enough for the second to be tried at all: 3 s must be left.
        provider = Telnyx(
            client, server.url, lambda fresh: str(fresh), monotonic_s=lambda: started - 7.0, send_s=7.2
        )
        answer = provider.send(MESSAGE)
        took_s = time.monotonic() - started

    assert answer.verdict is Verdict.AMBIGUOUS
    assert len(server.requests) == 2
    assert took_s < 0.2 + LATE_S


def test_an_answer_in_time_is_read_whole_and_its_connection_used_again(client: httpx.Client) -> None:
    packed = gzip.compress(YES)
    with serving(says(http(200, packed, "Content-Encoding: gzip")), says(http(200, YES))) as server:
        answers = [timed(client, server.url, send_s=PATIENCE_S)[0] for _ in range(2)]

    assert [answer.telnyx_id for answer in answers] == [TELNYX_ID] * 2
    assert server.connections == 1
    assert MESSAGE.id.encode() in server.requests[0]


def test_the_deadline_of_one_thread_is_not_that_of_another(client: httpx.Client) -> None:
    def late(connection: socket.socket, over: threading.Event) -> None:
        over.wait(SEND_S * 2)
        connection.sendall(http(200, YES))

    results: list[Answer] = []
    with serving(hangs) as slow, serving(late) as patient:
        thread = threading.Thread(target=lambda: results.append(timed(client, patient.url, send_s=PATIENCE_S)[0]))
        thread.start()
        hasty, _ = timed(client, slow.url)
        thread.join(PATIENCE_S)

    assert hasty.verdict is Verdict.AMBIGUOUS
    assert [answer.verdict for answer in results] == [Verdict.ACCEPTED]


def named(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the name provider.test have these addresses."""
    resolve = socket.getaddrinfo

    # Any: whatever the standard library's function takes.
    def found(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        hosts = addresses if host == "provider.test" else (host,)
        return [row for each in hosts for row in resolve(each, port, *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_a_name_is_tried_at_each_of_its_addresses(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens at the first.
    named(monkeypatch, "127.0.0.2", "127.0.0.1")
    with serving(says(http(200, YES))) as server:
        answer, _ = timed(client, server.url.replace("127.0.0.1", "provider.test"), send_s=PATIENCE_S)

    assert answer.verdict is Verdict.ACCEPTED


def test_a_name_none_of_whose_addresses_answers_is_proven_not_sent_in_time(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(monkeypatch, *["127.0.0.1"] * 4)
    # Its queue is full, so a connection gets no answer.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        answer, took_s = timed(client, f"http://provider.test:{full.getsockname()[1]}/v2")

    assert (answer.verdict, answer.fault and answer.fault.detail) == (Verdict.NOT_SENT, "ConnectTimeout")
    assert took_s < SEND_S + LATE_S


def test_a_refused_connection_is_proven_not_sent(client: httpx.Client) -> None:
    with serving() as server:
        pass

    answer, _ = timed(client, server.url)

    assert (answer.verdict, answer.fault and answer.fault.detail) == (Verdict.NOT_SENT, "ConnectError")


def test_a_name_that_is_none_is_proven_not_sent(client: httpx.Client) -> None:
    answer, _ = timed(client, "http://" + "a" * 64 + ".invalid/v2")

    assert (answer.verdict, answer.fault and answer.fault.code) == (Verdict.NOT_SENT, "provider_unreachable")


def test_a_connection_that_is_never_secured_is_proven_not_sent_in_time(client: httpx.Client) -> None:
    with serving(hangs) as server:
        answer, took_s = timed(client, server.url.replace("http:", "https:"))

    assert (answer.verdict, answer.fault and answer.fault.detail) == (Verdict.NOT_SENT, "ConnectTimeout")
    assert took_s < SEND_S + LATE_S


def certificate(path: Path, until: datetime) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - timedelta(days=2))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_an_expired_certificate_is_proven_not_sent(client: httpx.Client, tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate(tmp_path / "server.pem", datetime.now(UTC) - timedelta(days=1)))
    with serving(tls=tls) as server:
        answer, _ = timed(client, server.url, send_s=PATIENCE_S)

    assert (answer.verdict, answer.fault and answer.fault.detail) == (Verdict.NOT_SENT, "ConnectError")
    assert server.requests == []
