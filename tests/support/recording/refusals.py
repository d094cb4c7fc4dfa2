"""The errors that each route may answer alike: a bad request, a store that does not answer, a fault of ours."""

from typing import Any

from tests.support.fakes import THEIRS, World, make_world
from tests.support.recording.everyday import LATER, OTHER, TEXT, key
from tests.support.recording.recorder import Recorder, Silent

_ID, _NUMBER, _TAG = {"id": "0b5f3a1c-6c1e-4a63-8f0e-3a4d3f5b7c22"}, {"number": THEIRS}, {"tag": "parcels"}
_EVENT = b'{"data": {"event_type": "message.received", "payload": {"from": {"phone_number": "+12025550123"}}}}'
_OPTOUT = "/sms/optouts/{number}"
_RECEIPT = "/webhooks/message/{message_id}"
_ALL = "/webhooks/subscriptions"
_TIME = {"since": "2023-11-14T22:00:00Z", "until": "2023-11-14T23:00:00Z"}
_ONE, _WHS = f"{_ALL}/{{subscription_id}}", {"subscription_id": "whs_AAAAAAAAAAAAAAAAAAAAAA"}

# What is good of each route: a body, and what gateway.call takes beside it.
GOOD: dict[tuple[str, str], tuple[object, dict[str, Any]]] = {
    ("POST", "/sms/send"): (TEXT, {"headers": key("a")}),
    ("POST", "/sms/queue"): (TEXT, {"headers": key("a")}),
    ("PATCH", "/sms/queue/{id}"): ({"message": "See you at 11."}, {"parameters": _ID}),
    ("DELETE", "/sms/queue/{id}"): (None, {"parameters": _ID}),
    ("DELETE", "/sms/queue"): (None, {"query": _TAG}),
    ("POST", "/sms/queue/process"): (None, {}),
    ("POST", "/sms/batch"): ({"messages": [{"to": THEIRS, "message": "Hello"}]}, {"headers": key("a")}),
    ("POST", "/sms/preview"): (TEXT, {}),
    ("GET", "/sms/status/{id}"): (None, {"parameters": _ID}),
    ("GET", "/sms/messages"): (None, {"query": {"to": THEIRS}}),
    ("GET", "/sms/tags/{tag}"): (None, {"parameters": _TAG}),
    ("DELETE", "/sms/recipients/{number}"): (None, {"parameters": _NUMBER}),
    ("GET", "/sms/optouts"): (None, {}),
    ("GET", "/sms/optouts/unclear"): (None, {}),
    ("GET", _OPTOUT): (None, {"parameters": _NUMBER}),
    ("PUT", _OPTOUT): (None, {"parameters": _NUMBER}),
    ("DELETE", _OPTOUT): (None, {"parameters": _NUMBER}),
    ("POST", "/webhooks/message"): (_EVENT, {}),
    ("POST", _RECEIPT): (_EVENT, {"parameters": {"message_id": _ID["id"]}}),
    ("GET", "/health"): (None, {}),
    ("GET", "/sms/threads/{number}"): (None, {"parameters": _NUMBER}),
    ("POST", _ALL): ({"url": "https://example.com/hooks", "events": ["*"]}, {}),
    ("GET", _ALL): (None, {}),
    ("GET", _ONE): (None, {"parameters": _WHS}),
    ("PATCH", _ONE): ({"enabled": False}, {"parameters": _WHS}),
    ("DELETE", _ONE): (None, {"parameters": _WHS}),
    ("POST", f"{_ONE}/secret"): (None, {"parameters": _WHS}),
    ("GET", f"{_ONE}/deliveries"): (None, {"parameters": _WHS}),
    ("POST", f"{_ONE}/replay"): (_TIME, {"parameters": _WHS}),
}
# The same with what is at fault. `/health` takes nothing that could be.
BAD: dict[tuple[str, str], tuple[object, dict[str, Any]]] = {
    ("PATCH", "/sms/queue/{id}"): ({"message": None}, {"parameters": _ID}),
    ("DELETE", "/sms/queue/{id}"): (None, {"parameters": {"id": "42"}}),
    ("DELETE", "/sms/queue"): (None, {}),
    ("POST", "/sms/queue/process"): (None, {"query": {"priority": "urgent"}}),
    ("POST", "/sms/batch"): ({"messages": []}, {}),
    ("POST", "/sms/preview"): ({"message": "x" * 1531}, {}),
    ("GET", "/sms/status/{id}"): (None, {"parameters": {"id": "42"}}),
    ("GET", "/sms/messages"): (None, {"query": {"limit": "1000", "to": THEIRS}}),
    ("GET", "/sms/tags/{tag}"): (None, {"parameters": {"tag": "x" * 65}}),
    ("DELETE", "/sms/recipients/{number}"): (None, {"parameters": {"number": "ACME"}}),
    ("GET", "/sms/optouts"): (None, {"query": {"cursor": "x"}}),
    ("GET", "/sms/optouts/unclear"): (None, {"query": {"cursor": "x"}}),
    ("GET", _OPTOUT): (None, {"parameters": {"number": "ACME"}}),
    ("PUT", _OPTOUT): (None, {"parameters": {"number": "ACME"}}),
    ("DELETE", _OPTOUT): (None, {"parameters": {"number": "ACME"}}),
    ("POST", "/webhooks/message"): (b"[]", {}),
    ("POST", _RECEIPT): (b"[]", {"parameters": {"message_id": _ID["id"]}}),
    ("GET", "/sms/threads/{number}"): (None, {"parameters": {"number": "ACME"}}),
    ("POST", _ALL): ({"url": "https://10.0.0.1/hooks", "events": ["*"]}, {}),
    ("PATCH", _ONE): ({"events": ["sms.sent"]}, {"parameters": _WHS}),
    ("POST", f"{_ONE}/secret"): ({"overlap_s": 10_000_000}, {"parameters": _WHS}),
    # Of these there has to be a subscription: see `subscribing`.
}  # fmt: skip
_STORES = (
    "messages",
    "limits",
    "optouts",
    "counters",
    "carriers",
    "finder",
    "queue",
    "bulk_queue",
    "subscriptions",
)


