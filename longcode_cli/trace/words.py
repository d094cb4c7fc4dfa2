"""What stands in a timeline: each wait, status and log event in a few plain words."""

from longcode.domain.status import HeldBy, Status

# What holds a text, as a bar has it, and as a sentence has it.
WAITS = {
    HeldBy.RECIPIENT_RATE: ("Recipient's rate", "Texts to one recipient keep a distance (RecipientIntervalMs)."),
    HeldBy.SENDER_RATE: ("Sender's rate", "Our number sends so many segments a second (SenderSegmentsPerSecond)."),
    HeldBy.ACCOUNT_RATE: ("Account's rate", "Our account sends so many segments a second."),
    HeldBy.PAUSED: (
        "Pause",
        "An operator paused sending (longcode resume). The consumer looks again some seconds after its end.",
    ),
    HeldBy.BREAKER: ("Breaker", "The provider, our account or our number did not work, so nothing was tried."),
    HeldBy.PROVIDER_BACKOFF: (
        "Back-off",
        "The provider asked for less, its own queue was too long, or it did not take the last text to them.",
    ),
    HeldBy.OPT_OUT_UNCLEAR: ("Unclear opt-out", "A person has to read what the recipient texted."),
    HeldBy.CARRIER_RATE: ("Carrier's rate", "The recipient's carrier takes so many of our segments a minute."),
    HeldBy.CARRIER_DAY_CAP: ("Carrier's day", "The carrier's day was full; the next begins at midnight Pacific."),
    HeldBy.SCHEDULE: ("Schedule", "Its caller wanted it sent later (send_at)."),
    HeldBy.QUIET_HOURS: ("Quiet hours", "It keeps the recipient's quiet hours, and waits for their end."),
    HeldBy.RECIPIENT_LIMIT: ("Recipient's limit", "One person gets so many texts in a while (RecipientLimits)."),
    HeldBy.TAG_PAUSED: ("Tag paused", "Its tag is paused (longcode resume --tag)."),
    HeldBy.CARRIER_PAUSED: ("Carrier paused", "Bulk texts to its carrier are paused (longcode resume --carrier)."),
}
IN_QUEUE = ("In the queue", "It lay in the queue until the consumer took it.")
NOT_KNOWN = ("Waiting in the queue", "Nothing that was read says what held it in this time.")

STATUSES = {
    Status.HELD: "Held until its time",
    Status.QUEUED: "In the queue",
    Status.SENDING: "Being sent",
    Status.UNKNOWN: "Outcome not known yet",
    Status.SUBMITTED: "With the provider",
    Status.SENT: "With the carrier",
    Status.FAILED: "Not sent",
    Status.SUPPRESSED: "Not sent: opted out",
    Status.CANCELLED: "Cancelled",
    Status.EXPIRED_UNSENT: "Not sent: it waited too long",
    Status.DELIVERY_UNCONFIRMED: "Delivery not confirmed",
    Status.SENDING_FAILED: "The provider could not send it",
    Status.EXPIRED: "Expired on its way",
    Status.DELIVERY_FAILED: "Not delivered",
    Status.DELIVERED: "Delivered",
    Status.RECEIVED: "Received",
}
# What went wrong with the text, as far as its status says.
FAULTS = frozenset(
    {
        Status.UNKNOWN, Status.FAILED, Status.SUPPRESSED, Status.EXPIRED_UNSENT, Status.DELIVERY_UNCONFIRMED,
        Status.SENDING_FAILED, Status.EXPIRED, Status.DELIVERY_FAILED,
    }
)  # fmt: skip

VERDICTS = {
    "permanent": "refused for good",
    "ambiguous": "no clear answer",
    "back_off": "asked to slow down",
    "not_sent": "not reached",
    "configuration": "refused for our account",
}
# Lines that stand for a moment of their own: its label, and whether something went wrong.
MOMENTS = {
    "claim.lost": ("Its invocation ended without a word", True),
    "queue.redelivered": ("Came once more from the queue: not sent again", True),
    "queue.unknown_id": ("Came from the queue before its record", True),
    "queue.other_group": ("Came in another recipient's group", True),
    "queue.taken_along": ("Taken along with one behind it", False),
    "unknown.resolved": ("Its outcome became known", False),
    "send.rejected_as_malformed": ("The provider says that our request is wrong", True),
    "send.unregistered": ("Taken without a registration", True),
    "breaker.opened": ("Opened the breaker", True),
    "breaker.still_open": ("The breaker stays open", True),
    "breaker.closed": ("Closed the breaker", False),
    "carrier.stopped": ("Its carrier refuses: a stop began", True),
    "provider.queue_long": ("The provider's own queue is long", True),
    "store.unavailable": ("A table or queue did not answer", True),
    "worker.crashed": ("The consumer crashed", True),
    "reconcile.crashed": ("The reconciler crashed on it", True),
    "schedule.unreadable": ("Its timer could not read it", True),
    "unknown.unreadable": ("The provider's records could not be read", True),
    "receipt.unreadable": ("The provider's records could not be read", True),
    "send.put_off": ("Put off to the end of quiet hours", False),
    "send.suppressed": ("Its recipient has opted out", True),
    "send.expired": ("It waited longer than it was valid", True),
    "request.crashed": ("The API crashed", True),
    "webhook.odd": ("An odd event from the provider", True),
    "webhook.unmatched": ("A receipt for no text of ours", True),
    "delivery.gave_up": ("Given up: your webhook did not take it", True),
    "delivery.dropped": ("Dropped: the subscription takes no events", True),
    "delivery.skipped": ("Put off: your webhook is slow", True),
    "delivery.repeat": ("The event came twice: not delivered again", True),
    "delivery.unlogged": ("The attempt could not be written down", True),
}


def span(duration_ms: int) -> str:
    """A duration: `38 ms`, `4.20 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    duration_ms = max(0, duration_ms)
    if duration_ms < 1_000:
        return f"{duration_ms} ms"
    if duration_ms < 60_000:
        return f"{duration_ms / 1000:.2f}".rstrip("0").rstrip(".") + " s"
    for unit_s, name, part_s, part in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        whole, rest = divmod(duration_ms // 1000, unit_s)
        if whole:
            return f"{whole} {name}" + (f" {rest // part_s} {part}" if rest // part_s else "")
    raise AssertionError("unreachable")
