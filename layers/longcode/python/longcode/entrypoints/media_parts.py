"""What people send with a text, stored: made on demand as container.Service has all of its parts."""

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longcode.aws.clients import Sleep
    from longcode.entrypoints.config import Settings
    from longcode.entrypoints.responses import MediaLink
    from longcode.use_cases.erase import MediaEraser
    from longcode.use_cases.media_store import MediaBucket, MediaJobs, MediaNotes
    from longcode.use_cases.outbound_ports import Outbound


class MediaParts:
    """What container.Service has of stored media."""

    settings: "Settings"
    sleep: "Sleep"

    @cached_property
    def media_bucket(self) -> "MediaBucket":
        """The files."""
        from longcode.aws import clients
        from longcode.aws.media_bucket import S3MediaBucket

        return S3MediaBucket(clients.s3(), self.settings.media.bucket)

    @cached_property
    def media_notes(self) -> "MediaNotes":
        """What messages say of their files."""
        from longcode.aws import clients
        from longcode.aws.media_notes import DynamoMediaNotes

        return DynamoMediaNotes(clients.dynamodb(), self.settings.messages_table)

    @cached_property
    def media_jobs(self) -> "MediaJobs":
        """The queue of what is to be fetched."""
        from longcode.aws import clients
        from longcode.aws.media_queue import SqsMediaJobs

        return SqsMediaJobs(clients.sqs(), self.settings.media.queue_url, sleep=self.sleep)

    @cached_property
    def media_web(self) -> "Outbound":
        """Calls to the addresses of what people sent, some of which their server has signed."""
        from longcode.outbound.client import GuardedClient

        return GuardedClient(allow_loopback=self.settings.webhooks.allow_loopback)

    @property
    def media_eraser(self) -> "MediaEraser | None":
        """Deletes the files of a message; None where none is stored."""
        if not self.settings.media.bucket:
            return None
        from longcode.use_cases.erase import MediaEraser

        return MediaEraser(self.media_bucket, self.media_notes)

    @property
    def media_link(self) -> "MediaLink | None":
        """Makes the address that a stored file is downloaded from; None where none is stored."""
        if not self.settings.media.bucket:
            return None
        # The client of S3 is made, which takes a while, with the first file that there is.
        return lambda message, row: self.media_bucket.link(
            message.id, str(row["sha256"]), str(row["content_type"])
        )
