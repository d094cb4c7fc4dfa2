"""What a 10DLC campaign may send to each US carrier: the limits, and where they come from."""

# Source: developers.telnyx.com, "10DLC Rate Limits & Throughput", as of 2026-06-11. The tables differ by year
# and by provider, so each number is a default that a parameter replaces.

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from longcode.domain.carriers import Carrier

# Segments a minute that AT&T takes of one campaign, by its message class; of G and N of each number.
ATT_PER_MINUTE: Mapping[str, int] = {
    "A": 4500, "B": 4500, "C": 2400, "D": 2400, "E": 240, "F": 240, "G": 60, "K": 4500, "N": 60, "P": 2400,
    "S": 9000, "T": 75, "W": 15, "X": 4500,
}  # fmt: skip
# Segments a day that T-Mobile takes of one brand, by the words that the provider and the registry have for its
# tier.
T_MOBILE_PER_DAY: Mapping[str, int] = {
    "top": 200_000, "high": 40_000, "upper_mid": 40_000, "medium": 10_000, "mid": 10_000, "lower_mid": 10_000,
    "basic": 2_000, "low": 2_000, "sole_proprietor": 1_000,
}  # fmt: skip

MINUTE_MS = 60_000
# The distance of two segments is a hundredth longer than the limit asks, so that 600 ms of jitter of working
# machines bring no segment too many into a minute.
_RATE_MARGIN = 1.01


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What the provider's 10DLC endpoints said at `read_ms` of the campaign of our number.

    Empty or None is what they did not say; without a `campaign_id` the number is on none. `tcr_id` is the
    registry's id for the same campaign. `assignment` is the provider's word for the state of the number
    (`ASSIGNED`); `att_per_minute` and `t_mobile_per_day` are segments.
    """

    read_ms: int
    campaign_id: str = ""
    assignment: str = ""
    att_class: str = ""
    att_per_minute: int | None = None
    t_mobile_tier: str = ""
    t_mobile_per_day: int | None = None
    tcr_id: str = ""


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """The parameters on carriers. None and empty leave it to the provider's facts.

    `other_providers` is the share of T-Mobile's day that is sent through other providers, and `margin` the share
    that is left unused, both percent. `transactional` is the share of each limit that bulk texts leave to the
    others, percent. `per_minute` is segments a minute of further carriers.
    """

    campaign_class: str = ""
    att_per_minute: int | None = None
    t_mobile_per_day: int | None = None
    other_providers: int = 0
    margin: int = 3
    transactional: int = 0
    per_minute: Mapping[Carrier, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CarrierLimits:
    """What may leave to each carrier: segments a minute, and segments a day of Los Angeles. One not named has
    none.
    """

    per_minute: Mapping[Carrier, int] = field(default_factory=dict)
    per_day: Mapping[Carrier, int] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether there is any limit at all."""
        return bool(self.per_minute or self.per_day)

    def rated(self, carrier: Carrier | None) -> list[Carrier]:
        """Whose limits a minute a text counts against: its carrier's, or AT&T's as long as that is not known."""
        return [one for one in ([carrier] if carrier else [Carrier.ATT]) if one in self.per_minute]

    def capped(self, carrier: Carrier | None) -> list[Carrier]:
        """Whose limits a day a text counts against: its carrier's, or T-Mobile's as long as that is not known."""
        return [one for one in ([carrier] if carrier else [Carrier.T_MOBILE]) if one in self.per_day]


def limits(settings: CampaignSettings, facts: CampaignFacts | None) -> CarrierLimits:
    """The limits that hold: the parameters', else the provider's numbers, else those of its class or tier.

    A limit that no one names is none.
    """
    per_minute, per_day = dict(settings.per_minute), dict[Carrier, int]()
    att = settings.att_per_minute or ATT_PER_MINUTE.get(settings.campaign_class)
    day = settings.t_mobile_per_day
    if facts:
        att = att or facts.att_per_minute or ATT_PER_MINUTE.get(facts.att_class)
        day = day or facts.t_mobile_per_day or T_MOBILE_PER_DAY.get(facts.t_mobile_tier.lower().replace(" ", "_"))
    if att:
        per_minute[Carrier.ATT] = att
    if day:
        ours = day * (100 - settings.other_providers) // 100
        per_day[Carrier.T_MOBILE] = max(1, ours - ours * settings.margin // 100)
    return CarrierLimits(per_minute, per_day)


# ------------------------------------------------------------------------------------------ the minute


@dataclass(frozen=True, slots=True)
class Departures:
    """When texts of one carrier may leave, milliseconds after the first moment that is free; `length_ms` of it is
    taken by all of them.
    """

    offsets_ms: list[int]
    length_ms: int


def departures(weights: Sequence[int], per_minute: int) -> Departures:
    """Texts of so many segments each, so far apart that no minute has more than `per_minute` segments.

    A text counts as a whole where it leaves, so a limit that only adds up would let a minute with long texts at
    both of its ends have more. So many of the longer one of two neighbours as fit into a minute are that
    minute's; where the two differ, what the shorter one has beyond one segment comes on top. What left before
    the first is not known.
    """
    if not weights:
        return Departures([], 0)
    one = _length_ms(1, per_minute)
    at_ms = _length_ms(weights[0], per_minute) - one
    moments = [at_ms]
    for before, weight in pairwise(weights):
        at_ms += _length_ms(max(before, weight), per_minute)
        if before != weight:
            at_ms += (min(before, weight) - 1) * one
        moments.append(at_ms)
    return Departures([math.ceil(at) for at in moments], math.ceil(at_ms + _length_ms(weights[-1], per_minute)))


def segment_ms(per_minute: int) -> int:
    """The distance of texts of one segment each."""
    return math.ceil(_length_ms(1, per_minute))


def _length_ms(weight: int, per_minute: int) -> float:
    """The distance of texts of `weight` segments each."""
    return MINUTE_MS * _RATE_MARGIN / (per_minute // weight or per_minute / weight)
