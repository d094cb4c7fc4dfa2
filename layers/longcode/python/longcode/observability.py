"""Logs and metrics: Powertools, behind the two small ports that the use cases see."""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

_UNITS = {"Ms": MetricUnit.Milliseconds, "Cost": MetricUnit.NoUnit}


class LambdaJournal:
    """One JSON line an event."""

    def __init__(self) -> None:
        # The location would always be this file.
        self._logger = Logger(location=None)

    def info(self, event: str, **fields: object) -> None:
        self._logger.info(event, extra=dict(fields))

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra=dict(fields))

    def error(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra=dict(fields))

    def exception(self, event: str, **fields: object) -> None:
        self._logger.exception(event, extra=dict(fields))


class LambdaMeter:
    """CloudWatch metrics by the embedded metric format, one line an invocation.

    Dimensions are the service alone: one for each recipient or message would cost more than the texts.
    """

    def __init__(self) -> None:
        self._provider = AmazonCloudWatchEMFProvider()

    def count(self, name: str, value: float = 1) -> None:
        unit = next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), MetricUnit.Count)
        self._provider.add_metric(name, unit, value)

    def flush(self) -> None:
        """Write what was counted since the last flush; nothing if nothing was."""
        if self._provider.metric_set:
            self._provider.flush_metrics()
