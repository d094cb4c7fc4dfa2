"""`longcode keys disallow`: take a number off the guest list of an API key."""

from longcode.domain import phone
from longcode_cli.commands.keys.allow import Id, Number, rows_with_list
from longcode_cli.commands.keys.create import number_of
from longcode_cli.options import ANYWHERE_OR_ENV, Where, examples, stack_options
from longcode_cli.terminal import say

EXAMPLES = examples("keys disallow a1b2c3d4e5 +12025550123")


@stack_options(*ANYWHERE_OR_ENV)
def command(where: Where, key_id: Id, number: Number) -> None:
    """Take a number off the guest list of a key. It holds within 30 seconds; what was accepted still leaves."""
    listed = number_of(number, "NUMBER")
    stack = where.open()
    for row in rows_with_list(stack, key_id):
        stack.api_keys.disallow(row.id, listed)
    say(f"The key {key_id} may not text {phone.mask(listed)}.")
