"""The one table of error codes, Telnyx's and this service's own: what each means for a text and for people."""

# The codes are those of Telnyx's list of API errors and of its page on message statuses; the sentences are ours.
# `docs/errors.md` is made of it by `docs/errors.py`.

from collections.abc import Iterator
from dataclasses import replace

from longcode.domain.carriers import Carrier
from longcode.domain.errors import RecipientOptedOut
from longcode.domain.message import Fault
from longcode.domain.outcomes import Code, Verdict

BACK_OFF, PERMANENT = Verdict.BACK_OFF, Verdict.PERMANENT
CONFIGURATION, AMBIGUOUS = Verdict.CONFIGURATION, Verdict.AMBIGUOUS

_MINUTE_MS = 60_000

# ---------------------------------------------------------------------------- what to do, where it is the same

_FIXED = "texts in the queue then leave by themselves, and a direct send may be repeated"
_WAIT = "Nothing was sent: queued texts wait by themselves; repeat a direct send after Retry-After."
_SETTLED = "Follow the status, which a receipt or the provider's records will settle"
_EVIDENCE = f"{_SETTLED}; sending the text again as a new message could be the second copy."
_BUG = "Report it as a fault of this service: the same text would be refused again."
_KEY = f"Put a valid key into the stack's secret, and into TelnyxApiKey; {_FIXED}."
_SUPPORT = f"Settle it in the provider's portal or with its support; {_FIXED}."
_VERIFY = f"Verify the account in the provider's portal; {_FIXED}."
_PROFILE = f"Fix the messaging profile in the provider's portal; {_FIXED}."
_NUMBER = f"Check the sending number in the provider's portal; {_FIXED}."
_CAMPAIGN = f"Settle it in the provider's portal, under Messaging, 10DLC, or with its support; {_FIXED}."
_TOLL_FREE = f"Finish the toll-free number's verification in the provider's portal; {_FIXED}."
_CORRECT = "Correct the number and send the text again as a new message."
_REWORD = "Change the text and send it again as a new message."
_LATER = "Wait and send it again if it still matters: that is a new message and never happens by itself."
_NEW = "that is a new message and never happens by itself"
_PUT_BACK = f"if it still matters, send it again, or have longcode requeue --refused-by-cap do it: {_NEW}."

# ------------------------------------------------------------------------------------------------- the table

