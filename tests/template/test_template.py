"""What deploys: the facts of AWS that linters do not know."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.local_stack import sam_template
from longcode.domain import destinations, pacing
from longcode.entrypoints.routes import ROUTES
from longcode_cli.template import variables
from tests.chance import showing

ROOT = Path(__file__).parents[2]


TEMPLATE = sam_template.load(ROOT / "template.yaml")
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
GLOBALS = TEMPLATE["Globals"]["Function"]
FUNCTIONS = {name: r for name, r in RESOURCES.items() if r["Type"] == "AWS::Serverless::Function"}


def properties(name: str) -> dict[str, Any]:
    """The properties of one resource."""
    found: dict[str, Any] = RESOURCES[name]["Properties"]
    return found


def timeout(name: str) -> int:
    """A function's timeout, seconds."""
    return int(properties(name).get("Timeout", GLOBALS["Timeout"]))


def statements(name: str) -> Iterator[dict[str, Any]]:
    """What a function alone may do; test_template_security.py looks at what each one has."""
    for policy in properties(name).get("Policies", []):
        yield from (one for one in policy["Statement"] if one.get("Effect") == "Allow")


def test_the_queue_hides_a_message_for_six_consumer_timeouts() -> None:
    assert properties("SendQueue")["VisibilityTimeout"] >= 6 * timeout("ConsumerFunction")


@pytest.mark.parametrize("queue", ["SendQueue", "BulkQueue", "DeadLetterQueue"])
def test_both_queues_are_fifo_with_both_high_throughput_attributes(queue: str) -> None:
    queue_properties = properties(queue)
    assert queue_properties["FifoQueue"] is True
    assert queue_properties["DeduplicationScope"] == "messageGroup"
    assert queue_properties["FifoThroughputLimit"] == "perMessageGroupId"


def test_dead_letters_go_to_the_fifo_queue_and_outlive_the_queue_itself() -> None:
    redrive = properties("SendQueue")["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    kept = properties("DeadLetterQueue")["MessageRetentionPeriod"]
    assert kept >= properties("SendQueue")["MessageRetentionPeriod"]


def test_waiting_does_not_use_up_the_receives_of_a_weekend() -> None:
    paused_ms, receives = 0, 0
    while paused_ms < 64 * 3_600_000:
        paused_ms += pacing.recheck_ms(0, paused_ms)
        receives += 1
    assert properties("SendQueue")["RedrivePolicy"]["maxReceiveCount"] > receives


def test_the_consumer_takes_at_most_ten_and_answers_for_each_and_waits_for_no_batch() -> None:
    mapping = properties("ConsumerMapping")
    assert mapping["BatchSize"] <= 10
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "MaximumBatchingWindowInSeconds" not in mapping
    # An unmatched message would be deleted.
    assert "FilterCriteria" not in mapping


def test_the_consumer_may_hide_a_message_of_its_own_queue() -> None:
    allowed = [s for s in statements("ConsumerFunction") if "sqs:ChangeMessageVisibility" in s["Action"]]
    assert [s["Resource"] for s in allowed] == [
        [{"Fn::GetAtt": ["SendQueue", "Arn"]}, {"Fn::GetAtt": ["BulkQueue", "Arn"]}]
    ]


def test_each_function_logs_to_a_group_of_its_own_that_forgets() -> None:
    for name in FUNCTIONS:
        with showing(name):
            group = properties(name)["LoggingConfig"]["LogGroup"]["Ref"]
            assert properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}
            assert properties(group)["LogGroupName"]["Fn::Sub"].endswith(
                properties(name)["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}")
            )


def test_log_lines_below_warning_are_kept_because_metrics_are_such_lines() -> None:
    for name in FUNCTIONS:
        logging = GLOBALS["LoggingConfig"] | properties(name)["LoggingConfig"]
        assert logging.get("ApplicationLogLevel", "INFO") == "INFO"


