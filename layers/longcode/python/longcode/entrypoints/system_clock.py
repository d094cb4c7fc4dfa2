"""The time as the machine has it."""

import time


class SystemClock:
    """ports.Clock by the machine's own clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def sleep_until(self, at_ms: int) -> None:
        time.sleep(max(0.0, at_ms / 1000 - time.time()))