# A verdict of None: the code comes in receipts alone, or is one of ours; as the refusal of a send it is unknown.
# Ranges only where Telnyx itself has one meaning for all.
# fmt: off
_TABLE = (
    # The number that the text is for.
    Code("recipient_opted_out", PERMANENT, "recipient", "no",
         "The recipient has asked for no more texts from this number.",
         "Do not text this number again unless its owner texts START or UNSTOP."),
    Code("10002", PERMANENT, "recipient", "after_change",
         "The recipient's number is not a valid phone number.", _CORRECT),
    Code("10016", PERMANENT, "recipient", "after_change",
         "The recipient's number is not in E.164 format, as +12025550123.", _CORRECT),
    Code("40310", PERMANENT, "recipient", "after_change",
         "The recipient's number can't receive texts.", _CORRECT),
    Code("40301", PERMANENT, "recipient", "no",
         "The recipient's number can't receive this kind of message from a number like ours.",
         "Reach this person in another way."),
    Code("10001", None, "recipient", "no",
         "The number is not in service.",
         "Ask the recipient for another number; if the detail names ours, check it in the provider's portal."),
    Code("40001", PERMANENT, "recipient", "no",
         "The number is a landline, or no texts can be routed to it.",
         "Reach this person in another way, or ask for a mobile number."),
    Code("40012", PERMANENT, "recipient", "after_change",
         "The recipient's carrier says that there is no such number, or that it can't receive texts now.",
         f"Check the number with its owner before sending again: {_NEW}."),
    Code("40004", PERMANENT, "recipient", "later",
         "The recipient's carrier refused the text and did not say why.",
         f"Try once more after some hours, and ask the provider's support if it stays so: {_NEW}."),
    Code("40006", None, "recipient", "later",
         "The recipient's carrier could not be reached.",
         f"Wait some minutes and send it again if it still matters: {_NEW}."),
    Code("40008", PERMANENT, "recipient", "later",
         "The recipient's carrier did not accept the text, and gave no reason.",
         f"Check the number, and try once more after a while: {_NEW}."),
    Code("40005", None, "recipient", "later",
         "The text expired on its way, often because the phone was off or out of reach.", _LATER),
    # The text.
    Code("40302", PERMANENT, "content", "after_change", "The text takes more than 10 parts.", _REWORD),
    Code("40304", PERMANENT, "content", "after_change",
         "The request mixes the contents of SMS and MMS.", _REWORD),
    Code("40316", PERMANENT, "content", "after_change", "The message has no content.", _REWORD),
    Code("40317", PERMANENT, "content", "after_change",
         "The attachments are too many or too large.", _REWORD),
    Code("40322", PERMANENT, "content", "after_change",
         "The provider does not allow the content of this text.", _REWORD),
    Code("40328", PERMANENT, "content", "after_change",
         "The text is longer than the provider advises, or has characters that its encoding does not have.",
         _REWORD),
    Code("40009", PERMANENT, "content", "after_change",
         "The recipient's carrier does not allow the content of this text.",
         f"Change the text before sending it again: {_NEW}."),
    Code("40002", PERMANENT, "content", "after_change",
         "A spam filter stopped the text, for now.",
         f"Send less, and review the text and the recipient's consent before sending again: {_NEW}."),
    Code("40015", PERMANENT, "content", "after_change",
         "Our provider's own spam filter stopped the text.",
         f"Review the text, or ask the provider's support if it is no spam, before sending again: {_NEW}."),
    Code("40017", PERMANENT, "content", "after_change",
         "AT&T takes the text for spam.",
         f"Review the text, its links and the recipient's consent before sending again: {_NEW}."),
    # Our number, its profile and its registration.
    Code("40300", CONFIGURATION, "sender", "after_change",
         "Our number is on no messaging profile.", _PROFILE),
    Code("40003", None, "sender", "after_change",
         "A spam filter blocks our number for good.",
         "Appeal to the provider's support, or send from another number: until then no text gets through."),
    Code("40010", None, "sender", "after_change",
         "Our number has no 10DLC registration, which texts to the US need.",
         f"Register the number in a 10DLC campaign before sending again: {_NEW}."),
    Code("40011", PERMANENT, "sender", "later",
         "We sent faster than the recipient's carrier allows.",
         f"Others to that carrier wait for a minute or longer by themselves, but not this one: {_PUT_BACK}",
         brakes="minute"),
    Code("40013", None, "sender", "after_change",
         "The recipient's carrier refused our number.",
         f"Check the number's provisioning with the provider's support before sending again: {_NEW}."),
    Code("40014", PERMANENT, "sender", "later",
         "The text expired in the provider's queue, because we sent faster than our number may.",
         f"Others to that carrier wait for ten minutes by themselves, but not this one: {_PUT_BACK}",
         brakes="queue"),
    Code("40016", PERMANENT, "sender", "later",
         "T-Mobile's daily limit for our brand is used up.",
         "Others to T-Mobile wait until midnight Pacific time by themselves, but not this one: after that, "
         + _PUT_BACK, brakes="day", carrier=Carrier.T_MOBILE),
    Code("40018", PERMANENT, "sender", "later",
         "We sent faster than AT&T allows our campaign in a minute.",
         f"Others to AT&T wait for a minute or longer by themselves, but not this one: {_PUT_BACK}",
         brakes="minute", carrier=Carrier.ATT),
    Code("40019", None, "sender", "after_change",
         "AT&T refused the text because our number's 10DLC data are wrong.",
         f"Check the campaign that the number is assigned to before sending again: {_NEW}."),
    Code("40020", None, "sender", "later",
         "The traffic looks inflated by fraud, and is blocked for 24 hours.",
         f"Look for who makes us send these texts, wait 24 hours, and send again only what matters: {_NEW}."),
    Code("40100", CONFIGURATION, "sender", "after_change",
         "Our number is not enabled for texts.", _NUMBER),
    Code("40150 40151", None, "sender", "after_change",
         "Our number is not yet enabled for texts by this provider.", _NUMBER),
    Code("40305", CONFIGURATION, "sender", "after_change",
         "Our number is not one that the messaging profile may send from.", _PROFILE),
    Code("40306 40307 40325", CONFIGURATION, "sender", "after_change",
         "The sender's name is missing, malformed, or not the profile's own.", _PROFILE),
    Code("40308", CONFIGURATION, "sender", "after_change",
         "Our number can't send MMS.", _NUMBER),
    Code("40309", PERMANENT, "sender", "after_change",
         "The messaging profile does not allow texts to the recipient's country.",
         "Allow the country in the messaging profile, then send the text again as a new message."),
    Code("40311 40313", CONFIGURATION, "sender", "after_change",
         "The messaging profile, or its secret, is missing or wrong.", _PROFILE),
    Code("40312", CONFIGURATION, "sender", "after_change",
         "The messaging profile is switched off.", _PROFILE),
    Code("40315", CONFIGURATION, "sender", "after_change",
         "The provider holds our number back: too few of its texts arrive, or too many count as spam.", _NUMBER),
    Code("40318", BACK_OFF, "sender", "later",
         "Our number's queue at the provider is full.", _WAIT, wait_ms=5 * _MINUTE_MS),
    Code("40319", CONFIGURATION, "sender", "after_change",
         "Our kind of number can't text the recipient's.", _NUMBER),
    Code("40320", BACK_OFF, "sender", "later",
         "Our number can't be used for the moment.", _WAIT, wait_ms=10 * _MINUTE_MS),
    Code("40321", BACK_OFF, "sender", "later",
         "No number of the messaging profile can be used for the moment.", _WAIT, wait_ms=10 * _MINUTE_MS),
    Code("40323", CONFIGURATION, "sender", "after_change",
         "The provider could not enable our number for texts.", _NUMBER),
    Code("40329", CONFIGURATION, "sender", "after_change",
         "Our toll-free number is not verified.", _TOLL_FREE),
    Code("40330", CONFIGURATION, "sender", "after_change",
         "Our toll-free number is not set up for texts.", _TOLL_FREE),
    Code("40331", CONFIGURATION, "sender", "after_change",
         "The messaging profile allows no country at all.", _PROFILE),
    Code("10dlc_suspended 10dlc_dormant 10dlc_expired", None, "sender", "after_change",
         "Our 10DLC campaign is suspended, was not used for too long, or has expired.", _CAMPAIGN),
    Code("10dlc_number_removed", None, "sender", "after_change",
         "Our number was taken off its 10DLC campaign.", f"Assign our number to a campaign; {_FIXED}."),
    # The account and its key.
    Code("10009", CONFIGURATION, "account", "after_change",
         "The provider does not accept our API key.", _KEY, everyone=True, stopped_by="key"),
    Code("10010", CONFIGURATION, "account", "after_change",
         "Our API key may not send texts.", _KEY, everyone=True, stopped_by="key"),
    Code("20002", CONFIGURATION, "account", "after_change",
         "Our API key was revoked.", _KEY, everyone=True, stopped_by="key"),
    Code("20006", CONFIGURATION, "account", "after_change",
         "Our access to the provider has expired.", _KEY, everyone=True, stopped_by="key"),
    Code("20003..20005 20007..20011", CONFIGURATION, "account", "after_change",
         "Something is wrong with our API key or our account.", _KEY, everyone=True, stopped_by="key"),
    Code("20012", CONFIGURATION, "account", "after_change",
         "Our account is inactive, often for want of funds.",
         f"Top up the account or ask the provider's support; {_FIXED}.", everyone=True, stopped_by="key"),
    Code("20013", CONFIGURATION, "account", "after_change",
         "Our account is blocked.", _SUPPORT, everyone=True, stopped_by="key"),
    Code("20014 20016 20017", CONFIGURATION, "account", "after_change",
         "Our account is not verified enough.", _VERIFY, everyone=True, stopped_by="key"),
    Code("20015", CONFIGURATION, "account", "after_change",
         "Texts are not enabled for our account.", _SUPPORT, everyone=True, stopped_by="key"),
    Code("20100", CONFIGURATION, "account", "after_change",
         "The account has no funds left.", f"Top up the account; {_FIXED}.", everyone=True, stopped_by="funds"),
    Code("10038 10039", CONFIGURATION, "account", "after_change",
         "Our account may not do this.", _SUPPORT, everyone=True),
    Code("40314", CONFIGURATION, "account", "after_change",
         "Texts are switched off for our account.", _SUPPORT),
    Code("40333", CONFIGURATION, "account", "later",
         "The daily spend limit is reached, and sending is blocked until 00:00 UTC.",
         "Wait until 00:00 UTC, when texts in the queue leave by themselves, or raise the limit.", everyone=True,
         stopped_by="funds", until_utc_midnight=True),
    # Our provider.
    Code("10007", AMBIGUOUS, "provider", "no",
         "Something failed at the provider, which may have taken the text.", _EVIDENCE, stopped_by="outage"),
    Code("10008", AMBIGUOUS, "provider", "no",
         "The provider took too long, and may have taken the text.", _EVIDENCE, stopped_by="outage"),
    Code("10011", BACK_OFF, "provider", "later",
         "The provider wants fewer requests.", _WAIT, wait_ms=2_000),
    Code("10037", BACK_OFF, "provider", "later",
         "The provider is overloaded.", _WAIT, wait_ms=5_000),
    Code("provider_unreachable", None, "provider", "later",
         "No connection to the provider: the text was not sent.",
         "Nothing was sent: repeat a direct send after Retry-After, or queue the text again as a new message.",
         stopped_by="outage"),
    Code("provider_no_answer", None, "provider", "no",
         "The request left and no answer came, so the provider may have taken the text.", _EVIDENCE,
         stopped_by="outage"),
    Code("provider_unreadable", None, "provider", "no",
         "The provider's answer could not be read, so it may have taken the text.", _EVIDENCE,
         stopped_by="outage"),
    Code("no_receipt", None, "provider", "no",
         "It is not known whether the text arrived: no final receipt came in ten days.",
         "Ask the recipient before texting the same again: that is a new message, and may be the second copy."),
    # This service.
    Code("10036", BACK_OFF, "service", "later",
         "An earlier request for the same text is still under way.", _WAIT, wait_ms=2_000),
    Code("10027", PERMANENT, "service", "no",
         "This service asked for one text twice, and not in the same words.", _BUG),
    Code("10003 10004 10015 10023..10026 10028..10033", PERMANENT, "service", "no",
         "This service made a request that the provider can't read.", _BUG),
    Code("store_unavailable", None, "service", "later",
         "A store of this service did not answer, so the text was not sent.",
         "Repeat the request with the same Idempotency-Key."),
    Code("paused breaker provider_backoff opt_out_unclear carrier_rate carrier_day_cap recipient_limit "
         "tag_paused carrier_paused", None, "service", "later",
         "Sending was stopped when the text was about to leave, so it was not sent.", _WAIT),
    Code("claim_lost", None, "service", "no",
         "The process that was sending the text ended without a word, and may have sent it.", _EVIDENCE),
    Code("restored", None, "service", "no",
         "The text was put back from a copy of the table, and may have left after the copy was made.", _EVIDENCE),
    Code("expired_unsent", None, "service", "later",
         "The text waited longer than it was valid, by ValidityMinutes or its own expires_at, and was not sent.",
         "See in /health why its recipient queue stood still, and send it as a new message if it still matters."),
    Code("unknown_message", None, "service", "no",
         "An entry of the queue names no message that this service has.",
         "Look into the log for the entry: there is no text to send."),
    Code("failed", None, "service", "later",
         "The text was not sent, and the reason is not on record.",
         "Send it again as a new message if it still matters."),
)
# fmt: on

