"""The event bus in memory."""

from collections.abc import Sequence

from longcode.domain.errors import Unavailable
from longcode.domain.events import Event, PublishResult
from tests.support.fakes.fault_injector import FaultInjector


class FakeEventBus:
    """publish_ports.EventBus that remembers. The contract tests hold it to what the real bus does.

    `refuse` holds the notices (by what they are about) that are refused; `faults` lets all fail at once.
    """

    def __init__(self) -> None:
        self.faults = FaultInjector("publish")
        self.heard: list[Event] = []
        self.refuse: set[str] = set()

    def publish(self, events: Sequence[Event]) -> PublishResult:
        for number, event in enumerate(events):
            try:
                with self.faults.around("publish"):
                    if event.about in self.refuse:
                        return PublishResult(number, "ThrottlingException")
                    self.heard.append(event)
            except Unavailable:
                return PublishResult(number, "Unavailable")
        return PublishResult(len(events))

    def about(self, about: str) -> list[Event]:
        """The events about one message or number."""
        return [event for event in self.heard if event.about == about]
