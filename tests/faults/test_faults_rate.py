"""A provider that takes only so many a second: a brake, not a storm."""

import itertools

from longcode.domain.status import Status
from tests.faults.matrix import INTERVAL_MS, MINUTE, Stage

PEOPLE = [f"+1202555{101 + number:04}" for number in range(100)]


def test_a_hundred_recipients_at_a_provider_that_takes_five_a_second() -> None:
    # Enough that each recipient's own interval is no limit.
    stage = Stage(pollers=50, max_pending_per_recipient=100)
    world, provider = stage.world, stage.world.provider
    provider.takes_a_second = takes = 5
    each = 6
    for number, to in itertools.product(range(each), PEOPLE):
        world.enqueue(to, str(number), key=f"{number}/{to}")
    began = stage.clock.now_ms()
    stage.run(20 * MINUTE)

    arrivals = provider.arrivals()
    assert len(arrivals) == 100 * each
    # The first of them were under way before anybody knew of a limit.
    assert len(provider.requests) <= 1.5 * len(arrivals)
    busy = [at for at in arrivals if at <= began + 60_000]
    assert len(busy) >= 0.9 * takes * 60
    assert {message.status for message in world.messages.all} == {Status.DELIVERED}
    assert {message.attempts for message in world.messages.all} == {1}
    assert not world.queue.dead
    for to in PEOPLE:
        own = provider.arrivals(to)
        assert all(b - a >= INTERVAL_MS for a, b in itertools.pairwise(own))
        assert [text.text for text in provider.texts if text.recipient == to] == [str(n) for n in range(each)]
