"""What decides whether a text may leave now: limits, stops, brakes and opt-outs, as one read."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longcode.domain import braking
from longcode.domain.braking import Brake
from longcode.domain.message import Fault
from longcode.domain.priority import Priority
from longcode.domain.tag_brake import Pause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longcode.domain.campaign import CampaignFacts
    from longcode.domain.carriers import CarrierStop, Subscription


@dataclass(frozen=True, slots=True)
class Control:
    """Whether sending is stopped for all texts, and why; and what speaks for a stop.

    `pauses` are those of one priority alone.

    `suspects` are recipients whose texts the provider did not take in a way that may be the same for all, each
    with the kind of trouble in front (`outage +12025550123`); empty as long as all is well. `sound_ms` is when the
    provider last took a text after it had not taken others; `opened_ms` and `closed_ms` are when the breaker's
    last stop, if it is over, began and ended. `registration_lost` is the reason with which an event on our 10DLC
    registration opened the breaker; that closes only when the registration is known to be back.
    """

    paused_since_ms: int | None = None
    pause_reason: str = ""
    pauses: "Mapping[Priority, Pause]" = field(default_factory=dict)
    breaker_since_ms: int | None = None
    breaker_until_ms: int | None = None
    # The provider's code and title, with a blank between.
    breaker_reason: str = ""
    suspects: frozenset[str] = frozenset()
    sound_ms: int | None = None
    opened_ms: int | None = None
    closed_ms: int | None = None
    registration_lost: str = ""

    def paused(self, priority: Priority | None) -> Pause | None:
        """The pause that holds texts of a priority, None: those of both."""
        if self.paused_since_ms is not None:
            return Pause(self.paused_since_ms, self.pause_reason)
        return self.pauses.get(priority) if priority else None

    @property
    def breaker_fault(self) -> Fault:
        """The fault that opened the breaker, with what is kept of it."""
        code, _, title = self.breaker_reason.partition(" ")
        return Fault(code, title)


@dataclass(frozen=True, slots=True)
class Limiter:
    """One limit as it stands: when its next slot is free, and a moment before which nothing may leave.

    Of a recipient also: how many answers in a row did not take a text to them in the same way (`troubles`,
    `trouble_kind`), when the last one came, and how many of them came while the provider took the texts of others
    (`alone`); which of their texts came into doubt last, and when; which text in doubt has the recipient queue to
    itself, and from when on (`turn_id`, `turn_ms`). Of a sender: its brake after a 429, if it ever had one, and
    its next turn.

    `departures` are when the last texts left to a recipient, in order of time; kept where RecipientLimits is set.
    """

    tat_ms: int | None = None
    not_before_ms: int | None = None
    troubles: int = 0
    trouble_kind: str = ""
    troubled_ms: int | None = None
    alone: int = 0
    doubt_ms: int | None = None
    doubt_id: str | None = None
    turn_ms: int = 0
    turn_id: str = ""
    brake: Brake | None = None
    turns: int = 0
    departures: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The last 429 before this one: for whom and when; and the sender's brake as it stands."""

    recipient: str = ""
    at_ms: int = 0
    brake: Brake | None = None
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """All that stands between a text and the provider, as one read.

    `unclear_ms` is when the recipient sent what may ask for an end, None if that is answered or holds no texts
    (HoldOnUnclear). `subscription` is the recipient's carrier as it was learnt, however long ago. `campaign` and
    `carrier_stops` are the sender's. `tag_pause` is that of the tag that was asked for, `carrier_pauses` are those
    of all carriers; they hold bulk texts.
    """

    recipient: Limiter = Limiter()
    sender: Limiter = Limiter()
    account: Limiter = Limiter()
    # Up to when bulk texts have been given their turn at the same two, as they wait for one beforehand.
    bulk_sender: Limiter = Limiter()
    bulk_account: Limiter = Limiter()
    control: Control = Control()
    opted_out: bool = False
    unclear_ms: int | None = None
    subscription: "Subscription | None" = None
    campaign: "CampaignFacts | None" = None
    carrier_stops: "tuple[CarrierStop, ...]" = ()
    tag_pause: "Pause | None" = None
    carrier_pauses: "Mapping[str, Pause]" = field(default_factory=dict)

    @property
    def not_before_ms(self) -> int:
        """The moment before which nothing may leave to this recipient; 0 where none is set."""
        return self.recipient.not_before_ms or 0

    def shared(self, priority: Priority) -> tuple[Limiter, Limiter]:
        """The limiters of sender and account by which a text that waits gets its turn."""
        return (self.bulk_sender, self.bulk_account) if priority is Priority.BULK else (self.sender, self.account)

    def brake(self, now_ms: int) -> Brake | None:
        """The sender's brake, if it still limits any text."""
        brake = self.sender.brake
        return None if brake is None or braking.lapsed(brake, now_ms) else brake


@dataclass(frozen=True, slots=True)
class Trouble:
    """An answer that did not take a text: in which way, how often alone (Limiter), and the text's id if that is in
    doubt.
    """

    kind: str
    alone: int = 0
    doubt_id: str | None = None
