"""Receivers that do not answer in time: they are left alone for a while, so that they hold up no others."""

# Each call that runs into its timeout takes a worker for ten seconds. A receiver that hangs, with a thousand
# events that wait for it, would take all of them from the others for hours.

from dataclasses import dataclass, field

# A failure that took so long counts, whatever the words for it are.
SLOW_MS = 5_000
# After so many in a row no call is made for PAUSE_MS; then one, by which the receiver is judged again.
MOST_IN_A_ROW = 3
PAUSE_MS = 60_000
# How long an event waits that was not tried: a part of its age, so that it comes a few times in a day and soon
# after a short outage.
_PART_OF_AGE = 4
_LEAST_MS, _MOST_MS = 30_000, 1_800_000


@dataclass(slots=True)
class _Receiver:
    in_a_row: int = 0
    closed_until_ms: int = 0


@dataclass(slots=True)
class SlowReceivers:
    """What this worker has seen of each subscription, in memory. Threads share it: one call more does no harm."""

    _seen: dict[str, _Receiver] = field(default_factory=dict)

    def may_call(self, subscription_id: str, now_ms: int) -> bool:
        """Whether to call it now. Where it hung, one of those who ask after a pause may."""
        seen = self._seen.get(subscription_id)
        if seen is None or seen.in_a_row < MOST_IN_A_ROW:
            return True
        if now_ms < seen.closed_until_ms:
            return False
        seen.closed_until_ms = now_ms + PAUSE_MS
        return True

    def note(self, subscription_id: str, *, failed: bool, duration_ms: int, now_ms: int) -> None:
        """What a call has come to, at its end."""
        if not failed or duration_ms < SLOW_MS:
            self._seen.pop(subscription_id, None)
            return
        seen = self._seen.setdefault(subscription_id, _Receiver())
        seen.in_a_row += 1
        seen.closed_until_ms = max(seen.closed_until_ms, now_ms + PAUSE_MS)


def wait_ms(age_ms: int) -> int:
    """How long an event of this age waits that was not tried."""
    return min(max(age_ms // _PART_OF_AGE, _LEAST_MS), _MOST_MS)
