"""The nested stack of operations/template.yaml: dashboard, alarms and saved queries, held against the rest.

Whether what they name is really emitted, and whether each alarm can go off, is tested over a live stack:
tests/stack/test_stack_telemetry.py.
"""

import json
import re
from typing import Any
from urllib.parse import unquote

from devtools.local_stack import sam_template
from longcode.domain.metrics import DIMENSIONS, NAMESPACE, Metric
from tests.support.fakes import ROOT

TEMPLATE = sam_template.load(ROOT / "template.yaml")
RESOURCES = TEMPLATE["Resources"]
OPERATIONS = sam_template.load(ROOT / "operations/template.yaml")
PASSED = RESOURCES["Operations"]["Properties"]["Parameters"]


def of_type(kind: str) -> dict[str, Any]:
    """Logical id → properties."""
    return {name: r["Properties"] for name, r in OPERATIONS["Resources"].items() if r["Type"] == kind}


ALARMS = of_type("AWS::CloudWatch::Alarm")
QUERIES = of_type("AWS::Logs::QueryDefinition")
BODY = OPERATIONS["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
WIDGETS = json.loads(BODY)["widgets"]


def plain(value: Any) -> str:
    """A value of the template as text: its own, or the name in a Ref or the text of a Sub."""
    return value if isinstance(value, str) else str(value.get("Ref") or value["Fn::Sub"])


def alarm_metrics(alarm: dict[str, Any]) -> list[tuple[str, str, set[str]]]:
    """Namespace, name and dimensions of each metric that an alarm looks at."""
    single = [alarm] if "MetricName" in alarm else []
    rows = single + [row["MetricStat"]["Metric"] for row in alarm.get("Metrics", []) if "MetricStat" in row]
    return [(row["Namespace"], row["MetricName"], {d["Name"] for d in row["Dimensions"]}) for row in rows]


def test_the_nested_stack_gets_exactly_the_parameters_that_it_has() -> None:
    assert set(PASSED) == set(OPERATIONS["Parameters"])


def test_the_emulator_never_sees_it() -> None:
    assert RESOURCES["Operations"]["Condition"] == "OnAws"
    assert TEMPLATE["Conditions"]["OnAws"] == {"Fn::Equals": [{"Ref": "AwsEndpointUrl"}, ""]}


def test_functions_api_and_log_groups_are_called_what_it_takes_them_to_be() -> None:
    functions = sam_template.functions(TEMPLATE).values()
    names = {plain(function["FunctionName"]).replace("AWS::StackName", "Service") for function in functions}
    told = set(re.findall(r"(?<![\w/])\$\{Service\}-[a-z]+(?=\")", json.dumps(OPERATIONS)))
    assert told
    assert told <= names
    groups = {
        plain(r["Properties"]["LogGroupName"]).replace("AWS::StackName", "Service")
        for r in RESOURCES.values()
        if r["Type"] == "AWS::Logs::LogGroup"
    }
    asked = {plain(group) for query in QUERIES.values() for group in query["LogGroupNames"]}
    assert asked == groups
    assert RESOURCES["Api"]["Properties"]["Name"] == {"Ref": "AWS::StackName"} == PASSED["ApiName"]


def test_the_latency_of_webhooks_is_measured_where_it_is_looked_at() -> None:
    looked_at = {
        row[row.index("Resource") + 1]
        for widget in WIDGETS
        for row in widget["properties"].get("metrics", [])
        if "Resource" in row
    }
    measured = {
        setting["ResourcePath"].replace("/", "", 1).replace("~1", "/")
        for setting in RESOURCES["Api"]["Properties"]["MethodSettings"]
        if setting.get("MetricsEnabled")
    }
    assert looked_at == measured == {"/webhooks/message", "/webhooks/message/{message_id}"}


# ---------------------------------------------------------------------------------------------- the alarms


def test_each_alarm_says_what_it_means_links_its_runbook_and_tells_somebody() -> None:
    for name, alarm in ALARMS.items():
        words, _, anchor = plain(alarm["AlarmDescription"]).partition(" Runbook: ${RunbookUrl}#")
        assert len(words) > 60, name
        assert anchor == re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopicArn"}], name
        assert plain(alarm["AlarmName"]) == f"${{Service}}-{name}"


def test_each_alarm_has_its_runbook() -> None:
    anchors = {plain(alarm["AlarmDescription"]).rpartition("#")[2] for alarm in ALARMS.values()}
    headings = re.findall(r"^### (.+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert anchors <= {heading.lower().replace(" ", "-") for heading in headings}


def test_only_the_alarm_on_silence_takes_silence_for_a_fault() -> None:
    silent = {name for name, alarm in ALARMS.items() if alarm["TreatMissingData"] != "notBreaching"}
    assert silent == {"ReconcilerSilent"}


def test_an_alarm_looks_at_no_more_metrics_than_cloudwatch_takes() -> None:
    counts = {name: len(alarm_metrics(alarm)) for name, alarm in ALARMS.items()}
    assert {name: count for name, count in counts.items() if not 1 <= count <= 9} == {}


def test_a_metric_of_ours_in_an_alarm_is_in_the_list_and_has_our_dimensions() -> None:
    for name, alarm in ALARMS.items():
        for namespace, metric, dimensions in alarm_metrics(alarm):
            if not namespace.startswith("AWS/"):
                assert (namespace, dimensions) == (NAMESPACE, set(DIMENSIONS)), name
                assert metric in set(Metric), name


def test_at_most_five_alarms_take_an_update_back() -> None:
    # CloudFormation's limit on rollback triggers.
    arns = OPERATIONS["Outputs"]["RollbackAlarmArns"]["Value"]["Fn::Join"][1]
    assert {arn["Fn::GetAtt"][0] for arn in arns} <= set(ALARMS)
    assert 1 <= len(arns) <= 5
    # An update makes every function cold; and letters of before would have each update taken back, also the one
    # that mends the consumer.
    assert not {"WebhookSlow", "DeadLetters"} & {arn["Fn::GetAtt"][0] for arn in arns}


# -------------------------------------------------------------------------------------------- the dashboard


def metric_rows() -> list[list[Any]]:
    """Every metric that the dashboard draws."""
    return [row for widget in WIDGETS for row in widget["properties"].get("metrics", [])]


def test_the_dashboard_shows_every_metric_of_ours() -> None:
    shown = {row[1] for row in metric_rows() if row[0] == NAMESPACE}
    assert shown == {metric.value for metric in Metric}


def test_the_dashboard_shows_every_alarm() -> None:
    (widget,) = (widget for widget in WIDGETS if widget["type"] == "alarm")
    assert sorted(widget["properties"]["alarms"]) == sorted(f"${{{name}.Arn}}" for name in ALARMS)


def test_no_two_widgets_lie_on_each_other_and_none_leaves_the_grid() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in WIDGETS:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken, widget
        assert max(x for x, _ in cells) < 24
        taken |= cells


# ----------------------------------------------------------------------------------------------- the queries


def links() -> dict[str, tuple[str, set[str]]]:
    """Title → query and log groups of each link to Logs Insights on the dashboard."""
    found = {}
    markdown = WIDGETS[0]["properties"]["markdown"]
    for title, address in re.findall(r"\[([^]]+)\]\((https://[^)]+logs-insights[^)]+)\)", markdown):
        detail = unquote(address.partition("queryDetail")[2].replace("$", "%").replace("%{", "${"))
        query = re.search(r"editorString~'([^~]*)", detail)
        sources = re.search(r"source~\((.*)\)\)$", detail)
        assert query, detail
        assert sources, detail
        groups = {unquote(group.replace("*", "%")) for group in re.findall(r"~'([^~]+)", sources[1])}
        found[title] = unquote(query[1].replace("*", "%")), groups
    return found


def test_the_links_on_the_dashboard_ask_what_the_saved_queries_ask() -> None:
    saved = {
        plain(query["Name"]).removeprefix("${Service}/"): (
            query["QueryString"],
            {plain(group) for group in query["LogGroupNames"]},
        )
        for query in QUERIES.values()
    }
    assert links() == saved
