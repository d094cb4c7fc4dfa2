"""A store that does not answer, told in one way wherever it is met."""

from longcode.errors import Unavailable
from longcode.metrics import Metric
from longcode.ports import Journal, Meter


def note(exc: Unavailable, meter: Meter, journal: Journal, **about: object) -> None:
    """Log and count a call to a store that failed after all its repeats; `about` says whose."""
    journal.error("store.unavailable", what=exc.what, **about)
    meter.count(Metric.STORE_UNAVAILABLE)
