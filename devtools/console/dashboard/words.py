"""The Markdown of a text widget as plain JSON, so that a page makes elements of it and never markup."""

from collections.abc import Callable, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

# Any: JSON of the page.
Json = dict[str, Any]


def blocks(markdown: str, address: Callable[[str], str]) -> list[Json]:
    """Its headings, paragraphs and items of lists, each with its words; `address` says where a link leads here."""
    found: list[Json] = []
    kind = "paragraph"
    for token in MarkdownIt("commonmark", {"html": False}).parse(markdown):
        if token.type == "heading_open":
            kind = "heading"
        elif token.type == "list_item_open":
            kind = "item"
        elif (token.type == "paragraph_open" and kind != "item") or token.type == "list_item_close":
            kind = "paragraph"
        elif token.type == "inline":
            found.append({"kind": kind, "words": _words(token.children or (), address)})
    return found


def _words(tokens: Sequence[Token], address: Callable[[str], str]) -> list[Json]:
    found: list[Json] = []
    style: Json = {}
    for token in tokens:
        match token.type:
            case "strong_open":
                style = style | {"bold": True}
            case "link_open":
                style = style | {"url": address(str(token.attrGet("href")))}
            case "strong_close":
                style = {name: value for name, value in style.items() if name != "bold"}
            case "link_close":
                style = {name: value for name, value in style.items() if name != "url"}
            case "softbreak":
                found.append({"text": " "})
            case "code_inline":
                found.append({"text": token.content, **style, "code": True})
            case "text" if token.content:
                found.append({"text": token.content, **style})
    return found
