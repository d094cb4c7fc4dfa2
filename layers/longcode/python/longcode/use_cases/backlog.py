"""Putting texts that wait into the queue."""

# The order is the table's (see `consume`), so it does not matter in which they are put in, nor whether the queue
# has one of them already.

from collections.abc import Sequence

from longcode.domain.message import Message
from longcode.domain.metrics import Metric
from longcode.domain.priority import Priority
from longcode.domain.status import Status
from longcode.use_cases.ports import Clock, Messages, Metrics, Waiting
from longcode.use_cases.queue_ports import Queues

# SQS goes on purging for up to a minute, and its counts may be as late.
SETTLED_MS = 60_000
# How many of those that the queue has lost are put back by one drain.
_RESTOCK_MOST = 200


def waiting(message: Message) -> Waiting:
    """A message as one that waits."""
    return Waiting(message.id, message.queue_name, message.place, message.priority)


def put_back(texts: Sequence[Waiting], queues: Queues, metrics: Metrics, *, mark: str = "") -> None:
    """Put texts into the queue that may not be in it. Raises Unavailable.

    Without a `mark` SQS drops those that it was given when they were accepted, if that was within five minutes.
    """
    if texts:
        queues.put(texts, mark)
        metrics.count(Metric.ENQUEUED_AGAIN, len(texts))


def put_missing(
    messages: Sequence[Message], store: Messages, queues: Queues, metrics: Metrics, *, mark: str = ""
) -> None:
    """The same for messages that were stored without knowing that the queue has them. Raises Unavailable."""
    put_back([waiting(message) for message in messages], queues, metrics, mark=mark)
    for message in messages:
        store.queued(message)


def restock(store: Messages, queues: Queues, clock: Clock, metrics: Metrics) -> None:
    """Put in what waits of a priority whose queue is empty, as after a purge. Raises Unavailable."""
    empty = queues.empty()
    if not empty:
        return
    now = clock.now_ms()
    texts = unheard(store, empty, now - SETTLED_MS, _RESTOCK_MOST)
    put_back(texts, queues, metrics, mark=f"restock:{now // SETTLED_MS}")


def unheard(store: Messages, empty: Sequence[Priority], before_ms: int, at_most: int) -> list[Waiting]:
    """Texts of the priorities with an `empty` queue that it was given, and that could have left before then.

    They are looked for among the oldest of all. Raises Unavailable.
    """
    ids = [*store.oldest(at_most), *store.oldest(at_most, expiring=True)]
    texts = store.get_all(ids) if ids else []
    due = [text for text in texts if text.status is Status.QUEUED and text.ready_ms < before_ms]
    found = [waiting(text) for text in due if text.priority in empty]
    return sorted(found, key=lambda text: text.place)[:at_most]
