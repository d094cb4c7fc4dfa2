"""The counters in memory."""

from collections.abc import Sequence

from longcode.domain.events import Counted
from longcode.domain.tag_counts import Number, TagCounts, read
from tests.support.fakes.fault_injector import FaultInjector

_DAY_MS = 86_400_000


class FakeCounters:
    """publish_ports.Counters in memory. The contract tests hold it to what the real table does."""

    def __init__(self) -> None:
        self.faults = FaultInjector("read", "read_tag", "tags", "add")
        self._counts: dict[tuple[str | None, str], Number] = {}
        self._days: dict[str, int] = {}
        self._seen: set[str] = set()
        # Which changes each batch had to count.
        self.batches: list[list[str]] = []

    def read(self, tag: str | None) -> dict[str, int]:
        with self.faults.around("read"):
            return dict(self._read(tag).by_status)

    def read_tag(self, tag: str) -> TagCounts:
        with self.faults.around("read_tag"):
            return self._read(tag)

    def _read(self, tag: str | None) -> TagCounts:
        return read({str(name): count for (key, name), count in self._counts.items() if key == tag})

    def tags(self, since_ms: int, at_most: int) -> list[str]:
        with self.faults.around("tags"):
            found = [(day, tag) for tag, day in self._days.items() if day >= since_ms // _DAY_MS]
            return [tag for _, tag in sorted(found, key=lambda row: -row[0])][:at_most]

    def add(self, counted: Sequence[Counted], now_ms: int) -> None:
        with self.faults.around("add"):
            self.batches.append([one.event_id for one in counted])
            for one in counted:
                if one.event_id in self._seen:
                    continue
                self._seen.add(one.event_id)
                for tag, name, by in one.differences():
                    self._counts[tag, name] = self._counts.get((tag, name), 0) + by
                if one.new_tag:
                    self._days[one.new_tag] = max(one.accepted_ms // _DAY_MS, self._days.get(one.new_tag, 0))
