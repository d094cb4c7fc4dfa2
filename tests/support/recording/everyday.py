"""What each route answers on an ordinary day."""

from typing import Any

from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.message import Fault
from longcode.domain.priority import Priority
from longcode.domain.quiet_hours import QuietHours
from tests.support.fakes import OURS, THEIRS, World, make_settings, make_world, stream
from tests.support.fakes.provider import NO_SUCH_NUMBER
from tests.support.fakes.webhooks import inbound, receipt
from tests.support.recording.recorder import Recorder

OTHER, THIRD = "+12025550124", "+12025550145"
LATER = "2023-11-15T15:00:00Z"
TEXT = {"to": THEIRS, "message": "Your parcel comes at 10.", "metadata": {"order": "A-17", "tag": "parcels"}}
CURLY = "It\u2019s on its way \u2014 your parcel comes between 10 and 12 today. See you soon, and thank you!"
LANDLINE = Fault("40001", "Not routable", "The destination is a landline.")


def key(word: str) -> dict[str, str]:
    """A header with an idempotency key, by which ids are the same in every run."""
    return {"Idempotency-Key": word}


def record(recorder: Recorder) -> None:
    """Keep an answer of each route."""
    _now(recorder)
    _queue(recorder)
    _batch(recorder)
    _preview(recorder)
    _stories(recorder)
    _webhooks(recorder)


def _now(recorder: Recorder) -> None:
    world = make_world()
    recorder.keep("sent", world, "POST", "/sms/send", TEXT, headers=key("a"))
    smart = {"to": THEIRS, "message": CURLY, "smart_encoding": True}
    recorder.keep("smart_encoding", make_world(), "POST", "/sms/send", smart, headers=key("b"))


def _queue(recorder: Recorder) -> None:
    world = make_world()
    recorder.keep("queued", world, "POST", "/sms/queue", TEXT, headers=key("a"))
    behind = {"to": THEIRS, "message": "And one more thing."}
    recorder.keep("behind_another", world, "POST", "/sms/queue", behind, headers=key("b"))
    smart = {"to": THIRD, "message": CURLY, "smart_encoding": True}
    recorder.keep("smart_encoding", world, "POST", "/sms/queue", smart, headers=key("d"))
    later = {"to": OTHER, "message": "See you at 10.", "send_at": LATER, "ttl_s": 3600, "category": "marketing"}
    held = recorder.keep("scheduled", world, "POST", "/sms/queue", later, headers=key("c"))
    change = {"message": "See you at 11.", "metadata": {"tag": "visits"}}
    smart_change = {"message": CURLY, "smart_encoding": True}
    ident = {"id": str(held.fields["message_id"])}
    recorder.keep("changed", world, "PATCH", "/sms/queue/{id}", change, parameters=ident)
    recorder.keep("smart_encoding", world, "PATCH", "/sms/queue/{id}", smart_change, parameters=ident)
    recorder.keep("of_a_person", world, "GET", "/sms/messages", query={"to": OTHER})
    recorder.keep("held", world, "GET", "/sms/status/{id}", parameters=ident)
    recorder.keep("cancelled", world, "DELETE", "/sms/queue/{id}", parameters=ident)
    recorder.keep("cancelled", world, "DELETE", "/sms/queue", query={"tag": "parcels"})
    _process(recorder)


def _process(recorder: Recorder) -> None:
    world = make_world()
    world.provider.then(NO_SUCH_NUMBER, to=OTHER)
    for to in (THEIRS, OTHER):
        recorder.call(world, "POST", "/sms/queue", TEXT | {"to": to}, headers=key(to))
    recorder.keep("processed", world, "POST", "/sms/queue/process")


def _batch(recorder: Recorder) -> None:
    world = make_world(make_settings(quiet_hours=QuietHours.parse("17:00-08:00")))
    world.carriers.learn(THEIRS, Subscription(Carrier.ATT, "wireless", world.clock.now))
    recorder.call(world, "PUT", "/sms/optouts/{number}", parameters={"number": THIRD})
    batch: dict[str, Any] = {
        "messages": [
            {"to": THEIRS, "values": {"name": "Ann"}},
            {"to": OTHER, "values": {"name": "Bob"}, "category": "marketing"},
            {"to": THIRD, "values": {"name": "Cy"}},
        ],
        "template": "Hello {name}, your parcel comes at 10.",
        "metadata": {"tag": "parcels"},
    }
    dry = recorder.keep("dry_run", world, "POST", "/sms/batch", batch | {"dry_run": True})
    recorder.keep("accepted", world, "POST", "/sms/batch", batch, headers=key("a"))
    changed = {**batch, "token": dry.fields["token"], "messages": batch["messages"][:2]}
    recorder.keep("batch_changed", world, "POST", "/sms/batch", changed)
    _mixed_batch(recorder)
    huge = {"messages": [{"to": THEIRS, "message": "x" * 6_300_000}]}
    recorder.keep("request_too_large", world, "POST", "/sms/batch", huge)


