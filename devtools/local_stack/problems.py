"""What can go wrong with the local stack, in words for the person who sees it."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

START_AFRESH = (
    "Fix what it names: a value in SET, or the sources. If these are right, drop what the stack holds "
    "(.venv/bin/python -m devtools.local_stack down --forget), then make up."
)

NO_SPACE = "The disk is full. Make room (the local stack takes 0.7 GB), then run it again."
HALF_INSTALLED = (
    "A package is missing: an installation was stopped halfway, or something was removed. "
    "rm -rf .venv .local/venv-*, then run it again: make installs them anew."
)
# What a log says of trouble that has nothing to do with what was being done, and what to do about it.
_KNOWN = (
    (r"No space left on device|Disk quota exceeded|\bENOSPC\b", NO_SPACE),
    (r"ModuleNotFoundError|No module named|cannot import name|bad interpreter", HALF_INSTALLED),
    (r"[Aa]ddress already in use", "Another program took the port in this moment. Run it again."),
    (
        r"[Ff]ailed to fetch|dns error|name resolution|Connection refused \(os error",
        "The package index was not reached. See to the network (HTTPS_PROXY, UV_DEFAULT_INDEX) and run it again.",
    ),
)
# With less free than this nothing can be started, in bytes.
_ROOM = 2_000_000


def advice(lines: Sequence[str]) -> str | None:
    """What to do about the trouble that the last lines of a log name; None if it is none of the usual."""
    text = "\n".join(lines)
    return next((hint for pattern, hint in _KNOWN if re.search(pattern, text)), None)


class LocalError(Exception):
    """Something failed. `log` is the file that says more, `hint` what to do about it."""

    def __init__(self, message: str, *, log: Path | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.log = log
        self.hint = hint


def full(path: Path) -> bool:
    """Whether the disk of `path` is full: a log there may not even say so."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    return shutil.disk_usage(folder).free < _ROOM


def last_lines(path: Path | None, count: int = 20) -> list[str]:
    """The end of a log, or nothing if it can't be read."""
    if path is None:
        return []
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 64 * 1024))
            return file.read().decode("utf-8", "replace").splitlines()[-count:]
    except OSError:
        return []
