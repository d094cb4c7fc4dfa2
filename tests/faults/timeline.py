"""A clock under which the rest of the world goes on while somebody waits: receipts come, the sweeper runs."""

import heapq
import itertools
from collections.abc import Callable

from tests.fakes import FakeClock
from tests.fakes.clock import START_MS

Action = Callable[[], None]


class Timeline(FakeClock):
    """Virtual time with an agenda. What is due happens at its moment, in the midst of whatever takes that time."""

    def __init__(self, now_ms: int = START_MS) -> None:
        super().__init__(now_ms)
        self._agenda: list[tuple[int, int, Action]] = []
        self._numbers = itertools.count()
        # A further thing to do that is known only when it is asked for; None where there is none.
        self.standing: Callable[[], tuple[int, Action] | None] = lambda: None

    def at(self, at_ms: int, action: Action) -> None:
        """Let something happen then."""
        heapq.heappush(self._agenda, (at_ms, next(self._numbers), action))

    def next_ms(self) -> int | None:
        """When something happens next."""
        standing = self.standing()
        moments = [self._agenda[0][0]] if self._agenda else []
        return min(moments + ([standing[0]] if standing else []), default=None)

    def sleep_until(self, at_ms: int) -> None:
        while True:
            standing = self.standing()
            first = self._agenda[0] if self._agenda else None
            if standing and (first is None or standing[0] < first[0]):
                moment, action = standing
                if moment > at_ms:
                    break
            elif first and first[0] <= at_ms:
                moment, _, action = heapq.heappop(self._agenda)
            else:
                break
            self.now = moment = max(self.now, moment)
            action()
            # Whoever waits here was not kept by it: it took its own time somewhere else.
            self.now = moment
        self.now = max(self.now, at_ms)

    def pass_ms(self, duration_ms: int) -> None:
        self.sleep_until(self.now + duration_ms)
