"""The dashboard as a page gets it: the deployed body's widgets, their numbers, the alarms and their reasons."""

import json
import re
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from devtools.console.dashboard import vendor, view
from devtools.console.dashboard.book import KEPT_MS, MINUTE_MS, Book
from devtools.console.dashboard.words import blocks
from devtools.local_stack.layout import ROOT
from devtools.local_stack.telemetry import deployed, evidence, operations, widgets
from devtools.local_stack.telemetry.insights import LogLine
from devtools.local_stack.telemetry.operations import Operations, Widget
from devtools.local_stack.telemetry.series import MetricKey
from tests.console.conftest import Pages

NOW_MS = 1_700_000_040_000
GROUP = "/aws/lambda/sms-consumer"
WEBHOOKS = "/aws/lambda/sms-webhook"
GATEWAY = evidence.Gateway("sms", "v1", {"/webhooks/message": "POST"})
EXAMPLE = Path(__file__).parents[1] / "local_stack" / "example_operations.yaml"
REAL = {
    setting: deployed.read_operations({}, {"Monitoring": setting}, "sms", "us-east-1")
    for setting in ("basic", "full")
}
# Any: JSON of the page.
Json = dict[str, Any]


def example() -> Operations:
    given = {"Service": "sms", "QueueName": "q.fifo", "ConsumerName": "sms-consumer", "ApiName": "sms"}
    pseudo = deployed.pseudo("sms-Operations", "us-east-1")
    return operations.read(EXAMPLE, given | {"SendLogs": GROUP}, pseudo)


def book(found: Operations) -> Book:
    return Book("sms", found, {GROUP: "sms-consumer", WEBHOOKS: "sms-webhook"}, GATEWAY)


def line(ago_ms: int, fields: Json | str, group: str = GROUP) -> LogLine:
    return LogLine(NOW_MS - ago_ms, group, fields if isinstance(fields, str) else json.dumps(fields))


