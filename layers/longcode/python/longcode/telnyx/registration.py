"""What Telnyx's 10DLC endpoints say of our number: its campaign, and what the carriers let through of that."""

# Source: developers.telnyx.com, "10DLC" (OpenAPI), for both endpoints. They have no `data` around what they say.
# Of a campaign's metadata the API has only "some MNO specific fields"; the names below were seen in answers of the
# registry and in the provider's guide. Nothing here raises: what can't be read is as if it were not there.

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from longcode.domain import untrusted
from longcode.domain.campaign import CampaignFacts

# The registry's numbers for the networks.
_ATT, _T_MOBILE = "10017", "10035"
_ATT_CLASS = ("msgClass", "attMsgClass")
# Of class G and N it is for each number (`tpmScope`), and we send from one.
_ATT_PER_MINUTE = ("tpm", "attTpm")
_T_MOBILE_TIER = ("brandTier", "tMobileBrandTier")
_T_MOBILE_PER_DAY = ("brandDailyCap",)
# No carrier takes more, in a minute or a day.
_MOST_SEGMENTS = 99_999_999


@dataclass(frozen=True, slots=True)
class Assignment:
    """The campaign that a number is on: the provider's id of it, the registry's, and the state of the number.

    Empty is what was not said. A campaign that was registered elsewhere and is shared with the provider may have
    the registry's id alone.
    """

    campaign_id: str = ""
    tcr_id: str = ""
    status: str = ""


def assignment(content: bytes) -> Assignment | None:
    """Read an answer to `GET /10dlc/phone_number_campaigns/{number}`; None if it names no campaign."""
    fields = unwrapped(content)
    telnyx, either, tcr = (
        untrusted.ident(fields.get(name)) for name in ("telnyxCampaignId", "campaignId", "tcrCampaignId")
    )
    if not (telnyx or either or tcr):
        return None
    status = untrusted.word(fields.get("assignmentStatus")).upper()
    return Assignment(telnyx or either or tcr, tcr, status)


def is_none(content: bytes) -> bool:
    """Whether a 404 is the provider's own word that there is no such thing, and not a machine's between us."""
    fields = untrusted.loads(content)
    return bool(untrusted.rows(fields.get("errors")) or untrusted.line(fields.get("detail")))


def facts(assigned: Assignment | None, metadata: bytes, read_ms: int) -> CampaignFacts:
    """What is known of the campaign at `read_ms`.

    `assigned` is None where the number is on none; `metadata` is the answer to
    `GET /10dlc/campaign/{id}/mnoMetadata`.
    """
    if assigned is None:
        return CampaignFacts(read_ms)
    fields = unwrapped(metadata)
    att, t_mobile = (_of(fields, network) for network in (_ATT, _T_MOBILE))
    return CampaignFacts(
        read_ms,
        campaign_id=assigned.campaign_id,
        assignment=assigned.status,
        att_class=_word(att, _ATT_CLASS).upper(),
        att_per_minute=_segments(att, _ATT_PER_MINUTE),
        t_mobile_tier=_word(t_mobile, _T_MOBILE_TIER),
        t_mobile_per_day=_segments(t_mobile, _T_MOBILE_PER_DAY),
        tcr_id=assigned.tcr_id,
    )


# Any: JSON.
def unwrapped(content: bytes) -> dict[str, Any]:
    """What an answer has in `data`, or in `mnoMetadata` as the registry has it; else all."""
    fields = untrusted.loads(content)
    for name in ("data", "mnoMetadata"):
        inner = fields.get(name)
        fields = inner if isinstance(inner, dict) else fields
    return fields


def _of(fields: Mapping[str, Any], network: str) -> list[Mapping[str, Any]]:
    """Where a network's fields may stand: under its number, else beside all numbers."""
    return [*untrusted.rows(fields.get(network)), fields]


def _values(places: list[Mapping[str, Any]], names: tuple[str, ...]) -> Iterator[object]:
    return (place[name] for place in places for name in names if name in place)


def _word(places: list[Mapping[str, Any]], names: tuple[str, ...]) -> str:
    words = (untrusted.line(value, untrusted.MOST_WORD).strip() for value in _values(places, names))
    return next(filter(None, words), "")


def _segments(places: list[Mapping[str, Any]], names: tuple[str, ...]) -> int | None:
    """The first number that is one, also where it came as text. None is a limit for no one."""
    for value in _values(places, names):
        said = untrusted.line_or_number(value, untrusted.MOST_WORD).strip().replace(",", "")
        if said.isascii() and said.isdigit() and 0 < int(said) <= _MOST_SEGMENTS:
            return int(said)
    return None
