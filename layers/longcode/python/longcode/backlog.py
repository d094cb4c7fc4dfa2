"""Putting texts that wait into the queue: the one way for all who do it.

The order is the table's (see `deliver`), so it does not matter in which they are put in, nor whether the queue has
one of them already.
"""

from collections.abc import Sequence

from longcode.message import Message
from longcode.metrics import Metric
from longcode.ports import Clock, Messages, Meter, Outbox, Waiting

# SQS goes on purging for up to a minute, and its counts may be as late.
SETTLED_MS = 60_000
# How many of those that the queue has lost are put back by one drain.
_RESTOCK_MOST = 200


def waiting(message: Message) -> Waiting:
    """A message as one that waits."""
    return Waiting(message.id, message.recipient, message.accepted_ms)


def put_back(texts: Sequence[Waiting], outbox: Outbox, meter: Meter, *, mark: str = "") -> None:
    """Put texts into the queue that may not be in it. Raises Unavailable.

    Without a `mark` SQS drops those that it was given when they were accepted, if that was within five minutes.
    """
    if texts:
        outbox.put(texts, mark)
        meter.count(Metric.ENQUEUED_AGAIN, len(texts))


def put_missing(messages: Sequence[Message], store: Messages, outbox: Outbox, meter: Meter) -> None:
    """The same for messages that were stored without knowing that the queue has them. Raises Unavailable."""
    put_back([waiting(message) for message in messages], outbox, meter)
    for message in messages:
        store.queued(message)


def restock(store: Messages, outbox: Outbox, clock: Clock, meter: Meter) -> None:
    """If the queue is empty, put in what waits all the same, as after a purge. Raises Unavailable."""
    if outbox.size():
        return
    now = clock.now_ms()
    found, _ = store.waiting(_RESTOCK_MOST)
    lost = [text for text in found if text.accepted_ms < now - SETTLED_MS]
    put_back(lost, outbox, meter, mark=f"restock:{now // SETTLED_MS}")