# ------------------------------------------------------------------------------- without a code that is known

# A bare 503 may come from a gateway that had passed the request on.
UNKNOWN_OUTCOME = Code(
    "http_408 http_5xx",
    AMBIGUOUS,
    "provider",
    "no",
    "The provider failed to answer properly, and may have taken the text.",
    _EVIDENCE,
    stopped_by="outage",
)
WANTS_LESS = Code(
    "http_409 http_425 http_429",
    BACK_OFF,
    "provider",
    "later",
    "The provider can't take more requests for the moment.",
    _WAIT,
    wait_ms=2_000,
    stopped_by="outage",
)
NOT_ADMITTED = Code(
    "http_401 http_402",
    CONFIGURATION,
    "account",
    "after_change",
    "The provider does not let our account send.",
    _SUPPORT,
    everyone=True,
    stopped_by="key",
)
# A gateway, a firewall or another site than Telnyx, which had no reason to pass the request on.
NOT_THE_PROVIDER = Code(
    "http_3xx",
    CONFIGURATION,
    "provider",
    "later",
    "Something answered in the provider's place, as a gateway or a firewall does: the text was not sent.",
    f"Nothing was sent: see the provider's status page, and what stands between it and us; {_FIXED}.",
    stopped_by="outage",
)
UNCLASSIFIED = Code(
    "unknown_refusal",
    PERMANENT,
    "provider",
    "after_change",
    "The provider refuses this text, for a reason that this service has no explanation for.",
    "Read its title and detail, fix what they name, and send the text again as a new message.",
)
# A receipt's code that is not in the table.
DEFAULT = Code(
    "unknown",
    None,
    "provider",
    "after_change",
    "The provider reports a fault that this service has no explanation for.",
    f"Read its title and detail, or ask the provider's support with the code, before sending again: {_NEW}.",
)

