"""What one check of the doctor found."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it stands: well; worth a look; broken; or not looked at, because something before it is broken."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: which check, how it stands, what was found, and what to do if that is not well."""

    check: str
    state: State
    found: str
    todo: str = ""
