"""StoreMedia: what people send is fetched into the bucket, linked, and erased with the person."""

import hashlib
import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest

from longcode.domain.media import MOST_STORED_BYTES
from longcode.domain.message import Message
from longcode.entrypoints.config import MediaSettings
from tests.functional.test_finding_and_erasing import erase, search
from tests.functional.test_threads import thread
from tests.support import interleave
from tests.support.fakes import OURS, THEIRS, make_settings, make_world
from tests.support.fakes.fault_injector import Died, unavailable
from tests.support.fakes.media import FakeMediaBucket, FakeMediaJobs, FakeMediaNotes
from tests.support.fakes.queue import Mapping
from tests.support.fakes.stream import event, failures
from tests.support.fakes.web import PICTURE, FakeWeb, Page
from tests.support.fakes.webhooks import inbound
from tests.support.interleave import Run, Trial

PNG, OTHER = "https://media.example/a.png", "https://media.example/b.png?X-Amz-Signature=hunter2"
SHA = hashlib.sha256(PICTURE).hexdigest()
HOUR_MS = 3_600_000


class Place:
    """A world that stores media, with the parts of it that this is about."""

    def __init__(self, **pages: Page) -> None:
        self.web = FakeWeb({PNG: Page(), OTHER: Page(PICTURE + b"2")})
        self.world = make_world(
            make_settings(media=MediaSettings("media", "https://sqs.example/media")), outbound=self.web
        )
        self.web.wait = self.world.clock.pass_ms
        parts = self.world.service
        assert isinstance(parts.media_bucket, FakeMediaBucket)
        assert isinstance(parts.media_jobs, FakeMediaJobs)
        assert isinstance(parts.media_notes, FakeMediaNotes)
        self.bucket, self.jobs, self.notes = parts.media_bucket, parts.media_jobs, parts.media_notes
        self.mapping = Mapping(self.jobs, self.world.handler("media"), batch=1)

    def receive(self, *urls: str, sender: str = THEIRS, publish: bool = True) -> Message:
        """A text with media comes in, and its change gets to the publisher."""
        before = {message.id for message in self.world.messages.all}
        self.world.clock.pass_ms(1)
        rows = [{"url": url, "content_type": "image/png"} for url in urls]
        body = inbound(sender, "Look", self.world.clock.now, to=OURS, media=rows)
        assert self.world.webhook(body).status == 200
        (message,) = [one for one in self.world.messages.all if one.id not in before]
        if publish:
            self.publish((None, message))
        return message

    def publish(self, *changes: tuple[Any, Any]) -> list[str]:
        return list(failures(self.world.invoke("publisher", event(*changes))))

    def work(self, for_ms: int = 40_000) -> None:
        """Let the media function do what there is to do until then."""
        self.mapping.run(until_ms=self.world.clock.now + for_ms)

    def media(self, message: Message) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.world.status(message.id).fields["media"]
        return rows


@pytest.fixture
def place() -> Place:
    return Place()


def test_a_picture_is_stored_by_its_hash_and_linked_in_status_and_thread(place: Place) -> None:
    message = place.receive(PNG)
    assert place.media(message) == [{"url": PNG, "content_type": "image/png"}]

    place.work()

    assert {key: file.body for key, file in place.bucket.files.items()} == {(message.id, SHA): PICTURE}
    row = {
        "url": PNG,
        "content_type": "image/png",
        "sha256": SHA,
        "size": str(len(PICTURE)),
        "stored": True,
    }
    link = f"https://bucket.example/media/{message.id}/{SHA}?signed"
    assert place.media(message) == [row | {"download_url": link}]
    assert thread(place.world).fields["messages"][0]["media"] == [row | {"download_url": link}]
    # A list is read by programs that keep it for longer than a link is good.
    assert search(place.world, from_=THEIRS).fields["messages"][0]["media"] == [row]
    assert not place.jobs.stored


def test_off_nothing_is_asked_for_or_linked() -> None:
    world = make_world()
    world.clock.pass_ms(1)
    world.webhook(inbound(THEIRS, "Look", world.clock.now, to=OURS, media=[{"url": PNG}]))
    (message,) = world.messages.all
    assert failures(world.invoke("publisher", event((None, message)))) == []
    assert isinstance(world.service.media_jobs, FakeMediaJobs)
    assert not world.service.media_jobs.stored
    assert world.status(message.id).fields["media"] == [{"url": PNG}]
    assert erase(world)["erased"] == 1
    assert isinstance(world.service.media_notes, FakeMediaNotes)
    assert world.service.media_notes.faults.calls == []


