"""The nested stack of operations/template.yaml: dashboard, alarms and saved queries, compared with the rest.

Whether what they name is really emitted, and whether each alarm can go off, is tested over a live stack:
tests/stack/test_stack_telemetry.py.
"""

import json
import re
from functools import cache
from typing import Any

import pytest

from devtools.local_stack import sam_template
from longcode.domain import monitoring as basic
from longcode.domain.metrics import DIMENSIONS, NAMESPACE, Metric
from tests.support.fakes import ROOT
from tests.template import nested

TEMPLATE = sam_template.load(ROOT / "template.yaml")
RESOURCES = TEMPLATE["Resources"]
STACK = "${AWS::StackName}"
MONITORING = pytest.mark.parametrize("monitoring", nested.MONITORING)


def alarms(monitoring: str) -> dict[str, dict[str, Any]]:
    return nested.of_type("Operations", "AWS::CloudWatch::Alarm", monitoring)


def queries(monitoring: str) -> dict[str, dict[str, Any]]:
    return nested.of_type("Operations", "AWS::Logs::QueryDefinition", monitoring)


@cache
def widgets(monitoring: str) -> list[dict[str, Any]]:
    (dashboard,) = nested.of_type("Operations", "AWS::CloudWatch::Dashboard", monitoring).values()
    found: list[dict[str, Any]] = json.loads(dashboard["DashboardBody"])["widgets"]
    return found


ALARMS = alarms("full")
PUBLISHED_WITH_BASIC = {metric.value for metric in basic.PUBLISHED} | set(basic.SUMS)


def alarm_metrics(alarm: dict[str, Any]) -> list[tuple[str, str, set[str]]]:
    """Namespace, name and dimensions of each metric that an alarm looks at."""
    single = [alarm] if "MetricName" in alarm else []
    rows = single + [row["MetricStat"]["Metric"] for row in alarm.get("Metrics", []) if "MetricStat" in row]
    return [(row["Namespace"], row["MetricName"], {d["Name"] for d in row.get("Dimensions", ())}) for row in rows]


def test_the_emulator_never_sees_it() -> None:
    assert RESOURCES["Operations"]["Condition"] == "OnAws"
    assert TEMPLATE["Conditions"]["OnAws"] == {"Fn::Equals": [{"Ref": "AwsEndpointUrl"}, ""]}


def test_no_template_is_too_large_to_be_read() -> None:
    # CloudFormation takes 1 MB from a bucket; these are for the reader.
    for path in sam_template.files(ROOT / "template.yaml")[1:]:
        lines = path.read_text().splitlines()
        assert len(lines) <= 500, path
        assert max(map(len, lines)) <= 300, path


# ------------------------------------------------------------------------------------------ the functions

# The folders are the list that everything else is compared with.
FUNCTIONS = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}


def watched(alarm: str, metric: str) -> set[str]:
    """The functions that an alarm looks at by a metric of Lambda's."""
    stats = [row["MetricStat"]["Metric"] for row in ALARMS[alarm]["Metrics"] if "MetricStat" in row]
    return {
        dimension["Value"].removeprefix(f"{STACK}-")
        for row in stats
        if (row["Namespace"], row["MetricName"]) == ("AWS/Lambda", metric)
        for dimension in row["Dimensions"]
    }


def asked(groups: list[str]) -> set[str]:
    """The functions whose log groups these are."""
    return {group.removeprefix(f"/aws/lambda/{STACK}-") for group in groups}


def test_the_template_has_a_function_and_a_log_group_for_each_folder() -> None:
    functions = sam_template.functions(TEMPLATE).values()
    assert {one["CodeUri"].removeprefix("functions/") for one in functions} == FUNCTIONS
    assert {one["FunctionName"]["Fn::Sub"] for one in functions} == {f"{STACK}-{name}" for name in FUNCTIONS}
    groups = [r["Properties"] for r in RESOURCES.values() if r["Type"] == "AWS::Logs::LogGroup"]
    assert asked([group["LogGroupName"]["Fn::Sub"] for group in groups]) == FUNCTIONS


def test_the_errors_of_each_function_are_watched_by_one_of_the_two_alarms() -> None:
    first, lesser = (watched(alarm, "Errors") for alarm in ("FunctionErrors", "LesserFunctionErrors"))
    assert first | lesser == FUNCTIONS
    assert not first & lesser


@MONITORING
def test_no_query_alarm_or_widget_names_a_function_that_there_is_not(monitoring: str) -> None:
    everything = json.dumps(nested.resources("Operations", monitoring)).replace('\\"', '"')
    named = re.findall(r"\$\{AWS::StackName\}-([a-z]+)(?=[\"'])", everything)
    assert set(named) == FUNCTIONS


