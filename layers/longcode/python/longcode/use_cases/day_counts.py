"""Counts of a carrier's day: what was counted for a text that does not leave is taken off again."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from longcode.domain.carriers import Carrier
from longcode.domain.errors import Unavailable
from longcode.domain.message import Message
from longcode.use_cases import store_failures
from longcode.use_cases.ports import Logger, Metrics

if TYPE_CHECKING:
    from longcode.use_cases.carrier_store import Carriers

# A carrier, one of its days (`campaign.day_of`), and so many segments of one text.
type Count = tuple[Carrier, str, int]


def counted(message: Message, day: str | None) -> list[Count]:
    """What a text that was counted for a day stands for there: nothing, if it was counted for none.

    No carrier gets a test text, and none is counted.
    """
    # The one carrier that has a limit of a day.
    return [(Carrier.T_MOBILE, day, message.segments)] if day and not message.test else []


def give_back(unused: Iterable[Count], carriers: "Carriers", metrics: Metrics, logger: Logger) -> None:
    """Take what was counted for a day and did not leave to that carrier off the count: one write a day."""
    totals: dict[tuple[Carrier, str], int] = {}
    for carrier, day, weight in unused:
        totals[carrier, day] = totals.get((carrier, day), 0) + weight
    for (carrier, day), weight in totals.items():
        try:
            carriers.give_back(carrier, day, weight)
        except Unavailable as exc:
            # The day has a little less, and ends.
            store_failures.note(exc, metrics, logger)
