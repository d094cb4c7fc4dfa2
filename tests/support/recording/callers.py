"""What is answered to keys of other kinds than live, and about texts that are pictures."""

from longcode.domain.api_keys import ApiKey, KeyKind, Scope
from longcode.entrypoints.config import MediaSettings
from tests.support.fakes import OURS, THEIRS, World, make_settings, make_world
from tests.support.fakes.media import FakeMediaJobs
from tests.support.fakes.queue import Mapping
from tests.support.fakes.stream import event
from tests.support.fakes.web import FakeWeb, Page
from tests.support.fakes.webhooks import inbound
from tests.support.recording.everyday import LATER, OTHER, TEXT, key
from tests.support.recording.recorder import Recorder

_PICTURE = "https://example.com/ticket.png"
_GUESTS, _TEST = "guestsKey", "testKey"
_INBOUND = "40385f64-5717-4562-b3fc-2c963f66afa6"


def record(recorder: Recorder) -> None:
    """Keep an answer of each."""
    world = _world()
    for path in ("/sms/send", "/sms/queue"):
        recorder.keep("recipient_not_listed", world, "POST", path, TEXT | {"to": OTHER}, caller=_GUESTS)
        test = recorder.keep("test", world, "POST", path, TEXT, headers=key(f"test{path}"), caller=_TEST)
        picture = {"to": THEIRS, "message": "Your ticket", "media_urls": [_PICTURE]}
        made = recorder.keep("mms", world, "POST", path, picture, headers=key(f"mms{path}"))
    ident = {"id": str(made.fields["message_id"])}
    recorder.keep("mms", world, "GET", "/sms/status/{id}", parameters=ident)
    ident = {"id": str(test.fields["message_id"])}
    recorder.keep("of_a_test_key", world, "GET", "/sms/status/{id}", parameters=ident, caller=_TEST)
    recorder.keep("thread", world, "GET", "/sms/threads/{number}", parameters={"number": THEIRS})
    recorder.keep("of_a_test_key", world, "GET", "/sms/messages", query={"to": THEIRS}, caller=_TEST)
    recorder.keep("recipient_not_listed", world, "POST", "/sms/preview", TEXT | {"to": OTHER}, caller=_GUESTS)
    later = {"to": OTHER, "message": "See you at 10.", "send_at": LATER}
    ident = {"id": str(recorder.call(world, "POST", "/sms/queue", later, headers=key("h")).fields["message_id"])}
    for method, change in (("PATCH", {"message": "See you at 11."}), ("DELETE", None)):
        recorder.keep(
            "recipient_not_listed", world, method, "/sms/queue/{id}", change, parameters=ident, caller=_GUESTS
        )
    rows = [{"to": OTHER, "message": "Hello"}, {"to": THEIRS, "message": "Hello"}]
    batch = {"messages": rows, "metadata": {"tag": "parcels"}}
    recorder.keep("of_a_test_key", world, "POST", "/sms/batch", batch, headers=key("b"), caller=_TEST)
    _stored_media(recorder)


def _stored_media(recorder: Recorder) -> None:
    """A picture that a person sends, where StoreMedia is on."""
    world = make_world(
        make_settings(media=MediaSettings("media", "https://sqs.example/media")),
        outbound=FakeWeb({_PICTURE: Page()}),
    )
    media = [{"url": _PICTURE, "content_type": "image/png"}, {"url": f"{_PICTURE}.zip"}]
    world.webhook(inbound(THEIRS, "Look", world.clock.now, to=OURS, telnyx_id=_INBOUND, media=media))
    (message,) = world.messages.all
    world.invoke("publisher", event((None, message)))
    jobs = world.service.media_jobs
    assert isinstance(jobs, FakeMediaJobs)
    Mapping(jobs, world.handler("media"), batch=1).poll()
    recorder.keep("stored_media", world, "GET", "/sms/status/{id}", parameters={"id": message.id})
    recorder.keep("stored_media", world, "GET", "/sms/threads/{number}", parameters={"number": THEIRS})


def _world() -> World:
    world = make_world(outbound=FakeWeb({_PICTURE: Page()}))
    now, scopes = world.clock.now, frozenset(Scope)
    world.api_keys.create(ApiKey(_GUESTS, "demo", KeyKind.GUEST_LIST, scopes, now, frozenset((THEIRS,))))
    world.api_keys.create(ApiKey(_TEST, "ci", KeyKind.TEST, scopes, now))
    return world
