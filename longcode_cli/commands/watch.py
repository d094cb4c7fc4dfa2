"""`longcode watch`: the counts of one tag, until nothing of it waits any more."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from longcode.domain.message import epoch_ms, is_tag, iso
from longcode.domain.status import Status
from longcode_cli import terminal
from longcode_cli.api import api_of
from longcode_cli.options import ANYWHERE_OR_ENV, Where, examples, stack_options
from longcode_cli.terminal import ahead, count, moment, now_ms, plain, say, span

EXAMPLES = examples("watch spring", "watch spring --json", 'watch "spring sale" --stack long-code-sms-prod')

# Of these a text has not left, or it is not clear that it has.
_WAITS = frozenset((Status.HELD, Status.QUEUED, Status.SENDING, Status.UNKNOWN))
# The counts are some ten seconds behind; receipts come within a minute, or late.
_BEHIND_S, _RECEIPTS_S = 15.0, 60.0


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a tag at a moment (epoch milliseconds). `fields` is the API's answer."""

    at_ms: int
    # Any: JSON of the API.
    fields: dict[str, Any]

    @property
    def by_status(self) -> dict[str, int]:
        """How many texts are in each status."""
        return {str(name): int(many) for name, many in (self.fields.get("counts") or {}).items()}

    # Any: JSON of the API.
    @property
    def lasting(self) -> dict[str, Any]:
        """What changes only with the texts: an estimate is another each time."""
        return {name: value for name, value in self.fields.items() if name != "finishes_at"}

    @property
    def waiting(self) -> int:
        """How many have not left."""
        return sum(many for name, many in self.by_status.items() if name in _WAITS)

    @property
    def final(self) -> int:
        """How many have ended."""
        return sum(many for name, many in self.by_status.items() if name in set(Status) and Status(name).final)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.by_status.values())


@stack_options(*ANYWHERE_OR_ENV)
def command(
    where: Where,
    tag: Annotated[str, typer.Argument(metavar="TAG", help="The tag of the texts.", show_default=False)],
    every: Annotated[float, typer.Option(min=0.2, metavar="SECONDS", help="How often to look.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each change.")] = False,
) -> None:
    """Show how many texts of a tag are in each status, until none waits and the counts stand still.

    The counts are some ten seconds behind. Ctrl-C ends it, and changes nothing.
    """
    if not is_tag(tag):
        raise typer.BadParameter("must have 1 to 64 visible characters.", param_hint="TAG")
    with api_of(where.stack()) as api:
        changes = look(lambda: dict(api.ask(api.client.tag, tag).fields), every)
        try:
            last = _print(changes) if as_json else _show(tag, changes)
        except KeyboardInterrupt:
            raise typer.Exit(1) from None
    if not as_json:
        say(_end(tag, last))


# Any: JSON of the API.
def look(
    ask: Callable[[], dict[str, Any]],
    every_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Counts]:
    """The counts each time that they change, until nothing waits and they have stood still for a while."""
    last: Counts | None = None
    since = clock()
    while True:
        found = Counts(now_ms(), ask())
        if last is None or found.lasting != last.lasting:
            last, since = found, clock()
            yield found
        quiet_s = _BEHIND_S if found.final == found.total else _RECEIPTS_S
        if not found.waiting and clock() - since >= quiet_s:
            return
        sleep(every_s)


def _print(changes: Iterator[Counts]) -> Counts:
    """Each change as a line; the last of them."""
    for found in changes:
        fields = {"at": iso(found.at_ms), **found.fields, "waiting": found.waiting, "final": found.final}
        typer.echo(json.dumps(fields))
    return found


def _show(tag: str, changes: Iterator[Counts]) -> Counts:
    """A table that is written over where it stands, and only when something has changed; the last counts."""
    # On no terminal rich prints the last of them alone.
    screen = terminal.console()
    with Live(console=screen, auto_refresh=False) as live:
        for found in changes:
            live.update(_table(tag, found), refresh=True)
    if not screen.is_terminal:
        # There rich leaves the last line open.
        screen.line()
    return found


def _table(tag: str, found: Counts) -> RenderableType:
    table = terminal.table("status", "texts", right=("texts",))
    order = {status.value: place for place, status in enumerate(Status)}
    for name, many in sorted(found.by_status.items(), key=lambda row: order.get(row[0], len(order))):
        shown = terminal.status(Status(name)) if name in order else Text(plain(name))
        table.add_row(shown, f"{many:,}")
    parts: list[RenderableType] = [f"{plain(tag)}: {count(found.total, 'text')}, {found.waiting:,} waiting", table]
    parts += _beside_the_counts(found)
    parts.append(Text(f"as of {moment(found.at_ms, found.at_ms)}", "dim"))
    return Group(*parts)


def _beside_the_counts(found: Counts) -> Iterator[RenderableType]:
    """What the API says of the tag besides, where it does."""
    fields = found.fields
    if paused := fields.get("paused"):
        yield Text(f"paused since {paused.get('since')}: {plain(str(paused.get('reason')))}", "red")
    if cost := fields.get("cost"):
        yield f"cost so far {cost['amount']} {cost['currency']}"
    if fields.get("opted_out"):
        yield f"opted out {fields['opted_out']:,} ({float(fields.get('opt_out_rate') or 0):.1%} of those sent)"
    finishes = fields.get("finishes_at")
    at_ms = epoch_ms(finishes) if isinstance(finishes, str) else None
    if at_ms is not None and found.waiting:
        yield f"finished about {moment(at_ms, found.at_ms)} ({ahead(at_ms, found.at_ms)})"


def _end(tag: str, found: Counts) -> str:
    if not found.total:
        return f"No text has the tag {plain(tag)}."
    if open_ := found.total - found.final:
        return f"Nothing waits; {count(open_, 'text')} without a receipt for {span(int(_RECEIPTS_S * 1000))}."
    return "Nothing waits, and every text has ended."
