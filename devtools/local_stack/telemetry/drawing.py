"""Draws a dashboard as one picture (SVG), in CloudWatch's grid of 24 columns."""

# The text stays text, so that the picture is small, can be searched, and its links work.

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from . import evidence, insights, widgets
from .alarms import Alarm, State
from .canvas import COLUMN, FAINT, GAP, HEADER, INK, MARGIN, PAGE, ROW, SOFT, WIDTH, Box, Canvas
from .charts import Charts
from .operations import Widget
from .scene import Scene
from .series import MetricKey
from .typography import TEXT, clock, cut, lines_of, paragraphs, shared, span, width_of, wrapped

STATE_COLORS = {State.OK: "#57966a", State.ALARM: "#b4473f", State.INSUFFICIENT_DATA: "#9aa5b1"}
FONTS = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


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


class _Picture:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        notes = list(_notes(scene))
        self._rows = max(widget.y + widget.height for widget in scene.operations.widgets)
        self._notes = [line for note in notes for line in wrapped(note, 9.5, WIDTH - 2 * MARGIN)]
        self._canvas = Canvas(HEADER + self._rows * ROW + 16 + 14.0 * len(self._notes) + MARGIN)
        self._charts = Charts(scene, self._canvas)

    def draw(self) -> Figure:
        scene = self._scene
        self._canvas.write(MARGIN + 2, 30, scene.title, 17, bold=True)
        day = datetime.fromtimestamp(scene.start_ms / 1000, UTC).date()
        shown = f"{day}, {clock(scene.start_ms)} to {clock(scene.end_ms)} UTC"
        self._canvas.write(MARGIN + 2, 50, shown, 10.5, SOFT)
        for widget in scene.operations.widgets:
            self._widget(widget)
        for number, line in enumerate(self._notes):
            self._canvas.write(MARGIN + 2, HEADER + self._rows * ROW + 22 + 14 * number, line, 9.5, SOFT)
        return self._canvas.figure

    def _widget(self, widget: Widget) -> None:
        box = Box(
            MARGIN + widget.x * COLUMN + GAP / 2,
            HEADER + widget.y * ROW + GAP / 2,
            widget.width * COLUMN - GAP,
            widget.height * ROW - GAP,
        )
        draw = getattr(self, f"_{widget.kind}_widget", None)
        if draw is None:
            raise widgets.BadWidget(f"A widget of the kind {widget.kind!r} is not known here.")
        if widget.properties.get("background") != "transparent":
            self._canvas.card(box)
        if widget.title:
            self._canvas.write(
                box.x + 12, box.y + 20, cut(widget.title, 11, box.width - 24, bold=True), 11, bold=True
            )
            box = box.inside(12, 28, 12, 8)
        else:
            box = box.inside(12, 8, 12, 8)
        draw(widget, box)

    def _text_widget(self, widget: Widget, box: Box) -> None:
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
                    self._canvas.write(box.x + 2, y, "•", size, SOFT)
                    self._canvas.words(line, box.x + indent, y, size)
                    continue
                self._canvas.words(line, box.x, y, size)

    def _alarm_widget(self, widget: Widget, box: Box) -> None:
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
            self._canvas.square(x, y + 4, STATE_COLORS[state], 10)
            color = STATE_COLORS[state] if state is State.ALARM else INK
            self._canvas.write(x + 16, y + 13, cut(_plain(ident), 9.5, width - 24), 9.5, color)
            if height > 27:
                self._canvas.write(x + 16, y + 25, cut(_state(state, alarm), 8, width - 24), 8, SOFT)

    def _log_widget(self, widget: Widget, box: Box) -> None:
        query = insights.read(str(widget.properties["query"]))
        rows = query.run([line for line in self._scene.lines if line.at_ms >= self._scene.start_ms])
        columns = query.columns
        if not rows:
            self._canvas.empty(box, "No log line matches")
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
            self._canvas.write(box.x + sum(widths[:place]), y, cut(name, 9, widths[place] - 8), 9, SOFT)
        self._canvas.sheet.plot([box.x, box.x + box.width], [y + 5, y + 5], color=FAINT, linewidth=1)
        for row in shown:
            y += 15
            for place, text in enumerate(row):
                self._canvas.write(box.x + sum(widths[:place]), y + 2, cut(text, 9, widths[place] - 8), 9)

    def _metric_widget(self, widget: Widget, box: Box) -> None:
        self._charts.draw(widget, box)


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
        if source := evidence.stand_in(key):
            names = by_source.setdefault(source, [])
            if key.name not in names:
                names.append(key.name)
    for source, names in by_source.items():
        yield f"* A stand-in for what AWS publishes: {', '.join(names)}, {source}."
    if only := sorted({f"{key.namespace} {key.name}" for key in keys if evidence.only_on_aws(key)}):
        yield f"† Published by AWS only: {', '.join(only)}."


def _plain(ident: str) -> str:
    """`DeadLettersAlarm` → `Dead letters`."""
    words = re.findall(r"[A-Z][a-z0-9]*|[A-Z]+(?![a-z])", ident.removesuffix("Alarm"))
    return " ".join([words[0], *(word.lower() for word in words[1:])]) if words else ident


def _state(state: State, alarm: Alarm) -> str:
    said = {State.OK: "OK", State.ALARM: "ALARM", State.INSUFFICIENT_DATA: "no data"}[state]
    return f"{said} · {alarm.condition}"
