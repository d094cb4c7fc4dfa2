"""How all senders slow down together when the provider answers 429: a shared limit that grows back by itself."""

# While a brake is on, each text takes a turn: a number, one behind the other, from one counter of the sender. The
# brake tells how many turns have passed at any moment, from its last change on and without another write; a text
# leaves when its own has. A 429 changes how fast turns pass from then on. It renumbers nothing, so a text that
# waits keeps its place and only the moment moves. Slots with a date could not do that: a hundred texts that wait
# would keep leaving at the rate that was just refused, or, after a slow start, at the slow one.
#
# Times are epoch milliseconds, durations milliseconds, rates texts in 1,000 seconds, turns millionths of a text
# (one unit of rate in one millisecond). All are whole numbers. Everything here is a function of `now`. See
# docs/decisions/0017-a-429-is-a-shared-brake.md for what was measured.

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# What one text takes of the turns.
TEXT = 1_000_000

# The first rate after the first 429, when nothing is known: 4 a second, doubled each second until the next 429.
# A low start costs few refused texts, and 50 a second is reached in four seconds.
START_RATE = 4_000
_START_DOUBLES_MS = 1_000
# No text leaves for so long after the first 429: a provider that counts by the second has begun to count anew.
FIRST_PAUSE_MS = 1_000
# The refusal that ends that start came late, at up to twice the limit. The rate goes to half of it, and two
# thirds count as the rate that was refused.
_START_CUT, _START_KNOWN = (1, 2), (2, 3)
# Any later refusal: 15 % less. Less than that would be refused again at once, more would waste the limit.
_CUT = (85, 100)
# The way back to the rate that was refused takes as long as 12 texts take at it, within these two. Shorter, a
# limit of one a second would be tried at each second text; longer, a limit that has gone would hold for minutes.
_BACK_TEXTS = 12
_BACK_LEAST_MS, _BACK_MOST_MS = 3_000, 12_000
# Beyond that rate there may be no limit any more: it doubles in each of these, so that after a limit of one a
# second a hundred a second leave within a minute.
_DOUBLES_MS = 5_000
# One in ten seconds: enough to find out, and never nothing.
SLOWEST_RATE = 100
# From here on a brake delays no text any more, and is over.
LAPSE_RATE = 400_000
# A text that left less than this after the last change may have left by what was known before it: a look is up
# to 60 ms old, and the clocks of two machines differ by some tens of milliseconds.
NEWS_MS = 100
# What was not used in the last moment may be made up for: between two batches no turn is taken.
CATCH_UP_MS = 300
# A wait that the provider asks for is for all texts from here on. Below, it is for the refused text alone: each
# 429 of a shared limit says "1 second", and a second of all senders' time for each would halve the limit.
LONG_WAIT_MS = 5_000
# After so long a text tries, whatever the header said.
MOST_WAIT_MS = 600_000
# A refused text waits for at least this long, also where no wait was asked for.
LEAST_WAIT_MS = 1_000


@dataclass(frozen=True, slots=True)
class Brake:
    """A shared limit after a 429, as it was at its last change.

    `since_ms`: no turn passes before, and the rate grows from then on. It rises with each change, so it is also
    what a conditional write compares. `rate`: the rate at that moment. `known`: the last rate that was refused,
    0 as long as none was. `passed`: the turns that had passed by then.
    """

    since_ms: int
    rate: int
    known: int
    passed: int


# The rate over time, in straight lines: pairs of milliseconds since the last change and the rate then.
Ramp = Sequence[tuple[int, int]]


