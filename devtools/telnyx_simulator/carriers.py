"""What the networks let through: AT&T's segments a minute, T-Mobile's a day, and what is unregistered."""

# The sources differ on what becomes of a text over a limit. The provider's error page has 40011, 40016 and
# 40018 among the errors that come by receipt; its API reference has `wait_seconds`, for texts that it holds
# for a network's rate. So each way can be chosen.

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from . import errors, fields, outcomes, pacific
from .clock import iso
from .errors import ApiError, Refused
from .faults import BadFault
from .fields import Field
from .networks import Network, Networks
from .outcomes import Outcome
from .registration import Campaign, Registration
from .usage import Counted, Result, Usage

PER_NUMBER = frozenset({Network.VERIZON, Network.US_CELLULAR, Network.OTHER})
CELLULAR = PER_NUMBER | {Network.ATT, Network.T_MOBILE}


class Over(StrEnum):
    """What becomes of a text over a limit."""

    RECEIPT = "receipt"  # taken; the network refuses it, and the receipt says so
    REFUSE = "refuse"  # refused at submission with the same code
    HOLD = "hold"  # taken, and held until it is within the limit, or its time in the queue is over


class Window(StrEnum):
    """What a minute is."""

    SLIDING = "sliding"  # any 60 seconds
    MINUTE = "minute"  # those of the clock


@dataclass(slots=True)
class Limits:
    """How the limits are enforced. All are segments; `per_number` is a minute, by network."""

    enforce: bool = False
    att_over: Over = Over.RECEIPT
    t_mobile_over: Over = Over.RECEIPT
    per_number_over: Over = Over.RECEIPT
    window: Window = Window.SLIDING
    t_mobile_other_providers: int = 0
    per_number: dict[str, int] = field(default_factory=dict)
    unregistered_per_minute: int = 2
    queue_s: float = 3600.0


def is_per_number(value: Any) -> bool:
    """Whether it is segments a minute by network."""
    return isinstance(value, dict) and all(
        key in PER_NUMBER and fields.is_count(limit) for key, limit in value.items()
    )


