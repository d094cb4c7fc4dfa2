"""Which memory a function should have: what it costs and how long it takes at each, out of what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.table import Table

from bench import quota
from devtools.cost.bill import Prices
from devtools.local_stack.problems import LocalError

SIZES_MB = (128, 256, 512, 1024, 1769)
# Telnyx waits 2 s for the answer to a webhook; what can't be measured here comes on top.
WEBHOOK_MS = 1_200.0


@dataclass(frozen=True, slots=True)
class Work:
    """What was measured of a function: CPU time of a start and its first call, of a warm call; and its calls."""

    name: str
    deployed_mb: int
    cold_cpu_ms: float
    warm_cpu_ms: float
    aws_calls: int
    provider_calls: int
    # What the process has in memory, warm; 0 where that was not measured.
    resident_mb: float = 0.0

    def fits(self, memory_mb: int) -> bool:
        """Whether it has room to work in: a quarter of the memory free, as the runtime and the log need some."""
        return self.resident_mb <= 0.75 * memory_mb


@dataclass(frozen=True, slots=True)
class Choice:
    """A function at one memory; USD for a million invocations, with their share of cold starts."""

    memory_mb: int
    cold_ms: float
    warm_ms: float
    usd: float
    mean_ms: float

    @property
    def product(self) -> float:
        """Cost times latency: what the recommended memory has least of."""
        return self.usd * self.mean_ms


# Any: JSON of bench/results.
def works(cold: Mapping[str, Any] | None, warm: Mapping[str, Any] | None) -> list[Work]:
    """What both parts have measured of the same functions. Raises LocalError if one was not run."""
    if cold is None or warm is None:
        missing = " and ".join(name for name, found in (("cold", cold), ("warm", warm)) if found is None)
        raise LocalError(
            f"There is no result of {missing} yet.", hint="make bench ARGS=cold; make bench ARGS=warm"
        )
    calls = {row["name"]: row for row in warm["functions"]}
    return [
        Work(
            name=row["name"],
            deployed_mb=calls[row["name"]]["memory_mb"],
            cold_cpu_ms=median(start["init_cpu_ms"] + start["call_cpu_ms"] for start in row["starts"]),
            warm_cpu_ms=median(calls[row["name"]]["function_cpu_ms"]),
            aws_calls=calls[row["name"]]["aws_calls"],
            provider_calls=calls[row["name"]]["provider_calls"],
            resident_mb=max(calls[row["name"]]["resident_kb"], default=0.0) / 1024,
        )
        for row in cold["subjects"]
        if row["kind"] == "function" and row["name"] in calls
    ]


def choices(work: Work, prices: Prices, sizes: Sequence[int] = SIZES_MB) -> list[Choice]:
    """The function at each memory: CPU time over its share of a CPU, and waits that no memory makes shorter."""
    assumed = prices.assumed
    waits = work.aws_calls * assumed["aws_call_ms"] + work.provider_calls * assumed["provider_call_ms"]
    made = []
    for memory in sizes:
        share = min(1.0, quota.share(memory))
        cold, warm = work.cold_cpu_ms / share + waits, work.warm_cpu_ms / share + waits
        rate = 1 / assumed["invocations_per_cold_start"]
        mean = (1 - rate) * warm + rate * cold
        usd = prices.of("lambda_request", 1e6) + prices.of("lambda_gb_second", 1e6 * mean / 1000 * memory / 1024)
        made.append(Choice(memory, cold, warm, usd, mean))
    return made


def best(work: Work, found: Sequence[Choice]) -> Choice:
    """The least cost times latency of those that it fits into; the webhook must answer in time from cold."""
    fitting = [one for one in found if work.fits(one.memory_mb)]
    in_time = [one for one in fitting if work.name != "webhook" or one.cold_ms <= WEBHOOK_MS]
    return min(in_time or fitting or found, key=lambda one: one.product)


def table(found: Sequence[Work], prices: Prices) -> Table:
    """A line for each function and memory; `*` is deployed, `best` is recommended."""
    title = "Memory: cost x latency, USD for a million invocations"
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    made.add_column("")
    for head in ("MB", "cold ms", "warm ms", "mean ms", "USD", "x latency"):
        made.add_column(head, justify="right")
    made.add_column("")
    for work in found:
        all_of_it = choices(work, prices)
        recommended = best(work, all_of_it)
        for one in all_of_it:
            deployed = "*" if one.memory_mb == work.deployed_mb else ""
            made.add_row(
                work.name if one is all_of_it[0] else "",
                f"{one.memory_mb}{deployed}",
                *(f"{value:,.0f}" for value in (one.cold_ms, one.warm_ms, one.mean_ms)),
                f"{one.usd:.2f}",
                f"{one.product:,.0f}",
                "best" if one is recommended else "" if work.fits(one.memory_mb) else "too small",
            )
    return made


# Any: JSON.
def as_json(found: Sequence[Work], prices: Prices) -> list[dict[str, Any]]:
    """The same for scripts."""
    return [
        {
            "name": work.name,
            "deployed_mb": work.deployed_mb,
            "best_mb": best(work, choices(work, prices)).memory_mb,
            "choices": [
                {"memory_mb": c.memory_mb, "cold_ms": c.cold_ms, "warm_ms": c.warm_ms, "usd": c.usd}
                for c in choices(work, prices)
            ],
        }
        for work in found
    ]
