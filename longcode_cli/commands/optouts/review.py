"""`longcode optouts review`: who may have asked for an end, for a person to read and to answer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from longcode.domain.message import Message, iso
from longcode.domain.opt_outs import OptOut
from longcode_cli import terminal
from longcode_cli.options import ANYWHERE, AsJson, Full, Where, examples, stack_options
from longcode_cli.stack import Stack
from longcode_cli.terminal import ROWS_SHOWN, count, now_ms, number, plain, relative, say, say_json

EXAMPLES = examples(
    "optouts review",
    "optouts review --full --stack long-code-sms-prod --profile ops",
)

_PAGE = 100
# Who, the id of a text, and when it was sent.
_Row = tuple[OptOut, str, int]


@stack_options(*ANYWHERE)
def command(where: Where, full: Full = False, as_json: AsJson = False) -> None:
    """Show the texts that may ask for an end, and that no one has answered. The longest waiting come first.

    --full shows what they say. A person decides: longcode optouts add ID records that they want no more texts,
    longcode optouts dismiss ID that they meant something else. A later STOP or START of their own answers it too.
    """
    stack = where.open()
    rows = [(entry, text.message_id, text.at_ms) for entry in waiting(stack) for text in entry.to_review]
    shown = rows if as_json or full else rows[:ROWS_SHOWN]
    texts = _texts(stack, [ident for _, ident, _ in shown])
    if as_json:
        say_json({"unclear": [_fields(row, texts, full=full) for row in shown]})
        return
    if not rows:
        say("No text waits for an answer.")
        return
    say(_full(shown, texts) if full else _table(shown))
    if len(rows) > len(shown):
        say(f"… and {count(len(rows) - len(shown), 'more text')} (--full, --json).")
    if stack.parameters.get("HoldOnUnclear") == "true":
        say("No text leaves for these people until that is answered.")
    say(
        "To end texts to one of them: longcode optouts add ID. "
        "If it meant something else: longcode optouts dismiss ID."
    )


def _table(shown: Sequence[_Row]) -> RenderableType:
    table, now = terminal.table("sent", "from", "id"), now_ms()
    for entry, ident, at_ms in shown:
        table.add_row(relative(at_ms, now), plain(number(entry.number, full=False)), ident)
    return table


def _full(shown: Sequence[_Row], texts: Mapping[str, Message]) -> RenderableType:
    """With the words below, which may be long."""
    now = now_ms()
    return "\n".join(
        f"{relative(at_ms, now)}  {plain(entry.number)}  {ident}\n    {plain(_words(texts, ident) or 'not kept')}"
        for entry, ident, at_ms in shown
    )


def waiting(stack: Stack) -> Iterator[OptOut]:
    """Everyone with a text to review, the longest waiting first."""
    after: tuple[int, str] | None = None
    while page := stack.optouts.unclear_page(after, _PAGE):
        yield from page
        after = page[-1].to_review[0].at_ms, page[-1].number


def _texts(stack: Stack, idents: list[str]) -> dict[str, Message]:
    return {message.id: message for message in stack.messages.get_all(idents)}


def _words(texts: Mapping[str, Message], ident: str) -> str | None:
    return texts[ident].text if ident in texts else None


# Any: JSON.
def _fields(row: _Row, texts: Mapping[str, Message], *, full: bool) -> dict[str, Any]:
    entry, ident, at_ms = row
    return {
        "message_id": ident,
        "at": iso(at_ms),
        "from": number(entry.number, full=full),
        "text": _words(texts, ident) if full else None,
    }
