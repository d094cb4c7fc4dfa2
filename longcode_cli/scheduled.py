"""What is held at one moment: how much, and what is due when."""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from longcode.domain.message import DueGroup, Message, Place
from longcode.domain.schedule import OVERDUE_MS
from longcode.domain.status import Status
from longcode_cli.stack import Stack

_MINUTE = 60_000
_HOUR, _DAY = 60 * _MINUTE, 1440 * _MINUTE
# A timer brings a held text at its time, and the reconciler's next run one whose timer was lost.
LATE_MS = OVERDUE_MS + _MINUTE
# Nothing is held beyond this: the end of the calendar.
_END_MS = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Slice:
    """The held texts that are due in one minute, hour or day, which begins at `starts_ms`."""

    starts_ms: int
    texts: int
    segments: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """All of it. `texts` are due before `until_ms`, the next first; `later` are due after it.

    `complete` is false where more texts are held than were read: then `held` and `later` are at least that many.
    """

    held: int
    later: int
    next_ms: int | None
    texts: tuple[Message, ...]
    until_ms: int
    complete: bool

    def late(self, now_ms: int) -> list[Message]:
        """Those that should have left their hold: something that brings them does not work."""
        return [message for message in self.texts if is_late(message, now_ms)]


def is_late(message: Message, now_ms: int) -> bool:
    """Whether a held text should be in its recipient queue by now."""
    return message.ready_ms + LATE_MS < now_ms


def look(stack: Stack, until_ms: int, *, at_most: int, tag: str | None = None, to: str | None = None) -> Schedule:
    """Read the first `at_most` held texts by their time, of one tag or recipient only if these are given."""
    found = _of_all(stack, at_most + 1) if to is None else _of_one(stack, to, at_most + 1)
    complete = len(found) <= at_most
    found = found[:at_most]
    # Of those of a tag, or of one recipient, the texts have to be read to be counted.
    wanted = found if tag is not None or to is not None else [row for row in found if row[0] < until_ms]
    read = stack.messages.get_all([ident for _, ident in wanted]) if wanted else []
    texts = [text for text in read if text.status is Status.HELD and (tag is None or text.tag == tag)]
    texts.sort(key=lambda text: text.place)
    soon = tuple(text for text in texts if text.ready_ms < until_ms)
    others = len(found) - len(wanted)
    return Schedule(
        held=len(texts) + others,
        later=len(texts) + others - len(soon),
        next_ms=texts[0].ready_ms if texts else min((at for at, _ in found), default=None) if others else None,
        texts=soon,
        until_ms=until_ms,
        complete=complete,
    )


def next_due_ms(stack: Stack, now_ms: int) -> int | None:
    """When the next held text is due that is not due yet, None if there is none."""
    firsts = (stack.messages.held(shard, now_ms, _END_MS, 1) for shard in DueGroup.HELD.shards)
    return min((row[0] for rows in firsts for row in rows), default=None)


def _of_all(stack: Stack, at_most: int) -> list[tuple[int, str]]:
    parts = [stack.messages.held(shard, 0, _END_MS, at_most) for shard in DueGroup.HELD.shards]
    return list(islice(merge(*parts), at_most))


def _of_one(stack: Stack, recipient: str, at_most: int) -> list[tuple[int, str]]:
    rows = stack.messages.recipient_queue(recipient, until=Place(_END_MS, 0), at_most=at_most)
    return [(row.place.ready_ms, row.message_id) for row in rows]


def unit(duration_ms: int) -> tuple[str, int]:
    """The name and length of the unit in which so much time is summed up."""
    if duration_ms <= _HOUR:
        return "minute", _MINUTE
    return ("hour", _HOUR) if duration_ms <= 2 * _DAY else ("day", _DAY)


def slices(texts: Iterable[Message], size_ms: int) -> list[Slice]:
    """Texts summed up by when they are due, in steps of `size_ms`; none that is empty."""
    found: dict[int, Slice] = {}
    for text in texts:
        starts = text.ready_ms // size_ms * size_ms
        before = found.get(starts, Slice(starts, 0, 0))
        found[starts] = Slice(starts, before.texts + 1, before.segments + text.segments)
    return [found[starts] for starts in sorted(found)]
