"""What is registered for 10DLC: one brand, its campaigns, the numbers on them, and what each may send."""

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from . import fields
from .faults import BadFault
from .fields import Field
from .networks import Network

BRAND_ID = "97091164-e814-435c-9c1b-14ab2d18e987"
TCR_BRAND_ID = "B970911"
CAMPAIGN_ID = "751c6a5c-907b-43a9-8ada-ba1dc8335b07"
EVENT = "10dlc.campaign.update"


class AttClass(NamedTuple):
    """What AT&T allows a minute, in segments, to a campaign or to each of its numbers."""

    tpm: int
    mms_tpm: int
    scope: str = "CAMPAIGN"


# Source: developers.telnyx.com, "10DLC Rate Limits & Throughput", as of 2026-06-11.
ATT_CLASSES = {
    **dict.fromkeys("AB", AttClass(4500, 2400)),
    **dict.fromkeys("CD", AttClass(2400, 1200)),
    **dict.fromkeys("EF", AttClass(240, 150)),
    "T": AttClass(75, 50),
    "W": AttClass(15, 50),
    "K": AttClass(4500, 2400),
    "P": AttClass(2400, 1200),
    "S": AttClass(9000, 2400),
    "X": AttClass(4500, 2400),
    **dict.fromkeys("GN", AttClass(60, 50, "NUMBER")),
}


class Tier(NamedTuple):
    """What T-Mobile allows a brand a day, in segments, from a vetting score on. `registry` is TCR's word."""

    score: int
    cap: int
    name: str
    registry: str


# The same page and date. TCR's word for the lowest tier was seen in its answers; the others follow it.
TIERS = (
    Tier(75, 200_000, "Top", "TOP"),
    Tier(50, 40_000, "High", "UPPER_MID"),
    Tier(25, 10_000, "Medium", "LOWER_MID"),
    Tier(0, 2_000, "Basic", "LOW"),
)
SOLE_PROPRIETOR = Tier(0, 1_000, "Sole Proprietor", "LOW")


class Status(StrEnum):
    """What a campaign is. Only an active one makes its numbers registered."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    DORMANT = "dormant"


class Naming(StrEnum):
    """Whose field names the campaign's metadata has; what the provider passes on is not documented."""

    REGISTRY = "registry"  # TCR's: tpm, tpmScope, msgClass, brandTier, brandDailyCap
    GUIDE = "guide"  # those of the provider's guide: attMsgClass, attTpm, tMobileBrandTier
    COMMON = "common"  # only the fields that its API reference has
    NONE = "none"  # no network at all, as of a campaign that was submitted to none


class Assignment(StrEnum):
    """How far a number has come onto its campaign, or off it, in the words of the API reference."""

    ASSIGNED = "ASSIGNED"
    PENDING = "PENDING_ASSIGNMENT"
    FAILED = "FAILED_ASSIGNMENT"
    LEAVING = "PENDING_UNASSIGNMENT"
    STAYING = "FAILED_UNASSIGNMENT"


class Mapped(StrEnum):
    """Whether a carrier has entered a number. The API reference has the fields and not their words."""

    # As seen in its answers.
    ADDED = "ADDED"
    PENDING = "PENDING"
    FAILED = "FAILED"


@dataclass(slots=True)
class Brand:
    """Who sends. `score` is the vetting score; `daily_cap` replaces the cap of its tier."""

    score: int | None = 100
    sole_proprietor: bool = False
    daily_cap: int | None = None

    @property
    def tier(self) -> Tier:
        """The tier at T-Mobile."""
        if self.sole_proprietor:
            return SOLE_PROPRIETOR
        return next(tier for tier in TIERS if (self.score or 0) >= tier.score)

    @property
    def cap(self) -> int:
        """Segments a day at T-Mobile, over all campaigns and providers."""
        return self.tier.cap if self.daily_cap is None else self.daily_cap


@dataclass(slots=True)
class Campaign:
    """One use of the numbers on it. `att_tpm` replaces the number of its class."""

    id: str
    tcr_id: str
    message_class: str = "A"
    att_tpm: int | None = None
    status: Status = Status.ACTIVE
    webhook_url: str | None = None
    failover_url: str | None = None
    t_mobile_registered: bool = True
    # The networks that the metadata calls not qualified for, and not supporting, this use.
    unqualified: list[str] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)

    @property
    def tpm(self) -> int:
        """Segments a minute at AT&T."""
        return ATT_CLASSES[self.message_class].tpm if self.att_tpm is None else self.att_tpm

    @property
    def by_number(self) -> bool:
        """Whether AT&T's limit is each number's, and not the campaign's."""
        return ATT_CLASSES[self.message_class].scope == "NUMBER"


