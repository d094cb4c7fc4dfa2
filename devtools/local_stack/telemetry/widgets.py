"""What a metric widget of a dashboard shows: its series, their labels and axes, and its annotations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .expressions import Query, Request
from .operations import Operations, Widget
from .series import Grid, MetricKey, Points, Telemetry

DEFAULT_PERIOD_S = 300


class BadWidget(ValueError):
    """A widget that can't be read, or that uses what is not known here."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A metric or an expression of a widget, and how it is shown."""

    query: Query
    label: str
    color: str | None
    right: bool
    visible: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A level of the vertical axis that is marked."""

    value: float
    label: str
    color: str | None
    fill: str | None
    right: bool


@dataclass(frozen=True, slots=True)
class Axis:
    """What the widget says of a vertical axis."""

    label: str = ""
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class MetricWidget:
    """A metric widget, read."""

    title: str
    view: str  # timeSeries, singleValue or bar
    stacked: bool
    period_s: int
    whole_range: bool  # one value over all of the time shown
    plots: Sequence[Plot]
    lines: Sequence[Line] = ()
    left: Axis = field(default_factory=Axis)
    right: Axis = field(default_factory=Axis)
    legend: bool = True

    @property
    def keys(self) -> list[MetricKey]:
        """Every metric that it needs."""
        return [plot.query.key for plot in self.plots if plot.query.key]

    def series(self, telemetry: Telemetry, grid: Grid) -> list[tuple[Plot, list[Points]]]:
        """What is shown, over `grid`. Raises BadExpression."""
        request = Request([plot.query for plot in self.plots], telemetry, grid)
        return [(plot, request.series(plot.query.id)) for plot in self.plots if plot.visible]


def read(widget: Widget, operations: Operations) -> MetricWidget:
    """Read a metric widget. Raises BadWidget."""
    properties = widget.properties
    view = properties.get("view", "timeSeries")
    if view not in ("timeSeries", "singleValue", "bar"):
        raise BadWidget(f"{widget.title!r}: the view {view!r} is not known here.")
    default = str(properties.get("stat", "Average"))
    annotations = properties.get("annotations", {})
    plots = list(_plots(widget, properties.get("metrics", []), default))
    lines = [_line(one) for one in annotations.get("horizontal", ())]
    for arn in annotations.get("alarms", ()):
        alarm = operations.alarms[operations.alarm_arns[arn]]
        for query in alarm.queries:
            watched = query.id == alarm.watched
            plots.append(Plot(query, alarm.name if watched else query.id, None, False, watched))
        lines.append(Line(alarm.threshold, "", None, None, False))
    axes = properties.get("yAxis", {})
    return MetricWidget(
        title=widget.title,
        view=view,
        stacked=bool(properties.get("stacked", False)),
        period_s=int(properties.get("period", DEFAULT_PERIOD_S)),
        whole_range=bool(properties.get("setPeriodToTimeRange", False)),
        plots=plots,
        lines=lines,
        left=_axis(axes.get("left", {})),
        right=_axis(axes.get("right", {})),
        legend=properties.get("legend", {}).get("position") != "hidden",
    )


# Any: JSON of a dashboard's body.
def _plots(widget: Widget, metrics: Sequence[Sequence[Any]], default: str) -> Iterator[Plot]:
    before: list[str] = []
    for number, row in enumerate(metrics):
        *path, last = row
        options: Mapping[str, Any] = last if isinstance(last, dict) else {}
        if not isinstance(last, dict):
            path.append(last)
        ident = options.get("id", f"metric{number}")
        if "expression" in options:
            query = Query(ident, expression=options["expression"])
            label = options.get("label", options["expression"])
        else:
            before = _written_out(path, before)
            if len(before) < 2 or len(before) % 2:
                raise BadWidget(f"{widget.title!r}: {row!r} is no namespace, name and pairs of dimensions.")
            namespace, name, *pairs = before
            dimensions = dict(zip(pairs[::2], pairs[1::2], strict=True))
            query = Query(ident, MetricKey.of(namespace, name, dimensions), str(options.get("stat", default)))
            label = options.get("label", name)
        right = options.get("yAxis") == "right"
        yield Plot(query, str(label), options.get("color"), right, bool(options.get("visible", True)))


def _written_out(path: Sequence[str], before: Sequence[str]) -> list[str]:
    """`.` stands for the same word of the metric before, `...` for all of them up to here."""
    if "..." in path:
        after = path[path.index("...") + 1 :]
        return [*before[: len(before) - len(after)], *after]
    return [before[place] if word == "." else str(word) for place, word in enumerate(path)]


def _line(one: Mapping[str, Any]) -> Line:
    return Line(
        value=float(one["value"]),
        label=str(one.get("label", "")),
        color=one.get("color"),
        fill=one.get("fill"),
        right=one.get("yAxis") == "right",
    )


def _axis(one: Mapping[str, Any]) -> Axis:
    least, most = one.get("min"), one.get("max")
    return Axis(
        str(one.get("label", "")),
        None if least is None else float(least),
        None if most is None else float(most),
    )
