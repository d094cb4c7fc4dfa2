"""Draws a dashboard as one picture (SVG), in CloudWatch's grid of 24 columns.

The text stays text, so that the picture is small, can be searched, and its links work.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from matplotlib.typing import RcKeyType

from . import evidence, insights, widgets
from .alarms import Alarm, State
from .operations import Operations, Widget
from .series import Grid, MetricKey, Points, Telemetry
from .typography import (
    CODE,
    TEXT,
    Word,
    clock,
    cut,
    lines_of,
    paragraphs,
    readable,
    shared,
    span,
    width_of,
    wrapped,
)

COLUMN, ROW, MARGIN, GAP = 50.0, 44.0, 14.0, 8.0
WIDTH = 24 * COLUMN + 2 * MARGIN
HEADER = 62.0
# About so many points across the time shown: fewer hide what happened, more show nothing but single texts.
POINTS_MOST = 30
PERIODS_S = (5, 10, 15, 30, 60, 300, 900, 3600)

INK, SOFT, FAINT, CARD, PAGE = "#1f2933", "#66727f", "#e3e7eb", "#ffffff", "#f4f6f8"
LINK, LIMIT = "#2b6cb0", "#b4473f"
COLORS = (
    *("#3f72a6", "#d98a3d", "#57966a", "#b85c57", "#8568ad"),
    *("#8a7259", "#c683b3", "#6f7a85", "#aaa04a", "#479aa3"),
)
STATE_COLORS = {State.OK: "#57966a", State.ALARM: "#b4473f", State.INSUFFICIENT_DATA: "#9aa5b1"}
FONTS = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a picture is made of."""

    title: str
    operations: Operations
    telemetry: Telemetry
    lines: Sequence[insights.LogLine]
    states: Mapping[str, State]  # logical id of an alarm → its state now
    start_ms: int
    end_ms: int

    def grid(self, period_s: int) -> Grid:
        """The time shown, in periods of this length or, if that would be few, in shorter ones."""
        return Grid.over(self.start_ms, self.end_ms, min(period_s, self.fine_s))

    @property
    def fine_s(self) -> int:
        """The period that fills a chart."""
        needed = (self.end_ms - self.start_ms) / 1000 / POINTS_MOST
        return next((period for period in PERIODS_S if period >= needed), PERIODS_S[-1])


def svg(scene: Scene) -> str:
    """The picture. The same scene makes the same picture. Raises what reading a widget raises."""
    settings: dict[RcKeyType, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "long-code-sms",
        "font.family": TEXT,
        "text.parse_math": False,
        "axes.unicode_minus": True,
    }
    with rc_context(settings):
        out = io.StringIO()
        _Picture(scene).draw().savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    drawn = out.getvalue().replace("'DejaVu Sans'", FONTS)
    return re.sub(r"\s+$", "\n", re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE))


def html(scene: Scene) -> str:
    """A page that holds the picture and needs nothing else."""
    picture = svg(scene)
    picture = picture[picture.index("<svg") :]
    picture = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", picture, count=1)
    picture = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", picture, count=1)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{_escaped(scene.title)}</title>\n'
        f"<style>body {{ margin: 0; background: {PAGE} }} "
        f"svg {{ display: block; width: 100%; max-width: 1500px; height: auto; margin: auto }}</style>\n"
        f"{picture}</html>\n"
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


@dataclass(frozen=True, slots=True)
class _Box:
    """A rectangle in pixels from the top left."""

    x: float
    y: float
    width: float
    height: float

    def inside(self, left: float, top: float, right: float, bottom: float) -> "_Box":
        return _Box(self.x + left, self.y + top, self.width - left - right, self.height - top - bottom)

    @property
    def bottom(self) -> float:
        return self.y + self.height


