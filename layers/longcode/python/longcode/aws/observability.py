"""Logs and metrics: Powertools, behind the two small ports that the use cases see."""

import sys
import threading
import traceback
from collections import Counter
from collections.abc import Mapping

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from longcode.domain import monitoring, phone, untrusted
from longcode.domain.errors import LongCodeError
from longcode.domain.metrics import NAMESPACE, Metric

# Of a chain of exceptions, and of the way to where each was raised.
_CAUSES_MOST, _FRAMES_MOST = 5, 20
# So much of what goes well is held for one line: CloudWatch takes 256 KB, and a query finds 200 fields.
_HELD_MOST = 50


class LambdaLogger:
    """ports.Logger: one JSON line an event or, if `one_line`, one for all that goes well in an invocation, or for
    each part of it where that is very much.

    No log line may hold a person's number or words. Our own have neither; here those parts are cleaned that others
    make: the provider's words, and the exceptions of libraries, which like to quote what they got.
    """

    def __init__(self, *, one_line: bool = False) -> None:
        self._one_line = one_line
        self._held: list[tuple[str, dict[str, object]]] = []
        # The workers of a batch write at once.
        self._lock = threading.Lock()
        # The location would always be this file. Lambda takes a line for INFO whose time is not RFC 3339, so that
        # a log level set on the function would drop our errors.
        self._logger = Logger(location=None, use_rfc3339=True, utc=True)
        self._bound: list[str] = []

    def begin(self, function_request_id: str | None) -> None:
        """A new invocation: nothing of the last one stays on its lines."""
        self._logger.remove_keys(self._bound)
        self._bound.clear()
        self._held.clear()
        self.bind(function_request_id=function_request_id)

    def bind(self, **fields: object) -> None:
        self._bound += [name for name in fields if name not in self._bound]
        self._logger.append_keys(**_clean(fields))

    def info(self, event: str, **fields: object) -> None:
        if not self._one_line:
            self._logger.info(event, extra=_clean(fields))
            return
        with self._lock:
            full = self._taken() if len(self._held) == _HELD_MOST else []
            self._held.append((event, _clean(fields)))
        self._write(full, {})

    def end(self, **numbers: object) -> None:
        """The line of the invocation: what went well in it, and what it counted. Nothing, if there was neither."""
        with self._lock:
            held = self._taken()
        self._write(held, numbers)

    def _taken(self) -> list[tuple[str, dict[str, object]]]:
        held, self._held = self._held, []
        return held

    def _write(self, held: list[tuple[str, dict[str, object]]], numbers: Mapping[str, object]) -> None:
        if held or numbers:
            event, fields = _merged(held)
            self._logger.info(event, extra={**fields, **numbers})

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra=_clean(fields))

    def error(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra=_clean(fields))

    def exception(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra={**_clean(fields), "crash": _crash(sys.exception())})


def _merged(held: list[tuple[str, dict[str, object]]]) -> tuple[str, dict[str, object]]:
    """The last event, with the fields of those before it: in `steps`, and also beside its own where it has none of
    the name and the event came but once, unless it is about another text.
    """
    if not held:
        return "counted", {}
    *before, (event, last) = held
    fields, often = dict(last), Counter(name for name, _ in before)
    for name, more in before:
        about = fields.get("message_id", more.get("message_id"))
        if often[name] == 1 and more.get("message_id", about) == about:
            fields = more | fields
    if before:
        fields["steps"] = [
            {"event": name} | {key: value for key, value in more.items() if fields.get(key) != value}
            for name, more in before
        ]
    return event, fields


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
    """CloudWatch metrics by the embedded metric format, one line an invocation: all of them (Monitoring=full).

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


class FewMetrics:
    """The same for Monitoring=basic: few of them, in the invocation's one line, and the rest as plain numbers."""

    def __init__(self, environment: str, logger: LambdaLogger) -> None:
        self._logger = logger
        self._provider = AmazonCloudWatchEMFProvider(
            namespace=NAMESPACE, default_dimensions={"environment": environment}
        )
        self._totals: dict[Metric, float] = {}
        self._lock = threading.Lock()

    def count(self, metric: Metric, value: float = 1) -> None:
        with self._lock:
            self._totals[metric] = monitoring.together(metric, self._totals.get(metric), value)

    def flush(self) -> None:
        """Write the invocation's line."""
        with self._lock:
            totals, self._totals = self._totals, {}
        found = monitoring.digest(totals)
        numbers: dict[str, object] = dict(found.plain)
        if found.attention:
            numbers["attention"] = found.attention
        for name, (unit, value) in found.published.items():
            self._provider.add_metric(name, MetricUnit(unit), value)
        if found.published:
            # The values as numbers and not as lists of one, so that a query of the log can add them up.
            numbers |= self._provider.serialize_metric_set()
            numbers |= {name: value for name, (_, value) in found.published.items()}
            self._provider.metric_set.clear()
        self._logger.end(**numbers)
