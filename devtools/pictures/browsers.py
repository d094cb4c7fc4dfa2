"""The browsers of this machine, without a window: Playwright drives the installed ones, and downloads none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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


def found(name: str) -> str | None:
    """The program of the browser `name`, or None if it is not installed."""
    return next(filter(None, map(shutil.which, _COMMANDS[name])), None)


@contextmanager
def opened(name: str) -> Iterator["Browser"]:
    """The browser `name`. While one is open, nothing else in this thread can run an event loop."""
    # Every run of pytest imports this module, and few open a browser.
    from playwright.sync_api import sync_playwright

    program = found(name)
    assert program is not None, f"{name} is not installed"
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
