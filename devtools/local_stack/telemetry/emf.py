"""Reads metrics out of log lines that are in CloudWatch's embedded metric format."""

from collections.abc import Iterator, Mapping
from typing import Any

from .series import MetricKey, Sample


class BadMetricLine(ValueError):
    """A line that says it holds metrics and breaks the format: CloudWatch would drop it in silence."""


# Any: a parsed line of JSON.
def metrics(line: Mapping[str, Any]) -> Iterator[tuple[MetricKey, Sample]]:
    """Every metric of a log line, once for each of its dimension sets; none of a line that has no `_aws`.

    Raises BadMetricLine.
    """
    header = line.get("_aws")
    if not isinstance(header, dict):
        return
    at_ms, directives = header.get("Timestamp"), header.get("CloudWatchMetrics")
    if not isinstance(at_ms, int) or not isinstance(directives, list):
        raise BadMetricLine("Its _aws has no Timestamp or no CloudWatchMetrics.")
    for directive in directives:
        namespace, sets, named = (directive.get(name) for name in ("Namespace", "Dimensions", "Metrics"))
        if not isinstance(namespace, str) or not isinstance(sets, list) or not isinstance(named, list):
            raise BadMetricLine("A directive lacks its Namespace, Dimensions or Metrics.")
        for dimensions in sets:
            if missing := [name for name in dimensions if not isinstance(line.get(name), str)]:
                raise BadMetricLine(f"It names the dimension {missing[0]!r}, and has no text under it.")
            for metric in named:
                name, unit = metric["Name"], metric.get("Unit", "None")
                key = MetricKey(namespace, name, frozenset((name, line[name]) for name in dimensions))
                for value in _values(line, name):
                    yield key, Sample(at_ms, value, unit)


# Any: what the line has under that name.
def _values(line: Mapping[str, Any], name: str) -> list[float]:
    found: Any = line.get(name)
    values: list[Any] = found if isinstance(found, list) else [found]
    if not values or len(values) > 100 or not all(isinstance(value, int | float) for value in values):
        raise BadMetricLine(f"Under {name!r} it must have a number, or up to 100 of them.")
    return [float(value) for value in values]