class _Picture:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        notes = list(_notes(scene))
        self._rows = max(widget.y + widget.height for widget in scene.operations.widgets)
        self._notes = [line for note in notes for line in wrapped(note, 9.5, WIDTH - 2 * MARGIN)]
        self._height = HEADER + self._rows * ROW + 16 + 14.0 * len(self._notes) + MARGIN
        self._figure = Figure(figsize=(WIDTH / 72, self._height / 72), dpi=72, facecolor=PAGE)
        self._sheet = self._figure.add_axes((0, 0, 1, 1))
        self._sheet.set_axis_off()
        self._sheet.set_xlim(0, WIDTH)
        self._sheet.set_ylim(self._height, 0)

    def draw(self) -> Figure:
        scene = self._scene
        self._write(MARGIN + 2, 30, scene.title, 17, bold=True)
        day = datetime.fromtimestamp(scene.start_ms / 1000, UTC).date()
        shown = f"{day}, {clock(scene.start_ms)} to {clock(scene.end_ms)} UTC"
        self._write(MARGIN + 2, 50, shown, 10.5, SOFT)
        for widget in scene.operations.widgets:
            self._widget(widget)
        for number, line in enumerate(self._notes):
            self._write(MARGIN + 2, HEADER + self._rows * ROW + 22 + 14 * number, line, 9.5, SOFT)
        return self._figure

    # ------------------------------------------------------------------------------------ primitives

    def _write(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        color: str = INK,
        *,
        bold: bool = False,
        align: str = "left",
        url: str | None = None,
        code: bool = False,
    ) -> None:
        self._sheet.text(
            x,
            y,
            text,
            fontsize=size,
            color=color,
            fontweight="bold" if bold else "normal",
            fontfamily=CODE if code else TEXT,
            ha=align,
            va="baseline",
            url=url,
        )

    def _card(self, box: _Box) -> None:
        self._sheet.add_patch(
            FancyBboxPatch(
                (box.x, box.y),
                box.width,
                box.height,
                boxstyle="round,pad=0,rounding_size=5",
                facecolor=CARD,
                edgecolor=FAINT,
                linewidth=1,
            )
        )

    def _square(self, x: float, y: float, color: str, side: float = 8) -> None:
        self._sheet.add_patch(Rectangle((x, y), side, side, facecolor=color, edgecolor="none"))

    def _axes(self, box: _Box) -> Axes:
        place = (
            box.x / WIDTH,
            1 - box.bottom / self._height,
            box.width / WIDTH,
            box.height / self._height,
        )
        # What is written on the sheet behind it stays visible.
        return self._figure.add_axes(place, facecolor="none")

    # --------------------------------------------------------------------------------------- widgets

    def _widget(self, widget: Widget) -> None:
        box = _Box(
            MARGIN + widget.x * COLUMN + GAP / 2,
            HEADER + widget.y * ROW + GAP / 2,
            widget.width * COLUMN - GAP,
            widget.height * ROW - GAP,
        )
        draw = getattr(self, f"_{widget.kind}_widget", None)
        if draw is None:
            raise widgets.BadWidget(f"A widget of the kind {widget.kind!r} is not known here.")
        if widget.properties.get("background") != "transparent":
            self._card(box)
        if widget.title:
            self._write(box.x + 12, box.y + 20, cut(widget.title, 11, box.width - 24, bold=True), 11, bold=True)
            box = box.inside(12, 28, 12, 8)
        else:
            box = box.inside(12, 8, 12, 8)
        draw(widget, box)

    def _text_widget(self, widget: Widget, box: _Box) -> None:
        y = box.y
        for size, indent, words in paragraphs(str(widget.properties["markdown"])):
            if not words:
                y += 5
                continue
            for line in lines_of(words, size, box.width - indent):
                y += size * 1.45
                if y > box.bottom + 4:
                    return
                if indent:
                    self._write(box.x + 2, y, "•", size, SOFT)
                    self._words(line, box.x + indent, y, size)
                    continue
                self._words(line, box.x, y, size)

    def _words(self, line: Sequence[Word], x: float, y: float, size: float) -> None:
        # Neighbours of one style are one piece, so that a viewer's own font keeps its spaces.
        pieces: list[Word] = []
        for word in line:
            if pieces and pieces[-1].style == word.style and not word.glued:
                pieces[-1] = replace(pieces[-1], text=f"{pieces[-1].text} {word.text}")
            else:
                pieces.append(word)
        for number, piece in enumerate(pieces):
            if number and not piece.glued:
                x += width_of(" ", size)
            color = LINK if piece.url else INK
            self._write(x, y, piece.text, size, color, bold=piece.bold, code=piece.code, url=piece.url)
            x += width_of(piece.text, size, bold=piece.bold, code=piece.code)

    def _alarm_widget(self, widget: Widget, box: _Box) -> None:
        operations = self._scene.operations
        ids = [operations.alarm_arns[arn] for arn in widget.properties["alarms"]]
        columns = max(1, min(len(ids), int(box.width // 190)))
        width = box.width / columns
        rows = -(-len(ids) // columns)
        height = min(38.0, box.height / max(1, rows))
        for number, ident in enumerate(ids):
            x = box.x + number % columns * width
            y = box.y + number // columns * height
            state = self._scene.states[ident]
            alarm = operations.alarms[ident]
            self._square(x, y + 4, STATE_COLORS[state], 10)
            color = STATE_COLORS[state] if state is State.ALARM else INK
            self._write(x + 16, y + 13, cut(_plain(ident), 9.5, width - 24), 9.5, color)
            if height > 27:
                self._write(x + 16, y + 25, cut(_state(state, alarm), 8, width - 24), 8, SOFT)

    def _log_widget(self, widget: Widget, box: _Box) -> None:
        query = insights.read(str(widget.properties["query"]))
        rows = query.run([line for line in self._scene.lines if line.at_ms >= self._scene.start_ms])
        columns = query.columns
        if not rows:
            self._empty(box, "No log line matches")
            return
        fit = int((box.height - 18) // 15)
        shown = [[insights.shown(name, row.get(name)) for name in columns] for row in rows[:fit]]
        needed = [
            max(width_of(text, 9) for text in [name, *(row[place] for row in shown)]) + 14
            for place, name in enumerate(columns)
        ]
        widths = shared(needed, box.width)
        y = box.y + 11
        for place, name in enumerate(columns):
            self._write(box.x + sum(widths[:place]), y, cut(name, 9, widths[place] - 8), 9, SOFT)
        self._sheet.plot([box.x, box.x + box.width], [y + 5, y + 5], color=FAINT, linewidth=1)
        for row in shown:
            y += 15
            for place, text in enumerate(row):
                self._write(box.x + sum(widths[:place]), y + 2, cut(text, 9, widths[place] - 8), 9)

    def _empty(self, box: _Box, why: str) -> None:
        self._write(box.x + box.width / 2, box.y + box.height / 2, why, 10, SOFT, align="center")

    def _metric_widget(self, widget: Widget, box: _Box) -> None:
        metric = widgets.read(widget, self._scene.operations)
        if metric.view == "singleValue":
            self._single_values(metric, box)
        elif metric.view == "bar":
            self._bars(metric, box)
        else:
            self._time_series(metric, box)

    def _missing(self, plot: widgets.Plot, points: Sequence[Points]) -> bool:
        key = plot.query.key
        return not any(points) and key is not None and evidence.only_on_aws(key)

    def _values(self, metric: widgets.MetricWidget) -> list[tuple[widgets.Plot, float | None, bool]]:
        """One number each: of the whole time shown, or the latest."""
        scene = self._scene
        length_s = max(1, -(-(scene.end_ms - scene.start_ms) // 1000))
        grid = Grid(scene.start_ms, length_s, 1) if metric.whole_range else scene.grid(metric.period_s)
        found = []
        for plot, series in metric.series(scene.telemetry, grid):
            points = series[0] if series else {}
            value = points[max(points)] if points else None
            found.append((plot, value, self._missing(plot, series)))
        return found

    def _single_values(self, metric: widgets.MetricWidget, box: _Box) -> None:
        found = self._values(metric)
        columns = max(1, min(len(found), int(box.width // 110)))
        width, height = box.width / columns, box.height / max(1, -(-len(found) // columns))
        for number, (plot, value, missing) in enumerate(found):
            x = box.x + number % columns * width
            middle = box.y + number // columns * height + min(height * 0.45, 40)
            text = "-" if value is None else readable(value, self._unit([plot]))
            self._write(x, middle, cut(text, 20, width - 8, bold=True), 20, INK if value is not None else SOFT)
            color = plot.color or COLORS[number % len(COLORS)]
            self._square(x, middle + 11, color if value is not None else FAINT)
            label = plot.label + (" †" if missing else self._mark(plot))
            self._write(x + 12, middle + 19, cut(label, 9, width - 20), 9, SOFT)

    def _bars(self, metric: widgets.MetricWidget, box: _Box) -> None:
        found = self._values(metric)
        most = max((value or 0 for _, value, _ in found), default=0) or 1
        height = min(24.0, box.height / max(1, len(found)))
        names = min(max((width_of(plot.label, 9) for plot, _, _ in found), default=0) + 14, box.width * 0.4)
        for number, (plot, value, missing) in enumerate(found):
            y = box.y + number * height
            label = plot.label + (" †" if missing else self._mark(plot))
            self._write(box.x, y + height / 2 + 3, cut(label, 9, names), 9, SOFT)
            length = (value or 0) / most * (box.width - names - 60)
            color = plot.color or COLORS[number % len(COLORS)]
            place = (box.x + names, y + height * 0.2)
            self._sheet.add_patch(
                Rectangle(place, max(length, 1), height * 0.6, facecolor=color, edgecolor="none")
            )
            text = "-" if value is None else readable(value, self._unit([plot]))
            self._write(box.x + names + length + 6, y + height / 2 + 3, text, 9)

    def _mark(self, plot: widgets.Plot) -> str:
        return " *" if plot.query.key and _stand_in(plot.query.key) else ""

    def _unit(self, plots: Sequence[widgets.Plot]) -> str:
        units = {
            sample.unit
            for plot in plots
            if plot.query.key and plot.query.statistic != "SampleCount"
            for sample in list(self._scene.telemetry.samples(plot.query.key))[:1]
        }
        return units.pop() if len(units) == 1 else ""

    def _time_series(self, metric: widgets.MetricWidget, box: _Box) -> None:
        scene = self._scene
        grid = scene.grid(metric.period_s)
        drawn: list[tuple[widgets.Plot, str, Points]] = []
        legend: list[tuple[str, str]] = []
        for plot, series in metric.series(scene.telemetry, grid):
            missing = self._missing(plot, series)
            for number, points in enumerate(series):
                color = plot.color or COLORS[len(legend) % len(COLORS)]
                name = plot.label if len(series) == 1 else f"{plot.label} {number + 1}"
                mark = " †" if missing else self._mark(plot)
                legend.append((name + mark, color if points else "#cbd2d9"))
                drawn.append((plot, color, points))
        if metric.legend:
            box = self._legend(legend, box)
        top = 16 if metric.left.label or metric.right.label else 6
        plot_box = box.inside(40, top, 40 if any(plot.right for plot, _, _ in drawn) else 8, 18)
        left = self._axes(plot_box)
        axes: list[tuple[Axes, widgets.Axis, bool]] = [(left, metric.left, False)]
        if any(plot.right for plot, _, _ in drawn):
            axes.append((self._axes(plot_box), metric.right, True))
        for axis, said, is_right in axes:
            mine = [one for one in drawn if one[0].right == is_right]
            self._lines(axis, mine, grid, stacked=metric.stacked)
            lines = [line for line in metric.lines if line.right == is_right]
            self._dress(axis, said, [plot for plot, _, _ in mine], lines, is_right=is_right)
            label = said.label
            x = box.x + box.width if is_right else box.x
            self._write(x, box.y + 7, label, 8, SOFT, align="right" if is_right else "left")
        if not any(points for _, _, points in drawn):
            left.set_yticks([])
            why = "No data" if any(not self._missing(plot, [points]) for plot, _, points in drawn) else ""
            self._empty(plot_box, why or "Published by AWS only")

    def _lines(
        self, axis: Axes, drawn: Sequence[tuple[widgets.Plot, str, Points]], grid: Grid, *, stacked: bool
    ) -> None:
        period_ms = grid.period_s * 1000
        if stacked:
            moments = list(grid)
            below = [0.0] * len(moments)
            for _, color, points in drawn:
                above = [low + points.get(at, 0.0) for low, at in zip(below, moments, strict=True)]
                axis.fill_between(moments, below, above, color=color, alpha=0.55, linewidth=0.6)
                below = above
            return
        for _, color, points in drawn:
            for piece in _pieces(points, period_ms):
                moments = [at for at, _ in piece]
                values = [value for _, value in piece]
                marker = "o" if len(piece) == 1 else ""
                axis.plot(moments, values, color=color, linewidth=1.6, marker=marker, markersize=3.2)

    def _dress(
        self,
        axis: Axes,
        said: widgets.Axis,
        plots: Sequence[widgets.Plot],
        lines: Sequence[widgets.Line],
        *,
        is_right: bool,
    ) -> None:
        scene = self._scene
        low, high = axis.get_ylim() if axis.has_data() else (0.0, 1.0)
        if axis.dataLim.y1 <= 0:
            high = 1.0  # nothing but zeros
        high = max([high, *(line.value * 1.08 for line in lines)])
        low = min(low, 0.0) if said.least is None else said.least
        axis.set_ylim(low, (high * 1.02 if high > low else low + 1) if said.most is None else said.most)
        axis.set_xlim(scene.start_ms, scene.end_ms)
        for line in lines:
            color = line.color or LIMIT
            axis.axhline(line.value, color=color, linewidth=1, linestyle=(0, (4, 3)))
            if line.fill in ("above", "below"):
                edge = axis.get_ylim()[1 if line.fill == "above" else 0]
                axis.axhspan(line.value, edge, color=color, alpha=0.07, linewidth=0)
            if line.label:
                axis.annotate(
                    line.label,
                    (1, line.value),
                    xycoords=("axes fraction", "data"),
                    xytext=(-2, 3),
                    textcoords="offset points",
                    fontsize=8,
                    color=color,
                    ha="right",
                )
        unit = self._unit(plots)
        whole = unit == "Count" and all(plot.query.key for plot in plots)
        minutes = unit == "Seconds" and axis.get_ylim()[1] > 120
        steps = [1, 3, 6, 10] if minutes else [1, 2, 2.5, 5, 10]
        axis.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=whole, steps=steps))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: readable(value, unit)))
        seconds = scene.end_ms - scene.start_ms < 5 * 60_000
        room = int(axis.get_position().width * WIDTH // (60 if seconds else 42))
        axis.xaxis.set_major_locator(FixedLocator(_ticks(scene.start_ms, scene.end_ms, room)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock(value, seconds=seconds)))
        axis.tick_params(axis="both", length=0, labelsize=8, labelcolor=SOFT, pad=4)
        for side in ("top", "left", "right"):
            axis.spines[side].set_visible(False)
        axis.spines["bottom"].set_color("#cbd2d9")
        axis.set_axisbelow(True)
        if is_right:
            axis.yaxis.tick_right()
            axis.set_xticks([])
        else:
            axis.grid(axis="y", color=FAINT, linewidth=0.8)

    def _legend(self, entries: Sequence[tuple[str, str]], box: _Box) -> _Box:
        """Writes the legend at the bottom of `box`, and answers what is left of it."""
        rows: list[list[tuple[str, str]]] = [[]]
        x = 0.0
        for label, color in entries:
            label = cut(label, 8.5, box.width - 14)
            width = width_of(label, 8.5) + 24
            if rows[-1] and x + width > box.width + 10:
                rows.append([])
                x = 0.0
            rows[-1].append((label, color))
            x += width
        rows = rows[:4]
        top = box.bottom - 13 * len(rows)
        for number, row in enumerate(rows):
            x, y = box.x, top + 13 * number
            for label, color in row:
                self._square(x, y + 4, color, 7)
                self._write(x + 11, y + 11, label, 8.5, SOFT)
                x += width_of(label, 8.5) + 24
        return box.inside(0, 0, 0, 13 * len(rows) + 2)


# --------------------------------------------------------------------------------------------- what is said


def _notes(scene: Scene) -> Iterator[str]:
    """What a reader has to know about the numbers."""
    keys: list[MetricKey] = []
    periods: set[int] = set()
    for widget in scene.operations.widgets:
        if widget.kind == "metric":
            metric = widgets.read(widget, scene.operations)
            keys += metric.keys
            periods.add(metric.period_s)
    if periods and min(periods) > scene.fine_s:
        on_aws = " or ".join(span(period) for period in sorted(periods))
        here = span(scene.fine_s)
        yield f"On AWS a point stands for {on_aws}; here for {here}, so that counts are smaller."
    by_source: dict[str, list[str]] = {}
    for key in keys:
        if source := _stand_in(key):
            names = by_source.setdefault(source, [])
            if key.name not in names:
                names.append(key.name)
    for source, names in by_source.items():
        yield f"* A stand-in for what AWS publishes: {', '.join(names)}, {source}."
    if only := sorted({f"{key.namespace} {key.name}" for key in keys if evidence.only_on_aws(key)}):
        yield f"† Published by AWS only: {', '.join(only)}."


def _stand_in(key: MetricKey) -> str | None:
    return evidence.STAND_INS.get((key.namespace, key.name))


def _plain(ident: str) -> str:
    """`DeadLettersAlarm` → `Dead letters`."""
    words = re.findall(r"[A-Z][a-z0-9]*|[A-Z]+(?![a-z])", ident.removesuffix("Alarm"))
    return " ".join([words[0], *(word.lower() for word in words[1:])]) if words else ident


def _state(state: State, alarm: Alarm) -> str:
    said = {State.OK: "OK", State.ALARM: "ALARM", State.INSUFFICIENT_DATA: "no data"}[state]
    return f"{said} · {alarm.condition}"


def _ticks(start_ms: int, end_ms: int, at_most: int) -> list[float]:
    """Round moments, as many as there is room for."""
    for step_s in (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400):
        step = step_s * 1000
        ticks = range(-(-start_ms // step) * step, end_ms + 1, step)
        if len(ticks) <= min(at_most, 6):
            return [float(at) for at in ticks]
    return [float(start_ms)]


def _pieces(points: Points, period_ms: int) -> Iterator[list[tuple[int, float]]]:
    """Runs of periods without a gap between them."""
    piece: list[tuple[int, float]] = []
    for at, value in sorted(points.items()):
        if piece and at - piece[-1][0] > period_ms:
            yield piece
            piece = []
        piece.append((at, value))
    if piece:
        yield piece