def counted(ago_ms: int, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> LogLine:
    """A metric of ours in a log line, as the functions write it."""
    made = {"Name": name, "Unit": unit}
    dimensions = dimensions or {"service": "sms", "environment": "dev"}
    directive = {"Namespace": "LongCodeSms", "Dimensions": [list(dimensions)], "Metrics": [made]}
    header = {"Timestamp": NOW_MS - ago_ms, "CloudWatchMetrics": [directive]}
    return line(ago_ms, {"_aws": header, name: value, **dimensions})


def report(ago_ms: int, duration_ms: int = 12) -> LogLine:
    return line(ago_ms, f"REPORT RequestId: 1\tDuration: {duration_ms} ms\tBilled Duration: {duration_ms} ms")


def shown(found: Operations, *lines: LogLine, minutes: int | None = 15) -> Json:
    made = book(found)
    made.add(lines)
    answer = view.shown(made.scene(minutes, NOW_MS))
    # A page can read it: no NaN, no keys but texts.
    json.dumps(answer, allow_nan=False)
    return answer


def widget(answer: Json, title: str) -> Json:
    return next(one for one in answer["widgets"] if one["title"] == title)


def series(one: Json, label: str) -> Json:
    return next(each for each in [*one.get("series", ()), *one.get("values", ())] if each["label"] == label)


# --------------------------------------------------------------------------------------------- the deployed body


@pytest.mark.parametrize(("setting", "alarms"), [("basic", 8), ("full", 27)])
def test_every_widget_of_the_deployed_dashboard_is_there_in_its_place(setting: str, alarms: int) -> None:
    answer = shown(REAL[setting])
    body = REAL[setting].body["widgets"]
    place = ("x", "y", "width", "height")
    assert [[one[name] for name in place] for one in answer["widgets"]] == [
        [one[name] for name in place] for one in body
    ]
    assert {one["kind"] for one in answer["widgets"]} >= {"text", "alarms", "numbers", "chart", "table"}
    assert len({(one["kind"], one["key"]) for one in answer["widgets"]}) == len(body)
    listed = [alarm for one in answer["widgets"] for alarm in one.get("alarms", ())]
    assert len(listed) == answer["alarms"]["all"] == alarms


def test_a_count_is_summed_in_its_period_and_over_the_time_shown() -> None:
    lines = [counted(ago, "Accepted") for ago in (400_000, 59_000, 58_000, 1_000)]
    answer = shown(REAL["basic"], *lines)
    chart = widget(answer, "Accepted, sent, delivered")
    assert answer["period_s"] * 1000 == chart["period_ms"] == 15_000
    points = series(chart, "accepted")["points"]
    assert [value for _, value in points] == [1, 2, 1]
    assert all(at % 15_000 == 0 and answer["start_ms"] <= at < answer["end_ms"] for at, _ in points)
    total = series(widget(answer, "In the time shown"), "accepted")
    assert (total["value"], total["unit"], total["source"]) == (4, "Count", "own")
    assert series(chart, "sent")["points"] == []


def test_the_time_shown_is_what_was_asked_for_in_whole_periods() -> None:
    lines = [counted(40 * MINUTE_MS, "Accepted")]
    for minutes, period_s in ((15, 15), (60, 60), (180, 300), (None, 60)):
        answer = shown(REAL["basic"], *lines, minutes=minutes)
        length_s = (answer["end_ms"] - answer["start_ms"]) / 1000
        assert answer["period_s"] == period_s
        assert (minutes or 40) * 60 <= length_s <= (minutes or 40) * 60 + period_s
        assert answer["start_ms"] % (period_s * 1000) == 0
        assert answer["end_ms"] > NOW_MS


def test_a_stand_in_is_marked_and_what_aws_alone_publishes_is_named_and_not_made_up() -> None:
    answer = shown(REAL["basic"], report(1_000, 30), counted(1_000, "Accepted"))
    consumer = widget(answer, "Consumer")
    assert [(one["label"], one["source"]) for one in consumer["series"]] == [
        ("invocations", "stand-in"),
        ("errors", "stand-in"),
        ("throttles", "aws"),
        ("ms, p99 (right)", "stand-in"),
    ]
    latency = series(consumer, "ms, p99 (right)")
    assert (latency["unit"], latency["right"], [value for _, value in latency["points"]]) == (
        "Milliseconds",
        True,
        [30],
    )
    assert series(consumer, "throttles")["points"] == []
    notes = answer["notes"]
    assert any(
        note.startswith("* A stand-in for what AWS publishes: Invocations, Errors, Duration") for note in notes
    )
    assert any(note.startswith("† Published by AWS only: AWS/Lambda IteratorAge") for note in notes)


def test_limits_stacks_bars_and_expressions_of_the_body_come_through() -> None:
    lines = [
        *(
            counted(60_000, name, service="sms")
            for name in ("Accepted", "Delivered", "Delivered", "DeliveryFailed")
        ),
        line(
            60_000, {"message": "request", "route": "/webhooks/message", "status": 401, "duration_ms": 7}, WEBHOOKS
        ),
    ]
    answer = shown(example(), *lines)
    slow = widget(answer, "How long the provider takes")["limits"]
    assert slow == [{"value": 500, "label": "slow", "color": None, "fill": "above", "right": False}]
    assert widget(answer, "How texts end")["stacked"] is True
    assert [value for _, value in series(widget(answer, "Share of failures"), "failed, percent")["points"]] == [
        pytest.approx(100 / 3)
    ]
    bars = widget(answer, "Requests")
    assert bars["kind"] == "bars"
    assert [one["value"] for one in bars["values"]] == [1, 1, 0]


def test_a_query_on_the_log_is_a_table_and_its_words_stay_words() -> None:
    refused = {"level": "WARNING", "message": "send.refused", "code": "40310", "message_id": "$5 & <b>"}
    answer = shown(example(), line(5_000, refused), line(4_000, {"level": "INFO", "message": "x"}), report(3_000))
    table = widget(answer, "Lately refused")
    assert table["columns"] == ["@timestamp", "message", "code", "message_id"]
    assert table["rows"] == [[NOW_MS - 5_000, "send.refused", "40310", "$5 & <b>"]]


def test_lines_from_before_the_time_shown_are_not_in_a_table() -> None:
    old, new = ({"level": "WARNING", "message": name} for name in ("old", "new"))
    lines = [line(20 * MINUTE_MS, old), line(MINUTE_MS, new)]
    for minutes, expected in ((15, ["new"]), (60, ["new", "old"])):
        rows = widget(shown(example(), *lines, minutes=minutes), "Lately refused")["rows"]
        assert [row[1] for row in rows] == expected


def test_an_unknown_kind_of_widget_raises() -> None:
    found = example()
    strange = replace(found, widgets=[*found.widgets, Widget("explorer", 0, 0, 6, 6, {"title": "All"})])
    with pytest.raises(widgets.BadWidget, match="explorer"):
        shown(strange)


def test_it_is_quiet_until_something_of_ours_is_counted() -> None:
    assert shown(REAL["basic"])["quiet"] is True
    # What runs by the clock, and what is 0.
    assert shown(REAL["basic"], report(1_000), counted(1_000, "SendingStopped", 0))["quiet"] is True
    assert shown(REAL["basic"], counted(1_000, "Accepted"))["quiet"] is False


# -------------------------------------------------------------------------------------------------- the alarms


def alarm(answer: Json, ident: str) -> Json:
    return next(each for one in answer["widgets"] for each in one.get("alarms", ()) if each["id"] == ident)


def test_an_alarm_says_its_state_why_since_when_and_what_to_do() -> None:
    lines = [report(10 * MINUTE_MS), *(counted(ago * MINUTE_MS, "NeedsAttention", 5) for ago in (2, 1))]
    answer = shown(REAL["basic"], *lines)
    alarms = {each["name"]: each for one in answer["widgets"] for each in one.get("alarms", ())}
    # The reconciler, too, says nothing here.
    on = {name for name, each in alarms.items() if each["state"] == "ALARM"}
    assert on == {"Needs attention", "Reconciler silent"}
    assert answer["alarms"]["on"] == 2
    found = alarms["Needs attention"]
    assert found["condition"] == "≥ 4 in 300 s"
    assert found["reason"] == "10 in 5 min; it takes ≥ 4."
    assert NOW_MS - 3 * MINUTE_MS <= found["since_ms"] <= NOW_MS
    assert found["runbook"] == "/dashboard/operations#needs-attention"
    assert found["description"].startswith("Something needs a person")
    assert "Runbook" not in found["description"]


def test_an_alarm_without_data_says_what_that_counts_as() -> None:
    found = alarm(shown(REAL["basic"]), "DeliveryFailing")
    assert (found["state"], found["since_ms"]) == ("OK", None)
    assert re.fullmatch(r"No value in \d+ (s|min), which counts as in order\.", found["reason"])


@pytest.mark.parametrize("setting", REAL)
def test_every_runbook_leads_to_a_heading_that_the_console_shows(console: Pages, setting: str) -> None:
    page = console.get("/dashboard/operations").text
    ids = set(re.findall(r' id="([^"]+)"', page))
    links = [each["runbook"] for one in shown(REAL[setting])["widgets"] for each in one.get("alarms", ())]
    assert all(link.startswith("/dashboard/operations#") for link in links)
    assert {link.partition("#")[2] for link in links} <= ids


# --------------------------------------------------------------------------------------------- read on, in parts


def test_a_log_that_is_read_in_parts_comes_to_the_same() -> None:
    crash = ["Traceback (most recent call last):", "KeyError: 'a'"]
    lines = [
        counted(300_000, "Accepted"),
        *(line(200_000, words) for words in crash),
        report(200_000),
        line(100_000, {"level": "WARNING", "message": "send.refused", "message_id": "m"}),
        counted(50_000, "Accepted"),
        report(40_000),
    ]
    whole = shown(REAL["basic"], *lines)
    errors = series(widget(whole, "Consumer"), "errors")["points"]
    assert [value for _, value in errors] == [1, 0]
    for cut in range(1, len(lines)):
        made = book(REAL["basic"])
        made.add(lines[:cut])
        made.scene(15, NOW_MS - 30_000)
        made.add(lines[cut:])
        assert view.shown(made.scene(15, NOW_MS)) == whole


def test_what_is_older_than_a_day_is_forgotten() -> None:
    made = book(example())
    old, new = (line(ago, {"level": "WARNING", "message": "m"}) for ago in (KEPT_MS + 1, 1_000))
    made.add([old, counted(KEPT_MS + 1, "Accepted", service="sms"), new])
    made.forget(NOW_MS)
    scene = made.scene(None, NOW_MS)
    assert [len(rows) for rows in scene.rows.values()] == [1]
    assert not scene.telemetry.samples(MetricKey.of("LongCodeSms", "Accepted", {"service": "sms"}))
    assert NOW_MS - scene.start_ms <= KEPT_MS + 3_600_000


# ----------------------------------------------------------------------------------------------------- the page


def test_the_page_has_what_keeps_plotly_from_writing_styles_of_its_own(console: Pages) -> None:
    page = console.get("/dashboard").text
    assert f'id="{vendor.RULES_ID}"' in page
    assert len(vendor.style_ids()) == 1
    assert all(f'<template id="{ident}">' in page for ident in vendor.style_ids())


def test_plotlys_script_is_the_one_of_its_package(console: Pages) -> None:
    answer = console.get(vendor.SCRIPT)
    packaged = Path(str(distribution("plotly").locate_file("plotly/package_data/plotly.min.js")))
    assert answer.content == packaged.read_bytes()
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    again = console.get(vendor.SCRIPT, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code in (200, 304)
    assert not list(ROOT.glob("devtools/**/plotly*.js"))


def test_an_unknown_stretch_of_time_or_document_is_refused(console: Pages) -> None:
    answer = console.get("/api/dashboard", params={"range": "7d"})
    assert (answer.status_code, answer.json()["field"]) == (400, "range")
    assert console.get("/dashboard/nothing").status_code == 404


def test_a_text_widget_is_words_and_links_and_never_markup() -> None:
    found = blocks("# A <b>\n\n**Two** of [them](docs/metrics.md) `x`\n\n* one\n* two", view.address)
    assert [(one["kind"], [word["text"] for word in one["words"]]) for one in found] == [
        ("heading", ["A <b>"]),
        ("paragraph", ["Two", " of ", "them", " ", "x"]),
        ("item", ["one"]),
        ("item", ["two"]),
    ]
    words = {word["text"]: word for word in found[1]["words"]}
    assert words["Two"]["bold"] is True
    assert words["them"]["url"] == "/dashboard/metrics"
    assert words["x"]["code"] is True
