"""The port for when the last texts left to a recipient, which limits over longer periods count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from longcode.domain.recipient_limits import RecipientLimit


@dataclass(frozen=True, slots=True)
class Place:
    """Whether a text may leave to its recipient by now.

    `at_ms` is the moment that was noted for it, by which it has to leave, None if there was no room; `departures`
    are all that are noted then.
    """

    at_ms: int | None
    departures: tuple[int, ...]


class Departures(Protocol):
    """When the last texts left to each recipient. Limits.read_gate reads it too. May raise Unavailable."""

    def last(self, numbers: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
        """Those to up to 100 numbers, in order of time. A number that has none is not in it."""

    def take(
        self,
        number: str,
        limits: Sequence[RecipientLimit],
        now_ms: int,
        seen: tuple[int, ...],
        *,
        instead_of: int | None = None,
        at_any_rate: bool = False,
    ) -> Place:
        """Note a text that leaves by now, if the limits have room for it; of parallel callers each gets its own.

        `seen` are the departures as they were read; the caller finds no room where those had none. A place that
        the text had before (`instead_of`) is given up, whether there is room for another or not. `at_any_rate` it
        is noted also where there is no room.
        """

    def move(self, number: str, limits: Sequence[RecipientLimit], place_ms: int, left_ms: int) -> None:
        """Note that the text of a place left later than it should have."""

    def give_back(self, number: str, place_ms: int) -> None:
        """Forget the place of a text that did not leave."""
