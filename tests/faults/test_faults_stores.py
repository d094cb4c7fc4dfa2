"""A store that fails at each call in turn: nothing is doubled or lost, and all comes back in order."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import pytest

from longcode.domain.errors import Unavailable
from longcode.domain.status import Status
from tests.chance import FULL, meeting, pairs, showing
from tests.faults.matrix import HOUR, INTERVAL_MS, MINUTE, OTHER, RECIPIENT, Stage
from tests.support.fakes import World
from tests.support.fakes import provider as behaviours
from tests.support.fakes.fault_injector import FaultInjector
from tests.support.fakes.provider import Behaviour

pytestmark = pytest.mark.slow

FIRST_ANSWERS: dict[str, Behaviour] = {
    "accepted": behaviours.ACCEPTS,
    "in doubt": behaviours.ACCEPTS_THEN_500,
    "not taken": behaviours.FAILS_500,
    "rate limited": behaviours.RATE_LIMITED,
    "unreachable": behaviours.UNREACHABLE,
    "key refused": behaviours.BAD_KEY,
    "opted out": behaviours.OPTED_OUT,
    "no such number": behaviours.NO_SUCH_NUMBER,
}


class Shaky(Stage):
    """A stage whose stores can be made to fail."""

    def __init__(self, answer: str) -> None:
        super().__init__()
        world = self.world
        world.provider.carriers[RECIPIENT] = ("T-MOBILE USA, INC.", "Wireless")
        self.ids = [
            world.enqueue(to, text).fields["message_id"]
            for to, text in ((RECIPIENT, "1"), (RECIPIENT, "2"), (RECIPIENT, "3"), (OTHER, "Hello"))
        ]
        behaviour = FIRST_ANSWERS[answer]
        if answer == "opted out":
            world.provider.then(*[behaviour] * 9, to=RECIPIENT)
        else:
            world.provider.then(*[behaviour] * (9 if answer == "no such number" else 1), to=self.ids[0])
        self.injectors: dict[str, FaultInjector] = {
            "messages": world.messages.faults,
            "limits": world.limits.faults,
            "carriers": world.carriers.faults,
            "optouts": world.optouts.faults,
            "queue": world.queue.faults,
            "secret": world.provider.faults,
        }
        for injector in self.injectors.values():
            injector.calls.clear()

    def reconcile_failed(self, exc: BaseException) -> None:
        assert isinstance(exc, Unavailable)

    def calls(self) -> Iterator[tuple[str, str, int]]:
        """Every call to a store so far: its store, its name, and how many of that name came before it."""
        for store, injector in self.injectors.items():
            for name in dict.fromkeys(injector.calls):
                if store == "secret" and name != "prepare":
                    continue
                for number in range(injector.count(name)):
                    yield store, name, number


class Kind(StrEnum):
    """How a call fails."""

    ONCE = "once"
    ANSWER_LOST = "its answer is lost"
    FOR_TWO_MINUTES = "for two minutes"


@dataclass(frozen=True)
class Case:
    """The call that fails, in the course of what the provider's first answer leads to."""

    answer: str
    store: str
    call: str
    number: int
    kind: Kind

    def pairs(self) -> set[tuple[object, ...]]:
        """What has to meet in each run: each answer, each call that it leads to and each way to fail."""
        return pairs((self.answer, (self.store, self.call, self.number), self.kind))


@cache
def all_cases() -> list[Case]:
    """Each call that a store is asked for, with each way to fail."""
    found = []
    for answer in FIRST_ANSWERS:
        stage = Shaky(answer)
        stage.run(2 * MINUTE)
        found += [Case(answer, *call, kind) for call in stage.calls() for kind in Kind]
    return found


def cases() -> list[Case]:
    """Those of this run: `FULL=1` has all."""
    return all_cases() if FULL else meeting(all_cases(), Case.pairs)


def test_in_each_run_every_call_fails_in_every_way_and_under_every_answer_that_leads_to_it() -> None:
    met = {pair for case in cases() for pair in case.pairs()}
    assert met == {pair for case in all_cases() for pair in case.pairs()}
    assert len(all_cases()) > 900


def test_a_store_that_fails_loses_and_doubles_nothing() -> None:
    for case in cases():
        with showing(case):
            fails(case)


def fails(case: Case) -> None:
    """Let a call fail, and look at what became of all texts two hours later."""
    answer, outage = case.answer, case.kind is Kind.FOR_TWO_MINUTES
    stage = Shaky(answer)
    injector = stage.injectors[case.store]
    after = case.kind is Kind.ANSWER_LOST
    injector.fail(case.call, after=after, skip=case.number, times=1_000_000 if outage else 1)
    if outage:
        stage.clock.at(stage.start_ms + 2 * MINUTE, injector.clear)
    stage.run(2 * HOUR)

    for ident in stage.ids:
        is_settled(stage, case, ident)
    is_in_order(stage.world)


def is_settled(stage: Shaky, case: Case, ident: str) -> None:
    """Assert that a text was taken once and its end is known, unless its answer explains another one."""
    answer, world, provider = case.answer, stage.world, stage.world.provider
    refused = {"opted out": stage.ids[:3], "no such number": stage.ids[:1]}.get(answer, [])
    message = world.messages.get(ident)
    assert message
    doubted = any(entry.status == "unknown" for entry in message.history)
    if ident in refused:
        # A refusal that could not be written down was not repeated to a recipient who has opted out.
        assert provider.taken(ident) == 0
        assert message.status in {Status.FAILED, Status.SUPPRESSED} | ({Status.UNKNOWN} if doubted else set())
    elif provider.taken(ident) == 0:
        # In doubt after the claim, and again after its replays so far.
        assert message.status is Status.UNKNOWN
        assert answer == "not taken"
        assert (case.call, case.kind) == ("claim", Kind.ANSWER_LOST)
    else:
        assert provider.taken(ident) == 1
        assert message.status is Status.DELIVERED


def is_in_order(world: World) -> None:
    """Assert that texts which were never in doubt left in their order and at their distance, and none is left."""
    provider = world.provider
    sure = [
        message.id
        for message in world.messages.all
        if message.recipient == RECIPIENT
        and provider.taken(message.id)
        and not any(entry.status == "unknown" for entry in message.history)
    ]
    assert sorted(sure, key=lambda ident: provider.text(ident).taken_ms) == sure
    arrivals = provider.arrivals(RECIPIENT)
    assert all(b - a >= INTERVAL_MS for a, b in itertools.pairwise(arrivals))
    assert not world.queue.stored
    assert not world.queue.dead
    assert not world.logger.crashes
