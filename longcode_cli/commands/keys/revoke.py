"""`longcode keys revoke`: end an API key."""

from typing import Annotated

import typer

from longcode_cli.commands.keys.keyring import Keyring
from longcode_cli.options import ANYWHERE_OR_ENV, Where, Yes, examples, stack_options
from longcode_cli.terminal import ask, plain, say

EXAMPLES = examples("keys revoke a1b2c3d4e5", "keys revoke a1b2c3d4e5 --yes --env prod")


@stack_options(*ANYWHERE_OR_ENV)
def command(
    where: Where,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as longcode keys list shows it.")],
    yes: Yes = False,
) -> None:
    """End an API key and delete it. Texts that it asked for still leave; longcode cancel takes them back."""
    keys = Keyring(where.open())
    row = keys.row(key_id)
    if not yes:
        ask(f"End the key {plain(row.name)} ({row.id}) for good?")
    keys.discard(row.id)
    say(f"The key {plain(row.name)} ({row.id}) is revoked. A function that knows it forgets it within 30 seconds.")
