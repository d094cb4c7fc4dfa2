"""Statistics, metric math and the embedded metric format, held against what CloudWatch's guide says of them."""

import pytest

from devtools.local_stack.telemetry import emf, expressions
from devtools.local_stack.telemetry.expressions import BadExpression, Query, Request
from devtools.local_stack.telemetry.series import Grid, MetricKey, Points, Telemetry, UnknownStatistic
from tests.chance import showing

# Some minute, the first of a row.
START_MS = 1_700_000_040_000
MINUTE_MS = 60_000


def key(name: str) -> MetricKey:
    return MetricKey.of("Test", name, {})


def row(values: str) -> list[float | None]:
    """`1 - 0` → a value a minute, `-` for none."""
    return [None if one == "-" else float(one) for one in values.split()]


def request(expression: str, **metrics: str) -> Request:
    telemetry = Telemetry()
    for name, values in metrics.items():
        for minute, value in enumerate(row(values)):
            if value is not None:
                telemetry.add(key(name), START_MS + minute * MINUTE_MS, value, "Count")
    longest = max(len(row(values)) for values in metrics.values())
    queries = [Query("it", expression=expression), *(Query(name, key(name), "Sum") for name in metrics)]
    return Request(queries, telemetry, Grid(START_MS, 60, longest))


def shown(points: Points, minutes: int) -> str:
    values = (points.get(START_MS + minute * MINUTE_MS) for minute in range(minutes))
    return " ".join("-" if value is None else f"{value:g}" for value in values)


def test_an_expression_comes_to_what_the_guide_says() -> None:
    cases: list[tuple[str, str]] = [
        # The guide's own examples.
        ("metric1 < metric2", "0 0 1 0"),
        ("metric1 >= 30", "1 0 0 0"),
        ("metric1 > 15 AND metric2 > 15", "1 0 0 0"),
        ("metric1 > 15 && metric2 > 15", "1 0 0 0"),
        ("metric1 > 15 OR metric2 > 15", "1 1 1 0"),
        # One of them missing counts as 0.
        ("metric1 + metric2", "50 20 20 0"),
        ("metric1 - 2 * metric2", "-10 20 -40 0"),
        # What is divided by 0 is dropped.
        ("100 * metric1 / metric2", "150 - 0 -"),
        ("-metric2", "-20 - -20 -"),
        ("FILL(metric2, 7)", "20 7 20 7"),
        ("FILL(metric2, REPEAT)", "20 20 20 20"),
        ("FILL(metric2, metric1)", "20 20 20 0"),
        ("SUM([metric1, metric2])", "50 20 20 0"),
        ("AVG([metric1, metric2])", "25 10 10 0"),
        ("MAX([metric1, metric2])", "30 20 20 0"),
        ("MIN([metric1, metric2])", "20 20 0 0"),
        ("SUM(METRICS())", "50 20 20 0"),
        ('SUM(METRICS("2"))', "20 - 20 -"),
        ("metric1 / SUM(metric1)", "0.6 0.4 0 0"),
        ("metric1 / PERIOD(metric1)", "0.5 0.333333 0 0"),
        ("RUNNING_SUM(metric2)", "20 - 40 -"),
    ]
    for expression, expected in cases:
        with showing((expression, expected)):
            asked = request(expression, metric1="30 20 0 0", metric2="20 - 20 -")
            (points,) = asked.series("it")
            assert shown(points, 4) == expected


def test_an_if_chooses_for_each_moment() -> None:
    cases: list[tuple[str, str]] = [
        ("IF(metric1, metric2, metric3)", "30 0 20 - -"),
        ("IF(metric1, 5, metric3)", "5 5 20 - -"),
        ("IF(metric1, metric2, 5)", "30 0 5 5 -"),
        ("IF(metric1, metric2)", "30 0 - - -"),
        ("IF(1 > 2, metric2, metric3)", "0 0 20 - 20"),
        ("IF(metric2 < 10, 10, 2)", "2 - 10 10 2"),
    ]
    for expression, expected in cases:
        with showing((expression, expected)):
            asked = request(expression, metric1="1 1 0 0 -", metric2="30 - 0 0 30", metric3="0 0 20 - 20")
            (points,) = asked.series("it")
            assert shown(points, 5) == expected


def test_an_array_stays_one() -> None:
    asked = request("100 * [a, b] / a", a="1 2", b="3 4")
    assert [shown(points, 2) for points in asked.series("it")] == ["100 100", "300 200"]


def test_a_metric_that_was_never_reported_is_filled_all_the_same() -> None:
    asked = request("FILL(a, 0)", a="- -", b="1 1")
    assert shown(asked.series("it")[0], 2) == "0 0"


