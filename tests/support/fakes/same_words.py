"""Which text has which words, in memory."""

from longcode.use_cases.duplicate_store import First
from tests.support.fakes.fault_injector import FaultInjector


class FakeSameWords:
    """duplicate_store.SameWords in memory. The contract tests hold it to what the real table does."""

    def __init__(self) -> None:
        self.faults = FaultInjector("take", "give_back")
        self.taken: dict[str, First] = {}

    def take(
        self, digest: str, message_id: str, now_ms: int, since_ms: int, *, instead_of: str = ""
    ) -> First | None:
        with self.faults.around("take"):
            first = self.taken.get(digest)
            if first and first.taken_ms > since_ms and first.message_id not in (message_id, instead_of):
                return first
            self.taken[digest] = First(message_id, now_ms)
            return None

    def give_back(self, digest: str, message_id: str) -> None:
        with self.faults.around("give_back"):
            first = self.taken.get(digest)
            if first and first.message_id == message_id:
                del self.taken[digest]
