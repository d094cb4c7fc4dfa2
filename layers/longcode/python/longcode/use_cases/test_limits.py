"""Limits of test texts: the same rules, under names of their own, and no stop but an operator's pause."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from longcode.domain.braking import Brake
from longcode.domain.gate import Control, Gate, Limiter, Refusal, Trouble
from longcode.domain.message import Message
from longcode.domain.pacing import Reservation
from longcode.domain.priority import Priority
from longcode.domain.test_mode import marked
from longcode.use_cases.ports import Limits


def limits_of(message: Message, limits: Limits) -> Limits:
    """The limits that a text keeps to: those of test texts are others."""
    return SeparateLimits(limits) if message.test else limits


@dataclass(frozen=True, slots=True)
class SeparateLimits:
    """ports.Limits over those of live texts: each name is marked, and what is about the provider is left out.

    A live text waits for nothing that a test text takes, and nothing that befalls a test text opens the breaker,
    sets a brake or counts against one. A pause by an operator holds both, and so does what a person has said.
    """

    live: Limits

    def read_gate(
        self, recipient: str, sender: str, priority: Priority = Priority.TRANSACTIONAL, tag: str | None = None
    ) -> Gate:
        gate = self.live.read_gate(marked(recipient), marked(sender), priority, tag)
        said = gate.control
        control = Control(said.paused_since_ms, said.pause_reason, said.pauses)
        return replace(gate, control=control, carrier_pauses={})

    def reserve(self, key: str, weight: int, interval_ms: int, now_ms: int, *, ahead: bool = False) -> Reservation:
        return self.live.reserve(marked(key), weight, interval_ms, now_ms, ahead=ahead)

    def reserve_free(
        self, key: str, length_ms: int, start_ms: int, latest_ms: int, *, keeps_away: bool = False
    ) -> tuple[Reservation | None, int]:
        return self.live.reserve_free(marked(key), length_ms, start_ms, latest_ms, keeps_away=keeps_away)

    def take_turn(self, sender: str, brake: Brake, now_ms: int) -> int:
        return self.live.take_turn(marked(sender), brake, now_ms)

    def take_turn_by(self, sender: str, brake: Brake, now_ms: int, latest: int) -> int | None:
        return self.live.take_turn_by(marked(sender), brake, now_ms, latest)

    def refused(self, sender: str, recipient: str, now_ms: int) -> Refusal:  # noqa: ARG002
        # A number that stands for a 429 says nothing of others.
        return Refusal()

    def set_brake(self, sender: str, seen: Brake | None, brake: Brake) -> bool:  # noqa: ARG002
        return False

    def cover(self, key: str, tat_ms: int) -> None:
        self.live.cover(marked(key), tat_ms)

    def give_back(self, key: str, reservation: Reservation, slots: int, interval_ms: int) -> None:
        self.live.give_back(marked(key), reservation, slots, interval_ms)

    def push(self, key: str, not_before_ms: int) -> None:
        self.live.push(marked(key), not_before_ms)

    def count(self, key: str, at_most: int, now_ms: int, many: int = 1) -> int:
        return self.live.count(marked(key), at_most, now_ms, many)

    def uncount(self, key: str, many: int = 1) -> None:
        self.live.uncount(marked(key), many)

    def read_counts(self, keys: Sequence[str]) -> Mapping[str, int]:
        found = self.live.read_counts([marked(key) for key in keys])
        return {key: found[marked(key)] for key in keys}

    def pause(self, now_ms: int, reason: str, priority: Priority | None = None) -> None:
        """Nothing: an operator's, for all texts."""

    def resume(self, priority: Priority | None = None) -> None:
        """Nothing, for the same reason."""

    def open_breaker(self, now_ms: int, until_ms: int, reason: str) -> bool:  # noqa: ARG002
        return False

    def probe(self, now_ms: int, until_ms: int, message_id: str) -> bool:  # noqa: ARG002
        return True

    def suspect(self, kind: str, recipient: str, now_ms: int) -> int:  # noqa: ARG002
        return 0

    def clear_suspects(self, now_ms: int) -> None:
        """Nothing: a test text says nothing of the provider."""

    def trouble(self, recipient: str, trouble: Trouble, not_before_ms: int, now_ms: int) -> None:
        self.live.trouble(marked(recipient), trouble, not_before_ms, now_ms)

    def take_queue(self, recipient: str, seen: Limiter, message_id: str, turn_ms: int, not_before_ms: int) -> bool:
        return self.live.take_queue(marked(recipient), seen, message_id, turn_ms, not_before_ms)

    def leave_queue(self, recipient: str, message_id: str) -> None:
        self.live.leave_queue(marked(recipient), message_id)

    def settle(self, recipient: str) -> None:
        self.live.settle(marked(recipient))

    def close_breaker(self, now_ms: int, *, registered: bool = False) -> None:
        """Nothing, as above."""
