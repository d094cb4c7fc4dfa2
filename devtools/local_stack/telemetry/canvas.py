"""A sheet to write and draw on, in pixels from the top left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from .typography import CODE, TEXT, Word, width_of

COLUMN, ROW, MARGIN, GAP = 50.0, 44.0, 14.0, 8.0
WIDTH = 24 * COLUMN + 2 * MARGIN
HEADER = 62.0

INK, SOFT, FAINT, CARD, PAGE = "#1f2933", "#66727f", "#e3e7eb", "#ffffff", "#f4f6f8"
LINK, LIMIT = "#2b6cb0", "#b4473f"
COLORS = (
    *("#3f72a6", "#d98a3d", "#57966a", "#b85c57", "#8568ad"),
    *("#8a7259", "#c683b3", "#6f7a85", "#aaa04a", "#479aa3"),
)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels from the top left."""

    x: float
    y: float
    width: float
    height: float

    def inside(self, left: float, top: float, right: float, bottom: float) -> "Box":
        """The same without so much at each side."""
        return Box(self.x + left, self.y + top, self.width - left - right, self.height - top - bottom)

    @property
    def bottom(self) -> float:
        """The y of its lower edge."""
        return self.y + self.height


class Canvas:
    """A figure with a sheet as large as itself."""

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72, facecolor=PAGE)
        self.sheet = self.figure.add_axes((0, 0, 1, 1))
        self.sheet.set_axis_off()
        self.sheet.set_xlim(0, WIDTH)
        self.sheet.set_ylim(height, 0)

    def write(
        self,
        x: float,
        y: float,
        text: str | Word,
        size: float,
        color: str = INK,
        *,
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """One line of text whose baseline is at `y`."""
        word = Word(text, bold=bold) if isinstance(text, str) else text
        self.sheet.text(
            x,
            y,
            word.text,
            fontsize=size,
            color=color,
            fontweight="bold" if word.bold else "normal",
            fontfamily=CODE if word.code else TEXT,
            ha=align,
            va="baseline",
            url=word.url,
        )

    def words(self, line: Sequence[Word], x: float, y: float, size: float) -> None:
        """Words of several styles in one line."""
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
            self.write(x, y, piece, size, color)
            x += width_of(piece.text, size, bold=piece.bold, code=piece.code)

    def card(self, box: Box) -> None:
        """The white card of a widget."""
        self.sheet.add_patch(
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

    def square(self, x: float, y: float, color: str, side: float = 8) -> None:
        """A filled square."""
        self.sheet.add_patch(Rectangle((x, y), side, side, facecolor=color, edgecolor="none"))

    def axes(self, box: Box) -> Axes:
        """A chart at this place."""
        place = (
            box.x / WIDTH,
            1 - box.bottom / self.height,
            box.width / WIDTH,
            box.height / self.height,
        )
        # What is written on the sheet behind it stays visible.
        return self.figure.add_axes(place, facecolor="none")

    def empty(self, box: Box, why: str) -> None:
        """Why there is nothing, in the middle."""
        self.write(box.x + box.width / 2, box.y + box.height / 2, why, 10, SOFT, align="center")
