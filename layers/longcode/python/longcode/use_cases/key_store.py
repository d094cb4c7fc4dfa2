"""The port for what API keys may do, and what a function remembers of it."""

from dataclasses import dataclass, field
from typing import Protocol

from longcode.domain.api_keys import ApiKey
from longcode.domain.errors import Unavailable
from longcode.use_cases.ports import Clock

# A key that was revoked, or whose guest list was changed, is taken as it was for so long at the most.
FRESH_MS = 30_000
# A key that was just made works after so long at the most.
MISS_MS = 5_000
# While the table can't be read, what was read of it counts for so long.
STALE_MS = 600_000
# So many keys are remembered at a time.
REMEMBERED_MOST = 256


class KeyStore(Protocol):
    """What each API key may do, by the id that API Gateway gave it. May raise Unavailable."""

    def get(self, key_id: str) -> ApiKey | None:
        """The key, also one whose time is over; None if nothing is known of it."""

    def create(self, key: ApiKey) -> bool:
        """Note a new key; whether nothing was known of its id before. The same key again is no other."""

    def end(self, key_id: str, at_ms: int | None) -> bool:
        """Let a key end at a moment (epoch milliseconds), past or to come, or never; whether it is known."""

    def allow(self, key_id: str, number: str) -> bool:
        """Put a number onto a guest list; False if the list is full, or there is none. It may be there already."""

    def disallow(self, key_id: str, number: str) -> bool:
        """Take a number off a guest list; False if there is no list. It may be gone already."""


@dataclass(slots=True)
class KnownKeys:
    """What a function remembers of the keys that called it, so that few calls read the table."""

    store: KeyStore
    clock: Clock
    # By id: the key, None for one that is not known, and when that was read.
    _known: dict[str, tuple[ApiKey | None, int]] = field(default_factory=dict)

    def get(self, key_id: str) -> ApiKey | None:
        """The key as it was FRESH_MS ago or later, None for one that is not known (since MISS_MS at the most).

        Raises Unavailable if the table does not answer and nothing is known since STALE_MS.
        """
        now = self.clock.now_ms()
        key, read_ms = self._known.get(key_id, (None, None))
        # Never negative, so that a clock that is set back makes nothing last longer.
        age_ms = STALE_MS if read_ms is None or now < read_ms else now - read_ms
        if age_ms < (FRESH_MS if key else MISS_MS):
            return key
        try:
            found = self.store.get(key_id)
        except Unavailable:
            if key and age_ms < STALE_MS:
                return key
            raise
        self._known.pop(key_id, None)
        while len(self._known) >= REMEMBERED_MOST:
            # The one that was read first.
            del self._known[next(iter(self._known))]
        self._known[key_id] = (found, now)
        return found
