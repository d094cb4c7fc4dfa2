"""The one table of the API's routes: the method and path of each, and what a key needs for it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from longcode.domain.api_keys import Scope


@dataclass(frozen=True, slots=True)
class Route:
    """One route; `path` as the template has it, `scope` None if it needs no key."""

    method: str
    path: str
    scope: Scope | None


# What API Gateway hands on that no route of these takes; it needs no key.
CATCH_ALL = "/{proxy+}"

# A test compares this with the template's routes.
ROUTES = (
    Route("POST", "/sms/send", Scope.SEND),
    Route("POST", "/sms/queue", Scope.SEND),
    Route("DELETE", "/sms/queue", Scope.SEND),
    Route("POST", "/sms/queue/process", Scope.SEND),
    Route("DELETE", "/sms/queue/{id}", Scope.SEND),
    Route("PATCH", "/sms/queue/{id}", Scope.SEND),
    Route("POST", "/sms/batch", Scope.SEND),
    Route("POST", "/sms/preview", Scope.SEND),
    Route("GET", "/sms/status/{id}", Scope.READ),
    Route("GET", "/sms/messages", Scope.READ),
    Route("GET", "/sms/threads/{number}", Scope.READ),
    Route("GET", "/sms/tags/{tag}", Scope.READ),
    Route("DELETE", "/sms/recipients/{number}", Scope.ADMIN),
    Route("GET", "/sms/optouts", Scope.READ),
    Route("GET", "/sms/optouts/{number}", Scope.READ),
    Route("PUT", "/sms/optouts/{number}", Scope.ADMIN),
    Route("DELETE", "/sms/optouts/{number}", Scope.ADMIN),
    Route("POST", "/webhooks/message", None),
    Route("POST", "/webhooks/message/{message_id}", None),
    Route("POST", "/webhooks/subscriptions", Scope.ADMIN),
    Route("GET", "/webhooks/subscriptions", Scope.ADMIN),
    Route("GET", "/webhooks/subscriptions/{subscription_id}", Scope.ADMIN),
    Route("PATCH", "/webhooks/subscriptions/{subscription_id}", Scope.ADMIN),
    Route("DELETE", "/webhooks/subscriptions/{subscription_id}", Scope.ADMIN),
    Route("POST", "/webhooks/subscriptions/{subscription_id}/secret", Scope.ADMIN),
    Route("GET", "/webhooks/subscriptions/{subscription_id}/deliveries", Scope.ADMIN),
    Route("POST", "/webhooks/subscriptions/{subscription_id}/replay", Scope.ADMIN),
    Route("GET", "/health", None),
    Route("GET", "/openapi.json", None),
)


def methods(path: str) -> list[str]:
    """Which methods there are for a path as it was called, without a slash at either end; none for no route.

    A route without a parameter goes before one with, as in API Gateway.
    """
    fitting = [route.path for route in ROUTES if re.fullmatch(_pattern(route.path), path)]
    literal = f"/{path}"
    return [
        route.method
        for route in ROUTES
        if route.path in fitting and (literal not in fitting or route.path == literal)
    ]


def scope_of(method: str, path: str) -> Scope | None:
    """What a key needs for a route, by the template's path. Raises KeyError for what is no route."""
    return _SCOPES[method, path]


def _pattern(path: str) -> str:
    return "/".join(_segments(path))


def _segments(path: str) -> Iterator[str]:
    for segment in path.strip("/").split("/"):
        yield "[^/]+" if segment.startswith("{") else re.escape(segment)


_SCOPES = {(route.method, route.path): route.scope for route in ROUTES}
