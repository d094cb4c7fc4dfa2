"""What a caller may ask for: texts to which countries, and how many in a day (UTC)."""

# A stolen API key ends here.

from collections.abc import Callable
from dataclasses import dataclass

from longcode.domain import destinations, pacing, phone
from longcode.domain.destinations import Destination
from longcode.domain.errors import DailyLimitReached, DestinationNotAllowed, Unavailable
from longcode.domain.message import Message, iso
from longcode.domain.metrics import Metric
from longcode.use_cases import store_failures
from longcode.use_cases.ports import Limits, Logger, Metrics


@dataclass(frozen=True, slots=True)
class _Cap:
    """One count of a day, how far it may go, and whose it is."""

    key: str
    at_most: int
    words: str


@dataclass(frozen=True, slots=True)
class Quota:
    """What one caller may still ask for.

    `caller` names the API key in records and logs, and is never the key itself. A `texts_per_key` of 0 is no cap.
    """

    limits: Limits
    metrics: Metrics
    logger: Logger
    allowed: tuple[Destination, ...]
    texts_per_key: int
    caller: str

    def check(self, recipient: str) -> None:
        """Raises DestinationNotAllowed for a number that may not be texted."""
        if destinations.find(recipient, self.allowed) is None:
            self.metrics.count(Metric.DESTINATION_REFUSED)
            self.logger.warning(
                "guard.destination", to=phone.mask(recipient), country=destinations.country(recipient),
                caller=self.caller,
            )  # fmt: skip
            raise DestinationNotAllowed(
                "Numbers that begin like this one are not among those that may be texted (AllowedDestinations)."
            )

    def admit(
        self, message: Message, store: Callable[[], Message | None], *, before: Message | None = None
    ) -> Message | None:
        """Count a text and `store()` it, which answers the message that was there already, None if none was.

        Counted is what is newly stored, and once: not what was there, and not a new attempt of `before`, if that
        is of the same day. Raises DailyLimitReached, with nothing counted and stored, or what `store` raises.
        """
        if before is not None and _day(before) == _day(message):
            return store()
        taken = self._take(message)
        try:
            existing = store()
        except Unavailable:
            self._hand_back(taken)
            raise
        if existing is not None:
            # Another request with this Idempotency-Key came first, and was counted.
            self._hand_back(taken)
        return existing

    def _take(self, message: Message) -> list[_Cap]:
        taken: list[_Cap] = []
        for cap in self._caps(message):
            try:
                counted = self.limits.count(cap.key, cap.at_most, message.accepted_ms)
            except Unavailable:
                self._hand_back(taken)
                raise
            if not counted:
                self._hand_back(taken)
                self.metrics.count(Metric.DAILY_LIMIT_REACHED)
                self.logger.warning(
                    "guard.daily_limit", limit=cap.key.partition("#")[2], at_most=cap.at_most, caller=self.caller
                )
                midnight_ms = pacing.next_utc_midnight_ms(message.accepted_ms)
                raise DailyLimitReached(
                    f"{cap.words}; the next day begins at 00:00 UTC. Nothing was stored.",
                    retry_after_s=pacing.seconds_up(midnight_ms - message.accepted_ms),
                )
            taken.append(cap)
        return taken

    def _caps(self, message: Message) -> list[_Cap]:
        """The key's own comes first: who has used it up takes nothing from others, not even for a moment."""
        day, caps = f"day#{_day(message)}", []
        if self.texts_per_key:
            words = f"Today's texts of this API key are used up: {self.texts_per_key} a day (DailyTextsPerKey)"
            caps.append(_Cap(f"{day}#key#{self.caller}", self.texts_per_key, words))
        entry = destinations.find(message.recipient, self.allowed)
        if entry and entry.daily:
            words = f"Today's texts to {entry.prefix} are used up: {entry.daily} a day (AllowedDestinations)"
            caps.append(_Cap(f"{day}#to#{entry.prefix}", entry.daily, words))
        return caps

    def _hand_back(self, taken: list[_Cap]) -> None:
        for cap in taken:
            try:
                self.limits.uncount(cap.key)
            except Unavailable as exc:
                # The day has one text less, and ends.
                store_failures.note(exc, self.metrics, self.logger)


def _day(message: Message) -> str:
    return iso(message.accepted_ms)[:10]
