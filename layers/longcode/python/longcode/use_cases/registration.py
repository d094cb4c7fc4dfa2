"""An event on our 10DLC registration: the breaker opens when it is lost, and closes when it is back."""

from collections.abc import Callable

from longcode.domain.metrics import Metric
from longcode.domain.outcomes import WebhookEvent
from longcode.domain.registration import is_ours, probe_ms
from longcode.use_cases.ports import Logger, Metrics
from longcode.use_cases.registration_store import Registrations


def apply(
    event: WebhookEvent | None,
    *,
    long_code: str,
    registrations: Callable[[], Registrations],
    metrics: Metrics,
    logger: Logger,
    now_ms: int,
) -> None:
    """Apply what a verified event says of the campaign of `long_code` or of that number itself; most say nothing.

    `registrations` is asked for only then. Raises Unavailable if it could not be stored: the provider then tries
    again.
    """
    said = event.registration if event else None
    if said is None:
        return
    store = registrations()
    if not is_ours(said, long_code, store.facts(long_code)):
        logger.warning("registration.of_another", campaigns=list(said.campaign_ids))
        return
    # One that is dated ahead would make all that come after it look old.
    occurred_ms = min(said.occurred_ms, now_ms)
    if said.lost is None:
        closed = store.regain(said.regained, occurred_ms, now_ms)
        logger.info("registration.regained", closed=closed)
        return
    logger.error("registration.lost", code=said.lost.value, title=said.words)
    if store.lose(said.reason, occurred_ms, now_ms, now_ms + probe_ms(now_ms, now_ms)):
        metrics.count(Metric.BREAKER_OPENED)
        logger.error("breaker.opened", code=said.lost.value, title=said.words)
