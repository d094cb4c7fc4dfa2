"""`longcode webhooks list`: which events are delivered where, and how that goes."""

from rich.text import Text

from longcode.client import Subscription
from longcode_cli.commands.webhooks.asking import asking, ms
from longcode_cli.options import ANYWHERE_OR_ENV, AsJson, Where, examples, stack_options
from longcode_cli.terminal import fold, now_ms, plain, relative, say, say_json, table

EXAMPLES = examples("webhooks list", "webhooks list --json --env prod")
_REASONS = {"by_request": "disabled", "failing": "disabled: failed", "gone": "disabled: 410"}


@stack_options(*ANYWHERE_OR_ENV)
def command(where: Where, as_json: AsJson = False) -> None:
    """Show the subscriptions: what each delivers, where, and whether that succeeds; never their secrets."""
    with asking(where) as api:
        found = api.ask(api.client.subscriptions)
    if as_json:
        say_json({"subscriptions": [dict(one.fields) for one in found]})
        return
    if not found:
        say("No URL is subscribed to events: longcode webhooks create does it.")
        return
    # On a narrow terminal the last two take more than one line, so that an id is whole.
    made, now = fold(fold(table("id", "state", "events", "url"), 2), 3), now_ms()
    for one in found:
        where_to = plain(one.url) + (f"\n({plain(one.description)})" if one.description else "")
        made.add_row(plain(one.id), state(one, now), " ".join(map(plain, one.events)), where_to)
    say(made)


def state(one: Subscription, now: int) -> Text:
    """How a subscription stands, in words."""
    if not one.enabled:
        return Text(_REASONS.get(one.disabled_reason or "", "disabled"), "red")
    since = None if one.failing_since is None else ms(one.failing_since)
    return Text("delivers", "green") if since is None else Text(f"fails, {relative(since, now)}", "yellow")
