"""What the document says of threads and of webhook subscriptions."""

from devtools.openapi import parameters
from devtools.openapi.operation import Operation

_READ = ("invalid_request", "unavailable")
_ONE = ("invalid_request", "not_found", "unavailable")
_ALL, _THIS = "/webhooks/subscriptions", "/webhooks/subscriptions/{subscription_id}"

WEBHOOKS: dict[tuple[str, str], Operation] = {
    ("GET", "/sms/threads/{number}"): Operation(
        "getThread", "Finding", "All texts with one person, both ways, newest first.", {200: "MessagePage"}, _READ,
        query=parameters.THREAD,
    ),
    ("POST", _ALL): Operation(
        "createSubscription", "Webhooks", "Have events sent to a URL of yours.", {201: "SubscriptionWithSecret"},
        (*_READ, "too_many_subscriptions", "webhooks_off"), "SubscriptionRequest",
    ),
    ("GET", _ALL): Operation(
        "listSubscriptions", "Webhooks", "All subscriptions.", {200: "Subscriptions"}, ("unavailable",),
    ),
    ("GET", _THIS): Operation(
        "getSubscription", "Webhooks", "One subscription.", {200: "Subscription"}, ("not_found", "unavailable"),
    ),
    ("PATCH", _THIS): Operation(
        "changeSubscription", "Webhooks", "Change a subscription.", {200: "Subscription"}, _ONE,
        "SubscriptionChange",
    ),
    ("DELETE", _THIS): Operation(
        "deleteSubscription", "Webhooks", "End a subscription.", {200: "SubscriptionDeleted"},
        ("not_found", "unavailable"),
    ),
    ("POST", f"{_THIS}/secret"): Operation(
        "rotateSecret", "Webhooks", "Get a new secret. The old one stays valid for a while.",
        {200: "SubscriptionWithSecret"}, _ONE, "RotateRequest",
    ),
    ("GET", f"{_THIS}/deliveries"): Operation(
        "listDeliveries", "Webhooks", "What was delivered, newest first.", {200: "DeliveryPage"}, _ONE,
        query=parameters.DELIVERIES,
    ),
    ("POST", f"{_THIS}/replay"): Operation(
        "replayEvents", "Webhooks", "Deliver events once more.", {202: "Replayed"}, (*_ONE, "webhooks_off"),
        "ReplayRequest",
    ),
}  # fmt: skip