LIMIT_FIELDS = {
    "enforce": fields.FLAG,
    "att_over": fields.one_of(Over),
    "t_mobile_over": fields.one_of(Over),
    "per_number_over": fields.one_of(Over),
    "window": fields.one_of(Window),
    "t_mobile_other_providers": fields.COUNT,
    "per_number": Field(is_per_number, f"whole numbers by network: {', '.join(sorted(PER_NUMBER))}"),
    "unregistered_per_minute": fields.COUNT,
    "queue_s": fields.SECONDS,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit for one text: from when on it is within it, and what it suffers beyond it."""

    free_s: float
    over: Over
    outcome: Outcome
    error: ApiError


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a text: `outcome` None is what its number says; `release_s` is when it leaves the queue."""

    wait_s: float = 0.0
    release_s: float | None = None
    outcome: Outcome | None = None


class Carriers:
    """The networks, what is registered with them, and what they let through."""

    def __init__(self, registration: Registration, usage: Callable[[], Usage], count: Callable[[Counted], None]):
        self.networks, self.registration, self.limits = Networks(), registration, Limits()
        self._usage, self._count = usage, count
        self._initial: dict[str, Any] = {}

    def start(self, initial: dict[str, Any]) -> None:
        """Begin with these settings, and come back to them at a reset. Raises BadFault."""
        self._initial = fields.mapping(initial, ("limits", "registration", "carriers"))
        self.reset()

    def reset(self) -> None:
        """Back to the settings of the start."""
        self.networks.clear()
        self.registration.reset()
        self.limits = Limits()
        self.change(self._initial.get("limits", {}))
        self.registration.change(self._initial.get("registration", {}))
        moves = self._initial.get("carriers", [])
        if not isinstance(moves, list):
            raise BadFault("carriers must be an array")
        for one in moves:
            self.networks.move(one)

    def change(self, asked: dict[str, Any]) -> None:
        """Change how limits are enforced. Raises BadFault."""
        fields.apply(self.limits, asked, LIMIT_FIELDS)

    def admit(self, sender: str, to: str, parts: int, now_s: float, *, at_submission: bool = True) -> Verdict:
        """Decide on a text and count it. Raises Refused, at submission only, for one that is refused there."""
        network, campaign = self.networks.of(to).network, self.registration.working(sender)
        counted = Counted(network, sender, campaign.id if campaign else None, parts, now_s, Result.SENT)
        rule = self._rule(counted, campaign)
        if rule is None or rule.free_s <= now_s:
            self._count(counted)
            return Verdict()
        if rule.over is Over.HOLD:
            return self._held(counted, rule.free_s)
        refused = rule.over is Over.REFUSE and at_submission
        result = Result.REFUSED if refused else Result.FAILED
        self._count(replace(counted, result=result, code=rule.error.code))
        if refused:
            raise Refused(rule.error)
        return Verdict(outcome=rule.outcome)

    def _held(self, counted: Counted, free_s: float) -> Verdict:
        wait_s, ends_s = free_s - counted.at_s, counted.at_s + self.limits.queue_s
        if free_s <= ends_s:
            self._count(replace(counted, at_s=free_s))
            return Verdict(round(wait_s, 3), free_s)
        code = errors.QUEUE_EXPIRED.code
        self._count(replace(counted, at_s=ends_s, result=Result.EXPIRED, code=code))
        # A text that can never go has no wait that JSON could say.
        shown_s = self.limits.queue_s if math.isinf(wait_s) else wait_s
        return Verdict(round(shown_s, 3), ends_s, outcomes.BY_NAME["expired_in_queue"])

    def _rule(self, text: Counted, campaign: Campaign | None) -> Rule | None:
        limits, by_name = self.limits, outcomes.BY_NAME
        if text.network not in CELLULAR:
            return None
        if campaign is None:
            free_s = self._in_minute(text, "unregistered", text.sender, limits.unregistered_per_minute)
            return Rule(free_s, Over.RECEIPT, by_name["sending_failed"], errors.NOT_10DLC)
        if not limits.enforce:
            return None
        if text.network == Network.ATT:
            scope = text.sender if campaign.by_number else campaign.id
            free_s = self._in_minute(text, text.network, scope, campaign.tpm)
            return Rule(free_s, limits.att_over, by_name["att_rate"], errors.ATT_RATE)
        if text.network == Network.T_MOBILE:
            free_s = self._usage().free_at_t_mobile(text.parts, self.t_mobile_cap, text.at_s)
            return Rule(free_s, limits.t_mobile_over, by_name["t_mobile_cap"], errors.T_MOBILE_CAP)
        if text.network not in limits.per_number:
            return None
        free_s = self._in_minute(text, text.network, text.sender, limits.per_number[text.network])
        return Rule(free_s, limits.per_number_over, by_name["upstream_rate"], errors.UPSTREAM_RATE)

    def _in_minute(self, text: Counted, kind: str, scope: str, limit: int) -> float:
        sliding = self.limits.window is Window.SLIDING
        return self._usage().free_in_minute((kind, scope), text.parts, limit, text.at_s, sliding=sliding)

    @property
    def t_mobile_cap(self) -> int:
        """What T-Mobile leaves the brand a day here, after what it sends through other providers."""
        return max(self.registration.brand.cap - self.limits.t_mobile_other_providers, 0)

    def public(self, now_s: float) -> dict[str, Any]:
        """The settings, what they come to, and the counts."""
        usage = self._usage()
        return {
            "settings": asdict(self.limits),
            "att": {one.id: one.tpm for one in self.registration.campaigns.values()},
            "t_mobile": {
                "cap": self.t_mobile_cap,
                "sent": usage.t_mobile_on(now_s),
                "day": pacific.day(now_s).isoformat(),
                "ends": iso(pacific.midnight_after(now_s)),
            },
            **usage.public(),
        }


def check(initial: dict[str, Any], numbers: tuple[str, ...]) -> None:
    """See whether a start with these settings would go well. Raises BadFault."""
    Carriers(Registration(numbers, lambda *_: None), Usage, lambda _: None).start(initial)
