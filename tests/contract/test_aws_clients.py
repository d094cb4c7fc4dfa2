"""What the settings of the AWS clients do: to what leaves, to how often a store is asked, to how long it may hang.

Nothing is sent: a request is answered before it leaves, or its socket is one of virtual time.
"""

import importlib.util
import io
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import aws_lambda_powertools
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ParamValidationError
from botocore.retries.standard import ExponentialBackoff

from devtools.local_stack import sam_template
from longcode.aws import clients
from longcode.domain.errors import Unavailable
from longcode.entrypoints import container
from tests.chance import showing
from tests.support.fakes import ROOT

TEMPLATE = sam_template.load(ROOT / "template.yaml")
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/send.fifo"

# Any: a client of botocore has its methods at run time.
Call = Callable[[Any], object]
CALLS: dict[str, Call] = {
    "dynamodb": lambda client: client.get_item(TableName="messages", Key={"pk": {"S": "M#1"}}),
    "sqs": lambda client: client.send_message(QueueUrl=QUEUE, MessageBody="{}", MessageGroupId="1"),
    "events": lambda client: client.put_events(Entries=[{"Source": "a", "DetailType": "b", "Detail": "{}"}]),
    "secretsmanager": lambda client: client.get_secret_value(SecretId="telnyx"),
}
# With a number where AWS wants words.
WRONG: dict[str, Call] = {
    "dynamodb": lambda client: client.get_item(TableName="messages", Key={"pk": {"S": 4711}}),
    "sqs": lambda client: client.send_message(QueueUrl=QUEUE, MessageBody=4711, MessageGroupId="1"),
    "events": lambda client: client.put_events(Entries=[{"Source": 4711, "DetailType": "b", "Detail": "{}"}]),
    "secretsmanager": lambda client: client.get_secret_value(SecretId=4711),
}
# What Powertools adds to the user agent of every session that is made after its import, as all are here.
POWERTOOLS = rf" PT/no-op/{re.escape(aws_lambda_powertools.__version__)} PTEnv/\S+"
# How often each is asked. The secret is read in the middle of a send.
TRIES = {"dynamodb": 3, "sqs": 3, "events": 3, "secretsmanager": 2}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


Started = Callable[..., ModuleType]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Started:
    """The module `longcode.aws.clients` of a process that has just started, in Lambda or elsewhere."""

    def started(*, in_lambda: bool = True) -> ModuleType:
        if in_lambda:
            monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "long-code-sms-queue")
        else:
            monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
        # It reads the environment when it is imported, and here it has been.
        spec = importlib.util.spec_from_file_location("clients_of_a_process", clients.__file__)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return started


class Body(io.BytesIO):
    """The body of an answer as urllib3 hands it over."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@dataclass
class Wire:
    """Takes the requests of a client in the place of the network, and answers them all alike."""

    status: int = 200
    content: bytes = b"{}"
    requests: list[AWSPreparedRequest] = field(default_factory=list)

    # Any: a client of botocore.
    def connect(self, client: Any) -> Any:
        """The client, whose requests come here from now on."""
        client.meta.events.register_first("before-send", self._take)
        return client

    def _take(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        self.requests.append(request)
        headers = {"Content-Type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, self.status, headers, Body(self.content))  # type: ignore[arg-type]  # urllib3's


def client_of(module: ModuleType, service: str) -> Any:
    """The client of a service, as the adapters get it."""
    return getattr(module, service)()


# --------------------------------------------------------------------------------------------- what leaves


def test_each_request_carries_one_short_user_agent(start: Started) -> None:
    module = start()
    for service, call in CALLS.items():
        with showing(service):
            wire = Wire()
            call(wire.connect(client_of(module, service)))

            (request,) = wire.requests
            said = request.headers["User-Agent"]
            agent = said.decode() if isinstance(said, bytes) else said
            # botocore's own would have the system, the processor, Python and the retries, in some 170 characters.
            assert re.fullmatch(rf"Botocore/[0-9.]+ long-code-sms{POWERTOOLS}", agent), agent


def test_in_lambda_a_wrong_parameter_reaches_aws_which_refuses_it(start: Started) -> None:
    module = start()
    refusal = json.dumps({"__type": "com.amazon.coral.validate#ValidationException", "message": "No"}).encode()
    for service, call in WRONG.items():
        with showing(service):
            wire = Wire(400, refusal)
            with pytest.raises(Unavailable), module.translated("The store"):
                call(wire.connect(client_of(module, service)))

            (request,) = wire.requests
            assert isinstance(request.body, bytes)
            assert b"4711" in request.body


def test_elsewhere_it_is_found_before_anything_leaves(start: Started) -> None:
    module = start(in_lambda=False)
    for service, call in WRONG.items():
        with showing(service):
            wire = Wire()
            with pytest.raises(ParamValidationError):
                call(wire.connect(client_of(module, service)))
            assert wire.requests == []


# ------------------------------------------------------------------------------------------ how often, how long


@dataclass
class Network:
    """Sockets of virtual time. How long a connection takes, in seconds, None: as long as it may; and an answer,
    None: for ever.
    """

    connects_s: float | None = 0.0
    answers_s: float | None = 0.0
    now_s: float = 0.0
    opened: int = 0
    # Called with each answer.
    meet: Callable[[], object] = lambda: None
    _pipes: list[int] = field(default_factory=list)

    def pass_s(self, duration_s: float) -> None:
        """Let time pass, as a pause does."""
        self.now_s += duration_s

    def connect(self, _address: object, timeout: float, *_: object, **__: object) -> "Socket":
        """urllib3's create_connection."""
        self.opened += 1
        takes_s = timeout if self.connects_s is None else self.connects_s
        self.pass_s(min(takes_s, timeout))
        if takes_s > timeout:
            raise TimeoutError
        readable, writable = os.pipe()
        self._pipes += [readable, writable]
        return Socket(self, readable)

    def close(self) -> None:
        """Give back what the sockets stood for."""
        for number in self._pipes:
            os.close(number)


