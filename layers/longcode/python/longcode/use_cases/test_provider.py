"""The provider of test texts: it sends nothing, and answers as the number of each text says."""

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longcode.domain.errors import Unavailable
from longcode.domain.magic_numbers import Outcome, outcome_of
from longcode.domain.message import NAMESPACE, Fault, Message, iso
from longcode.domain.outcomes import Answer, Receipt, Record, Verdict

if TYPE_CHECKING:
    from longcode.domain.campaign import CampaignFacts
    from longcode.domain.carriers import Subscription
    from longcode.use_cases.ports import Explain, Limits

# What a test text costs, in a currency as receipts name one.
_COST, _CURRENCY = "0", "USD"


@dataclass(frozen=True, slots=True)
class TextlessProvider:
    """ports.Provider without a provider. Only how often a text was asked for is kept, where its number counts it.

    So what it has on record of a text follows from the text alone, whichever process asks.
    """

    limits: "Limits"
    explain: "Explain"

    def prepare(self) -> None:
        """Nothing is needed."""

    def send(self, message: Message) -> Answer:
        outcome = outcome_of(message.recipient)
        try:
            refusal = outcome.refusal if self._refuses(message, outcome) else None
        except Unavailable as exc:
            fault = Fault("provider_unreachable", "The provider could not be reached.", type(exc).__name__)
            return Answer(Verdict.NOT_SENT, fault)
        if refusal:
            return self._refusal(refusal, outcome)
        return Answer(
            Verdict.ACCEPTED,
            http_status=200,
            telnyx_id=telnyx_id(message),
            provider_status=outcome.status.value if outcome.status.final else "queued",
            status=outcome.status,
            parts=message.segments,
        )

    def _refuses(self, message: Message, outcome: Outcome) -> bool:
        if outcome.refusal is None or outcome.tries is None:
            return outcome.refusal is not None
        key = f"day#{iso(message.accepted_ms)[:10]}#tries#{message.id}"
        return self.limits.count(key, outcome.tries, message.accepted_ms) > 0

    def _refusal(self, fault: Fault, outcome: Outcome) -> Answer:
        """What a fault means that an answer carries, but for what it would say of other texts."""
        row = self.explain(fault)
        verdict = row.verdict or Verdict.AMBIGUOUS
        return Answer(
            verdict,
            fault,
            fault.http_status,
            wait_ms=(outcome.wait_ms or row.wait_ms) if verdict is Verdict.BACK_OFF else None,
            opted_out=row.opted_out,
        )

    def record_of(self, message: Message) -> Record | None:
        outcome = outcome_of(message.recipient)
        if message.telnyx_id is None and outcome.refusal and not outcome.taken:
            return None
        word, faults = outcome.on_record, outcome.faults
        return Record(
            telnyx_id(message), word.value, word, faults, message.segments, _COST, _CURRENCY,
        )  # fmt: skip

    def campaign(self, number: str) -> "CampaignFacts":  # noqa: ARG002
        raise Unavailable("What the provider knows of the campaign")

    def lookup(self, number: str) -> "Subscription | None":  # noqa: ARG002
        return None


def telnyx_id(message: Message) -> str:
    """The provider's id of a test text: the same each time, and none that the provider has given."""
    return str(uuid.uuid5(NAMESPACE, f"test\n{message.id}"))


def receipts(message: Message, now_ms: int) -> list[Receipt]:
    """What is reported of a test text that was taken, in the order in which it comes."""
    outcome = outcome_of(message.recipient)
    if not outcome.reported:
        return []
    return [
        Receipt(
            event_id=f"test:{message.id}:{number}",
            telnyx_id=telnyx_id(message),
            status=status,
            word=status.value,
            occurred_ms=now_ms,
            faults=outcome.faults if status is outcome.receipts[-1] else (),
            parts=message.segments,
            cost=_COST if status.final else None,
            currency=_CURRENCY if status.final else None,
            completed_ms=now_ms if status.final else None,
        )
        for number, status in enumerate(outcome.receipts)
    ]


def is_taken_in_doubt(message: Message) -> bool:
    """Whether a text was taken although no answer said so."""
    return outcome_of(message.recipient).taken
