"""What Monitoring=basic publishes: ten metrics, of which some stand for all that should wake a person."""

# CloudWatch bills each metric by the hour in which it is written, and gives ten. So only those below leave the
# log; what else is counted stays in the same log line as a plain number. docs/operations.md, "Monitoring", says
# what either setting has.

from collections.abc import Mapping
from dataclasses import dataclass

from longcode.domain.metrics import Metric, Unit

# What the dashboard needs most, and what alarms look at by itself.
PUBLISHED = frozenset(
    (
        Metric.ACCEPTED,
        Metric.SENT,
        Metric.DELIVERED,
        Metric.DELIVERY_FAILED,
        Metric.FAILED,
        Metric.OVERDUE,
        Metric.SIGNATURES_REFUSED,
    )
)
NEEDS_ATTENTION = "NeedsAttention"
SENDING_STOPPED = "SendingStopped"
# Made by CloudWatch out of the log, in a namespace of each stack's own: operations/function-faults.yaml.
FUNCTION_FAULTS = "FunctionFaults"
# Those that are in no list of Metric, and what they mean.
SUMS: Mapping[str, tuple[Unit, str]] = {
    NEEDS_ATTENTION: (
        "Count",
        "Points for what should wake a person, which four in five minutes do; `attention` in the log says what.",
    ),
    SENDING_STOPPED: (
        "Count",
        "1 each minute in which nothing leaves: a stop by the provider, or a pause. Else 0.",
    ),
    FUNCTION_FAULTS: (
        "Count",
        "Invocations that ended by an error or a timeout, caught a fault, or found a store out of reach.",
    ),
}
# So many points in five minutes call a person. The reconciler counts a lasting state once a minute, and may be a
# little late.
ENOUGH = 4


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a person is needed: the runbook's name in docs/operations.md, and the points for what was counted.

    `points` for each one that was counted or, where `above` is set, `points` in all if it was more than that.
    """

    runbook: str
    points: float = 1
    above: float | None = None

    def of(self, value: float) -> float:
        """The points for `value`."""
        if self.above is None:
            return value * self.points
        return self.points if value > self.above else 0.0


# A state lasts, and counts one point a minute. An event counts so that its own rate makes four: 10 answers that
# ask for less, 4 webhooks that the provider repeated, 4 texts that a carrier refused, 1 request over a cap, 1 text
# without a registration.
REASONS: Mapping[Metric, Reason] = {
    Metric.STOPPED_KEY: Reason("provider-key-refused", above=0),
    Metric.STOPPED_FUNDS: Reason("spend-limit", above=0),
    Metric.STOPPED_SETUP: Reason("provider-setup", above=0),
    Metric.STOPPED_OUTAGE: Reason("provider-outage", above=0),
    Metric.DEAD_LETTERS_NOW: Reason("dead-letters", above=0),
    Metric.UNPUBLISHED_NOW: Reason("unpublished", above=0),
    Metric.STRANDED_NOW: Reason("stranded", above=0),
    Metric.UNKNOWN_NOW: Reason("unknown-piling-up", above=10),
    # Not the receipts that were read back: of 12 texts an hour there is one in five minutes, and of many texts a
    # few are always lost. The gauge looks at their share of the last texts: use_cases/webhook_watch.py.
    Metric.WEBHOOKS_SILENT: Reason("webhooks-silent", above=0),
    Metric.PUBLISHER_LAG: Reason("publisher-lag", above=900),
    Metric.EVENTS_REFUSED: Reason("publisher-lag"),
    Metric.DAILY_LIMIT_REACHED: Reason("daily-limit", points=ENOUGH),
    # Each such text may be refused, and charged.
    Metric.UNREGISTERED: Reason("unregistered", points=ENOUGH),
    # Each is a text that was lost to its recipient; the carrier's others wait.
    Metric.REFUSED_BY_CARRIER: Reason("carrier-refused"),
    Metric.CAMPAIGN_PAUSED: Reason("campaign-paused", points=ENOUGH),
    Metric.RATE_LIMITED: Reason("rate-limited", points=0.4),
    # The provider repeats a webhook that it had no answer to within two seconds.
    Metric.WEBHOOK_DUPLICATES: Reason("webhook-slow"),
    # Of an event that is lost to one of the user's systems; replayed by hand, it is not.
    Metric.EVENTS_GIVEN_UP: Reason("webhook-deliveries"),
    Metric.SUBSCRIPTIONS_DISABLED: Reason("webhook-deliveries", points=ENOUGH),
}
_STOPS = (
    Metric.STOPPED_KEY,
    Metric.STOPPED_FUNDS,
    Metric.STOPPED_SETUP,
    Metric.STOPPED_OUTAGE,
    Metric.PAUSED,
)


@dataclass(frozen=True, slots=True)
class Digest:
    """What one invocation counted: published as a metric, left a plain number; and why a person is needed."""

    published: dict[str, tuple[Unit, float]]
    plain: dict[str, float]
    attention: list[str]


def digest(totals: Mapping[Metric, float]) -> Digest:
    """What becomes of the totals of one invocation."""
    published: dict[str, tuple[Unit, float]] = {}
    plain: dict[str, float] = {}
    for metric, value in totals.items():
        if metric in PUBLISHED:
            published[metric.value] = (metric.unit, value)
        else:
            plain[metric.value] = value
    points = {metric: REASONS[metric].of(value) for metric, value in totals.items() if metric in REASONS}
    if points:
        # Zeros too: while they come, the reconciler runs.
        published[NEEDS_ATTENTION] = ("Count", sum(points.values()))
    stops = [totals[metric] for metric in _STOPS if metric in totals]
    if stops:
        published[SENDING_STOPPED] = ("Count", max(stops))
    return Digest(published, plain, sorted({REASONS[metric].runbook for metric, value in points.items() if value}))


def together(metric: Metric, before: float | None, value: float) -> float:
    """The total of one invocation: a sum, or the most where it is a time."""
    if before is None:
        return value
    return max(before, value) if metric.unit in ("Seconds", "Milliseconds") else before + value
