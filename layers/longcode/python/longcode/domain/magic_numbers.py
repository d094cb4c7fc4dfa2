"""What becomes of a test text, by the last four digits of its number: the one table behind docs/test-keys.md."""

# The simulated provider (devtools/telnyx_simulator) has the same endings with the same meanings, so that anyone
# who knows one knows the other; a test compares them. Any area code will do, and a number that is in no row is
# delivered. What befalls a webhook alone is not here: receipts of test texts come by none.

import re
from dataclasses import dataclass

from longcode.domain.message import Fault
from longcode.domain.status import Status

_FICTION = re.compile(r"\+1[2-9][0-9]{2}555(01[0-9]{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a text.

    `refusal` is what the answer to a request says instead of taking the text, in the first `tries` of its requests
    (None: in each). `taken`: it was taken all the same, as its receipts say. `wait_ms` is the delay that a refusal
    asks for. `receipts` are the statuses that are reported, in that order, and `faults` those of the last one.
    `reported` says whether they come, or are only on record. `status` is that of the answer that takes the text.
    """

    name: str
    meaning: str
    ending: str | None = None
    refusal: Fault | None = None
    taken: bool = False
    tries: int | None = None
    wait_ms: int | None = None
    receipts: tuple[Status, ...] = (Status.SENT, Status.DELIVERED)
    faults: tuple[Fault, ...] = ()
    reported: bool = True
    status: Status = Status.SUBMITTED

    @property
    def on_record(self) -> Status:
        """What the records have of a text that was taken."""
        return Status.DELIVERED if Status.DELIVERED in self.receipts else self.receipts[-1]


def _ends(ending: str, name: str, meaning: str, *receipts: Status, fault: Fault | None = None) -> Outcome:
    return Outcome(name, meaning, ending, receipts=receipts, faults=(fault,) if fault else ())


def _refused(
    ending: str, name: str, meaning: str, fault: Fault, *, tries: int | None = None, wait_ms: int | None = None
) -> Outcome:
    return Outcome(name, meaning, ending, refusal=fault, tries=tries, wait_ms=wait_ms)


def _doubtful(ending: str, name: str, meaning: str, fault: Fault) -> Outcome:
    return Outcome(name, meaning, ending, refusal=fault, taken=True)


def _by_machine(http_status: int) -> Fault:
    """The answer of a machine in front of the provider."""
    return Fault(f"http_{http_status}", f"The provider answered {http_status}.", "", http_status)


_NO_ANSWER = Fault("provider_no_answer", "The provider did not answer in time.")
_UNEXPECTED = Fault("10007", "Unexpected error", "An unexpected error occurred.", 500)

DELIVERED = Outcome("delivered", "taken, then `sent` and `delivered`")
OUTCOMES = (
    DELIVERED,
    Outcome(
        "webhooks_reordered",
        "delivered; the final receipt comes before that for `sent`",
        "0131",
        receipts=(Status.DELIVERED, Status.SENT),
    ),
    Outcome(
        "webhooks_lost",
        "delivered, but no receipt comes: found on record after 15 minutes",
        "0132",
        reported=False,
    ),
    _ends(
        "0140",
        "delivery_failed",
        "`delivery_failed` (40008)",
        Status.SENT,
        Status.DELIVERY_FAILED,
        fault=Fault("40008", "Undeliverable", "The recipient carrier did not accept it."),
    ),
    _ends("0141", "delivery_unconfirmed", "`delivery_unconfirmed`", Status.SENT, Status.DELIVERY_UNCONFIRMED),
    _ends(
        "0142",
        "unconfirmed_then_delivered",
        "`delivery_unconfirmed`, then `delivered` after all",
        Status.SENT,
        Status.DELIVERY_UNCONFIRMED,
        Status.DELIVERED,
    ),
    _ends(
        "0143",
        "never_finalized",
        "`sent`, and nothing after it: `delivery_unconfirmed` after ten days",
        Status.SENT,
    ),
    _ends(
        "0144",
        "sending_failed",
        "`sending_failed` (40010), never sent",
        Status.SENDING_FAILED,
        fault=Fault("40010", "Not 10DLC registered", "The sender has no 10DLC campaign."),
    ),
    _ends(
        "0145",
        "expired",
        "`expired` (40005)",
        Status.SENT,
        Status.EXPIRED,
        fault=Fault("40005", "Message expired", "The message expired during transmission."),
    ),
    _ends(
        "0146",
        "landline",
        "`delivery_failed` (40001)",
        Status.SENT,
        Status.DELIVERY_FAILED,
        fault=Fault("40001", "Not routable", "The destination is a landline."),
    ),
    Outcome(
        "delivered_at_once",
        "`delivered` by the first answer",
        "0147",
        status=Status.DELIVERED,
    ),
    _refused(
        "0150",
        "opted_out",
        "refused: the recipient has sent STOP (40300). The opt-outs stay as they are",
        Fault(
            "40300",
            "Blocked due to STOP message",
            "Messages cannot be sent due to an existing block rule.",
            403,
        ),
    ),
    _refused(
        "0151",
        "invalid_number",
        "refused: the number can't be texted (40310)",
        Fault("40310", "Invalid 'to' address", "The 'to' address cannot receive messages.", 400),
    ),
    _refused(
        "0152",
        "not_whitelisted",
        "refused: the destination is not allowed (40309)",
        Fault(
            "40309",
            "Invalid destination region",
            "The destination's region is not in the messaging profile's list of allowed destinations.",
            400,
        ),
    ),
    _refused(
        "0153",
        "from_not_on_profile",
        "refused each time: our number is on no messaging profile (40300)",
        Fault(
            "40300",
            "Sending number not assigned to a messaging profile",
            "The 'from' number is not assigned to a messaging profile.",
            403,
        ),
    ),
    _refused(
        "0154",
        "rate_limited",
        "429 (10011) with a wait of 1 s, twice; then delivered",
        Fault("10011", "Too many requests", "You have exceeded the maximum number of allowed requests.", 429),
        tries=2,
        wait_ms=1_000,
    ),
    _refused(
        "0155",
        "spend_limit",
        "refused each time: the daily spend limit (40333)",
        Fault(
            "40333",
            "Messaging profile spend limit reached",
            "The daily spend limit configured on this messaging profile has been reached",
            429,
        ),
    ),
    _refused(
        "0156",
        "queue_full",
        "the provider's queue is full (40318), twice; then delivered",
        Fault("40318", "Message queue full", "The number's queue is full: messages wait at most 4 hours.", 400),
        tries=2,
    ),
    _refused(
        "0157",
        "no_funds",
        "refused each time: insufficient funds (20100)",
        Fault("20100", "Insufficient funds", "You have insufficient funds to perform this action.", 403),
    ),
    _refused(
        "0158",
        "service_busy",
        "503 (10037) with a wait of 1 s, twice; then delivered",
        Fault("10037", "Service busy", "The service is temporarily busy. Try again later.", 503),
        tries=2,
        wait_ms=1_000,
    ),
    _refused("0160", "server_error", "500 (10007), never taken", _UNEXPECTED),
    _refused(
        "0161",
        "server_error_once",
        "500 (10007), not taken, once; then delivered",
        _UNEXPECTED,
        tries=1,
    ),
    _refused(
        "0162",
        "request_timeout",
        "408 (10008), never taken",
        Fault("10008", "Request timeout", "The request timed out.", 408),
    ),
    _refused(
        "0163",
        "bad_gateway",
        "502 from a machine in front of the provider, never taken",
        _by_machine(502),
    ),
    _refused("0164", "lost_then_hang", "no answer, not taken, once; then delivered", _NO_ANSWER, tries=1),
    _refused("0165", "lost_then_reset", "as 0164: the connection breaks", _NO_ANSWER, tries=1),
    _doubtful("0170", "accepted_then_500", "delivered, although the answer was 500 (10007)", _UNEXPECTED),
    _doubtful("0171", "accepted_then_hang", "delivered, although no answer came", _NO_ANSWER),
    _doubtful("0172", "accepted_then_reset", "as 0171: the connection breaks", _NO_ANSWER),
    _doubtful(
        "0173",
        "accepted_then_truncated",
        "delivered, although the answer can't be read",
        Fault("provider_unreadable", "The provider's answer could not be read.", "", 200),
    ),
    _doubtful("0174", "accepted_then_cut", "as 0171: the answer breaks off", _NO_ANSWER),
    _doubtful(
        "0175",
        "accepted_then_gateway",
        "delivered, although the answer was 504 from a machine in between",
        _by_machine(504),
    ),
)

_BY_ENDING = {outcome.ending: outcome for outcome in OUTCOMES if outcome.ending}


def outcome_of(number: str) -> Outcome:
    """The outcome that a number (E.164) stands for.

    >>> outcome_of("+12025550140").name, outcome_of("+447700900140").name
    ('delivery_failed', 'delivered')
    """
    match = _FICTION.fullmatch(number)
    return _BY_ENDING.get(match[1], DELIVERED) if match else DELIVERED


def rows() -> list[tuple[str, str, str]]:
    """The table for a page: the ending, the outcome's name, and what it means."""
    magic = sorted((outcome.ending, outcome.name, outcome.meaning) for outcome in OUTCOMES if outcome.ending)
    return [*magic, ("any other", DELIVERED.name, DELIVERED.meaning)]
