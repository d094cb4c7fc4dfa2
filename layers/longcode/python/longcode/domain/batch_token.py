"""The token of a dry run: what it saw of each item, so that the call that sends can say what has changed since."""

# Nothing of it is kept: it carries all that it stands for. It is no secret and no right, as who may send may send
# without it; the sum at its end only finds out what was cut off, or is another API key's.

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from longcode.domain.batch_request import BatchItem
from longcode.domain.errors import BatchChanged, InvalidRequest
from longcode.domain.message import iso

VALID = "valid"
# By their numbers in a token: only add to the end.
_VERDICTS = (
    VALID, "invalid_request", "recipient_opted_out", "destination_not_allowed", "idempotency_key_reused",
    "recipient_queue_full", "daily_limit", "recipient_not_listed",
)  # fmt: skip
_OTHER = 255
# What of an item a change may be of.
PARTS = ("to", "message", "fields", "verdict", "added", "removed")

_VERSION = 1
_LASTS_MS = 86_400_000
NONCE_BYTES = 16
_TIME_BYTES, _COUNT_BYTES, _SUM_BYTES, _DIGEST_BYTES = 6, 2, 8, 4
_HEAD_BYTES = 1 + _TIME_BYTES + NONCE_BYTES + _COUNT_BYTES
_ROW_BYTES = 3 * _DIGEST_BYTES + 1


class Row(NamedTuple):
    """One item: short digests of its recipient, its words and all else, and `valid` or the code of its error."""

    to: bytes
    message: bytes
    rest: bytes
    verdict: str


@dataclass(frozen=True, slots=True)
class Token:
    """What a dry run saw at `made_ms` (epoch milliseconds). The `nonce` makes its texts' ids ones of their own."""

    made_ms: int
    nonce: bytes
    rows: tuple[Row, ...]

    @property
    def key(self) -> str:
        """What the ids of its texts are made of. No Idempotency-Key has a blank."""
        return f"token {self.nonce.hex()}"

    def write(self, caller: str) -> str:
        """The token for `caller`: 9 KB for 500 items."""
        head = bytes([_VERSION]) + self.made_ms.to_bytes(_TIME_BYTES) + self.nonce
        payload = head + len(self.rows).to_bytes(_COUNT_BYTES) + b"".join(map(_row_bytes, self.rows))
        return base64.urlsafe_b64encode(payload + _sum(caller, payload)).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, caller: str, now_ms: int) -> "Token":
        """Read what `write` wrote. Raises InvalidRequest for anything else, and for one of over 24 hours ago."""
        unreadable = InvalidRequest("This token is not what a dry run returned to this API key.", field="token")
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        except ValueError:
            raise unreadable from None
        payload, found = raw[:-_SUM_BYTES], raw[-_SUM_BYTES:]
        rows = payload[_HEAD_BYTES:]
        if len(payload) < _HEAD_BYTES or found != _sum(caller, payload) or payload[0] != _VERSION:
            raise unreadable
        if len(rows) != _ROW_BYTES * int.from_bytes(payload[_HEAD_BYTES - _COUNT_BYTES : _HEAD_BYTES]):
            raise unreadable
        made_ms = int.from_bytes(payload[1 : 1 + _TIME_BYTES])
        if now_ms > made_ms + _LASTS_MS:
            raise InvalidRequest(
                "This token is older than 24 hours: make a new dry run.",
                field="token", given=iso(made_ms), limit=iso(now_ms - _LASTS_MS),
            )  # fmt: skip
        places = range(0, len(rows), _ROW_BYTES)
        nonce = payload[1 + _TIME_BYTES :][:NONCE_BYTES]
        return cls(made_ms, nonce, tuple(_read_row(rows[at : at + _ROW_BYTES]) for at in places))

    def expect(self, rows: Sequence[Row]) -> None:
        """Raises BatchChanged if `rows`, which are to be sent, are not those of the dry run."""
        changes = [
            change
            for place in range(max(len(rows), len(self.rows)))
            if (change := _change(place, self.rows[place : place + 1], rows[place : place + 1]))
        ]
        if not changes:
            return
        raise BatchChanged(
            f"{len(changes)} of the items changed since the dry run. Nothing was stored: make a new one.",
            field=changes[0].field,
            changes=[change.words for change in changes],
        )


def row_of(item: BatchItem, verdict: str) -> Row:
    """What a token keeps of an item."""
    fields = item.fields
    rest = {name: value for name, value in fields.items() if name not in ("to", "message")}
    return Row(_digest(fields.get("to")), _digest(fields.get("message")), _digest([rest, item.key]), verdict)


@dataclass(frozen=True, slots=True)
class _Change:
    """What changed of one item: its parts, and its verdict, if that did."""

    place: int
    parts: tuple[str, ...]
    was: str = ""
    now: str = ""

    @property
    def field(self) -> str:
        item = f"messages[{self.place}]"
        return next((f"{item}.{part}" for part in self.parts if part in ("to", "message")), item)

    @property
    def words(self) -> dict[str, object]:
        verdict = {"was": self.was, "now": self.now} if self.was else {}
        return {"index": self.place, "changed": list(self.parts), **verdict}


def _change(place: int, before: Sequence[Row], now: Sequence[Row]) -> _Change | None:
    if not before or not now:
        return _Change(place, ("added" if now else "removed",))
    (old,), (new,) = before, now
    names = {"to": old.to != new.to, "message": old.message != new.message, "fields": old.rest != new.rest}
    changed = tuple(name for name, differs in names.items() if differs)
    if old.verdict == _known(new.verdict):
        return _Change(place, changed) if changed else None
    return _Change(place, (*changed, "verdict"), old.verdict, new.verdict)


def _known(verdict: str) -> str:
    return verdict if verdict in _VERDICTS else "other"


def _row_bytes(row: Row) -> bytes:
    number = _VERDICTS.index(row.verdict) if row.verdict in _VERDICTS else _OTHER
    return row.to + row.message + row.rest + bytes([number])


def _read_row(raw: bytes) -> Row:
    to, message, rest = (raw[at : at + _DIGEST_BYTES] for at in range(0, _ROW_BYTES - 1, _DIGEST_BYTES))
    return Row(to, message, rest, _VERDICTS[raw[-1]] if raw[-1] < len(_VERDICTS) else "other")


def _digest(value: object) -> bytes:
    words = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(words.encode(), digest_size=_DIGEST_BYTES).digest()


def _sum(caller: str, payload: bytes) -> bytes:
    return hashlib.blake2b(caller.encode() + b"\n" + payload, digest_size=_SUM_BYTES).digest()
