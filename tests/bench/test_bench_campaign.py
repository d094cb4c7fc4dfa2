"""A campaign through the real routes, the consumer and the reconciler: what the model of the queue leaves out."""

from collections import Counter

from longcode.domain.metrics import Metric
from tests.support.fakes import make_settings, make_world

MINUTE = 60_000
RECIPIENTS = [f"+1{area}555{number:04d}" for area in range(202, 210) for number in range(101, 120)]


def test_no_text_of_a_campaign_is_put_into_the_queue_twice_however_long_it_waits() -> None:
    world = make_world(make_settings(account_segment_ms=2_000))
    for _ in range(2):
        for recipient in RECIPIENTS:
            assert world.enqueue(recipient).status == 202
    start = world.clock.now

    # Over ten minutes: twice as long as SQS remembers what it was given.
    for minute in range(1, 13):
        world.consume(until_ms=start + minute * MINUTE, concurrency=5)
        world.clock.now = max(world.clock.now, start + minute * MINUTE)
        world.reconcile()

    assert Counter(text.key for text in world.provider.texts) == {m.id: 1 for m in world.messages.all}
    assert max(text.taken_ms for text in world.provider.texts) - start > 10 * MINUTE
    # A copy would have an id of its own.
    assert len(world.queue.receives) == 2 * len(RECIPIENTS)
    assert world.metrics.counts[Metric.ENQUEUED_AGAIN] == 0
