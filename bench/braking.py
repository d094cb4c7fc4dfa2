"""`python -m bench.braking`: what becomes of a sender whose provider answers 429, in virtual time.

Many invocations work on lines of texts and share one item of a store. They look at it before each text, take a
turn where a brake is on, and change it after a 429, each of which takes a few milliseconds, while clocks differ.
The provider counts in one of three ways. `longcode.domain.braking` is compared with what was there before and with
three simpler ways; nothing of `longcode.use_cases.consume` runs here.
"""

import heapq
import random
import sys
from bisect import bisect_left
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Protocol

from longcode.domain import braking, pacing
from longcode.domain.braking import TEXT, Brake

RECIPIENTS = 100
BATCH = 10
RECIPIENT_MS = 1_020
# As longcode.use_cases.consume has them: a look so long before the slot, and the longest wait inside an
# invocation.
LEAD_MS = 60
# 429s of two recipients within this speak of all of them.
SHARED_MS = 10_000
# A process waits by yielding the moment at which it goes on.
Steps = Generator[int]


# ----------------------------------------------------------------------------------------- the provider


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
    """Nobody leaves before the moment that the last 429 asked for, and then everybody does."""

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


# ------------------------------------------------------------------------------------------ the senders


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run is about. `texts` is how many each recipient has, None for ever more."""

    shape: str = "windows"
    limit: int = 5
    asked_ms: int | None = 1_000
    # All recipients at once in ten batches, or one batch after the other.
    together: bool = True
    texts: int | None = None
    span_ms: int = 60_000
    skew_ms: int = 50
    # The provider's limit holds from `from_ms` until `until_ms`.
    from_ms: int = 0
    until_ms: int = 10**9
    # To these the provider answers 429 whatever the rate is.
    refused_always: frozenset[int] = frozenset()


@dataclass(slots=True)
class Item:
    """The sender's item: the brake, the counter of its turns, and whom the last 429 was about."""

    brake: Brake | None = None
    taken: int = 0
    refused_to: int | None = None
    refused_ms: int = 0


@dataclass(slots=True)
class Text:
    """A recipient's next text; `turn` is kept in the queue too. `again_ms` is when the queue shows it again."""

    recipient: int
    turn: int | None = None
    slot_ms: int = 0
    again_ms: int = 0
    accepted: bool = False


@dataclass(slots=True)
class Post:
    """One request: when it left, and whether the provider took it."""

    left_ms: int
    taken: bool
    recipient: int


