"""The guard against the same words to the same number twice in a while (`refuse_duplicates_s`)."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from longcode.domain.errors import DuplicateText, RequestError, SendRefused, Unavailable
from longcode.domain.message import Message
from longcode.domain.status import Status
from longcode.use_cases import store_failures
from longcode.use_cases.duplicate_store import First, Guard, SameWords
from longcode.use_cases.ports import Clock, Logger, Messages, Metrics

# No request is under way for longer: API Gateway gives up after 29 s.
_UNDER_WAY_MS = 30_000
# What has ended so was not sent. One that has failed may be asked for again under its id.
_NOT_SENT = (Status.FAILED, Status.SUPPRESSED, Status.CANCELLED, Status.EXPIRED_UNSENT)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Who takes the words for a number first has them, until they are given back or a while has passed.

    Who finds them taken looks what became of that text: one that was not sent, or never stored, makes way. So
    a process that dies between the two leaves the words free after half a minute.
    """

    words: SameWords
    messages: Messages
    clock: Clock
    metrics: Metrics
    logger: Logger

    def take(self, message: Message, window_s: int) -> None:
        """Take the words of a text that is about to be accepted.

        Raises DuplicateText if another text had them in the last `window_s` seconds, or Unavailable. A text that
        has them itself takes them again.
        """
        now, key = self.clock.now_ms(), digest(message)
        since_ms = now - window_s * 1_000
        first = self.words.take(key, message.id, now, since_ms)
        if first and not self._stands(first, now):
            first = self.words.take(key, message.id, now, since_ms, instead_of=first.message_id)
        if first:
            self.logger.info("guard.duplicate", first_id=first.message_id)
            ago_s = (now - first.taken_ms) // 1_000
            raise DuplicateText(
                f"The same words to the same number were accepted {ago_s} s ago. Nothing was stored.",
                message_id=first.message_id,
            )

    def give_back(self, message: Message) -> None:
        """Let others have the words of a text that was not accepted after all. Does not raise."""
        try:
            self.words.give_back(digest(message), message.id)
        except Unavailable as exc:
            # Who asks next finds out that it was not accepted.
            store_failures.note(exc, self.metrics, self.logger, message_id=message.id)

    def give_back_unless_stored(self, message: Message) -> None:
        """The same of a text that may have been stored: by a request with the same key, or a lost write's."""
        try:
            stored = self.messages.get(message.id)
        except Unavailable as exc:
            store_failures.note(exc, self.metrics, self.logger, message_id=message.id)
            return
        other = stored is not None and stored.text and digest(stored) != digest(message)
        if stored is None or other or stored.status in _NOT_SENT:
            self.give_back(message)

    def for_window(self, window_s: int) -> Guard:
        """The guard of one request: it takes the words, and gives them back if the text is refused after that."""

        def guard[T](message: Message, work: Callable[[], T]) -> T:
            self.take(message, window_s)
            try:
                return work()
            except SendRefused as exc:
                if exc.code != "outcome_unknown":
                    self.give_back(message)
                raise
            except (RequestError, Unavailable):
                self.give_back_unless_stored(message)
                raise

        return guard

    def _stands(self, first: First, now: int) -> bool:
        """Whether the text that has the words was accepted, or may be just now."""
        message, under_way = self.messages.get(first.message_id), now < first.taken_ms + _UNDER_WAY_MS
        if message is None or message.status is Status.FAILED:
            return under_way
        return message.status not in _NOT_SENT


def digest(message: Message) -> str:
    """What stands for the number and the words of a text, as 43 characters: neither can be read from it."""
    asked = "\n".join((message.queue_name, message.text or "", *message.media_urls))
    words = hashlib.sha256(asked.encode()).digest()
    return base64.urlsafe_b64encode(words).decode().rstrip("=")
