"""Makes docs/cost.md from devtools/cost/page.md and what was counted."""

from collections.abc import Sequence
from pathlib import Path

from devtools.cost import bill, journeys, report
from devtools.cost.bill import ROOT, Deployed, Prices
from devtools.cost.journeys import A_MONTH, BATCH, Run

PAGE = ROOT / "docs/cost.md"

_TEXT = Path(__file__).parent / "page.md"


def render(run: Run, prices: Prices) -> str:
    """The page."""
    units, money, months, fixed = (report.markdown(sheet) for sheet in report.sheets(run, prices))
    deployed, full = Deployed.read("basic"), Deployed.read("full")
    by_text = bill.by_text(run, prices, deployed)
    text = sum(by_text.values())
    second = prices.of("lambda_gb_second", run.queue[1].counts.memory_mb / 1024) * 1e6
    return _TEXT.read_text().format(
        region=prices.region,
        date=prices.date,
        units=units,
        money=money,
        months=months,
        fixed=fixed,
        free=_free_table(prices),
        reconciles=prices.assumed["hours_a_month"] * 60,
        segment=prices.of("provider_segment"),
        retention=deployed.retention_days,
        log_retention=deployed.log_retention_days,
        storage=by_text["storage"] * 1e6,
        text=text * 1e6,
        second=second,
        answer=second / 10,
        # Ten texts share nine seconds.
        waiting=second * 0.9,
        even=round(sum(bill.fixed(run, prices, full).values()) / text, -3),
        prices=_price_table(prices),
        few=deployed.custom_metrics,
        alarm_metrics=deployed.alarm_metrics,
        dashboard_metrics=deployed.dashboard_metrics,
        custom_metrics=full.custom_metrics,
        full_dashboard_metrics=full.dashboard_metrics,
        lookups=prices.of("number_lookup", 1_000_000),
        deliveries=sum(bill.fixed(run, prices, Deployed.read("basic", deliveries="on")).values())
        - sum(bill.fixed(run, prices, deployed).values()),
        traces=bill.traces(run, prices, 1_000_000, 0.05),
        **_writes(run, prices),
        **_later(run, prices),
        **prices.assumed,
    )


def _writes(run: Run, prices: Prices) -> dict[str, float]:
    """What the page says of writes: of a queued text, its counters in a batch and alone, a tag and a carrier."""
    queued = journeys.total(run.queue)
    share, alone = run.queue[-1].counts, run.alone.counts
    saved = sum(prices.bill([alone]).values()) - sum(prices.bill([share]).values())
    writes = queued.table_writes + queued.failed_writes + queued.index_writes
    tagged = run.tagged.table_writes + run.tagged.index_writes
    return {
        "a_month": A_MONTH,
        "batch": BATCH,
        "share": share.table_writes,
        "alone": alone.table_writes,
        "saved": saved * 1e6,
        "index_writes": queued.index_writes,
        "index_share": queued.index_writes / writes,
        "tag_writes": tagged,
        "tag": prices.of("write_unit", tagged) * 1e6,
        "learnt_writes": run.learnt.table_writes,
        "learnt": prices.of("write_unit", run.learnt.table_writes) * 1e6,
    }


def _later(run: Run, prices: Prices) -> dict[str, float]:
    """What the page says of a scheduled text, beside a queued one, and of a cancelled one."""
    queued, scheduled = journeys.total(run.queue), journeys.total(run.scheduled)
    later, at_once, cancelled, second = (
        sum(prices.bill(step.counts for step in steps).values()) * 1e6
        for steps in (run.scheduled, run.queue, run.cancelled, run.cancelled[1:2])
    )
    return {
        "timer_requests": scheduled.queue_requests - queued.queue_requests,
        "timer_invocations": scheduled.invocations - queued.invocations,
        "later": later - at_once,
        "cancelling": second,
        "cancelled": cancelled,
    }


def _price_table(prices: Prices) -> str:
    rows = [
        (name, f"{line['per']:,} {line['unit']}", line["page"], line["seen"], f"{line['usd']:g}")
        for name, line in prices.lines.items()
    ]
    return _table(("price", "for", "page", "seen", "USD"), rows, words=4)


def _free_table(prices: Prices) -> str:
    rows = [
        (name, f"{line['count']:,} {prices.lines[name]['unit']}", line["page"], line["seen"])
        for name, line in prices.free.items()
    ]
    return _table(("price", "free each month", "page", "seen"), rows, words=4)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], words: int = 1) -> str:
    return report.markdown(report.Sheet("", heads, rows, words))
