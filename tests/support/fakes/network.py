"""A provider in memory whose texts go to US carriers, with their limits as the simulated Telnyx counts them."""

from collections import Counter
from typing import Any

from devtools.telnyx_simulator import carriers as simulated
from devtools.telnyx_simulator.networks import Networks
from devtools.telnyx_simulator.registration import Registration
from devtools.telnyx_simulator.usage import Usage
from longcode.domain.message import Message
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.provider import Behaviour, FakeProvider, Text


class NetworkProvider(FakeProvider):
    """A FakeProvider whose carriers take so many segments a minute and a day.

    `limits`, `registration` and `carriers` are as the simulator's control API takes them. What is over a limit is
    in `refused`, by the carrier's code. A text has as many parts as the message has segments.
    """

    def __init__(self, clock: FakeClock, sender: str, **initial: Any) -> None:
        super().__init__(clock, sender=sender)
        self.usage = Usage()
        self.refused: Counter[str] = Counter()
        registration = Registration((sender,), lambda _campaign, _event: None)
        self.network = simulated.Carriers(registration, lambda: self.usage, self._count)
        self.network.start({"limits": {"enforce": True}, **initial})

    @property
    def networks(self) -> Networks:
        """Who is on which network."""
        return self.network.networks

    def _count(self, counted: Any) -> None:
        self.usage.add(counted)
        if counted.code:
            self.refused[counted.code] += 1

    def _network(self, number: str) -> dict[str, str]:
        return {} if self.silent else self.networks.of(number).public()

    def _take(self, message: Message, body: bytes, behaviour: Behaviour, arrived: int) -> Text:
        self.network.admit(message.sender, message.recipient, message.segments, arrived / 1000)
        return super()._take(message, body, behaviour, arrived)
