"""The moments in a request: when a text is to be sent, and until when."""

import re
from dataclasses import dataclass
from datetime import datetime

from longcode.domain.errors import InvalidRequest
from longcode.domain.message import Message, iso

# How far ahead a text may be scheduled, and how long ago a moment may be that still means "now".
HORIZON_MS = 90 * 86_400_000
PAST_MS = 60_000
MAX_TTL_S = 90 * 86_400

# RFC 3339: a date, a time, and an offset; which may be left out where the request names a zone.
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    # Python takes an offset of 60 minutes.
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Times:
    """When a text is wanted to be sent and until when: epoch milliseconds and seconds; None: not said."""

    send_at_ms: int | None = None
    expires_at_ms: int | None = None
    ttl_s: int | None = None

    @property
    def asked(self) -> dict[str, object]:
        """What of it was said, as a part of what makes two requests the same one."""
        found = {"send_at": self.send_at_ms, "expires_at": self.expires_at_ms, "ttl_s": self.ttl_s}
        return {name: value for name, value in found.items() if value is not None}

    def expires_ms(self, asked_ms: int) -> int | None:
        """From when on a text is not sent that is to be sent at `asked_ms`. Quiet hours don't make that later."""
        return asked_ms + self.ttl_s * 1000 if self.ttl_s is not None else self.expires_at_ms


NO_TIMES = Times()


def parse_times(fields: dict[str, object], timezone: str = "") -> Times:
    """Read `send_at`, `expires_at` and `ttl_s` of a request. Raises InvalidRequest that names the field.

    What has no offset is by the clocks of `timezone`, if the request names one.
    """
    ttl_s = fields.get("ttl_s")
    if ttl_s is not None:
        # True is a number in Python, and none in JSON.
        if isinstance(ttl_s, bool) or not isinstance(ttl_s, int):
            raise InvalidRequest("'ttl_s' must be a whole number of seconds.", field="ttl_s", limit=MAX_TTL_S)
        if not 1 <= ttl_s <= MAX_TTL_S:
            raise InvalidRequest(
                f"'ttl_s' must be from 1 to {MAX_TTL_S}.", field="ttl_s", given=ttl_s, limit=MAX_TTL_S
            )
        if fields.get("expires_at") is not None:
            raise InvalidRequest("Give 'expires_at' or 'ttl_s', not both.", field="ttl_s")
    return Times(_moment(fields, "send_at", timezone), _moment(fields, "expires_at", timezone), ttl_s)


def _moment(fields: dict[str, object], name: str, timezone: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    wrong = InvalidRequest(
        f"'{name}' must be a date and time with an offset (RFC 3339), as 2026-12-01T09:30:00-05:00; "
        "without one only beside 'timezone'.",
        field=name,
    )
    found = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if not found or not (found[1] or timezone):
        raise wrong
    try:
        moment = datetime.fromisoformat(found[0].upper())
        return round(moment.timestamp() * 1000) if found[1] else _local(moment, timezone, name)
    except (ValueError, OverflowError):
        raise wrong from None


def _local(moment: datetime, timezone: str, name: str) -> int:
    """A moment by the clocks of a zone. Raises InvalidRequest for one that comes twice or never."""
    # Few requests name a zone.
    from longcode.domain import zones

    first, second = zones.moments(moment, timezone)
    if first == second:
        return first
    why = (
        f"comes twice in {timezone}, as clocks are put back"
        if first < second
        else f"does not come in {timezone}, as clocks are put forward"
    )
    raise InvalidRequest(f"'{name}' {why}: give its offset.", field=name, given=moment.isoformat())


def check_times(message: Message, now_ms: int) -> None:
    """Refuse a new text whose moments can't be kept. Raises InvalidRequest that names the field."""
    at_ms, expires_ms = message.send_at_ms, message.expires_ms
    for name, moment in (("send_at", at_ms), ("expires_at", expires_ms)):
        if moment is None:
            continue
        least = now_ms - PAST_MS if name == "send_at" else now_ms
        if moment < least:
            raise InvalidRequest(f"'{name}' is in the past.", field=name, given=iso(moment), limit=iso(least))
    if at_ms is not None and at_ms > now_ms + HORIZON_MS:
        raise InvalidRequest(
            "'send_at' is more than 90 days ahead.",
            field="send_at",
            given=iso(at_ms),
            limit=iso(now_ms + HORIZON_MS),
        )
    if at_ms is not None and expires_ms is not None and expires_ms <= at_ms:
        raise InvalidRequest(
            "'expires_at' is not after 'send_at'.", field="expires_at", given=iso(expires_ms), limit=iso(at_ms)
        )
