"""What one text that a carrier refused, or that waits long at the provider, says of the carrier's other texts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longcode.domain.carriers import Carrier, CarrierStop
from longcode.domain.status import HeldBy

if TYPE_CHECKING:
    from longcode.domain.outcomes import Brakes

_MINUTE_MS = 60_000
# A rate a minute is free again after one. Whose next texts are refused as well may send less than we know of: each
# stop that follows within a quarter of an hour is twice as long, up to that.
_LONGEST_MS = 15 * _MINUTE_MS
_IN_A_ROW_MS = 15 * _MINUTE_MS
# A text that expired in the provider's queue says that those behind it wait too long as well.
_QUEUE_MS = 10 * _MINUTE_MS

# How long the provider keeps a text in its queue where it does not say (an hour in its samples), and at most.
_VALID_MS = 60 * _MINUTE_MS
_VALID_MOST_MS = 4 * 60 * _MINUTE_MS


@dataclass(frozen=True, slots=True)
class CarrierRefusal:
    """A text that was refused for how much its carrier takes of us, or that expired in the provider's queue.

    `left_ms` is when it left here at the earliest, `at_ms` when it was refused and `heard_ms` when that became
    known here (epoch milliseconds).
    """

    carrier: Carrier
    brakes: "Brakes"
    left_ms: int
    at_ms: int
    heard_ms: int

    def stop(self, before: CarrierStop | None) -> CarrierStop | None:
        """The stop that follows; `before` is the carrier's last one, over or not.

        None where it would be over already, or would end no later than that one.
        """
        times = 1
        if self.brakes == "day":
            until_ms, held_by = _day_end_ms(self.left_ms), HeldBy.CARRIER_DAY_CAP
        elif self.brakes == "queue":
            until_ms, held_by = self.at_ms + _QUEUE_MS, HeldBy.PROVIDER_BACKOFF
        else:
            if before and self.left_ms < before.until_ms:
                # Nothing leaves in a stop, so it left before that one: this is the fault that it is for.
                return None
            if before and before.held_by is HeldBy.CARRIER_RATE and self.left_ms < before.until_ms + _IN_A_ROW_MS:
                times = before.times + 1
            length_ms = min(_MINUTE_MS << min(times - 1, 10), _LONGEST_MS)
            until_ms, held_by = self.at_ms + length_ms, HeldBy.CARRIER_RATE
        if until_ms <= max(self.heard_ms, before.until_ms if before else 0):
            return None
        return CarrierStop(self.carrier, until_ms, held_by, times)


def _day_end_ms(left_ms: int) -> int:
    """When a carrier's day is over that a text was refused in, with a margin for clocks on both sides.

    It is the day in which the text left: one that is refused a moment after midnight says nothing of the new day,
    and a day too long would make texts expire.
    """
    # Here and not above: the webhook has two seconds from its start, and otherwise no use for time zones.
    from longcode.domain import pacific

    return pacific.next_day_ms(left_ms - pacific.BEGINS_MS) + pacific.BEGINS_MS


def drained_ms(queue_ms: int, valid_until_ms: int | None, now_ms: int) -> int | None:
    """When the provider's own queue is short enough to be submitted to again; None while it is short enough.

    `queue_ms` is how long a text waits there that was submitted now, and `valid_until_ms` when it is given up.
    It is too long from half of that time on: the wait is an estimate, and what was submitted since, by up to as
    many invocations as there are, is not in it yet. It is short enough again at a quarter, so that submitting is
    not stopped and begun by each text. A queue that nothing is added to is shorter by the time that passes.
    """
    left_ms = (valid_until_ms or 0) - now_ms
    valid_ms = left_ms if left_ms > 0 else _VALID_MS
    wait_ms = min(queue_ms, _VALID_MOST_MS)
    return now_ms + wait_ms - valid_ms // 4 if wait_ms >= valid_ms / 2 else None
