"""Words and numbers for a picture: how they read, how wide they are, and where their lines break."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

TEXT, CODE = "DejaVu Sans", "DejaVu Sans Mono"


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text, and how it is written."""

    text: str
    bold: bool = False
    code: bool = False
    url: str | None = None
    glued: bool = False  # to the word before it

    @property
    def style(self) -> tuple[bool, bool, str | None]:
        return self.bold, self.code, self.url


def readable(value: float, unit: str) -> str:
    """A number for people: `1.2k`, `350 ms`, `1.5 s`."""
    if unit in ("Milliseconds", "Seconds"):
        ms = value if unit == "Milliseconds" else value * 1000
        if abs(ms) < 1000:
            return f"{_short(ms)} ms" if ms else "0"
        if abs(ms) < 120_000:
            return f"{_short(ms / 1000)} s"
        return f"{_short(ms / 60_000)} min" if abs(ms) < 7_200_000 else f"{_short(ms / 3_600_000)} h"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{_short(value / size)}{letter}"
    return _short(value) + (" %" if unit == "Percent" else "")


def _short(value: float) -> str:
    if abs(value) < 1:
        return f"{value:.2g}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def span(seconds: int) -> str:
    """A length of time: `30 s`, `5 min`."""
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def clock(at_ms: float, *, seconds: bool = False) -> str:
    """A time of day in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S" if seconds else "%H:%M")


@cache
def width_of(text: str, size: float, *, bold: bool = False, code: bool = False) -> float:
    """How wide a text is, in points."""
    font = FontProperties(family=CODE if code else TEXT, size=size, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0])


def cut(text: str, size: float, space: float, *, bold: bool = False) -> str:
    """`text`, or as much of it as fits."""
    if width_of(text, size, bold=bold) <= space:
        return text
    while text and width_of(f"{text}…", size, bold=bold) > space:
        text = text[:-1]
    return f"{text.rstrip()}…"


def shared(needed: Sequence[float], space: float) -> list[float]:
    """The width of each column: what it needs, or less for the widest ones if all together is too much."""
    widths = list(needed)
    while sum(widths) > space + 1:
        widest = max(widths)
        second = max((width for width in widths if width < widest), default=widest / 2)
        many = [place for place, width in enumerate(widths) if width == widest]
        off = min((sum(widths) - space) / len(many), max(widest - second, 1))
        for place in many:
            widths[place] -= off
    return widths


def wrapped(text: str, size: float, space: float) -> list[str]:
    """A plain text in lines of at most `space`."""
    words = [Word(word) for word in text.split()]
    return [" ".join(word.text for word in line) for line in lines_of(words, size, space)]


def lines_of(words: Sequence[Word], size: float, space: float) -> Iterator[list[Word]]:
    """Words in lines of at most `space`."""
    line: list[Word] = []
    used = 0.0
    for word in words:
        width = width_of(word.text, size, bold=word.bold, code=word.code) + width_of(" ", size)
        if line and used + width > space:
            yield line
            line, used = [], 0.0
        line.append(word)
        used += width
    if line:
        yield line


_HEADINGS = {1: 15.0, 2: 12.5, 3: 11.0}
_INLINE = re.compile(r"\[(?P<name>[^\]]+)\]\((?P<url>[^)]+)\)|\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`")


def paragraphs(markdown: str) -> Iterator[tuple[float, float, list[Word]]]:
    """Size of the text, indentation and words of each paragraph; no words where the author left a line."""
    pending: list[str] = []
    for line in [*markdown.splitlines(), ""]:
        line = line.strip()
        heading = re.match(r"(#{1,6})\s+(.*)", line)
        bullet = re.match(r"[*-]\s+(.*)", line)
        if line and not heading and not bullet:
            pending.append(line)
            continue
        if pending:
            yield 10.0, 0.0, _inline(" ".join(pending))
            pending = []
        if heading:
            size = _HEADINGS.get(len(heading[1]), 10.5)
            yield size, 0.0, [Word(word.text, True, word.code, word.url) for word in _inline(heading[2])]
        elif bullet:
            yield 10.0, 12.0, _inline(bullet[1])
        else:
            yield 10.0, 0.0, []


def _inline(text: str) -> list[Word]:
    words: list[Word] = []
    at = 0
    for found in _INLINE.finditer(text):
        words += _plain_words(text[at : found.start()], after=bool(words))
        if found["name"]:
            name = re.sub(r"^button:(primary:)?", "", found["name"])
            words += [Word(word, url=found["url"]) for word in name.split()]
        elif found["bold"]:
            words += [Word(word, bold=True) for word in found["bold"].split()]
        else:
            words.append(Word(found["code"], code=True))
        at = found.end()
    return words + _plain_words(text[at:], after=bool(words))


def _plain_words(text: str, *, after: bool) -> list[Word]:
    """The words of `text`; the first one is glued to what it comes `after` if no space is between them."""
    glued = after and bool(text) and not text[0].isspace()
    return [Word(word, glued=glued and not number) for number, word in enumerate(text.split())]
