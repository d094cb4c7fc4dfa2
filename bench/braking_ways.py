"""Providers that count in three ways, and five ways to slow down for them."""

from bisect import bisect_left
from typing import Protocol

from longcode.domain import braking, pacing
from longcode.domain.braking import TEXT, Brake


class Windows:
    """So many in each second of its own clock."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._second, self._taken = -1, 0

    def takes(self, now: int) -> bool:
        second = (now + 370) // 1000
        if second != self._second:
            self._second, self._taken = second, 0
        self._taken += 1
        return self._taken <= self.limit


class Bucket:
    """So many a second, and at most `burst` of them at once."""

    def __init__(self, limit: int, burst: int) -> None:
        self.limit, self._burst = limit, burst * 1000
        self._tokens, self._at = self._burst, 0

    def takes(self, now: int) -> bool:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self.limit)
        self._at = now
        if self._tokens < 1000:
            return False
        self._tokens -= 1000
        return True


class Provider(Protocol):
    """Takes a text or answers 429."""

    def takes(self, now: int) -> bool: ...


SHAPES = ("windows", "bucket", "burst 1")


def provider(shape: str, limit: int) -> Provider:
    """A provider that takes `limit` texts a second, counted as `shape` says."""
    return Windows(limit) if shape == "windows" else Bucket(limit, limit if shape == "bucket" else 1)


# --------------------------------------------------------------------------------- the ways to slow down


class Way(Protocol):
    """One way to slow down: what a 429 makes of the shared state, and when a text may leave by it."""

    name: str

    def refused(self, brake: Brake | None, now: int, asked: int | None, left: int, taken: int, /) -> Brake: ...
    def lapsed(self, brake: Brake, now: int, /) -> bool: ...
    def reserve(self, brake: Brake, taken: int, now: int, /) -> tuple[int, int]: ...
    def due(self, brake: Brake, turn: int, /) -> int: ...


class Ours:
    """What ships."""

    name = "plateau"

    def refused(self, brake: Brake | None, now: int, asked: int | None, left: int, taken: int, /) -> Brake:
        return braking.refused(brake, now, asked, left_ms=left, taken=taken)

    def lapsed(self, brake: Brake, now: int, /) -> bool:
        return braking.lapsed(brake, now)

    def reserve(self, brake: Brake, taken: int, now: int, /) -> tuple[int, int]:
        slot = pacing.reserve(taken, braking.front(brake, now), 1, TEXT)
        return slot.first_ms, slot.tat_ms

    def due(self, brake: Brake, turn: int, /) -> int:
        return braking.due_ms(brake, turn)


class PushAll(Ours):
    """No text leaves before the moment that the last 429 asked for, and then all do."""

    name = "push all"

    def refused(self, brake: Brake | None, now: int, asked: int | None, _left: int, _taken: int, /) -> Brake:
        until = now + braking.own_wait_ms(asked)
        return Brake(max(until, brake.since_ms if brake else 0), 0, 0, 0)

    def lapsed(self, brake: Brake, now: int, /) -> bool:
        return now >= brake.since_ms

    def reserve(self, _brake: Brake, _taken: int, _now: int, /) -> tuple[int, int]:
        return 0, 0

    def due(self, brake: Brake, _turn: int, /) -> int:
        return brake.since_ms


class Dated(Ours):
    """Our rates, but a turn is a moment: what was given stays, whatever becomes of the rate."""

    name = "dated slots"

    def reserve(self, brake: Brake, taken: int, now: int, /) -> tuple[int, int]:
        start = max(now, brake.since_ms)
        slot = pacing.reserve(taken, start, 1, braking.interval_ms(brake, start))
        return slot.first_ms, slot.tat_ms

    def due(self, brake: Brake, turn: int, /) -> int:
        return max(turn, brake.since_ms)


class Curve(Ours):
    """Turns, with one curve from the rate of the last change on, whatever was refused before."""

    keeps = (1, 2)

    def knots(self, brake: Brake) -> braking.Ramp:
        raise NotImplementedError

    def refused(self, brake: Brake | None, now: int, _asked: int | None, left: int, taken: int, /) -> Brake:
        if brake is None or self.lapsed(brake, now):
            # The long waits that a provider may ask for are no part of the comparison.
            return Brake(now + braking.FIRST_PAUSE_MS, braking.START_RATE, 0, taken)
        if left < brake.since_ms + braking.NEWS_MS:
            return brake
        rate = braking.height(self.knots(brake), left - brake.since_ms)
        keeps = self.keeps if brake.known else (1, 2)
        gone = brake.passed + braking.area(self.knots(brake), now - brake.since_ms)
        return Brake(now, max(braking.SLOWEST_RATE, rate * keeps[0] // keeps[1]), 1, gone)

    def lapsed(self, brake: Brake, now: int, /) -> bool:
        return now >= brake.since_ms + self.knots(brake)[-1][0]

    def reserve(self, brake: Brake, taken: int, now: int, /) -> tuple[int, int]:
        at = now - braking.CATCH_UP_MS - brake.since_ms
        slot = pacing.reserve(taken, brake.passed + braking.area(self.knots(brake), at), 1, TEXT)
        return slot.first_ms, slot.tat_ms

    def due(self, brake: Brake, turn: int, /) -> int:
        knots = self.knots(brake)
        turns = turn - brake.passed
        return brake.since_ms + bisect_left(range(knots[-1][0]), turns, key=lambda at: braking.area(knots, at))


class Halving(Curve):
    """Half the rate at each 429, and one a second more each second."""

    name = "halve, add"

    def knots(self, brake: Brake) -> braking.Ramp:
        if not brake.known:
            return braking.ramp(brake)
        return [(0, brake.rate), (braking.LAPSE_RATE - brake.rate, braking.LAPSE_RATE)]


class Doubling(Curve):
    """A fifth less at each 429, and double in each eight seconds."""

    name = "cut, double"
    keeps = (4, 5)

    def knots(self, brake: Brake) -> braking.Ramp:
        at, rate, knots = 0, brake.rate, [(0, brake.rate)]
        while rate < braking.LAPSE_RATE:
            at, rate = at + (8_000 if brake.known else 1_000), rate * 2
            knots.append((at, rate))
        return knots


WAYS: tuple[Way, ...] = (PushAll(), Dated(), Halving(), Doubling(), Ours())
