"""What was deployed, where it differs from AWS on purpose, and what must not differ."""

import importlib.util
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from devtools.local_stack import deploy, invoke
from devtools.local_stack.layout import ROOT, Layout, Stack
from devtools.local_stack.release import ALIAS, alias_of

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))

# All that the service talks to.
SERVICES = ["dynamodb", "events", "s3", "secretsmanager", "sqs"]


def test_every_function_folder_is_deployed(stack: Stack) -> None:
    assert sorted(stack.functions) == FUNCTIONS


def test_the_layer_holds_few_files_and_says_what_is_in_it(stack: Stack) -> None:
    layer = Path(stack.build) / "DependenciesLayer" / "python"
    made = [path.name for path in layer.glob("*.dist-info")]

    # Half of them are time zones, and regions' numbers, of which a function reads those that it meets.
    assert sum(path.is_file() for path in layer.rglob("*")) < 2_300
    assert sorted(path.name for path in layer.glob("botocore/data/*") if path.is_dir()) == SERVICES
    assert not list(layer.rglob("RECORD"))
    # For a search for known faults in a deployed function.
    assert len(list(layer.glob("*.dist-info/METADATA"))) == len(made) > 10


def test_all_bytecode_is_of_its_source_and_good_whatever_time_a_file_has(stack: Stack) -> None:
    # Lambda can't write it, and what is packed for Lambda has one time for all files.
    found = {}
    for layer in ("DependenciesLayer", "LongcodeLayer"):
        for source in (Path(stack.build) / layer).rglob("*.py"):
            path = Path(importlib.util.cache_from_source(str(source)))
            head = path.read_bytes()[:16] if path.exists() else b""
            hashed = importlib.util.source_hash(source.read_bytes())
            # PEP 552: 1 in the flags is by hash, 2 would have it checked at each import.
            found[str(source)] = head == importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + hashed

    assert len(found) > 300
    assert [name for name, good in found.items() if not good] == []


def test_what_aws_clients_trust_is_five_roots_of_amazon(stack: Stack) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(Path(stack.build) / "DependenciesLayer" / "python" / "amazon-roots.pem")

    # Any: what typeshed calls a subject is wider than what it can be.
    roots: list[dict[str, Any]] = [*context.get_ca_certs()]
    names = [dict(pair for (pair,) in root["subject"])["commonName"] for root in roots]
    assert sorted(names) == [
        *(f"Amazon Root CA {number}" for number in range(1, 5)),
        "Starfield Services Root Certificate Authority - G2",
    ]


# Whom each client trusts; None leaves it to botocore.
TRUSTED = """
from longcode.aws import clients
for client in (clients.dynamodb, clients.sqs, clients.events, clients.secretsmanager):
    print(client()._endpoint.http_session._verify)
"""


@pytest.mark.parametrize(("region", "own"), [("us-east-1", True), ("eu-north-1", True), ("cn-north-1", False)])
def test_amazons_roots_are_trusted_where_aws_uses_them(stack: Stack, region: str, own: bool) -> None:
    packages = [Path(stack.build) / layer / "python" for layer in ("DependenciesLayer", "LongcodeLayer")]
    environment = {
        "PYTHONPATH": os.pathsep.join(map(str, packages)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    done = subprocess.run(
        [sys.executable, "-S", "-c", TRUSTED], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == [str(packages[0] / "amazon-roots.pem") if own else "True"] * 4


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_built_function_starts_on_nothing_but_its_layers(function: str) -> None:
    # What an event that is none comes to is each function's own matter: it must only get that far.
    answer, log = invoke.run(function, {})
    kind = answer.get("errorType", "") if isinstance(answer, dict) else ""
    assert not kind.startswith("Runtime."), f"{answer}\n{log}"


def test_a_built_function_runs_alone_with_the_variables_of_the_stack(
    stack: Stack, run_layout: Layout, anyone: httpx.Client
) -> None:
    event: dict[str, Any] = {
        "resource": "/health",
        "httpMethod": "GET",
        "path": "/health",
        "headers": {},
        "body": None,
        "isBase64Encoded": False,
    }
    answer, log = invoke.run("health", event, layout=run_layout)
    assert answer["statusCode"] == 200, log
    assert json.loads(answer["body"]).keys() == anyone.get("/health").json().keys()


def test_the_queue_is_worked_on_in_parallel_by_identical_mappings(stack: Stack, aws: Callable[[str], Any]) -> None:
    queue_arn = aws("sqs").get_queue_attributes(QueueUrl=stack.queue_url, AttributeNames=["QueueArn"])
    mappings = aws("lambda").list_event_source_mappings(EventSourceArn=queue_arn["Attributes"]["QueueArn"])
    found = mappings["EventSourceMappings"]
    assert len(found) == deploy.mappings_wanted()
    called = {":".join(mapping["FunctionArn"].rsplit(":", 2)[-2:]) for mapping in found}
    assert called == {alias_of(stack.functions["consumer"])}
    assert {
        (mapping["BatchSize"], tuple(mapping["FunctionResponseTypes"]), mapping["State"]) for mapping in found
    } == {(10, ("ReportBatchItemFailures",), "Enabled")}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_given_where_aws_and_the_provider_are(
    stack: Stack, aws: Callable[[str], Any], function: str
) -> None:
    deployed = aws("lambda").get_function_configuration(FunctionName=stack.functions[function], Qualifier=ALIAS)
    variables = deployed["Environment"]["Variables"]
    assert variables["AWS_ENDPOINT_URL"] == stack.aws_endpoint_url
    assert variables["TELNYX_BASE_URL"] == stack.telnyx_base_url
    assert variables["TELNYX_PUBLIC_KEY"] == stack.telnyx_public_key
    assert variables["WEBHOOK_URL"] == f"{stack.api_url}/webhooks/message"
    assert stack.parameters["TelnyxApiKey"] not in variables.values()


def test_a_functions_log_lines_are_in_the_log_group_of_the_template(
    stack: Stack,
    anyone: httpx.Client,
    aws: Callable[[str], Any],
    eventually: Callable[[Callable[[], Any]], Any],
) -> None:
    anyone.get("/health")
    logs = aws("logs")

    def messages() -> list[str]:
        events = logs.filter_log_events(logGroupName=stack.log_groups["health"])["events"]
        return [event["message"] for event in events if event["message"].startswith("REPORT")]

    assert eventually(messages)


def test_the_listener_is_bound_to_this_machine_only(stack: Stack) -> None:
    for url in (stack.aws_endpoint_url, stack.telnyx_base_url):
        assert httpx.URL(url).host == "127.0.0.1"
