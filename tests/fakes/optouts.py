"""The opt-out ledger in memory."""

from longcode.ports import OptOut, OptOutChange
from tests.fakes.tripwire import Tripwire


class FakeOptOuts:
    """ports.OptOuts in memory. The contract tests hold it to what the real table does."""

    def __init__(self) -> None:
        self.trip = Tripwire()
        self.entries: dict[str, OptOut] = {}
        # When each was last said, also if that changed nothing.
        self._said_ms: dict[str, int] = {}

    def get(self, number: str) -> OptOut | None:
        with self.trip.around("get"):
            return self.entries.get(number)

    def put(self, number: str, change: OptOutChange) -> bool:
        with self.trip.around("put"):
            there = self.entries.get(number)
            if there and self._said_ms[number] >= change.at_ms:
                return False
            self._said_ms[number] = change.at_ms
            if there and there.opted_out is change.opted_out:
                return False
            changes = (*(there.changes if there else ()), change)
            self.entries[number] = OptOut(number, change.opted_out, changes)
            return True

    def page(self, after: tuple[int, str] | None, at_most: int) -> list[OptOut]:
        with self.trip.around("page"):
            listed = sorted(
                ((entry.changes[-1].at_ms, entry.number), entry)
                for entry in self.entries.values()
                if entry.opted_out
            )
            return [entry for place, entry in listed if after is None or place > after][:at_most]
