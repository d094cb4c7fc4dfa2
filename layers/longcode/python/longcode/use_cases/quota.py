"""What a caller may ask for: texts to which countries, and how many in a day (UTC)."""

# A stolen API key ends here.

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import batched

from longcode.domain import destinations, pacing, phone
from longcode.domain.destinations import Destination
from longcode.domain.errors import DailyLimitReached, DestinationNotAllowed, Unavailable
from longcode.domain.message import Message, iso
from longcode.domain.metrics import Metric
from longcode.use_cases import store_failures
from longcode.use_cases.ports import Limits, Logger, Metrics

# As many counts as one BatchGetItem reads.
_READ = 100


@dataclass(frozen=True, slots=True)
class _Cap:
    """One count of a day, how far it may go, and whose it is."""

    key: str
    at_most: int
    words: str


# What was counted for one text.
type Taken = list[_Cap]


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
        if refused := self.refusal(recipient):
            self.note_refused([recipient])
            raise refused

    def refusal(self, recipient: str) -> DestinationNotAllowed | None:
        """What a text to this number is refused with, None if it may be texted. Nothing is noted."""
        if destinations.find(recipient, self.allowed) is not None:
            return None
        return DestinationNotAllowed(
            "Numbers that begin like this one are not among those that may be texted (AllowedDestinations)."
        )

    def note_refused(self, recipients: Iterable[str]) -> None:
        """Count texts that were refused for where they were to go, and log the last of each country."""
        many, last = Counter[str](), dict[str, str]()
        for recipient in recipients:
            country = destinations.country(recipient)
            many[country] += 1
            last[country] = recipient
        for country, texts in many.items():
            more = {"texts": texts} if texts > 1 else {}
            self.metrics.count(Metric.DESTINATION_REFUSED, texts)
            self.logger.warning(
                "guard.destination", to=phone.mask(last[country]), country=country, caller=self.caller, **more
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
        (taken,) = self.take_all([message])
        if isinstance(taken, DailyLimitReached):
            raise taken
        try:
            existing = store()
        except Unavailable:
            self.hand_back([taken])
            raise
        if existing is not None:
            # Another request with this Idempotency-Key came first, and was counted.
            self.hand_back([taken])
        return existing

    def take_all(self, messages: Sequence[Message]) -> list[Taken | DailyLimitReached]:
        """Count texts with one write for each cap, and refuse those that do not fit, from the end.

        Who stores them hands back what was taken for those that turn out not to be new. Raises Unavailable, with
        nothing counted.
        """

        def count(cap: _Cap, many: int) -> int:
            return self.limits.count(cap.key, cap.at_most, messages[0].accepted_ms, many)

        taken: dict[int, Taken] = {}
        try:
            refused = self._deal(messages, count, taken)
        except Unavailable:
            self.hand_back(taken.values())
            raise
        self.hand_back(taken.pop(place) for place in refused)
        for cap, many in Counter(refused.values()).items():
            self.metrics.count(Metric.DAILY_LIMIT_REACHED, many)
            self.logger.warning(
                "guard.daily_limit", limit=cap.key.partition("#")[2], at_most=cap.at_most, caller=self.caller
            )
        return [
            _reached(refused[place], message) if place in refused else taken[place]
            for place, message in enumerate(messages)
        ]

    def outlook(self, messages: Sequence[Message]) -> list[DailyLimitReached | None]:
        """Which of them would be refused as it is now. Nothing is counted. Raises Unavailable."""
        keys = sorted({cap.key for message in messages for cap in self._caps(message)})
        found: dict[str, int] = {}
        for some in batched(keys, _READ, strict=False):
            found |= self.limits.read_counts(some)

        def count(cap: _Cap, many: int) -> int:
            return max(0, min(many, cap.at_most - found[cap.key]))

        refused = self._deal(messages, count, {})
        return [
            _reached(refused[place], message) if place in refused else None
            for place, message in enumerate(messages)
        ]

    def _deal(
        self, messages: Sequence[Message], count: Callable[[_Cap, int], int], taken: dict[int, Taken]
    ) -> dict[int, _Cap]:
        """Ask each cap once for all texts that it is over; which of them it refused, and by `taken` what was."""
        places: dict[_Cap, list[int]] = {}
        for place, message in enumerate(messages):
            taken[place] = []
            for cap in self._caps(message):
                places.setdefault(cap, []).append(place)
        refused: dict[int, _Cap] = {}
        # The key's own is the first of them.
        for cap, asking in places.items():
            left = [place for place in asking if place not in refused]
            fits = count(cap, len(left)) if left else 0
            for place in left[:fits]:
                taken[place].append(cap)
            refused |= dict.fromkeys(left[fits:], cap)
        return refused

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

    def hand_back(self, taken: Iterable[Taken]) -> None:
        """Take back what was counted for texts that are not stored anew: one write for each cap."""
        for cap, many in Counter(cap for caps in taken for cap in caps).items():
            try:
                self.limits.uncount(cap.key, many)
            except Unavailable as exc:
                # The day has one text less, and ends.
                store_failures.note(exc, self.metrics, self.logger)


def _reached(cap: _Cap, message: Message) -> DailyLimitReached:
    midnight_ms = pacing.next_utc_midnight_ms(message.accepted_ms)
    return DailyLimitReached(
        f"{cap.words}; the next day begins at 00:00 UTC. Nothing was stored.",
        retry_after_s=pacing.seconds_up(midnight_ms - message.accepted_ms),
    )


def _day(message: Message) -> str:
    return iso(message.accepted_ms)[:10]
