"""Texts that a worker can't claim: they were dealt with since they were read, or their invocation is gone."""

from longcode.domain.message import Entry, Message
from longcode.domain.metrics import Metric
from longcode.domain.status import Status
from longcode.use_cases import send_attempt
from longcode.use_cases.send_attempt import SendDependencies


def settle(message_id: str, message: Message | None, deps: SendDependencies, now: int) -> None:
    """Do what is left to be done for such a text, as it stood at the claim; None: there is none of that id."""
    if message is None:
        deps.metrics.count(Metric.UNKNOWN_ID)
        deps.logger.warning("queue.unknown_id", message_id=message_id)
    elif message.status is Status.SENDING:
        send_attempt.abandoned(message, deps, now)
    elif message.status.waiting and message.no_resend:
        entry = Entry(now, Status.CANCELLED.value, "consumer", note="The recipient's texts were erased.")
        deps.messages.end(message, Status.CANCELLED, entry, now)
        deps.logger.info("send.cancelled", message_id=message.id)
    else:
        deps.metrics.count(Metric.DUPLICATES_SUPPRESSED)
        deps.logger.info("queue.redelivered", message_id=message.id, status=message.status.value)
