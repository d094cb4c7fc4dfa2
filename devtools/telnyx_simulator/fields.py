"""What a control request may set: fields of a dataclass, each with a check of its value."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from .faults import BadFault

type Check = Callable[[Any], bool]


def apply(target: object, asked: Any, checks: Mapping[str, tuple[Check, str]]) -> None:
    """Set the asked fields of `target`, all or none. Raises BadFault."""
    for name, value in mapping(asked, checks.keys()).items():
        check, wanted = checks[name]
        if not check(value):
            raise BadFault(f"{name} must be {wanted}")
    for name, value in asked.items():
        setattr(target, name, value)


def mapping(asked: Any, known: Any) -> dict[str, Any]:
    """`asked`, if it is an object with no other fields. Raises BadFault."""
    if not isinstance(asked, dict):
        raise BadFault("a JSON object is expected")
    if unknown := asked.keys() - set(known):
        raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
    return asked


def flag() -> tuple[Check, str]:
    """True or false."""
    return lambda value: isinstance(value, bool), "true or false"


def count() -> tuple[Check, str]:
    """A whole number, 0 or more."""
    return is_count, "a whole number, 0 or more"


def seconds() -> tuple[Check, str]:
    """A number above 0."""
    return lambda value: _is(value, int | float) and value > 0, "a positive number of seconds"


def text() -> tuple[Check, str]:
    """Any string."""
    return lambda value: isinstance(value, str), "a string"


def one_of(choices: type[StrEnum] | Mapping[str, Any]) -> tuple[Check, str]:
    """One of some words."""
    words = [str(choice) for choice in choices]
    return lambda value: value in words, f"one of {', '.join(words)}"


def or_null(inner: tuple[Check, str]) -> tuple[Check, str]:
    """The same, or null."""
    check, wanted = inner
    return lambda value: value is None or check(value), f"{wanted}, or null"


def is_count(value: Any) -> bool:
    """Whether it is a whole number, 0 or more."""
    return _is(value, int) and value >= 0


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
