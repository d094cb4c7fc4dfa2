"""Taking back what still waits: one text by its id, or the texts of a tag."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from longcode.domain.errors import InvalidRequest, NotFound, TooLate
from longcode.domain.message import Entry, Message
from longcode.domain.status import Status
from longcode.use_cases import day_counts, search
from longcode.use_cases.ports import Clock, Finder, Logger, Messages, Metrics

if TYPE_CHECKING:
    from longcode.use_cases.carrier_store import Carriers

NOTE = "It was not sent, because it was cancelled by request."
# In one call, so that it ends in time. A call that has more to do says where.
CANCELLED_MOST = 250
_PAGE = 100
# Each try that fails is a claim of that very moment, given back before the next.
_TRIES = 5
_PARAMETERS = ("tag", "cursor")


@dataclass(frozen=True, slots=True)
class Cancellation:
    """How many texts of a tag were cancelled, how many were too late, and where to go on; None if that was all."""

    cancelled: int
    too_late: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Canceller:
    """Cancels texts that wait. `source` says in their histories who asked for it."""

    messages: Messages
    finder: Finder
    carriers: "Carriers"
    clock: Clock
    metrics: Metrics
    logger: Logger
    source: Literal["api", "operator"] = "api"
    # For a test key there is no other text.
    test_only: bool = False

    def by_id(self, either_id: str) -> Message:
        """Cancel a text by our id or the provider's; the text, also if it was cancelled before.

        Raises NotFound if there is no such text of ours, and TooLate if it waits no more.
        """
        message = self.messages.find(either_id)
        if message is None or message.direction == "inbound" or (self.test_only and not message.test):
            raise NotFound("Message not found.")
        self.logger.bind(message_id=message.id)
        ended = self.cancel(message)
        if ended is None:
            raise NotFound("Message not found.")
        if ended.status is not Status.CANCELLED:
            raise TooLate(
                "This text waits no more: it can't be cancelled.",
                message_id=ended.id,
                status=ended.status.value,
            )
        return ended

    def by_tag(self, wanted: search.Query, stop_ms: int) -> Cancellation:
        """Cancel texts of a tag, the newest first, until `stop_ms` or as many as one call takes.

        What is final already counts neither as cancelled nor as too late.
        """
        cancelled = too_late = 0
        after, more = wanted.after, True
        while more and cancelled + too_late < CANCELLED_MOST and self.clock.now_ms() < stop_ms:
            at_most = min(_PAGE, CANCELLED_MOST - cancelled - too_late)
            found = self.finder.find(wanted.search, after, at_most, self.clock.now_ms())
            for message in self.messages.get_all(found.ids):
                # One that was erased may be there again, with another tag.
                if message.status.final or not wanted.search.fits(message):
                    continue
                ended = self.cancel(message)
                if ended and ended.status is Status.CANCELLED:
                    cancelled += 1
                elif ended:
                    too_late += 1
            after, more = found.next, found.next is not None
        self.logger.info("queue.tag_cancelled", cancelled=cancelled, too_late=too_late, remaining=more)
        return Cancellation(cancelled, too_late, search.cursor(after, wanted.search) if more and after else None)

    def cancel(self, message: Message) -> Message | None:
        """Cancel a text if it still waits; the text as it is afterwards, None if it was erased meanwhile.

        If that is `cancelled`, nothing sends it from then on: of this write and a claim one wins.
        """
        for _ in range(_TRIES):
            if not message.status.waiting:
                return message
            now = self.clock.now_ms()
            entry = Entry(now, Status.CANCELLED.value, self.source, note=NOTE)
            if self.messages.end(message, Status.CANCELLED, entry, now):
                unused = day_counts.counted(message, message.cap_day)
                day_counts.give_back(unused, self.carriers, self.metrics, self.logger)
                self.logger.info("queue.cancelled", message_id=message.id)
                return replace(message, status=Status.CANCELLED, updated_ms=now)
            there = self.messages.get(message.id)
            if there is None:
                return None
            message = there
        return replace(message, status=Status.SENDING) if message.status.waiting else message


def tag_query(parameters: Mapping[str, str], *, test: bool = False) -> search.Query:
    """Read the parameters of a call that cancels by tag, live texts or test texts.

    Raises InvalidRequest that names the one at fault.
    """
    unknown = sorted(set(parameters) - set(_PARAMETERS))
    if unknown:
        raise InvalidRequest(f"Unknown parameter. Known are: {', '.join(_PARAMETERS)}.", field=unknown[0][:64])
    if "tag" not in parameters:
        raise InvalidRequest("Say which texts are to be cancelled: 'tag', or an id in the path.", field="tag")
    return search.query(parameters, test=test)
