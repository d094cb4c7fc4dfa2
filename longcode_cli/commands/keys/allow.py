"""`longcode keys allow`: put a number onto the guest list of an API key."""

from typing import Annotated

import typer

from longcode.domain import phone
from longcode.domain.api_keys import GUESTS_MOST, KeyKind
from longcode_cli.commands.keys.create import number_of
from longcode_cli.commands.keys.keyring import Keyring, Row
from longcode_cli.options import ANYWHERE_OR_ENV, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import say

EXAMPLES = examples("keys allow a1b2c3d4e5 +12025550123")

Id = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as longcode keys list shows it.")]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="A number in E.164 format, as +12025550123.")]


@stack_options(*ANYWHERE_OR_ENV)
def command(where: Where, key_id: Id, number: Number) -> None:
    """Put a number onto the guest list of a key. It holds within 30 seconds, also for keys it was rotated into."""
    listed = number_of(number, "NUMBER")
    stack = where.open()
    for row in rows_with_list(stack, key_id):
        if not stack.api_keys.allow(row.id, listed):
            raise Problem(
                f"The guest list of {row.id} is full: {GUESTS_MOST} numbers.", "longcode keys disallow makes room."
            )
    say(f"The key {key_id} may text {phone.mask(listed)}.")


def rows_with_list(stack: Stack, key_id: str) -> list[Row]:
    """The key of that id and those of its rotation. Raises Problem if it has no guest list."""
    keys = Keyring(stack)
    row = keys.row(key_id)
    if not row.rights or row.rights.kind is not KeyKind.GUEST_LIST:
        kind = row.rights.kind.value if row.rights else "one without rights"
        raise Problem(
            f"The key {key_id} has no guest list: it is {kind}.", "longcode keys create --kind guest-list"
        )
    return keys.family(row)
