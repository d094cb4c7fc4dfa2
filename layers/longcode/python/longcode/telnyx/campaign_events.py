"""What Telnyx's `10dlc.*` events say of a campaign, and of a number on one."""

# Source: developers.telnyx.com, "10DLC event notifications" (August 2024), and its article on campaigns that are
# suspended for being unused. Of a campaign the provider's id is named, in a few events the registry's.

from collections.abc import Mapping
from typing import Any

from longcode.domain import phone, untrusted
from longcode.domain.registration import Lost, RegistrationEvent

CAMPAIGN, NUMBER = "10dlc.campaign.update", "10dlc.phone_number.update"
_MOST_WORDS = 200
# By the payload's type, and its eventType or status. All others are about a registration that is under way, or no
# more than a part of one.
_LOST = {
    ("tcr_event", "mno_campaign_operation_suspended"): Lost.SUSPENDED,
    ("tcr_event", "campaign_expired"): Lost.EXPIRED,
    ("telnyx_event", "dormant"): Lost.DORMANT,
}
_NUMBER_LOST = {
    ("deletion", "success"): Lost.NUMBER_REMOVED,
    ("status_update", "deleted"): Lost.NUMBER_REMOVED,
}
# The whole campaign works again; a number that is assigned to a dormant one wakes it.
_REGAINED = {
    ("tcr_event", "mno_campaign_operation_unsuspended"): tuple(Lost),
    ("verified", ""): tuple(Lost),
}
_NUMBER_REGAINED = {
    ("assignment", "success"): (Lost.NUMBER_REMOVED, Lost.DORMANT),
    ("status_update", "added"): (Lost.NUMBER_REMOVED, Lost.DORMANT),
}
_WORDS = {Lost.NUMBER_REMOVED: "our number was taken off its campaign"}


def read(kind: str, payload: Mapping[str, Any], occurred_ms: int) -> RegistrationEvent | None:
    """What an event of type `kind` says of a registration; None if that is nothing of ours to act on."""
    if kind not in (CAMPAIGN, NUMBER):
        return None
    lost_by, regained_by = (_LOST, _REGAINED) if kind == CAMPAIGN else (_NUMBER_LOST, _NUMBER_REGAINED)
    what = _what(payload)
    lost, regained = lost_by.get(what), regained_by.get(what, ())
    number = untrusted.number(payload.get("phoneNumber")) if kind == NUMBER else ""
    ids = tuple(filter(None, (untrusted.ident(payload.get(name)) for name in ("campaignId", "tcrCampaignId"))))
    named = number if kind == NUMBER else ids
    if not named or (lost is None and not regained):
        return None
    words = phone.masked(untrusted.line(payload.get("description"), _MOST_WORDS)).strip()
    return RegistrationEvent(
        ids, occurred_ms, lost, regained, number, words or (_WORDS.get(lost, "") if lost else "")
    )


def _what(payload: Mapping[str, Any]) -> tuple[str, str]:
    """The payload's type, and what happened by the field that says it for that type."""
    kind = untrusted.word(payload.get("type"))
    if kind == "verified":
        return kind, ""
    return kind, untrusted.word(payload.get("eventType" if kind == "tcr_event" else "status"))
