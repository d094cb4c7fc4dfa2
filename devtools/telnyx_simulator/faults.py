"""What the control API has programmed to go wrong: the next requests, and the webhooks."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from . import outcomes
from .outcomes import Outcome, WebhookFault

STALE_S = 600.0  # twice the age that a receiver tolerates
DELAY_S = 1.0


class BadFault(Exception):
    """The control request makes no sense; the text says why."""


@dataclass(slots=True)
class RequestFault:
    """The next `times` send requests (to `to`, or any) get `outcome`; None is until deleted."""

    outcome: str
    to: str | None = None
    times: int | None = 1


@dataclass(slots=True)
class HookFault:
    """The next `times` events, or attempts, suffer `webhook`; `seconds` is for delay and stale."""

    webhook: WebhookFault
    to: str | None = None
    event_type: str | None = None
    times: int | None = 1
    seconds: float = DELAY_S


@dataclass(slots=True)
class Faults:
    """All programmed faults, in the order in which they were asked for."""

    requests: list[RequestFault] = field(default_factory=list)
    webhooks: list[HookFault] = field(default_factory=list)

    def add(self, asked: dict[str, Any]) -> None:
        """Add the request fault or webhook fault that `asked` describes. Raises BadFault.

        With `instead`, a request fault takes the place of all others of its number; its outcome null leaves none.
        """
        to, times = asked.get("to"), asked.get("times", 1)
        if times is not None and (not isinstance(times, int) or times < 1):
            raise BadFault("times must be a positive number or null")
        if "outcome" in asked:
            _only(asked, {"outcome", "to", "times", "instead"})
            outcome, instead = asked["outcome"], asked.get("instead", False)
            if not isinstance(instead, bool) or (instead and to is None):
                raise BadFault("instead must be true or false, and takes the number of which it is: give to")
            known = isinstance(outcome, str) and outcome in outcomes.BY_NAME
            if not (known or (instead and outcome is None)):
                raise BadFault(f"outcome must be one of {', '.join(outcomes.BY_NAME)}")
            if instead:
                self.requests[:] = [fault for fault in self.requests if fault.to != to]
            if outcome is not None:
                self.requests.append(RequestFault(outcome, to, times))
        else:
            _only(asked, {"webhook", "to", "times", "event_type", "seconds"})
            try:
                kind = WebhookFault(asked.get("webhook", ""))
            except ValueError as exc:
                raise BadFault(f"webhook must be one of {', '.join(WebhookFault)}") from exc
            default = STALE_S if kind is WebhookFault.STALE else DELAY_S
            seconds = asked.get("seconds", default)
            if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
                raise BadFault("seconds must be a number, 0 or more")
            self.webhooks.append(HookFault(kind, to, asked.get("event_type"), times, seconds))

    def next_outcome(self, to: str | None) -> Outcome | None:
        """Use up one programmed request fault for `to`, if there is one.

        An outcome's own limit of tries doesn't count here: `times` does.
        """
        for fault in self.requests:
            if fault.to in (None, to):
                _use(self.requests, fault)
                return outcomes.BY_NAME[fault.outcome]
        return None

    def next_webhook(self, to: str, event_type: str, kinds: frozenset[WebhookFault]) -> list[HookFault]:
        """Use up one of each programmed webhook fault of these kinds, for this event or attempt."""
        found: list[HookFault] = []
        for fault in list(self.webhooks):
            if (
                fault.webhook in kinds
                and fault.to in (None, to)
                and fault.event_type in (None, event_type)
                and fault.webhook not in {other.webhook for other in found}
            ):
                found.append(fault)
                _use(self.webhooks, fault)
        return found

    def public(self) -> dict[str, Any]:
        """What is still programmed."""
        return {
            "requests": [asdict(fault) for fault in self.requests],
            "webhooks": [asdict(fault) for fault in self.webhooks],
        }


def _use[F: (RequestFault, HookFault)](faults: list[F], fault: F) -> None:
    if fault.times is None:
        return
    fault.times -= 1
    if fault.times == 0:
        # By identity: two faults that were asked for alike are still two.
        del faults[next(i for i, other in enumerate(faults) if other is fault)]


def _only(asked: dict[str, Any], known: set[str]) -> None:
    if unknown := asked.keys() - known:
        raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
