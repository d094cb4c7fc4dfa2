"""Which error codes a route may answer: from the code's own table, and the template's answers of the gateway."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from devtools.local_stack import sam_template
from devtools.local_stack.layout import ROOT
from longcode.entrypoints.error_responses import ERRORS

# A status of the gateway's that is not known beforehand.
_OPEN = {"DEFAULT_4XX": "4XX", "DEFAULT_5XX": "5XX"}
# What stands before any function. Without a key nothing is checked, and no plan has a quota.
OF_THE_GATEWAY = ("bad_request", "internal_error", "request_too_large", "throttled")
OF_A_KEY = ("forbidden", "quota_exceeded")
# Of every function of ours that is asked.
OF_EACH = ("internal_error",)
# Of every route that needs a key.
OF_A_SCOPE = ("scope_missing",)

WHEN = {
    "invalid_request": "A field, a header, a parameter or the body breaks a rule; `field` names it.",
    "invalid_signature": "The provider did not sign this, or not now.",
    "provider_unauthorized": "The provider refuses our API key; nothing was sent.",
    "recipient_opted_out": "The recipient wants no texts.",
    "destination_not_allowed": "The number is outside `AllowedDestinations`.",
    "recipient_not_listed": "The number is not on the guest list of this API key.",
    "webhooks_off": "This stack delivers no events to URLs: `WebhookDeliveries` is off.",
    "too_many_subscriptions": "There are 20 subscriptions: delete one.",
    "scope_missing": "This API key may not do that.",
    "not_found": "There is no such message, number or route.",
    "method_not_allowed": "The route exists, without this method.",
    "idempotency_key_reused": "This key came before, with another request.",
    "idempotency_key_in_use": "The first request with this key is still under way.",
    "opt_out_unclear": "The recipient may have asked for no more texts (`HoldOnUnclear`).",
    "too_late": "The text waits no more, or is held no more.",
    "batch_changed": "The batch is not as its dry run saw it.",
    "request_too_large": "The body is too large.",
    "duplicate_text": "The same words to the same number were accepted within `refuse_duplicates_s`.",
    "provider_refused": "The provider refuses this text for good, with a status of its own.",
    "provider_rate_limited": "The provider wants fewer texts; nothing was sent.",
    "recipient_queue_full": "`MaxPendingPerRecipient` texts wait for this recipient.",
    "daily_limit": "This API key or this destination has had its texts of today.",
    "carrier_rate": "The recipient's carrier takes no more texts this minute.",
    "carrier_day_cap": "The recipient's carrier takes no more texts today.",
    "recipient_limit": "The recipient has had as many texts as `RecipientLimits` allows.",
    "tag_paused": "The bulk texts of this tag are paused.",
    "carrier_paused": "Bulk texts to the recipient's carrier are paused.",
    "internal_error": "Something failed on our side.",
    "unavailable": "A table, a queue or the secret store did not answer.",
    "provider_unreachable": "No connection to the provider; nothing was sent.",
    "provider_not_configured": "The provider refuses to send for us at all; nothing was sent.",
    "sending_stopped": "Earlier texts met what befalls everybody; nothing was sent.",
    "paused": "Sending is paused; nothing was sent.",
    "outcome_unknown": "The provider may have taken the text: follow its status.",
    "forbidden": "`x-api-key` is missing or wrong.",
    "throttled": "Too many requests with this API key.",
    "quota_exceeded": "The usage plan of this API key has a quota, and it is used up.",
    "bad_request": "The gateway refused the request before any function saw it.",
}


@cache
def of_the_gateway() -> dict[tuple[str, str], dict[str, Any]]:
    """The gateway's own answers: (status, code) -> the body."""
    template = sam_template.load(ROOT / "template.yaml")
    found = {}
    for kind, answer in template["Resources"]["Api"]["Properties"]["GatewayResponses"].items():
        body = json.loads(answer["ResponseTemplates"]["application/json"])
        status = _OPEN.get(kind) or str(answer["StatusCode"])
        found[status, body["code"]] = body
    return found


def by_status(codes: Iterable[str], *, key: bool) -> dict[str, list[str]]:
    """The error codes of a route by status: its own, and what stands before and around each route.

    A code that this version does not have yet is left out.
    """
    found: dict[str, list[str]] = {}
    for code in (*codes, *OF_EACH, *(OF_A_SCOPE if key else ())):
        if code in ERRORS:
            status = "4XX" if code == "provider_refused" else str(ERRORS[code].status)
            found.setdefault(status, []).append(code)
    gateways = {*OF_THE_GATEWAY, *(OF_A_KEY if key else ())}
    for status, code in of_the_gateway():
        if code in gateways and code not in found.get(status, ()):
            found.setdefault(status, []).append(code)
    return dict(sorted(_with_ranges(found).items()))


def may_be_any(code: str, status: str) -> bool:
    """Whether a code is one that may have any status of the range, and this one is not its own."""
    own = str(ERRORS[code].status) if code in ERRORS else ""
    in_range = code == "provider_refused" or (f"{status[0]}XX", code) in of_the_gateway()
    return in_range and status != own


def _with_ranges(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """The same with the codes of a range at each of its statuses too, which stand before the range."""
    return {
        status: list(dict.fromkeys((*codes, *found.get(f"{status[0]}XX", ())))) for status, codes in found.items()
    }
