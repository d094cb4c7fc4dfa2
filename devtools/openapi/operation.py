"""What the document says of a route."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from devtools.openapi.shapes import Schema


@dataclass(frozen=True, slots=True)
class Operation:
    """One route: its name for programs, what it does, what it takes, and what it answers.

    `answers` are the schemas of its answers by status, by their names in `components` (`""`: any object). `codes`
    are the error codes of its own.
    """

    name: str
    group: str
    summary: str
    answers: Mapping[int, str]
    codes: tuple[str, ...] = ()
    body: str = ""
    query: Mapping[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    signed: bool = False
    description: str = ""
    # The routes that its answer has the id for, by their names.
    leads_to: tuple[str, ...] = ()
