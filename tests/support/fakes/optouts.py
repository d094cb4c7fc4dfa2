"""The opt-out ledger in memory."""

from collections.abc import Sequence

from longcode.domain import phone
from longcode.domain.opt_outs import OptOut
from tests.support.fakes.fault_injector import FaultInjector


class FakeOptOuts:
    """ports.OptOuts in memory, no stronger than the table. The contract tests hold it to what that does."""

    def __init__(self) -> None:
        self.faults = FaultInjector("get", "get_all", "replace", "page", "unclear_page")
        self.entries: dict[str, OptOut] = {}

    def get(self, number: str) -> OptOut | None:
        with self.faults.around("get"):
            return self.entries.get(phone.canonical(number))

    def get_all(self, numbers: Sequence[str]) -> dict[str, OptOut]:
        with self.faults.around("get_all"):
            assert len(numbers) <= 100
            forms = {phone.canonical(number) for number in numbers}
            return {form: self.entries[form] for form in forms if form in self.entries}

    def replace(self, seen: OptOut | None, entry: OptOut) -> bool:
        with self.faults.around("replace"):
            there = self.entries.get(entry.number)
            if _mark(there) != _mark(seen):
                return False
            self.entries[entry.number] = entry
            return True

    def page(self, after: tuple[int, str] | None, at_most: int) -> list[OptOut]:
        with self.faults.around("page"):
            listed = sorted(
                ((entry.changes[-1].at_ms, entry.number), entry)
                for entry in self.entries.values()
                if entry.opted_out
            )
            return [entry for place, entry in listed if after is None or place > after][:at_most]

    def unclear_page(self, after: tuple[int, str] | None, at_most: int) -> list[OptOut]:
        with self.faults.around("unclear_page"):
            listed = sorted(
                ((entry.to_review[0].at_ms, entry.number), entry)
                for entry in self.entries.values()
                if entry.to_review
            )
            return [entry for place, entry in listed if after is None or place > after][:at_most]


def _mark(entry: OptOut | None) -> tuple[int, int] | None:
    """What the table's condition compares."""
    return (entry.revision, entry.said_ms) if entry else None
