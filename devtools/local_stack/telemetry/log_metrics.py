"""Metrics that CloudWatch makes out of log lines: the part of its filter patterns that this project uses."""

# What is not known here raises, and names the pattern.

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .series import MetricKey

# Any: a parsed line of JSON.
Matcher = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(r"\s*(\(|\)|&&|\|\||!=|>=|<=|=|>|<|\$[\w.]+|\"[^\"]*\"|-?\d+(?:\.\d+)?)")
_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}


class BadPattern(ValueError):
    """A filter pattern that can't be read, or that uses what is not known here."""


@dataclass(frozen=True, slots=True)
class LogMetric:
    """A metric filter: what it counts as `value`, in which log group."""

    group: str
    key: MetricKey
    value: float
    matches: Matcher


# Any: properties of a template.
def read(properties: Mapping[str, Any]) -> LogMetric:
    """A metric filter from its resource's properties, in which nothing is left to resolve. Raises BadPattern."""
    (made,) = properties["MetricTransformations"]
    key = MetricKey.of(made["MetricNamespace"], made["MetricName"], {})
    return LogMetric(
        properties["LogGroupName"], key, float(made["MetricValue"]), pattern(properties["FilterPattern"])
    )


def pattern(text: str) -> Matcher:
    """What a pattern for JSON matches. Raises BadPattern."""
    inner = re.fullmatch(r"\s*\{(.*)\}\s*", text, re.DOTALL)
    if inner is None:
        raise BadPattern(f"{text!r} is no pattern for JSON.")
    tokens, at = list[str](), 0
    while inner[1][at:].strip():
        found = _TOKEN.match(inner[1], at)
        if found is None:
            raise BadPattern(f"{inner[1][at:]!r} is not known here.")
        tokens.append(found[1])
        at = found.end()
    left = iter([*tokens, ""])
    matcher, rest = _any(left, next(left))
    if rest:
        raise BadPattern(f"{text!r} goes on with {rest!r}.")
    return matcher


# Each returns the token that comes after it.
def _any(left: Iterator[str], token: str) -> tuple[Matcher, str]:
    return _joined(left, token, "||", _all, any)


def _all(left: Iterator[str], token: str) -> tuple[Matcher, str]:
    return _joined(left, token, "&&", _one, all)


def _joined(
    left: Iterator[str],
    token: str,
    sign: str,
    part: Callable[[Iterator[str], str], tuple[Matcher, str]],
    join: Callable[[Iterator[bool]], bool],
) -> tuple[Matcher, str]:
    first, token = part(left, token)
    parts: Sequence[Matcher] = [first]
    while token == sign:
        more, token = part(left, next(left))
        parts = [*parts, more]
    return lambda line: join(one(line) for one in parts), token


def _one(left: Iterator[str], token: str) -> tuple[Matcher, str]:
    if token == "(":
        matcher, token = _any(left, next(left))
        if token != ")":
            raise BadPattern("A parenthesis is not closed.")
        return matcher, next(left)
    sign, value = next(left, ""), next(left, "")
    if not token.startswith("$.") or sign not in _NUMBERS:
        raise BadPattern(f"{token} {sign} {value} is not known here.")
    return _compared(token[2:].split("."), sign, value), next(left)


def _compared(path: Sequence[str], sign: str, value: str) -> Matcher:
    text = value.strip('"') if value.startswith('"') else None
    if text is not None and sign not in ("=", "!="):
        raise BadPattern(f"{sign} is not for text.")

    def matches(line: Mapping[str, Any]) -> bool:
        found: Any = line
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        if text is not None:
            # A field that is not there is unlike no text.
            return isinstance(found, str) and (found == text) is (sign == "=")
        return isinstance(found, int | float) and _NUMBERS[sign](found, float(value))

    return matches
