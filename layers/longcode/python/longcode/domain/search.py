"""A search for messages, and one page of its result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from longcode.domain import phone
from longcode.domain.message import Message
from longcode.domain.status import Status


@dataclass(frozen=True, slots=True)
class Search:
    """Which messages are wanted. A field that is None leaves it open; `until_ms` is the first moment after.

    `peer` stands for all ways to write that number; `opt_out` is what an inbound text was read as. A search for
    that is none for a tag, which only our own texts have. `test` is whether test texts are wanted or live ones,
    None where both are; the tag of a test text is marked (`test_mode`). What is found under one person, tag or day
    is of the one kind.
    """

    peer: str | None = None
    direction: Literal["outbound", "inbound"] | None = None
    tag: str | None = None
    status: Status | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    opt_out: str | None = None
    test: bool | None = False

    def fits(self, message: Message) -> bool:
        """Whether `message` is one of them."""
        return (
            (self.peer is None or phone.canonical(self.peer) == phone.canonical(message.peer))
            and self.test in (None, message.test)
            and self.direction in (None, message.direction)
            and self.tag in (None, message.tag)
            and self.opt_out in (None, message.opt_out)
            and self.status in (None, message.status)
            and (self.since_ms is None or message.accepted_ms >= self.since_ms)
            and (self.until_ms is None or message.accepted_ms < self.until_ms)
        )


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where one page ends and the next begins: after the message accepted then, with that id."""

    accepted_ms: int
    id: str


@dataclass(frozen=True, slots=True)
class TagEnds:
    """When the first and the last text of a tag were accepted of those that are kept; and the ids of some of the
    last, the last of all among them.
    """

    first_ms: int
    last_ms: int
    last_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search: ids, and where to go on; None if there is no more."""

    ids: Sequence[str]
    next: Position | None
