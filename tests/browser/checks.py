"""What every page of the console must be: quiet in the browser's console, accessible, narrow enough."""

import re
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import ConsoleMessage, ElementHandle, Error, Locator, Page

# `preload` would fetch style sheets anew and write an inline style, which the page's policy forbids.
_AXE = {"resultTypes": ["violations"], "preload": False}
_NARROW = 400


# Without slots: Playwright keeps a note of its own at whose methods it calls.
@dataclass
class Problems:
    """What went wrong in a page: errors in its console, exceptions, and what its policy blocked."""

    seen: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note the problems of `page` from now on."""
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)

    def expect(self, pattern: str) -> None:
        """Let pass what matches `pattern`: Chromium calls each answer of 400 and above an error, for example."""
        self.expected.append(pattern)

    def unexpected(self) -> list[str]:
        """The problems that no pattern lets pass."""
        return [line for line in self.seen if not any(re.search(pattern, line) for pattern in self.expected)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.seen.append(f"{message.text} ({message.location.get('url', '')})")

    def _on_error(self, error: Error) -> None:
        self.seen.append(f"{error}")


def findings(page: Page) -> list[str]:
    """What axe-core finds serious or critical in the page as it is now, one line for each element."""
    violations: list[dict[str, Any]] = Axe().run(page, options=_AXE).response["violations"]
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:200]} — {node['failureSummary']}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """The elements that make the page scroll sideways; empty if it does not."""
    lines: list[str] = page.evaluate(
        """() => {
            const root = document.documentElement;
            const edge = root.clientWidth + 1;
            if (root.scrollWidth < edge) return [];
            // What holds a long word is no wider itself, and what scrolls by itself is in order.
            const end = (one) => one.getBoundingClientRect().left
                + (getComputedStyle(one).overflowX === 'visible' ? one.scrollWidth : one.offsetWidth);
            const wide = [...document.querySelectorAll('body, body *')]
                .filter((one) => end(one) > edge)
                .map((one) => `${one.tagName}.${one.className} ends at ${end(one)}`);
            return [`${root.scrollWidth} in ${root.clientWidth} pixels`, ...wide.slice(-10)];
        }"""
    )
    return lines


def narrow(page: Page) -> None:
    """Make the window 400 pixels wide."""
    page.set_viewport_size({"width": _NARROW, "height": 800})


def tab_to(page: Page, target: Locator | ElementHandle, at_most: int = 80) -> None:
    """Press Tab until `target` has the focus, and see that the focus shows on the way.

    Raises AssertionError if it is not reached, or if an element that had the focus looked as it does without.
    """
    for _ in range(at_most):
        page.keyboard.press("Tab")
        assert page.evaluate(_FOCUS_SHOWS), page.evaluate("document.activeElement.outerHTML.slice(0, 300)")
        if target.evaluate("(one) => one === document.activeElement"):
            return
    raise AssertionError(f"{target} is not among the first {at_most} that Tab reaches")


# An outline, a shadow, or a frame of that kind on what holds the element.
_FOCUS_SHOWS = """() => {
    const marked = (one) => {
        const style = getComputedStyle(one);
        return (style.outlineStyle !== 'none' && style.outlineWidth !== '0px') || style.boxShadow !== 'none';
    };
    const one = document.activeElement;
    return one === document.body || marked(one) || (one.parentElement !== null && marked(one.parentElement));
}"""
