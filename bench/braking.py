"""`python -m bench.braking`: what becomes of a sender whose provider answers 429, in virtual time."""

# Many invocations work on recipient queues and share one item of a store. They look at it before each text, take a
# turn where a brake is on, and change it after a 429, each of which takes a few milliseconds, while clocks differ.
# The provider counts in one of three ways. `longcode.domain.braking` is compared with what was there before and
# with three simpler ways; nothing of `longcode.use_cases.consume` runs here.

import heapq
import random
import sys
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from itertools import count

from bench.braking_ways import SHAPES, WAYS, Ours, PushAll, Way, provider
from longcode.domain import braking, pacing
from longcode.domain.braking import Brake

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
                    self._start(self._recipient(recipient, skew), self._random.randrange(20))
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

    def _recipient(self, recipient: int, skew: int) -> Steps:
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
        """One write that notes whom the last 429 was about, and one with a condition if that speaks of all."""
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
