"""How long the item of a message is kept, and its text."""

from longcode.domain.message import EVIDENCE_MS
from longcode.domain.status import Status


class Retention:
    """The settings RetentionDays and StoreText, as the writes of a message need them."""

    def __init__(self, days: int, *, keep_text: bool) -> None:
        self._retention_s = days * 86_400
        # Whether a text that we sent is kept when nothing more is expected of it.
        self._keep_text = keep_text

    def expiry_s(self, now_ms: int) -> int:
        """When an item may go that needs nothing after `now_ms`, in seconds as DynamoDB's TTL has it."""
        return now_ms // 1000 + self._retention_s

    def kept_until_s(self, status: Status, now_ms: int) -> int:
        """When an item may go that has come to `status`: not before its last evidence can have come."""
        return self.expiry_s(now_ms + (0 if status.final else EVIDENCE_MS))

    def forget_text(self, status: Status) -> str:
        """The removal of the text and its media, after others, with a write that ends a message, if wanted."""
        return ", #text, media_urls" if status.final and not self._keep_text else ""
