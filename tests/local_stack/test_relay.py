"""The relay that lets containers reach the stack, on another loopback address in the place of Docker's bridge."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from devtools.local_stack import relay
from devtools.local_stack.layout import ROOT
from devtools.local_stack.problems import LocalError

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.skipif(sys.platform != "linux", reason="Only Linux has more loopback addresses than one."),
]
BRIDGE = "127.0.0.9"


class Echo(BaseHTTPRequestHandler):
    """Answers with what was posted."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server on the loopback address."""
    with ThreadingHTTPServer((relay.LOOPBACK, 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


def refused(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((BRIDGE, port)) != 0


def test_what_comes_to_the_bridge_goes_to_the_stack_and_back(port: int) -> None:
    body = os.urandom(1_000_000)
    with relay.relayed(BRIDGE, [port]):
        answers = [httpx.post(f"http://{BRIDGE}:{port}/", content=body, trust_env=False) for _ in range(3)]

    assert [answer.content for answer in answers] == [body] * 3


def test_after_it_nothing_listens_there(port: int) -> None:
    assert refused(port)
    with relay.relayed(BRIDGE, [port]):
        assert not refused(port)
    assert refused(port)


def test_it_is_ended_by_an_error_inside_too_and_while_a_connection_is_open(port: int) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        relay.relayed(BRIDGE, [port]),
        socket.create_connection((BRIDGE, port)),
    ):
        raise ZeroDivisionError
    assert refused(port)


def test_a_stack_that_is_gone_ends_the_connection(port: int) -> None:
    with socket.socket() as free:
        free.bind((relay.LOOPBACK, 0))
        nothing = free.getsockname()[1]
    with relay.relayed(BRIDGE, [nothing]), socket.create_connection((BRIDGE, nothing), timeout=5) as client:
        assert client.recv(1) == b""


def test_an_address_that_is_taken_says_what_to_do(port: int) -> None:
    with (
        relay.relayed(BRIDGE, [port]),
        pytest.raises(LocalError, match="can't be let in") as raised,
        relay.relayed(BRIDGE, [port]),
    ):
        pass
    assert "Another relay runs already" in (raised.value.hint or "")


def test_an_address_of_another_machine_says_what_to_do() -> None:
    with pytest.raises(LocalError, match=r"192\.0\.2\.1"), relay.relayed("192.0.2.1", [8]):
        pass


def test_without_an_address_there_is_nothing_to_relay(port: int) -> None:
    with relay.relayed(None, [port]):
        assert refused(port)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ([{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}], "172.17.0.1"),
        ([{"Subnet": "172.17.0.0/16"}], "172.17.0.1"),
        ([{"Subnet": "10.1.2.0/24", "Gateway": "10.1.2.254"}, {"Subnet": "fd00::/64"}], "10.1.2.254"),
    ],
)
def test_the_bridge_is_found_in_what_docker_prints(settings: list[dict[str, str]], address: str) -> None:
    assert relay.gateway([{"IPAM": {"Config": settings}}]) == address


def test_a_client_of_docker_without_an_engine_is_no_engine(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)
    asked = "from devtools.local_stack import relay; print(relay.docker_answers())"

    def answers(path: str) -> str:
        environment = {"PATH": path, "PYTHONPATH": f"{ROOT}:{ROOT}/layers/longcode/python"}
        done = subprocess.run(
            [sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert answers(str(tmp_path)) == "False"
    assert answers("/nowhere") == "False"
    docker.write_text("#!/bin/sh\nexit 0\n")
    assert answers(str(tmp_path)) == "True"
