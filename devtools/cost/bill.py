"""From counts to money: prices, what one text costs by service, and what a month costs."""

import tomllib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.cost import journeys
from devtools.cost.count import Counts
from devtools.cost.journeys import Run
from devtools.local_stack import sam_template
from devtools.local_stack.telemetry import deployed, widgets
from longcode.domain import monitoring
from longcode.domain.metrics import Metric

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).parent / "prices.toml"
_GB = 1e9
# Count, Latency, IntegrationLatency, 4XXError and 5XXError, once each has been reported.
_METRICS_A_METHOD = 5

SERVICES = (
    "API Gateway",
    "Lambda",
    "table writes",
    "index writes",
    "reads",
    "SQS",
    "EventBridge",
    "logs",
    "secret",
)

# Service → USD.
Bill = dict[str, float]


@dataclass(frozen=True, slots=True)
class Prices:
    """devtools/cost/prices.toml: USD a unit, and what is assumed."""

    date: str
    region: str
    # Any: a price's lines as they are in the file.
    lines: dict[str, dict[str, Any]]
    # The same of what is free: by the price that it is of.
    free: dict[str, dict[str, Any]]
    assumed: dict[str, float]

    @classmethod
    def read(cls) -> "Prices":
        """The file."""
        found = tomllib.loads(FILE.read_text())
        date, region, free, assumed = (found.pop(name) for name in ("date", "region", "free", "assumed"))
        return cls(date, region, lines=found, free=free, assumed=assumed)

    def of(self, name: str, count: float = 1) -> float:
        """USD for so many units."""
        line = self.lines[name]
        return count * float(line["usd"]) / float(line["per"])

    def seconds(self, counts: Counts) -> float:
        """How long the invocations of `counts` run together."""
        assumed = self.assumed
        cold_ms = assumed["cold_start_cpu_ms"] / assumed["invocations_per_cold_start"]
        cpus = min(1, counts.memory_mb / assumed["mb_of_one_cpu"])
        each_ms = counts.invocations * (assumed["own_work_cpu_ms"] + cold_ms) / cpus
        waiting_ms = counts.calls * assumed["aws_call_ms"] + counts.provider_calls * assumed["provider_call_ms"]
        return (each_ms + waiting_ms + counts.wait_ms) / 1000

    def gb_seconds(self, counts: Counts) -> float:
        """The same as Lambda bills it; only for the counts of one function."""
        return self.seconds(counts) * counts.memory_mb / 1024

    def units(self, steps: Iterable[Counts]) -> dict[tuple[str, str], float]:
        """What these steps are billed as, by service and price; each step is of one function."""
        made: defaultdict[tuple[str, str], float] = defaultdict(float)
        for one in steps:
            made["API Gateway", "api_request"] += one.api_requests
            made["Lambda", "lambda_request"] += one.invocations
            made["Lambda", "lambda_gb_second"] += self.gb_seconds(one)
            made["table writes", "write_unit"] += one.table_writes + one.failed_writes
            made["index writes", "write_unit"] += one.index_writes
            made["reads", "read_unit"] += one.reads
            made["SQS", "queue_request"] += one.queue_requests
            made["EventBridge", "event"] += one.events
            log_bytes = one.log_bytes + one.log_lines * self.assumed["log_line_bytes"]
            made["logs", "log_gb"] += log_bytes / _GB
            # A function that sends reads the key once in the life of its sandbox.
            starts = one.provider_calls / self.assumed["invocations_per_cold_start"]
            made["secret", "secret_call"] += starts
        return made

    def bill(self, steps: Iterable[Counts]) -> Bill:
        """What these steps cost; each is of one function."""
        made = dict.fromkeys(SERVICES, 0.0)
        for (service, name), count in self.units(steps).items():
            made[service] += self.of(name, count)
        return made


