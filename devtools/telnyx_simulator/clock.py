"""The provider's clock, which the control API can set forward, so that a test needs not wait for a day's end."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime


class Clock:
    """Time in seconds: `wall` since 1970, `monotonic` never goes back. `offset_s` is how far `wall` is ahead."""

    def __init__(self) -> None:
        self.offset_s = 0.0
        self._moved = asyncio.Event()

    def wall(self) -> float:
        """What the provider takes for now."""
        return time.time() + self.offset_s

    def real(self) -> float:
        """Now, whatever the clock is set to: a receiver compares a signature's timestamp with its own clock."""
        return time.time()

    def monotonic(self) -> float:
        """For durations."""
        return time.monotonic()

    def move(self, offset_s: float) -> None:
        """Set the clock, and wake what waits for a moment that has come by that."""
        self.offset_s = offset_s
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def until(self, wall_s: float) -> None:
        """Wait until `wall` is `wall_s`, which comes sooner when the clock is set forward."""
        while (left_s := wall_s - self.wall()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left_s)


def iso(wall_s: float) -> str:
    """ISO 8601 in UTC with milliseconds, as the provider writes it."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")
