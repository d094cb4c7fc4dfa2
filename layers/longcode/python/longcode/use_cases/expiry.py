"""Ending texts that are out of date before they could leave."""

from dataclasses import replace
from typing import Literal

from longcode.domain.carriers import Carrier
from longcode.domain.message import Entry, Fault, Message
from longcode.domain.status import Status
from longcode.use_cases import carrier_pacing
from longcode.use_cases.send_attempt import SendDependencies


def expire(
    message: Message, deps: SendDependencies, now: int, source: Literal["consumer", "reconciler"] = "consumer"
) -> Message:
    """End a text that waited longer than it was valid; what it was counted for at its carrier is given back."""
    fault = Fault("expired_unsent", "The text waited longer than it was valid, and was not sent.")
    entry = Entry(now, Status.EXPIRED_UNSENT.value, source, faults=(fault,))
    if deps.messages.end(message, Status.EXPIRED_UNSENT, entry, now):
        deps.logger.info("send.expired", message_id=message.id)
        if message.cap_day is not None:
            # The one carrier that has a limit of a day.
            carrier_pacing.give_back([(Carrier.T_MOBILE, message.cap_day, message.segments)], deps)
    return replace(message, status=Status.EXPIRED_UNSENT, faults=(fault,))
