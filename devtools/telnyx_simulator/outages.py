"""An outage of the whole API: until it is ended, or for some seconds, every request under /v2 fares alike."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .faults import BadFault
from .outcomes import Reply


class Kind(StrEnum):
    """What becomes of a request. None of them takes a text, but `rate` those within it."""

    REFUSED = "refused"
    HANG = "hang"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    HTML = "200"
    REDIRECT = "redirect"
    RATE = "rate"


SUMMARIES = {
    Kind.REFUSED: "nothing listens on the API's port; control it by the ready file's control_url",
    Kind.HANG: "no answer, until the caller gives up",
    Kind.SERVER_ERROR: "500/10007, not taken",
    Kind.BAD_GATEWAY: "502 with an HTML body, as from a proxy in front of the API",
    Kind.FORBIDDEN: "403 with an HTML body, as from a firewall",
    Kind.NOT_FOUND: "404 with no body",
    Kind.HTML: "200 with an HTML body, as from a captive portal",
    Kind.REDIRECT: "302 to a page of the status",
    Kind.RATE: "so many requests a second as `rate` says; 429/10011 with retry-after 1 for the others",
}
STATUS_PAGE = "https://status.example.com/"


@dataclass(frozen=True, slots=True)
class Outage:
    """One outage, over at `until_s` of the monotonic clock; None is until it is ended."""

    kind: Kind
    until_s: float | None = None
    rate: int = 0

    def over(self, now_s: float) -> bool:
        """Whether its time has passed."""
        return self.until_s is not None and now_s >= self.until_s

    def public(self, now_s: float) -> dict[str, Any]:
        """It as the control API shows it."""
        left = None if self.until_s is None else round(self.until_s - now_s, 3)
        return {"outage": self.kind.value, "seconds": left} | ({"rate": self.rate} if self.rate else {})


@dataclass(frozen=True, slots=True)
class Fate:
    """What is written to a connection in an outage, and how."""

    status: int
    body: bytes
    reply: Reply
    headers: dict[str, str]


def asked(fields: dict[str, Any], now_s: float) -> Outage | None:
    """The outage that a control request asks for; None ends one. Raises BadFault."""
    if unknown := fields.keys() - {"outage", "seconds", "rate"}:
        raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
    if fields["outage"] is None:
        return None
    try:
        kind = Kind(fields["outage"])
    except ValueError as exc:
        raise BadFault(f"outage must be null or one of {', '.join(Kind)}") from exc
    seconds, rate = fields.get("seconds"), fields.get("rate", 0)
    if seconds is not None and not (_is_number(seconds, int | float) and seconds > 0):
        raise BadFault("seconds must be a positive number or null")
    if not _is_number(rate, int) or (rate > 0) is not (kind is Kind.RATE):
        raise BadFault("rate must be a positive number, and goes with rate only")
    return Outage(kind, None if seconds is None else now_s + seconds, rate)


def fate(kind: Kind) -> Fate | None:
    """What a request gets; None if it fares as ever, or never gets so far."""
    match kind:
        case Kind.HANG:
            return Fate(200, b"", Reply.HANG, {})
        case Kind.SERVER_ERROR:
            return Fate(500, b"", Reply.ERROR, {})
        case Kind.BAD_GATEWAY | Kind.FORBIDDEN | Kind.HTML:
            body = f"<html><head><title>{kind}</title></head><body>Not the API.</body></html>"
            return Fate(int(kind), body.encode(), Reply.GATEWAY, {})
        case Kind.NOT_FOUND:
            return Fate(404, b"", Reply.GATEWAY, {})
        case Kind.REDIRECT:
            return Fate(302, b"", Reply.GATEWAY, {"location": STATUS_PAGE})
        case _:
            return None


def table() -> str:
    """The kinds as plain text, one line each."""
    return "\n".join(f"{kind:<9}  {SUMMARIES[kind]}" for kind in Kind)


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
