"""`longcode webhooks deliveries`: what became of the events for one subscription."""

from typing import Annotated, Any

import typer
from rich.text import Text

from longcode.domain.message import epoch_ms
from longcode_cli.commands.webhooks.asking import Ident, asking, checked
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
    found: list[dict[str, Any]] = []
    query: dict[str, str] = {}
    with asking(where) as ask:
        while True:
            page = ask("GET", checked(subscription_id), "deliveries", query=query)
            found += page["deliveries"]
            if len(found) >= rows or not page.get("cursor"):
                break
            query = {"cursor": str(page["cursor"])}
    if as_json:
        say_json({"deliveries": found[:rows]})
    elif not found:
        say("No event was delivered to it yet.")
    else:
        _say(found[:rows])


# Any: JSON of the API.
def _say(found: list[dict[str, Any]]) -> None:
    # On a narrow terminal the last two take more than one line, so that an id is whole.
    made, now = table("event", "state", "tries", "last answer", "next", right=["tries"]), now_ms()
    for place in (3, 4):
        fold(made, place)
    for one in found:
        last = one["attempts"][-1] if one["attempts"] else {}
        at, due = epoch_ms(last.get("at")), epoch_ms(one["next_attempt_at"])
        made.add_row(
            f"{plain(one['type'])}\n{plain(one['event_id'])}",
            Text(plain(one["state"]).replace("_", " "), _STYLES.get(one["state"], "")),
            str(len(one["attempts"])),
            plain(str(last.get("status") or last.get("error") or ""))
            + (f"\n{relative(at, now)}" if at is not None else ""),
            ahead(due, now) if due is not None else "",
        )
    say(made)
