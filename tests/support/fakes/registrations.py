"""What events say of our 10DLC registration, in memory."""

from collections.abc import Sequence
from dataclasses import replace

from longcode.domain.campaign import CampaignFacts
from longcode.domain.registration import Lost
from tests.support.fakes.fault_injector import FaultInjector
from tests.support.fakes.limits import FakeLimits


class FakeRegistrations:
    """registration_store.Registrations over the fake limits, whose item it shares. The contract tests hold it to
    what the real table does.
    """

    def __init__(self, limits: FakeLimits) -> None:
        self.faults = FaultInjector("facts", "lose", "regain", "still_lost")
        self._limits = limits
        self._latest_ms: int | None = None

    def facts(self, sender: str) -> CampaignFacts | None:
        with self.faults.around("facts"):
            return self._limits.carriers.facts.get(sender)

    def lose(self, reason: str, occurred_ms: int, now_ms: int, until_ms: int) -> bool:
        with self.faults.around("lose"):
            if not self._is_later(occurred_ms):
                return False
            self._latest_ms = occurred_ms
            control = self._limits.control
            since = control.breaker_since_ms
            self._limits.control = replace(
                control,
                registration_lost=reason,
                breaker_reason=reason,
                breaker_since_ms=now_ms if since is None else since,
                breaker_until_ms=max(control.breaker_until_ms or 0, until_ms),
            )
            self._limits.forget_suspects()
            return since is None

    def regain(self, lost: Sequence[Lost], occurred_ms: int, now_ms: int) -> bool:
        with self.faults.around("regain"):
            control = self._limits.control
            is_this = control.registration_lost.startswith(tuple(each.value for each in lost))
            if not self._is_later(occurred_ms) or (control.registration_lost and not is_this):
                return False
            self._latest_ms = occurred_ms
            if not control.registration_lost:
                return False
            self._limits.control = replace(control, registration_lost="")
            if control.breaker_reason != control.registration_lost:
                return False
            self._limits.forget_probe()
            self._limits.control = replace(
                self._limits.control,
                breaker_since_ms=None,
                breaker_until_ms=None,
                breaker_reason="",
                sound_ms=now_ms,
                opened_ms=control.breaker_since_ms,
                closed_ms=now_ms,
            )
            return True

    def still_lost(self, now_ms: int, until_ms: int) -> None:
        with self.faults.around("still_lost"):
            control = self._limits.control
            if control.registration_lost and (control.breaker_until_ms or 0) < until_ms:
                since = control.breaker_since_ms
                self._limits.control = replace(
                    control,
                    breaker_until_ms=until_ms,
                    breaker_reason=control.registration_lost,
                    breaker_since_ms=now_ms if since is None else since,
                )

    def _is_later(self, occurred_ms: int) -> bool:
        return self._latest_ms is None or self._latest_ms < occurred_ms
