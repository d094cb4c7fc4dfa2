"""Time as an argument, so that a test can move it by a day."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """`wall`: seconds since 1970. `monotonic`: seconds that never go back."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


def iso(wall_s: float) -> str:
    """ISO 8601 in UTC with milliseconds, as the provider writes it."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")
