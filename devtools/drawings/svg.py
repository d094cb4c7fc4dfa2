"""Pieces of a drawing that can be read on a light and on a dark page."""

from html import escape
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/concepts"
WIDTH = 960
Anchor = Literal["start", "middle", "end"]

_STYLE = """\
    .page { fill: #ffffff }
    .box { fill: #ffffff; stroke: #57606a; stroke-width: 1.4 }
    .go { fill: #ddf4ff; stroke: #0969da; stroke-width: 1.4 }
    .warn { fill: #fff8c5; stroke: #9a6700; stroke-width: 1.4 }
    .good { fill: #dafbe1; stroke: #1a7f37; stroke-width: 1.4 }
    .bad { fill: #ffebe9; stroke: #cf222e; stroke-width: 1.4 }
    .dot { fill: #0969da }
    .dot2 { fill: #9a6700 }
    .line { fill: none; stroke: #57606a; stroke-width: 1.6 }
    .grid { fill: none; stroke: #d0d7de; stroke-width: 1 }
    .cross { fill: none; stroke: #cf222e; stroke-width: 2.4 }
    .soft { stroke-dasharray: 5 4 }
    .head { fill: #57606a }
    text { fill: #1f2328 }
    .strong { font-weight: 600 }
    .small { font-size: 13.5px; fill: #57606a }
    .mono { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: 13.5px }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117 }
      .box { fill: #161b22; stroke: #8b949e }
      .go { fill: #0c2d4d; stroke: #58a6ff }
      .warn { fill: #3a2d05; stroke: #d29922 }
      .good { fill: #0f2f1a; stroke: #3fb950 }
      .bad { fill: #3d1417; stroke: #f85149 }
      .dot { fill: #58a6ff }
      .dot2 { fill: #d29922 }
      .line { stroke: #8b949e }
      .grid { stroke: #30363d }
      .cross { stroke: #f85149 }
      .head { fill: #8b949e }
      text { fill: #e6edf3 }
      .small { fill: #9da7b1 }
    }
"""


def page(title: str, description: str, height: float, body: list[str], made_by: str) -> str:
    """The whole drawing; `description` says all of it to those who can't see it."""
    font = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
            f'aria-labelledby="t d" font-family="{font}" font-size="16">',
            f"  <!-- Made by {made_by} (make docs): change that, not this. -->",
            f'  <title id="t">{escape(title)}</title>',
            f'  <desc id="d">{escape(description)}</desc>',
            f"  <style>\n{_STYLE}  </style>",
            '  <defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path class="head" d="M0 0L10 5L0 10z"/></marker></defs>',
            f'  <rect class="page" width="{WIDTH}" height="{height:g}" rx="8"/>',
            *(f"  {piece}" for piece in body),
            "</svg>\n",
        ]
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: Anchor = "start") -> str:
    """Words at a place; `kind` is classes of the style."""
    classes = f' class="{kind}"' if kind else ""
    return f'<text{classes} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str = "box") -> str:
    """A box with round corners."""
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>'


def line(path: str, kind: str = "line") -> str:
    """A line without a head."""
    return f'<path class="{kind}" d="{path}"/>'


def arrow(path: str, kind: str = "line") -> str:
    """A line with a head at its end."""
    return f'<path class="{kind}" d="{path}" marker-end="url(#a)"/>'


def dot(x: float, y: float, kind: str = "dot") -> str:
    """A round mark."""
    return f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="6"/>'


def cross(x: float, y: float) -> str:
    """The mark of a crash."""
    return line(f"M{x - 6:g} {y - 6:g}L{x + 6:g} {y + 6:g}M{x + 6:g} {y - 6:g}L{x - 6:g} {y + 6:g}", "cross")
