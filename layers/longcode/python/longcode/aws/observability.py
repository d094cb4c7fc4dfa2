"""Logs and metrics: Powertools, behind the two small ports that the use cases see."""

import sys
import threading
import traceback
from collections.abc import Mapping

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from longcode.domain import phone, untrusted
from longcode.domain.errors import LongCodeError
from longcode.domain.metrics import NAMESPACE, Metric

# Of a chain of exceptions, and of the way to where each was raised.
_CAUSES_MOST, _FRAMES_MOST = 5, 20


class LambdaLogger:
    """ports.Logger: one JSON line an event.

    No log line may hold a person's number or words. Our own have neither; here those parts are cleaned that others
    make: the provider's words, and the exceptions of libraries, which like to quote what they got.
    """

    def __init__(self) -> None:
        # The location would always be this file. Lambda takes a line for INFO whose time is not RFC 3339, so that
        # a log level set on the function would drop our errors.
        self._logger = Logger(location=None, use_rfc3339=True, utc=True)
        self._bound: list[str] = []

    def begin(self, function_request_id: str | None) -> None:
        """A new invocation: nothing of the last one stays on its lines."""
        self._logger.remove_keys(self._bound)
        self._bound.clear()
        self.bind(function_request_id=function_request_id)

    def bind(self, **fields: object) -> None:
        self._bound += [name for name in fields if name not in self._bound]
        self._logger.append_keys(**_clean(fields))

    def info(self, event: str, **fields: object) -> None:
        self._logger.info(event, extra=_clean(fields))

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra=_clean(fields))

    def error(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra=_clean(fields))

    def exception(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra={**_clean(fields), "crash": _crash(sys.exception())})


def _clean(fields: Mapping[str, object]) -> dict[str, object]:
    """`fields` with every number masked that is in the words of others, and these as printable text: half of a
    surrogate pair would lose the line.
    """
    return {phone.masked(untrusted.line(name, None)): _cleaned(value) for name, value in fields.items()}


def _cleaned(value: object) -> object:
    match value:
        case str():
            return phone.masked(untrusted.line(value, None))
        case Mapping():
            return _clean(value)
        case list() | tuple() | set() | frozenset():
            return [_cleaned(inner) for inner in value]
    return value


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


class LambdaMetrics:
    """CloudWatch metrics by the embedded metric format, one line an invocation.

    Each metric has the dimensions `service`, which Powertools reads from its variable, and `environment`.
    """

    def __init__(self, environment: str) -> None:
        self._provider = AmazonCloudWatchEMFProvider(
            namespace=NAMESPACE, default_dimensions={"environment": environment}
        )
        # The workers of a batch count at once, and the provider writes all it has where one list is full.
        self._lock = threading.Lock()

    def count(self, metric: Metric, value: float = 1) -> None:
        with self._lock:
            self._provider.add_metric(metric.value, MetricUnit(metric.unit), value)

    def flush(self) -> None:
        """Write what was counted since the last flush; nothing if nothing was."""
        with self._lock:
            if self._provider.metric_set:
                self._provider.flush_metrics()
