"""The port for what is counted of tags and carriers, and for their pauses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from longcode.domain.tag_brake import Pause, Standing, Subject, Tally


class BrakeStore(Protocol):
    """Counts and pauses by subject. Limits.read_gate reads the pauses too. Times are epoch milliseconds.

    May raise Unavailable.
    """

    def add(
        self, subject: Subject, more: Tally, left_ms: int, now_ms: int, bad_tag: str | None = None
    ) -> Tally | None:
        """Count `more` of texts that left then; all that was counted in the last hour, with it.

        `bad_tag` is the tag of what went bad, "" if it has none, which is kept of a carrier's texts.

        None, and nothing counted, while the tag is paused, or if they left before the last resumption.
        """

    def pause(self, subject: Subject, pause: Pause, *, counted_ms: int | None = None) -> bool:
        """Let nothing of a subject leave; False if it is paused already, which stays as it is.

        Nor does it where it was resumed after `counted_ms`: what was counted by then is settled.
        """

    def resume(self, subject: Subject, now_ms: int) -> Pause | None:
        """End a pause and begin to count anew, also where there was none; the pause that there was."""

    def standings(self, subjects: Sequence[Subject], now_ms: int) -> Mapping[Subject, Standing]:
        """How up to 90 of them stand. One that nothing is known of is not in it."""

    def announce(self, subject: Subject, pause: Pause | None, tally: Tally, now_ms: int) -> None:
        """Have the publisher say on the event bus that a subject is paused, or (None) is not any more."""
