"""`longcode webhooks rotate`: give a subscription a new secret, while the one before is valid for a while."""

import re
from typing import Annotated

import typer

from longcode.domain.subscription_request import MOST_OVERLAP_S
from longcode_cli.commands.webhooks.asking import Ident, asking, checked
from longcode_cli.commands.webhooks.create import show
from longcode_cli.options import ANYWHERE_OR_ENV, AsJson, Where, examples, stack_options
from longcode_cli.terminal import plain, say_json, span

_ID = "whs_Yk3vQm0Zr8sT1uW5xA7bCd"
EXAMPLES = examples(f"webhooks rotate {_ID} > secret.txt", f"webhooks rotate {_ID} --overlap 7d --env prod")

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@stack_options(*ANYWHERE_OR_ENV)
def command(
    where: Where,
    subscription_id: Ident,
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="For how long the one before is valid, as 90m, 24h, 7d, or 0.")
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Make a new secret for a subscription. It is printed this once.

    Until the one before ends, each delivery has a signature by both, so that the receiver can change over at any
    moment. A second rotation within that time ends the oldest at once.
    """
    overlap_s = seconds(overlap)
    with asking(where) as api:
        made = api.ask(api.client.rotate_secret, checked(subscription_id), overlap_s=overlap_s)
    if as_json:
        say_json(dict(made.fields))
        return
    before = f"is valid for {span(overlap_s * 1000)} more" if overlap_s else "has ended"
    show(made, f"{plain(subscription_id)} has a new secret; the one before {before}.")


def seconds(text: str) -> int:
    """A duration as `24h`. Raises BadParameter for what is none, or is too long."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])|0", text.strip(), re.ASCII)
    found = int(match[1]) * _UNITS_S[match[2]] if match and match[1] else 0
    if not match or found > MOST_OVERLAP_S:
        raise typer.BadParameter("must be 0, or a time as 90m, 24h or 7d, up to 7d.", param_hint="--overlap")
    return found