_BY_STATUS = {
    401: NOT_ADMITTED,
    402: replace(NOT_ADMITTED, stopped_by="funds"),
    408: UNKNOWN_OUTCOME,
    409: WANTS_LESS,
    425: WANTS_LESS,
    429: replace(WANTS_LESS, wait_ms=5_000),
}


def _codes(row: str) -> Iterator[str]:
    for word in row.split():
        first, _, last = word.partition("..")
        yield from (str(code) for code in range(int(first), int(last) + 1)) if last else (first,)


CODES = {code: row for row in _TABLE for code in _codes(row.code)}

# One code for two things: our number is on no messaging profile, or the recipient sent STOP.
_PROFILE_OR_STOP = "40300"


def find(fault: Fault) -> Code | None:
    """The row of the fault's code, None if the table does not have it.

    >>> find(Fault("40300", "Blocked due to STOP message")).opted_out
    True
    """
    if fault.code == _PROFILE_OR_STOP:
        words = f"{fault.title} {fault.detail}".lower()
        if "stop" in words or "block rule" in words or "opted out" in words:
            return CODES[RecipientOptedOut.code]
    return CODES.get(fault.code)


def by_status(http_status: int, *, coded: bool) -> Code:
    """What an HTTP status means alone. `coded`: the answer has Telnyx's form of errors, with an unknown code."""
    if http_status in _BY_STATUS:
        return _BY_STATUS[http_status]
    if http_status >= 500 or http_status < 200:
        return UNKNOWN_OUTCOME
    return UNCLASSIFIED if coded and http_status >= 400 else NOT_THE_PROVIDER