@MONITORING
def test_the_queries_on_everything_and_the_dashboard_ask_the_log_of_each_function(monitoring: str) -> None:
    found = {name for name, query in queries(monitoring).items() if asked(query["LogGroupNames"]) == FUNCTIONS}
    more = {"WhatNeedsAttention", "WhatWasCounted"} if monitoring == "basic" else set[str]()
    assert found == more | {"EverythingAboutAMessage", "WhyAMessageFailed", "WarningsAndErrors", "Crashes"}
    logs = {
        widget["properties"]["title"]: asked(re.findall(r"SOURCE '([^']+)'", widget["properties"]["query"]))
        for widget in widgets(monitoring)
        if widget["type"] == "log"
    }
    assert logs.pop("Delivered, by carrier") == logs.pop("Not delivered, by carrier and error") == {"webhook"}
    assert logs
    assert all(groups == FUNCTIONS for groups in logs.values())


def test_the_query_on_requests_asks_the_log_of_each_function_that_serves_a_route() -> None:
    serving = {
        one["CodeUri"].removeprefix("functions/")
        for one in sam_template.functions(TEMPLATE).values()
        if any(event["Type"] == "Api" for event in one.get("Events", {}).values())
    }
    assert asked(queries("full")["RequestsByAnswer"]["LogGroupNames"]) == serving


def test_the_queries_on_carriers_ask_the_log_of_the_function_that_takes_receipts() -> None:
    found = queries("full")
    assert asked(found["DeliveredByCarrier"]["LogGroupNames"]) == {"webhook"}
    assert asked(found["ErrorsByCarrier"]["LogGroupNames"]) == {"webhook"}


def test_the_query_on_refusals_asks_the_log_of_each_function_that_may_read_the_providers_key() -> None:
    sending = {
        one["CodeUri"].removeprefix("functions/")
        for one in sam_template.functions(TEMPLATE).values()
        for policy in one["Policies"]
        for statement in policy["Statement"]
        if statement.get("Action") == "secretsmanager:GetSecretValue"
    }
    assert asked(queries("full")["RefusalsByCode"]["LogGroupNames"]) == sending


def test_the_api_is_called_what_its_metrics_are_looked_for_under() -> None:
    passed = RESOURCES["Operations"]["Properties"]["Parameters"]
    assert RESOURCES["Api"]["Properties"]["Name"] == {"Ref": "AWS::StackName"} == passed["ApiName"]


def test_the_latency_of_webhooks_is_measured_where_it_is_looked_at_and_only_then() -> None:
    # Each method of which API Gateway publishes metrics of its own is five custom metrics.
    looked_at = {
        row[row.index("Resource") + 1]
        for widget in widgets("full")
        for row in widget["properties"].get("metrics", [])
        if "Resource" in row
    }
    measured = {
        setting["ResourcePath"].replace("/", "", 1).replace("~1", "/")
        for setting in RESOURCES["Api"]["Properties"]["MethodSettings"]
        if setting.get("MetricsEnabled") == {"Fn::If": ["Full", True, False]}
    }
    assert looked_at == measured == {"/webhooks/message", "/webhooks/message/{message_id}"}
    assert "Resource" not in json.dumps(widgets("basic"))


# ---------------------------------------------------------------------------------------------- the alarms


# Of basic, whose runbook is that of an alarm of full.
SAME_RUNBOOK = {
    "ApiErrors": "api-failing",
    "WebhooksRefused": "signatures-refused",
    "WebhooksThrottled": "throttled",
}


