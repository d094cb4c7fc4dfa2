"""What test texts are accepted, sent and settled with: the parts of live texts, each set apart from them."""

# Loaded with the first test text. The use cases are the same; only what they are given differs. So a test text is
# queued, paced, held, cancelled, reported and published as a live one, and touches nothing that a live one reads.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, cast

from longcode.domain import pacing
from longcode.domain.errors import Unavailable
from longcode.domain.message import Fault, Message
from longcode.domain.metrics import Metric
from longcode.domain.opt_outs import OptOut
from longcode.domain.outcomes import Answer
from longcode.domain.recipient_limits import RecipientLimit
from longcode.domain.test_mode import marked
from longcode.use_cases import store_failures, test_provider
from longcode.use_cases.ports import Clock, Logger, Messages, Metrics, OptOuts
from longcode.use_cases.recipient_store import Departures, Place
from longcode.use_cases.send_attempt import SendDependencies
from longcode.use_cases.test_limits import SeparateLimits
from longcode.use_cases.test_provider import TextlessProvider

if TYPE_CHECKING:
    from longcode.domain.campaign import CampaignFacts
    from longcode.domain.carrier_refusals import CarrierRefusal
    from longcode.domain.carriers import Carrier, CarrierStop, Subscription
    from longcode.domain.registration import Lost
    from longcode.use_cases.enqueue import EnqueueDependencies
    from longcode.use_cases.quota import Quota

# What the machinery suffers is true whichever text it befalls. All else would be read as if it were of live ones.
_COUNTED = frozenset(
    (Metric.STORE_UNAVAILABLE, Metric.CRASHED, Metric.UNREADABLE, Metric.NEWER_VERSION, Metric.UNKNOWN_ID)
)


def sending(deps: SendDependencies) -> SendDependencies:
    """What test texts are sent with. No part of it reaches the provider."""
    limits, metrics = SeparateLimits(deps.limits), SeparateMetrics(deps.metrics)
    own = ReportingMessages(deps.messages, deps.clock, metrics, deps.logger)
    return replace(
        deps,
        messages=cast("Messages", own),
        limits=limits,
        departures=lambda: SeparateDepartures(deps.departures()),
        carriers=NoCarriers(),
        registrations=NoRegistrations(),
        brakes=replace(deps.brakes, setting=None, metrics=metrics, _left={}, _lock=Lock()),
        optouts=ReadOptOuts(deps.optouts),
        provider=TextlessProvider(limits, deps.explain),
        metrics=metrics,
        latency=pacing.Latency(),
        sender=marked(deps.sender),
        number_lookup="off",
        seen_tats={},
    )


def accepting(deps: "EnqueueDependencies") -> "EnqueueDependencies":
    """What test texts are accepted with."""
    return replace(deps, limits=SeparateLimits(deps.limits), metrics=SeparateMetrics(deps.metrics))


def quota(live: "Quota") -> "Quota":
    """The quota of a test key: its own counts, also of each destination."""
    return replace(live, limits=SeparateLimits(live.limits), metrics=SeparateMetrics(live.metrics))


@dataclass(frozen=True, slots=True)
class SeparateMetrics:
    """ports.Metrics that counts what is wrong with the machinery, and nothing of what becomes of texts."""

    live: Metrics

    def count(self, metric: Metric, value: float = 1) -> None:
        if metric in _COUNTED:
            self.live.count(metric, value)


class ReportingMessages:
    """ports.Messages in which a text that was taken is reported on at once, as webhooks report on live ones.

    All but these two writes are those of `live`. Where the process ends before the reports, or they can't be
    written, the reconciler finds them on record.
    """

    def __init__(self, live: Messages, clock: Clock, metrics: Metrics, logger: Logger) -> None:
        self._live, self._clock = live, clock
        self._metrics, self._logger = metrics, logger

    def __getattr__(self, name: str) -> object:
        return getattr(self._live, name)

    def submitted(self, message: Message, answer: Answer, now_ms: int) -> bool:
        """As ports.Messages has it, and the reports."""
        done = self._live.submitted(message, answer, now_ms)
        self._report(message)
        return done

    def ambiguous(self, message: Message, fault: Fault, now_ms: int) -> bool:
        """The same: a text may have been taken although the answer does not say so."""
        done = self._live.ambiguous(message, fault, now_ms)
        if test_provider.is_taken_in_doubt(message):
            self._report(message)
        return done

    def _report(self, message: Message) -> None:
        now = self._clock.now_ms()
        try:
            for receipt in test_provider.receipts(message, now):
                self._live.record(message.id, receipt, now)
        except Unavailable as exc:
            store_failures.note(exc, self._metrics, self._logger, message_id=message.id)


