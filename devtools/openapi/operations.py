"""What the document says of each route beyond the one table of routes."""

from devtools.openapi import parameters
from devtools.openapi.operation import Operation
from devtools.openapi.operations_webhooks import WEBHOOKS
from longcode.entrypoints.routes import ROUTES

_KEY = (parameters.IDEMPOTENCY_KEY,)
_SIGNED = ("telnyx-timestamp", "telnyx-signature-ed25519")
_NEW_TEXT = (
    "invalid_request", "recipient_opted_out", "destination_not_allowed", "recipient_not_listed",
    "idempotency_key_reused", "duplicate_text", "daily_limit", "unavailable",
)  # fmt: skip
_SEND = (
    *_NEW_TEXT, "provider_unauthorized", "idempotency_key_in_use", "opt_out_unclear", "provider_refused",
    "provider_rate_limited", "carrier_rate", "carrier_day_cap", "recipient_limit", "provider_unreachable",
    "provider_not_configured", "sending_stopped", "paused", "tag_paused", "carrier_paused", "outcome_unknown",
)  # fmt: skip
_READ = ("invalid_request", "unavailable")
_ONE = ("invalid_request", "not_found", "unavailable")
_WEBHOOK = ("invalid_request", "invalid_signature", "unavailable")
# In the place of a number: the table of routes has it as that one.
UNCLEAR = "/sms/optouts/unclear"
UNDER = {UNCLEAR: "/sms/optouts/{number}"}

_NOW: dict[tuple[str, str], Operation] = {
    ("POST", "/sms/send"): Operation(
        "sendText", "Sending", "Send one text now.", {200: "Sent"}, _SEND, "SendRequest", headers=_KEY,
        description="It waits for no slot. The answer has the provider's first word.", leads_to=("getText",),
    ),
    ("POST", "/sms/queue"): Operation(
        "queueText", "Sending", "Put one text into its recipient queue.", {202: "Queued"},
        (*_NEW_TEXT, "recipient_queue_full"), "QueueRequest", headers=_KEY,
        description="The text is stored, and leaves by itself when its slot comes, or its time.",
        leads_to=("getText", "changeText", "cancelText"),
    ),
    ("PATCH", "/sms/queue/{id}"): Operation(
        "changeText", "Sending", "Change a text that is held for later.", {200: "MessageStatus"},
        (*_ONE, "too_late", "recipient_not_listed"), "ChangeRequest",
    ),
    ("DELETE", "/sms/queue/{id}"): Operation(
        "cancelText", "Sending", "Take one text back that still waits.", {200: "Cancelled"},
        (*_ONE, "too_late", "recipient_not_listed"),
    ),
    ("DELETE", "/sms/queue"): Operation(
        "cancelTag", "Sending", "Take back the texts of a tag that still wait.", {200: "TagCancelled"}, _READ,
        query=parameters.CANCEL, required=("tag",),
    ),
    ("POST", "/sms/queue/process"): Operation(
        "processQueue", "Sending", "Send now what is due, and see the results.", {200: "Processed"}, _READ,
        query=parameters.PROCESS,
    ),
    ("POST", "/sms/batch"): Operation(
        "queueBatch", "Sending", "Put up to 500 texts into their recipient queues, or see what that comes to.",
        {200: "BatchDryRun", 202: "BatchAccepted"},
        ("invalid_request", "batch_changed", "request_too_large", "unavailable"), "BatchRequest", headers=_KEY,
        description="200 is a dry run. 202 has a row for each item, also for one that is refused.",
    ),
    ("POST", "/sms/preview"): Operation(
        "previewText", "Sending", "See how many segments a text would take, and why.", {200: "Preview"},
        (*_READ, "recipient_not_listed"), "PreviewRequest",
    ),
    ("GET", "/sms/status/{id}"): Operation(
        "getText", "Finding", "What became of one message.", {200: "MessageStatus"}, _ONE,
    ),
    ("GET", "/sms/messages"): Operation(
        "listTexts", "Finding", "Find messages by person, tag, status and time.", {200: "MessagePage"}, _READ,
        query=parameters.SEARCH,
        description="At least one filter is needed. Follow `cursor` until it is null: a page may be empty before.",
    ),
    ("GET", "/sms/tags/{tag}"): Operation(
        "getTag", "Finding", "How the texts of a tag stand.", {200: "Tag"}, _READ,
    ),
    ("DELETE", "/sms/recipients/{number}"): Operation(
        "eraseRecipient", "People", "Erase the texts of one person.", {200: "Erased"}, _READ,
    ),
    ("GET", "/sms/optouts"): Operation(
        "listOptOuts", "People", "Who wants no texts.", {200: "OptOutPage"}, _READ, query=parameters.LEDGER,
    ),
    ("GET", "/sms/optouts/{number}"): Operation(
        "getOptOut", "People", "Whether a number wants texts.", {200: "OptOut"}, _ONE,
    ),
    ("GET", UNCLEAR): Operation(
        "listUnclear", "People", "Who may have asked for an end, for a person to read.", {200: "UnclearPage"},
        _READ, query=parameters.LEDGER,
    ),
    ("PUT", "/sms/optouts/{number}"): Operation(
        "optOut", "People", "Opt a number out.", {200: "OptOut"}, _READ,
    ),
    ("DELETE", "/sms/optouts/{number}"): Operation(
        "optIn", "People", "Opt a number in again.", {200: "OptOut"}, _READ,
    ),
    ("POST", "/webhooks/message"): Operation(
        "takeEvent", "Service", "For the provider: inbound texts and what else it reports.", {200: "WebhookTaken"},
        _WEBHOOK, "ProviderEvent", headers=_SIGNED, signed=True,
    ),
    ("POST", "/webhooks/message/{message_id}"): Operation(
        "takeReceipt", "Service", "For the provider: the receipts of one text.", {200: "WebhookTaken"}, _WEBHOOK,
        "ProviderEvent", headers=_SIGNED, signed=True,
    ),
    ("GET", "/health"): Operation(
        "getHealth", "Service", "Whether the service can work, and how much waits.", {200: "Health"},
        ("unavailable",),
    ),
    ("GET", "/openapi.json"): Operation("getOpenApi", "Service", "This document.", {200: ""}),
}  # fmt: skip
GROUPS = {
    "Sending": "Texts that leave now, in turn or later.",
    "Finding": "What became of texts, and what came in.",
    "People": "Opt-outs, and erasing what is kept of a person.",
    "Webhooks": "Signed events to your own systems.",
    "Service": "The service itself, and what the provider calls.",
}


def operations() -> dict[tuple[str, str], Operation]:
    """What the document has: each route, by method and path. Raises KeyError if one isn't described."""
    described, routes = _NOW | WEBHOOKS, [(route.method, route.path) for route in ROUTES]
    under = [(method, path) for method, path in described if (method, UNDER.get(path)) in routes]
    return {route: described[route] for route in sorted([*routes, *under], key=list(described).index)}
