"""The indexes that messages are found by, in memory."""

from longcode.domain.search import Found, Position, Search, TagEnds
from tests.support.fakes.fault_injector import FaultInjector
from tests.support.fakes.messages import FakeMessages


class FakeFinder:
    """ports.Finder over FakeMessages. The contract tests hold it to what the real indexes do."""

    def __init__(self, messages: FakeMessages) -> None:
        self.faults = FaultInjector("find", "ends")
        self._messages = messages

    def find(self, wanted: Search, after: Position | None, at_most: int, now_ms: int) -> Found:
        with self.faults.around("find"):
            fitting = sorted(
                (
                    Position(message.accepted_ms, message.id)
                    for message in self._messages.all
                    if wanted.fits(message)
                ),
                reverse=True,
            )
            left = [position for position in fitting if after is None or position < after]
            page = left[:at_most]
            return Found([position.id for position in page], page[-1] if len(left) > at_most else None)

    def ends(self, tag: str) -> TagEnds | None:
        with self.faults.around("ends"):
            found = sorted(
                Position(message.accepted_ms, message.id)
                for message in self._messages.all
                if Search(tag=tag, test=None).fits(message)
            )
            if not found:
                return None
            ids = tuple(position.id for position in reversed(found[-8:]))
            return TagEnds(found[0].accepted_ms, found[-1].accepted_ms, ids)
