"""What the tests of POST /sms/batch have in common."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from longcode.domain.priority import Priority
from tests.support.fakes import Reply, World, call


def number(place: int) -> str:
    """Ten thousand areas have ninety such numbers each; none is ours."""
    return f"+1{300 + place // 90:03d}55501{10 + place % 90:02d}"


def items(count: int, first: int = 0) -> list[dict[str, Any]]:
    """So many texts, each of its own and to a person of their own."""
    return [{"to": number(place), "message": f"Text {place}"} for place in range(first, first + count)]


# Any: the fields of a body.
def ask(world: World, messages: Sequence[object], *, key: str | None = None, **fields: Any) -> Reply:
    """One batch."""
    headers = {"Idempotency-Key": key} if key else None
    world.clock.pass_ms(1)
    return world.request("queue", "POST", "/sms/batch", {"messages": list(messages), **fields}, headers=headers)


def event(messages: Sequence[object], *, key: str | None = None, **fields: Any) -> dict[str, Any]:
    """The same as the gateway's event."""
    headers = {"Idempotency-Key": key} if key else None
    return call("POST", "/sms/batch", {"messages": list(messages), **fields}, headers=headers)


def dry_run(world: World, messages: Sequence[object], **fields: Any) -> Reply:
    """One dry run."""
    return ask(world, messages, dry_run=True, **fields)


def deliver(world: World) -> list[tuple[str, str | None]]:
    """Let both queues run empty, with the reconciler's help; to whom what went, as often as it did."""
    for _ in range(3):
        world.consume(Priority.BULK)
        world.consume()
        world.clock.pass_ms(61_000)
        world.reconcile()
    world.consume(Priority.BULK)
    return sorted((text.recipient, text.text) for text in world.provider.texts)


def expected(messages: Sequence[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """What `deliver` answers where each arrived once."""
    return sorted((str(item["to"]), str(item["message"])) for item in messages)


def like_aws(world: World, chance: random.Random) -> None:
    """Let each call take its time from now on, as AWS does."""

    def takes(least_ms: int, most_ms: int) -> Callable[[], None]:
        return lambda: world.clock.pass_ms(chance.randint(least_ms, most_ms))

    for store in (world.messages, world.limits, world.carriers, world.optouts, world.finder):
        store.faults.takes = takes(4, 14)
    for queue in (world.queue, world.bulk_queue):
        queue.faults.takes = takes(8, 25)
