"""The dashboard as plain JSON: each widget with its place, and what it shows at one moment."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from devtools.local_stack.telemetry import evidence, insights, widgets
from devtools.local_stack.telemetry.operations import Widget
from devtools.local_stack.telemetry.scene import Scene
from devtools.local_stack.telemetry.series import Grid, MetricKey, Points

from .words import blocks

# Any: JSON of the page.
Json = dict[str, Any]
_RUNBOOK = re.compile(r"\s*Runbook: (\S+)$")
_SHOWN_ROWS = 50


def shown(scene: Scene) -> Json:
    """All of the page. Raises what reading a widget raises."""
    shown_widgets = [_widget(scene, widget) for widget in scene.operations.widgets]
    return {
        "service": scene.service,
        "start_ms": scene.start_ms,
        "end_ms": scene.end_ms,
        "period_s": scene.fine_s,
        "behind": scene.behind,
        "quiet": not any(map(_tells, shown_widgets)),
        "alarms": {"on": sum(one.state == "ALARM" for one in scene.verdicts.values()), "all": len(scene.verdicts)},
        "widgets": shown_widgets,
        "notes": list(notes(scene)),
    }


def _widget(scene: Scene, widget: Widget) -> Json:
    if widget.kind not in _KINDS:
        raise widgets.BadWidget(f"A widget of the kind {widget.kind!r} is not known here.")
    place = {"x": widget.x, "y": widget.y, "width": widget.width, "height": widget.height}
    key = f"{widget.x}-{widget.y}-{widget.title}"
    return {"key": key, "title": widget.title, **place, **_KINDS[widget.kind](scene, widget)}


def _tells(widget: Json) -> bool:
    """Whether a metric of ours is more than 0 in it: what runs by the clock is nothing that has happened."""
    shown: list[Json] = [*widget.get("series", ()), *widget.get("values", ())]
    return any(
        one["source"] == "own" and (one.get("value") or any(value for _, value in one.get("points", ())))
        for one in shown
    )


def _text(_scene: Scene, widget: Widget) -> Json:
    return {"kind": "text", "blocks": blocks(str(widget.properties["markdown"]), address)}


def _alarms(scene: Scene, widget: Widget) -> Json:
    found = []
    for arn in widget.properties["alarms"]:
        ident = scene.operations.alarm_arns[arn]
        alarm, verdict = scene.operations.alarms[ident], scene.verdicts[ident]
        runbook = _RUNBOOK.search(alarm.description)
        found.append(
            {
                "id": ident,
                "name": plain(alarm.name.rpartition("-")[2]),
                "state": verdict.state.value,
                "reason": verdict.reason,
                "since_ms": verdict.since_ms,
                "condition": alarm.condition,
                "description": _RUNBOOK.sub("", alarm.description),
                "runbook": address(runbook[1]) if runbook else None,
            }
        )
    return {"kind": "alarms", "alarms": found}


def plain(name: str) -> str:
    """`DeadLettersAlarm` → `Dead letters`."""
    parts = re.findall(r"[A-Z][a-z0-9]*|[A-Z]+(?![a-z])", name.removesuffix("Alarm"))
    return " ".join([parts[0], *(part.lower() for part in parts[1:])]).replace("Api ", "API ") if parts else name


def address(link: str) -> str:
    """A local stack's links begin with `docs/`, the default of DocsUrl: the console has those pages."""
    return re.sub(r"^docs/(\w+)\.md", r"/dashboard/\1", link)


def _table(scene: Scene, widget: Widget) -> Json:
    text = str(widget.properties["query"])
    columns = insights.read(text).columns
    rows = scene.rows[text]
    return {
        "kind": "table",
        "columns": columns,
        "rows": [[row.get(name) for name in columns] for row in rows[:_SHOWN_ROWS]],
    }