def test_expressions_may_build_on_each_other() -> None:
    asked = request("share + 1", a="1 2")
    asked.queries = [*asked.queries, Query("share", expression="a * 10")]
    assert shown(asked.series("it")[0], 2) == "11 21"
    # METRICS() is all metrics and no expressions.
    assert len(asked.metrics("")) == 1


def test_what_is_not_known_raises_and_is_not_skipped() -> None:
    cases: list[str] = [
        "RATE(a)",
        "a ^ 2",
        "a ** 2",
        "a < b < 3",
        "SEARCH('{AWS/Lambda,FunctionName} Errors', 'Sum')",
        "IF(a)",
        "FILL(a, LINEAR)",
        "SUM(a)",
        "a +",
        "c",
        "it + 1",
        "a.b",
        "FILL(a)",
        "METRICS(a)",
    ]
    for expression in cases:
        with showing(expression), pytest.raises(BadExpression):
            request(expression, a="1 2", b="1 2").series("it")


def test_an_expression_names_what_it_uses() -> None:
    assert expressions.names("IF(FILL(a, REPEAT) + b_2 > 0, 0, c)") == {"a", "b_2", "c"}


def test_a_statistic_is_of_its_period() -> None:
    cases: list[tuple[str, float]] = [
        ("Sum", 10),
        ("Average", 2.5),
        ("Minimum", 1),
        ("Maximum", 4),
        ("SampleCount", 4),
        ("p0", 1),
        ("p50", 2.5),
        ("p99.9", 3.997),
        ("p100", 4),
    ]
    for statistic, expected in cases:
        with showing((statistic, expected)):
            telemetry = Telemetry()
            for value in (4, 1, 3, 2):
                telemetry.add(key("a"), START_MS + value, value, "Count")
            # Before and after it.
            telemetry.add(key("a"), START_MS - 1, 100, "Count")
            telemetry.add(key("a"), START_MS + MINUTE_MS, 200, "Count")
            found = telemetry.points(key("a"), statistic, Grid(START_MS, 60, 1))
            assert found == {START_MS: pytest.approx(expected)}


def test_an_unknown_statistic_raises() -> None:
    with pytest.raises(UnknownStatistic):
        Telemetry().points(key("a"), "tm90", Grid(START_MS, 60, 1))


def test_a_grid_holds_all_of_the_time_in_whole_periods() -> None:
    grid = Grid.over(START_MS + 30_000, START_MS + 130_000, 60)
    assert list(grid) == [START_MS, START_MS + 60_000, START_MS + 120_000]


# -------------------------------------------------------------------------------- the embedded metric format


def line(**changes: object) -> dict[str, object]:
    directive = {
        "Namespace": "N",
        "Dimensions": [["service", "environment"], ["service"]],
        "Metrics": [{"Name": "Sent", "Unit": "Count"}, {"Name": "Took", "Unit": "Milliseconds"}],
    }
    fields: dict[str, object] = {
        "_aws": {"Timestamp": START_MS, "CloudWatchMetrics": [directive]},
        "service": "s",
        "environment": "e",
        "Sent": [1.0, 2.0],
        "Took": 30,
    }
    return fields | changes


def test_a_line_has_each_metric_under_each_of_its_dimension_sets() -> None:
    found = [(str(metric), sample.value, sample.unit) for metric, sample in emf.metrics(line())]
    assert found == [
        ("N Sent (environment=e, service=s)", 1.0, "Count"),
        ("N Sent (environment=e, service=s)", 2.0, "Count"),
        ("N Took (environment=e, service=s)", 30.0, "Milliseconds"),
        ("N Sent (service=s)", 1.0, "Count"),
        ("N Sent (service=s)", 2.0, "Count"),
        ("N Took (service=s)", 30.0, "Milliseconds"),
    ]


def test_any_other_line_has_none() -> None:
    assert list(emf.metrics({"message": "request", "Sent": 1})) == []


def test_a_line_that_cloudwatch_would_drop_raises() -> None:
    cases: list[dict[str, object]] = [
        {"service": None},
        {"Sent": "1"},
        {"Sent": []},
        {"Took": [1.0] * 101},
        {"_aws": {"CloudWatchMetrics": []}},
        {"_aws": {"Timestamp": START_MS, "CloudWatchMetrics": [{"Namespace": "N"}]}},
    ]
    for changes in cases:
        with showing(changes), pytest.raises(emf.BadMetricLine):
            list(emf.metrics(line(**changes)))