@dataclass(frozen=True, slots=True)
class Deployed:
    """What is billed by the month as the templates declare it, with one setting of Monitoring."""

    alarm_metrics: int
    dashboards: int
    dashboard_metrics: int
    secrets: int
    custom_metrics: int
    method_metrics: int
    retention_days: int
    log_retention_days: int
    polled_queues: int

    @classmethod
    def read(cls, setting: str, *, deliveries: str = "off") -> "Deployed":
        """From template.yaml, operations/ and longcode.domain, for `basic` or `full` and WebhookDeliveries."""
        template = sam_template.load(ROOT / "template.yaml")
        given = {"Monitoring": setting, "WebhookDeliveries": deliveries}
        resources = sam_template.resolved(template, **given).values()
        operations = deployed.read_operations({}, {"Monitoring": setting}, "sms", "us-east-1")
        drawn = [one for one in operations.widgets if one.kind == "metric"]
        few = len(monitoring.PUBLISHED) + len(monitoring.SUMS)
        return cls(
            # For each metric that an alarm reads, also in an expression.
            alarm_metrics=sum(
                query.key is not None for alarm in operations.alarms.values() for query in alarm.queries
            ),
            dashboards=1,
            dashboard_metrics=len({key for one in drawn for key in widgets.read(one, operations).keys}),
            secrets=sum(row["Type"] == "AWS::SecretsManager::Secret" for row in resources),
            # Names times sets of dimensions, of which there is one.
            custom_metrics=len(Metric) if setting == "full" else few,
            method_metrics=_METRICS_A_METHOD
            * sum(
                bool(one.get("MetricsEnabled"))
                for row in resources
                for one in row.get("Properties", {}).get("MethodSettings", ())
            ),
            retention_days=template["Parameters"]["RetentionDays"]["Default"],
            log_retention_days=template["Parameters"]["LogRetentionDays"]["Default"],
            polled_queues=sum("ScalingConfig" in row.get("Properties", {}) for row in resources),
        )


def _fixed_units(run: Run, prices: Prices, deployed: Deployed) -> dict[str, dict[str, float]]:
    """What a month in which no text is sent is billed as: part → price → units."""
    minutes = prices.assumed["hours_a_month"] * 60
    polls = minutes * 60 / prices.assumed["poll_s"] * prices.assumed["pollers"] * deployed.polled_queues
    reconciler: dict[str, float] = {}
    for (_, name), count in prices.units([run.reconcile.counts, run.beat.counts]).items():
        reconciler[name] = reconciler.get(name, 0.0) + minutes * count
    return {
        "metrics": {"metric_month": deployed.custom_metrics},
        "detailed metrics of the webhook's routes": {"metric_month": deployed.method_metrics},
        "alarms": {"alarm_month": deployed.alarm_metrics},
        "dashboards": {"dashboard_month": deployed.dashboards},
        "secret": {"secret_month": deployed.secrets},
        "reconciler, with its heartbeat": reconciler,
        "Lambda's polling of the queues": {"queue_request": polls},
    }


def fixed(run: Run, prices: Prices, deployed: Deployed, stack: int = 1) -> Bill:
    """What a month costs in which no text is sent: of the first stack of an account, or the second, and so on.

    Each takes what is free before the next.
    """
    left = {name: float(line["count"]) for name, line in prices.free.items()}
    if deployed.dashboard_metrics > prices.assumed["free_dashboard_metrics"]:
        del left["dashboard_month"]
    made: Bill = {}
    for _ in range(stack):
        for part, units in _fixed_units(run, prices, deployed).items():
            made[part] = 0.0
            for name, count in units.items():
                given = min(count, left.get(name, 0.0))
                left[name] = left.get(name, 0.0) - given
                made[part] += prices.of(name, count - given)
    return made


def by_text(run: Run, prices: Prices, deployed: Deployed) -> Bill:
    """What a queued text costs, from the request to its last receipt and until it is forgotten."""
    made = prices.bill(step.counts for step in run.queue)
    stored, entries = run.stored, prices.assumed["stored_item_bytes"]
    months = deployed.retention_days / 30
    # Point-in-time recovery is billed for the table without its indexes.
    made["storage"] = months * (
        prices.of("table_gb_month", (stored.all_bytes + stored.entries * entries) / _GB)
        + prices.of("recovery_gb_month", stored.table_bytes / _GB)
    )
    log_bytes = sum(step.counts.log_bytes for step in run.queue)
    made["storage"] += deployed.log_retention_days / 30 * prices.of("log_gb_month", log_bytes / _GB)
    return made


def month(run: Run, prices: Prices, deployed: Deployed, texts: int) -> Bill:
    """What a month of so many queued texts of one segment costs; `provider` is the provider's own part.

    The fixed part is that of the first stack of an account; the texts are at list prices.
    """
    made = {
        "fixed": sum(fixed(run, prices, deployed).values()),
        "texts": texts * sum(by_text(run, prices, deployed).values()),
    }
    return made | {"AWS": sum(made.values()), "provider": prices.of("provider_segment", texts)}


def traces(run: Run, prices: Prices, texts: int, share: float) -> float:
    """What X-Ray costs where `share` of the requests is traced: each, and the consumer's invocation behind it."""
    begun = journeys.total(run.queue).api_requests + 1
    return prices.of("trace", texts * begun * share)