def refused(fault: Fault, http_status: int, *, coded: bool) -> Code:
    """What a fault means that an answer to a send carries; its `verdict` is never None."""
    row = find(fault) if coded else None
    # Telnyx's codes are numbers. One of our own, in an answer, is unknown.
    if row is None or row.verdict is None or not fault.code.isdecimal():
        return by_status(http_status, coded=coded)
    return row


def explain(fault: Fault) -> Code:
    """What a fault means that a text carries.

    >>> explain(Fault("40001", "Not routable")).resend
    'no'
    """
    if row := find(fault):
        return row
    if fault.code.startswith("http_") and fault.code[5:].isdecimal():
        return by_status(int(fault.code[5:]), coded=False)
    return DEFAULT if fault.http_status is None else by_status(fault.http_status, coded=True)


# ----------------------------------------------------------------------------------------------------- the page

_LABELS = {
    _PROFILE_OR_STOP: "`40300`, if its detail names no block",
    RecipientOptedOut.code: "`recipient_opted_out`, `40300` for STOP or a block rule",
    NOT_THE_PROVIDER.code: "any other `http_4xx`, `http_3xx`",
    UNCLASSIFIED.code: "a code of a refusal that is not on this page",
    DEFAULT.code: "a code in a receipt that is not on this page",
}


def rows() -> list[tuple[str, Code]]:
    """The whole table for a page: the codes of a row with what is special about them, and what they mean."""
    by_status = (UNKNOWN_OUTCOME, WANTS_LESS, NOT_ADMITTED, NOT_THE_PROVIDER, UNCLASSIFIED, DEFAULT)
    return [(", ".join(map(_label, row.code.split())), row) for row in (*_TABLE, *by_status)]


def _label(word: str) -> str:
    return _LABELS.get(word) or f"`{word.replace('..', '` to `')}`"