def _mixed_batch(recorder: Recorder) -> None:
    """Items that are refused, each for another reason, and items that have more than others."""
    world = make_world(make_settings(max_pending_per_recipient=1))
    guarded = {"to": OTHER, "message": "Your code is 123456.", "refuse_duplicates_s": 600}
    recorder.call(world, "POST", "/sms/queue", guarded, headers=key("a"))
    world.consume()
    recorder.call(world, "POST", "/sms/queue", {"to": THIRD, "message": "Hello"}, headers=key("b"))
    batch = {
        "messages": [
            {"to": THEIRS, "message": CURLY, "smart_encoding": True, "send_at": LATER, "key": "row-1"},
            {"to": THEIRS, "message": "x" * 170, "max_segments": 1},
            guarded,
            {"to": THIRD, "message": "And one more thing.", "priority": "transactional"},
        ]
    }
    recorder.keep("mixed_dry_run", world, "POST", "/sms/batch", batch | {"dry_run": True})
    recorder.keep("mixed", world, "POST", "/sms/batch", batch)
    recorder.keep("accepted_before_dry_run", world, "POST", "/sms/batch", batch | {"dry_run": True})


def _preview(recorder: Recorder) -> None:
    world = make_world(make_settings(quiet_hours=QuietHours.parse("17:00-08:00")))
    world.carriers.learn(THEIRS, Subscription(Carrier.ATT, "wireless", world.clock.now))
    _delivered(recorder, world)
    recorder.keep("preview", world, "POST", "/sms/preview", {"message": CURLY})
    marketing = {"to": THEIRS, "message": CURLY, "category": "marketing"}
    recorder.keep("recipient", world, "POST", "/sms/preview", marketing)


def _delivered(recorder: Recorder, world: World, word: str = "delivered", *faults: Fault) -> str:
    """A text that was queued, sent and reported on; its id."""
    reply = recorder.call(world, "POST", "/sms/queue", TEXT, headers=key(f"delivered {word}".replace(" ", "-")))
    world.consume()
    world.clock.pass_ms(500)
    text = world.provider.texts[-1]
    world.webhook(receipt(text, word, world.clock.now, faults=faults), path_id=text.key)
    return str(reply.fields["message_id"])


def _stories(recorder: Recorder) -> None:
    world = make_world()
    world.carriers.learn(THEIRS, Subscription(Carrier.ATT, "wireless", world.clock.now))
    idents = {
        "delivered": _delivered(recorder, world),
        "delivery_failed": _delivered(recorder, world, "delivery_failed", LANDLINE),
    }
    ours = inbound(THEIRS, "Thank you!", world.clock.now, to=OURS)
    world.webhook(ours)
    idents["received"] = world.messages.all[-1].id
    for name, ident in idents.items():
        recorder.keep(name, world, "GET", "/sms/status/{id}", parameters={"id": ident})
    bulk = TEXT | {"priority": "bulk"}
    waiting = recorder.call(world, "POST", "/sms/queue", bulk, headers=key("waits"))
    recorder.keep(
        "waiting", world, "GET", "/sms/status/{id}", parameters={"id": str(waiting.fields["message_id"])}
    )
    recorder.keep("page", world, "GET", "/sms/messages", query={"to": THEIRS, "limit": "2"})
    recorder.keep("inbound", world, "GET", "/sms/messages", query={"from": THEIRS})
    rows: list[tuple[Any, Any]] = [(None, message) for message in world.messages.all]
    world.invoke("publisher", stream.event(*rows))
    recorder.keep("counts", world, "GET", "/sms/tags/{tag}", parameters={"tag": "parcels"})
    _paused_tag(recorder, world)
    recorder.keep("healthy", world, "GET", "/health")
    recorder.keep("erased", world, "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS})


def _paused_tag(recorder: Recorder, world: World) -> None:
    from longcode.domain.tag_brake import Subject, SubjectKind
    from longcode.use_cases import tag_brakes

    subject = Subject(SubjectKind.TAG, "parcels")
    tag_brakes.pause(subject, "wrong link", world.brakes, world.clock.now)
    recorder.keep("paused", world, "GET", "/sms/tags/{tag}", parameters={"tag": "parcels"})
    assert world.messages.all[-1].priority is Priority.BULK


def _webhooks(recorder: Recorder) -> None:
    world = make_world()
    recorder.call(world, "POST", "/sms/send", TEXT, headers=key("a"))
    text = world.provider.texts[0]
    for name, body, ident in (
        ("received", inbound(THEIRS, "Hello", world.clock.now, to=OURS), None),
        ("acknowledged", inbound(THEIRS, "Hello", world.clock.now, to=OURS).replace(b"received", b"read"), None),
        ("updated", receipt(text, "delivered", world.clock.now), text.key),
    ):
        path = "/webhooks/message/{message_id}" if ident else "/webhooks/message"
        recorder.keep(
            name, world, "POST", path, body, parameters={"message_id": ident} if ident else None,
            headers=world.signer.headers(body, world.clock.now),
        )  # fmt: skip