@dataclass
class Socket:
    """As much of a socket as http.client and urllib3 use."""

    network: Network
    # Of a pipe that nothing comes from: urllib3 asks whether the other side has closed.
    descriptor: int
    timeout: float | None = None

    def settimeout(self, value: float | None) -> None:
        self.timeout = value

    def setsockopt(self, *_: object) -> None:
        pass

    def sendall(self, _content: object) -> None:
        pass

    def fileno(self) -> int:
        return self.descriptor

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        return io.BufferedReader(Answer(self))

    def shutdown(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass


class Answer(io.RawIOBase):
    """What is read from a socket: an empty answer, when it has come, or a time-out."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._left = io.BytesIO(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left.tell() == 0:
            self._wait()
        return self._left.readinto(buffer)

    def _wait(self) -> None:
        network, timeout = self._socket.network, self._socket.timeout
        network.meet()
        assert timeout is not None
        if network.answers_s is None or network.answers_s > timeout:
            network.pass_s(timeout)
            raise TimeoutError
        network.pass_s(network.answers_s)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """All sockets are of virtual time, and so are botocore's pauses, each as long as it may become."""
    made = Network()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.invalid")
    monkeypatch.setattr("urllib3.util.connection.create_connection", made.connect)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=made.pass_s))
    most, _, *rest = ExponentialBackoff.__init__.__defaults__ or ()
    monkeypatch.setattr(ExponentialBackoff.__init__, "__defaults__", (most, lambda: 1.0, *rest))
    yield made
    made.close()


def takes_s(network: Network, module: ModuleType, service: str) -> float:
    """How long a call takes that ends in `Unavailable`."""
    began_s = network.now_s
    with pytest.raises(Unavailable), module.translated("The store"):
        CALLS[service](client_of(module, service))
    return network.now_s - began_s


def test_a_store_that_is_down_is_asked_three_times_and_the_secret_store_twice(
    start: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    throttled = json.dumps({"__type": "x#ThrottlingException", "message": "Slow down"}).encode()
    for status, content in ((500, b"{}"), (503, b"<html>"), (400, throttled)):
        module = start()
        for service, call in CALLS.items():
            with showing(f"{service} {status}"):
                wire = Wire(status, content)
                with pytest.raises(Unavailable), module.translated("The store"):
                    call(wire.connect(client_of(module, service)))
                assert len(wire.requests) == TRIES[service]


def test_what_aws_refuses_for_good_is_asked_once(start: Started) -> None:
    module = start()
    failed = json.dumps({"__type": "x#ConditionalCheckFailedException", "Item": {"pk": {"S": "1"}}}).encode()
    wire = Wire(400, failed)
    client = wire.connect(module.dynamodb())
    with pytest.raises(module.ConditionFailed) as caught, module.translated("The store"):
        client.put_item(TableName="messages", Item={"pk": {"S": "1"}}, ConditionExpression="no")

    assert caught.value.item == {"pk": {"S": "1"}}
    assert len(wire.requests) == 1


def test_a_store_that_hangs_is_known_before_any_function_has_to_answer(start: Started, network: Network) -> None:
    globals_s = TEMPLATE["Globals"]["Function"]["Timeout"]
    least_s = min(one.get("Timeout", globals_s) for one in sam_template.functions(TEMPLATE).values())
    # The worst that can be: each try connects in the last moment, and no answer comes.
    network.connects_s = network.answers_s = None
    for service in ("dynamodb", "sqs", "events"):
        with showing(service):
            assert takes_s(network, start(), service) <= least_s - container._MARGIN_MS / 1000


def test_one_that_takes_connections_and_answers_none_costs_a_quarter_of_a_minute(
    start: Started, network: Network
) -> None:
    # So much is what the reconciler's gauges are reckoned with: two of them, and what is due, fit into its minute.
    network.answers_s = None
    for service in ("dynamodb", "sqs", "events"):
        with showing(service):
            assert takes_s(network, start(), service) == pytest.approx(15, abs=0.5)


def test_one_that_takes_no_connection_is_known_sooner(start: Started, network: Network) -> None:
    network.connects_s = 60.0
    for service in ("dynamodb", "sqs", "events"):
        with showing(service):
            assert takes_s(network, start(), service) <= 7


def test_the_secret_store_takes_seven_seconds_at_most_of_a_send(start: Started, network: Network) -> None:
    network.connects_s = network.answers_s = None
    assert takes_s(network, start(), "secretsmanager") <= 7
    assert network.opened == TRIES["secretsmanager"]


def test_a_store_that_is_slow_for_a_moment_is_waited_for(start: Started, network: Network) -> None:
    # The first packet of a connection that is lost is sent again after a second.
    network.connects_s, network.answers_s = 1.5, 4.0
    for number, service in enumerate(("dynamodb", "sqs", "events"), 1):
        with showing(service):
            CALLS[service](client_of(start(), service))
            assert network.opened == number


def test_calls_that_are_made_side_by_side_keep_their_connections(start: Started, network: Network) -> None:
    # A batch has ten workers, and each may write of a text while another reads. botocore's own number is ten.
    many = 32
    together = threading.Barrier(many)
    network.meet = lambda: together.wait(timeout=30)
    client = client_of(start(), "dynamodb")
    with ThreadPoolExecutor(many) as pool:
        for _ in range(2):
            list(pool.map(lambda _: CALLS["dynamodb"](client), range(many)))

    assert network.opened == many
