"""What API keys may do, in memory."""

from dataclasses import replace

from longcode.domain.api_keys import GUESTS_MOST, ApiKey, KeyKind, Scope
from tests.support.fakes.fault_injector import FaultInjector


class FakeApiKeys:
    """key_store.KeyStore in memory. The contract tests hold it to what the real table does."""

    def __init__(self) -> None:
        self.faults = FaultInjector("get", "create", "end", "allow", "disallow")
        self.keys: dict[str, ApiKey] = {}
        # The id of each that was read.
        self.reads: list[str] = []

    def live(self, *key_ids: str) -> None:
        """Make keys that may do everything."""
        for key_id in key_ids:
            self.keys[key_id] = ApiKey(key_id, key_id, KeyKind.LIVE, frozenset(Scope), 0)

    def get(self, key_id: str) -> ApiKey | None:
        with self.faults.around("get"):
            self.reads.append(key_id)
            return self.keys.get(key_id)

    def create(self, key: ApiKey) -> bool:
        with self.faults.around("create"):
            return self.keys.setdefault(key.id, key) == key

    def end(self, key_id: str, at_ms: int | None) -> bool:
        with self.faults.around("end"):
            if key_id in self.keys:
                self.keys[key_id] = replace(self.keys[key_id], expires_ms=at_ms)
            return key_id in self.keys

    def allow(self, key_id: str, number: str) -> bool:
        with self.faults.around("allow"):
            key = self._list_of(key_id)
            if key is None or len(key.guests | {number}) > GUESTS_MOST:
                return False
            self.keys[key_id] = replace(key, guests=key.guests | {number})
            return True

    def disallow(self, key_id: str, number: str) -> bool:
        with self.faults.around("disallow"):
            key = self._list_of(key_id)
            if key is not None:
                self.keys[key_id] = replace(key, guests=key.guests - {number})
            return key is not None

    def _list_of(self, key_id: str) -> ApiKey | None:
        key = self.keys.get(key_id)
        return key if key and key.kind is KeyKind.GUEST_LIST else None