def test_a_job_is_asked_for_each_new_inbound_text_with_media_and_for_no_other_change(place: Place) -> None:
    message = place.receive(PNG)
    place.work()
    (stored,) = place.world.messages.all
    place.publish((message, stored))
    place.world.enqueue()
    place.publish((None, place.world.messages.all[-1]))
    plain = place.receive(publish=False)
    place.publish((None, plain))
    assert not place.jobs.stored


def test_files_go_with_their_text_when_it_has_reached_its_age(place: Place) -> None:
    message, other = place.receive(PNG), place.receive(PNG)
    place.work()
    (stored, _) = place.world.messages.all
    place.world.messages._forget(message.id)
    place.publish((stored, None))
    place.work()
    assert list(place.bucket.files) == [(other.id, SHA)]
    assert not place.jobs.stored


def test_an_erasure_ends_in_time_though_each_text_with_files_takes_long(place: Place) -> None:
    for _ in range(30):
        place.receive(PNG)
    place.work()
    forget = place.bucket.forget

    def slow(message_id: str) -> None:
        place.world.clock.pass_ms(1_000)
        forget(message_id)

    place.bucket.forget = slow  # type: ignore[method-assign]
    began = place.world.clock.now
    first = erase(place.world)
    assert first["remaining"] is True
    assert place.world.clock.now - began <= 21_000
    assert erase(place.world) == {"erased": 30 - first["erased"], "kept": 0, "remaining": False}


def test_a_file_that_the_bucket_refuses_takes_no_other_with_it(place: Place) -> None:
    message = place.receive(PNG, OTHER)
    for _ in range(40):
        place.bucket.faults.fail("put")
        place.mapping.poll()
        place.world.clock.pass_ms(HOUR_MS)
        if not place.jobs.stored:
            break
    refused, stored = place.media(message)
    assert (refused["stored"], refused["problem"]) == (False, "It could not be stored.")
    assert stored["stored"] is True


def test_where_the_queue_refuses_the_batch_comes_again_and_nothing_is_published_twice(place: Place) -> None:
    message = place.receive(PNG, publish=False)
    place.jobs.asked.fail("ask")
    assert len(place.publish((None, message))) == 1
    assert place.world.event_bus.heard == []
    assert place.publish((None, message)) == []
    assert len(place.world.event_bus.heard) == len(place.jobs.stored) == 1


PAGES: list[tuple[str, Page, str]] = [
    ("too large", Page(PICTURE + bytes(MOST_STORED_BYTES)), "more than"),
    ("too large, without a word of it", Page(PICTURE + bytes(MOST_STORED_BYTES), says_length=False), "more than"),
    ("no type that is stored", Page(b"PK\x03\x04", "application/zip"), "type"),
    ("a drawing that may hold scripts", Page(b"<svg/>", "image/svg+xml"), "type"),
    ("a web page in its place", Page(b"\n <!DOCTYPE html><html>", "image/heic"), "web page"),
    ("a web page that says so", Page(b"<html>", "text/html; charset=utf-8"), "type"),
    ("words as a picture", Page(b"no picture", "image/png"), "not what its type says"),
    ("another picture", Page(b"GIF89a", "image/jpeg"), "not what its type says"),
    ("no PDF", Page(b"%PNG", "application/pdf"), "not what its type says"),
    ("another drawing that may hold scripts", Page(b"<svg/>", "image/svg"), "type"),
    ("two types", Page(PICTURE, "image/png, image/png"), "type"),
    ("a type that no one reads", Page(PICTURE, "image/" + "x" * 9_000), "type"),
    ("an archive as a film", Page(b"PK\x03\x04", "video/mp4"), "archive"),
    ("an archive as words", Page(b"PK\x03\x04", "text/plain"), "archive"),
    ("a program", Page(b"MZ\x90\x00", "image/heic"), "program"),
    ("another program", Page(b"\x7fELF", "audio/mpeg"), "program"),
    ("XML as a picture", Page(b'<?xml version="1.0"?><svg onload="x()"/>', "image/heic"), "XML"),
    ("a web page behind a remark", Page(b"<!-- x --><html><script>", "text/plain"), "web page"),
    ("packed", Page(b"BEGIN:VCARD", "text/vcard", packed="gzip"), "packs"),
    ("empty", Page(b"", "image/png"), "empty"),
    ("gone after 30 days", Page(b"", "text/html", 404), "not there any more"),
    ("gone for good", Page(b"", "text/html", 410), "not there any more"),
    ("a private address", Page(refused="The URL leads to an address that is not public."), "not public"),
]


