"""A deployed stack for the doctor to look at: AWS in this process, an API and a provider on loopback ports.

It is well when it is made, and each part of it can be made ill.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3

from devtools.local_stack import sam_template
from longcode.domain.errors import SignatureRefused
from longcode.domain.opt_outs import OptOutChange
from longcode.domain.outcomes import Receipt
from longcode.domain.status import Status
from longcode.telnyx import signature, webhook_settings
from longcode.use_cases import opt_outs
from longcode_cli import stack as stacks
from longcode_cli import template
from longcode_cli.commands.doctor import command as doctor
from longcode_cli.commands.doctor.case import Case, client
from tests.longcode_cli.world import API_KEY_ID, NAME, REGION, TEMPLATE, Ok, World, hooked, ident
from tests.telnyx_simulator.world import API_KEY, Running

GATEWAY_KEY = "the-key-of-our-programs"


@dataclass
class Front:
    """The deployed API as far as the doctor calls it. `answers` puts an answer in the place of a route's own."""

    public_key: str
    url: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    key: str = GATEWAY_KEY
    verifies: bool = True
    trusts_anybody: bool = False
    ahead_s: float = 0.0
    called: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        route = f"{method} {path.removeprefix('/v1')}".partition("/status/")[0]
        self.called.append(route)
        if route in self.answers:
            return self.answers[route]
        match route:
            case "GET /health":
                return 200, {"status": "healthy", "queue_size": 0}
            case "GET /sms" if headers.get("x-api-key") != self.key:
                return 403, {"error": "Send a valid API key.", "code": "forbidden"}
            case "GET /sms":
                return 404, {"error": "No message has this id.", "code": "not_found"}
            case "POST /webhooks/message":
                return self._webhook(headers, body)
        return 404, {"error": "There is no such route.", "code": "not_found"}

    def _webhook(self, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        try:
            if self.verifies and not (self.trusts_anybody and "telnyx-signature-ed25519" in headers):
                keys = [webhook_settings.public_key(self.public_key)]
                signature.verify(keys, headers, body, time.time_ns() // 1_000_000)
        except SignatureRefused as exc:
            return 401, {"error": str(exc), "code": exc.code}
        return 200, {"status": "acknowledged"}


@contextmanager
def serve(front: Front) -> Iterator[None]:
    """Serve `front` on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Or the body waits 40 ms for the head's acknowledgement.
        disable_nagle_algorithm = True

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, fields = front.answer(self.command, self.path, headers, body)
            raw = json.dumps(fields).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_DELETE = _do

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(time.time() + front.ahead_s, usegmt=True)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    front.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Report:
    """What the doctor says: whether nothing fails, and its findings by check."""

    healthy: bool
    rows: dict[str, dict[str, str]]
    limits: list[dict[str, Any]]

    @property
    def ill(self) -> dict[str, str]:
        """State of every check that is not ok."""
        return {name: row["state"] for name, row in self.rows.items() if row["state"] != "ok"}

    def found(self, check: str) -> str:
        return self.rows[check]["found"]

    def todo(self, check: str) -> str:
        return self.rows[check]["todo"]


@dataclass
class Clinic:
    """The stack, and the parts of it that a test makes ill."""

    world: World
    stack: dict[str, Any]
    front: Front
    provider: Running
    secret_id: str
    resources: dict[str, str]
    environments: dict[str, dict[str, str]]
    mappings: dict[str, list[dict[str, str]]]
    concurrency: int = 1000
    edited: dict[str, str] = field(default_factory=dict)
    gateway_key: dict[str, Any] = field(default_factory=lambda: {"value": GATEWAY_KEY, "enabled": True})
    calls: set[str] = field(default_factory=set)

    def examine(self, to: str | None = None) -> Report:
        """Have the doctor look at it as it is now, as the command does."""
        at = stacks.on_aws(NAME, None, REGION).complete()
        with client(at) as http:
            case = Case(at, http, lambda: time.time_ns() // 1_000_000, to)
            looked = [found for name in doctor.checks(to) if (found := doctor.look(name, case))]
            said = doctor.report_json(NAME, looked, case.limits)
        return Report(said["healthy"], {row["check"]: row for row in said["checks"]}, said["carrier_limits"])

    def set(self, parameter: str, value: str) -> None:
        """What DescribeStacks says of a parameter."""
        (row,) = [row for row in self.stack["Parameters"] if row["ParameterKey"] == parameter]
        row["ParameterValue"] = value

    def deploy(self, parameter: str, value: str) -> None:
        """Have the stack, and all of its functions, with another value of a parameter."""
        self.set(parameter, value)
        (name,) = [name for name, source in template.variables().items() if source == parameter]
        for environment in self.environments.values():
            if name in environment:
                environment[name] = value

    def webhooks_to(self, url: str) -> None:
        """Have the provider's webhooks go there: the profile's and the campaign's."""
        self.provider.control("profile", webhook_url=url)
        self.provider.control("registration", campaign={"webhook_url": url})

    def write_secret(self, text: str) -> None:
        boto3.client("secretsmanager", region_name=REGION).put_secret_value(
            SecretId=self.secret_id, SecretString=text
        )


def admit(world: World, stack: dict[str, Any], front: Front, provider: Running) -> Clinic:
    """A stack that is well, of what `deploy` made."""
    outputs = {row["OutputKey"]: row["OutputValue"] for row in stack["Outputs"]}
    refs = {
        name: outputs[output]
        for output, declared in TEMPLATE["Outputs"].items()
        if isinstance(declared["Value"], dict) and output in outputs
        for name in [declared["Value"].get("Ref")]
        if name
    }
    secret = boto3.client("secretsmanager", region_name=REGION).create_secret(Name="key", SecretString=API_KEY)
    functions = {
        name: row["FunctionName"]["Fn::Sub"].replace("${AWS::StackName}", NAME)
        for name, row in sam_template.functions(TEMPLATE).items()
    }
    resources = {**refs, **functions, "TelnyxSecret": secret["ARN"], "EventBus": NAME}
    for row in stack["Outputs"]:
        if row["OutputKey"] == "ApiUrl":
            row["OutputValue"] = front.url
    mappings = {
        f"{functions[name]}:live": [{"UUID": f"{name}-1", "State": "Enabled"}]
        for name in ("ConsumerFunction", "PublisherFunction")
    }
    clinic = Clinic(world, stack, front, provider, secret["ARN"], resources, {}, mappings)
    clinic.set("TelnyxBaseUrl", f"{provider.url}/v2")
    clinic.set("TelnyxPublicKey", provider.public_key)
    parameters = {row["ParameterKey"]: row["ParameterValue"] for row in stack["Parameters"]}
    known = {**resources, **parameters}
    for logical_id, name in functions.items():
        clinic.environments[name] = {
            variable: str(known.get(source, NAME)) for variable, source in template.variables(logical_id).items()
        }
    clinic.webhooks_to(f"{front.url}/webhooks/message")
    return clinic


@contextmanager
def services(clinic: Clinic) -> Iterator[None]:
    """The services of AWS that moto has not, or only with half of AWS installed beside it."""

    def configuration(path: str, query: dict[str, str]) -> dict[str, Any]:
        name = path.split("/")[-2]
        code = clinic.edited.get(name, "as published") if not query else "as published"
        return {"CodeSha256": code, "Environment": {"Variables": clinic.environments[name]}}

    def mappings(query: dict[str, str]) -> dict[str, Any]:
        return {"EventSourceMappings": clinic.mappings[query["FunctionName"]]}

    def key(path: str) -> dict[str, Any]:
        assert path.endswith(API_KEY_ID)
        return {"id": API_KEY_ID, **clinic.gateway_key}

    rows = [{"LogicalResourceId": name, "PhysicalResourceId": value} for name, value in clinic.resources.items()]
    answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "cloudformation.ListStackResources": lambda _: {"StackResourceSummaries": rows},
        "lambda.GetFunctionConfiguration": lambda params: configuration(
            params["url_path"], params["query_string"]
        ),
        "lambda.GetAccountSettings": lambda _: {"AccountLimit": {"ConcurrentExecutions": clinic.concurrency}},
        "lambda.ListEventSourceMappings": lambda params: mappings(params["query_string"]),
        "api-gateway.GetApiKey": lambda params: key(params["url_path"]),
    }

    def instead(reply: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., tuple[Ok, dict[str, Any]]]:
        return lambda params, **_: (Ok(), reply(params))

    def note(model: Any, **_: Any) -> None:
        clinic.calls.add(f"{model.service_model.signing_name}:{model.name}")

    replies = [(f"before-call.{name}", instead(reply)) for name, reply in answers.items()]
    with hooked(*replies, ("provide-client-params", note)):
        yield


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def opt_out(clinic: Clinic, number: str, source: str) -> None:
    now = now_ms()
    opt_outs.apply(clinic.world.stack.optouts, number, OptOutChange(now, True, source), now)


def delivered(clinic: Clinic) -> None:
    """A text that was delivered a moment ago, as a verified webhook reported."""
    now = now_ms()
    clinic.world.submit(ident(1), "telnyx-1", accepted_ms=now - 20_000)
    receipt = Receipt("event-1", "telnyx-1", Status.DELIVERED, "delivered", now - 10_000)
    clinic.world.stack.messages.record(ident(1), receipt, now - 10_000)