def record(recorder: Recorder) -> None:
    """Keep one answer with each code."""
    for (method, path), (body, more) in BAD.items():
        recorder.keep("invalid_request", make_world(), method, path, body, **_signed(path, body, more))
    for route, (body, more) in GOOD.items():
        recorder.keep("unavailable", _broken(), *route, body, **_signed(route[1], body, more))
        crash = ValueError("a fault of ours")
        recorder.keep("internal_error", _broken(crash), *route, body, **_signed(route[1], body, more))
    for path in ("/webhooks/message", _RECEIPT):
        body, more = GOOD["POST", path]
        recorder.keep("invalid_signature", make_world(), "POST", path, body, **more)
    for method in ("GET", "PATCH", "DELETE"):
        path = "/sms/status/{id}" if method == "GET" else "/sms/queue/{id}"
        body, more = GOOD[method, path]
        recorder.keep("not_found", make_world(), method, path, body, **more)
    _too_late(recorder)


def _too_late(recorder: Recorder) -> None:
    world = make_world()
    later = {"to": OTHER, "message": "See you at 10.", "send_at": LATER}
    for method, body in (("DELETE", TEXT), ("PATCH", later)):
        made = recorder.call(world, "POST", "/sms/queue", body, headers=key(method))
        ident = {"id": str(made.fields["message_id"])}
        if method == "PATCH":
            recorder.call(world, "DELETE", "/sms/queue/{id}", parameters=ident)
        else:
            world.consume()
        change = {"message": "See you at 11."} if method == "PATCH" else None
        recorder.keep("too_late", world, method, "/sms/queue/{id}", change, parameters=ident)


def _broken(failure: Exception | None = None) -> World:
    """A world whose stores don't answer."""
    parts: dict[str, Any] = {name: Silent(failure) for name in _STORES}
    return make_world(**parts)


def _signed(path: str, body: object, more: dict[str, Any]) -> dict[str, Any]:
    """The same with a signature, for a route that asks for one."""
    if not (path.startswith("/webhooks/") and isinstance(body, bytes)):
        return more
    world = make_world()
    return more | {"headers": world.signer.headers(body, world.clock.now)}
