"""`longcode webhooks deliveries`: what became of the events for one subscription."""

from itertools import islice
from typing import Annotated

import typer
from rich.text import Text

from longcode.client import Attempt, Delivery
from longcode_cli.commands.webhooks.asking import Ident, asking, checked, ms
from longcode_cli.options import ANYWHERE_OR_ENV, AsJson, Where, examples, stack_options
from longcode_cli.terminal import ahead, fold, now_ms, plain, relative, say, say_json, table

_ID = "whs_Yk3vQm0Zr8sT1uW5xA7bCd"
EXAMPLES = examples(f"webhooks deliveries {_ID}", f"webhooks deliveries {_ID} --rows 500 --json")
_STYLES = {"delivered": "green", "retrying": "yellow", "gave_up": "red"}


@stack_options(*ANYWHERE_OR_ENV)
def command(
    where: Where,
    subscription_id: Ident,
    rows: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="Show so many, the latest first.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what became of the events for one subscription: each attempt, and when the next one is."""
    with asking(where) as api:
        found = list(islice(api.each(api.client.deliveries(checked(subscription_id))), rows))
    if as_json:
        say_json({"deliveries": [dict(one.fields) for one in found]})
    elif not found:
        say("No event was delivered to it yet.")
    else:
        _say(found)


def _say(found: list[Delivery]) -> None:
    # On a narrow terminal the last two take more than one line, so that an id is whole.
    made, now = table("event", "state", "tries", "last answer", "next", right=["tries"]), now_ms()
    for place in (3, 4):
        fold(made, place)
    for one in found:
        made.add_row(
            f"{plain(one.type)}\n{plain(one.event_id)}",
            Text(plain(one.state).replace("_", " "), _STYLES.get(one.state, "")),
            str(len(one.attempts)),
            _answer(one.attempts[-1], now) if one.attempts else "",
            "" if one.next_attempt_at is None else ahead(ms(one.next_attempt_at), now),
        )
    say(made)


def _answer(last: Attempt, now: int) -> str:
    return f"{plain(str(last.status or last.error or ''))}\n{relative(ms(last.at), now)}"
