"""What a fault means for whoever reads it, and how a message got to where it is: words for people.

The codes and titles are the provider's; the sentences are ours. `docs/errors.md` is made of the same table
by `docs/errors.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from longcode.domain.message import Entry, Fault, Message, iso
from longcode.domain.status import HeldBy

# Who can mend it, or has to live with it.
Whose = Literal["recipient", "content", "sender", "account", "provider", "service"]
# Whether sending the text again can help: never, when time has passed, or when something was changed.
Resend = Literal["no", "later", "after_change"]
WHOSE: tuple[Whose, ...] = get_args(Whose)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A fault in plain words: a sentence on what it means, and one on what to do next."""

    meaning: str
    whose: Whose
    resend: Resend
    next: str


# ---------------------------------------------------------------------------- what to do, where it is the same

_MENDED = "texts in the queue then leave by themselves, and a direct send may be repeated"
_WAIT = (
    "Nothing was sent: texts in the queue wait by themselves, and a direct send may be repeated after Retry-After."
)
_EVIDENCE = (
    "Follow the status, which a receipt or the provider's records will settle; "
    "sending the text again as a new message could be the second copy."
)
_BUG = "Report it as a fault of this service: the same text would be refused again."
_KEY = f"Put a valid key into the stack's secret, and into TelnyxApiKey; {_MENDED}."
_SUPPORT = f"Settle it in the provider's portal or with its support; {_MENDED}."
_VERIFY = f"Verify the account in the provider's portal; {_MENDED}."
_PROFILE = f"Mend the messaging profile in the provider's portal; {_MENDED}."
_NUMBER = f"Check the sending number in the provider's portal; {_MENDED}."
_TOLL_FREE = f"Finish the toll-free number's verification in the provider's portal; {_MENDED}."
_CORRECT = "Correct the number and send the text again as a new message."
_REWORD = "Change the text and send it again as a new message."
_LATER = "Wait and send it again if it still matters: that is a new message and never happens by itself."
_SLOWER = (
    "Lower the rate and send it again if it still matters: that is a new message and never happens by itself."
)
_NEW = "that is a new message and never happens by itself"

# ------------------------------------------------------------------------------------------------- the table