def ramp(brake: Brake) -> Ramp:
    """How the rate of `brake` grows from `since_ms` on, until it limits no text any more."""
    at_ms, rate, doubles_ms = 0, brake.rate, _START_DOUBLES_MS
    knots = [(at_ms, rate)]
    if brake.known:
        at_ms = min(max(_BACK_TEXTS * TEXT // brake.known, _BACK_LEAST_MS), _BACK_MOST_MS)
        rate, doubles_ms = brake.known, _DOUBLES_MS
        knots.append((at_ms, rate))
    while rate < LAPSE_RATE:
        at_ms, rate = at_ms + doubles_ms, rate * 2
        knots.append((at_ms, rate))
    return knots


def height(knots: Ramp, at_ms: int) -> int:
    """The rate at `at_ms` after a ramp's beginning."""
    if at_ms <= 0:
        return knots[0][1]
    for (start, low), (end, high) in pairwise(knots):
        if at_ms < end:
            return low + (high - low) * (at_ms - start) // (end - start)
    return knots[-1][1]


def area(knots: Ramp, at_ms: int) -> int:
    """The turns that pass in the first `at_ms` of a ramp; none before it or after its end."""
    total = 0
    for (start, low), (end, high) in pairwise(knots):
        if at_ms < end:
            # Not by the height, whose fraction would be lost as often as there are milliseconds.
            inside = max(0, at_ms - start)
            return total + low * inside + (high - low) * inside**2 // (2 * (end - start))
        total += (low + high) * (end - start) // 2
    return total


def lapses_ms(brake: Brake) -> int:
    """The moment at which `brake` is over if no other 429 comes: 70 s after the last change at the most,
    or after the end of the wait that the provider asked for.
    """
    return brake.since_ms + ramp(brake)[-1][0]


def lapsed(brake: Brake, now: int) -> bool:
    """Whether `brake` limits no text any more."""
    return now >= lapses_ms(brake)


def rate_at(brake: Brake, now: int) -> int:
    """Texts in 1,000 seconds that `brake` lets through at `now`."""
    return height(ramp(brake), now - brake.since_ms)


def interval_ms(brake: Brake, now: int, own_ms: int = 0) -> int:
    """How far apart texts leave at `now`; never less than `own_ms`, the interval of the settings.

    For people and metrics. When a text may leave is `due_ms`, which also counts what the rate will be by then.
    """
    return own_ms if lapsed(brake, now) else max(own_ms, -(-TEXT // rate_at(brake, now)))


def passed(brake: Brake, now: int) -> int:
    """The turns that have passed at `now`."""
    return brake.passed + area(ramp(brake), now - brake.since_ms)


def front(brake: Brake, now: int) -> int:
    """The first turn that can still be taken at `now`, if no later one has been taken.

    It takes the part of `now` in `pacing.reserve`, TEXT that of the interval, the counter of the turns that of
    the TAT.
    """
    return passed(brake, now - CATCH_UP_MS)


def due_ms(brake: Brake, turn: int) -> int:
    """The moment at which who has `turn` may leave if no other 429 comes; the brake's end at the latest.

    It may lie in the past. After a 429 it is later, so it is asked again after each look.
    """
    knots = ramp(brake)
    end_ms = knots[-1][0]
    return brake.since_ms + bisect_left(range(end_ms), turn - brake.passed, key=lambda at_ms: area(knots, at_ms))


def own_wait_ms(asked_ms: int | None) -> int:
    """How long a refused text waits before it takes a turn again; `asked_ms` is what the provider asked for."""
    return max(asked_ms or 0, LEAST_WAIT_MS)


def refused(
    brake: Brake | None, now: int, asked_ms: int | None, *, left_ms: int, taken: int = 0, own_ms: int = 0
) -> Brake:
    """The brake after a 429 that says something about all recipients; `brake` itself if it says nothing new.

    `left_ms` is when the refused text left: what left before the last change had its effect knows nothing of
    it, so of a hundred 429s of one moment the first counts. `taken` is the counter of the turns, `own_ms` the
    interval of the settings: a brake that is wider open than they are would have to be hit many times to be felt.
    """
    wait = min(asked_ms or 0, MOST_WAIT_MS)
    pause = wait if wait >= LONG_WAIT_MS else 0
    most = TEXT // own_ms if own_ms else LAPSE_RATE
    if brake is None or lapsed(brake, now):
        # Turns that were taken and not used, because the last brake ended first, delay no text.
        passed_by = max(taken, passed(brake, now) if brake else 0)
        return Brake(now + max(pause, FIRST_PAUSE_MS), _bounded(START_RATE, most), 0, passed_by)
    if left_ms < brake.since_ms + NEWS_MS:
        if not pause or now + pause <= brake.since_ms:
            return brake
        # Not news of the rate, but of how long to wait.
        rate = rate_at(brake, now)
        return Brake(now + pause, min(rate, brake.known or rate), brake.known, passed(brake, now))
    rate = _bounded(rate_at(brake, left_ms), most)
    cut, known = (_CUT, (1, 1)) if brake.known else (_START_CUT, _START_KNOWN)
    return Brake(
        max(now, left_ms) + pause,
        _bounded(rate * cut[0] // cut[1], most),
        _bounded(rate * known[0] // known[1], most),
        passed(brake, now),
    )


def _bounded(rate: int, most: int) -> int:
    return max(SLOWEST_RATE, min(rate, most))
