"""The routes of webhook subscriptions: requests, answers, and which of them is which."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from longcode.domain import subscription_request
from longcode.domain.message import iso
from longcode.domain.subscriptions import Subscription
from longcode.entrypoints import delivery_routes
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases.subscriptions import SubscriptionAdmin, not_found

if TYPE_CHECKING:
    from longcode.entrypoints.container import Service

type Serve = Callable[[Request], Response]

ALL = "/webhooks/subscriptions"
ONE = f"{ALL}/{{subscription_id}}"
SECRET = f"{ONE}/secret"
DELIVERIES = f"{ONE}/deliveries"
REPLAY = f"{ONE}/replay"


def routes(service: "Service") -> Mapping[tuple[str, str], Serve]:
    """(method, path as the template has it) → what serves it."""
    admin = SubscriptionAdmin(service.subscriptions, service.clock, service.logger)
    return {
        ("POST", ALL): lambda request: create(request, admin, service),
        ("GET", ALL): lambda _: Response(200, {"subscriptions": [shown(one) for one in admin.all()]}),
        ("GET", ONE): lambda request: Response(200, shown(admin.get(path_id(request)))),
        ("PATCH", ONE): lambda request: change(request, admin, service),
        ("DELETE", ONE): lambda request: delete(request, admin),
        ("POST", SECRET): lambda request: rotate(request, admin),
        ("GET", DELIVERIES): lambda request: delivery_routes.listed(request, admin.get(path_id(request)), service),
        ("POST", REPLAY): lambda request: delivery_routes.replay(request, admin.get(path_id(request)), service),
    }


def create(request: Request, admin: SubscriptionAdmin, service: "Service") -> Response:
    """POST /webhooks/subscriptions: makes one, and shows its secret."""
    wanted = subscription_request.parse_create(request.json)
    delivery_routes.expect_on(service)
    made, secret = admin.create(wanted, service.outbound)
    return Response(201, {**shown(made), "secret": secret})


def change(request: Request, admin: SubscriptionAdmin, service: "Service") -> Response:
    """PATCH /webhooks/subscriptions/{subscription_id}: changes what the body has."""
    subscription_id = path_id(request)
    wanted = subscription_request.parse_change(request.json)
    # What calls URLs is loaded where one is to be looked at.
    outbound = service.outbound if wanted.url is not None else None
    return Response(200, shown(admin.change(subscription_id, wanted, outbound)))


def delete(request: Request, admin: SubscriptionAdmin) -> Response:
    """DELETE /webhooks/subscriptions/{subscription_id}: ends it."""
    subscription_id = path_id(request)
    admin.delete(subscription_id)
    return Response(200, {"id": subscription_id, "deleted": True})


def rotate(request: Request, admin: SubscriptionAdmin) -> Response:
    """POST /webhooks/subscriptions/{subscription_id}/secret: gives it a new secret, and shows that."""
    subscription_id = path_id(request)
    # All that may be said is optional, and so is the body.
    body = request.json if request.raw_body.strip() else {}
    found, secret = admin.rotate(subscription_id, subscription_request.parse_rotation(body))
    return Response(200, {**shown(found), "secret": secret})


def path_id(request: Request) -> str:
    """The id in the path. Raises NotFound for what can be none."""
    found = unquote(request.path_parameter("subscription_id"))
    # This also keeps whatever else out of the table's keys.
    if not subscription_request.is_subscription_id(found):
        raise not_found()
    return found


def shown(one: Subscription) -> dict[str, object]:
    """A subscription as an answer has it: without its secrets."""
    return {
        "id": one.id,
        "url": one.url,
        "events": sorted(one.events),
        "description": one.description,
        "enabled": one.disabled is None,
        "created_at": iso(one.created_ms),
        "disabled_reason": one.disabled.value if one.disabled else None,
        "failing_since": None if one.failing_since_ms is None else iso(one.failing_since_ms),
    }
