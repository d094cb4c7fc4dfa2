"""A receiver on this machine, over HTTP or HTTPS, that answers as a test says and keeps what it was sent."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        """All that it has under a name."""
        return [value for known, value in self.headers if known.lower() == name.lower()]


# Writes an answer to a connection.
Answer = Callable[[BaseHTTPRequestHandler], None]


def plain(status: int = 200, body: bytes = b"ok", **headers: str) -> Answer:
    """An answer of one piece; `_` in the name of a header stands for a hyphen."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return write


@dataclass
class Receiver:
    """What a test sees of a server: its port, who connected, what was asked, and what it answers."""

    port: int
    answer: Answer = field(default_factory=plain)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    # Ends an answer that goes on and on.
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiver(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A server on a port of its own, gone when the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                # The client has had enough.
                self.close_connection = True

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            seen.asked.append(Asked(self.command, self.path, self.headers.items(), body))
            seen.answer(self)

        do_GET = do_POST = serve  # http.server looks for them under these names

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

        def get_request(self) -> tuple[socket.socket, object]:
            connection, address = self.socket.accept()
            seen.connections += 1
            # Its greetings are exchanged in the thread of the connection.
            return (
                tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) if tls else connection
            ), address

        def handle_error(self, *_: object) -> None:
            pass

    with Server((host, 0), Handler) as server:
        seen = Receiver(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield seen
        finally:
            seen.over.set()
            server.shutdown()
            thread.join()


@dataclass(frozen=True, slots=True)
class Authority:
    """Someone who vouches for servers: what a client trusts, and what a server shows."""

    trusted: ssl.SSLContext
    server: ssl.SSLContext


def authority(folder: Path, name: str, *, days: int = 1) -> Authority:
    """A certificate for a name, which vouches for itself; with negative `days` it has ended."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_alternative(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, secret)
    return Authority(ssl.create_default_context(cafile=str(chain)), server)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
