"""Draws the metric widgets of a dashboard."""

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from . import evidence, widgets
from .canvas import COLORS, FAINT, INK, LIMIT, SOFT, WIDTH, Box, Canvas
from .operations import Widget
from .scene import Scene
from .series import Grid, Points
from .typography import clock, cut, readable, width_of


class Charts:
    """The charts of one scene."""

    def __init__(self, scene: Scene, canvas: Canvas) -> None:
        self._scene, self._canvas = scene, canvas

    def draw(self, widget: Widget, box: Box) -> None:
        """Draw a metric widget in `box`. Raises what reading it raises."""
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

    def _single_values(self, metric: widgets.MetricWidget, box: Box) -> None:
        found = self._values(metric)
        columns = max(1, min(len(found), int(box.width // 110)))
        width, height = box.width / columns, box.height / max(1, -(-len(found) // columns))
        for number, (plot, value, missing) in enumerate(found):
            x = box.x + number % columns * width
            middle = box.y + number // columns * height + min(height * 0.45, 40)
            text = "-" if value is None else readable(value, self._unit([plot]))
            self._canvas.write(
                x, middle, cut(text, 20, width - 8, bold=True), 20, INK if value is not None else SOFT
            )
            color = plot.color or COLORS[number % len(COLORS)]
            self._canvas.square(x, middle + 11, color if value is not None else FAINT)
            label = plot.label + (" †" if missing else self._mark(plot))
            self._canvas.write(x + 12, middle + 19, cut(label, 9, width - 20), 9, SOFT)

    def _bars(self, metric: widgets.MetricWidget, box: Box) -> None:
        found = self._values(metric)
        most = max((value or 0 for _, value, _ in found), default=0) or 1
        height = min(24.0, box.height / max(1, len(found)))
        names = min(max((width_of(plot.label, 9) for plot, _, _ in found), default=0) + 14, box.width * 0.4)
        for number, (plot, value, missing) in enumerate(found):
            y = box.y + number * height
            label = plot.label + (" †" if missing else self._mark(plot))
            self._canvas.write(box.x, y + height / 2 + 3, cut(label, 9, names), 9, SOFT)
            length = (value or 0) / most * (box.width - names - 60)
            color = plot.color or COLORS[number % len(COLORS)]
            place = (box.x + names, y + height * 0.2)
            self._canvas.sheet.add_patch(
                Rectangle(place, max(length, 1), height * 0.6, facecolor=color, edgecolor="none")
            )
            text = "-" if value is None else readable(value, self._unit([plot]))
            self._canvas.write(box.x + names + length + 6, y + height / 2 + 3, text, 9)

    def _mark(self, plot: widgets.Plot) -> str:
        return " *" if plot.query.key and evidence.stand_in(plot.query.key) else ""

    def _unit(self, plots: Sequence[widgets.Plot]) -> str:
        units = {
            sample.unit
            for plot in plots
            if plot.query.key and plot.query.statistic != "SampleCount"
            for sample in list(self._scene.telemetry.samples(plot.query.key))[:1]
        }
        return units.pop() if len(units) == 1 else ""

    def _time_series(self, metric: widgets.MetricWidget, box: Box) -> None:
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
        left = self._canvas.axes(plot_box)
        axes: list[tuple[Axes, widgets.Axis, bool]] = [(left, metric.left, False)]
        if any(plot.right for plot, _, _ in drawn):
            axes.append((self._canvas.axes(plot_box), metric.right, True))
        for axis, said, is_right in axes:
            mine = [one for one in drawn if one[0].right == is_right]
            self._lines(axis, mine, grid, stacked=metric.stacked)
            lines = [line for line in metric.lines if line.right == is_right]
            self._scale(axis, said, lines)
            _draw_limits(axis, lines)
            self._label_axes(axis, [plot for plot, _, _ in mine], is_right=is_right)
            label = said.label
            x = box.x + box.width if is_right else box.x
            self._canvas.write(x, box.y + 7, label, 8, SOFT, align="right" if is_right else "left")
        if not any(points for _, _, points in drawn):
            left.set_yticks([])
            why = "No data" if any(not self._missing(plot, [points]) for plot, _, points in drawn) else ""
            self._canvas.empty(plot_box, why or "Published by AWS only")

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

    def _scale(self, axis: Axes, said: widgets.Axis, lines: Sequence[widgets.Line]) -> None:
        low, high = axis.get_ylim() if axis.has_data() else (0.0, 1.0)
        if axis.dataLim.y1 <= 0:
            high = 1.0  # nothing but zeros
        high = max([high, *(line.value * 1.08 for line in lines)])
        low = min(low, 0.0) if said.least is None else said.least
        axis.set_ylim(low, (high * 1.02 if high > low else low + 1) if said.most is None else said.most)
        axis.set_xlim(self._scene.start_ms, self._scene.end_ms)

    def _label_axes(self, axis: Axes, plots: Sequence[widgets.Plot], *, is_right: bool) -> None:
        scene, unit = self._scene, self._unit(plots)
        whole = unit == "Count" and all(plot.query.key for plot in plots)
        minutes = unit == "Seconds" and axis.get_ylim()[1] > 120
        steps = [1, 3, 6, 10] if minutes else [1, 2, 2.5, 5, 10]
        axis.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=whole, steps=steps))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: readable(value, unit)))
        seconds = scene.end_ms - scene.start_ms < 5 * 60_000
        at_most = int(axis.get_position().width * WIDTH // (60 if seconds else 42))
        axis.xaxis.set_major_locator(FixedLocator(_ticks(scene.start_ms, scene.end_ms, at_most)))
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

    def _legend(self, entries: Sequence[tuple[str, str]], box: Box) -> Box:
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
                self._canvas.square(x, y + 4, color, 7)
                self._canvas.write(x + 11, y + 11, label, 8.5, SOFT)
                x += width_of(label, 8.5) + 24
        return box.inside(0, 0, 0, 13 * len(rows) + 2)


def _draw_limits(axis: Axes, lines: Sequence[widgets.Line]) -> None:
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


def _ticks(start_ms: int, end_ms: int, at_most: int) -> list[float]:
    """Round moments, as many as fit."""
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