def test_what_can_never_be_stored_is_given_up_at_once_and_says_why() -> None:
    for what, page, words in PAGES:
        place = Place()
        place.web.pages[PNG] = page
        message = place.receive(PNG, OTHER)
        place.work()
        first, second = place.media(message)
        assert (first["stored"], words in first["problem"]) == (False, True), (what, first)
        # The other is none the worse.
        assert second["stored"] is True, what
        assert list(place.bucket.files) == [(message.id, hashlib.sha256(PICTURE + b"2").hexdigest())], what
        assert not place.jobs.stored, what
        assert len(place.web.calls) == 2, what


GOOD: list[tuple[Page, str]] = [
    (Page(b"\xff\xd8\xff\xe0", "image/jpeg; charset=binary"), "image/jpeg"),
    (Page(b"RIFF\x00\x00\x00\x00WEBPVP8 ", "IMAGE/WEBP"), "image/webp"),
    (Page(b"%PDF-1.7", "application/pdf"), "application/pdf"),
    (Page(b"BEGIN:VCARD", "text/x-vcard"), "text/x-vcard"),
    (Page(b"hello", "text/plain"), "text/plain"),
    (Page(b"<smil></smil>", "application/smil"), "application/smil"),
    (Page(b"\x00\x00\x00\x18ftyp3gp4", "video/3gpp"), "video/3gpp"),
    # As a server of files says it; the provider knew better.
    (Page(PICTURE, "binary/octet-stream"), "image/png"),
    (Page(PICTURE + bytes(MOST_STORED_BYTES - len(PICTURE))), "image/png"),
]


def test_what_people_send_is_stored_as_what_it_is() -> None:
    for page, kind in GOOD:
        place = Place()
        place.web.pages[PNG] = page
        message = place.receive(PNG)
        place.work()
        (file,) = place.bucket.files.values()
        assert (file.content_type, file.body) == (kind, page.body)
        assert place.media(message)[0]["content_type"] == kind


def test_what_fails_is_tried_again_after_growing_times_and_given_up_after_six_hours(place: Place) -> None:
    for page in (Page(fails="no connection"), Page(b"", "", 503), Page(b"", "", 302), Page(takes_ms=60_000)):
        place.web.pages[PNG] = page
        place.mapping.invocations.clear()
        message = place.receive(PNG, OTHER)
        begun = place.world.clock.now
        place.mapping.run()
        tried = [one.started_ms for one in place.mapping.invocations]
        waits = [round((at - before) / 1000) for before, at in itertools.pairwise(tried)]
        took = 10 if page.takes_ms else 0
        assert waits[:6] == [delay + took for delay in (5, 30, 120, 600, 1800, 3600)], page
        assert 6 * HOUR_MS <= place.world.clock.now - begun <= 7.5 * HOUR_MS
        first, second = place.media(message)
        assert (first["stored"], second["stored"]) == (False, True)
        assert "could not be fetched" in first["problem"]
    # What was stored at first was not fetched again.
    assert place.web.calls.count(("GET", OTHER)) == 4


def test_a_slow_server_costs_no_other_text_its_minute(place: Place) -> None:
    place.web.pages[PNG] = Page(takes_ms=60_000)
    slow, quick = place.receive(*[PNG] * 10), place.receive(OTHER)
    begun = place.world.clock.now
    place.mapping.poll()
    # One function has a minute for its message. Lambda runs more of them side by side.
    assert place.world.clock.now - begun <= 60_000
    place.mapping.poll()
    assert place.media(quick)[0]["stored"] is True
    assert "stored" not in place.media(slow)[0]


def test_a_doubled_webhook_and_a_doubled_job_store_once(place: Place) -> None:
    message = place.receive(PNG)
    place.publish((None, message), (None, message))
    assert len(place.jobs.stored) == 3
    place.work()
    assert len(place.web.calls) == len(place.bucket.files) == 1


def test_an_unreadable_job_is_let_go_and_that_of_a_later_release_waits(place: Place) -> None:
    place.jobs.append("{", "a", "a")
    place.jobs.append('{"v": 9, "id": "x"}', "b", "b")
    place.work(1000)
    (left,) = place.jobs.stored
    assert '"v": 9' in left.body