# Codes and ranges of codes, and what they mean. Ranges only where the provider itself has one meaning for all.
_ROWS: tuple[tuple[str, Explanation], ...] = (
    # The number that the text is for.
    (
        "recipient_opted_out",
        Explanation(
            "The recipient has asked for no more texts from this number.",
            "recipient",
            "no",
            "Do not text this number again unless its owner texts START or UNSTOP.",
        ),
    ),
    (
        "10002",
        Explanation("The recipient's number is not a valid phone number.", "recipient", "after_change", _CORRECT),
    ),
    (
        "10016",
        Explanation(
            "The recipient's number is not in E.164 format, as +12025550123.",
            "recipient",
            "after_change",
            _CORRECT,
        ),
    ),
    (
        "40310",
        Explanation("The recipient's number can't receive texts.", "recipient", "after_change", _CORRECT),
    ),
    (
        "40301",
        Explanation(
            "The recipient's number can't receive this kind of message from a number like ours.",
            "recipient",
            "no",
            "Reach this person in another way.",
        ),
    ),
    (
        "10001",
        Explanation(
            "The number is not in service.",
            "recipient",
            "no",
            "Ask the recipient for another number; if the detail names ours, check it in the provider's portal.",
        ),
    ),
    (
        "40001",
        Explanation(
            "The number is a landline, or no texts can be routed to it.",
            "recipient",
            "no",
            "Reach this person in another way, or ask for a mobile number.",
        ),
    ),
    (
        "40012",
        Explanation(
            "The recipient's carrier says that there is no such number, or that it can't receive texts now.",
            "recipient",
            "after_change",
            f"Check the number with its owner before sending again: {_NEW}.",
        ),
    ),
    (
        "40004",
        Explanation(
            "The recipient's carrier refused the text and did not say why.",
            "recipient",
            "later",
            f"Try once more after some hours, and ask the provider's support if it stays so: {_NEW}.",
        ),
    ),
    (
        "40006",
        Explanation(
            "The recipient's carrier could not be reached.",
            "recipient",
            "later",
            f"Wait some minutes and send it again if it still matters: {_NEW}.",
        ),
    ),
    (
        "40008",
        Explanation(
            "The recipient's carrier did not accept the text, for no reason that it tells.",
            "recipient",
            "later",
            f"Check the number, and try once more after a while: {_NEW}.",
        ),
    ),
    (
        "40005",
        Explanation(
            "The text expired on its way, often because the phone was off or out of reach.",
            "recipient",
            "later",
            _LATER,
        ),
    ),
    # The text.
    (
        "40302",
        Explanation("The text takes more than 10 parts.", "content", "after_change", _REWORD),
    ),
    (
        "40304",
        Explanation("The request mixes the contents of SMS and MMS.", "content", "after_change", _REWORD),
    ),
    ("40316", Explanation("The message has no content.", "content", "after_change", _REWORD)),
    (
        "40317",
        Explanation("The attachments are too many or too large.", "content", "after_change", _REWORD),
    ),
    (
        "40322",
        Explanation("The provider does not allow the content of this text.", "content", "after_change", _REWORD),
    ),
    (
        "40328",
        Explanation(
            "The text is longer than the provider advises, or has characters that its encoding does not have.",
            "content",
            "after_change",
            _REWORD,
        ),
    ),
    (
        "40009",
        Explanation(
            "The recipient's carrier does not allow the content of this text.",
            "content",
            "after_change",
            f"Change the text before sending it again: {_NEW}.",
        ),
    ),
    (
        "40002",
        Explanation(
            "A spam filter stopped the text, for now.",
            "content",
            "after_change",
            f"Send less, and review the text and the recipient's consent before sending again: {_NEW}.",
        ),
    ),
    (
        "40015",
        Explanation(
            "Our provider's own spam filter stopped the text.",
            "content",
            "after_change",
            f"Review the text, or ask the provider's support if it is no spam, before sending again: {_NEW}.",
        ),
    ),
    (
        "40017",
        Explanation(
            "AT&T takes the text for spam.",
            "content",
            "after_change",
            f"Review the text, its links and the recipient's consent before sending again: {_NEW}.",
        ),
    ),
    # Our number, its profile and its registration.
    (
        "40300",
        Explanation("Our number is on no messaging profile.", "sender", "after_change", _PROFILE),
    ),
    (
        "40003",
        Explanation(
            "A spam filter blocks our number for good.",
            "sender",
            "after_change",
            "Appeal to the provider's support, or send from another number: until then no text gets through.",
        ),
    ),
    (
        "40010",
        Explanation(
            "Our number has no 10DLC registration, which texts to the US need.",
            "sender",
            "after_change",
            f"Register the number in a 10DLC campaign before sending again: {_NEW}.",
        ),
    ),
    (
        "40011",
        Explanation("We sent faster than the recipient's carrier allows.", "sender", "later", _SLOWER),
    ),
    (
        "40013",
        Explanation(
            "The recipient's carrier refused our number.",
            "sender",
            "after_change",
            f"Check the number's provisioning with the provider's support before sending again: {_NEW}.",
        ),
    ),
    (
        "40014",
        Explanation(
            "The text expired in the provider's queue, because we sent faster than our number may.",
            "sender",
            "later",
            _SLOWER,
        ),
    ),
    (
        "40016",
        Explanation(
            "T-Mobile's daily limit for our brand is used up.",
            "sender",
            "later",
            f"Wait until midnight Pacific time and send it again if it still matters: {_NEW}.",
        ),
    ),
    (
        "40018",
        Explanation("We sent faster than AT&T allows our campaign in a minute.", "sender", "later", _SLOWER),
    ),
    (
        "40019",
        Explanation(
            "AT&T refused the text because our number's 10DLC data are wrong.",
            "sender",
            "after_change",
            f"Check the campaign that the number is assigned to before sending again: {_NEW}.",
        ),
    ),
    (
        "40020",
        Explanation(
            "The traffic looks inflated by fraud, and is blocked for 24 hours.",
            "sender",
            "later",
            f"Look for who makes us send these texts, wait 24 hours, and send again only what matters: {_NEW}.",
        ),
    ),
    (
        "40100",
        Explanation("Our number is not enabled for texts.", "sender", "after_change", _NUMBER),
    ),
    (
        "40150 40151",
        Explanation(
            "Our number is not yet enabled for texts by this provider.", "sender", "after_change", _NUMBER
        ),
    ),
    (
        "40305",
        Explanation(
            "Our number is not one that the messaging profile may send from.", "sender", "after_change", _PROFILE
        ),
    ),
    (
        "40306 40307 40325",
        Explanation(
            "The sender's name is missing, malformed, or not the profile's own.",
            "sender",
            "after_change",
            _PROFILE,
        ),
    ),
    ("40308", Explanation("Our number can't send MMS.", "sender", "after_change", _NUMBER)),
    (
        "40309",
        Explanation(
            "The messaging profile does not allow texts to the recipient's country.",
            "sender",
            "after_change",
            "Allow the country in the messaging profile, then send the text again as a new message.",
        ),
    ),
    (
        "40311 40313",
        Explanation(
            "The messaging profile, or its secret, is missing or wrong.", "sender", "after_change", _PROFILE
        ),
    ),
    (
        "40312",
        Explanation("The messaging profile is switched off.", "sender", "after_change", _PROFILE),
    ),
    (
        "40315",
        Explanation(
            "The provider holds our number back: too few of its texts arrive, or too many count as spam.",
            "sender",
            "after_change",
            _NUMBER,
        ),
    ),
    (
        "40318",
        Explanation("Our number's queue at the provider is full.", "sender", "later", _WAIT),
    ),
    (
        "40319",
        Explanation("Our kind of number can't text the recipient's.", "sender", "after_change", _NUMBER),
    ),
    (
        "40320",
        Explanation("Our number can't be used for the moment.", "sender", "later", _WAIT),
    ),
    (
        "40321",
        Explanation("No number of the messaging profile can be used for the moment.", "sender", "later", _WAIT),
    ),
    (
        "40323",
        Explanation("The provider could not enable our number for texts.", "sender", "after_change", _NUMBER),
    ),
    ("40329", Explanation("Our toll-free number is not verified.", "sender", "after_change", _TOLL_FREE)),
    ("40330", Explanation("Our toll-free number is not set up for texts.", "sender", "after_change", _TOLL_FREE)),
    (
        "40331",
        Explanation("The messaging profile allows no country at all.", "sender", "after_change", _PROFILE),
    ),
    # The account and its key.
    ("10009", Explanation("The provider does not accept our API key.", "account", "after_change", _KEY)),
    ("10010", Explanation("Our API key may not send texts.", "account", "after_change", _KEY)),
    ("20002", Explanation("Our API key was revoked.", "account", "after_change", _KEY)),
    ("20006", Explanation("Our access to the provider has expired.", "account", "after_change", _KEY)),
    (
        "20003..20005 20007..20011",
        Explanation("Something is wrong with our API key or our account.", "account", "after_change", _KEY),
    ),
    (
        "20012",
        Explanation(
            "Our account is inactive, often for want of funds.",
            "account",
            "after_change",
            f"Top up the account or ask the provider's support; {_MENDED}.",
        ),
    ),
    ("20013", Explanation("Our account is blocked.", "account", "after_change", _SUPPORT)),
    ("20014 20016 20017", Explanation("Our account is not verified enough.", "account", "after_change", _VERIFY)),
    ("20015", Explanation("Texts are not enabled for our account.", "account", "after_change", _SUPPORT)),
    (
        "20100",
        Explanation(
            "The account has no funds left.", "account", "after_change", f"Top up the account; {_MENDED}."
        ),
    ),
    ("10038 10039", Explanation("Our account may not do this.", "account", "after_change", _SUPPORT)),
    ("40314", Explanation("Texts are switched off for our account.", "account", "after_change", _SUPPORT)),
    (
        "40333",
        Explanation(
            "The daily spend limit is reached, and sending is blocked until 00:00 UTC.",
            "account",
            "later",
            "Wait until 00:00 UTC, when texts in the queue leave by themselves, or raise the limit.",
        ),
    ),
    # Our provider.
    (
        "10007",
        Explanation(
            "Something failed at the provider, which may have taken the text.", "provider", "no", _EVIDENCE
        ),
    ),
    (
        "10008",
        Explanation("The provider took too long, and may have taken the text.", "provider", "no", _EVIDENCE),
    ),
    ("10011", Explanation("The provider wants fewer requests.", "provider", "later", _WAIT)),
    ("10037", Explanation("The provider is overloaded.", "provider", "later", _WAIT)),
    (
        "provider_unreachable",
        Explanation(
            "No connection to the provider: the text was not sent.",
            "provider",
            "later",
            "Nothing was sent: repeat a direct send after Retry-After, or queue the text again as a new message.",
        ),
    ),
    (
        "provider_no_answer",
        Explanation(
            "The request left and no answer came, so the provider may have taken the text.",
            "provider",
            "no",
            _EVIDENCE,
        ),
    ),
    (
        "provider_unreadable",
        Explanation(
            "The provider's answer could not be read, so it may have taken the text.", "provider", "no", _EVIDENCE
        ),
    ),
    (
        "no_receipt",
        Explanation(
            "Nobody knows whether the text arrived: no final receipt came in ten days.",
            "provider",
            "no",
            "Ask the recipient before texting the same again: that is a new message, and may be the second copy.",
        ),
    ),
    # This service.
    (
        "10036",
        Explanation("An earlier request for the same text is still under way.", "service", "later", _WAIT),
    ),
    (
        "10027",
        Explanation("This service asked for one text twice, and not in the same words.", "service", "no", _BUG),
    ),
    (
        "10003 10004 10015 10023..10026 10028..10033",
        Explanation("This service made a request that the provider can't read.", "service", "no", _BUG),
    ),
    (
        "store_unavailable",
        Explanation(
            "A store of this service did not answer, so the text was not sent.",
            "service",
            "later",
            "Repeat the request with the same Idempotency-Key.",
        ),
    ),
    (
        "claim_lost",
        Explanation(
            "The process that was sending the text ended without a word, and may have sent it.",
            "service",
            "no",
            _EVIDENCE,
        ),
    ),
    (
        "restored",
        Explanation(
            "The text was put back from a copy of the table, and may have left after the copy was made.",
            "service",
            "no",
            _EVIDENCE,
        ),
    ),
    (
        "expired_unsent",
        Explanation(
            "The text waited longer than it was valid, and was not sent.",
            "service",
            "later",
            "See in /health why its line stood still, and send it again if it still matters, as a new message.",
        ),
    ),
    (
        "unknown_message",
        Explanation(
            "An entry of the queue names no message that this service has.",
            "service",
            "no",
            "Look into the log for the entry: there is no text to send.",
        ),
    ),
    (
        "failed",
        Explanation(
            "The text was not sent, and the reason is not on record.",
            "service",
            "later",
            "Send it again as a new message if it still matters.",
        ),
    ),
)


