"""The routes of deliveries to webhook subscriptions: requests and answers."""

from typing import TYPE_CHECKING

from longcode.domain import delivery_request
from longcode.domain.deliveries import Attempt, Delivery
from longcode.domain.errors import WebhooksOff
from longcode.domain.message import iso
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases.deliveries import OFF, DeliveryAdmin

if TYPE_CHECKING:
    from longcode.domain.subscriptions import Subscription
    from longcode.entrypoints.container import Service


def expect_on(service: "Service") -> None:
    """Raises WebhooksOff where nothing is delivered."""
    if not service.settings.webhooks.delivery_queue_url:
        raise WebhooksOff(OFF)


def listed(request: Request, subscription: "Subscription", service: "Service") -> Response:
    """GET /webhooks/subscriptions/{subscription_id}/deliveries: what became of each event."""
    wanted = delivery_request.parse_query(request.query, service.clock.now_ms())
    page = _admin(service).page(subscription, wanted)
    return Response(200, {"deliveries": [shown(one) for one in page.deliveries], "cursor": page.after})


def replay(request: Request, subscription: "Subscription", service: "Service") -> Response:
    """POST /webhooks/subscriptions/{subscription_id}/replay: delivers events again."""
    wanted = delivery_request.parse_replay(request.json, service.clock.now_ms())
    done = _admin(service).replay(subscription, wanted)
    fields = {"replayed": done.replayed, "remaining": done.cursor is not None, "cursor": done.cursor}
    return Response(202, fields)


def shown(one: Delivery) -> dict[str, object]:
    """A delivery as an answer has it."""
    return {
        "event_id": one.event.event_id,
        "type": one.event.type,
        "message_id": one.event.message_id,
        "state": one.state.value,
        "attempts": [_attempt(attempt) for attempt in one.attempts],
        "next_attempt_at": None if one.next_attempt_ms is None else iso(one.next_attempt_ms),
    }


def _attempt(one: Attempt) -> dict[str, object]:
    return {"at": iso(one.at_ms), "status": one.status, "error": one.error, "duration_ms": one.duration_ms}


def _admin(service: "Service") -> DeliveryAdmin:
    queue = service.delivery_queue if service.settings.webhooks.delivery_queue_url else None
    return DeliveryAdmin(service.delivery_log, queue, service.logger)
