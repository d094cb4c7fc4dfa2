"""The port for what events say of our 10DLC registration: whether it is lost, which opens the breaker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from longcode.domain.campaign import CampaignFacts
    from longcode.domain.registration import Lost


class Registrations(Protocol):
    """Whether our number is registered, as far as events say it. Limits.read_gate reads it too.

    Events come in any order, and twice: one that is not later than the last one changes nothing. May raise
    Unavailable.
    """

    def facts(self, sender: str) -> CampaignFacts | None:
        """What Carriers.know kept of a sender's campaign."""

    def lose(self, reason: str, occurred_ms: int, now_ms: int, until_ms: int) -> bool:
        """Open the breaker for `reason` until `until_ms`; never ends a longer stop sooner.

        Whether it was closed before.
        """

    def regain(self, lost: Sequence[Lost], occurred_ms: int, now_ms: int) -> bool:
        """The registration is back, if it was lost in one of these ways; whether that has closed the breaker.

        A breaker that a refusal has opened since stays open.
        """

    def still_lost(self, now_ms: int, until_ms: int) -> None:
        """The one text that tried was taken without a registration: the breaker stays open until `until_ms`.

        Nothing happens if the registration is back by now.
        """
