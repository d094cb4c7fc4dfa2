"""The ports of what people send with a text: the bucket that it is kept in, and the jobs to fetch it."""

# Every port may raise errors.Unavailable.

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from longcode.domain.message import MediaRow, Message
    from longcode.use_cases.queue_ports import Envelope


class Noted(Enum):
    """What became of a note about a message's media."""

    WRITTEN = auto()
    # Another has changed them: read the message again.
    CHANGED = auto()
    # The message is gone, or is being erased.
    GONE = auto()


class MediaBucket(Protocol):
    """The files, each under its message's id and the hash of its content."""

    def put(self, message_id: str, sha256: str, content_type: str, body: bytes) -> None:
        """Keep a file. The same again changes nothing."""

    def forget(self, message_id: str) -> None:
        """Delete every file of one message."""

    def link(self, message_id: str, sha256: str, content_type: str) -> str:
        """An address that a file can be downloaded from for five minutes, by anyone who has it."""


class MediaNotes(Protocol):
    """What the messages table says of the files of a message."""

    def note(self, message: Message, media: Sequence[MediaRow]) -> Noted:
        """Write `media` in the place of those of `message`, if it still has them and is not being erased."""

    def close(self, message_id: str) -> None:
        """Have every later `note` about a message find it gone: it is about to be erased."""


class MediaJobs(Protocol):
    """The queue of messages whose media is to be fetched. A job may come twice, and in any order."""

    def ask(self, message_ids: Sequence[str]) -> None:
        """Put a job for each message into the queue."""

    def hide(self, envelopes: Sequence[Envelope], delays_s: Sequence[int]) -> None:
        """Have jobs come again after so many seconds."""
