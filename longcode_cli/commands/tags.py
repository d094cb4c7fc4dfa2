"""`longcode tags`: how campaigns stand, all of the last days or one."""

import json
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from longcode.domain.message import is_tag
from longcode.domain.status import Status
from longcode.entrypoints import responses
from longcode.use_cases.tag_view import TagView
from longcode_cli import campaigns, terminal
from longcode_cli.options import ANYWHERE, AsJson, Where, examples, stack_options
from longcode_cli.terminal import ahead, count, moment, now_ms, plain, relative, say, say_json

EXAMPLES = examples(
    "tags", "tags spring-sale", "tags --days 30 --stack long-code-sms-prod", "tags spring-sale --json"
)

_DAY_MS = 86_400_000
_ENDED_BADLY = (Status.FAILED, Status.SENDING_FAILED, Status.EXPIRED, Status.DELIVERY_FAILED)


@stack_options(*ANYWHERE)
def command(
    where: Where,
    tags: Annotated[list[str] | None, typer.Argument(metavar="TAG", help="Only these, and all of them.")] = None,
    days: Annotated[int, typer.Option(min=1, max=400, metavar="N", help="Of the last N days (UTC).")] = 3,
    rows: Annotated[int, typer.Option(min=1, max=500, metavar="N", help="Show so many, the latest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """How campaigns stand: texts by status and carrier, cost, opt-outs, when the last leaves, what is paused."""
    if wrong := [tag for tag in tags or () if not is_tag(tag)]:
        raise typer.BadParameter(f"No text can have the tag {plain(wrong[0])!r}.", param_hint="TAG")
    stack, now = where.open(), now_ms()
    reader = campaigns.reader(stack)
    names = list(tags or ()) or campaigns.counters(stack).tags(now - (days - 1) * _DAY_MS, rows)
    found = [reader.view(tag, now) for tag in names]
    if as_json:
        say_json({"tags": [json.loads(json.dumps(responses.tag(one).fields)) for one in found]})
    elif not found:
        say(f"No text of the last {count(days, 'day')} has a tag.")
    elif tags:
        for one in found:
            say(_whole(one, now))
    else:
        say(_table(found, now))


def _table(found: list[TagView], now: int) -> RenderableType:
    columns = ("texts", "wait", "delivered", "failed", "opted out")
    table = terminal.fold(terminal.table("tag", *columns, "finishes", right=columns), 0)
    for one in found:
        by_status = one.counts.by_status
        table.add_row(
            plain(one.tag),
            f"{sum(by_status.values()):,}",
            f"{one.counts.waiting:,}",
            f"{by_status.get(Status.DELIVERED, 0):,}",
            f"{sum(by_status.get(status, 0) for status in _ENDED_BADLY):,}",
            _opted_out(one),
            _when(one, now),
        )
    lines = [
        Text(f"{plain(one.tag)} is {campaigns.paused(one.standing.pause, now)}.", "yellow")
        for one in found
        if one.standing.pause
    ]
    return Group(table, *([""] if lines else []), *lines)


def _when(one: TagView, now: int) -> str:
    if one.finishes_ms is not None:
        return ahead(one.finishes_ms, now)
    return "when resumed" if one.counts.waiting else ""


def _whole(one: TagView, now: int) -> RenderableType:
    counts, tally, pause = one.counts, one.standing.tally, one.standing.pause
    rows: list[tuple[str, Any]] = [("tag", plain(one.tag))]
    if pause:
        rows.append(("sending", Text(campaigns.paused(pause, now), "yellow")))
    rows += [
        ("texts", f"{sum(counts.by_status.values()):,}: {_row(counts.by_status)}"),
        *((f"  {carrier}", _row(statuses)) for carrier, statuses in sorted(counts.by_carrier.items())),
        ("sent", f"{count(counts.taken, 'text')} of {count(counts.segments, 'segment')} in all"),
        ("cost", _cost(one) or "none reported yet"),
        ("opted out", _opted_out(one) or "none"),
        ("last hour", f"{tally.sent:,} sent, {tally.failed:,} failed, {tally.filtered:,} stopped by a filter, "
                      f"{tally.opted_out:,} opted out"),
        ("accepted", _accepted(one, now)),
        ("finishes", _finishes(one, now) or "nothing waits"),
    ]  # fmt: skip
    return terminal.facts(rows)


def _row(statuses: Any) -> str:
    parts = [f"{statuses[status]:,} {status.value.replace('_', ' ')}" for status in Status if status in statuses]
    return ", ".join(parts) or "none"


def _opted_out(one: TagView) -> str:
    rate = one.counts.opt_out_rate
    return f"{one.counts.opted_out:,} ({rate:.2%})" if one.counts.opted_out and rate is not None else ""


def _cost(one: TagView) -> str:
    return ", ".join(f"{amount:f} {plain(currency)}" for currency, amount in sorted(one.counts.cost.items()))


def _accepted(one: TagView, now: int) -> str:
    if one.first_ms is None or one.last_ms is None:
        return "none is kept"
    return f"{moment(one.first_ms, now)} to {moment(one.last_ms, now)} ({relative(one.last_ms, now)})"


def _finishes(one: TagView, now: int) -> str:
    if one.finishes_ms is None:
        return "when it is resumed" if one.counts.waiting else ""
    return f"about {moment(one.finishes_ms, now)} ({ahead(one.finishes_ms, now)})"
