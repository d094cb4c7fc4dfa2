"""The statuses of a message, their order, and what a waiting message waits for."""

from enum import StrEnum


class Status(StrEnum):
    """What became of a message. It moves to a higher `rank`, and the store's write enforces that.

    Three ways lead back, of a text that the provider has not got: a claim that is released, a wait for the end of
    quiet hours, and a send that was proven not sent and is asked for again.
    """

    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    EXPIRED_UNSENT = "expired_unsent"
    DELIVERY_UNCONFIRMED = "delivery_unconfirmed"
    SENDING_FAILED = "sending_failed"
    EXPIRED = "expired"
    DELIVERY_FAILED = "delivery_failed"
    DELIVERED = "delivered"
    RECEIVED = "received"

    @property
    def rank(self) -> int:
        """Position in the life of a message; higher is later."""
        return _RANKS[self]

    @property
    def final(self) -> bool:
        """Whether nothing more is expected. `delivery_unconfirmed` may still be replaced by evidence."""
        return self.rank >= Status.FAILED.rank

    @property
    def waiting(self) -> bool:
        """Whether the message is still to be sent, now or later, and nothing sends it at the moment."""
        return self.rank <= Status.QUEUED.rank


_RANKS = {
    # Not before its time: scheduled, or in the recipient's quiet hours.
    Status.HELD: 5,
    Status.QUEUED: 10,
    Status.SENDING: 30,
    Status.UNKNOWN: 35,
    Status.SUBMITTED: 40,
    Status.SENT: 50,
    Status.FAILED: 60,
    Status.SUPPRESSED: 61,
    Status.CANCELLED: 62,
    Status.EXPIRED_UNSENT: 63,
    # The lowest of the finals by receipt, because it alone gives way to later evidence.
    Status.DELIVERY_UNCONFIRMED: 70,
    Status.SENDING_FAILED: 75,
    Status.EXPIRED: 80,
    Status.DELIVERY_FAILED: 85,
    Status.DELIVERED: 90,
    Status.RECEIVED: 90,
}


def receipt_ceiling(status: Status) -> int:
    """The rank that a receipt's `status` may still replace; everything from there up stays.

    The first final status wins. Only `delivered` and `delivery_failed` replace an earlier
    `delivery_unconfirmed` (Telnyx: later evidence).
    """
    if status in (Status.DELIVERED, Status.DELIVERY_FAILED):
        return Status.DELIVERY_UNCONFIRMED.rank + 1
    return min(status.rank, Status.DELIVERY_UNCONFIRMED.rank)


class HeldBy(StrEnum):
    """What a waiting message waits for."""

    RECIPIENT_RATE = "recipient_rate"
    SENDER_RATE = "sender_rate"
    ACCOUNT_RATE = "account_rate"
    PAUSED = "paused"
    BREAKER = "breaker"
    PROVIDER_BACKOFF = "provider_backoff"
    OPT_OUT_UNCLEAR = "opt_out_unclear"
    CARRIER_RATE = "carrier_rate"
    CARRIER_DAY_CAP = "carrier_day_cap"
    SCHEDULE = "schedule"
    QUIET_HOURS = "quiet_hours"
    RECIPIENT_LIMIT = "recipient_limit"
    TAG_PAUSED = "tag_paused"
    CARRIER_PAUSED = "carrier_paused"
