"""The limits table in memory."""

from collections import Counter
from dataclasses import replace

from longcode import pacing
from longcode.ports import Control, Limiter, Road
from tests.fakes.optouts import FakeOptOuts
from tests.fakes.tripwire import Tripwire


class FakeLimits:
    """ports.Limits in memory. The contract tests hold it to what the real table does."""

    def __init__(self, optouts: FakeOptOuts | None = None) -> None:
        self.trip = Tripwire()
        self.optouts = optouts or FakeOptOuts()
        self.control = Control()
        self.limiters: dict[str, Limiter] = {}
        self.counted: Counter[str] = Counter()

    def count(self, key: str, at_most: int, now_ms: int) -> bool:
        with self.trip.around("count"):
            if self.counted[key] >= at_most:
                return False
            self.counted[key] += 1
            return True

    def uncount(self, key: str) -> None:
        with self.trip.around("uncount"):
            self.counted[key] = max(0, self.counted[key] - 1)

    def look(self, recipient: str, sender: str) -> Road:
        with self.trip.around("look"):
            return Road(
                recipient=self._limiter(pacing.recipient_key(recipient)),
                sender=self._limiter(pacing.sender_key(sender)),
                account=self._limiter(pacing.ACCOUNT_KEY),
                control=self.control,
                opted_out=(entry := self.optouts.entries.get(recipient)) is not None and entry.opted_out,
            )

    def reserve(
        self, key: str, count: int, interval_ms: int, now_ms: int, *, ahead: bool = False
    ) -> pacing.Reservation:
        with self.trip.around("reserve"):
            found = self._limiter(key)
            reservation = pacing.reserve(found.tat_ms, now_ms, count, interval_ms)
            self.limiters[key] = replace(found, tat_ms=reservation.tat_ms)
            return reservation

    def push(self, key: str, not_before_ms: int) -> None:
        with self.trip.around("push"):
            found = self._limiter(key)
            if found.not_before_ms is None or found.not_before_ms < not_before_ms:
                self.limiters[key] = replace(found, not_before_ms=not_before_ms)

    def pause(self, now_ms: int, reason: str) -> None:
        with self.trip.around("pause"):
            since = self.control.paused_since_ms
            self.control = replace(
                self.control, paused_since_ms=now_ms if since is None else since, pause_reason=reason
            )

    def resume(self) -> None:
        with self.trip.around("resume"):
            self.control = replace(self.control, paused_since_ms=None, pause_reason="")

    def open_breaker(self, now_ms: int, until_ms: int, reason: str) -> None:
        with self.trip.around("open_breaker"):
            since = self.control.breaker_since_ms
            self.control = replace(
                self.control,
                breaker_since_ms=now_ms if since is None else since,
                breaker_until_ms=until_ms,
                breaker_reason=reason,
            )

    def probe(self, now_ms: int, until_ms: int) -> bool:
        with self.trip.around("probe"):
            until = self.control.breaker_until_ms
            if until is None or until > now_ms:
                return False
            self.control = replace(self.control, breaker_until_ms=until_ms)
            return True

    def close_breaker(self) -> None:
        with self.trip.around("close_breaker"):
            self.control = replace(self.control, breaker_since_ms=None, breaker_until_ms=None, breaker_reason="")

    def _limiter(self, key: str) -> Limiter:
        return self.limiters.get(key, Limiter())
