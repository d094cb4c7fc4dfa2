"""What a crash at each step does: the numbers of docs/guarantees.md, which the fault matrix writes."""

import re
from dataclasses import dataclass

from devtools.drawings import svg

PAGE = svg.ROOT / "docs/guarantees.md"
# The steps of a text; between two of them a crash, as guarantees.md names it, with what settles the text then.
STEPS = ("it waits", "claim", "request", "answer", "record", "next texts", "delete")
CRASHES = {
    "Killed before the claim": "comes again",
    "Killed after the claim": "records, a replay",
    "Killed after the request left": "receipt, records",
    "Killed after the answer": "receipt, records",
    "Killed after the outcome was written": "it is settled",
    "Killed before the queue's delete": "it is settled",
}
_BARS = {
    "key honoured": "resolve, the provider honours the key",
    "hold, key ignored": "hold",
    "key ignored": "resolve, the provider ignores the key",
}


@dataclass(frozen=True, slots=True)
class Crash:
    """What became of a text whose process died at one step, where the provider works."""

    resolve: str
    hold: str
    leaves_after: str


@dataclass(frozen=True, slots=True)
class Cells:
    """How many cells of the matrix there are, and how often the provider took the text."""

    all: int
    once: int
    never: int
    twice: int


def crashes(page: str) -> dict[str, Crash]:
    """The row of a provider that works, for each crash."""
    found = {}
    for title in CRASHES:
        section = page.partition(f"\n### {title}\n")[2].partition("\n### ")[0]
        (row,) = re.findall(r"^\| works(?:;[^|]*)? \|(.*)\|$", section, re.MULTILINE)
        cells = [cell.strip() for cell in row.split("|")]
        found[title] = Crash(cells[0], cells[2], cells[5])
    return found


def totals(page: str) -> dict[str, Cells]:
    """The table of all cells."""
    table = page.partition("\n### All cells\n")[2]
    rows = re.findall(r"^\| ([^|]+?) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", table, re.MULTILINE)
    return {name: Cells(*(int(number.replace(",", "")) for number in numbers)) for name, *numbers in rows}


def drawing() -> str:
    """The steps with their crashes, and below how all cells ended."""
    page = PAGE.read_text()
    found, ends = crashes(page), totals(page)
    pieces = [svg.text(24, 34, "A process is killed: what becomes of its text if the provider works", "strong")]
    pieces += _steps(found)
    pieces += [svg.text(24, 262, "All crashes and faults: how often the provider took the text", "strong")]
    for number, (name, label) in enumerate(_BARS.items()):
        pieces += _bar(ends[name], label, 284 + number * 34)
    words = " ".join(
        f"{title}: {one.resolve} text with resolve after {one.leaves_after}, {_plain(one.hold)} with hold."
        for title, one in found.items()
    )
    ended = " ".join(
        f"{label}: {ends[name].once} once, {ends[name].never} never, {ends[name].twice} twice."
        for name, label in _BARS.items()
    )
    return svg.page("Never twice", f"{words} {ended}", 398, pieces, "devtools/drawings/never_twice.py")


def _plain(cell: str) -> str:
    return cell.replace("`", "").replace("*", "")


def _steps(found: dict[str, Crash]) -> list[str]:
    pieces, step, wide, y = [], 137, 90, 62
    for number, name in enumerate(STEPS):
        x = 24 + number * step
        kind = "go" if name in ("claim", "request") else "box"
        pieces += [svg.box(x, y, wide, 38, kind), svg.text(x + wide / 2, y + 24, name, "", "middle")]
    for number, title in enumerate(CRASHES):
        x = 24 + wide + number * step
        pieces.append(svg.arrow(f"M{x} {y + 19}H{x + step - wide - 2}"))
        pieces += _crash(x + (step - wide) / 2, y, title, found[title])
    return pieces


def _crash(x: float, y: float, title: str, crash: Crash) -> list[str]:
    texts = "1 text" if crash.resolve == "1" else f"{crash.resolve} texts"
    hold = "1 text" if crash.hold == "1" else _plain(crash.hold)
    return [
        svg.cross(x, y + 58),
        svg.line(f"M{x:g} {y + 26:g}V{y + 48:g}", "grid"),
        svg.text(x, y + 86, f"{texts}, {crash.leaves_after}", "strong", "middle"),
        svg.text(x, y + 107, CRASHES[title], "small", "middle"),
        svg.text(x, y + 127, f"hold: {hold}", "small", "middle"),
    ]


def _bar(cells: Cells, label: str, y: float) -> list[str]:
    pieces, x, wide = [svg.text(24, y + 17, label)], 336.0, 600.0
    for count, kind, word in (
        (cells.once, "good", "once"),
        (cells.never, "warn", "not at all"),
        (cells.twice, "bad", "twice"),
    ):
        if count:
            length = wide * count / cells.all
            pieces += [svg.box(x, y, length, 24, kind), svg.text(x + 8, y + 16, f"{count} {word}", "small")]
            x += length
    return pieces