@dataclass(frozen=True, slots=True)
class SeparateDepartures:
    """recipient_store.Departures under names of their own."""

    live: Departures

    def last(self, numbers: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
        found = self.live.last([marked(number) for number in numbers])
        return {number: found[marked(number)] for number in numbers if marked(number) in found}

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
        return self.live.take(marked(number), limits, now_ms, seen, instead_of=instead_of, at_any_rate=at_any_rate)

    def move(self, number: str, limits: Sequence[RecipientLimit], place_ms: int, left_ms: int) -> None:
        self.live.move(marked(number), limits, place_ms, left_ms)

    def give_back(self, number: str, place_ms: int) -> None:
        self.live.give_back(marked(number), place_ms)


@dataclass(frozen=True, slots=True)
class ReadOptOuts:
    """ports.OptOuts that holds what people have said, and takes nothing from a test text."""

    live: OptOuts

    def get(self, number: str) -> OptOut | None:
        return self.live.get(number)

    def get_all(self, numbers: Sequence[str]) -> dict[str, OptOut]:
        return self.live.get_all(numbers)

    def replace(self, seen: OptOut | None, entry: OptOut) -> bool:  # noqa: ARG002
        # As if it were written: there is nothing to try again.
        return True

    def page(self, after: tuple[int, str] | None, at_most: int) -> Sequence[OptOut]:
        return self.live.page(after, at_most)

    def unclear_page(self, after: tuple[int, str] | None, at_most: int) -> Sequence[OptOut]:
        return self.live.unclear_page(after, at_most)


class NoCarriers:
    """carrier_store.Carriers that knows nothing, learns nothing and has room on each day.

    No carrier gets a test text, so T-Mobile's day is all for live texts. The minute is a limiter, and test texts
    have their own.
    """

    def subscriptions(self, numbers: Sequence[str]) -> "Mapping[str, Subscription]":  # noqa: ARG002
        return {}

    def learn(self, number: str, subscription: "Subscription") -> None:
        """Nothing."""

    def forget(self, number: str) -> None:
        """Nothing."""

    def take(
        self,
        carrier: "Carrier",  # noqa: ARG002
        day: str,  # noqa: ARG002
        at_most: int,  # noqa: ARG002
        weights: Sequence[int],
        until_ms: int,  # noqa: ARG002
    ) -> int:
        return len(weights)

    def read_count(self, carrier: "Carrier", day: str) -> int:  # noqa: ARG002
        return 0

    def give_back(self, carrier: "Carrier", day: str, weight: int) -> None:
        """Nothing."""

    def stop(self, sender: str, stop: "CarrierStop") -> None:
        """Nothing."""

    def refused(self, sender: str, refusal: "CarrierRefusal") -> "CarrierStop | None":  # noqa: ARG002
        return None

    def know(self, sender: str, facts: "CampaignFacts") -> None:
        """Nothing."""


class NoRegistrations:
    """registration_store.Registrations of which a test text learns and says nothing."""

    def facts(self, sender: str) -> "CampaignFacts | None":  # noqa: ARG002
        return None

    def lose(self, reason: str, occurred_ms: int, now_ms: int, until_ms: int) -> bool:  # noqa: ARG002
        return False

    def regain(self, lost: "Sequence[Lost]", occurred_ms: int, now_ms: int) -> bool:  # noqa: ARG002
        return False

    def still_lost(self, now_ms: int, until_ms: int) -> None:
        """Nothing."""
