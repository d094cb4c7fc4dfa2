"""An API that answers each route as the documents say, and keeps what it was asked; it does nothing."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.fakes import OURS, THEIRS

MESSAGE_ID, EVENT_ID = "a09efa22-0d21-49fe-b154-45cb23dea987", "29efcf06-587f-492c-bf0e-13127c1a0bc3"
SUBSCRIPTION: dict[str, Any] = {
    "id": "whs_0123456789abcdefghijkl",
    "url": "https://example.com/hook",
    "events": ["sms.received"],
    "description": "",
    "enabled": True,
    "created_at": "2026-11-23T15:48:14.156Z",
    "disabled_reason": None,
    "failing_since": None,
}
SECRET = {"secret": "whsec_c2VjcmV0"}
DELIVERY = {
    "event_id": EVENT_ID,
    "type": "sms.received",
    "message_id": None,
    "state": "retrying",
    "attempts": [
        {"at": "2026-11-23T15:48:14.156Z", "status": 503, "error": None, "duration_ms": 12},
        {"at": "2026-11-23T15:49:14.156Z", "status": None, "error": "timed out", "duration_ms": 10_000},
    ],
    "next_attempt_at": "2026-11-23T15:50:14.156Z",
}
TEXT = {"message_id": MESSAGE_ID, "status": "queued", "segments": 1}
THREAD = [
    TEXT | {"direction": "outbound", "from": OURS, "to": THEIRS, "text": "Hello"},
    TEXT | {"direction": "inbound", "from": THEIRS, "to": OURS, "text": "Yes", "status": "received"},
]
TAG = {
    "tag": "spring sale",
    "counts": {"delivered": 412},
    "total": 412,
    "by_carrier": {"att": {"delivered": 412}},
    "cost": {"amount": "2.1165", "currency": "USD"},
    "opt_out_rate": 0,
    "paused": {"since": "2026-11-23T15:48:14.156Z", "by": "brake", "reason": "Too many failed."},
    "news": "of a later version",
}
OPT_OUT = {"number": THEIRS, "opted_out": True, "source": None, "scope": None, "timestamp": None}
_ONE = "/webhooks/subscriptions/{subscription_id}"


@dataclass(frozen=True)
class Arguments:
    """With what a method is called."""

    args: tuple[Any, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)


def _with(*args: Any, **named: Any) -> Arguments:
    return Arguments(args, named)


# Each method of a client with arguments.
ANSWERS = {
    "send": _with(THEIRS, "Hello"),
    "queue": _with(THEIRS, "Hello", media_urls=["https://example.com/a.png"]),
    "batch": _with([{"to": THEIRS, "message": "Hello"}]),
    "dry_run": _with([{"to": THEIRS, "message": "Hello"}]),
    "preview": _with("Hello"),
    "change": _with(MESSAGE_ID, message="Bye"),
    "cancel": _with(MESSAGE_ID),
    "cancel_tag": _with("spring sale"),
    "process": _with(),
    "status": _with(MESSAGE_ID),
    "messages": _with(to=THEIRS),
    "thread": _with(THEIRS),
    "tag": _with("spring sale"),
    "health": _with(),
    "opt_outs": _with(),
    "unclear": _with(),
    "opt_out_of": _with(THEIRS),
    "opt_out": _with(THEIRS),
    "opt_in": _with(THEIRS),
    "erase": _with(THEIRS),
    "subscribe": _with("https://example.com/hook"),
    "subscriptions": _with(),
    "subscription": _with(SUBSCRIPTION["id"]),
    "change_subscription": _with(SUBSCRIPTION["id"], enabled=True),
    "unsubscribe": _with(SUBSCRIPTION["id"]),
    "rotate_secret": _with(SUBSCRIPTION["id"]),
    "deliveries": _with(SUBSCRIPTION["id"]),
    "replay": _with(SUBSCRIPTION["id"], event_ids=[EVENT_ID]),
}
# What each route answers; in this order, as a literal path goes before a parameter.
ROUTES: dict[tuple[str, str], tuple[int, Any]] = {
    ("POST", "/sms/send"): (200, TEXT | {"from": OURS, "to": THEIRS, "telnyx_id": MESSAGE_ID}),
    ("POST", "/sms/queue"): (202, TEXT | {"queued": True, "position": 1, "eta": None, "held_by": None}),
    ("POST", "/sms/batch"): (202, {"accepted": 1, "refused": 0, "messages": [TEXT | {"valid": True}]}),
    ("POST", "/sms/preview"): (200, {"encoding": "gsm7", "units": 5, "segments": 1, "left": 155, "cost": None}),
    ("POST", "/sms/queue/process"): (200, {"processed": 0, "failed": 0, "results": [], "remaining": 0}),
    ("PATCH", "/sms/queue/{id}"): (200, TEXT),
    ("DELETE", "/sms/queue/{id}"): (200, TEXT),
    ("DELETE", "/sms/queue"): (200, {"cancelled": 2, "too_late": 1, "cursor": None}),
    ("GET", "/sms/status/{id}"): (200, TEXT),
    ("GET", "/sms/messages"): (200, {"messages": [TEXT], "cursor": None}),
    ("GET", "/sms/threads/{number}"): (200, {"messages": THREAD, "cursor": None}),
    ("GET", "/sms/tags/{tag}"): (200, TAG),
    ("GET", "/health"): (200, {"status": "healthy", "queue_size": 0, "tracked_messages": 0, "by_status": {}}),
    ("GET", "/sms/optouts"): (200, {"optouts": [OPT_OUT], "cursor": None}),
    ("GET", "/sms/optouts/unclear"): (200, {"unclear": [], "cursor": None}),
    ("GET", "/sms/optouts/{number}"): (200, OPT_OUT),
    ("PUT", "/sms/optouts/{number}"): (200, OPT_OUT),
    ("DELETE", "/sms/optouts/{number}"): (200, OPT_OUT),
    ("DELETE", "/sms/recipients/{number}"): (200, {"erased": 4, "kept": 1, "remaining": False}),
    ("POST", "/webhooks/subscriptions"): (201, SUBSCRIPTION | SECRET),
    ("GET", "/webhooks/subscriptions"): (200, {"subscriptions": [SUBSCRIPTION]}),
    ("GET", _ONE): (200, SUBSCRIPTION),
    ("PATCH", _ONE): (200, SUBSCRIPTION),
    ("DELETE", _ONE): (204, None),
    ("POST", f"{_ONE}/secret"): (200, SUBSCRIPTION | SECRET),
    ("GET", f"{_ONE}/deliveries"): (200, {"deliveries": [DELIVERY], "cursor": None}),
    ("POST", f"{_ONE}/replay"): (202, {"replayed": 1, "remaining": False, "cursor": None}),
}


@dataclass
class ContractApi:
    """A handler for httpx.MockTransport: `routes` that were called, and the `bodies` that came."""

    routes: set[tuple[str, str]] = field(default_factory=set)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0].removeprefix("/v1")
        for (method, route), (status, fields) in ROUTES.items():
            pattern = re.sub(r"\{\w+\}", "[^/]+", route)
            if request.method == method and re.fullmatch(pattern, path):
                self.routes.add((method, route))
                if request.content:
                    self.bodies.append(json.loads(request.content))
                return httpx.Response(status) if fields is None else httpx.Response(status, json=fields)
        raise AssertionError(f"There is no route {request.method} {path}.")
