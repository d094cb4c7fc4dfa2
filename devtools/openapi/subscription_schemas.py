"""Schemas of the routes for subscriptions: each is in the document as soon as a route refers to it."""

from devtools.openapi.shapes import (
    Schema,
    count,
    flag,
    items,
    moment,
    named,
    nullable,
    number,
    one_of,
    one_true,
    shape,
    text,
)  # fmt: skip
from longcode.domain.deliveries import DeliveryState

_URL = text("Where events go. https, and an address that is public.", format="uri", pattern="^https://")
_EVENTS = items(
    text("A type of docs/events.md, or `*` for all."), "Which events are delivered.", minItems=1
)  # fmt: skip
_DESCRIPTION = text("What it is for, in words of your own.")


def schemas() -> dict[str, Schema]:
    """By their names in `components`."""
    return subscription_bodies() | _answers()


def _closed(schema: Schema) -> Schema:
    return schema | {"additionalProperties": False}


def subscription_bodies() -> dict[str, Schema]:
    """Those of requests."""
    change = {"url": _URL, "events": _EVENTS, "description": _DESCRIPTION, "enabled": flag("Whether it delivers.")}
    ids = items(text("The id of an event."), "These events.", minItems=1, maxItems=100)
    overlap = number("For how many seconds the old secret stays valid.", minimum=0, maximum=604_800)
    return {
        "SubscriptionRequest": _closed(
            shape(
                "Where events are to go.",
                {"url": _URL, "events": _EVENTS},
                {"description": nullable(_DESCRIPTION)},
            )
        ),
        "SubscriptionChange": _closed(shape("What is to be other than it is.", {}, change) | {"minProperties": 1}),
        "RotateRequest": _closed(shape("How long both secrets hold.", {}, {"overlap_s": nullable(overlap)})),
        "ReplayRequest": _closed(
            shape(
                "Events by their ids, or all of a time.",
                {},
                {
                    "event_ids": ids,
                    "since": moment("From then on."),
                    "until": moment("Until then."),
                    "cursor": nullable(text("Where the replay before ended.")),
                },
            )
            | {"minProperties": 1}
        ),
    }


def _answers() -> dict[str, Schema]:
    subscription = {
        "id": text("Its id."),
        "url": text("Where events go."),
        "events": items(text("A type of events, or `*`."), "Which events are delivered."),
        "description": text("What it is for."),
        "enabled": flag("Whether it delivers."),
        "created_at": moment("When it was made."),
        "disabled_reason": nullable(text("Why it does not deliver.")),
        "failing_since": nullable(moment("Since when no delivery succeeds.")),
    }
    secret = text("The secret that deliveries are signed with. It is shown this once.")
    return {
        "Subscription": shape("Where events go.", subscription),
        "SubscriptionWithSecret": shape("Where events go, with its secret.", subscription | {"secret": secret}),
        "DeliveryState": one_of(DeliveryState, "What became of an event at a subscription."),
        "SubscriptionDeleted": shape(
            "It is gone, with its secrets.", {"id": text("Its id."), "deleted": one_true("It is.")}
        ),
        "Subscriptions": shape(
            "All subscriptions.", {"subscriptions": items(named("Subscription"), "20 at most.")}
        ),
        "DeliveryPage": shape(
            "Deliveries, newest first.",
            {
                "deliveries": items(_delivery(), "The deliveries of this page."),
                "cursor": nullable(text("Where the next page begins, null on the last one.")),
            },
        ),
        "Replayed": shape(
            "The events are delivered once more.",
            {
                "replayed": count("How many."),
                "remaining": flag("Whether there are more of that time."),
                "cursor": nullable(text("Where to go on: the same request with it.")),
            },
        ),
    }


def _delivery() -> Schema:
    attempt = shape(
        "One attempt.",
        {
            "at": moment("When."),
            "status": nullable(count("The status of the answer.")),
            "error": nullable(text("What went wrong.")),
            "duration_ms": count("How long it took, in milliseconds."),
        },
    )
    return shape(
        "One event.",
        {
            "event_id": text("The event's id, in each attempt the header `webhook-id`."),
            "type": text("The event's type."),
            "message_id": nullable(text("The message that it is about.")),
            "state": named("DeliveryState", "What became of it."),
            "attempts": items(attempt, "All attempts."),
            "next_attempt_at": nullable(moment("When the next one is due.")),
        },
    )
