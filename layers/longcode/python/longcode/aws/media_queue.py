"""The queue of messages whose media is to be fetched."""

from collections.abc import Sequence

from longcode.aws.queue import SqsQueue, body


class SqsMediaJobs(SqsQueue):
    """media_store.MediaJobs over SQS: a standard queue, whose bodies are those of the other queues."""

    def ask(self, message_ids: Sequence[str]) -> None:
        entries = [{"MessageBody": body(ident)} for ident in message_ids]
        self._batches(self._client.send_message_batch, entries, forgive=False)
