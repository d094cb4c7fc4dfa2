"""Reads JSON of the API into the frozen dataclasses that an answer is."""

import dataclasses
import types
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What the API answered. `fields` is all of it, also what this client has no name for."""

    # Any: JSON of the API.
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False, compare=False)
    # What a field is called in JSON, where Python has no such name.
    _names: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """The answer in a JSON object. Raises ValueError that names a field that is missing, or no such."""
        found: dict[str, Any] = {}
        ours: Any = cls  # by its own type it can't be hashed
        for name, kind, needed in _plan(ours):
            said = cls._names.get(name, name)
            if fields.get(said) is None:
                if needed:
                    raise ValueError(f"there is no {said}")
                continue
            try:
                found[name] = _value(kind, fields[said])
            except (TypeError, ValueError, ArithmeticError) as exc:
                raise ValueError(f"{said}: {exc}") from exc
        return cls(**found, fields=fields)


# Any: a class, and the types of its fields.
@cache
def _plan(cls: Any) -> tuple[tuple[str, Any, bool], ...]:
    """The name and type of each field, and whether an answer without it is none."""
    kinds, none = get_type_hints(cls), dataclasses.MISSING
    return tuple(
        (one.name, kinds[one.name], one.default is none and one.default_factory is none)
        for one in dataclasses.fields(cls)
        if one.name != "fields"
    )


# Any: a type as an annotation has it, and the JSON that it is read from.
def _value(kind: Any, value: Any) -> Any:
    """A value of JSON as `kind`. Raises ValueError or TypeError where it is none."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        (inner,) = (each for each in get_args(kind) if each is not type(None))
        return _value(inner, value)
    if origin is tuple:
        return tuple(_value(get_args(kind)[0], each) for each in _of(list, value))
    if origin is not None:
        # Mapping[str, X]
        return {str(name): _value(get_args(kind)[1], each) for name, each in _of(dict, value).items()}
    if kind is Any:
        return value
    if kind is datetime:
        return datetime.fromisoformat(_of(str, value))
    if kind is Decimal:
        return Decimal(_of(str, value))
    if kind is float and type(value) is int:
        return float(value)
    if issubclass(kind, Answer):
        return kind.read(_of(dict, value))
    return _of(kind, value)


def _of[T](kind: type[T], value: object) -> T:
    # True is an int in Python, and none in JSON.
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__}, not {kind.__name__}")
    return value