@dataclass
class Run:
    """A run of the model, and what it noted."""

    way: Way
    setting: Setting
    seed: int
    posts: list[Post] = field(default_factory=list)
    braked_ms: int | None = None
    changes: int = 0
    looks: int = 0
    receives: int = 0
    now: int = 0
    ended_ms: int | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._provider = provider(self.setting.shape, self.setting.limit)
        self._item = Item()
        self._order = count()
        self._steps: list[tuple[int, int, Steps]] = []
        self._left = [self.setting.texts] * RECIPIENTS

    def go(self) -> "Run":
        """Work until all texts are sent or the time is over."""
        if self.setting.together:
            for start in range(0, RECIPIENTS, BATCH):
                skew = self._skew()
                for recipient in range(start, start + BATCH):
                    self._start(self._line(recipient, skew), self._random.randrange(20))
        else:
            self._start(self._one_batch_at_a_time(), 0)
        while self._steps and self.now <= self.setting.span_ms:
            self.now, _, steps = heapq.heappop(self._steps)
            again = next(steps, None)
            if again is not None:
                self._start(steps, max(again, self.now))
        self.ended_ms = None if self._steps else self.now
        return self

    def _start(self, steps: Steps, at: int) -> None:
        heapq.heappush(self._steps, (at, next(self._order), steps))

    def _skew(self) -> int:
        return self._random.randint(-self.setting.skew_ms, self.setting.skew_ms)

    def _call(self) -> int:
        """The moment in the middle or at the end of a call to the store."""
        return self.now + self._random.randint(2, 8)

    def _sent(self, text: Text) -> bool:
        """Take note of a text that was accepted; whether its recipient has another."""
        left = self._left[text.recipient]
        if left is not None:
            self._left[text.recipient] = left = left - 1
        text.turn, text.accepted = None, False
        return left != 0

    def _line(self, recipient: int, skew: int) -> Steps:
        text = Text(recipient)
        while True:
            yield from self._try(text, skew)
            if text.accepted and not self._sent(text):
                return
            if text.again_ms > self.now:
                yield text.again_ms
                skew = self._skew()

    def _one_batch_at_a_time(self) -> Steps:
        waiting = [Text(recipient) for recipient in range(RECIPIENTS)]
        while waiting:
            ready = sorted((text for text in waiting if text.again_ms <= self.now), key=lambda text: text.again_ms)
            batch, skew = ready[:BATCH], self._skew()
            at_work = [len(batch)]
            for text in batch:
                self._start(self._in_batch(text, skew, at_work, waiting), self.now)
            yield self.now + 20
            while at_work[0]:
                yield self.now + 5

    def _in_batch(self, text: Text, skew: int, at_work: list[int], waiting: list[Text]) -> Steps:
        yield from self._try(text, skew)
        if text.accepted and not self._sent(text):
            waiting.remove(text)
        at_work[0] -= 1

    def _try(self, text: Text, skew: int) -> Steps:
        """Send a text in its turn, or put it back until `again_ms`; clocks of this invocation are `skew` off."""
        self.receives += 1
        slot = max(self.now + skew, text.slot_ms)
        yield slot - LEAD_MS - skew
        while True:
            yield self._call()
            item, clock = replace(self._item), self.now + skew
            yield self._call()
            self.looks += 1
            if item.brake is None or self.way.lapsed(item.brake, clock):
                due, text.turn = 0, None
                break
            if text.turn is None:
                yield self._call()
                text.turn, self._item.taken = self.way.reserve(item.brake, self._item.taken, self.now + skew)
                yield self._call()
            due, clock = self.way.due(item.brake, text.turn), self.now + skew
            if due - LEAD_MS <= clock + 15:
                break
            if due - clock > pacing.SHORT_WAIT_MS:
                text.again_ms = self.now + pacing.visibility_s(due, clock) * 1_000
                return
            yield due - LEAD_MS - skew
        yield max(slot, due) - skew
        yield from self._post(text, skew)

    def _post(self, text: Text, skew: int) -> Steps:
        setting, sent = self.setting, self.now
        left = sent + skew
        yield self.now + self._random.randint(20, 75)
        limited = setting.from_ms <= self.now < setting.until_ms
        taken = text.recipient not in setting.refused_always and (not limited or self._provider.takes(self.now))
        self.posts.append(Post(sent, taken, text.recipient))
        yield self.now + self._random.randint(20, 75)
        if taken:
            text.accepted, text.slot_ms = True, left + RECIPIENT_MS
            text.again_ms = text.slot_ms - LEAD_MS - skew
            return
        text.turn = None
        text.slot_ms = self.now + skew + braking.own_wait_ms(setting.asked_ms)
        text.again_ms = text.slot_ms - skew
        yield from self._refused(text.recipient, left, skew)

    def _refused(self, recipient: int, left: int, skew: int) -> Steps:
        """One write that tells whom the last 429 was about, and one with a condition if that speaks of all."""
        yield self._call()
        before, clock = replace(self._item), self.now + skew
        self._item.refused_to, self._item.refused_ms = recipient, clock
        yield self._call()
        shared = before.refused_to not in (None, recipient) and clock - before.refused_ms < SHARED_MS
        if not shared and not isinstance(self.way, PushAll):
            return
        brake = self.way.refused(before.brake, clock, self.setting.asked_ms, left, before.taken)
        if brake == before.brake:
            return
        yield self._call()
        if self._item.brake == before.brake:
            self._item.brake = brake
            self.changes += 1
            self.braked_ms = self.now if self.braked_ms is None else self.braked_ms
        yield self._call()


