"""What people send with a text, stored, in memory: the bucket, the notes about it, and the queue of jobs."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from longcode.aws import queue
from longcode.domain.message import MediaRow, Message
from longcode.use_cases.media_store import Noted
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.fault_injector import FaultInjector
from tests.support.fakes.messages import FakeMessages
from tests.support.fakes.queue import FakeQueue


@dataclass(frozen=True, slots=True)
class File:
    """One object of the bucket."""

    content_type: str
    body: bytes


class FakeMediaBucket:
    """media_store.MediaBucket in memory; `files` by message id and hash."""

    def __init__(self) -> None:
        self.faults = FaultInjector("put", "list", "delete", "link")
        self.files: dict[tuple[str, str], File] = {}

    def put(self, message_id: str, sha256: str, content_type: str, body: bytes) -> None:
        with self.faults.around("put", message_id):
            self.files[message_id, sha256] = File(content_type, body)

    def forget(self, message_id: str) -> None:
        # Two calls of the real bucket, between which another may put.
        while True:
            with self.faults.around("list", message_id):
                found = [key for key in self.files if key[0] == message_id]
            if not found:
                return
            with self.faults.around("delete", message_id):
                for key in found:
                    self.files.pop(key, None)

    def link(self, message_id: str, sha256: str, content_type: str) -> str:
        with self.faults.around("link", message_id):
            return f"https://bucket.example/media/{message_id}/{sha256}?signed"


class FakeMediaNotes:
    """media_store.MediaNotes over the messages in memory."""

    def __init__(self, messages: FakeMessages) -> None:
        self.faults = FaultInjector("note", "close")
        self._messages = messages
        # The messages that are about to be erased; what is put anew under such an id is another.
        self._closed: list[object] = []

    def note(self, message: Message, media: Sequence[MediaRow]) -> Noted:
        with self.faults.around("note", message.id):
            row = self._messages._rows.get(message.id)
            if row is None or any(one is row for one in self._closed):
                return Noted.GONE
            if row.message.media != message.media:
                return Noted.WRITTEN if row.message.media == tuple(media) else Noted.CHANGED
            row.message = replace(row.message, media=tuple(media))
            return Noted.WRITTEN

    def close(self, message_id: str) -> None:
        with self.faults.around("close", message_id):
            if row := self._messages._rows.get(message_id):
                self._closed.append(row)


class FakeMediaJobs(FakeQueue):
    """media_store.MediaJobs in memory: a standard queue, in which no message stands in another's way."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock, name="media")
        self.asked = FaultInjector("ask")
        self._names = itertools.count(1)

    def ask(self, message_ids: Sequence[str]) -> None:
        with self.asked.around("ask"):
            for message_id in message_ids:
                name = f"job {next(self._names)}"
                self.append(queue.body(message_id), name, name)