def _codes(row: str) -> Iterator[str]:
    for word in row.split():
        first, _, last = word.partition("..")
        yield from (str(code) for code in range(int(first), int(last) + 1)) if last else (first,)


EXPLANATIONS = {code: explanation for row, explanation in _ROWS for code in _codes(row)}

# What is left to say by the HTTP status alone, as `telnyx.classify` decides by it: without a code, or with one
# that is not in the table.
UNKNOWN_OUTCOME = Explanation(
    "The provider failed to answer properly, and may have taken the text.", "provider", "no", _EVIDENCE
)
WANTS_LESS = Explanation("The provider can't take more requests for the moment.", "provider", "later", _WAIT)
NOT_ADMITTED = Explanation("The provider does not let our account send.", "account", "after_change", _SUPPORT)
NOT_THE_PROVIDER = Explanation(
    "Something answered in the provider's place, as a gateway or a firewall does: the text was not sent.",
    "provider",
    "later",
    f"Nothing was sent: see the provider's status page, and what stands between it and us; {_MENDED}.",
)
UNCLASSIFIED = Explanation(
    "The provider refuses this text, for a reason that this service has no explanation for.",
    "provider",
    "after_change",
    "Read its title and detail, mend what they name, and send the text again as a new message.",
)
# And when there is no HTTP status either: a receipt's code that nobody has explained yet.
DEFAULT = Explanation(
    "The provider reports a fault that this service has no explanation for.",
    "provider",
    "after_change",
    f"Read its title and detail, or ask the provider's support with the code, before sending again: {_NEW}.",
)


