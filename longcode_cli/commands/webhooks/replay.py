"""`longcode webhooks replay`: deliver events once more."""

from typing import Annotated, Any

import typer

from longcode.domain.message import iso
from longcode_cli.commands.webhooks.asking import Ident, asking, checked
from longcode_cli.options import ANYWHERE_OR_ENV, AsJson, Where, examples, moment, stack_options
from longcode_cli.terminal import count, now_ms, say, say_json

_ID = "whs_Yk3vQm0Zr8sT1uW5xA7bCd"
EXAMPLES = examples(
    f"webhooks replay {_ID} --since 2026-11-23T15:00:00Z --until 2026-11-23T16:30:00Z",
    f"webhooks replay {_ID} --event evt_1795448894000_Yk3vQm0Zr8sT1uW5xA7bCd",
)
_MOST_IDS = 100


@stack_options(*ANYWHERE_OR_ENV)
def command(
    where: Where,
    subscription_id: Ident,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="All events from then on, as 2026-11-23T15:00:00Z."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only events before then.  [default: now]")
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="ID", help=f"This event, up to {_MOST_IDS} times: its webhook-id."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Deliver events to a subscription once more, by their time or by their ids.

    Each has the webhook-id that it had before, by which a receiver knows those that it has had.
    """
    wanted = _wanted(since, until, events or [])
    with asking(where) as api:
        done = api.ask(api.client.replay, checked(subscription_id), **wanted)
        replayed = done.replayed
        # One call has an end.
        while done.remaining:
            done = api.ask(api.client.replay, subscription_id, **wanted, cursor=done.cursor)
            replayed += done.replayed
    if as_json:
        say_json({**done.fields, "replayed": replayed})
    else:
        say(f"{count(replayed, 'event')} will be delivered once more.")


# Any: arguments of the client's.
def _wanted(since: str | None, until: str | None, events: list[str]) -> dict[str, Any]:
    if events:
        if since or until:
            raise typer.BadParameter("goes without --since and --until.", param_hint="--event")
        if len(events) > _MOST_IDS:
            raise typer.BadParameter(f"may be given {_MOST_IDS} times.", param_hint="--event")
        return {"event_ids": events}
    if since is None:
        raise typer.BadParameter("is needed, or --event.", param_hint="--since")
    since_ms = moment(since, "--since")
    until_ms = now_ms() if until is None else moment(until, "--until")
    if until_ms <= since_ms:
        raise typer.BadParameter("must be later than --since.", param_hint="--until")
    return {"since": iso(since_ms), "until": iso(until_ms)}
