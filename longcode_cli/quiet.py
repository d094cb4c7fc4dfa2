"""Metrics and a log that no one reads: what an operator does by hand is no sign of a fault."""

from longcode.domain.metrics import Metric


class Uncounted:
    """ports.Metrics that are not read."""

    def count(self, metric: Metric, value: float = 1) -> None:
        """Do nothing."""


class Unlogged:
    """ports.Logger that writes nothing: the command says itself what it does."""

    def bind(self, **fields: object) -> None:
        """Do nothing."""

    def info(self, event: str, **fields: object) -> None:
        """Do nothing."""

    def warning(self, event: str, **fields: object) -> None:
        """Do nothing."""

    def error(self, event: str, **fields: object) -> None:
        """Do nothing."""

    def exception(self, event: str, **fields: object) -> None:
        """Do nothing."""