# ----------------------------------------------------------------------------------------- the figures


@dataclass(frozen=True, slots=True)
class Figures:
    """`posts` for each accepted text and the `goodput` as a part of the limit, both from the brake's begin on;
    `all_posts` from the first text on.
    """

    posts: float
    goodput: float
    all_posts: float
    receives: float
    changes: int


def run(way: Way, setting: Setting, seed: int = 1) -> Run:
    """One run."""
    return Run(way, setting, seed).go()


def figures(done: Run) -> Figures:
    """What came of a run."""
    setting = done.setting
    since = done.braked_ms or 0
    until = done.ended_ms or setting.span_ms
    after = [post for post in done.posts if post.left_ms >= since]
    accepted = sum(post.taken for post in after)
    everything = max(1, sum(post.taken for post in done.posts))
    return Figures(
        len(after) / max(1, accepted),
        accepted * 1000 / max(1, until - since) / setting.limit,
        len(done.posts) / everything,
        done.receives / everything,
        done.changes,
    )


def worst(way: Way, setting: Setting, seeds: Iterable[int]) -> Figures:
    """The worst of each figure over some seeds."""
    found = [figures(run(way, setting, seed)) for seed in seeds]
    return Figures(
        max(one.posts for one in found),
        min(one.goodput for one in found),
        max(one.all_posts for one in found),
        max(one.receives for one in found),
        max(one.changes for one in found),
    )


def full_speed_after_s(done: Run, from_ms: int) -> int | None:
    """Seconds from `from_ms` until nine tenths of what the recipients' own intervals allow leave for 3 s."""
    wanted = 3_000 * RECIPIENTS * 9 // RECIPIENT_MS // 10
    accepted = [post.left_ms for post in done.posts if post.taken]
    for start in range(from_ms, done.setting.span_ms - 3_000, 1_000):
        if sum(start <= left < start + 3_000 for left in accepted) >= wanted:
            return (start - from_ms) // 1_000
    return None


LIMITS = (1, 5, 20, 50)


def table(way: Way, seeds: Iterable[int], *, together: bool = True, limits: Iterable[int] = LIMITS) -> list[str]:
    """Lines of a table: a shape each; POSTs for each accepted text / goodput of each limit."""
    lines = []
    for shape in SHAPES:
        cells = []
        for limit in limits:
            one = worst(way, Setting(shape, limit, together=together), seeds)
            cells.append(f"{one.posts:6.2f} / {one.goodput:4.2f}")
        lines.append(f"| {way.name} | {shape} | " + " | ".join(cells) + " |")
    return lines


def main(seeds: Iterable[int] = (1, 2, 3)) -> None:
    """Print the tables of docs/decisions/0017-a-429-is-a-shared-brake.md."""
    head = (
        "| way | provider | " + " | ".join(f"{limit} a second" for limit in LIMITS) + " |\n|---|---|" + "---|" * 4
    )
    print(f"seeds {list(seeds)}: the worst of them; POSTs for each accepted text / goodput as a part of the limit")
    for title, ways, together in (("All at once", WAYS, True), ("One batch of ten at a time", WAYS[-1:], False)):
        print(f"\n{title}\n\n{head}")
        for way in ways:
            for line in table(way, seeds, together=together):
                print(line, flush=True)
    print("\n| limit, windows | full speed after its end, s |\n|---|---|")
    for limit, until in ((1, 60_000), (5, 60_000), (50, 60_000), (0, 5_000)):
        done = run(Ours(), Setting(limit=limit, until_ms=until, span_ms=until + 120_000))
        print(f"| {limit} a second for {until // 1000} s | {full_speed_after_s(done, until)} |")


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or (1, 2, 3))
