"""What the provider says of a text: the answer to a request, its record, and its receipts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from longcode.domain.errors import RecipientOptedOut
from longcode.domain.message import Fault, Message
from longcode.domain.status import Status

if TYPE_CHECKING:
    from longcode.domain.carriers import Carrier, Subscription
    from longcode.domain.registration import RegistrationEvent

# Who can fix a fault, or has to live with it.
Responsible = Literal["recipient", "content", "sender", "account", "provider", "service"]
# Whether sending a text again can help: never, when time has passed, or when something was changed.
Resend = Literal["no", "later", "after_change"]
# What an open breaker is about. `setup` is the number, its profile, its registration or the account's rights.
StoppedBy = Literal["key", "funds", "setup", "outage"]
# What of the recipient's carrier is used up: a rate a minute, the limit of its day, or, to it, the time that the
# provider's own queue has.
Brakes = Literal["minute", "day", "queue"]


class Verdict(StrEnum):
    """What a provider's answer to a send means for the message."""

    ACCEPTED = "accepted"
    # Proven not to have been taken, and worth another try.
    NOT_SENT = "not_sent"
    # Proven not to have been taken, because the provider wants less: waiting, not failing.
    BACK_OFF = "back_off"
    PERMANENT = "permanent"
    # Ours or the account's to fix, and the same for every message: stop, alarm, keep the message.
    CONFIGURATION = "configuration"
    # It may have been taken.
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Code:
    """What a fault with this code means: for its text, for all others, and in words for people.

    `code` is one code, several with a blank between, or a range as `20003..20005`. `verdict` is that of a refused
    send, None where the code comes in receipts alone or is our own. `wait_ms` is how long a BACK_OFF lasts unless
    the answer says. `everyone` and `until_utc_midnight` are as in Answer. `brakes` is set where other texts to the
    recipient's carrier wait for it as well, and `carrier` where the code is of one carrier alone. `meaning` and
    `next_step` are one sentence each.
    """

    code: str
    verdict: Verdict | None
    responsible: Responsible
    resend: Resend
    meaning: str
    next_step: str
    wait_ms: int | None = None
    stopped_by: StoppedBy = "setup"
    everyone: bool = False
    until_utc_midnight: bool = False
    brakes: Brakes | None = None
    carrier: "Carrier | None" = None

    @property
    def opted_out(self) -> bool:
        """Whether the recipient wants no texts."""
        return self.code == RecipientOptedOut.code


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request to the provider.

    `provider_status` is the provider's own word and `status` ours for it. `wait_ms` is the delay that the
    provider asked for, None if it named none. `until_utc_midnight`
    marks a limit that ends with the day. `opted_out` marks a recipient who has sent STOP.
    `ours` marks a fault of this service. `everyone` marks a CONFIGURATION that
    is certain to hold for every text (the key, the funds, the spend limit); without it the refusal may be about
    this one text. `unclassified` marks a PERMANENT whose code is in no table of ours. `faults` are the errors of a
    text that the provider has taken all the same.

    Of a text that was taken also: `subscription` is the recipient's carrier. `registered` is whether our number is
    registered with the US carriers (10DLC), None if the provider did not say. `queue_ms` is how long the text
    waits in the provider's own queue, and `valid_until_ms` when it is given up there. `note` is ours, for the
    text's history.
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
    subscription: "Subscription | None" = None
    registered: bool | None = None
    queue_ms: int | None = None
    valid_until_ms: int | None = None
    note: str | None = None


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
    subscription: "Subscription | None" = None


@dataclass(frozen=True, slots=True)
class Record:
    """What the provider itself has on record of a message.

    `word` is the provider's own for its status, and `status` ours; None: a word that this service does not know.
    """

    telnyx_id: str
    word: str
    status: Status | None
    faults: tuple[Fault, ...] = ()
    parts: int | None = None
    cost: str | None = None
    currency: str | None = None
    completed_ms: int | None = None
    subscription: "Subscription | None" = None

    def answer(self) -> Answer:
        """The answer that a send must have had, since the provider has the message on record."""
        return Answer(
            Verdict.ACCEPTED,
            telnyx_id=self.telnyx_id,
            provider_status=self.word,
            status=self.status or Status.SUBMITTED,
            parts=self.parts,
            faults=self.faults,
            subscription=self.subscription,
        )

    def receipt(self, now_ms: int) -> Receipt:
        """The receipt that the record stands for; one event id a status, so that it is kept once."""
        return Receipt(
            event_id=f"record:{self.telnyx_id}:{self.word}",
            telnyx_id=self.telnyx_id,
            status=None if self.status is Status.SUBMITTED else self.status,
            word=self.word,
            occurred_ms=now_ms,
            faults=self.faults,
            parts=self.parts,
            cost=self.cost,
            currency=self.currency,
            completed_ms=self.completed_ms,
            source="reconciler",
            subscription=self.subscription,
        )


class Recorded(StrEnum):
    """What a receipt did to the message it is for."""

    ADVANCED = "advanced"
    # Kept in the history; the status already was as far or further.
    KEPT = "kept"
    DUPLICATE = "duplicate"
    # The event carries another telnyx id than the message has.
    FOREIGN = "foreign"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Recording:
    """What a receipt did to its message, and the message as it was before; None where there is none."""

    recorded: Recorded
    before: Message | None = None


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A webhook event: what it is, and what it says of a message in our terms.

    `message_id` is the last part of the signed webhook URL, where we put our id. `odd` names what is not as the
    provider documents it. `by_recipient` has a receipt for each, where an event is about several. `registration`
    is what it says of our 10DLC registration.
    """

    id: str
    type: str
    message_id: str | None = None
    receipt: Receipt | None = None
    inbound: Message | None = None
    odd: tuple[str, ...] = ()
    by_recipient: Mapping[str, Receipt] = field(default_factory=dict)
    registration: "RegistrationEvent | None" = None
