"""What went to each network, counted in segments: as the simulator counts, and as the networks' limits see it."""

# Pure state, rebuilt from the journal: every method takes the time.

import math
from collections import OrderedDict, deque
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from . import pacific
from .clock import iso
from .networks import Network
from .parts import PART_PRICE

MINUTE_S = 60.0
MINUTES, DAYS = 3000, 100  # rows kept of each, over all networks


class Result(StrEnum):
    """What became of a text at its network's limit. All but the last are charged."""

    SENT = "sent"
    FAILED = "failed"  # over a limit, said by a receipt
    REFUSED = "refused"  # over a limit, said at submission
    EXPIRED = "expired"  # never left the provider's queue


@dataclass(frozen=True, slots=True)
class Counted:
    """One text's segments. `at_s` (since 1970) is when they reach the network, which may be yet to come."""

    network: str
    sender: str
    campaign: str | None
    parts: int
    at_s: float
    result: str
    code: str | None = None


class Usage:
    """All counts."""

    def __init__(self) -> None:
        self._booked: dict[tuple[str, str], deque[tuple[float, int]]] = {}
        self._t_mobile: dict[str, int] = {}
        self._t_mobile_last_s = 0.0
        self.minutes: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()
        self.days: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()
        self.lookups = 0

    def add(self, counted: Counted) -> None:
        """Count one text."""
        day = pacific.day(counted.at_s).isoformat()
        minute = iso(counted.at_s)[:16] + "Z"
        for rows, period, kept in ((self.days, day, DAYS), (self.minutes, minute, MINUTES)):
            row = rows.setdefault((period, counted.network), _row())
            row["texts"] += 1
            row[counted.result] += counted.parts
            if counted.result != Result.EXPIRED:
                row["charged"] += counted.parts
            if counted.code is not None:
                row["codes"][counted.code] = row["codes"].get(counted.code, 0) + 1
            if len(rows) > kept:
                rows.popitem(last=False)
        if counted.result == Result.SENT:
            self._book(counted, day)

    def _book(self, counted: Counted, day: str) -> None:
        keys = {(counted.network, counted.sender), (counted.network, counted.campaign or "")}
        if counted.campaign is None:
            keys.add(("unregistered", counted.sender))
        for key in keys:
            booked = self._booked.setdefault(key, deque())
            while booked and booked[0][0] + MINUTE_S < counted.at_s:
                booked.popleft()
            booked.append((counted.at_s, counted.parts))
        if counted.network == Network.T_MOBILE:
            self._t_mobile[day] = self._t_mobile.get(day, 0) + counted.parts
            self._t_mobile_last_s = max(self._t_mobile_last_s, counted.at_s)

    def free_in_minute(
        self, key: tuple[str, str], parts: int, limit: int, now_s: float, *, sliding: bool
    ) -> float:
        """From when on `parts` more segments are within `limit` a minute, in turn; inf for never.

        `sliding`: in any 60 seconds; else by the minutes of the clock, which allows twice as many
        around the turn of one.
        """
        if parts > limit:
            return math.inf
        booked = self._booked.get(key, deque())
        # No text overtakes one that is held for later.
        at_s = max(now_s, booked[-1][0]) if booked else now_s
        while True:
            start_s = math.floor(at_s / MINUTE_S) * MINUTE_S
            inside = [(t, n) for t, n in booked if (t + MINUTE_S > at_s if sliding else t >= start_s)]
            if sum(n for _, n in inside) + parts <= limit:
                return at_s
            at_s = inside[0][0] + MINUTE_S if sliding else start_s + MINUTE_S

    def t_mobile_on(self, wall_s: float) -> int:
        """The segments that T-Mobile took on the Pacific date of `wall_s`."""
        return self._t_mobile.get(pacific.day(wall_s).isoformat(), 0)

    def free_at_t_mobile(self, parts: int, cap: int, now_s: float) -> float:
        """From when on `parts` more segments are within T-Mobile's cap a day, in turn; inf for never."""
        if parts > cap:
            return math.inf
        at_s = max(now_s, self._t_mobile_last_s)
        while self.t_mobile_on(at_s) + parts > cap:
            at_s = pacific.midnight_after(at_s)
        return at_s

    def public(self) -> dict[str, Any]:
        """The counts by day (in Los Angeles) and by minute (UTC), the latest last."""
        return {
            "days": [_shown("day", key, row) for key, row in sorted(self.days.items())],
            "minutes": [_shown("minute", key, row) for key, row in sorted(self.minutes.items())],
        }


def _row() -> dict[str, Any]:
    return {"texts": 0, **{result.value: 0 for result in Result}, "charged": 0, "codes": {}}


def _shown(period: str, key: tuple[str, str], row: dict[str, Any]) -> dict[str, Any]:
    cost: Decimal = PART_PRICE * row["charged"]
    return {period: key[0], "network": key[1], **row, "cost": str(cost)}
