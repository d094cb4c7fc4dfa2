"""Forgetting a person: every text to them and from them, as far as it can't be sent any more."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from longcode.domain.errors import Unavailable
from longcode.domain.message import Entry, Message
from longcode.domain.metrics import Metric
from longcode.domain.search import Position, Search
from longcode.domain.status import Status
from longcode.use_cases import store_failures
from longcode.use_cases.ports import Clock, Finder, Logger, Messages, Metrics

if TYPE_CHECKING:
    from longcode.use_cases.carrier_store import Carriers
    from longcode.use_cases.media_store import MediaBucket, MediaNotes

# In one call, so that it ends in time. A call that has more to do says so.
ERASED_MOST = 250
_PAGE = 100
# Each try that fails is a claim, or a text put back, of that very moment.
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Erasure:
    """How many were erased, how many are in the middle of being sent and stayed, and whether to call again."""

    erased: int
    kept: int
    remaining: bool


@dataclass(frozen=True, slots=True)
class MediaEraser:
    """Deletes the files that people sent with a text."""

    bucket: "MediaBucket"
    notes: "MediaNotes"

    def erase(self, message: Message) -> None:
        """Delete the files of a text that is about to be erased. Raises Unavailable."""
        if message.media:
            # First: what is being fetched meanwhile would else be noted after its file was looked for here.
            self.notes.close(message.id)
            self.bucket.forget(message.id)


@dataclass(frozen=True, slots=True)
class EraseDependencies:
    """What erasing needs. `media` is None where what people send is not stored."""

    finder: Finder
    messages: Messages
    carriers: "Carriers"
    metrics: Metrics
    logger: Logger
    clock: Clock
    media: MediaEraser | None = None


def erase(number: str, deps: EraseDependencies, stop_ms: int) -> Erasure:
    """Erase the texts of one person, until `stop_ms` at most, and what is known of their number's carrier.

    One that waits is cancelled first, so that it never leaves: its entry in the queue then names no message.
    One that is being sent, or whose outcome is being found out, stays, and is not sent again.
    """
    erased = kept = 0
    after: Position | None = None
    remaining = True
    while remaining and erased < ERASED_MOST and deps.clock.now_ms() < stop_ms:
        found = deps.finder.find(
            Search(peer=number, test=None), after, min(_PAGE, ERASED_MOST - erased), deps.clock.now_ms()
        )
        for message in deps.messages.get_all(found.ids):
            # A text with files takes several calls, and a page of them more than the time.
            if deps.clock.now_ms() >= stop_ms:
                return _ended(Erasure(erased, kept, remaining=True), deps)
            try:
                if deps.media:
                    deps.media.erase(message)
            except Unavailable as exc:
                # Where it had got on the next call goes on; where it had not, it did not work.
                if not erased:
                    raise
                store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)
                return _ended(Erasure(erased, kept, remaining=True), deps)
            if _erase(message, deps.messages, deps.clock):
                erased += 1
            else:
                kept += 1
        after, remaining = found.next, found.next is not None
    # Last: a receipt of a text that was there until now could have taught it again.
    deps.carriers.forget(number)
    return _ended(Erasure(erased, kept, remaining), deps)


def _ended(done: Erasure, deps: EraseDependencies) -> Erasure:
    deps.metrics.count(Metric.ERASED, done.erased)
    deps.logger.info("recipient.erased", erased=done.erased, kept=done.kept, remaining=done.remaining)
    return done


def _erase(message: Message, messages: Messages, clock: Clock) -> bool:
    """Erase one text; False if it is being sent or in doubt, and stays. Nothing sends it from now on."""
    for _ in range(_TRIES):
        if message.status.waiting:
            now = clock.now_ms()
            entry = Entry(now, Status.CANCELLED.value, "api", note="The recipient's texts were erased.")
            if messages.end(message, Status.CANCELLED, entry, now):
                message = replace(message, status=Status.CANCELLED, updated_ms=now)
        if messages.erase(message):
            return True
        if messages.forbid(message):
            return False
        # It was claimed or put back meanwhile.
        there = messages.get(message.id)
        if there is None:
            return True
        message = there
    return False
