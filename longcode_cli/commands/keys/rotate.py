"""`longcode keys rotate`: give a program a new API key, while the old one still works for a while."""

import re
from typing import Annotated

import typer

from longcode.use_cases.key_store import FRESH_MS
from longcode_cli.commands.keys.create import show
from longcode_cli.commands.keys.keyring import Keyring
from longcode_cli.options import ANYWHERE_OR_ENV, Where, examples, stack_options
from longcode_cli.terminal import now_ms, span, warn

EXAMPLES = examples("keys rotate a1b2c3d4e5", "keys rotate a1b2c3d4e5 --overlap 7d --env prod > key.txt")

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_S = 90 * 86_400


@stack_options(*ANYWHERE_OR_ENV)
def command(
    where: Where,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as longcode keys list shows it.")],
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="For how long the old one still works, as 90m, 24h, 7d, or 0.")
    ] = "24h",
) -> None:
    """Make the successor of a key, with the same rights. Its value is printed this once; the old key ends later.

    Both are one caller: a request that is repeated with the new key, under its Idempotency-Key, is no second text,
    and their texts of a day count together.
    """
    overlap_s = seconds(overlap)
    keys, now = Keyring(where.open()), now_ms()
    keys.clean(now)
    key, value = keys.rotate(keys.row(key_id), now + overlap_s * 1000, now)
    show(key, value)
    # A function remembers for so long what a key may do, and so that this one has no end yet.
    ends = f"ends in {span(max(overlap_s * 1000, FRESH_MS))}" if overlap_s else f"ends within {span(FRESH_MS)}"
    warn(f"The old one, {key_id}, {ends}.")


def seconds(text: str) -> int:
    """A duration as `24h`. Raises BadParameter for what is none, or is too long."""
    match = re.fullmatch(r"([0-9]{1,7})([smhd])|0", text.strip(), re.ASCII)
    found = int(match[1]) * _UNITS_S[match[2]] if match and match[1] else 0
    if not match or found > _LONGEST_S:
        raise typer.BadParameter("must be 0, or a time as 90m, 24h or 7d, up to 90d.", param_hint="--overlap")
    return found
