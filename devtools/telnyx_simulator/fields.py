"""What a control request may set: fields of a dataclass, each with a check of its value."""

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from .faults import BadFault


class Field(NamedTuple):
    """What a value must be, in code and in words, and what it is kept as."""

    check: Callable[[Any], bool]
    wanted: str
    kept: Callable[[Any], Any] = lambda value: value


def apply(target: object, asked: Any, known: Mapping[str, Field]) -> None:
    """Set the asked fields of `target`, all or none. Raises BadFault."""
    for name, value in mapping(asked, known).items():
        if not known[name].check(value):
            raise BadFault(f"{name} must be {known[name].wanted}")
    for name, value in asked.items():
        setattr(target, name, known[name].kept(value))


def mapping(asked: Any, known: Collection[str]) -> dict[str, Any]:
    """`asked`, if it is an object with no other fields. Raises BadFault."""
    if not isinstance(asked, dict):
        raise BadFault("a JSON object is expected")
    if unknown := asked.keys() - set(known):
        raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
    return asked


def one_of(words: type[StrEnum]) -> Field:
    """One of some words."""
    return Field(lambda value: value in set(words), f"one of {', '.join(words)}", words)


def or_null(field: Field) -> Field:
    """The same, or null."""
    return Field(lambda value: value is None or field.check(value), f"{field.wanted}, or null")


def is_count(value: Any) -> bool:
    """Whether it is a whole number, 0 or more."""
    return _is(value, int) and value >= 0


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


FLAG = Field(lambda value: isinstance(value, bool), "true or false")
COUNT = Field(is_count, "a whole number, 0 or more")
SECONDS = Field(lambda value: _is(value, int | float) and value > 0, "a positive number of seconds")
TEXT = Field(lambda value: isinstance(value, str), "a string")
