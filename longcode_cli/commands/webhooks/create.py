"""`longcode webhooks create`: have events delivered to a URL of yours."""

from typing import Annotated

import typer

from longcode.client import Subscription
from longcode.domain.event_types import EVENT_TYPES
from longcode.domain.subscriptions import EVERY
from longcode_cli.commands.webhooks.asking import asking
from longcode_cli.options import ANYWHERE_OR_ENV, AsJson, Where, examples, stack_options
from longcode_cli.terminal import plain, say_json, warn

EXAMPLES = examples(
    "webhooks create https://hooks.example.com/sms --event sms.received --event sms.opted_out > secret.txt",
    "webhooks create https://hooks.example.com/sms --env prod --json | jq -r .secret",
)


@stack_options(*ANYWHERE_OR_ENV)
def command(
    where: Where,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to, with https://.")],
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--event", metavar="TYPE", help=f"Only this type, any number of times: {', '.join(EVENT_TYPES)}."
        ),
    ] = None,
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Subscribe a URL of yours to events. The secret that signs them is printed this once.

    The URL must lead to public addresses, over TLS; on the local stack it may lead to this machine.
    """
    with asking(where) as api:
        made = api.ask(api.client.subscribe, url, events or [EVERY], description=description)
    if as_json:
        say_json(dict(made.fields))
    else:
        show(made, f"{plain(made.id)} delivers {', '.join(map(_type, made.events))}.")


def show(made: Subscription, words: str) -> None:
    """Print a secret where it can be caught, and what to do with it beside that."""
    # Whole, however narrow the terminal is.
    typer.echo(made.secret)
    warn(f"{words} This secret is shown once: give it to the receiver, which verifies each delivery by it.")


def _type(name: str) -> str:
    return "all events" if name == EVERY else plain(name)