@dataclass(slots=True)
class Membership:
    """What is known of a number on its campaign. The carriers' entries are shown, and enforced nowhere."""

    assignment: Assignment = Assignment.ASSIGNED
    failure_reasons: str | None = None
    t_mobile_mapping: Mapped | None = Mapped.ADDED
    other_mapping: Mapped | None = Mapped.ADDED

    @property
    def complete(self) -> bool:
        """Whether its texts go as those of the campaign."""
        return self.assignment not in (Assignment.PENDING, Assignment.FAILED)


def is_score(value: Any) -> bool:
    """Whether it is a vetting score, 0 to 100."""
    return fields.is_count(value) and value <= 100


def are_networks(value: Any) -> bool:
    """Whether it is some of the networks that the metadata has."""
    return isinstance(value, list) and all(one in NETWORKS for one in value)


# The networks in a campaign's metadata, by the number that each has in the registry.
NETWORKS = {
    Network.ATT: ("10017", "AT&T"),
    Network.T_MOBILE: ("10035", "T-Mobile"),
    Network.US_CELLULAR: ("10037", "US Cellular"),
    Network.VERIZON: ("10038", "Verizon Wireless"),
}
SOME_NETWORKS = Field(are_networks, f"an array with any of {', '.join(NETWORKS)}")
BRAND_FIELDS = {
    "score": fields.or_null(Field(is_score, "0 to 100")),
    "sole_proprietor": fields.FLAG,
    "daily_cap": fields.or_null(fields.COUNT),
}
CAMPAIGN_FIELDS = {
    "message_class": Field(lambda value: value in tuple(ATT_CLASSES), f"one of {', '.join(ATT_CLASSES)}"),
    "att_tpm": fields.or_null(fields.COUNT),
    "status": fields.one_of(Status),
    "webhook_url": fields.or_null(fields.TEXT),
    "failover_url": fields.or_null(fields.TEXT),
    "t_mobile_registered": fields.FLAG,
    "unqualified": SOME_NETWORKS,
    "unsupported": SOME_NETWORKS,
}
MEMBERSHIP_FIELDS = {
    "assignment": fields.one_of(Assignment),
    "failure_reasons": fields.or_null(fields.TEXT),
    "t_mobile_mapping": fields.or_null(fields.one_of(Mapped)),
    "other_mapping": fields.or_null(fields.one_of(Mapped)),
}
HEALTH = ("message_count", "inbound_outbound_ratio", "success_ratio", "spam_ratio")
ASKED = ("brand", "campaign", "number", "metadata", "unregistered_as", "denied")


class Registration:
    """The brand, its campaigns, and which number is on which. `changed` hears of a campaign's new status."""

    def __init__(self, numbers: tuple[str, ...], changed: Callable[[Campaign, dict[str, Any]], None]) -> None:
        self._numbers, self._changed = numbers, changed
        self.reset()

    def reset(self) -> None:
        """All numbers on one active campaign of the highest class, of a brand with the best score."""
        first = Campaign(CAMPAIGN_ID, tcr_id(CAMPAIGN_ID))
        self.brand = Brand()
        self.campaigns = {first.id: first}
        self.assigned = dict.fromkeys(self._numbers, first.id)
        self.metadata = Naming.REGISTRY
        self.unregistered_as: bool | None = None
        # Whether the API key may not use the endpoints of 10dlc.
        self.denied = False
        self.health: dict[str, dict[str, Any]] = {}
        self.memberships = {number: Membership() for number in self._numbers}

    def of(self, number: str) -> Campaign | None:
        """The campaign that a number of ours is on, whatever its status."""
        return self.campaigns.get(self.assigned.get(number, ""))

    def working(self, number: str) -> Campaign | None:
        """The campaign that makes a number registered."""
        campaign = self.of(number)
        if campaign is None or campaign.status is not Status.ACTIVE:
            return None
        return campaign if self.memberships[number].complete else None

    def marks(self, number: str) -> dict[str, Any]:
        """What a message from a number says of its registration.

        What it says for a campaign that is not active is not documented; here it is as for none.
        """
        campaign = self.working(number)
        return {
            "tcr_campaign_id": campaign and campaign.tcr_id,
            "tcr_campaign_billable": campaign is not None,
            "tcr_campaign_registered": "REGISTERED" if campaign else self.unregistered_as,
        }

    def change(self, asked: dict[str, Any]) -> None:
        """Change what a control request names. Raises BadFault."""
        asked = fields.mapping(asked, ASKED)
        for name in ("metadata", "unregistered_as", "denied"):
            if name in asked:
                self._set(name, asked[name])
        if "brand" in asked:
            fields.apply(self.brand, asked["brand"], BRAND_FIELDS)
        if "campaign" in asked:
            self._campaign(asked["campaign"])
        if "number" in asked:
            self._assign(asked["number"])

    def _set(self, name: str, value: Any) -> None:
        if name == "metadata":
            if value not in set(Naming):
                raise BadFault(f"metadata must be one of {', '.join(Naming)}")
            self.metadata = Naming(value)
        elif name == "denied":
            fields.apply(self, {"denied": value}, {"denied": fields.FLAG})
        elif value in (None, False):
            self.unregistered_as = value
        else:
            raise BadFault("unregistered_as must be null or false")

    def _campaign(self, asked: Any) -> None:
        rest = dict(fields.mapping(asked, {"id", *CAMPAIGN_FIELDS}))
        campaign_id = rest.pop("id", CAMPAIGN_ID)
        try:
            campaign_id = str(uuid.UUID(campaign_id))
        except (ValueError, AttributeError, TypeError) as exc:
            raise BadFault("id must be a UUID") from exc
        before = self.campaigns.get(campaign_id) or Campaign(campaign_id, tcr_id(campaign_id))
        after = replace(before)
        fields.apply(after, rest, CAMPAIGN_FIELDS)
        self.campaigns[campaign_id] = after
        if after.status is not before.status:
            self._changed(after, event(after))

    def _assign(self, asked: Any) -> None:
        rest = dict(fields.mapping(asked, {"number", "campaign", "health", *MEMBERSHIP_FIELDS}))
        number, campaign = rest.pop("number", None), rest.pop("campaign", None)
        if number not in self._numbers:
            raise BadFault(f"number must be one of {', '.join(self._numbers)}")
        if campaign is not None and campaign not in self.campaigns:
            raise BadFault(f"campaign must be null or one of {', '.join(self.campaigns)}")
        health = fields.mapping(rest.pop("health", {}), HEALTH)
        fields.apply(self.memberships[number], rest, MEMBERSHIP_FIELDS)
        if "health" in asked:
            self.health[number] = health
        if campaign is not None:
            self.assigned[number] = campaign
        elif "campaign" in asked:
            self.assigned.pop(number, None)

    def public(self) -> dict[str, Any]:
        """It as the control API shows it."""
        return {
            "brand": asdict(self.brand) | {"id": BRAND_ID, "tier": self.brand.tier.name, "cap": self.brand.cap},
            "campaigns": [asdict(one) | {"tpm": one.tpm} for one in self.campaigns.values()],
            "numbers": {number: self.assigned.get(number) for number in self._numbers},
            "memberships": {number: asdict(one) for number, one in self.memberships.items()},
            "metadata": self.metadata,
            "unregistered_as": self.unregistered_as,
            "denied": self.denied,
        }


