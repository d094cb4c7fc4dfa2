"""When a text may leave: slots, and what is learnt from how late one left."""

# Times are epoch milliseconds.
#
# A limiter is one number, its theoretical arrival time (TAT): the moment from which the next slot is free (the
# generic cell rate algorithm, ITU-T I.371, with no burst). Everything here is a function of `now`.

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from longcode.domain import test_mode

if TYPE_CHECKING:
    from longcode.domain.recipient_limits import RecipientLimit

# Slots of one recipient lie this much further apart than the interval asks, so that the jitter of a
# working machine does not bring two texts closer than the interval at the provider.
GUARD_MS = 20
# What of it is kept between the arrival of one text and the next one's departure: clocks and sockets are
# not exact to the millisecond.
_ROUNDING_MS = 5
# After so many answers the fastest of them is taken for the fastest that there is.
_TRUSTED_ANSWERS = 20
# A wait up to this long happens inside the invocation; a longer one goes back to the queue. Ten texts to one
# recipient at one a second, the most that a batch can hold, fit into it. No other recipient waits for
# it: each one's messages are deleted or hidden as soon as its part of the batch is done.
SHORT_WAIT_MS = 12_000
# A reserved slot that has passed by more than this is reserved again: after an outage a burst of
# late texts would break a shared limit.
STALE_SLOT_MS = 5_000

DAY_MS = 86_400_000

ACCOUNT_KEY = "account"


def recipient_key(number: str) -> str:
    """The name of one recipient's limiter."""
    return f"to#{number}"


def sender_key(number: str) -> str:
    """The name of one sender's limiter."""
    return f"from#{number}"


def account_key(sender: str) -> str:
    """The name of the account's limiter, for the texts of one sender: test texts have one of their own."""
    return test_mode.marked(ACCOUNT_KEY) if test_mode.is_marked(sender) else ACCOUNT_KEY


def carrier_key(sender: str, carrier: str) -> str:
    """The name of the limiter of what one sender may send to one carrier in a minute."""
    return f"carrier#{carrier}#{sender}"


def bulk_key(key: str) -> str:
    """The name of the limiter by which bulk texts get their turn at the limit `key`."""
    return f"bulk#{key}"


def bulk_interval(interval_ms: int, reserved: int) -> int:
    """The time between two bulk texts at a limit of which `reserved` percent are left to the others."""
    return math.ceil(interval_ms * 100 / (100 - reserved))


def interval_ms(per_second: Decimal) -> int:
    """The milliseconds between two of so many a second, rounded up; 0, no limit, for 0."""
    return math.ceil(1000 / per_second) if per_second else 0


def spacing(interval_ms: int) -> int:
    """How far apart slots must lie to keep `interval_ms` at the provider; 0 where there is no limit."""
    return interval_ms + GUARD_MS if interval_ms else 0


@dataclass(frozen=True, slots=True)
class Pace:
    """The settings of the limits, in milliseconds; 0 is no limit.

    `recipient_ms` is between two texts, the others, which recipients share, between two segments: the networks
    count those. `recipient_limits` are how many texts to one recipient leave in longer periods.
    """

    recipient_ms: int
    sender_ms: int = 0
    account_ms: int = 0
    recipient_limits: "tuple[RecipientLimit, ...]" = ()

    @property
    def shared(self) -> bool:
        """Whether there is a limit that recipients share."""
        return bool(self.sender_ms or self.account_ms)


@dataclass(frozen=True, slots=True)
class Reservation:
    """`first_ms` is the first of the slots, `tat_ms` the moment from which the next one is free."""

    first_ms: int
    tat_ms: int


def reserve(tat_ms: int | None, now_ms: int, weight: int, interval_ms: int) -> Reservation:
    """Reserve `weight` slots that lie `interval_ms` apart, from `now_ms` on."""
    first = now_ms if tat_ms is None else max(tat_ms, now_ms)
    return Reservation(first, first + weight * interval_ms)


def spaced(first_ms: int, spacing_ms: int, floors_ms: Sequence[int]) -> list[int]:
    """Slots of texts that follow each other, each at least `spacing_ms` after the one before.

    `floors_ms` has one moment a text before which it may not leave: its slot in a shared limit.
    """
    slots: list[int] = []
    free = first_ms
    for floor in floors_ms:
        slots.append(max(free, floor))
        free = slots[-1] + spacing_ms
    return slots


