"""The subscriptions as they were a moment ago, for those who need them for each event."""

from dataclasses import dataclass, field

from longcode.domain.subscriptions import Subscription
from longcode.use_cases.ports import Clock
from longcode.use_cases.subscription_store import Subscriptions

# A change of a subscription is seen everywhere after so long.
CACHED_MS = 10_000


@dataclass(slots=True)
class SubscriptionCache:
    """All subscriptions, read again after CACHED_MS. Each call may raise Unavailable.

    Threads may share it: what they do at once is done twice, and nothing is half done.
    """

    store: Subscriptions
    clock: Clock
    _found: dict[str, Subscription] = field(default_factory=dict)
    _read_ms: int | None = None

    def all(self) -> list[Subscription]:
        """Every one."""
        if self._read_ms is None or self.clock.now_ms() - self._read_ms >= CACHED_MS:
            self._read()
        return list(self._found.values())

    def get(self, subscription_id: str) -> Subscription | None:
        """One, None if there is none: that is looked at anew, as it may be younger than what was read."""
        if all(one.id != subscription_id for one in self.all()):
            self._read()
        return self._found.get(subscription_id)

    def keep(self, subscription: Subscription) -> None:
        """Have what a write returned."""
        self._found = self._found | {subscription.id: subscription}

    def forget(self) -> None:
        """Read again with the next call."""
        self._read_ms = None

    def _read(self) -> None:
        now = self.clock.now_ms()
        self._found = {one.id: one for one in self.store.all()}
        self._read_ms = now
