"""The browsers of this machine: where they are, and what to do about one that is not there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A Mac's are not on the path.
_COMMANDS = {
    "chromium": (
        *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ),
    "firefox": ("firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"),
}
NAMES = tuple(_COMMANDS)
# `.ci/run` sets it, so that no run there passes without them.
REQUIRED = os.environ.get("BROWSER_TESTS") == "required"


def found(name: str) -> str | None:
    """The program of the browser `name`, or None if it is not installed."""
    return next(filter(None, map(shutil.which, _COMMANDS[name])), None)


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


@contextmanager
def opened(name: str) -> Iterator["Browser"]:
    """The browser `name`, without a window. Playwright drives the installed ones; it downloads none."""
    # Every run of pytest imports this module, and few open a browser.
    from playwright.sync_api import sync_playwright

    program = found(name)
    assert program is not None, missing()
    with sync_playwright() as playwright:
        if name == "chromium":
            browser = playwright.chromium.launch(executable_path=program)
        else:
            # The channel says to speak WebDriver BiDi, which an unpatched Firefox knows.
            browser = playwright.firefox.launch(
                executable_path=program,
                channel="moz-firefox",
                firefox_user_prefs={"ui.prefersReducedMotion": 1, "ui.systemUsesDarkTheme": 0},
            )
        try:
            yield browser
        finally:
            browser.close()


def picture_of_failure(test: str) -> Path:
    """Where a failed test leaves what the page looked like."""
    folder = Path(".local/test-pages")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{test}.png"
