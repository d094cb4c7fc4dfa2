"""A store that does not answer: logged and counted in one way."""

from longcode.domain.errors import Unavailable
from longcode.domain.metrics import Metric
from longcode.use_cases.ports import Logger, Metrics


def note(exc: Unavailable, metrics: Metrics, logger: Logger, **about: object) -> None:
    """Log and count a call to a store that failed after all its repeats; `about` says whose."""
    logger.error("store.unavailable", what=exc.what, **about)
    metrics.count(Metric.STORE_UNAVAILABLE)
