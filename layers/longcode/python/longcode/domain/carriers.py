"""The recipient's carrier: which one a number is on, as far as it is known, and a stop of one carrier's texts."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from longcode.domain.status import HeldBy

# Numbers move between carriers, so what was learnt is believed for 30 days. It is written again after half of
# that, not with each text.
BELIEVED_MS = 30 * 86_400_000
RENEWED_MS = BELIEVED_MS // 2


class Carrier(StrEnum):
    """The US carriers that have limits of their own. `other` is any that is named and is none of these."""

    ATT = "att"
    T_MOBILE = "t_mobile"
    VERIZON = "verizon"
    US_CELLULAR = "us_cellular"
    OTHER = "other"


def is_north_american(number: str) -> bool:
    """Whether a number may be on one of these carriers: it has their country code, which Canada and others share.

    Nothing is learnt of any other number.
    """
    return number.startswith("+1")


@dataclass(frozen=True, slots=True)
class Subscription:
    """A number's carrier and kind of line, as the provider named them at `seen_ms` (epoch milliseconds).

    `line_type` is the provider's word in lower case (`wireless`, `voip`, `wireline`, …), empty if it gave none.
    """

    carrier: Carrier
    line_type: str
    seen_ms: int

    def believed(self, now_ms: int) -> bool:
        """Whether it is recent enough to pace by."""
        return now_ms < self.seen_ms + BELIEVED_MS

    def is_news(self, known: "Subscription | None") -> bool:
        """Whether it is to be written down, `known` being what is there."""
        if known is None or (known.carrier, known.line_type) != (self.carrier, self.line_type):
            return True
        return self.seen_ms >= known.seen_ms + RENEWED_MS


@dataclass(frozen=True, slots=True)
class CarrierStop:
    """No text goes to a carrier before `until_ms`, because it refused one or the provider's queue to it is long;
    `held_by` is what the others wait for, and `times` which of several such stops in a row it is.
    """

    carrier: Carrier
    until_ms: int
    held_by: HeldBy
    times: int = 1


def stopped(
    stops: Iterable[CarrierStop], subscription: Subscription | None, recipient: str, now_ms: int
) -> CarrierStop | None:
    """The stop that holds a recipient's texts back now, of several the one that ends last; None if none does.

    A US number of which no carrier is believed may be on either of those that count our segments, so it waits for
    both.
    """
    if subscription and subscription.believed(now_ms):
        theirs = {subscription.carrier}
    else:
        theirs = {Carrier.ATT, Carrier.T_MOBILE} if is_north_american(recipient) else set()
    held = [stop for stop in stops if stop.carrier in theirs and stop.until_ms > now_ms]
    return max(held, key=lambda stop: stop.until_ms, default=None)
