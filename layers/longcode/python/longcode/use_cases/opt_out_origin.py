"""Which text a person answered who opted out: the last one that left for them, if that is not long ago."""

# Neither the ledger nor the inbound text names it. It is looked for where it is needed: by the publisher, which
# counts each change of the ledger exactly once, and by the webhook, whose count for a brake has to be at once.

from longcode.domain.message import Message
from longcode.domain.opt_outs import OptOut
from longcode.domain.search import Search
from longcode.domain.tag_counts import OPT_OUT_AFTER_MS
from longcode.use_cases.ports import Finder, Messages

# Of the latest texts by acceptance so many are read: one that was scheduled long before may have left last.
_READ = 10
# Who says so. What an operator enters or imports, and what the provider knew before, answers none of our texts.
_TEXTED = ("keyword", "provider")


def has_texted(before: OptOut | None, after: OptOut) -> bool:
    """Whether a change of the ledger is that a person has opted out by a text of theirs."""
    was_out = before is not None and before.opted_out
    return after.opted_out and not was_out and after.changes[-1].source in _TEXTED


def answered(number: str, at_ms: int, finder: Finder, messages: Messages, now_ms: int) -> Message | None:
    """The text that an opt-out at `at_ms` is put down to; None if none left in the 72 hours before.

    Raises Unavailable.
    """
    found = finder.find(Search(peer=number, direction="outbound", until_ms=at_ms + 1), None, _READ, now_ms)
    texts = messages.get_all(found.ids) if found.ids else []
    texts = [text for text in texts if text.telnyx_id is not None]
    left = [(text.sent_ms or text.claimed_ms or 0, text) for text in texts]
    recent = [row for row in left if at_ms - OPT_OUT_AFTER_MS <= row[0] <= at_ms]
    return max(recent, key=lambda row: row[0], default=(0, None))[1]
