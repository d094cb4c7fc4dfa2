"""Logs and metrics: Powertools, behind the two small ports that the use cases see.

What a log line may not hold is a person's number or words. Our own lines have neither; this module sees to those
parts that others make: the carrier's words, and the exceptions of libraries, which like to quote what they got.
"""

import re
import sys
import traceback
from collections.abc import Mapping

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from longcode import phone
from longcode.errors import LongCodeError

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
# Of a chain of exceptions, and of the way to where each was raised.
_CAUSES_MOST, _FRAMES_MOST = 5, 20

_UNITS = {"Ms": MetricUnit.Milliseconds, "Cost": MetricUnit.NoUnit}


class LambdaJournal:
    """One JSON line an event."""

    def __init__(self) -> None:
        # The location would always be this file.
        self._logger = Logger(location=None)

    def info(self, event: str, **fields: object) -> None:
        self._logger.info(event, extra=_clean(fields))

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra=_clean(fields))

    def error(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra=_clean(fields))

    def exception(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra={**_clean(fields), "crash": _crash(sys.exception())})


def _clean(fields: Mapping[str, object]) -> dict[str, object]:
    """`fields` with every number masked that is in the words of others."""
    return {
        name: _NUMBER.sub(lambda found: phone.mask(found[0]), value) if isinstance(value, str) else value
        for name, value in fields.items()
    }


def _crash(exc: BaseException | None) -> list[dict[str, object]]:
    """What was raised, where, and what led to it: the words of an exception only where they are ours."""
    chain: list[dict[str, object]] = []
    while exc is not None and len(chain) < _CAUSES_MOST:
        frames = traceback.extract_tb(exc.__traceback__)[-_FRAMES_MOST:]
        words = str(exc) if isinstance(exc, LongCodeError) else ""
        chain.append(
            _clean({"exception": f"{type(exc).__module__}.{type(exc).__name__}", "words": words})
            | {"at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]}
        )
        exc = exc.__cause__ or exc.__context__
    return chain


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