def _metric(scene: Scene, widget: Widget) -> Json:
    metric = widgets.read(widget, scene.operations)
    if metric.view == "timeSeries":
        return _chart(scene, metric)
    return {"kind": "numbers" if metric.view == "singleValue" else "bars", "values": _values(scene, metric)}


def _values(scene: Scene, metric: widgets.MetricWidget) -> list[Json]:
    """One number each: of the whole time shown, or the latest."""
    length_s = (scene.end_ms - scene.start_ms) // 1000
    grid = Grid(scene.start_ms, length_s, 1) if metric.whole_range else scene.grid(metric.period_s)
    found = []
    for plot, series in metric.series(scene.telemetry, grid):
        points = series[0] if series else {}
        value = points[max(points)] if points else None
        found.append(_series(scene, plot, plot.label, any(series)) | {"value": value})
    return found


def _chart(scene: Scene, metric: widgets.MetricWidget) -> Json:
    grid = scene.grid(metric.period_s)
    series: list[Json] = []
    for plot, lines in metric.series(scene.telemetry, grid):
        for number, points in enumerate(lines or [{}]):
            label = plot.label if len(lines) <= 1 else f"{plot.label} {number + 1}"
            series.append(
                _series(scene, plot, label, bool(points)) | {"right": plot.right, "points": _pairs(points)}
            )
    return {
        "kind": "chart",
        "stacked": metric.stacked,
        "legend": metric.legend,
        "period_ms": grid.period_s * 1000,
        "axes": {"left": _axis(metric.left), "right": _axis(metric.right)},
        "limits": [
            {"value": line.value, "label": line.label, "color": line.color, "fill": line.fill, "right": line.right}
            for line in metric.lines
        ],
        "series": series,
    }


def _pairs(points: Points) -> list[tuple[int, float]]:
    return [(at_ms, round(value, 6)) for at_ms, value in points.items()]


def _axis(axis: widgets.Axis) -> Json:
    return {"label": axis.label, "least": axis.least, "most": axis.most}


def _series(scene: Scene, plot: widgets.Plot, label: str, known: bool) -> Json:
    """What names a series, and where its numbers are from: `own`, a `stand-in`, or `aws` alone, which has none."""
    key = plot.query.key
    source = "own"
    if key and evidence.stand_in(key):
        source = "stand-in"
    elif key and evidence.only_on_aws(key) and not known:
        source = "aws"
    return {"label": label, "color": plot.color, "unit": _unit(scene, plot), "source": source}


def _unit(scene: Scene, plot: widgets.Plot) -> str:
    samples = scene.telemetry.samples(plot.query.key) if plot.query.key else ()
    return samples[0].unit if samples and plot.query.statistic != "SampleCount" else ""


def notes(scene: Scene) -> Iterator[str]:
    """What a reader has to know about the numbers."""
    metrics = [widgets.read(one, scene.operations) for one in scene.operations.widgets if one.kind == "metric"]
    if periods := {metric.period_s for metric in metrics if metric.period_s > scene.fine_s}:
        on_aws = " or ".join(_span(period) for period in sorted(periods))
        yield f"On AWS a point stands for {on_aws}; here for {_span(scene.fine_s)}, so that counts are smaller."
    keys = [key for metric in metrics for key in metric.keys]
    for source, names in _stand_ins(keys).items():
        yield f"* A stand-in for what AWS publishes: {', '.join(names)}, {source}."
    if only := sorted({f"{key.namespace} {key.name}" for key in keys if evidence.only_on_aws(key)}):
        yield f"† Published by AWS only: {', '.join(only)}."


def _stand_ins(keys: Sequence[MetricKey]) -> dict[str, list[str]]:
    by_source: dict[str, list[str]] = {}
    for key in keys:
        if source := evidence.stand_in(key):
            names = by_source.setdefault(source, [])
            if key.name not in names:
                names.append(key.name)
    return by_source


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"


_KINDS: dict[str, Callable[[Scene, Widget], Json]] = {
    "text": _text,
    "alarm": _alarms,
    "log": _table,
    "metric": _metric,
}
