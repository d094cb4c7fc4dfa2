"""The page of the API reference: docs/api-reference.md, rendered."""

import re
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .context import Context
from .pages import page

SOURCE = Path(__file__).parents[2] / "docs/api-reference.md"


def routes(_context: Context) -> list[Route]:
    """The page at /reference, as the document is now."""

    async def shown(request: Request) -> Response:
        # It is our own file, rendered without the HTML that Markdown may hold.
        body = Markup(rendered(SOURCE.read_text(encoding="utf-8")))
        return page(request, "reference.html", body=body)

    return [Route("/reference", shown)]


def rendered(text: str) -> str:
    """The document as HTML, with the anchors that its links lead to. Links to other pages are none here."""
    render = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = render.parse(text)
    for token, inner in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _anchor(inner.content))
    body = render.renderer.render(tokens, render.options, {})
    # What scrolls by itself is for the keyboard, too.
    body = re.sub("<(pre|table)>", r'<\1 tabindex="0">', body)
    return re.sub(r'<a href="(?!#)[^"]*">(.*?)</a>', r"\1", body)


def _anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
