"""When the last texts left to a recipient, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from longcode.domain import recipient_limits
from longcode.domain.gate import Limiter
from longcode.domain.pacing import recipient_key
from longcode.domain.recipient_limits import RecipientLimit
from longcode.use_cases.recipient_store import Place
from tests.support.fakes.fault_injector import FaultInjector
from tests.support.fakes.limits import FakeLimits


class FakeDepartures:
    """recipient_store.Departures in memory. The contract tests hold it to what the real table does."""

    def __init__(self, limits: FakeLimits) -> None:
        self.faults = FaultInjector("last", "take", "move", "give_back")
        # They are in the recipient's item.
        self._limits = limits

    def last(self, numbers: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
        with self.faults.around("last"):
            return {number: found for number in numbers if (found := self._of(number))}

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
        with self.faults.around("take"):
            others = _without(seen, instead_of)
            if recipient_limits.free_ms(others, limits, now_ms) > now_ms and not at_any_rate and others == seen:
                return Place(None, seen)
            others = _without(self._of(number), instead_of)
            if recipient_limits.free_ms(others, limits, now_ms) > now_ms and not at_any_rate:
                self._note(number, others)
                return Place(None, others)
            at_ms, departures = recipient_limits.with_departure(others, limits, now_ms)
            self._note(number, departures)
            return Place(at_ms, departures)

    def move(self, number: str, limits: Sequence[RecipientLimit], place_ms: int, left_ms: int) -> None:
        with self.faults.around("move"):
            others = _without(self._of(number), place_ms)
            self._note(number, recipient_limits.noted([*others, left_ms], limits))

    def give_back(self, number: str, place_ms: int) -> None:
        with self.faults.around("give_back"):
            self._note(number, _without(self._of(number), place_ms))

    def _of(self, number: str) -> tuple[int, ...]:
        found = self._limits.limiters.get(recipient_key(number))
        return found.departures if found else ()

    def _note(self, number: str, departures: tuple[int, ...]) -> None:
        key = recipient_key(number)
        found = self._limits.limiters.get(key, Limiter())
        if departures != found.departures:
            self._limits.limiters[key] = replace(found, departures=departures)


def _without(departures: tuple[int, ...], place_ms: int | None) -> tuple[int, ...]:
    return tuple(at_ms for at_ms in departures if at_ms != place_ms)
