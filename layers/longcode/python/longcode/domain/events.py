"""What is published when a message changes, and how changes are counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from longcode.domain.message import Message
from longcode.domain.opt_outs import OptOut
from longcode.domain.status import Status
from longcode.domain.tag_brake import Pause, Subject, Tally
from longcode.domain.tag_counts import Number

# What the stream tells of, by kinds of items.
type Item = Message | OptOut | Beat | PauseNotice

# Where a message counts: under its status, among all and among those of its tag.
CountKey = tuple[Status, str | None]


@dataclass(frozen=True, slots=True)
class Counted:
    """One message that came, moved on or went: where it counted before, and where it counts now.

    `event_id` names the one change that this is, however often it is counted. `more` is what else it adds, by tag
    and name of the count (`tag_counts`). `new_tag` is the tag that has one text more now, which was accepted at
    `accepted_ms`.
    """

    event_id: str
    before: CountKey | None
    after: CountKey | None
    more: Mapping[tuple[str, str], Number] = field(default_factory=dict)
    new_tag: str | None = None
    accepted_ms: int = 0

    def differences(self) -> Iterator[tuple[str | None, str, Number]]:
        """(tag, name of the count, more or fewer) for each that changes; the tag None is all messages."""
        for place, by in ((self.before, -1), (self.after, 1)):
            if place and self.before != self.after:
                yield None, place[0], by
                if place[1]:
                    yield place[1], place[0], by
        for (tag, name), value in self.more.items():
            yield tag, name, value


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life that goes the way of all changes: written at this moment."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class PauseNotice:
    """That the bulk texts of a subject are paused, or (`pause` None) not any more; with its tally until then."""

    at_ms: int
    subject: Subject
    pause: Pause | None
    tally: Tally


@dataclass(frozen=True, slots=True)
class Change:
    """One item before and after a write, None where there was or is none (or nothing to publish).

    Of two writes to one item the later has the greater `sequence`.
    """

    event_id: str
    sequence: str
    before: Item | None = None
    after: Item | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event for the user's own systems: what (`kind`), about whom, when, and the details.

    `id` is the same whenever its change comes again; `message_id` names the text if it is about one.
    """

    kind: str
    about: str
    at_ms: int
    detail: dict[str, object]
    id: str = ""
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class PublishResult:
    """How many events, from the first on, were taken; `fault` says why not all."""

    taken: int
    fault: str = ""
