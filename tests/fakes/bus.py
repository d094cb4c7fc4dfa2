"""The event bus in memory."""

from collections.abc import Sequence

from longcode.errors import Unavailable
from longcode.ports import Notice, Told
from tests.fakes.tripwire import Tripwire


class FakeBus:
    """ports.Bus that remembers. The contract tests hold it to what the real bus does.

    `refuse` holds the notices (by what they are about) that are refused; `trip` lets all fail at once.
    """

    def __init__(self) -> None:
        self.trip = Tripwire()
        self.heard: list[Notice] = []
        self.refuse: set[str] = set()

    def tell(self, notices: Sequence[Notice]) -> Told:
        for number, notice in enumerate(notices):
            try:
                with self.trip.around("tell"):
                    if notice.about in self.refuse:
                        return Told(number, "ThrottlingException")
                    self.heard.append(notice)
            except Unavailable:
                return Told(number, "Unavailable")
        return Told(len(notices))

    def about(self, about: str) -> list[Notice]:
        """What was told about one message or number."""
        return [notice for notice in self.heard if notice.about == about]
