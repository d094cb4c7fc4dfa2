"""The state of an alarm, held against the tables of CloudWatch's guide."""

from typing import Any

import pytest

from devtools.local_stack.telemetry import alarms
from devtools.local_stack.telemetry.alarms import Alarm, State
from devtools.local_stack.telemetry.expressions import BadExpression
from devtools.local_stack.telemetry.series import MetricKey, Telemetry
from tests.chance import showing

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000
OK, ALARM, NONE = State.OK, State.ALARM, State.INSUFFICIENT_DATA
# In the tables: the state that it was in. No evaluation makes one of these two out of the other.
KEPT = "kept"


def given(row: str) -> list[bool | None]:
    return [{"X": True, "0": False, "-": None}[one] for one in row.split()]


def test_three_of_three_as_in_the_guide() -> None:
    cases: list[tuple[str, object, object, object, object]] = [
        ("0 - X - X", OK, OK, OK, OK),
        ("0 - - - -", OK, OK, OK, OK),
        ("- - - - -", NONE, KEPT, ALARM, OK),
        ("0 X X - X", ALARM, ALARM, ALARM, ALARM),
        ("- - X - -", ALARM, KEPT, ALARM, OK),
    ]
    for row, missing, ignore, breaching, not_breaching in cases:
        with showing((row, missing, ignore, breaching, not_breaching)):
            _as_in_the_guide(row, 3, [missing, ignore, breaching, not_breaching])


def test_two_of_three_as_in_the_guide() -> None:
    cases: list[tuple[str, object, object, object, object]] = [
        ("0 - X - X", ALARM, ALARM, ALARM, ALARM),
        ("0 0 X 0 X", ALARM, ALARM, ALARM, ALARM),
        ("0 - X - -", OK, OK, ALARM, OK),
        ("- - - - 0", OK, OK, ALARM, OK),
        ("- - - X -", ALARM, KEPT, ALARM, OK),
    ]
    for row, missing, ignore, breaching, not_breaching in cases:
        with showing((row, missing, ignore, breaching, not_breaching)):
            _as_in_the_guide(row, 2, [missing, ignore, breaching, not_breaching])


def _as_in_the_guide(row: str, datapoints: int, expected: list[object]) -> None:
    for before in State:
        found = [
            alarms.evaluate(given(row), 3, datapoints, treatment, before)
            for treatment in ("missing", "ignore", "breaching", "notBreaching")
        ]
        assert found == [before if state == KEPT else state for state in expected]


@pytest.mark.parametrize("row", ["- - - - X", "- - - X -"])
def test_a_breach_that_is_alone_and_new_is_no_alarm_yet(row: str) -> None:
    assert alarms.evaluate(given(row), 3, 3, "missing", NONE) is NONE


def properties(**changes: Any) -> dict[str, Any]:
    return {
        "Namespace": "AWS/SQS",
        "MetricName": "Age",
        "Dimensions": [{"Name": "QueueName", "Value": "q"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 10,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    } | changes


def telemetry(*values: float | None, name: str = "Age", step_ms: int = MINUTE_MS) -> Telemetry:
    made = Telemetry()
    for number, value in enumerate(values):
        if value is not None:
            at = START_MS + number * step_ms + 1
            made.add(MetricKey.of("AWS/SQS", name, {"QueueName": "q"}), at, value, "Seconds")
    return made


def states(alarm: Alarm, data: Telemetry, minutes: int) -> list[State]:
    end = START_MS + minutes * MINUTE_MS
    return [state for _, state in alarms.states(alarm, data, START_MS + MINUTE_MS, end)]


def test_an_alarm_goes_off_when_enough_periods_breach_and_ends_when_they_do_not() -> None:
    alarm = Alarm.of("a", properties())
    assert states(alarm, telemetry(5, 11, 5, 12, 13, 5, 5, 5), 8) == [OK, OK, OK, ALARM, ALARM, ALARM, OK, OK]


def test_an_alarm_judges_by_what_came_last_for_as_long_as_cloudwatch_looks_back() -> None:
    alarm = Alarm.of("a", properties(EvaluationPeriods=2, DatapointsToAlarm=2))
    # Two periods more than it evaluates; then one breach alone is left.
    assert states(alarm, telemetry(11, 11, None, None, None), 5) == [OK, ALARM, ALARM, ALARM, OK]


def test_an_alarm_looks_once_a_minute_at_periods_that_end_with_it() -> None:
    alarm = Alarm.of("a", properties(Period=120, EvaluationPeriods=1, DatapointsToAlarm=1, Statistic="Sum"))
    # 6 + 6 within two minutes, at whatever minute they begin.
    assert states(alarm, telemetry(0, 6, 6, 0, 0), 5) == [OK, OK, ALARM, OK, OK]


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ("GreaterThanThreshold", [OK, OK, ALARM]),
        ("GreaterThanOrEqualToThreshold", [OK, ALARM, ALARM]),
        ("LessThanThreshold", [ALARM, OK, OK]),
        ("LessThanOrEqualToThreshold", [ALARM, ALARM, OK]),
    ],
)
def test_a_value_is_compared_as_the_alarm_says(comparison: str, expected: list[State]) -> None:
    alarm = Alarm.of("a", properties(ComparisonOperator=comparison, EvaluationPeriods=1, DatapointsToAlarm=1))
    assert states(alarm, telemetry(9, 10, 11), 3) == expected


def math(expression: str, **changes: Any) -> dict[str, Any]:
    def metric(ident: str, name: str) -> dict[str, Any]:
        dimensions = [{"Name": "QueueName", "Value": "q"}]
        named = {"Namespace": "AWS/SQS", "MetricName": name, "Dimensions": dimensions}
        return {"Id": ident, "ReturnData": False, "MetricStat": {"Stat": "Sum", "Period": 60, "Metric": named}}

    return {
        "Metrics": [{"Id": "e", "Expression": expression}, metric("bad", "Bad"), metric("good", "Good")],
        "EvaluationPeriods": 1,
        "Threshold": 50,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    } | changes


def test_an_alarm_may_watch_an_expression() -> None:
    alarm = Alarm.of("a", math("IF(bad + good >= 10, 100 * bad / (bad + good), 0)"))
    data = telemetry(4, 6, 9, name="Bad")
    for number, value in enumerate((4, 5, 1)):
        data.add(
            MetricKey.of("AWS/SQS", "Good", {"QueueName": "q"}), START_MS + number * MINUTE_MS, value, "Count"
        )
    # Too few to tell, 6 of 11, 9 of 10.
    assert states(alarm, data, 3) == [OK, ALARM, ALARM]


def test_an_alarm_on_what_is_not_known_here_raises() -> None:
    alarm = Alarm.of("a", math("RATE(bad)"))
    with pytest.raises(BadExpression, match="RATE"):
        states(alarm, telemetry(1), 1)


def test_dynamodb_alarms_keep_their_state_without_data_unless_they_say_otherwise() -> None:
    silent = properties(Namespace="AWS/DynamoDB")
    assert Alarm.of("a", silent).missing == "notBreaching"
    del silent["TreatMissingData"]
    assert Alarm.of("a", silent).missing == "ignore"


@pytest.mark.parametrize(
    "changes",
    [
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
        {"TreatMissingData": "whatever"},
        {"Metrics": [{"Id": "a", "Expression": "1"}, {"Id": "b", "Expression": "2"}]},
    ],
)
def test_an_alarm_that_can_not_be_evaluated_here_raises(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a"):
        Alarm.of("a", properties(**changes))
