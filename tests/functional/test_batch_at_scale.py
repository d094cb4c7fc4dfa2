"""Full batches in virtual time, with the latencies of AWS: how long one takes, and how long very many texts."""

import tracemalloc
from collections import Counter

from longcode.domain import destinations
from longcode.domain.message import Message
from tests.chance import FULL, drawn
from tests.functional.batch_steps import ask, dry_run, event, items, like_aws
from tests.support.fakes import FakeClock, FakeMessages, Reply, make_settings, make_world

SIZE = 500
TEXTS = 50_000 if FULL else 4_000
CLIENTS = 8
# What one put takes of the CPU of a function of 512 MB (0.29 vCPU). On a whole one 0.6 ms of botocore is measured;
# TLS comes on top.
CPU_MS = 4


def test_500_texts_are_accepted_within_ten_seconds() -> None:
    world = make_world()
    like_aws(world, drawn("500"))
    began = world.clock.now

    reply = ask(world, items(SIZE), key="list-1")

    took_ms = world.clock.now - began
    assert (reply.fields["accepted"], len(world.messages.all)) == (SIZE, SIZE)
    # Two waves of 50 calls, one after the other: to have less would be to have no latencies.
    assert 800 <= took_ms <= 3_000
    calls = world.messages.faults.calls
    assert Counter(calls) == {"read": 5, "queue_length": SIZE, "accept": SIZE}
    assert world.limits.faults.count("count") == 1
    assert (world.optouts.faults.count("get_all"), world.bulk_queue.faults.count("put")) == (5, 50)


def test_a_repeat_of_500_reads_them_and_writes_nothing() -> None:
    world = make_world()
    ask(world, items(SIZE), key="list-1")
    like_aws(world, drawn("500"))
    before, began = len(world.messages.faults.calls), world.clock.now

    ask(world, items(SIZE), key="list-1")

    assert world.messages.faults.calls[before:] == ["read"] * 5
    assert world.limits.faults.count("count") == 1
    assert world.clock.now - began <= 100


def test_a_dry_run_of_500_takes_less_than_ten_seconds_and_writes_nothing() -> None:
    world = make_world()
    ask(world, items(SIZE))
    stored = world.messages.all
    like_aws(world, drawn("500"))
    writes = world.messages.faults.count("accept")
    began = world.clock.now

    reply = dry_run(world, items(SIZE))

    assert reply.fields["totals"]["duplicates"] == SIZE
    assert world.clock.now - began <= 4_000
    assert world.messages.all == stored
    assert world.messages.faults.count("accept") == writes
    assert len(reply.fields["token"]) <= 12_000


class BusyMessages(FakeMessages):
    """A table into which the texts of one batch come no faster than the CPU of their invocation can put them."""

    clock: FakeClock
    free_ms: dict[int, float]

    def accept(self, message: Message) -> Message | None:
        batch = int((message.text or "").removeprefix("Text ")) // SIZE
        self.free_ms[batch] = max(self.free_ms.get(batch, 0), self.clock.now) + CPU_MS
        self.clock.sleep_until(round(self.free_ms[batch]))
        return super().accept(message)


def test_50000_texts_by_8_clients_are_accepted_within_two_minutes() -> None:
    clock, messages = FakeClock(), BusyMessages()
    messages.clock, messages.free_ms = clock, {}
    everywhere = make_settings(daily_texts_per_key=1_000_000, allowed_destinations=destinations.parse("*"))
    world = make_world(everywhere, clock=clock, messages=messages)
    like_aws(world, drawn("50000"))
    left, accepted = list(range(0, TEXTS, SIZE)), list[int]()

    def work() -> None:
        while left:
            first = left.pop(0)
            reply = Reply.of(world.invoke("queue", event(items(SIZE, first), key=f"list-{first}")))
            accepted.append(reply.fields["accepted"])

    began = world.clock.now
    world.clock.side_by_side([work] * CLIENTS)
    took_ms = world.clock.now - began

    assert sum(accepted) == TEXTS == len(world.messages.all)
    # Two minutes for 50,000, and the same share for a sample.
    assert took_ms <= 120_000 * TEXTS / 50_000, took_ms
    # As many writes a text as POST /sms/queue makes, less the count of the day.
    assert world.messages.faults.count("accept") == TEXTS
    assert world.limits.faults.count("count") == TEXTS // SIZE


def test_a_body_of_6_mb_takes_a_bounded_memory() -> None:
    world = make_world()
    rows = [{"to": row["to"], "values": {"name": "A", "more": "y" * 12_000}} for row in items(SIZE)]
    wanted = event(rows, template="Hi {name}" * 1_000 + "{more}")
    tracemalloc.start()
    try:
        reply = Reply.of(world.invoke("queue", wanted))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # Filled, they would be 500 times 22 KB: none is put together.
    assert {row["field"] for row in reply.fields["messages"]} == {"values.more"}
    assert world.messages.all == []
    assert peak <= 40_000_000, peak