def test_the_messages_survive_a_mistake() -> None:
    table = RESOURCES["MessagesTable"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["Properties"]["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"


@pytest.mark.parametrize("table", ["MessagesTable", "LimitsTable"])
def test_both_tables_are_on_demand_and_forget_by_the_same_attribute(table: str) -> None:
    assert properties(table)["BillingMode"] == "PAY_PER_REQUEST"
    assert properties(table)["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_provider_key_is_never_echoed_and_never_in_an_environment() -> None:
    assert TEMPLATE["Parameters"]["TelnyxApiKey"]["NoEcho"] is True
    assert properties("TelnyxSecret")["SecretString"] == {"Ref": "TelnyxApiKey"}
    for name in FUNCTIONS:
        own = properties(name).get("Environment", {}).get("Variables", {})
        variables = GLOBALS["Environment"]["Variables"] | own
        assert {"Ref": "TelnyxApiKey"} not in variables.values()


def test_every_route_asks_for_a_key_but_the_webhook_health_and_what_is_no_route() -> None:
    assert properties("Api")["Auth"]["ApiKeyRequired"] is True
    open_paths = {
        event["Properties"]["Path"]
        for function in FUNCTIONS.values()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "Api" and event["Properties"].get("Auth", {}).get("ApiKeyRequired") is False
    }
    assert open_paths == {
        "/webhooks/message",
        "/webhooks/message/{message_id}",
        "/health",
        "/openapi.json",
        "/{proxy+}",
    }


def test_the_api_hands_bodies_on_as_they_came() -> None:
    # BinaryMediaTypes would base64-encode them, and the signature is over the raw bytes.
    assert "BinaryMediaTypes" not in properties("Api")


def test_every_refusal_of_the_gateway_has_the_shape_of_the_api() -> None:
    for response in properties("Api")["GatewayResponses"].values():
        fields = yaml.safe_load(response["ResponseTemplates"]["application/json"])
        assert set(fields) == {"error", "code"}


def routes() -> dict[tuple[str, str], bool]:
    """(method, path) of every route of ours, and whether it needs a key."""
    return {
        (event["Properties"]["Method"], event["Properties"]["Path"]): event["Properties"]
        .get("Auth", {})
        .get("ApiKeyRequired", True)
        for function in FUNCTIONS.values()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "Api" and event["Properties"]["Path"] != "/{proxy+}"
    }


def test_the_table_of_routes_is_the_templates() -> None:
    assert {(route.method, route.path): route.scope is not None for route in ROUTES} == routes()


def test_a_function_with_a_route_that_needs_a_key_knows_the_stacks_own_and_may_look_up_others() -> None:
    needing = {
        name
        for name, function in FUNCTIONS.items()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "Api" and event["Properties"].get("Auth", {}).get("ApiKeyRequired", True)
    }
    assert len(needing) == 9
    for name in needing:
        assert variables(name)["STACK_KEY_ID"] == "ApiKey", name
        # Some may read any item of that table.
        reads = [
            statement.get("Condition", {})
            for policy in properties(name)["Policies"]
            for statement in policy["Statement"]
            if isinstance(statement, dict)
            and "dynamodb:GetItem" in str(statement.get("Action"))
            and statement["Effect"] == "Allow"
            and statement["Resource"] == {"Fn::GetAtt": ["MessagesTable", "Arn"]}
        ]
        assert any(not condition or "K#*" in str(condition) for condition in reads), name


def test_the_catch_all_takes_every_method_that_a_client_may_try() -> None:
    methods = {event["Properties"]["Method"] for event in properties("FallbackFunction")["Events"].values()}
    assert methods == {"GET", "POST", "PUT", "PATCH", "DELETE"}


def test_every_setting_that_the_code_reads_is_in_the_environment() -> None:
    source = (ROOT / "layers/longcode/python/longcode/entrypoints/config.py").read_text()
    read = set(re.findall(r'(?:text|number|env\.get)\("([A-Z_]+)"', source))
    assert read
    assert read <= set(variables())


def test_the_template_takes_the_destinations_that_the_code_takes() -> None:
    cases: list[str] = [
        "",
        "+1",
        "+1,+44:500",
        " +1876:50 , *:9,",
        "*",
        "*:1",
        ",",
        "1",
        "+",
        "+0",
        "+44:0",
        "+44:",
        "+1 +44",
        "+1,*:0",
        "US",
        "+1234567890123456",
        "+44:9999999999",
    ]
    for setting in cases:
        with showing(setting):
            taken = (
                re.fullmatch(TEMPLATE["Parameters"]["AllowedDestinations"]["AllowedPattern"], setting) is not None
            )

            try:
                meant = bool(not setting or destinations.parse(setting))
            except ValueError:
                meant = False

            assert taken is meant


def test_no_claim_outlives_its_function() -> None:
    from longcode.domain.message import CLAIM_MS

    assert max(timeout(name) for name in FUNCTIONS) * 1000 < CLAIM_MS


def test_each_function_has_its_folder_and_its_sample_event() -> None:
    for name in FUNCTIONS:
        with showing(name):
            folder = Path(properties(name)["CodeUri"])
            assert (ROOT / folder / "app.py").is_file()
            # With a requirements file SAM would look for a Python of its own.
            assert not (ROOT / folder / "requirements.txt").exists()
            assert list((ROOT / "events").glob(f"{folder.name}*.json"))


def test_cloudwatch_may_use_the_topic_that_alarms_go_to() -> None:
    # The key that AWS manages for SNS lets only SNS in, and that policy can't be edited.
    assert "KmsMasterKeyId" not in RESOURCES["AlarmTopic"].get("Properties", {})