def tcr_id(campaign_id: str) -> str:
    """The registry's own id of a campaign, which is another than the provider's."""
    return f"C{campaign_id[:6].upper()}"


def event(campaign: Campaign) -> dict[str, Any]:
    """The payload of the webhook on a campaign's new status."""
    head = {"campaignId": campaign.id, "type": "TCR_EVENT"}
    name = f"Campaign {campaign.tcr_id}"
    match campaign.status:
        case Status.DORMANT:
            said = "Campaign has been marked as dormant"
            return head | {"type": "TELNYX_EVENT", "status": "DORMANT", "description": said}
        case Status.SUSPENDED:
            return head | {
                "eventType": "MNO_CAMPAIGN_OPERATION_SUSPENDED",
                "description": f"{name} has been suspended",
            }
        case Status.EXPIRED:
            return head | {"eventType": "CAMPAIGN_EXPIRED", "description": f"{name} has expired"}
        case Status.ACTIVE:
            return head | {
                "eventType": "MNO_CAMPAIGN_OPERATION_UNSUSPENDED",
                "description": f"{name} is no longer suspended",
            }


def metadata(campaign: Campaign, brand: Brand, naming: Naming) -> dict[str, dict[str, Any]]:
    """What the networks registered a campaign with, by the network's number in the registry."""
    att_class = ATT_CLASSES[campaign.message_class]
    att: dict[str, Any] = {}
    t_mobile: dict[str, Any] = {}
    if naming is Naming.REGISTRY:
        att = {
            "msgClass": campaign.message_class,
            "tpm": campaign.tpm,
            "tpmScope": att_class.scope,
            "mmsTpm": att_class.mms_tpm,
        }
        t_mobile = {"brandTier": brand.tier.registry, "brandDailyCap": brand.cap}
    elif naming is Naming.GUIDE:
        att = {"attMsgClass": campaign.message_class, "attTpm": campaign.tpm}
        t_mobile = {"tMobileBrandTier": brand.tier.name}
    if naming is Naming.NONE:
        return {}
    own = {Network.ATT: att, Network.T_MOBILE: t_mobile}
    return {
        number: _common(name, network, campaign) | own.get(network, {})
        for network, (number, name) in NETWORKS.items()
    }


def _common(name: str, network: Network, campaign: Campaign) -> dict[str, Any]:
    return {
        "mno": name,
        "mnoReview": False,
        "mnoSupport": network not in campaign.unsupported,
        "minMsgSamples": 1,
        "qualify": network not in campaign.unqualified,
        "noEmbeddedLink": False,
        "noEmbeddedPhone": False,
        "reqSubscriberHelp": True,
        "reqSubscriberOptin": True,
        "reqSubscriberOptout": True,
    }
