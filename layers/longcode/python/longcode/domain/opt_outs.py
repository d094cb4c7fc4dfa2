"""Who wants no texts, and how that came about."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OptOutChange:
    """One change of mind: when, to what, who says so (keyword, provider, block, api or operator) and how."""

    at_ms: int
    opted_out: bool
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class OptOut:
    """Whether a number wants texts, and the changes of that, oldest first (`use_cases.opt_outs` keeps the last
    100).

    `said_ms` is when the present state was last said, also where that changed nothing. `revision` counts the
    writes of the entry; 0 is one from before they were counted. `number` is in its canonical form.
    """

    number: str
    opted_out: bool
    changes: tuple[OptOutChange, ...]
    said_ms: int
    revision: int
