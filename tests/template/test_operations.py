"""The nested stack of operations/template.yaml: dashboard, alarms and saved queries, compared with the rest.

Whether what they name is really emitted, and whether each alarm can go off, is tested over a live stack:
tests/stack/test_stack_telemetry.py.
"""

import json
import re
from typing import Any

from devtools.local_stack import sam_template
from longcode.domain.metrics import DIMENSIONS, NAMESPACE, Metric
from tests.support.fakes import ROOT
from tests.template import nested

TEMPLATE = sam_template.load(ROOT / "template.yaml")
RESOURCES = TEMPLATE["Resources"]
OPERATIONS = nested.resources("Operations")
STACK = "${AWS::StackName}"
ALARMS = nested.of_type("Operations", "AWS::CloudWatch::Alarm")
QUERIES = nested.of_type("Operations", "AWS::Logs::QueryDefinition")
WIDGETS = json.loads(OPERATIONS["Dashboard"]["Properties"]["DashboardBody"])["widgets"]


def alarm_metrics(alarm: dict[str, Any]) -> list[tuple[str, str, set[str]]]:
    """Namespace, name and dimensions of each metric that an alarm looks at."""
    single = [alarm] if "MetricName" in alarm else []
    rows = single + [row["MetricStat"]["Metric"] for row in alarm.get("Metrics", []) if "MetricStat" in row]
    return [(row["Namespace"], row["MetricName"], {d["Name"] for d in row["Dimensions"]}) for row in rows]


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


def test_no_query_alarm_or_widget_names_a_function_that_there_is_not() -> None:
    named = re.findall(r"\$\{AWS::StackName\}-([a-z]+)(?=[\"'])", json.dumps(OPERATIONS).replace('\\"', '"'))
    assert set(named) == FUNCTIONS


def test_the_queries_on_everything_and_the_dashboard_ask_the_log_of_each_function() -> None:
    assert {name for name, query in QUERIES.items() if asked(query["LogGroupNames"]) == FUNCTIONS} == {
        "EverythingAboutAMessage",
        "WhyAMessageFailed",
        "WarningsAndErrors",
        "Crashes",
    }
    (widget,) = (widget for widget in WIDGETS if widget["type"] == "log")
    assert asked(re.findall(r"SOURCE '([^']+)'", widget["properties"]["query"])) == FUNCTIONS


def test_the_query_on_requests_asks_the_log_of_each_function_that_serves_a_route() -> None:
    serving = {
        one["CodeUri"].removeprefix("functions/")
        for one in sam_template.functions(TEMPLATE).values()
        if any(event["Type"] == "Api" for event in one.get("Events", {}).values())
    }
    assert asked(QUERIES["RequestsByAnswer"]["LogGroupNames"]) == serving


def test_the_query_on_refusals_asks_the_log_of_each_function_that_may_read_the_providers_key() -> None:
    sending = {
        one["CodeUri"].removeprefix("functions/")
        for one in sam_template.functions(TEMPLATE).values()
        for policy in one["Policies"]
        for statement in policy["Statement"]
        if statement.get("Action") == "secretsmanager:GetSecretValue"
    }
    assert asked(QUERIES["RefusalsByCode"]["LogGroupNames"]) == sending


def test_the_api_is_called_what_its_metrics_are_looked_for_under() -> None:
    passed = RESOURCES["Operations"]["Properties"]["Parameters"]
    assert RESOURCES["Api"]["Properties"]["Name"] == {"Ref": "AWS::StackName"} == passed["ApiName"]


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


def test_each_alarm_says_what_it_means_links_its_runbook_and_notifies() -> None:
    for name, alarm in ALARMS.items():
        words, _, anchor = alarm["AlarmDescription"].partition(" Runbook: ${DocsUrl}/operations.md#")
        assert len(words) > 60, name
        assert anchor == re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
        assert alarm["AlarmActions"] == ["${AlarmTopic}"], name
        assert alarm["AlarmName"] == f"{STACK}-{name}"


def test_each_alarm_has_its_runbook() -> None:
    anchors = {alarm["AlarmDescription"].rpartition("#")[2] for alarm in ALARMS.values()}
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
    arns = nested.outputs("Operations")["RollbackAlarmArns"].split(",")
    alarms = {arn.removeprefix("arn:") for arn in arns}
    assert alarms <= set(ALARMS)
    assert 1 <= len(arns) <= 5
    # An update makes every function cold; and dead letters from before would have each update taken back, also the
    # one that fixes the consumer.
    assert not {"WebhookSlow", "DeadLetters"} & alarms


# -------------------------------------------------------------------------------------------- the dashboard


def metric_rows() -> list[list[Any]]:
    """Every metric that the dashboard draws."""
    return [row for widget in WIDGETS for row in widget["properties"].get("metrics", [])]


def test_the_dashboard_shows_every_metric_of_ours() -> None:
    shown = {row[1] for row in metric_rows() if row[0] == NAMESPACE}
    assert shown == {metric.value for metric in Metric}


def test_the_dashboard_shows_every_alarm() -> None:
    (widget,) = (widget for widget in WIDGETS if widget["type"] == "alarm")
    arn = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm"
    named = sorted(f"{arn}:{alarm['AlarmName']}" for alarm in ALARMS.values())
    assert sorted(widget["properties"]["alarms"]) == named


def test_the_dashboard_names_every_saved_query() -> None:
    markdown = WIDGETS[0]["properties"]["markdown"]
    assert f"folder {STACK}" in markdown
    saved = {query["Name"].removeprefix(f"{STACK}/") for query in QUERIES.values()}
    assert set(re.findall(r"`([^`]+)`", markdown)) == saved


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
