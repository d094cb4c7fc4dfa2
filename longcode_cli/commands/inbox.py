"""`longcode inbox`: the texts that people sent to us."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from longcode.domain.message import epoch_ms, iso, utc
from longcode_cli.api import Api, api_of
from longcode_cli.options import ANYWHERE_OR_ENV, AsJson, Where, examples, moment, stack_options
from longcode_cli.terminal import masked_fields, now_ms, number, plain, say, say_json

EXAMPLES = examples(
    "inbox",
    "inbox --full --limit 100",
    "inbox --from +12025550123 --full",
    "inbox --follow --full --stack long-code-sms-prod",
)

_DAY_MS = 86_400_000
# What came in the last second may not be found yet, and clocks differ: so much is looked at again.
_OVERLAP_MS = 60_000
_PAGE = 100
_SPOKEN = {"stop": "opts out", "start": "opts in", "unclear": "may ask for an end"}


@stack_options(*ANYWHERE_OR_ENV)
def command(
    where: Where,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="NUMBER", help="Only what this number or sender sent.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Received at this time or later.  [default: a week ago]")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many, the newest.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", help="Go on, and print what comes in.")] = False,
    every: Annotated[float, typer.Option(min=0.2, metavar="SECONDS", help="How often --follow looks.")] = 3,
    full: Annotated[bool, typer.Option("--full", help="Show the texts and whole phone numbers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the texts that came in, the newest first. With --follow the newest comes last, and it goes on.

    --full shows what they say. With --follow, --json prints a line for each text.
    """
    since_ms = now_ms() - 7 * _DAY_MS if since is None else moment(since, "--since")
    with api_of(where.stack()) as api:
        inbox = Inbox(api, sender)
        found = inbox.newest(since_ms, limit)
        if follow:
            _follow(inbox, found, every, full=full, as_json=as_json)
        elif as_json:
            say_json({"messages": [masked_fields(row, full=full) for row in found]})
        else:
            for row in found:
                say(_line(row, full=full))
            if not found:
                say(f"None since {utc(since_ms):%Y-%m-%d %H:%M} UTC.")


class Inbox:
    """Inbound texts by the API, of one sender or of all."""

    def __init__(self, api: Api, sender: str | None = None) -> None:
        self._api = api
        self._sender = sender

    # Any: JSON of the API.
    def newest(self, since_ms: int, limit: int | None = None) -> list[dict[str, Any]]:
        """The newest since then, which come first; all of them without a limit. Raises Problem."""
        found = self._api.client.messages(
            status="received",
            sender=self._sender,
            since=iso(since_ms),
            page_size=_PAGE if limit is None else min(limit, _PAGE),
        )
        return [dict(message.fields) for message in itertools.islice(self._api.each(found), limit)]

    # Any: JSON of the API.
    def coming(
        self, known: list[dict[str, Any]], every_s: float, sleep: Callable[[float], None] = time.sleep
    ) -> Iterator[dict[str, Any]]:
        """What comes after those that are known, the oldest first, without an end."""
        seen = {str(row["message_id"]): epoch_ms(str(row["accepted_at"])) or 0 for row in known}
        latest_ms = max(seen.values(), default=now_ms())
        while True:
            sleep(every_s)
            for row in reversed(self.newest(latest_ms - _OVERLAP_MS)):
                ident, at_ms = str(row["message_id"]), epoch_ms(str(row["accepted_at"])) or 0
                if ident not in seen:
                    seen[ident] = at_ms
                    yield row
                latest_ms = max(latest_ms, at_ms)
            # None of the others can come again.
            seen = {ident: at_ms for ident, at_ms in seen.items() if at_ms >= latest_ms - _OVERLAP_MS}


# Any: JSON of the API.
def _follow(inbox: Inbox, found: list[dict[str, Any]], every_s: float, *, full: bool, as_json: bool) -> None:
    def show(row: dict[str, Any]) -> None:
        if as_json:
            typer.echo(json.dumps(masked_fields(row, full=full)))
        else:
            say(_line(row, full=full))

    try:
        for row in reversed(found):
            show(row)
        for row in inbox.coming(found, every_s):
            show(row)
    except KeyboardInterrupt:
        # It has no other end.
        return


# Any: JSON of the API.
def _line(row: dict[str, Any], *, full: bool) -> Text:
    """A text as a line; in full its words below it. No table: an id is to be copied whole."""
    at = utc(epoch_ms(str(row["accepted_at"])) or 0)
    who = plain(number(str(row["from"]), full=full))
    line = Text(f"{at:%Y-%m-%d %H:%M:%S}  {row['message_id']}  from {who:<{16 if full else 5}}")
    if spoken := _SPOKEN.get(str(row.get("opt_out"))):
        line.append(f"  {spoken}", "yellow")
    if media := row.get("media"):
        line.append(f"  {len(media)} attached", "dim")
    if full:
        line.append(f"\n    {plain(row.get('text') or 'not kept')}")
    return line
