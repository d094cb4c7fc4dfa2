"""The counters in memory."""

from collections import Counter
from collections.abc import Sequence

from longcode.domain.events import Counted
from longcode.domain.status import Status
from tests.support.fakes.fault_injector import FaultInjector


class FakeCounters:
    """publish_ports.Counters in memory. The contract tests hold it to what the real table does."""

    def __init__(self) -> None:
        self.faults = FaultInjector("read", "add")
        self._counts: Counter[tuple[str | None, Status]] = Counter()
        self._seen: set[str] = set()

    def read(self, tag: str | None) -> dict[str, int]:
        with self.faults.around("read"):
            return {
                status.value: count for (key, status), count in self._counts.items() if key == tag and count > 0
            }

    def add(self, counted: Sequence[Counted], now_ms: int) -> None:
        with self.faults.around("add"):
            for one in counted:
                if one.event_id in self._seen:
                    continue
                self._seen.add(one.event_id)
                for tag, status, by in one.differences():
                    self._counts[tag, status] += by
