"""The story of a text in plain words: its history with what happened between, each entry with a note."""

from dataclasses import replace

from longcode.domain.message import Entry, Message, iso
from longcode.domain.status import HeldBy, Status

_REASONS = {
    HeldBy.RECIPIENT_RATE: "the distance that texts to one recipient keep",
    HeldBy.SENDER_RATE: "our number's rate",
    HeldBy.ACCOUNT_RATE: "our account's rate",
    HeldBy.PAUSED: "the end of a pause",
    HeldBy.CARRIER_RATE: "the rate that the recipient's carrier allows our campaign",
    HeldBy.CARRIER_DAY_CAP: "the carrier's next day, which begins at midnight in Los Angeles",
    HeldBy.SCHEDULE: "its time",
    HeldBy.QUIET_HOURS: "the end of the recipient's quiet hours",
    HeldBy.BREAKER: "the provider, our account or our number to work again",
    HeldBy.PROVIDER_BACKOFF: "the provider, which asked for fewer texts or could not be reached",
    HeldBy.OPT_OUT_UNCLEAR: "a person to read what the recipient texted, which may ask for an end",
}
_NO_REASON = "its turn in the recipient queue"
# What a text is held for, before it waits for its turn.
_HOLDS = (HeldBy.SCHEDULE, HeldBy.QUIET_HOURS)

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

    `accepted` and `waited` (or `waiting`) are not stored but derived. `outlook` is what a waiting message waits
    for and until when, and `reason` why, where the caller knows more than the record.
    """
    history = sorted(message.history, key=lambda entry: _moment(entry, message))
    noted = tuple(replace(entry, note=entry.note or _NOTES.get(entry.status)) for entry in history)
    if message.direction == "inbound":
        return noted
    if message.route == "send":
        return (Entry(message.accepted_ms, "accepted", "api", note="It was accepted, to be sent at once."), *noted)
    accepted = Entry(message.accepted_ms, "accepted", "api", note=_accepted(message))
    if message.status.waiting:
        until_ms = message.ready_ms if message.status is Status.HELD else message.slot_ms
        wait = _waiting(message, *(outlook or (message.held_by, until_ms)), reason)
    else:
        ended_ms = message.claimed_ms or next((entry.at_ms for entry in history), message.updated_ms)
        wait = _waited(message, ended_ms)
    return (accepted, wait, *noted)


def _moment(entry: Entry, message: Message) -> tuple[int, bool]:
    """What an entry is sorted by. A receipt has the provider's time, and is never older than what it confirms."""
    receipt = entry.source == "webhook"
    return max(entry.at_ms, (message.sent_ms or 0) if receipt else 0), receipt


def _accepted(message: Message) -> str:
    if message.send_at_ms is not None and message.send_at_ms > message.accepted_ms:
        return f"It was accepted, to be sent at {iso(message.send_at_ms)}."
    return "It was accepted into the recipient queue."


def _waiting(message: Message, held_by: HeldBy | None, until_ms: int | None, reason: str) -> Entry:
    because = f" ({reason})" if reason else ""
    until = f", to leave at {iso(until_ms)}" if until_ms is not None else ""
    note = f"It waits for {_REASONS[held_by] if held_by else _NO_REASON}{because}{until}."
    if held_by not in _HOLDS:
        note = _held(message, message.ready_ms) + note
    return Entry(message.accepted_ms, "waiting", "consumer", note=note)


def _waited(message: Message, ended_ms: int) -> Entry:
    # A claim is written a little before the moment at which its text leaves.
    note = _held(message, ended_ms if message.claimed_ms is None else max(ended_ms, message.ready_ms))
    if not note or ended_ms > message.ready_ms:
        for_what = _NO_REASON
        # Where nothing else was noted, it still says what held the text.
        if message.held_by and (not note or message.held_by not in _HOLDS):
            for_what = _REASONS[message.held_by]
        note += f"It waited {_span(ended_ms - message.ready_ms)} for {for_what}."
    return Entry(ended_ms, "waited", "consumer", note=note.rstrip())


def _held(message: Message, ended_ms: int) -> str:
    """What a text was held for before it waited for its turn, or ended; a blank at the end. Empty: it was not."""
    ready_ms, at_ms = message.ready_ms, max(message.send_at_ms or 0, message.accepted_ms)
    words = ""
    if at_ms > message.accepted_ms:
        words = (
            f"It was held {_span(min(at_ms, ended_ms) - message.accepted_ms)} for {_REASONS[HeldBy.SCHEDULE]}. "
        )
    # For how long is not known of one that was put off while it waited for its turn.
    if ready_ms > at_ms and ended_ms > at_ms:
        until = f"until {iso(ready_ms)}, " if ended_ms >= ready_ms else "for "
        words += f"It was held {until}{_REASONS[HeldBy.QUIET_HOURS]}. "
    return words


def _span(duration_ms: int) -> str:
    """A duration in its one or two largest units: `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    seconds = max(0, duration_ms) / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    size, name, part_size, part = next(unit for unit in _UNITS if seconds >= unit[0])
    rest = int(seconds % size) // part_size
    return f"{int(seconds // size)} {name}" + (f" {rest} {part}" if rest else "")
