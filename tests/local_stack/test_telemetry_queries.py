"""The part of the Logs Insights language that the saved queries use."""

import json

import pytest

from devtools.local_stack.telemetry import insights
from devtools.local_stack.telemetry.insights import BadQuery, LogLine
from tests.chance import showing

LINES = [
    LogLine(1_000, "send", json.dumps({"level": "INFO", "message": "request", "status": 200, "took": 10})),
    LogLine(2_000, "send", json.dumps({"level": "WARNING", "message": "send.refused", "code": "40310"})),
    LogLine(3_000, "queue", json.dumps({"level": "INFO", "message": "request", "status": 404, "took": 30})),
    LogLine(61_000, "queue", json.dumps({"level": "ERROR", "message": "job.crashed", "crash": [{"words": "No"}]})),
    LogLine(62_000, "queue", "REPORT RequestId: 1\tDuration: 12 ms"),
]


def found(query: str, *columns: str) -> list[tuple[object, ...]]:
    rows = insights.read(query).run(LINES)
    return [tuple(row.get(column) for column in columns) for row in rows]


def test_a_filter_lets_through_what_it_says_latest_first() -> None:
    cases: list[tuple[str, list[int]]] = [
        ('level = "INFO"', [3_000, 1_000]),
        ("level != 'INFO' and ispresent(level)", [61_000, 2_000]),
        ("level in ['ERROR', 'WARNING']", [61_000, 2_000]),
        ("status >= 300", [3_000]),
        ("status < 300 or code = '40310'", [2_000, 1_000]),
        ("not (status < 300 or code = '40310')", [62_000, 61_000, 3_000]),
        ("message like /crash/", [61_000]),
        ("message like /CRASH/i", [61_000]),
        ('message like "re"', [3_000, 2_000, 1_000]),
        ("message not like /re/", [62_000, 61_000]),
        ("@message like /40310/", [2_000]),
        ("crash.0.words = 'No'", [61_000]),
        ("@log = 'send'", [2_000, 1_000]),
        ("status = '200'", []),
    ]
    for condition, expected in cases:
        with showing((condition, expected)):
            assert found(f"filter {condition}", "@timestamp") == [(at,) for at in expected]


def test_only_the_groups_of_its_sources_are_asked() -> None:
    assert found("SOURCE 'send' | fields @timestamp | sort @timestamp asc", "@timestamp") == [(1_000,), (2_000,)]


def test_fields_are_sorted_and_limited() -> None:
    query = "# latest first\nfields @timestamp, took as ms\n| filter ispresent(took)\n| sort took desc\n| limit 1"
    assert insights.read(query).columns == ["@timestamp", "ms"]
    assert found(query, "@timestamp", "ms") == [(3_000, 30)]


def test_stats_are_of_each_group() -> None:
    query = "stats count(*) as lines, pct(took, 50) as half, max(took), latest(status) by @log | sort lines desc"
    assert insights.read(query).columns == ["@log", "lines", "half", "max(took)", "latest(status)"]
    assert found(query, "@log", "lines", "half", "max(took)", "latest(status)") == [
        ("queue", 3, 30, 30, 404),
        ("send", 2, 10, 10, 200),
    ]
    assert found("stats count(*) as lines by bin(1m) as at | sort at", "at", "lines") == [(0, 3), (60_000, 2)]


def test_a_query_tells_which_fields_of_a_line_it_needs() -> None:
    query = insights.read("filter message = 'x' | stats sum(took) as ms by route, bin(5m) | sort ms | display ms")
    assert query.used == {"message", "took", "route"}


def test_what_is_not_known_raises_and_is_not_skipped() -> None:
    cases: list[str] = [
        "",
        "parse @message 'a*' as b",
        "filter",
        "filter a",
        "filter a = ",
        "stats median(a)",
        "fields abs(a)",
        "limit x",
        "fields a ~ b",
    ]
    for query in cases:
        with showing(query), pytest.raises(BadQuery):
            insights.read(query)


def test_a_query_over_a_log_that_is_read_in_parts_answers_the_same() -> None:
    texts = (
        "filter level = 'INFO' | stats count(*) as n by message | filter n > 1",
        "SOURCE 'send' | fields took, level | sort level | limit 1",
        "stats count(*) as n by level | fields n as many | filter many = 2",
    )
    for text in texts:
        with showing(text):
            query = insights.read(text)
            kept = [row for line in LINES for row in query.keep([line.fields()])]
            assert query.answer(kept) == query.run(LINES) != []