def explain(fault: Fault) -> Explanation:
    """What `fault` means.

    >>> explain(Fault("40001", "Not routable")).resend
    'no'
    """
    if fault.code == "40300":
        words = f"{fault.title} {fault.detail}".lower()
        if "stop" in words or "block rule" in words or "opted out" in words:
            return EXPLANATIONS["recipient_opted_out"]
    known = EXPLANATIONS.get(fault.code)
    if known:
        return known
    if fault.code.startswith("http_") and fault.code[5:].isdecimal():
        return _by_status(int(fault.code[5:]), coded=False)
    return DEFAULT if fault.http_status is None else _by_status(fault.http_status, coded=True)


def _by_status(http_status: int, *, coded: bool) -> Explanation:
    if http_status in (401, 402):
        return NOT_ADMITTED
    if http_status in (409, 425, 429):
        return WANTS_LESS
    if http_status == 408 or http_status >= 500 or http_status < 200:
        return UNKNOWN_OUTCOME
    return UNCLASSIFIED if coded and http_status >= 400 else NOT_THE_PROVIDER


def rows() -> list[tuple[tuple[str, ...], Explanation]]:
    """The whole table for a page: codes with what is special about them, and their explanation."""
    labels = {
        "40300": "`40300`, if its detail names no block",
        "recipient_opted_out": "`recipient_opted_out`, `40300` for STOP or a block rule",
    }
    table = [
        (tuple(labels.get(word, f"`{word.replace('..', '` to `')}`") for word in row.split()), explanation)
        for row, explanation in _ROWS
    ]
    return [
        *table,
        (("`http_408`", "`http_5xx`"), UNKNOWN_OUTCOME),
        (("`http_409`", "`http_425`", "`http_429`"), WANTS_LESS),
        (("`http_401`", "`http_402`"), NOT_ADMITTED),
        (("any other `http_4xx`", "`http_3xx`"), NOT_THE_PROVIDER),
        (("a code of a refusal that is not on this page",), UNCLASSIFIED),
        (("a code in a receipt that is not on this page",), DEFAULT),
    ]


