"""The control API on networks: their limits, what is registered, who is on which, the counts and the clock."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from . import fields, pacific, views
from .clock import Clock, iso
from .faults import BadFault
from .provider import Provider

LOOKUP_PRICE = Decimal("0.0015")  # USD, of type carrier (unconfirmed)
Get = Callable[[Request], Awaitable[Response]]
Post = Callable[[dict[str, Any]], Awaitable[Response]]


class CarriersControl:
    """Its endpoints."""

    def __init__(self, provider: Callable[[], Provider], clock: Clock) -> None:
        self._provider, self._clock = provider, clock

    def endpoints(self) -> list[tuple[str, Get, Post]]:
        """Each path with its GET and its POST."""
        return [
            ("/_provider/limits", self.limits, self.set_limits),
            ("/_provider/registration", self.registration, self.set_registration),
            ("/_provider/carriers", self.carriers, self.set_carriers),
            ("/_provider/clock", self.clock, self.set_clock),
        ]

    async def limits(self, request: Request) -> Response:
        """The limits and the counts: ?limit= (the latest minutes and days)."""
        return self._limits(views.limit(request.query_params))

    async def set_limits(self, asked: dict[str, Any]) -> Response:
        """Change how the limits are enforced."""
        self._provider().carriers.change(asked)
        return self._limits(0)

    def _limits(self, rows: int | None) -> Response:
        provider = self._provider()
        shown = provider.carriers.public(self._clock.wall())
        for name in ("days", "minutes"):
            if rows is not None:
                shown[name] = shown[name][len(shown[name]) - min(rows, len(shown[name])) :]
        lookups = provider.ledger.usage.lookups
        return views.answer(shown | {"lookups": {"count": lookups, "cost": str(LOOKUP_PRICE * lookups)}})

    async def registration(self, _request: Request) -> Response:
        """The brand, the campaigns and the numbers on them."""
        return views.answer(self._provider().carriers.registration.public())

    async def set_registration(self, asked: dict[str, Any]) -> Response:
        """Change brand, campaign or number; a campaign's new status is announced by its webhook."""
        registration = self._provider().carriers.registration
        registration.change(asked)
        return views.answer(registration.public())

    async def carriers(self, _request: Request) -> Response:
        """Which numbers are on which network, and which have moved."""
        return views.answer(self._provider().carriers.networks.public())

    async def set_carriers(self, asked: dict[str, Any]) -> Response:
        """Move a number to another network."""
        networks = self._provider().carriers.networks
        networks.move(asked)
        return views.answer(networks.public())

    async def clock(self, _request: Request) -> Response:
        """What the provider takes for now."""
        return self._now()

    async def set_clock(self, asked: dict[str, Any]) -> Response:
        """Set the clock forward: by `advance_s`, or to `at` (ISO 8601). Only a reset sets it back."""
        if asked.keys() not in ({"advance_s"}, {"at"}):
            raise BadFault("give advance_s or at")
        now_s = self._clock.wall()
        ahead_s = asked["advance_s"] if "advance_s" in asked else _moment(asked["at"]) - now_s
        if not fields.SECONDS.check(ahead_s):
            wanted = fields.SECONDS.wanted
            raise BadFault(f"the clock goes forward only: advance_s must be {wanted}, and at later than now")
        self._provider().set_clock(self._clock.offset_s + ahead_s)
        return self._now()

    def _now(self) -> Response:
        now_s = self._clock.wall()
        return views.answer(
            {
                "now": iso(now_s),
                "offset_s": round(self._clock.offset_s, 3),
                "pacific_day": pacific.day(now_s).isoformat(),
                "pacific_midnight": iso(pacific.midnight_after(now_s)),
            }
        )


def _moment(value: Any) -> float:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as exc:
        raise BadFault("at must be ISO 8601") from exc
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
