"""What can go wrong with the local stack, in words for the person who sees it."""

from pathlib import Path

START_AFRESH = (
    "Fix what it names: a value in SET, or the sources. If these are right, drop what the stack holds "
    "(.venv/bin/python -m devtools.local_stack down --forget), then make up."
)


class LocalError(Exception):
    """Something failed. `log` is the file that says more, `hint` what to do about it."""

    def __init__(self, message: str, *, log: Path | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.log = log
        self.hint = hint


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
