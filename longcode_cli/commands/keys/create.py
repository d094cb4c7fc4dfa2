"""`longcode keys create`: make an API key, and say what it may do."""

import re
from typing import Annotated

import typer

from longcode.domain import phone
from longcode.domain.api_keys import GUESTS_MOST, ApiKey, KeyKind, Scope
from longcode_cli.commands.keys.keyring import Keyring
from longcode_cli.options import ANYWHERE_OR_ENV, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.terminal import count, now_ms, warn

EXAMPLES = examples(
    "keys create --name shop --scope send --scope read",
    "keys create --name demo --kind guest-list --scope send --to +12025550123",
    "keys create --name ci --kind test --scope send --scope read --env prod > key.txt",
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@stack_options(*ANYWHERE_OR_ENV)
def command(
    where: Where,
    name: Annotated[str, typer.Option(metavar="NAME", help="What uses it, as shop: letters, digits, . _ -")],
    scope: Annotated[
        list[Scope], typer.Option(help="What it may do; none includes another. Give it once for each.")
    ],
    kind: Annotated[
        KeyKind, typer.Option(help="Whom it reaches: everyone, the numbers of --to, or no one.")
    ] = KeyKind.LIVE,
    to: Annotated[
        list[str] | None, typer.Option(metavar="NUMBER", help=f"A number of a guest list, up to {GUESTS_MOST}.")
    ] = None,
) -> None:
    """Make an API key. Its value is printed this once, on the standard output alone."""
    guests = _guests(kind, to or [])
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("must be 1 to 64 letters, digits, dots, dashes or _.", param_hint="--name")
    keys, now = Keyring(where.open()), now_ms()
    _make_room(keys, name, now)
    key, value = keys.create(ApiKey("", name, kind, frozenset(scope), now, guests=guests))
    show(key, value)


def number_of(written: str, option: str) -> str:
    """A number of a guest list. Raises BadParameter for what is none."""
    if not phone.is_e164(written.strip()):
        raise typer.BadParameter("must be a number in E.164 format, as +12025550123.", param_hint=option)
    return phone.canonical(written)


def show(key: ApiKey, value: str) -> None:
    """Print the value of a new key on the standard output, and all else on the other."""
    typer.echo(value)
    scopes = ", ".join(sorted(key.scopes))
    whom = f" It texts {count(len(key.guests), 'number')}." if key.kind is KeyKind.GUEST_LIST else ""
    warn(f"This is the key {key.name} ({key.kind}; {scopes}), id {key.id}.{whom}")
    warn("It is not shown again: keep it where secrets are kept. It works within a minute.")


def _guests(kind: KeyKind, to: list[str]) -> frozenset[str]:
    found = frozenset(number_of(each, "--to") for each in to)
    if found and kind is not KeyKind.GUEST_LIST:
        raise typer.BadParameter(f"is for --kind guest-list; a {kind} key has no list.", param_hint="--to")
    if kind is KeyKind.GUEST_LIST and not found:
        raise typer.BadParameter("names a number that the guest-list key may text: give one.", param_hint="--to")
    if len(found) > GUESTS_MOST:
        raise typer.BadParameter(f"names {len(found)} numbers; {GUESTS_MOST} are allowed.", param_hint="--to")
    return found


def _make_room(keys: Keyring, name: str, now: int) -> None:
    """Delete what a command left that was stopped. Raises Problem if there is a key of that name."""
    for row in keys.rows():
        if not row.made_here or row.name != name:
            continue
        if not row.half_made(now):
            raise Problem(
                f"There is a key {name} already, id {row.id}.",
                f"longcode keys rotate {row.id} makes its successor, longcode keys revoke {row.id} ends it.",
            )
        keys.discard(row.id)
