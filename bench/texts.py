"""One text on its way through a benchmark and what it met there, in milliseconds of virtual time."""

from dataclasses import dataclass


@dataclass(slots=True)
class Text:
    """A text: in the queue, and at the provider."""

    number: int
    recipient: str
    accepted_ms: float
    # Whether its waiting time is reported apart: it is not of the recipient queue that is the scenario's burden.
    other: bool = False

    # In the queue.
    visible_ms: float = 0.0
    in_flight: bool = False
    receives: int = 0
    dead: bool = False
    gone: bool = False

    # On the message.
    slot_ms: int | None = None
    # The first that it was given.
    first_slot_ms: int | None = None
    claimed: bool = False

    # At the provider; the latest of `copies`.
    arrived_ms: float | None = None
    copies: int = 0

    @property
    def id(self) -> str:
        """The message id: the queue's, the table's and the provider's."""
        return str(self.number)
