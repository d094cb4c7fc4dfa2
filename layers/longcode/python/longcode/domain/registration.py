"""10DLC, the registration that texts within the United States need: what answers and events say of ours."""

from dataclasses import dataclass
from enum import StrEnum

from longcode.domain.campaign import CampaignFacts
from longcode.domain.destinations import in_us

# What a text has in its history that was taken without a registration.
UNREGISTERED = "The provider took it without a registered campaign: US carriers may refuse it."

_MINUTE = 60_000


class Lost(StrEnum):
    """Why our number is not registered any more, by an event: the code that the breaker's reason begins with."""

    SUSPENDED = "10dlc_suspended"
    EXPIRED = "10dlc_expired"
    DORMANT = "10dlc_dormant"
    # The number was taken off its campaign, or off the networks that had it.
    NUMBER_REMOVED = "10dlc_number_removed"


@dataclass(frozen=True, slots=True)
class RegistrationEvent:
    """What an event says of a campaign (`number` empty), or of one of its numbers.

    `campaign_ids` are the ids by which it names the campaign. Either it has `lost`, or it says that whatever is
    among `regained` is over. `words` are the provider's, masked, perhaps empty.
    """

    campaign_ids: tuple[str, ...]
    occurred_ms: int
    lost: Lost | None = None
    regained: tuple[Lost, ...] = ()
    number: str = ""
    words: str = ""

    @property
    def reason(self) -> str:
        """Why the breaker is open: a code, and words after a blank."""
        return f"{self.lost} {self.words}".strip() if self.lost else ""


def is_ours(event: RegistrationEvent, number: str, facts: CampaignFacts | None) -> bool:
    """Whether an event is about `number`, which is ours, or about its campaign. As long as that is not known, any
    is believed to be.
    """
    if not in_us(number) or (event.number and event.number != number):
        return False
    if event.number and event.regained:
        # It may have come to another campaign than it was read to be on.
        return True
    known = {ident.lower() for ident in (facts.campaign_id, facts.tcr_id) if ident} if facts else set[str]()
    named = {ident.lower() for ident in event.campaign_ids}
    return not known or not named or bool(known & named)


def is_unregistered(registered: bool | None, sender: str, recipient: str) -> bool:
    """Whether an answer says that a text which needs a registration went without one."""
    return registered is False and in_us(sender) and in_us(recipient)


def probe_ms(since_ms: int, now_ms: int) -> int:
    """For how long a breaker stays open that an event has opened at `since_ms`, before one text tries: a quarter
    of that time, 5 minutes at least and an hour at most.

    Longer than after a refusal: the text that tries is taken, and US carriers may refuse it. An event ends it
    sooner.
    """
    return min(max((now_ms - since_ms) // 4, 5 * _MINUTE), 60 * _MINUTE)
