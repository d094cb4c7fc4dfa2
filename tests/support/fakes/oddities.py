"""What a provider might say: JSON of the shape of its events and answers, with anything at all in any place."""

import json
import re
from typing import Any

from hypothesis import strategies as st

_NASTY = (
    "\ud800", "\udc00x", "\x1b[2J", "\x1b]8;;https://example.com\x07here\x1b]8;;\x07", "\x9b2J", "\x00", "\r",
    "\n", "\u202e", "\u2028", "\ufeff", "\U000e0041", "[bold]x[/bold]",
    "[link=https://example.com]x[/link]", ":boom:",
    "M#", "T#", "O#", "optouts", "..", "http_99", "9" * 4_400, "\N{WAVING HAND SIGN}" * 3_000, "x" * 70_000,
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-23:59", "1700000000000", "NaN",
)  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(_NASTY)
NUMBERS = st.integers() | st.sampled_from([10**40, -1, 2**63, 10**500]) | st.floats() | st.booleans() | st.none()
_NAMES = ("phone_number", "status", "code", "title", "amount", "currency", "url", "id")
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_NAMES) | TEXTS, inner, max_size=4)
    ),
    max_leaves=12,
)

_IDS = ("40385f64-5717-4562-b3fc-2c963f66afa6", "40385F64-5717-4562-B3FC-2C963F66AFA6", "")
_KINDS = ("message.sent", "message.finalized", "message.received", "MESSAGE.FINALIZED", "message.read", "")
_WORDS = ("queued", "sent", "delivered", "delivery_failed", "SENDING_FAILED", "gw_timeout", "brand_new", "")
_PEOPLE = ("+12025550123", "+12025550100", "12025550123", "72345", "optouts", "")
_TIMES = ("2023-11-14T22:13:20.000+00:00", "2023-11-14T22:13:21Z")


def _odd(*usual: object) -> st.SearchStrategy[Any]:
    return st.sampled_from(usual) | ANYTHING


def _some(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _many(row: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(row, max_size=3) | row | ANYTHING


_ERROR = _some({"code": _odd("40008", 40008), "title": _odd("Undeliverable"), "detail": _odd("+12025550123")})
_PERSON = _some(
    {
        "phone_number": _odd(*_PEOPLE),
        "status": _odd(*_WORDS),
        "carrier": _odd("T-MOBILE USA, INC.", "ONVOY, LLC - TN", "AT&T Mobility LLC", ""),
        "line_type": _odd("Wireless", "VoIP", "Pre-Paid Wireless", ""),
    }
)
_MEDIA = _some({name: _odd("https://example.com/1.png", 12) for name in ("url", "content_type", "size", "sha256")})
MESSAGES = _some(
    {
        "id": _odd(*_IDS),
        "to": _many(_PERSON),
        "from": _PERSON | _odd(*_PEOPLE),
        "text": _odd("Hi", "STOP", "START"),
        "parts": _odd(1, 3),
        "cost": _some({"amount": _odd("0.0051", 0.0051), "currency": _odd("USD")}) | ANYTHING,
        "errors": _many(_ERROR),
        "media": _many(_MEDIA),
        "completed_at": _odd(*_TIMES),
        "autoresponse_type": _odd("STOP", "START", "HELP", None),
        "is_spam": _odd(True, False),
        "webhook_url": _odd("https://example.com/webhooks/message"),
    }
)
EVENTS = _some(
    {
        "event_type": st.sampled_from(_KINDS) | ANYTHING,
        "id": _odd(*_IDS),
        "occurred_at": _odd(*_TIMES),
        "payload": MESSAGES | ANYTHING,
    }
)
# Events on a registration: of a campaign, and of a number on one.
REGISTRATION_PAYLOADS = _some(
    {
        "type": _odd("TCR_EVENT", "TELNYX_EVENT", "VERIFIED", "MNO_REVIEW", "DELETION", "STATUS_UPDATE"),
        "eventType": _odd("MNO_CAMPAIGN_OPERATION_SUSPENDED", "CAMPAIGN_EXPIRED", "CAMPAIGN_BILLED", ""),
        "status": _odd("DORMANT", "success", "DELETED", "ADDED", "PENDING", "FAILED"),
        "campaignId": _odd("751c6a5c-907b-43a9-8ada-ba1dc8335b07", "C751C6A", ""),
        "phoneNumber": _odd(*_PEOPLE),
        "description": _odd("Campaign C751C6A has been suspended"),
    }
)
REGISTRATION_EVENTS = _some(
    {
        "event_type": st.sampled_from(
            ("10dlc.campaign.update", "10dlc.phone_number.update", "10dlc.brand.update")
        ),
        "id": _odd(*_IDS),
        "occurred_at": _odd(*_TIMES),
        "payload": REGISTRATION_PAYLOADS | ANYTHING,
    }
)
ERRORS = _some({"errors": _many(_ERROR)})
RECORDS = _some(
    {
        "data": _many(
            _some(
                {
                    "uuid": _odd(*_IDS),
                    "status": _odd(*_WORDS),
                    "delivery_status_webhook_url": _odd("https://example.com/webhooks/message/a"),
                }
            )
        ),
        "meta": _some({name: _odd(0, 1, 9) for name in ("page_size", "total_pages", "total_results")}) | ANYTHING,
    }
)


# What the 10DLC endpoints may answer: the campaign of a number, and what the networks let through of it.
_CAMPAIGNS = ("751c6a5c-907b-43a9-8ada-ba1dc8335b07", "C751C6A", "../balance", "")
ASSIGNMENTS = _some(
    {name: _odd(*_CAMPAIGNS) for name in ("telnyxCampaignId", "campaignId", "tcrCampaignId")}
    | {"assignmentStatus": _odd("ASSIGNED", "PENDING_ASSIGNMENT"), "data": ANYTHING}
)
_NETWORK = _some(
    {name: _odd(75, 4500, "75", "4,500", 0) for name in ("tpm", "attTpm", "brandDailyCap")}
    | {name: _odd("A", "LOW", "Top") for name in ("msgClass", "attMsgClass", "brandTier", "tMobileBrandTier")}
)
METADATA = _some({"10017": _many(_NETWORK), "10035": _many(_NETWORK), "mnoMetadata": ANYTHING}) | _NETWORK


# Any: JSON.
def raw(value: Any) -> bytes:
    """`value` as it would come over the wire: half a surrogate pair and NaN can be written there."""
    return json.dumps(value).encode()


# Any: JSON.
def texts_of(value: Any) -> list[str]:
    """Every text in a value of any depth, also the names."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for pair in value.items() for part in pair for text in texts_of(part)]
        case list() | tuple():
            return [text for part in value for text in texts_of(part)]
    return []


def is_safe(text: str) -> bool:
    """Whether `text` may be in an answer, a table or a log. A person's text has its lines and its marks."""
    return re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]", text) is None
