"""`longcode find`: texts by person, tag, status and time."""

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from longcode.domain import phone
from longcode.domain.errors import InvalidRequest
from longcode.domain.message import Message, utc
from longcode.domain.opt_out_keywords import OptOutKeyword
from longcode.entrypoints import responses
from longcode.use_cases import search
from longcode_cli.options import ANYWHERE, AsJson, Where, examples, stack_options
from longcode_cli.terminal import masked_fields, now_ms, number, plain, say, say_json, status

EXAMPLES = examples(
    "find --to +12025550123",
    "find --with +12025550123 --full",
    "find --unclear --since 2026-11-23T00:00:00Z --full",
    "find --tag spring --status delivery_failed --limit 100 --stack long-code-sms-prod",
    "find --since 2026-11-23T15:00:00Z --until 2026-11-23T16:00:00Z --json",
)


@stack_options(*ANYWHERE)
def command(  # noqa: PLR0913 -- one option for each filter of GET /sms/messages
    where: Where,
    to: Annotated[str | None, typer.Option("--to", metavar="NUMBER", help="Texts to this number.")] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="NUMBER", help="Texts from this number or sender.")
    ] = None,
    both: Annotated[
        str | None,
        typer.Option("--with", metavar="NUMBER", help="The texts with this number or sender, both ways."),
    ] = None,
    unclear: Annotated[
        bool, typer.Option("--unclear", help="Texts that may ask for an end, for a person to read.")
    ] = False,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Texts with this tag.")] = None,
    state: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="Texts that are in this status now.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Accepted at this time or later.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Accepted before this time.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", help="At most so many, 1 to 100.")] = search.LIMIT,
    cursor: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Go on where the last page ended; it says with what.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Show the texts and whole phone numbers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find texts by person, tag, status and time, what may be a request to stop, or the thread with one person."""
    asked = {"to": to, "from": sender, "tag": tag, "status": state, "since": since, "until": until}
    asked |= {"limit": str(limit), "cursor": cursor, "opt_out": OptOutKeyword.UNCLEAR.value if unclear else None}
    query = _query({name: value for name, value in asked.items() if value is not None}, both)
    stack = where.open()
    found = search.page(query, stack.finder, stack.messages, now_ms())
    if as_json:
        say_json(_page_json(found, full=full))
        return
    _say(found, unclear, full=full)


def _query(asked: dict[str, str], both: str | None) -> search.Query:
    try:
        if both is None:
            return search.query(asked, test=None)
        return search.thread(_sender(both), asked, test=None)
    except InvalidRequest as exc:
        option = "unclear" if exc.field == "opt_out" else exc.field
        raise typer.BadParameter(str(exc), param_hint=f"--{option}" if option else "the search") from exc


def _sender(given: str) -> str:
    found = phone.canonical(given)
    if not found or not found.isprintable():
        raise typer.BadParameter("must be one number or sender, as +12025550123.", param_hint="--with")
    return found


def page(found: search.Page, *, full: bool) -> RenderableType:
    """Messages that were found, a line each; in full their words below it."""
    # Lines and no table: an id is to be copied whole, however narrow the terminal is.
    return Group(*(_row(one, full=full) for one in found.messages))


def _row(one: Message, *, full: bool) -> Text:
    at = utc(one.accepted_ms)
    who = f"{'to' if one.direction == 'outbound' else 'from'} {plain(number(one.peer, full=full))}"
    row = Text(f"{at:%Y-%m-%d %H:%M:%S}  {one.id}  {who:<{21 if full else 10}}  ")
    row.append(status(one.status))
    if one.opt_out == OptOutKeyword.UNCLEAR:
        row.append("  may ask for an end", "yellow")
    if full:
        row.append(f"\n    {plain(one.text or 'not kept')}", "dim")
    return row


def _page_json(found: search.Page, *, full: bool) -> dict[str, Any]:
    """The API's own answer about them, with what is not to be shown masked or null."""
    # Any: JSON.
    fields: dict[str, Any] = dict(responses.message_page(found.messages, found.cursor).fields)
    return fields | {"messages": [masked_fields(row, full=full) for row in fields["messages"]]}


def _say(found: search.Page, unclear: bool, *, full: bool) -> None:
    """The page, and how to go on."""
    if found.messages:
        say(page(found, full=full))
    else:
        say("None so far." if found.cursor else "None.")
    if found.cursor:
        say(f"There may be older ones: the same with --cursor {found.cursor}")
    if unclear and found.messages:
        say(
            "To end texts to one of them: longcode optouts add ID. If it meant something else: optouts dismiss ID."
        )
