"""Turns a page of the repository into one of the site: its links, and what Python-Markdown asks for."""

# The site's generator reads Python-Markdown, which asks for more than GitHub does: a blank line before a list or a
# table, and four blanks before what belongs to a list item.

import re
from collections.abc import Callable, Iterator

LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]`]|`[^`]*`)*)\]\((?P<target>[^)\s]+)\)")
_ATTRIBUTE = re.compile(r'(?P<name>\b(?:href|src))="(?P<target>[^"]+)"')
_CODE = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\n).)+?(?<!`)\1(?!`)", re.DOTALL)
_FENCE = re.compile(r"^ *```")
_ITEM = re.compile(r"^ *(?:[-*]|\d+\.) ")
_OUTSIDE = ("http://", "https://", "mailto:", "data:")
_ITEM_INDENT = 4

# A target of a link, as it is written, becomes the site's; None is one that the site has not got.
Resolve = Callable[[str], str | None]


def converted(text: str, resolve: Resolve) -> str:
    """The page as the site's generator reads it; links that lead out of the site become plain text."""
    return "".join(
        part if is_code else _links(_spaced(part), resolve) for is_code, part in _parts(_indented(text))
    )


def targets(text: str) -> list[str]:
    """The targets of a page's links and pictures, as they are written; those inside of code are none."""
    found: list[str] = []

    def seen(target: str) -> str:
        found.append(target)
        return target

    for is_code, part in _parts(text):
        if not is_code:
            _links(part, seen)
    return found


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """The page in order, as fenced code and what lies between."""
    lines: list[str] = []
    fenced = False
    for line in text.splitlines(keepends=True):
        if _FENCE.match(line):
            if fenced:
                lines.append(line)
                yield True, "".join(lines)
                lines, fenced = [], False
                continue
            yield False, "".join(lines)
            lines, fenced = [], True
        lines.append(line)
    yield fenced, "".join(lines)


def _links(text: str, resolve: Resolve) -> str:
    code = [range(*found.span()) for found in _CODE.finditer(text)]
    # From the end on, so that the places of those before stay right.
    found = sorted((*LINK.finditer(text), *_ATTRIBUTE.finditer(text)), key=lambda one: one.start(), reverse=True)
    for one in found:
        if one["target"].startswith(_OUTSIDE) or any(one.start() in span for span in code):
            continue
        resolved = resolve(one["target"])
        new = _attribute(one, resolved) if one.re is _ATTRIBUTE else _link(one, resolved)
        text = text[: one.start()] + new + text[one.end() :]
    return text


def _link(found: re.Match[str], resolved: str | None) -> str:
    if resolved is not None:
        return f"{found['image']}[{found['text']}]({resolved})"
    path = re.sub(r"^(?:\.\.?/)+", "", found["target"])
    name = path.rstrip("/").rpartition("/")[2]
    return found["text"] if name in found["text"] else f"{found['text']} (`{path}`)"


def _attribute(found: re.Match[str], resolved: str | None) -> str:
    return f'{found["name"]}="{resolved}"' if resolved else ""


def _spaced(text: str) -> str:
    """A blank line before each list and table that follows a paragraph, also one inside of a list item."""
    lines: list[str] = []
    loose = False
    for line in text.splitlines(keepends=True):
        before = lines[-1] if lines else "\n"
        item = bool(_ITEM.match(line)) and not line.startswith(" ")
        goes_on = (
            not before.strip() or before[0] in "|#" or (before[0] == " " and not loose) or _ITEM.match(before)
        )
        if (item or line.startswith("|")) and not goes_on:
            lines.append("\n")
        # Whether the item has had a blank line, and so has paragraphs.
        loose = (loose or not line.strip()) and not item
        lines.append(_bars(line))
    return "".join(lines)


def _bars(line: str) -> str:
    """A row of a table: a bar in code is no border here, and GitHub's backslash before it would be shown."""
    if not line.lstrip().startswith("|"):
        return line
    return _CODE.sub(lambda found: found[0].replace("\\|", "|"), line)


def _indented(text: str) -> str:
    """What belongs to a list item begins four blanks in."""
    lines: list[str] = []
    fenced: int | None = None
    for line in text.splitlines(keepends=True):
        blanks = len(line) - len(line.lstrip(" "))
        if fenced is None:
            pad = _ITEM_INDENT - blanks if 0 < blanks < _ITEM_INDENT else 0
            if _FENCE.match(line):
                fenced = pad
        else:
            pad = fenced
            if _FENCE.match(line):
                fenced = None
        lines.append(" " * pad + line if line.strip() else line)
    return "".join(lines)
