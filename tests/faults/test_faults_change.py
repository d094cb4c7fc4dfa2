"""Changing and cancelling held texts against their timers, the consumer and the reconciler, side by side.

After a 200 of a change no text leaves as it was, nor sooner than it says; after a 200 of a cancellation none does.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from longcode.domain.message import iso
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
# So many calls to a store by others go by at most before a caller begins.
_LATEST = 40
_AHEAD_MS = 5_000
_MINUTE = 60_000
FIRST = ((), (), (), (behaviours.RATE_LIMITED,), (behaviours.UNREACHABLE,), (behaviours.ACCEPTS_THEN_500,))
# When a change lets a text leave, by what it was: now, a moment later, which its claim would allow, and later.
MOVES = (None, None, -600_000, 500, 1_500, 30_000, 130_000)


@dataclass
class Call:
    """One call: what it changes, nothing where it cancels; its answer, and how many requests came before that."""

    message_id: str
    body: dict[str, Any] | None
    waits: int
    reply: Reply | None = None
    before: int = 0

    @property
    def done(self) -> bool:
        return self.reply is not None and self.reply.status == 200


class Race:
    """Texts that are due in this moment, those who send them, and callers who change and cancel them."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self.world = world = make_world(make_settings())
        self.at_ms = at_ms = world.clock.now + _AHEAD_MS
        self.texts = [
            world.enqueue(THEIRS, "as it was", send_at=iso(at_ms + number)).fields["message_id"]
            for number in range(chance.choice((1, 1, 2)))
        ]
        lost = chance.random() < 0.3
        world.clock.now = at_ms + (50_000 if lost else chance.choice((-1_900, -500, 0, 900)))
        if lost:
            # The timer: what is overdue the reconciler puts into the queue.
            world.queue.stored.clear()
        self.calls = [self._call(number, chance) for number in range(chance.choice((1, 1, 2, 3)))]
        world.provider.then(*chance.choice(FIRST))
        if chance.random() < 0.1:
            write = chance.choice(("change", "end", "claim"))
            world.messages.faults.fail(write, unavailable, after=chance.random() < 0.5)
        until_ms = world.clock.now + 20_000
        self.jobs: list[Callable[[], object]] = [
            lambda: world.consume(until_ms=until_ms),
            *(self._caller(call) for call in self.calls),
        ]
        if lost or chance.random() < 0.3:
            self.jobs.append(world.reconcile)

    def _call(self, number: int, chance: random.Random) -> Call:
        ident, waits = chance.choice(self.texts), chance.randrange(_LATEST)
        if chance.random() < 0.3:
            return Call(ident, None, waits)
        body: dict[str, Any] = {"message": f"changed {number}"}
        move = chance.choice(MOVES)
        if move is not None:
            body["send_at"] = iso(self.world.clock.now if move < 0 else self.at_ms + move)
        return Call(ident, body, waits)

    def _caller(self, call: Call) -> Callable[[], object]:
        def ask() -> None:
            for _ in range(call.waits):
                interleave.pause("nothing")
            method = "DELETE" if call.body is None else "PATCH"
            more = {"parameters": {"id": call.message_id}}
            call.reply = self.world.request("queue", method, "/sms/queue/{id}", call.body, **more)
            call.before = len(self.world.provider.requests)

        return ask

    def settle(self) -> None:
        """Let all that was started come to its end."""
        world = self.world
        world.messages.faults.clear()
        for _ in range(20):
            world.consume()
            if all(one.status.final or one.status.rank >= Status.SUBMITTED.rank for one in world.messages.all):
                return
            world.clock.pass_ms(_MINUTE)
            world.reconcile()

    def judge(self) -> tuple[int, int]:
        """Hold what became of the texts against what was answered; how many changes won, and came too late."""
        changes = [call for call in self.calls if call.body]
        for call in self.calls:
            assert call.reply
            # The moment of a change may have passed before its turn came.
            assert call.reply.status in (200, 400, 409, 503), call.reply.fields
            if call.reply.status == 409:
                assert call.reply.fields["status"] != "held"
        for ident in self.texts:
            self._judge(ident)
        assert self.world.logger.crashes == []
        assert self.world.queue.stored == []
        late = sum(call.reply is not None and call.reply.status == 409 for call in changes)
        return sum(call.done for call in changes), late

    def _judge(self, ident: str) -> None:
        provider, message = self.world.provider, self.world.messages.get(ident)
        mine = [call for call in self.calls if call.message_id == ident]
        won = [call for call in mine if call.done and call.body]
        unsure = any(call.reply is not None and call.reply.status == 503 for call in mine)
        assert message
        assert provider.taken(ident) <= 1
        assert (message.status is Status.CANCELLED) == (provider.taken(ident) == 0), message
        if message.status is Status.CANCELLED:
            assert unsure or any(call.done and call.body is None for call in mine)
        for call in mine:
            later = [request for request in provider.requests[call.before :] if request.key == ident]
            if call.done and call.body is None:
                assert later == []
            if call in won:
                assert not any(b"as it was" in request.body for request in later)
        if provider.taken(ident):
            text = provider.text(ident)
            assert text.text == message.text
            # The last change decides, and nothing leaves before its time; 0: there was none.
            assert text.taken_ms >= message.ready_ms
            if won:
                assert text.text in [call.body["message"] for call in won if call.body] or unsure
            elif not unsure:
                assert text.text == "as it was"


def test_after_a_200_no_text_leaves_as_it_was_nor_sooner_than_it_says() -> None:
    seeds, won, lost = iter(range(SEED * 10_000, SEED * 10_000 + RACES)), 0, 0

    def make() -> Trial:
        race = Race(next(seeds))

        def judge(_: Run) -> None:
            nonlocal won, lost
            race.settle()
            changed, late = race.judge()
            won, lost = won + changed, lost + late

        return race.jobs, judge

    interleave.sample(make, RACES, SEED)

    # Both sides win often enough for a race.
    assert min(won, lost) > RACES // 10, (won, lost)
