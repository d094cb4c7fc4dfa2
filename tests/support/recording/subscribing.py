"""What the routes of webhook subscriptions answer."""

from dataclasses import replace

from longcode.domain.subscriptions import MOST_SUBSCRIPTIONS, DisabledReason
from tests.support.fakes import World, make_world
from tests.support.recording.recorder import Recorder

ALL = "/webhooks/subscriptions"
ONE = f"{ALL}/{{subscription_id}}"
WANTED = {"url": "https://example.com/hooks", "events": ["sms.received"], "description": "Replies"}


def record(recorder: Recorder) -> None:
    """Keep an answer of each."""
    world = make_world()
    made = recorder.keep("created", world, "POST", ALL, WANTED)
    ident = {"subscription_id": str(made.fields["id"])}
    changed = {"url": "https://example.com/texts", "events": ["*"], "enabled": True, "description": "All"}
    recorder.keep("changed", world, "PATCH", ONE, changed, parameters=ident)
    recorder.keep("rotated", world, "POST", f"{ONE}/secret", {"overlap_s": 3600}, parameters=ident)
    _failing(world, ident["subscription_id"])
    recorder.keep("subscription", world, "GET", ONE, parameters=ident)
    recorder.keep("list", world, "GET", ALL)
    recorder.keep("deleted", world, "DELETE", ONE, parameters=ident)
    for method, path, body in (
        ("GET", ONE, None),
        ("PATCH", ONE, {"enabled": False}),
        ("DELETE", ONE, None),
        ("POST", f"{ONE}/secret", None),
    ):
        recorder.keep("not_found", world, method, path, body, parameters=ident)
    for _ in range(MOST_SUBSCRIPTIONS):
        recorder.call(world, "POST", ALL, WANTED)
    recorder.keep("too_many_subscriptions", world, "POST", ALL, WANTED)


def _failing(world: World, ident: str) -> None:
    kept = world.service.subscriptions.kept  # type: ignore[attr-defined]
    kept[ident] = replace(kept[ident], disabled=DisabledReason.FAILING, failing_since_ms=world.clock.now)