# The calls of one job, and of an erasure.
CALLS: list[Callable[[Place], tuple[Any, str]]] = [
    lambda place: (place.world.messages.faults, "get"),
    lambda place: (place.bucket.faults, "put"),
    lambda place: (place.notes.faults, "note"),
    lambda place: (place.jobs.faults, "hide"),
]


def test_wherever_a_job_ends_the_next_one_completes_it() -> None:
    for failure in (unavailable, Died):
        for number, call in enumerate(CALLS):
            for after in (False, True):
                place = Place()
                if number == len(CALLS) - 1:
                    place.web.pages[PNG] = Page(fails="no connection")
                message = place.receive(PNG)
                faults, name = call(place)
                faults.fail(name, failure, after=after)
                place.mapping.poll()
                place.web.pages[PNG] = Page()
                place.mapping.run()
                what = (failure, name, after)
                assert place.media(message)[0]["stored"] is True, what
                assert list(place.bucket.files) == [(message.id, SHA)], what
                assert not place.jobs.stored, what


def test_an_erased_persons_files_are_gone_and_another_keeps_the_same_picture(place: Place) -> None:
    place.receive(PNG, OTHER)
    other = place.receive(PNG, sender="+12025550124")
    place.work()
    assert len(place.bucket.files) == 3
    assert erase(place.world) == {"erased": 1, "kept": 0, "remaining": False}
    assert list(place.bucket.files) == [(other.id, SHA)]
    assert place.media(other)[0]["stored"] is True


def test_an_erasure_whose_bucket_fails_says_so_and_the_next_call_completes_it() -> None:
    for faults, name in (("bucket", "list"), ("bucket", "delete"), ("notes", "close")):
        for after in (False, True):
            place = Place()
            for _ in range(3):
                place.receive(PNG)
            place.work()
            getattr(place, faults).faults.fail(name, skip=1, after=after)
            if name == "list":
                # Each message is listed twice: until nothing is left.
                getattr(place, faults).faults.clear()
                getattr(place, faults).faults.fail(name, skip=2, after=after)
            first = erase(place.world)
            assert (first["erased"], first["remaining"]) == (1, True), (name, after)
            # No message has gone whose files are there.
            there = {message.id for message in place.world.messages.all}
            assert {ident for ident, _ in place.bucket.files} <= there
            assert erase(place.world) == {"erased": 2, "kept": 0, "remaining": False}
            assert (place.bucket.files, place.world.messages.all) == ({}, [])


def test_an_erasure_that_gets_nowhere_is_answered_503_and_nothing_is_erased(place: Place) -> None:
    place.receive(PNG)
    place.work()
    place.bucket.faults.fail("list")
    reply = place.world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS})
    assert (reply.status, len(place.world.messages.all), len(place.bucket.files)) == (503, 1, 1)


def test_an_erasure_wins_over_jobs_in_whichever_order_their_calls_come() -> None:
    def trial() -> Trial:
        place = Place()
        # One job: no other may tidy up behind it.
        place.receive(PNG)
        erased: list[dict[str, Any]] = []

        def check(run: Run) -> None:
            place.mapping.run()
            assert erased[0]["erased"] == 1
            assert place.world.messages.all == []
            assert place.bucket.files == {}, run.calls

        return [place.mapping.poll, lambda: erased.append(erase(place.world))], check

    interleave.sample(trial, 60, seed=17)


def test_a_job_that_dies_after_its_files_were_put_leaves_none_of_an_erased_person(place: Place) -> None:
    message = place.receive(PNG)
    place.notes.faults.fail("note", Died)
    place.mapping.poll()
    assert list(place.bucket.files) == [(message.id, SHA)]
    # The same if the item had gone by itself.
    place.world.messages._forget(message.id)
    place.mapping.run()
    assert (place.bucket.files, list(place.jobs.stored)) == ({}, [])


def test_no_log_line_has_a_querys_secret_a_number_or_a_text(place: Place) -> None:
    place.web.pages[OTHER] = Page(fails="no connection")
    place.receive(PNG, OTHER)
    place.work(10_000)
    lines = str(place.world.logger.lines)
    assert "media.failed" in lines
    assert re.findall(r"hunter2|media\.example|\+1202|Look", lines) == []
