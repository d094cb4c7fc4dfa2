"""The API reference as a page without a script: docs/api-reference.md, rendered."""

import re
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

PAGE = Path(__file__).parents[2] / "docs/api-reference.md"
_FRAME = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API reference</title>
<style>
  body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
  table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
  th, td {{ border: 1px solid #d5d5d5; padding: .3rem .6rem; text-align: left; vertical-align: top; }}
  code {{ font-size: 13px; }} pre {{ background: #f5f5f5; padding: .8rem; overflow-x: auto; max-height: 24rem; }}
  h2 {{ border-top: 1px solid #d5d5d5; padding-top: 1.2rem; margin-top: 2.4rem; }}
</style>
{body}</html>
"""


def page(text: str) -> str:
    """The page, with the anchors that its links lead to. Links to other pages of the docs are none here."""
    render = MarkdownIt("commonmark").enable("table")
    tokens = render.parse(text)
    for token, inner in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _anchor(inner.content))
    body = render.renderer.render(tokens, render.options, {})
    return _FRAME.format(body=re.sub(r'<a href="(?!#)[^"]*">(.*?)</a>', r"\1", body))


def _anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
