"""When a list of texts will have left: by the limits as they are now, as if no others were added to what waits."""

# An outlook and no promise. Each limit is walked by itself, and a text leaves when the last of its limits lets it:
# where one of them is the narrowest all the time, as is common, that is exact to about an interval.

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from longcode.domain import pacific, pacing
from longcode.domain.campaign import MINUTE_MS, CarrierLimits
from longcode.domain.carriers import Carrier
from longcode.domain.message import Message
from longcode.domain.pacing import Pace
from longcode.domain.priority import Priority
from longcode.domain.quiet_hours import QuietHours, leaves_ms
from longcode.domain.status import HeldBy

# So many days of a carrier are tried, as for the texts themselves.
_DAYS_TRIED = 16


@dataclass(frozen=True, slots=True)
class Leaving:
    """A text, its recipient's carrier if that is known, and how many stand before it in its recipient queue."""

    message: Message
    carrier: Carrier | None
    ahead: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What texts leave by, as it is now.

    Nothing leaves before `not_before_ms`, and a text is out of date `validity_ms` after it may leave.
    `sender_free_ms` and `account_free_ms` are when the next slot of each is free, `counted` the segments that each
    carrier's day has by now. `transactional` is the share that bulk leaves to the others, percent.
    """

    pace: Pace
    carriers: CarrierLimits
    transactional: int
    quiet_hours: QuietHours | None
    validity_ms: int = 14 * 86_400_000
    not_before_ms: int = 0
    sender_free_ms: int = 0
    account_free_ms: int = 0
    counted: Mapping[Carrier, int] = field(default_factory=dict)


@dataclass(slots=True)
class Forecast:
    """`finishes_ms` is when the last of the texts leaves, None where there are none.

    `into_tomorrow` is how many of each carrier wait for a day to come as today's count is full, and `quiet` how
    many wait for the end of quiet hours. `expired` are out of date before their turn comes, and are not sent;
    from `valid_until_ms` on the first of all is.
    """

    finishes_ms: int | None = None
    into_tomorrow: Counter[Carrier] = field(default_factory=Counter)
    quiet: int = 0
    expired: int = 0
    valid_until_ms: int | None = None


def forecast(texts: Sequence[Leaving], limits: Limits, now_ms: int) -> Forecast:
    """Say when `texts` leave, the first to be ready first."""
    walk, found = _Walk(limits, now_ms), Forecast()
    for text in sorted(texts, key=lambda text: text.message.place):
        at_ms = walk.next_ms(text)
        at_ms, quiet = walk.out_of_quiet(text, at_ms)
        found.quiet += quiet or text.message.held_by is HeldBy.QUIET_HOURS
        at_ms, full = walk.day_ms(text, at_ms)
        if full:
            found.into_tomorrow[full] += 1
            # A day begins at midnight.
            at_ms, _ = walk.out_of_quiet(text, at_ms)
        until_ms = text.message.valid_until_ms(limits.validity_ms)
        found.valid_until_ms = min(found.valid_until_ms or until_ms, until_ms)
        if at_ms >= until_ms:
            found.expired += 1
            continue
        found.finishes_ms = max(found.finishes_ms or 0, at_ms)
    return found


class _Walk:
    """Where each limit stands after the texts that were looked at."""

    def __init__(self, limits: Limits, now_ms: int) -> None:
        self._limits = limits
        self._now_ms = now_ms
        self._free: dict[str, float] = {"sender": limits.sender_free_ms, "account": limits.account_free_ms}
        self._counted: Counter[tuple[Carrier, str]] = Counter()
        today = pacific.open_day(now_ms).name if limits.carriers.per_day else ""
        for carrier, segments in limits.counted.items():
            self._counted[carrier, today] = segments

    def next_ms(self, text: Leaving) -> int:
        """When all limits but a carrier's day let the text leave, which takes its slots of them."""
        ready = max(text.message.ready_ms, self._now_ms, self._limits.not_before_ms)
        spacing = pacing.spacing(self._limits.pace.recipient_ms)
        key = f"to {text.message.recipient} {text.message.priority}"
        self._free.setdefault(key, ready + text.ahead * spacing)
        moments = [self._take(key, ready, spacing)]
        moments += [self._take(name, ready, length) for name, length in self._lengths(text).items()]
        return round(max(moments))

    def out_of_quiet(self, text: Leaving, at_ms: int) -> tuple[int, bool]:
        """When it leaves that would leave then, and whether it waits for the end of quiet hours before."""
        opens_ms = leaves_ms(text.message, at_ms, self._limits.quiet_hours)
        return (self._again(text, opens_ms), True) if opens_ms > at_ms else (at_ms, False)

    def day_ms(self, text: Leaving, at_ms: int) -> tuple[int, Carrier | None]:
        """The same for the count of its carrier's day, and which carrier's is full."""
        capped = next(iter(self._limits.carriers.capped(text.carrier)), None)
        if capped is None:
            return at_ms, None
        at_most = self._limits.carriers.per_day[capped]
        if text.message.priority is Priority.BULK:
            at_most = at_most * (100 - self._limits.transactional) // 100
        day, weight = pacific.open_day(at_ms), text.message.segments
        first = day.name
        for _ in range(_DAYS_TRIED):
            if self._counted[capped, day.name] + weight <= at_most:
                break
            day = pacific.open_day(day.ends_ms)
        self._counted[capped, day.name] += weight
        if day.name == first:
            return at_ms, None
        return self._again(text, day.begins_ms), capped

    def _again(self, text: Leaving, begins_ms: int) -> int:
        """When it leaves of those that wait for one moment, by the narrowest of its shared limits."""
        return round(self._take(f"at {begins_ms}", begins_ms, max(self._lengths(text).values(), default=0)))

    def _take(self, name: str, ready_ms: float, length: float) -> float:
        at_ms = max(self._free.get(name, 0), ready_ms)
        self._free[name] = at_ms + length
        return at_ms

    def _lengths(self, text: Leaving) -> dict[str, float]:
        """What the text takes of each shared limit, milliseconds. Of what bulk may use there is less."""
        pace, weight = self._limits.pace, float(text.message.segments)
        if text.message.priority is Priority.BULK:
            weight *= 100 / (100 - self._limits.transactional)
        lengths = {"sender": weight * pace.sender_ms, "account": weight * pace.account_ms}
        for carrier in self._limits.carriers.rated(text.carrier):
            lengths[carrier.value] = weight * MINUTE_MS / self._limits.carriers.per_minute[carrier]
        return {name: length for name, length in lengths.items() if length}
