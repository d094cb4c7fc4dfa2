"""The distance between all texts to one person, whichever queue they are in and whatever the provider says."""

import random
from functools import partial
from itertools import pairwise

import pytest

from tests.support.fakes import World, make_settings, make_world
from tests.support.fakes.both_queues import work
from tests.support.fakes.provider import RATE_LIMITED, UNREACHABLE, Behaviour

SECOND, MINUTE = 1_000, 60_000
# A text that leaves late by a call or two, and whose answer is late too, comes so much closer to the next one.
TOLERANCE_MS = 30


def slow_down(world: World, chance: random.Random) -> None:
    """Let each call take its time from now on."""
    world.messages.faults.takes = lambda: world.clock.pass_ms(chance.randint(4, 14))
    world.limits.faults.takes = world.messages.faults.takes
    world.queue.faults.takes = world.bulk_queue.faults.takes = lambda: world.clock.pass_ms(chance.randint(8, 25))
    world.provider.latency_ms = 150


def distances(world: World) -> list[int]:
    """Between the texts that the provider took."""
    moments = sorted(text.taken_ms for text in world.provider.texts)
    return [later - before for before, later in pairwise(moments)]


@pytest.mark.parametrize("sender_segment_ms", [0, 200])
def test_codes_and_offers_keep_their_distance_after_the_provider_has_put_some_off(sender_segment_ms: int) -> None:
    """A code that was put off has a slot of before: an offer must not take the time around it."""
    for seed in range(12):
        chance = random.Random(seed)
        world = make_world(make_settings(sender_segment_ms=sender_segment_ms, daily_texts_per_key=0))
        slow_down(world, chance)
        began = world.clock.now
        for _ in range(14):
            priority = chance.choice(["bulk", "transactional"])
            world.clock.at(
                began + chance.randrange(MINUTE),
                partial(world.enqueue, priority=priority),
            )
        for _ in range(5):
            says = chance.choice([RATE_LIMITED, UNREACHABLE])
            world.clock.at(began + chance.randrange(MINUTE), partial(world.provider.then, says))
        end = work(world)
        for minute in range(1, 12):
            world.clock.at(began + minute * MINUTE, world.reconcile)
        world.clock.sleep_until(began + 12 * MINUTE)
        end()

        assert len(world.provider.texts) == 14, seed
        assert min(distances(world)) >= SECOND - TOLERANCE_MS, (seed, distances(world))


def test_a_code_keeps_its_distance_to_an_offer_that_came_late_while_another_waits() -> None:
    world = make_world()
    world.provider.then(Behaviour(latency_ms=3_000, way_ms=2_900))
    for _ in range(2):
        world.enqueue(priority="bulk")
    # Right after the late one is known to be late, and before the next.
    world.clock.at(world.clock.now + 3_100, lambda: world.enqueue(message="Code"))
    end = work(world)
    world.clock.pass_ms(20 * SECOND)
    end()

    assert len(world.provider.texts) == 3
    assert min(distances(world)) >= SECOND
