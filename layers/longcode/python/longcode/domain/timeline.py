"""The story of a text in plain words: its history with what happened between, each entry with a note."""

from dataclasses import replace

from longcode.domain.message import CHANGED, Entry, Message, iso
from longcode.domain.pacing import SHORT_WAIT_MS
from longcode.domain.status import HeldBy, Status

_REASONS = {
    HeldBy.RECIPIENT_RATE: "the distance that texts to one recipient keep",
    HeldBy.SENDER_RATE: "our number's rate",
    HeldBy.ACCOUNT_RATE: "our account's rate",
    HeldBy.PAUSED: "the end of a pause",
    HeldBy.CARRIER_RATE: "the rate that the recipient's carrier allows our campaign",
    HeldBy.CARRIER_DAY_CAP: "the carrier's next day, which begins at midnight in Los Angeles",
    HeldBy.TAG_PAUSED: "an operator to resume its tag",
    HeldBy.CARRIER_PAUSED: "an operator to resume bulk texts to the recipient's carrier",
    HeldBy.SCHEDULE: "its time",
    HeldBy.QUIET_HOURS: "the end of the recipient's quiet hours",
    HeldBy.RECIPIENT_LIMIT: "room in what one person may get in a while (RecipientLimits)",
    HeldBy.BREAKER: "the provider, our account or our number to work again",
    HeldBy.PROVIDER_BACKOFF: "the provider, which asked for fewer texts or could not be reached",
    HeldBy.OPT_OUT_UNCLEAR: "a person to read what the recipient texted, which may ask for an end",
}
_NO_REASON = "its turn in the recipient queue"

# A status in a history, where it means one thing from every source.
_NOTES = {
    "unknown": "It is not known yet whether the provider took it.",
    "submitted": "The provider took it.",
    "sent": "The provider passed it on to the recipient's network.",
    "delivered": "It arrived.",
    "failed": "It was not sent.",
    "cancelled": "It was not sent, because it was taken back.",
    "suppressed": "It was not sent, because the recipient has opted out.",
    "expired_unsent": "It was not sent, because it waited too long.",
    "changed": "It was changed.",
    "sending_failed": "The provider could not send it.",
    "delivery_failed": "The recipient's network did not deliver it.",
    "delivery_unconfirmed": "It is not confirmed that it arrived.",
    "expired": "It expired on its way.",
    "received": "It came in.",
}

# Of a span: seconds and name of a unit, then of the one that its rest is given in.
_UNITS = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def timeline(
    message: Message, outlook: tuple[HeldBy | None, int | None] | None = None, reason: str = ""
) -> tuple[Entry, ...]:
    """The message's history from its acceptance on, oldest first, each entry with a note in plain words.

    `accepted`, `held` and `waited` (or `waiting`) are not stored but derived. `outlook` is what a waiting message
    waits for and until when, and `reason` why, where the caller knows more than the record.
    """
    history = sorted(message.history, key=lambda entry: _moment(entry, message))
    noted = tuple(replace(entry, note=entry.note or _note(entry, message)) for entry in history)
    if message.direction == "inbound":
        return noted
    if message.route == "send":
        return (Entry(message.accepted_ms, "accepted", "api", note="It was accepted, to be sent at once."), *noted)
    accepted = _accepted(message)
    if message.status is Status.HELD:
        return (accepted, _waiting(message, *(outlook or (message.held_by, message.ready_ms)), reason), *noted)
    changes = tuple(entry for entry in noted if entry.status == CHANGED)
    rest = tuple(entry for entry in noted if entry.status != CHANGED)
    if message.status.waiting:
        wait = _waiting(message, *(outlook or (message.held_by, message.slot_ms)), reason)
        return (accepted, *changes, *_held(message, message.ready_ms), wait, *rest)
    ended_ms = message.claimed_ms or next((entry.at_ms for entry in rest), message.updated_ms)
    return (accepted, *changes, *_held(message, ended_ms), *_waited(message, ended_ms), *rest)


def _accepted(message: Message) -> Entry:
    note = "It was accepted into the recipient queue."
    if message.send_at_ms is not None and message.send_at_ms > message.accepted_ms:
        note = f"It was accepted, to be sent at {iso(message.send_at_ms)}."
    return Entry(message.accepted_ms, "accepted", "api", note=note)


def _note(entry: Entry, message: Message) -> str | None:
    """What a status in a history means."""
    # A little sooner than that, if its turn came later.
    own = message.expires_ms is not None and entry.at_ms >= message.expires_ms - SHORT_WAIT_MS
    if entry.status == Status.EXPIRED_UNSENT and own:
        return f"It was not sent, because it was to be sent before {iso(message.expires_ms or 0)}."
    return _NOTES.get(entry.status)


def _held(message: Message, until_ms: int) -> tuple[Entry, ...]:
    """How long a text was held before it came into its recipient queue, or ended; nothing if it was not."""
    if message.ready_ms == message.accepted_ms:
        return ()
    held_ms = min(message.ready_ms, until_ms)
    by_caller = message.send_at_ms is not None and message.send_at_ms >= message.ready_ms
    for_what = _REASONS[HeldBy.SCHEDULE if by_caller else HeldBy.QUIET_HOURS]
    note = f"It was held {_span(held_ms - message.accepted_ms)} for {for_what}."
    return (Entry(held_ms, "held", "consumer", note=note),)


def _moment(entry: Entry, message: Message) -> tuple[int, bool]:
    """What an entry is sorted by. A receipt has the provider's time, and is never older than what it confirms."""
    receipt = entry.source == "webhook"
    return max(entry.at_ms, (message.sent_ms or 0) if receipt else 0), receipt


def _waiting(message: Message, held_by: HeldBy | None, until_ms: int | None, reason: str) -> Entry:
    because = f" ({reason})" if reason else ""
    until = f", to leave at {iso(until_ms)}" if until_ms is not None else ""
    note = f"It waits for {_REASONS[held_by] if held_by else _NO_REASON}{because}{until}."
    since_ms = message.accepted_ms if message.status is Status.HELD else message.ready_ms
    return Entry(since_ms, "waiting", "consumer", note=note)


def _waited(message: Message, ended_ms: int) -> tuple[Entry, ...]:
    """How long a text waited in its recipient queue; nothing if it ended before it came there."""
    if message.not_before_ms is not None and ended_ms < message.ready_ms:
        return ()
    held = message.not_before_ms is not None and message.held_by in (HeldBy.SCHEDULE, HeldBy.QUIET_HOURS)
    for_what = _NO_REASON if held or not message.held_by else _REASONS[message.held_by]
    note = f"It waited {_span(ended_ms - message.ready_ms)} for {for_what}."
    return (Entry(ended_ms, "waited", "consumer", note=note),)


def _span(duration_ms: int) -> str:
    """A duration in its one or two largest units: `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    seconds = max(0, duration_ms) / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    size, name, part_size, part = next(unit for unit in _UNITS if seconds >= unit[0])
    rest = int(seconds % size) // part_size
    return f"{int(seconds // size)} {name}" + (f" {rest} {part}" if rest else "")
