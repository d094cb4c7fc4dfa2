"""Which state a CloudWatch alarm is in, minute by minute, over given samples."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .expressions import Query, Request
from .series import Grid, MetricKey, Telemetry

MINUTE_MS = 60_000
# CloudWatch looks further back than the evaluation periods where data are missing. How far depends; its guide's
# examples have two more.
LOOK_BACK = 2


class State(StrEnum):
    """The states of an alarm, in CloudWatch's words."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm, whether on one metric or on an expression."""

    name: str
    queries: Sequence[Query]
    watched: str  # the id of the query that is compared
    period_s: int
    evaluation_periods: int
    datapoints: int
    threshold: float
    comparison: str
    missing: str  # breaching, notBreaching, ignore or missing
    description: str = ""

    # Any: properties of a template.
    @classmethod
    def of(cls, name: str, properties: Mapping[str, Any]) -> "Alarm":
        """An alarm from the properties of its resource, in which nothing is left to resolve.

        Raises ValueError if it can't be evaluated here.
        """
        periods: set[int] = set()
        queries: list[Query] = []
        watched: list[str] = []
        if "Metrics" in properties:
            for one in properties["Metrics"]:
                queries.append(_query(one, periods))
                if one.get("ReturnData", True):
                    watched.append(one["Id"])
        else:
            statistic = properties.get("Statistic") or properties["ExtendedStatistic"]
            queries.append(Query("m1", _key(properties), statistic))
            periods.add(int(properties["Period"]))
            watched.append("m1")
        if len(periods) != 1 or len(watched) != 1:
            raise ValueError(f"{name} must watch one series, all in one period.")
        evaluation_periods = int(properties["EvaluationPeriods"])
        comparison = properties["ComparisonOperator"]
        missing = properties.get("TreatMissingData") or _default_for_missing(queries)
        if comparison not in _OPERATORS or missing not in ("breaching", "notBreaching", "ignore", "missing"):
            raise ValueError(f"{name}: {comparison} or {missing} is not known here.")
        return cls(
            name=name,
            queries=queries,
            watched=watched[0],
            period_s=periods.pop(),
            evaluation_periods=evaluation_periods,
            datapoints=int(properties.get("DatapointsToAlarm", evaluation_periods)),
            threshold=float(properties["Threshold"]),
            comparison=comparison,
            missing=missing,
            description=str(properties.get("AlarmDescription", "")),
        )

    def breaches(self, value: float) -> bool:
        """Whether this value is on the wrong side of the threshold."""
        return _OPERATORS[self.comparison](value, self.threshold)

    @property
    def condition(self) -> str:
        """For people: what makes it go off."""
        limit = f"{SIGNS[self.comparison]} {self.threshold:g}"
        if self.evaluation_periods == 1:
            return f"{limit} in {self.period_s} s"
        return f"{limit} in {self.datapoints} of {self.evaluation_periods} periods of {self.period_s} s"


def _query(one: Mapping[str, Any], periods: set[int]) -> Query:
    if "Expression" in one:
        return Query(one["Id"], expression=one["Expression"])
    stat = one["MetricStat"]
    periods.add(int(stat["Period"]))
    return Query(one["Id"], _key(stat["Metric"]), stat["Stat"])


def _key(metric: Mapping[str, Any]) -> MetricKey:
    dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", ())}
    return MetricKey.of(metric["Namespace"], metric["MetricName"], dimensions)


def _default_for_missing(queries: Sequence[Query]) -> str:
    # What DynamoDB publishes is like that: it says nothing while all is well.
    if any(query.key and query.key.namespace == "AWS/DynamoDB" for query in queries):
        return "ignore"
    return "missing"


def states(alarm: Alarm, telemetry: Telemetry, start_ms: int, end_ms: int) -> list[tuple[int, State]]:
    """Each state that the alarm is found in, once a minute; it begins in INSUFFICIENT_DATA.

    The periods end with the minute that is evaluated, as CloudWatch's do. Raises BadExpression.
    """
    found: list[tuple[int, State]] = []
    state = State.INSUFFICIENT_DATA
    step = _step_ms(alarm)
    for at in range(-(-start_ms // step) * step, end_ms + 1, step):
        state = evaluated(alarm, values(alarm, telemetry, at), state)
        found.append((at, state))
    return found


def _step_ms(alarm: Alarm) -> int:
    return min(MINUTE_MS, alarm.period_s * 1000)


def values(alarm: Alarm, telemetry: Telemetry, at_ms: int) -> list[float | None]:
    """What the alarm looks at when it is evaluated at `at_ms`, oldest first. Raises BadExpression."""
    grid = Grid.until(at_ms, alarm.period_s, alarm.evaluation_periods + LOOK_BACK)
    (points,) = Request(alarm.queries, telemetry, grid).series(alarm.watched)
    return [points.get(moment) for moment in grid]


def evaluated(alarm: Alarm, found: Sequence[float | None], before: State) -> State:
    """The state that these values lead to."""
    breaching = [None if value is None else alarm.breaches(value) for value in found]
    return evaluate(breaching, alarm.evaluation_periods, alarm.datapoints, alarm.missing, before)


def evaluate(
    breaching: Sequence[bool | None], evaluation_periods: int, datapoints: int, missing: str, before: State
) -> State:
    """One evaluation.

    Args:
        breaching: of the periods that are looked at, oldest first; None for one without data.
        evaluation_periods: how many of them count.
        datapoints: how many of those must breach.
        missing: what a missing one counts as, in CloudWatch's words.
        before: the state so far.
    """
    real = [one for one in breaching if one is not None]
    if len(real) >= evaluation_periods:
        return _verdict(sum(real[-evaluation_periods:]) >= datapoints)
    filled = evaluation_periods - len(real)
    if missing == "breaching":
        return _verdict(sum(real) + filled >= datapoints)
    if missing == "notBreaching" or False in real:
        return _verdict(sum(real) >= datapoints)
    if missing == "ignore":
        return State.ALARM if sum(real) >= datapoints else before
    return State.ALARM if _long_enough(breaching[-evaluation_periods:], datapoints) else State.INSUFFICIENT_DATA


def _verdict(alarming: bool) -> State:
    return State.ALARM if alarming else State.OK


def _long_enough(breaching: Sequence[bool | None], datapoints: int) -> bool:
    """Whether the oldest breach is as old as the datapoints that it takes; nothing but breaches is there."""
    return True in breaching and len(breaching) - breaching.index(True) >= datapoints
