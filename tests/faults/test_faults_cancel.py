"""Cancelling against sending, side by side: after a 200 nothing leaves, and without one nothing is lost."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from longcode.domain.status import Status
from tests.chance import FULL, SEED
from tests.support import interleave
from tests.support.fakes import THEIRS, Reply, make_settings, make_world
from tests.support.fakes import provider as behaviours
from tests.support.fakes.fault_injector import unavailable
from tests.support.interleave import Run, Trial

pytestmark = pytest.mark.slow

# All of them with FULL=1.
RACES = 10_000 if FULL else 1_000
TAG = "spring"
# What the provider first does with a text: takes it, or sends it back into the recipient queue, or into doubt.
FIRST = (
    (), (), (behaviours.RATE_LIMITED,), (behaviours.UNREACHABLE,), (behaviours.OVERLOADED,),
    (behaviours.RATE_LIMITED, behaviours.UNREACHABLE), (behaviours.ACCEPTS_THEN_500,), (behaviours.FAILS_500,),
)  # fmt: skip
# So many calls to a store by others go by at most before one who cancels begins: sending one text takes about ten.
_LATEST = 40
_MINUTE = 60_000


@dataclass
class Call:
    """One call that cancels: which text, all of the tag if none; its answer, and how many requests came before."""

    message_id: str | None
    waits: int
    reply: Reply | None = None
    before: int = 0


class Race:
    """A few texts to one person, someone who sends them, and callers who cancel them at the same time."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self.world = world = make_world(make_settings())
        self.texts = [
            world.enqueue(THEIRS, key=f"key-{number}", metadata={"tag": TAG}).fields["message_id"]
            for number in range(chance.choice((1, 1, 2, 3)))
        ]
        self.calls = [
            Call(chance.choice([*self.texts, None]), chance.randrange(_LATEST))
            for _ in range(chance.choice((1, 1, 2)))
        ]
        world.provider.then(*chance.choice(FIRST))
        if chance.random() < 0.1:
            world.messages.faults.fail("end", unavailable, after=chance.random() < 0.5)
        sends: Callable[[], object] = world.process
        if chance.random() < 0.8:
            until_ms = world.clock.now + 20_000
            sends = lambda: world.consume(until_ms=until_ms)  # noqa: E731
        self.jobs: list[Callable[[], object]] = [sends, *(self._canceller(call) for call in self.calls)]
        if chance.random() < 0.2:
            # What was claimed is given back.
            waits = chance.randrange(_LATEST // 2)
            self.jobs.append(lambda: self._pause(waits))

    def _canceller(self, call: Call) -> Callable[[], object]:
        def cancel() -> None:
            for _ in range(call.waits):
                interleave.pause("nothing")
            path, more = "/sms/queue", {"query": {"tag": TAG}}
            if call.message_id:
                path, more = "/sms/queue/{id}", {"parameters": {"id": call.message_id}}
            call.reply = self.world.request("queue", "DELETE", path, **more)
            call.before = len(self.world.provider.requests)

        return cancel

    def _pause(self, waits: int) -> None:
        for _ in range(waits):
            interleave.pause("nothing")
        self.world.limits.pause(self.world.clock.now, "a race")

    def settle(self) -> None:
        """Let all that was started come to its end."""
        world, limits = self.world, self.world.limits
        world.messages.faults.clear()
        limits.control = replace(limits.control, paused_since_ms=None, pause_reason="")
        for _ in range(40):
            world.consume()
            if all(one.status.final or one.status.rank >= Status.SUBMITTED.rank for one in world.messages.all):
                return
            world.clock.pass_ms(_MINUTE)
            world.reconcile()

    def judge(self) -> tuple[int, int]:
        """Hold what became of the texts against what was answered; how many were cancelled, and were too late."""
        provider, calls, promised = self.world.provider, self.calls, dict[str, int]()
        for call in calls:
            assert call.reply
            assert call.reply.status in (200, 409, 503), call.reply.fields
            if call.message_id and call.reply.status == 200:
                promised[call.message_id] = call.before
            if call.message_id and call.reply.status == 409:
                assert call.reply.fields["status"] not in ("queued", "cancelled")
            if call.message_id is None and call.reply.status == 200:
                fields = call.reply.fields
                left = sum(provider.taken(ident) for ident in self.texts)
                assert fields["cursor"] is None
                # Each of these will never leave, whichever they are.
                assert left <= len(self.texts) - fields["cancelled"]
        tried = any(call.message_id is None or call.reply is None or call.reply.status == 503 for call in calls)
        for ident in self.texts:
            message, taken = self.world.messages.get(ident), provider.taken(ident)
            assert message
            assert taken <= 1
            assert (message.status is Status.CANCELLED) == (taken == 0), (message, taken)
            if ident in promised:
                assert message.status is Status.CANCELLED
                later = [request for request in provider.requests[promised[ident] :] if request.key == ident]
                assert later == []
            elif message.status is Status.CANCELLED:
                # Nothing is lost that no one has asked for.
                assert tried, message
        assert self.world.logger.crashes == []
        assert self.world.queue.stored == []
        return len(promised), sum(call.reply is not None and call.reply.status == 409 for call in calls)


def test_after_a_200_nothing_leaves_and_without_one_nothing_is_lost() -> None:
    seeds, won, lost = iter(range(SEED * 10_000, SEED * 10_000 + RACES)), 0, 0

    def make() -> Trial:
        race = Race(next(seeds))

        def judge(_: Run) -> None:
            nonlocal won, lost
            race.settle()
            cancelled, late = race.judge()
            won, lost = won + cancelled, lost + late

        return race.jobs, judge

    interleave.sample(make, RACES, SEED)

    # Both sides win often enough for a race.
    assert min(won, lost) > RACES // 10, (won, lost)


def test_of_one_text_every_order_of_a_call_and_a_batch_keeps_it() -> None:
    def make() -> Trial:
        race = Race(0)
        race.world = world = make_world(make_settings())
        race.texts = [world.enqueue(THEIRS, metadata={"tag": TAG}).fields["message_id"]]
        race.calls = [Call(race.texts[0], 0)]

        def judge(_: Run) -> None:
            race.settle()
            race.judge()

        return [lambda: world.consume(), race._canceller(race.calls[0])], judge

    assert interleave.every(make) > 50
