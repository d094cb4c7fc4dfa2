"""Batches whose invocation dies at any of its calls, whose answers are lost, and that come twice at once."""

from collections.abc import Callable
from contextlib import suppress

from tests.chance import FULL, drawn, showing
from tests.functional.batch_steps import ask, deliver, event, expected, items, number
from tests.support import interleave
from tests.support.fakes import World, make_settings, make_world
from tests.support.fakes.fault_injector import Died, FaultInjector, unavailable
from tests.support.interleave import Job, Trial

# Two persons have two texts each.
WANTED = [*items(13), {"to": number(0), "message": "Again"}, {"to": number(1), "message": "Again"}]
KEY = "list-1"


def stores(world: World) -> dict[str, FaultInjector]:
    return {
        "messages": world.messages.faults,
        "limits": world.limits.faults,
        "optouts": world.optouts.faults,
        "bulk queue": world.bulk_queue.faults,
    }


def calls() -> list[tuple[str, str, int]]:
    """Each call that the batch makes: the store, the call's name, and how many of these came before."""
    world = make_world()
    before = {name: len(faults.calls) for name, faults in stores(world).items()}
    ask(world, WANTED, key=KEY)
    found: list[tuple[str, str, int]] = []
    for name, faults in stores(world).items():
        made = faults.calls[before[name] :]
        found += [(name, call, made[:place].count(call)) for place, call in enumerate(made)]
    assert {call for _, call, _ in found} == {
        "read", "queue_length", "accept", "count", "get_all", "put",
    }  # fmt: skip
    return found


def some() -> list[tuple[str, str, int]]:
    """All of them, or the first, the last and two others of each call."""
    every = calls()
    if FULL:
        return every
    chance, chosen = drawn("batch crashes"), list[tuple[str, str, int]]()
    for kind in sorted({call[:2] for call in every}):
        own = [call for call in every if call[:2] == kind]
        chosen += sorted({own[0], own[-1], *chance.choices(own, k=2)})
    return chosen


def died() -> BaseException:
    """The process is killed."""
    return Died()


def arrives_once_after(
    failure: Callable[[], BaseException], store: str, call: str, skip: int, *, after: bool
) -> None:
    world = make_world(make_settings(daily_texts_per_key=1_000))
    stores(world)[store].fail(call, failure, after=after, skip=skip)
    try:
        ask(world, WANTED, key=KEY)
    except Died:
        # The consumer works on meanwhile: what was queued and not stored is dropped.
        world.clock.pass_ms(20_000)

    reply = ask(world, WANTED, key=KEY)

    assert reply.fields["accepted"] == len(WANTED)
    assert deliver(world) == expected(WANTED)
    assert len({text.key for text in world.provider.texts}) == len(world.provider.texts)
    assert world.logger.crashes == []


def test_a_batch_that_dies_at_any_of_its_calls_is_completed_by_its_repeat() -> None:
    for store, call, skip in some():
        for after in (False, True):
            with showing((store, call, skip, after)):
                arrives_once_after(died, store, call, skip, after=after)


def test_a_store_that_fails_at_any_call_costs_no_text_and_doubles_none() -> None:
    for store, call, skip in some():
        for after in (False, True):
            with showing((store, call, skip, after)):
                arrives_once_after(unavailable, store, call, skip, after=after)


def test_what_a_dead_batch_has_stored_is_sent_without_a_repeat() -> None:
    world = make_world()
    world.messages.faults.fail("accept", died, skip=7)
    with suppress(Died):
        ask(world, WANTED, key=KEY)
    stored = [{"to": message.recipient, "message": message.text} for message in world.messages.all]

    assert len(stored) == 7
    assert deliver(world) == expected(stored)


def test_the_same_batch_several_times_at_once_is_one() -> None:
    """In orders drawn at random: a call of one may come between any two of the others."""
    wanted = WANTED[:4]

    def make() -> Trial:
        world = make_world(make_settings(daily_texts_per_key=1_000), parallel=one_by_one)
        replies: list[dict[str, object]] = []

        def job(late_ms: int) -> Job:
            def run() -> None:
                world.clock.now += late_ms
                replies.append(world.invoke("queue", event(wanted, key=KEY)))

            return run

        def check(_: interleave.Run) -> None:
            assert [reply["statusCode"] for reply in replies] == [202, 202]
            assert all('"refused": 0' in str(reply["body"]) for reply in replies)
            assert len(world.messages.all) == len(wanted)
            assert sum(world.limits.counted.values()) == len(wanted)

        return [job(1), job(3)], check

    interleave.sample(make, 200 if FULL else 20, seed=drawn("batches at once").randrange(10**6))


def one_by_one(jobs: "list[Callable[[], None]]") -> None:
    """ports.Parallel: the schedule says who goes next."""
    for job in jobs:
        job()


def test_batches_at_once_with_latencies_send_each_text_once() -> None:
    world = make_world()
    chance = drawn("same batch")
    for faults in stores(world).values():
        faults.takes = lambda: world.clock.pass_ms(chance.randint(1, 20))

    world.clock.side_by_side([lambda: world.invoke("queue", event(WANTED, key=KEY))] * 5)

    assert len(world.messages.all) == len(WANTED)
    for faults in stores(world).values():
        faults.takes = lambda: None
    assert deliver(world) == expected(WANTED)
