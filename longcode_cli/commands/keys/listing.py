"""`longcode keys list`: which API keys there are, and what each may do."""

# Any: JSON.
from typing import Any

from longcode.domain.message import iso, utc
from longcode_cli.commands.keys.keyring import Keyring, Row
from longcode_cli.options import ANYWHERE_OR_ENV, AsJson, Full, Where, examples, stack_options
from longcode_cli.terminal import fold, number, plain, relative, say, say_json, table, warn
from longcode_cli.terminal import now_ms as clock_ms

EXAMPLES = examples("keys list", "keys list --json --env prod")


@stack_options(*ANYWHERE_OR_ENV)
def command(where: Where, as_json: AsJson = False, full: Full = False) -> None:
    """Show the API keys and what each may do; never their values. Keys whose time is over are deleted."""
    keys, now = Keyring(where.open()), clock_ms()
    rows, used = keys.clean(now), keys.last_used(now)
    if as_json:
        say_json({"keys": [_fields(row, used.get(row.id), now, full=full) for row in rows]})
        return
    made = table("name", "id", "kind", "scopes", "guests", "created", "ends", "last used", right=["guests"])
    # On a narrow terminal these take more than one line, so that an id is whole.
    for place in (0, 3, 5, 6, 7):
        fold(made, place)
    for row in rows:
        made.add_row(*_cells(row, used.get(row.id), now))
    say(made)
    if full:
        for row in rows:
            for guest in sorted(row.rights.guests if row.rights else ()):
                say(f"{row.id} may text {guest}")
    for row in rows:
        if row.half_made(now):
            warn(f"{row.id} was not finished and may do nothing: longcode keys revoke {row.id}")
        elif row.rights is None:
            warn(f"{row.id} was made elsewhere and may do nothing: longcode keys create makes one that may.")


def _cells(row: Row, used: str | None, now: int) -> list[str]:
    rights = row.rights
    if rights is None:
        return [plain(row.name), row.id, "none", "", "", "", "", used or ""]
    return [
        plain(row.name),
        row.id,
        rights.kind.value,
        " ".join(sorted(rights.scopes)),
        str(len(rights.guests)) if rights.guests else "",
        f"{utc(rights.created_ms):%Y-%m-%d}" if rights.created_ms else "",
        relative(rights.expires_ms, now) if rights.expires_ms is not None else "",
        used or "",
    ]


# Any: JSON.
def _fields(row: Row, used: str | None, now: int, *, full: bool) -> dict[str, Any]:
    rights = row.rights
    fields: dict[str, Any] = {"id": row.id, "name": row.name, "own": row.own, "works": _works(row, now)}
    if rights is None:
        return fields | {"kind": None, "scopes": []}
    return fields | {
        "kind": rights.kind.value,
        "scopes": sorted(rights.scopes),
        "guests": [number(each, full=full) for each in sorted(rights.guests)],
        "created_at": iso(rights.created_ms) if rights.created_ms else None,
        "expires_at": None if rights.expires_ms is None else iso(rights.expires_ms),
        "owner_id": rights.owner,
        "last_used": used,
    }


def _works(row: Row, now: int) -> bool:
    return bool(row.in_plan and row.rights and not row.rights.ended(now))
