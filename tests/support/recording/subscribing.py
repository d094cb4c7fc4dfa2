"""What the routes of webhook subscriptions answer."""

from dataclasses import replace

from longcode.domain.deliveries import Attempt, Delivery, DeliveryState, QueuedEvent
from longcode.domain.subscriptions import MOST_SUBSCRIPTIONS, DisabledReason
from longcode.entrypoints.config import WebhookSettings
from tests.support.fakes import World, make_settings, make_world
from tests.support.recording.recorder import Recorder

ALL = "/webhooks/subscriptions"
ONE = f"{ALL}/{{subscription_id}}"
TIME = {"since": "2023-11-14T22:00:00Z", "until": "2023-11-14T23:00:00Z"}
MESSAGE_ID = "0b5f3a1c-6c1e-4a63-8f0e-3a4d3f5b7c22"
WANTED = {"url": "https://example.com/hooks", "events": ["sms.received"], "description": "Replies"}


def record(recorder: Recorder) -> None:
    """Keep an answer of each."""
    world = make_world()
    made = recorder.keep("created", world, "POST", ALL, WANTED)
    ident = {"subscription_id": str(made.fields["id"])}
    changed = {"url": "https://example.com/texts", "events": ["*"], "enabled": True, "description": "All"}
    recorder.keep("changed", world, "PATCH", ONE, changed, parameters=ident)
    recorder.keep("rotated", world, "POST", f"{ONE}/secret", {"overlap_s": 3600}, parameters=ident)
    _deliveries(recorder, world, ident)
    _failing(world, ident["subscription_id"])
    recorder.keep("subscription", world, "GET", ONE, parameters=ident)
    recorder.keep("list", world, "GET", ALL)
    recorder.keep("deleted", world, "DELETE", ONE, parameters=ident)
    for method, path, body in (
        ("GET", ONE, None),
        ("PATCH", ONE, {"enabled": False}),
        ("DELETE", ONE, None),
        ("POST", f"{ONE}/secret", None),
        ("GET", f"{ONE}/deliveries", None),
        ("POST", f"{ONE}/replay", TIME),
    ):
        recorder.keep("not_found", world, method, path, body, parameters=ident)
    for _ in range(MOST_SUBSCRIPTIONS):
        recorder.call(world, "POST", ALL, WANTED)
    recorder.keep("too_many_subscriptions", world, "POST", ALL, WANTED)


def _deliveries(recorder: Recorder, world: World, ident: dict[str, str]) -> None:
    now = world.clock.now
    rows = (
        (DeliveryState.DELIVERED, Attempt(now, 204, None, 81), None),
        (DeliveryState.RETRYING, Attempt(now, 503, None, 112), now + 30_000),
        (DeliveryState.RETRYING, Attempt(now, None, "timed out", 10_000), now + 5_000),
    )
    for place, (state, attempt, next_ms) in enumerate(rows):
        event_id = f"evt_{now:013}_{'A' * 21}{place}"
        message_id = None if place == 2 else MESSAGE_ID
        kind = "sms.opted_out" if place == 2 else "sms.status_changed"
        event = QueuedEvent(ident["subscription_id"], event_id, kind, "group", "{}", message_id)
        world.service.delivery_log.save(Delivery(event, state, (attempt,), next_ms), None)
    path = f"{ONE}/deliveries"
    recorder.keep("page", world, "GET", path, parameters=ident)
    recorder.keep("invalid_request", world, "GET", path, parameters=ident, query={"state": "lost"})
    replay, ids = f"{ONE}/replay", {"event_ids": [f"evt_{now:013}_{'A' * 21}0"]}
    recorder.keep("by_ids", world, "POST", replay, ids, parameters=ident)
    recorder.keep("by_time", world, "POST", replay, TIME, parameters=ident)
    recorder.keep("invalid_request", world, "POST", replay, {"event_ids": []}, parameters=ident)
    off = make_world(
        make_settings(webhooks=WebhookSettings("webhooks")), subscriptions=world.service.subscriptions
    )
    recorder.keep("webhooks_off", off, "POST", ALL, WANTED)
    recorder.keep("webhooks_off", off, "POST", replay, TIME, parameters=ident)


def _failing(world: World, ident: str) -> None:
    kept = world.service.subscriptions.kept  # type: ignore[attr-defined]
    kept[ident] = replace(kept[ident], disabled=DisabledReason.FAILING, failing_since_ms=world.clock.now)
