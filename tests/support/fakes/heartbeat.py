"""The publisher's heartbeat in memory."""

from tests.support.fakes.fault_injector import FaultInjector


class FakeHeartbeat:
    """publish_ports.Heartbeat in memory. The contract tests hold it to what the real table does."""

    def __init__(self) -> None:
        self.faults = FaultInjector("beat", "hear", "heard_ms")
        # What the publisher's stream has of it.
        self.beats: list[int] = []
        self._heard: int | None = None

    def beat(self, now_ms: int) -> int:
        with self.faults.around("beat"):
            self.beats.append(now_ms)
            return self.beats[0]

    def hear(self, at_ms: int) -> None:
        with self.faults.around("hear"):
            self._heard = at_ms

    def heard_ms(self) -> int | None:
        with self.faults.around("heard_ms"):
            return self._heard
