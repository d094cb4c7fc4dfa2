"""From counts to money: prices, what one text costs by service, and what a month costs."""

import importlib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.cost import journeys
from devtools.cost.count import Counts
from devtools.cost.journeys import Run
from devtools.local_stack import sam_template

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).parent / "prices.toml"
_GB = 1e9
_REQUESTS_A_SECOND_TRACED = 1
_SHARE_TRACED = 0.05
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
    assumed: dict[str, float]

    @classmethod
    def read(cls) -> "Prices":
        """The file."""
        found = tomllib.loads(FILE.read_text())
        return cls(found.pop("date"), found.pop("region"), assumed=found.pop("assumed"), lines=found)

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

    def bill(self, steps: Iterable[Counts]) -> Bill:
        """What these steps cost; each is of one function."""
        made = dict.fromkeys(SERVICES, 0.0)
        for one in steps:
            made["API Gateway"] += self.of("api_request", one.api_requests)
            made["Lambda"] += self.of("lambda_request", one.invocations)
            made["Lambda"] += self.of("lambda_gb_second", self.gb_seconds(one))
            made["table writes"] += self.of("write_unit", one.table_writes + one.failed_writes)
            made["index writes"] += self.of("write_unit", one.index_writes)
            made["reads"] += self.of("read_unit", one.reads)
            made["SQS"] += self.of("queue_request", one.queue_requests)
            made["EventBridge"] += self.of("event", one.events)
            made["logs"] += self.of(
                "log_gb", (one.log_bytes + one.log_lines * self.assumed["log_line_bytes"]) / _GB
            )
            # A function that sends reads the key once in the life of its sandbox.
            starts = one.provider_calls / self.assumed["invocations_per_cold_start"]
            made["secret"] += self.of("secret_call", starts)
        return made


@dataclass(frozen=True, slots=True)
class Deployed:
    """What is billed by the month as the templates declare it."""

    alarm_metrics: int
    dashboards: int
    secrets: int
    custom_metrics: int
    method_metrics: int
    traced: bool
    retention_days: int
    log_retention_days: int

    @classmethod
    def read(cls, prices: Prices) -> "Deployed":
        """From template.yaml, operations/ and longcode.domain.metrics."""
        templates = [sam_template.load(path) for path in sam_template.files(ROOT / "template.yaml")]
        resources = [row for template in templates for row in template.get("Resources", {}).values()]

        def count(kind: str) -> int:
            return sum(row["Type"] == kind for row in resources)

        first = templates[0]
        return cls(
            alarm_metrics=sum(
                _metrics(row["Properties"]) for row in resources if row["Type"] == "AWS::CloudWatch::Alarm"
            ),
            dashboards=count("AWS::CloudWatch::Dashboard"),
            secrets=count("AWS::SecretsManager::Secret"),
            custom_metrics=custom_metrics(int(prices.assumed["custom_metrics"])),
            method_metrics=_METRICS_A_METHOD
            * sum(
                bool(setting.get("MetricsEnabled"))
                for row in resources
                for setting in row.get("Properties", {}).get("MethodSettings", ())
            ),
            traced=first["Globals"]["Function"].get("Tracing", "PassThrough") != "PassThrough",
            retention_days=first["Parameters"]["RetentionDays"]["Default"],
            log_retention_days=first["Parameters"]["LogRetentionDays"]["Default"],
        )


# Any: an alarm's properties.
def _metrics(alarm: dict[str, Any]) -> int:
    """For how many metrics an alarm is billed: each that an expression reads, else one."""
    return sum("MetricStat" in row for row in alarm.get("Metrics", ())) or 1


def custom_metrics(otherwise: int) -> int:
    """How many metrics this service publishes: names times sets of dimensions, of which there is one."""
    try:
        module = importlib.import_module("longcode.domain.metrics")
    except ModuleNotFoundError:
        return otherwise
    return len(module.Metric)


def fixed(run: Run, prices: Prices, deployed: Deployed) -> Bill:
    """What a month costs in which no text is sent."""
    minutes = prices.assumed["hours_a_month"] * 60
    polls = minutes * 60 / prices.assumed["poll_s"] * prices.assumed["pollers"]
    return {
        "metrics": prices.of("metric_month", deployed.custom_metrics),
        "detailed metrics of the webhook's routes": prices.of("metric_month", deployed.method_metrics),
        "alarms": prices.of("alarm_month", deployed.alarm_metrics),
        "dashboards": prices.of("dashboard_month", deployed.dashboards),
        "secret": prices.of("secret_month", deployed.secrets),
        "reconciler, with its heartbeat": minutes
        * sum(prices.bill([run.reconcile.counts, run.beat.counts]).values()),
        "Lambda's polling of the queue": prices.of("queue_request", polls),
        "traces of the two": prices.of("trace", 2 * minutes) if deployed.traced else 0.0,
    }


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
    """What a month of so many queued texts of one segment costs; `provider` is the provider's own part."""
    made = {
        "fixed": sum(fixed(run, prices, deployed).values()),
        "texts": texts * sum(by_text(run, prices, deployed).values()),
        "traces": traces(run, prices, deployed, texts),
    }
    return made | {"AWS": sum(made.values()), "provider": prices.of("provider_segment", texts)}


def traces(run: Run, prices: Prices, deployed: Deployed, texts: int) -> float:
    """X-Ray by its default rule: at most one a second, and a twentieth of what is beyond."""
    if not deployed.traced:
        return 0.0
    begun = texts * journeys.total(run.queue).invocations
    first = min(begun, _REQUESTS_A_SECOND_TRACED * prices.assumed["hours_a_month"] * 3600)
    return prices.of("trace", first + _SHARE_TRACED * (begun - first))
