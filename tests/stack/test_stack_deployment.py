"""What was deployed, where it differs from AWS on purpose, and what must not differ."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import deploy, invoke
from local.layout import ROOT, Layout, Stack
from local.release import ALIAS, alias_of

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))

# All that the service talks to.
SERVICES = ["dynamodb", "events", "lambda", "secretsmanager", "sqs"]


def test_every_function_folder_is_deployed(stack: Stack) -> None:
    assert sorted(stack.functions) == FUNCTIONS


def test_the_layer_holds_few_files_and_says_what_is_in_it(stack: Stack) -> None:
    layer = Path(stack.build) / "DependenciesLayer" / "python"
    made = [path.name for path in layer.glob("*.dist-info")]

    assert sum(path.is_file() for path in layer.rglob("*")) < 1_100
    assert sorted(path.name for path in layer.glob("botocore/data/*") if path.is_dir()) == SERVICES
    assert not list(layer.rglob("RECORD"))
    # For whoever looks for known faults in a deployed function.
    assert len(list(layer.glob("*.dist-info/METADATA"))) == len(made) > 10


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
def test_a_function_is_told_where_aws_and_the_carrier_are(
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