def next_departure(arrival_ms: int, interval_ms: int) -> int:
    """The moment from which the next text may leave for a recipient, after one that may have arrived so late."""
    return arrival_ms + interval_ms + _ROUNDING_MS if interval_ms else 0


def latest_arrival(left_ms: int, answered_ms: int, fastest_ms: int | None) -> int:
    """The latest moment at which the provider can have seen a text, for the distance to the next one.

    An answer that took longer than the fastest one known may have been slow on the way there, so the
    excess counts as if it were. Before any answer is known (`fastest_ms` None) all of it counts.
    """
    return max(left_ms, answered_ms - (fastest_ms or 0))


class Latency:
    """The fastest answer of the provider that this process has seen, milliseconds."""

    def __init__(self) -> None:
        self.fastest_ms: int | None = None
        self._answers = 0

    def arrival_ms(self, left_ms: int, answered_ms: int, *, answered: bool = True) -> int:
        """`latest_arrival` of one request, which is learnt from too if it was `answered`.

        A refused connection is faster than any answer, and one that timed out slower than most.
        """
        fastest = self.fastest_ms
        if fastest is not None and self._answers < _TRUSTED_ANSWERS:
            # The fastest of a few is slower than the fastest there is, and would pass a late text as punctual.
            fastest = fastest * 3 // 4
        arrival = latest_arrival(left_ms, answered_ms, fastest)
        if not answered:
            return arrival
        self._answers += 1
        took = answered_ms - left_ms
        self.fastest_ms = took if self.fastest_ms is None else min(self.fastest_ms, took)
        return arrival


def visibility_s(until_ms: int, now_ms: int) -> int:
    """Whole seconds to hide a message that may leave at `until_ms`: rounded down, the rest is waited
    for in the invocation. SQS takes at most 43,200, counted from the receive, which was a while ago.
    """
    return min(max(0, (until_ms - now_ms) // 1000), 43_200 - 120)


def backoff_ms(attempt: int, jitter: float) -> int:
    """Wait after the `attempt`-th try in a row (from 1) that did not take a text: 5 s, 30 s, 2 min, then 10 min,
    with up to a quarter more for `jitter` in 0..1.
    """
    base = (5_000, 30_000, 120_000, 600_000)[min(attempt, 4) - 1]
    return base + int(base * jitter / 4)


def breaker_ms(since_ms: int, now_ms: int) -> int:
    """For how long a breaker that has been open since `since_ms` opens again: a twentieth of that time.

    15 s at least, so that the end of a fault is soon found out; 10 minutes at most.
    """
    return min(max((now_ms - since_ms) // 20, 15_000), 600_000)


# A person's answer takes longer than an operator's.
_REVIEW_MS = 60_000


def review_ms(since_ms: int, now_ms: int) -> int:
    """The same of a text whose recipient sent at `since_ms` what a person has to read: at first a minute."""
    return max(recheck_ms(since_ms, now_ms), _REVIEW_MS)


def recheck_ms(since_ms: int, now_ms: int) -> int:
    """How long a text waits before it looks again whether a pause that began at `since_ms` still holds.

    5 s in the first 25 minutes, 30 s in the first three hours, 10 minutes on the first day, then an hour: a
    pause that ends soon ends within seconds, and one that lasts costs little.
    """
    lasted_ms = now_ms - since_ms
    if lasted_ms < 25 * 60_000:
        return 5_000
    if lasted_ms < 180 * 60_000:
        return 30_000
    return 600_000 if lasted_ms < DAY_MS else 3_600_000


def next_utc_midnight_ms(now_ms: int) -> int:
    """The coming 00:00 UTC: when Telnyx lifts a daily spend limit (error 40333)."""
    return (now_ms // DAY_MS + 1) * DAY_MS


def seconds_up(duration_ms: int) -> int:
    """Milliseconds as whole seconds for a Retry-After header: rounded up, at least 1."""
    return max(1, math.ceil(duration_ms / 1000))
