"""The loads that the strategies are put under in virtual time."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from bench.clock import START_MS
from bench.strategies import Ours, Strategy, baselines
from bench.texts import Text
from longcode.domain.pacing import Pace

# MaximumConcurrency in the template.
CONCURRENCY = 50
MINUTE_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load. `small` is for --quick and for the tests. `waits`: what the others wait is reported too."""

    name: str
    title: str
    pace: Pace
    texts: Callable[[], list[Text]]
    small: Callable[[], list[Text]]
    waits: bool = False
    # The baselines get the small load where they would need days of virtual time and hours of real time.
    baselines_small: bool = False
    concurrency: int = CONCURRENCY

    def strategies(self) -> list[Strategy]:
        """Ours first. Compare-and-set differs from it only where there is a shared limit."""
        shared = self.pace.sender_ms or self.pace.account_ms
        return [Ours(), *(s for s in baselines() if shared or s.name != "compare-and-set")]


def _at_once(queues: dict[str, int], *, first: str | None = None) -> list[Text]:
    """All texts at the start, the recipients mixed; those to `first` in front of everybody."""
    draw = random.Random(7)
    order = [recipient for recipient, count in queues.items() if recipient != first for _ in range(count)]
    draw.shuffle(order)
    if first is not None:
        order = [first] * queues[first] + order
    return [Text(number, recipient, START_MS) for number, recipient in enumerate(order)]


def _sixty(others: int = 200) -> list[Text]:
    return _at_once({"long queue": 60} | {f"other {number}": 3 for number in range(others)})


def _spread(recipients: int, each: int) -> list[Text]:
    return _at_once({f"recipient {number}": each for number in range(recipients)})


def _backlog(size: int, minutes: float, *, among: bool) -> list[Text]:
    """One recipient's long queue at the start, and others who get one to three texts each, two a second in all.

    With `among` the long queue's texts come mixed with those of a hundred others.
    """
    draw = random.Random(11)
    rows: list[tuple[float, str, bool]] = []
    if among:
        mixed = [("giant", False)] * size + [(f"crowd {n}", True) for n in range(100) for _ in range(3)]
        draw.shuffle(mixed)
        rows += [(START_MS, recipient, other) for recipient, other in mixed]
    else:
        rows += [(START_MS, "giant", False)] * size
    at, number = START_MS + 10_000.0, 0
    while at < START_MS + minutes * MINUTE_MS:
        at += draw.expovariate(1.0) * 1000.0
        number += 1
        moment = at
        for _ in range(draw.randint(1, 3)):
            rows.append((moment, f"other {number}", True))
            moment += draw.uniform(0.0, 600.0)
    rows.sort(key=lambda row: row[0])
    return [Text(i, recipient, moment, other) for i, (moment, recipient, other) in enumerate(rows)]


def without_backlog(texts: list[Text]) -> list[Text]:
    """The same load without the long queue: what the others wait for all the same."""
    return [Text(i, t.recipient, t.accepted_ms, True) for i, t in enumerate(t for t in texts if t.other)]


def _campaign(size: int, minutes: float) -> list[Text]:
    """So many texts at once, two to each recipient, and then one every ten seconds to another recipient."""
    burst = [Text(n, f"recipient {n % (size // 2)}", START_MS) for n in range(size)]
    others = range(int(minutes * 6))
    return burst + [Text(size + n, f"other {n}", START_MS + 10_000.0 * (n + 1), other=True) for n in others]


def _trickle(per_second: float, seconds: float) -> list[Text]:
    """Texts to as many recipients, at random moments: batches of one, and the shared limit almost full."""
    draw = random.Random(13)
    at = START_MS
    texts: list[Text] = []
    while at < START_MS + seconds * 1000.0:
        texts.append(Text(len(texts), f"recipient {len(texts)}", at))
        at += draw.expovariate(per_second) * 1000.0
    return texts


SCENARIOS = (
    Scenario(
        "sixty",
        "60 texts to one recipient among 200 x 3 to others",
        Pace(1000),
        _sixty,
        _sixty,
    ),
    Scenario(
        "sender",
        "The same 660 texts behind a sender limited to 1 a second",
        Pace(1000, sender_ms=1000),
        _sixty,
        _sixty,
    ),
    Scenario(
        "backlog",
        "10,000 texts to one recipient in front; others' texts come for 20 minutes, the provider idle",
        Pace(1000),
        lambda: _backlog(10_000, 20, among=False),
        lambda: _backlog(1_000, 3, among=False),
        waits=True,
    ),
    Scenario(
        "backlog-among",
        "The same, the 10,000 mixed with 100 x 3 others' at the start",
        Pace(1000),
        lambda: _backlog(10_000, 20, among=True),
        lambda: _backlog(1_000, 3, among=True),
        waits=True,
    ),
    Scenario(
        "campaign",
        "5 a second for all: 10,000 texts at once, and one every 10 s to another recipient",
        Pace(1000, account_ms=200),
        lambda: _campaign(10_000, 30),
        lambda: _campaign(600, 1.5),
        baselines_small=True,
    ),
    Scenario(
        "shared-full",
        "50 a second for all: 6,000 texts at once, 2,000 x 3",
        Pace(1000, account_ms=20),
        lambda: _spread(2_000, 3),
        lambda: _spread(400, 3),
        baselines_small=True,
    ),
    Scenario(
        "shared-trickle",
        "50 a second for all: 47 a second come, each to another recipient",
        Pace(1000, account_ms=20),
        lambda: _trickle(47, 120),
        lambda: _trickle(47, 20),
    ),
    Scenario(
        "shared-200",
        "200 a second for all: 190 a second come, each to another recipient",
        Pace(1000, account_ms=5),
        lambda: _trickle(190, 60),
        lambda: _trickle(190, 10),
    ),
    Scenario(
        "long-lines",
        "2,000 recipient queues of ten at once, 200 a second for all: more than the consumers can hold",
        Pace(1000, account_ms=5),
        lambda: _spread(2_000, 10),
        lambda: _spread(500, 10),
        baselines_small=True,
    ),
    Scenario(
        "million",
        "A million texts at once, 500,000 x 2, 200 a second for all",
        Pace(1000, account_ms=5),
        lambda: _spread(500_000, 2),
        lambda: _spread(4_000, 2),
        baselines_small=True,
    ),
)
