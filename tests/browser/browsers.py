"""Which browsers the tests find on this machine, and what to do about one that is not there."""

import os
from pathlib import Path

from devtools.pictures.browsers import NAMES, found, opened

__all__ = ["NAMES", "found", "opened"]

# `.ci/run` sets it, so that no run there passes without them.
REQUIRED = os.environ.get("BROWSER_TESTS") == "required"


def missing() -> str:
    """One line on the browsers that are not installed and how to get them; empty if both are."""
    if not (absent := [name for name in NAMES if found(name) is None]):
        return ""
    # Firefox runs some of them beside Chromium, and none alone.
    tests = "The browser tests in Firefox" if absent == ["firefox"] else "The browser tests"
    return (
        f"{tests} were not run: no {' and no '.join(absent)} on this machine. "
        "On Debian: apt-get install chromium firefox-esr"
    )


def picture_of_failure(test: str) -> Path:
    """Where a failed test leaves what the page looked like."""
    folder = Path(".local/test-pages")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{test}.png"
