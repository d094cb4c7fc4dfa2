"""What a built page links to, what it loads, and which anchors it has."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

# The attributes by which a browser loads something without being asked.
LOADS = {
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"),
    "video": ("src", "poster"), "audio": ("src",), "embed": ("src",), "object": ("data",), "input": ("src",),
    "use": ("href",), "image": ("href",),
}  # fmt: skip
_CODE = {"code", "pre", "script", "style"}
# A link element that is only a statement loads nothing.
STATEMENTS = {"canonical", "prev", "next", "alternate", "license", "author"}


@dataclass
class Page:
    """A page as a browser sees it."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    words: str = ""
    # The same without code.
    prose: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._code += tag in _CODE
        if "id" in given:
            self.page.anchors.add(given["id"])
        if tag == "a":
            self.page.anchors.add(given.get("name", ""))
            if "href" in given:
                self.page.links.append(given["href"])
        if tag == "link" and given.get("rel") not in STATEMENTS:
            self.page.loads.append(given.get("href", ""))
        for name in LOADS.get(tag, ()):
            if name in given:
                self.page.loads += [part.split()[0] for part in given[name].split(",") if part.strip()]
        self.page.loads += styled(given.get("style", ""))

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in _CODE

    def handle_data(self, data: str) -> None:
        self.page.words += data
        if not self._code:
            self.page.prose += data


def styled(css: str) -> list[str]:
    """What a style loads."""
    return [
        *re.findall(r"""url\(\s*["']?([^"')]+)""", css),
        *re.findall(r"""@import\s+["']([^"']+)""", css),
    ]


def read(path: Path) -> Page:
    """A built page."""
    reader = _Reader()
    text = path.read_text()
    reader.feed(text)
    for style in re.findall(r"<style[^>]*>(.*?)</style>", text, re.DOTALL):
        reader.page.loads += styled(style)
    return reader.page
