"""A stack's API for the commands of webhook subscriptions."""

from datetime import datetime
from typing import Annotated

import typer

from longcode_cli.api import Api, api_of
from longcode_cli.options import Where

Ident = Annotated[
    str, typer.Argument(metavar="ID", help="The subscription's id, as longcode webhooks list shows it.")
]
_HINTS = {
    "no_answer": "Check the network; locally, make up. longcode webhooks list shows whether the change was made.",
    "not_found": "longcode webhooks list shows those that there are.",
    "webhooks_off": "longcode set WebhookDeliveries on delivers events to URLs (docs/webhooks.md, What it costs).",
    "too_many_subscriptions": "longcode webhooks delete ID makes room.",
}


def asking(where: Where) -> Api:
    """The API of a stack. A person waits for the answer: a call that fails is not repeated."""
    return api_of(where.open(), 0, _HINTS)


def checked(subscription_id: str) -> str:
    """An id that can stand in a path. Raises BadParameter for what can't."""
    if not subscription_id.startswith("whs_") or not subscription_id.replace("_", "").replace("-", "").isalnum():
        raise typer.BadParameter("must be the id of a subscription, as whs_…", param_hint="ID")
    return subscription_id


def ms(moment: datetime) -> int:
    """A moment in milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