def kebab(name: str) -> str:
    """As a heading of the page is linked to."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


@MONITORING
def test_each_alarm_says_what_it_means_links_its_runbook_and_notifies(monitoring: str) -> None:
    for name, alarm in alarms(monitoring).items():
        words, _, anchor = alarm["AlarmDescription"].partition(" Runbook: ${DocsUrl}/operations.md#")
        assert len(words) > 60, name
        assert anchor == SAME_RUNBOOK.get(name, kebab(name))
        assert alarm["AlarmActions"] == ["${AlarmTopic}"], name
        assert alarm["AlarmName"] == f"{STACK}-{name}"


RUNBOOKS = {
    heading.lower().replace(" ", "-")
    for heading in re.findall(r"^### (.+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
}


@MONITORING
def test_each_alarm_has_its_runbook(monitoring: str) -> None:
    anchors = {alarm["AlarmDescription"].rpartition("#")[2] for alarm in alarms(monitoring).values()}
    assert anchors <= RUNBOOKS


def test_each_reason_for_attention_is_a_runbook_and_the_alarm_of_full_with_its_name() -> None:
    reasons = {reason.runbook for reason in basic.REASONS.values()}
    assert reasons <= RUNBOOKS
    assert reasons <= {kebab(name) for name in alarms("full")}


@MONITORING
def test_only_the_alarm_on_silence_takes_silence_for_a_fault(monitoring: str) -> None:
    silent = {name for name, alarm in alarms(monitoring).items() if alarm["TreatMissingData"] != "notBreaching"}
    assert silent == {"ReconcilerSilent"}


@MONITORING
def test_an_alarm_looks_at_no_more_metrics_than_cloudwatch_takes(monitoring: str) -> None:
    counts = {name: len(alarm_metrics(alarm)) for name, alarm in alarms(monitoring).items()}
    assert {name: count for name, count in counts.items() if not 1 <= count <= 9} == {}


@MONITORING
def test_a_metric_of_ours_in_an_alarm_is_in_the_list_and_has_our_dimensions(monitoring: str) -> None:
    known = {metric.value for metric in Metric} if monitoring == "full" else PUBLISHED_WITH_BASIC
    for name, alarm in alarms(monitoring).items():
        for namespace, metric, dimensions in alarm_metrics(alarm):
            if namespace == f"{NAMESPACE}/{STACK}":
                assert (metric, dimensions) == (basic.FUNCTION_FAULTS, set()), name
            elif not namespace.startswith("AWS/"):
                assert (namespace, dimensions) == (NAMESPACE, set(DIMENSIONS)), name
                assert metric in known, name


@MONITORING
def test_at_most_five_alarms_take_an_update_back(monitoring: str) -> None:
    # CloudFormation's limit on rollback triggers.
    arns = nested.outputs("Operations", monitoring)["RollbackAlarmArns"].split(",")
    named = {arn.removeprefix("arn:") for arn in arns}
    assert named <= set(alarms(monitoring))
    assert 2 <= len(arns) <= 5
    # An update makes every function cold; and dead letters from before would have each update taken back, also the
    # one that fixes the consumer.
    assert not {"WebhookSlow", "DeadLetters", "NeedsAttention"} & named


def test_no_alarm_of_one_setting_has_the_name_of_another_of_the_other() -> None:
    # CloudFormation makes the new ones before it deletes the old, and CloudWatch knows an alarm by its name alone.
    # So what both settings have is one resource, in one and the same nested stack.
    both = set(alarms("basic")) & set(alarms("full"))
    assert both == {"OldestText", "DeliveryFailing", "ReconcilerSilent"}
    assert all(alarms("basic")[name] == alarms("full")[name] for name in both)
    conditional = {
        name
        for path in sam_template.files(ROOT / "template.yaml")
        for name, one in sam_template.load(path)["Resources"].items()
        if name in both and "Condition" not in one
    }
    assert conditional == both
    small, large = (
        {one["DashboardName"] for one in nested.of_type("Operations", "AWS::CloudWatch::Dashboard", each).values()}
        for each in nested.MONITORING
    )
    assert not small & large


# -------------------------------------------------------------------------------------------- the dashboard


def metric_rows(monitoring: str) -> list[list[Any]]:
    """Every metric that the dashboard draws."""
    return [row for widget in widgets(monitoring) for row in widget["properties"].get("metrics", [])]


def test_the_dashboard_shows_every_metric_of_ours() -> None:
    shown = {row[1] for row in metric_rows("full") if row[0] == NAMESPACE}
    assert shown == {metric.value for metric in Metric}
    shown = {row[1] for row in metric_rows("basic") if row[0].startswith(NAMESPACE)}
    assert shown == {metric.value for metric in basic.PUBLISHED} | set(basic.SUMS)


@MONITORING
def test_the_dashboard_shows_every_alarm(monitoring: str) -> None:
    (widget,) = (widget for widget in widgets(monitoring) if widget["type"] == "alarm")
    arn = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm"
    named = sorted(f"{arn}:{alarm['AlarmName']}" for alarm in alarms(monitoring).values())
    assert sorted(widget["properties"]["alarms"]) == named


@MONITORING
def test_the_dashboard_names_every_saved_query(monitoring: str) -> None:
    markdown = widgets(monitoring)[0]["properties"]["markdown"]
    assert f"folder {STACK}" in markdown
    saved = {query["Name"].removeprefix(f"{STACK}/") for query in queries(monitoring).values()}
    assert set(re.findall(r"`([^`]+)`", markdown)) == saved


@MONITORING
def test_no_two_widgets_lie_on_each_other_and_none_leaves_the_grid(monitoring: str) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets(monitoring):
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken, widget
        assert max(x for x, _ in cells) < 24
        taken |= cells