# ----------------------------------------------------------------------------------------------- the timeline

_REASONS = {
    HeldBy.RECIPIENT_RATE: "the distance that texts to one recipient keep",
    HeldBy.SENDER_RATE: "our number's rate",
    HeldBy.ACCOUNT_RATE: "our account's rate",
    HeldBy.PAUSED: "the end of a pause",
    HeldBy.BREAKER: "the provider, our account or our number to work again",
    HeldBy.PROVIDER_BACKOFF: "the provider, which asked for fewer texts or could not be reached",
    HeldBy.SCHEDULE: "its time",
}
_NO_REASON = "its turn in the recipient's line"

# A word of a history, where it means one thing whoever says it.
_NOTES = {
    "unknown": "Nobody knows yet whether the provider took it.",
    "submitted": "The provider took it.",
    "sent": "The provider passed it on to the recipient's network.",
    "delivered": "It arrived.",
    "failed": "It was not sent.",
    "cancelled": "It was not sent, because it was taken back.",
    "suppressed": "It was not sent, because the recipient has opted out.",
    "expired_unsent": "It was not sent, because it waited too long.",
    "sending_failed": "The provider could not send it.",
    "delivery_failed": "The recipient's network did not deliver it.",
    "delivery_unconfirmed": "Nobody confirms that it arrived.",
    "expired": "It expired on its way.",
    "received": "It came in.",
}


def timeline(message: Message, outlook: tuple[HeldBy | None, int | None] | None = None) -> tuple[Entry, ...]:
    """The message's history from its acceptance on, oldest first, each line with a note in plain words.

    `accepted` and `waited` (or `waiting`) are not stored but derived. `outlook` is what a waiting message waits
    for and until when, where the caller knows more than the record.
    """
    history = sorted(message.history, key=lambda entry: _moment(entry, message))
    told = tuple(replace(entry, note=entry.note or _NOTES.get(entry.status)) for entry in history)
    if message.direction == "inbound":
        return told
    if message.route == "send":
        return (Entry(message.accepted_ms, "accepted", "api", note="It was accepted, to be sent at once."), *told)
    accepted = Entry(message.accepted_ms, "accepted", "api", note="It was accepted into the recipient's line.")
    if message.status.waiting:
        wait = _waiting(message, *(outlook or (message.held_by, message.slot_ms)))
    else:
        ended_ms = message.claimed_ms or next((entry.at_ms for entry in history), message.updated_ms)
        wait = _waited(message, ended_ms)
    return (accepted, wait, *told)


def _moment(entry: Entry, message: Message) -> tuple[int, bool]:
    """Where a line stands. Receipts carry the provider's time, and can't be older than what they confirm."""
    receipt = entry.source == "webhook"
    return max(entry.at_ms, (message.sent_ms or 0) if receipt else 0), receipt


def _waiting(message: Message, held_by: HeldBy | None, until_ms: int | None) -> Entry:
    until = f", to leave at {iso(until_ms)}" if until_ms is not None else ""
    note = f"It waits for {_REASONS[held_by] if held_by else _NO_REASON}{until}."
    return Entry(message.accepted_ms, "waiting", "consumer", note=note)


def _waited(message: Message, ended_ms: int) -> Entry:
    for_what = _REASONS[message.held_by] if message.held_by else _NO_REASON
    note = f"It waited {_span(ended_ms - message.accepted_ms)} for {for_what}."
    return Entry(ended_ms, "waited", "consumer", note=note)


_UNITS = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def _span(duration_ms: int) -> str:
    """A duration in its one or two largest units: `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    seconds = max(0, duration_ms) / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    size, name, part_size, part = next(unit for unit in _UNITS if seconds >= unit[0])
    rest = int(seconds % size) // part_size
    return f"{int(seconds // size)} {name}" + (f" {rest} {part}" if rest else "")
