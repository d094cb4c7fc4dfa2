"""Texts that keep quiet hours, in virtual time, and a check of them that shares nothing with our own."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from longcode.domain.message import Message, iso
from longcode.domain.quiet_hours import QuietHours
from longcode.domain.status import HeldBy, Status
from tests.support.fakes import OURS, WEBHOOK_URL, FakeClock, World, make_settings, make_world

MINUTE = 60_000
HOUR = 60 * MINUTE
NIGHT = QuietHours.parse("21:00-08:00")
NEW_YORK = "America/New_York"


def at(words: str, zone: str = NEW_YORK) -> int:
    """A local date and time of day, as `2026-07-01 20:59:30`, as epoch milliseconds."""
    return round(datetime.fromisoformat(words).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


# Any: the settings, and the fields of a request.
def evening(words: str, **settings: Any) -> World:
    """A world with quiet hours from 21:00 until 08:00, at this moment in New York."""
    return make_world(make_settings(quiet_hours=NIGHT, **settings), clock=FakeClock(at(words)))


def keep(world: World, ident: str, zones: str = NEW_YORK) -> None:
    """Let a text that was accepted keep quiet hours."""
    row = world.messages._rows[ident]
    row.message = replace(row.message, category="marketing", quiet_zones=zones)


def marketing(world: World, to: str, text: str = "Sale", *, zones: str = NEW_YORK, **fields: Any) -> str:
    """Queue a text that keeps quiet hours; its id."""
    ident = str(world.enqueue(to, text, **fields).fields["message_id"])
    keep(world, ident, zones)
    return ident


def run(world: World, until_ms: int, *, concurrency: int = 1) -> None:
    """Let the consumer and, each minute, the reconciler work until then.

    What the reconciler would do in a minute in which nothing is due for it, nor soon, is left out.
    """
    mapping, clock, queue = world.mapping(), world.clock, world.queue
    active, minute_ms = 0, clock.now + MINUTE // 2

    def invoke() -> None:
        nonlocal active
        active += 1
        if mapping.poll() is None:
            clock.pass_ms(1)
        active -= 1

    def next_poll() -> tuple[int, Callable[[], object]] | None:
        visible = queue.next_visible_ms()
        return None if visible is None or active == concurrency else (visible, invoke)

    def reconcile() -> None:
        nonlocal minute_ms
        minute_ms = max(minute_ms, clock.now) + MINUTE
        world.reconcile()

    def next_minute() -> tuple[int, Callable[[], object]] | None:
        due = world.messages.next_due_at_ms()
        if due is None:
            return None
        idle = max(0, due - 3 * MINUTE - minute_ms) // MINUTE
        return max(minute_ms + idle * MINUTE, clock.now), reconcile

    clock.standing += [next_poll, next_minute]
    try:
        clock.sleep_until(until_ms)
    finally:
        clock.standing.clear()


@cache
def _open_minutes(zone: str, day: str) -> frozenset[int]:
    """The minutes of a UTC day (since the epoch) in which the clock of a zone shows 08:00 to 20:59."""
    first = datetime.fromisoformat(day).replace(tzinfo=UTC)
    found = set[int]()
    for number in range(24 * 60):
        moment = first + timedelta(minutes=number)
        if 8 <= moment.astimezone(ZoneInfo(zone)).hour < 21:
            found.add(round(moment.timestamp()) // 60)
    return frozenset(found)


def is_quiet(at_ms: int, zones: str = NEW_YORK) -> bool:
    """Whether it is quiet in one of the zones, looked up minute by minute."""
    day = datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
    return any(at_ms // MINUTE not in _open_minutes(zone, day) for zone in zones.split(","))


def status(world: World, ident: str) -> tuple[Status, HeldBy | None, str | None]:
    """What a text's record says: its status, what it waits for and until when."""
    message = world.messages.get(ident)
    assert message
    return message.status, message.held_by, iso(message.not_before_ms) if message.not_before_ms else None


def texts(world: World) -> list[str]:
    """The words of what left, in its order."""
    return [text.text for text in world.provider.texts]


def store(world: World, messages: Iterable[Message]) -> None:
    """Put texts into the table and the queue, as the API does."""
    from longcode.use_cases import backlog

    for message in messages:
        world.queue.put([backlog.waiting(message)])
        assert world.messages.accept(message) is None


def text_of(ident: str, to: str, now_ms: int, zones: str, text: str = "Sale") -> Message:
    """A text as it is accepted, that keeps quiet hours if it has zones."""
    return Message(
        id=ident,
        direction="outbound",
        status=Status.QUEUED,
        sender=OURS,
        recipient=to,
        text=text,
        accepted_ms=now_ms,
        updated_ms=now_ms,
        route="queue",
        segments=1,
        category="marketing" if zones else "transactional",
        quiet_zones=zones,
        webhook_url=f"{WEBHOOK_URL}/{ident}",
    )
