"""From a queue event to a partial batch response, and from a drain request to its results."""

from collections.abc import Callable, Mapping
from typing import Any

from longcode.aws import queue
from longcode.domain.priority import Priority
from longcode.use_cases.batch_results import Result
from longcode.use_cases.ports import Clock, Logger
from longcode.use_cases.queue_ports import Envelope, Queue

# Any: Lambda's SQS event and its partial batch response are JSON.
Event = Mapping[str, Any]


def consume(event: Event, send: Callable[[list[Envelope]], list[Result]], logger: Logger) -> dict[str, Any]:
    """Hand the records of a Lambda SQS event to `send` and name those that are still to be sent.

    A message that is not named is deleted from the queue, so each one that waits must be, together with every
    later one of its group: `send` stops a recipient at the first that waits.
    """
    results = send([queue.envelope(record) for record in event.get("Records", [])])
    left = [result for result in results if not result.done and result.envelope]
    waiting = [result.envelope for result in left if result.envelope]
    if waiting:
        # Of what is done each text has a line of its own.
        logger.info(
            "batch",
            message_ids=[envelope.message_id for envelope in waiting],
            waiting=len(waiting),
            held_by=[result.held_by.value if result.held_by else None for result in left],
            until_ms=[result.until_ms or result.again_ms for result in left],
        )
    return {"batchItemFailures": [{"itemIdentifier": envelope.queue_id} for envelope in waiting]}


def priority_of(event: Event, bulk_queue_url: str) -> Priority:
    """Whose queue an event comes from: its ARN ends in the queue's name, as the queue's URL does."""
    records = event.get("Records") or [{}]
    name = str(records[0].get("eventSourceARN", "")).rpartition(":")[2]
    return Priority.BULK if name == bulk_queue_url.rpartition("/")[2] else Priority.TRANSACTIONAL


def drain(
    queue: Queue, send: Callable[[list[Envelope]], list[Result]], clock: Clock, stop_ms: int
) -> tuple[list[Result], int]:
    """Take from the queue and send until nothing is left that may leave before `stop_ms`.

    Returns the results of the messages that ended, and about how many remain.
    """
    ended: list[Result] = []
    handed_back: set[str] = set()
    while clock.now_ms() < stop_ms:
        envelopes = list(queue.receive())
        if not envelopes:
            break
        results = send(envelopes)
        ended += [result for result in results if result.done]
        waiting = {result.envelope.queue_id for result in results if not result.done and result.envelope}
        if len(waiting) == len(results) and waiting <= handed_back:
            # They may leave within a second, but after `stop_ms`: each further look at them is only a receive.
            break
        handed_back |= waiting
    return ended, queue.size()
