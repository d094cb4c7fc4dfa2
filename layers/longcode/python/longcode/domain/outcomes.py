"""What the provider says of a text: the answer to a request, its record, and its receipts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from longcode.domain.message import Fault
from longcode.domain.status import Status


class Verdict(StrEnum):
    """What a provider's answer to a send means for the message."""

    ACCEPTED = "accepted"
    # Proven not to have been taken, and worth another try.
    NOT_SENT = "not_sent"
    # Proven not to have been taken, because the provider wants less: waiting, not failing.
    BACK_OFF = "back_off"
    PERMANENT = "permanent"
    # Ours or the account's to mend, and the same for every message: stop, alarm, keep the message.
    CONFIGURATION = "configuration"
    # It may have been taken.
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request to the provider.

    `provider_status` is the provider's own word and `status` ours for it. `wait_ms` is the delay that the
    provider asked for, None if it named none. `until_utc_midnight`
    marks a limit that ends with the day. `opted_out` marks a recipient who has sent STOP.
    `ours` marks a fault in this service, that somebody should be told of. `everyone` marks a CONFIGURATION that
    is certain to hold for every text (the key, the funds, the spend limit); without it the refusal may be about
    this one text. `unclassified` marks a PERMANENT whose code is in no table of ours. `faults` are the errors of a
    text that the provider has taken all the same.
    """

    verdict: Verdict
    fault: Fault | None = None
    http_status: int | None = None
    telnyx_id: str | None = None
    provider_status: str | None = None
    status: Status = Status.SUBMITTED
    parts: int | None = None
    wait_ms: int | None = None
    until_utc_midnight: bool = False
    opted_out: bool = False
    ours: bool = False
    everyone: bool = False
    unclassified: bool = False
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """What the provider itself has on record of a message."""

    telnyx_id: str
    status: str
    faults: tuple[Fault, ...] = ()
    parts: int | None = None
    cost: str | None = None
    currency: str | None = None
    completed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider says became of one of our messages: a signed event, or its records, read by the
    reconciler.

    `telnyx_id` is empty where it did not name the message. `note` is ours, for people.
    """

    event_id: str
    telnyx_id: str
    status: Status | None
    word: str
    occurred_ms: int
    faults: tuple[Fault, ...] = ()
    parts: int | None = None
    cost: str | None = None
    currency: str | None = None
    completed_ms: int | None = None
    source: Literal["webhook", "reconciler"] = "webhook"
    note: str | None = None


class Recorded(StrEnum):
    """What a receipt did to the message it is for."""

    ADVANCED = "advanced"
    # Kept in the history; the status already was as far or further.
    KEPT = "kept"
    DUPLICATE = "duplicate"
    # The event carries another telnyx id than the message has.
    FOREIGN = "foreign"
    MISSING = "missing"
