"""What Telnyx says, for a person to read: a campaign's state, a number's entry at the carriers, and its health."""

# Source: developers.telnyx.com, API reference of 10DLC (without `data` around what it says) and of messaging
# numbers; the provider's support article "10DLC Campaign Suspended". Of the words for a carrier's entry the
# reference has none: ADDED, PENDING and FAILED were seen, and `attNumberMappingStatus` and `errors` as fields
# beside those that it has. Nothing here raises: what can't be read is as if it were not there.

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from longcode.domain import untrusted
from longcode.telnyx.registration import unwrapped

ENTERED = "ADDED"


@dataclass(frozen=True, slots=True)
class NumberState:
    """What became of a number's assignment: its `status` in the provider's word, and why, if that says no.

    `entries` is which carriers have entered the number, by a name to show, in the provider's words; a carrier of
    which nothing was said is not in it.
    """

    status: str = ""
    reasons: str = ""
    entries: Mapping[str, str] = field(default_factory=dict)


class Stage(StrEnum):
    """How far a campaign has come. `unknown` is a status that is not documented, or none."""

    APPROVED = "approved"
    PENDING = "pending"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


_STAGES = {
    "TCR_PENDING": Stage.PENDING,
    "TCR_ACCEPTED": Stage.PENDING,
    "TCR_FAILED": Stage.REJECTED,
    # Of a dormant one too.
    "TCR_SUSPENDED": Stage.SUSPENDED,
    "TCR_EXPIRED": Stage.EXPIRED,
    "TELNYX_ACCEPTED": Stage.PENDING,
    "TELNYX_FAILED": Stage.REJECTED,
    "MNO_PENDING": Stage.PENDING,
    "MNO_ACCEPTED": Stage.APPROVED,
    "MNO_REJECTED": Stage.REJECTED,
    "MNO_PROVISIONED": Stage.APPROVED,
    "MNO_PROVISIONING_FAILED": Stage.REJECTED,
}


@dataclass(frozen=True, slots=True)
class CampaignState:
    """A campaign's own record: how far it has come, the provider's word for that, and why, if that is no.

    `webhook_url` is where its events go, empty if nowhere. The two of T-Mobile are None where nothing was said.
    """

    stage: Stage = Stage.UNKNOWN
    status: str = ""
    reasons: str = ""
    webhook_url: str = ""
    t_mobile_registered: bool | None = None
    t_mobile_suspended: bool | None = None


@dataclass(frozen=True, slots=True)
class NetworkState:
    """Whether a network lets a campaign's use through at all, and the campaign; None where nothing was said."""

    name: str
    supported: bool | None
    qualified: bool | None


@dataclass(frozen=True, slots=True)
class Health:
    """How a number's texts went. The ratios are shares of the texts, 0 to 1; None is what was not said."""

    messages: int | None = None
    success: float | None = None
    spam: float | None = None


def number_state(content: bytes) -> NumberState:
    """Read an answer to `GET /10dlc/phone_number_campaigns/{number}`."""
    fields = unwrapped(content)
    names = {
        "AT&T": "attNumberMappingStatus",
        "T-Mobile": "tmobileNumberMappingStatus",
        "the other carriers": "nonTmobileNumberMappingStatus",
    }
    entries = {shown: _word(fields.get(name)) for shown, name in names.items()}
    return NumberState(
        status=_word(fields.get("assignmentStatus")),
        reasons=_reasons(fields.get("failureReasons")) or _reasons(fields.get("errors")),
        entries={shown: word for shown, word in entries.items() if word},
    )


def campaign_state(content: bytes) -> CampaignState:
    """Read an answer to `GET /10dlc/campaign/{id}`, or to `partner_campaigns/{id}` of one that is shared."""
    fields = unwrapped(content)
    status = _word(fields.get("campaignStatus"))
    stage = _STAGES.get(status, Stage.UNKNOWN)
    if _word(fields.get("status")) == "EXPIRED":
        stage, status = Stage.EXPIRED, status or "EXPIRED"
    return CampaignState(
        stage=stage,
        status=status,
        reasons=_reasons(fields.get("failureReasons")),
        webhook_url=untrusted.line(fields.get("webhookURL"), 2_000).strip(),
        t_mobile_registered=_flag(fields.get("isTMobileRegistered")),
        t_mobile_suspended=_flag(fields.get("isTMobileSuspended")),
    )


def networks(content: bytes) -> list[NetworkState]:
    """Read an answer to `GET /10dlc/campaign/{id}/mnoMetadata`: a row for each network that is in it."""
    rows = {key: row for key, row in unwrapped(content).items() if key.isdigit() and isinstance(row, dict)}
    return [
        NetworkState(
            name=untrusted.line(row.get("mno"), untrusted.MOST_WORD).strip() or f"network {_word(network)}",
            supported=_flag(row.get("mnoSupport")),
            qualified=_flag(row.get("qualify")),
        )
        for network, row in rows.items()
    ]


def health(content: bytes) -> Health:
    """Read an answer to `GET /messaging_phone_numbers/{number}`."""
    found = unwrapped(content).get("health")
    fields = found if isinstance(found, dict) else {}
    return Health(
        messages=untrusted.whole(fields.get("message_count")),
        success=_share(fields.get("success_ratio")),
        spam=_share(fields.get("spam_ratio")),
    )


def _word(value: object) -> str:
    return untrusted.word(value).upper()


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _share(value: object) -> float | None:
    try:
        found = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return found if 0 <= found <= 1 else None


def _reasons(value: object) -> str:
    """Text, or a list of texts or of objects with a description each, as one line."""
    parts = value if isinstance(value, list) else [value]
    said = [
        untrusted.line(part.get("description") or part.get("detail") or part.get("title"))
        if isinstance(part, dict)
        else untrusted.line(part)
        for part in parts
    ]
    return untrusted.cut("; ".join(filter(None, (one.strip() for one in said))), untrusted.MOST_LINE)
