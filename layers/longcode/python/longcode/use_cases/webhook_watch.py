"""Whether the provider's webhooks still reach us: known by the texts that left lately, and had none."""

from dataclasses import dataclass

from longcode.domain.message import Message
from longcode.domain.search import Search
from longcode.use_cases.ports import Finder, Messages

_MINUTE = 60_000
# The rule: of the last dozen texts most have had no webhook, and one of the latest two is among these.
#
# A share, and not a number: each provider loses some webhooks. Of a thousand texts an hour 20 without one are
# nothing, and of a dozen they are all of them. Where 2 % are lost, 7 of 12 are once in a billion times; where 10 %
# are, once in 20,000. The last texts, and not those of some hours: a dozen in a day tell as much as a dozen in a
# minute. The latest two: what is over is no reason to wake anyone, and two texts are how a repair is tried.
LAST, MOST, LATEST = 12, 7, 2
# The first receipt takes seconds: only a text that left so long ago says something by having none.
FIRST_RECEIPT_MS = 5 * _MINUTE
# What is older says nothing of today.
BACK_MS = 3 * 24 * 60 * _MINUTE
# How many texts are read to find the last dozen that left. Among them are some that wait, or were not taken.
_READ = 50
# What another instance has found meanwhile is not known here. A run comes each minute.
_KNOWN_MS = 90_000


@dataclass(slots=True)
class WebhookWatch:
    """Looks at the last texts while there is a reason to: a receipt is overdue, or webhooks did not come before.

    It remembers that in the process. Where that is lost it looks once more.
    """

    finder: Finder
    messages: Messages
    # What the last look found; None if it has to be made again.
    _silent: bool | None = None
    _asked_ms: int = 0
    # When the latest text was accepted whose receipt was overdue.
    _overdue_ms: int = 0

    def overdue(self, message: Message) -> None:
        """Take note of a text that the provider has had for so long that its final receipt is overdue."""
        if not _heard(message):
            self._overdue_ms = max(self._overdue_ms, message.accepted_ms)
            self._silent = None

    def silent(self, now_ms: int, waits_ms: int | None) -> bool:
        """Whether webhooks do not reach us, to be asked each minute. Raises Unavailable.

        `waits_ms` is when the oldest text was accepted that waits, None if none does.
        """
        if self._silent is not False or now_ms - self._asked_ms > _KNOWN_MS:
            self._silent = self._look(now_ms, waits_ms or 0)
        self._asked_ms = now_ms
        return self._silent

    def _look(self, now_ms: int, waits_ms: int) -> bool:
        texts = self._left(now_ms - FIRST_RECEIPT_MS, now_ms)
        if len(texts) < LAST:
            # Behind a slow sender what was accepted last still waits, and what was accepted before the oldest that
            # waits has left. Where that one waits for a reason of its own, what is overdue has left at least.
            texts |= self._left(max(waits_ms, self._overdue_ms + 1), now_ms)
        last = sorted(texts.values(), key=_left_ms, reverse=True)[:LAST]
        unheard = [not _heard(text) for text in last]
        return sum(unheard) >= MOST and any(unheard[:LATEST])

    def _left(self, until_ms: int, now_ms: int) -> dict[str, Message]:
        """Of the latest texts accepted before `until_ms` those that tell something, by their ids."""
        wanted = Search(direction="outbound", since_ms=now_ms - BACK_MS, until_ms=until_ms)
        found = self.finder.find(wanted, None, _READ, now_ms)
        return {text.id: text for text in self.messages.get_all(found.ids) if _tells(text, now_ms)}


def _tells(text: Message, now_ms: int) -> bool:
    """Whether the provider has this text, and has had it for so long that a webhook would have come."""
    return text.telnyx_id is not None and (_heard(text) or now_ms - _left_ms(text) >= FIRST_RECEIPT_MS)


def _left_ms(text: Message) -> int:
    return text.claimed_ms or text.accepted_ms


def _heard(text: Message) -> bool:
    return any(entry.source == "webhook" for entry in text.history)
