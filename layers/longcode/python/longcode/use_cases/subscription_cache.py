"""The subscriptions as they were a moment ago, for those who need them for each event."""

import threading
from dataclasses import dataclass, field

from longcode.domain.subscriptions import Subscription
from longcode.use_cases.ports import Clock
from longcode.use_cases.subscription_store import Subscriptions

# A change of a subscription is seen everywhere after so long.
CACHED_MS = 10_000


@dataclass(slots=True)
class SubscriptionCache:
    """All subscriptions, read again after CACHED_MS. Each call may raise Unavailable."""

    store: Subscriptions
    clock: Clock
    _found: dict[str, Subscription] = field(default_factory=dict)
    _read_ms: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def all(self) -> list[Subscription]:
        """Every one."""
        with self._lock:
            now = self.clock.now_ms()
            if self._read_ms is None or now - self._read_ms >= CACHED_MS:
                self._read(now)
            return list(self._found.values())

    def get(self, subscription_id: str) -> Subscription | None:
        """One, None if there is none: that is looked at anew, as it may be younger than what was read."""
        found = {one.id: one for one in self.all()}.get(subscription_id)
        if found is None:
            with self._lock:
                self._read(self.clock.now_ms())
                return self._found.get(subscription_id)
        return found

    def keep(self, subscription: Subscription) -> None:
        """Have what a write returned."""
        with self._lock:
            self._found[subscription.id] = subscription

    def forget(self) -> None:
        """Read again with the next call."""
        with self._lock:
            self._read_ms = None

    def _read(self, now_ms: int) -> None:
        self._found = {one.id: one for one in self.store.all()}
        self._read_ms = now_ms
