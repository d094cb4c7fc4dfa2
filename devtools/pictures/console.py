"""The film of the console, and a still of each of its pages."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize

from devtools.local_stack.layout import Stack

from .film import Film

WIDE: ViewportSize = {"width": 1280, "height": 860}
NARROW: ViewportSize = {"width": 400, "height": 860}
FRAME_S = 0.15
# Numbers reserved for fiction: one that is reached, and one that a crowd is queued for.
ALICE, BOB = "+12025550123", "+13035550104"


def film(browser: Browser, stack: Stack) -> Film:
    """A text rings, a queue is paced, STOP is obeyed; then the text's way, and the dashboard."""
    page = browser.new_page(viewport=WIDE, color_scheme="light", reduced_motion="no-preference")
    made = Film(900)

    def watch(seconds: float = 0.0, until: Callable[[], bool] = lambda: True) -> None:
        """Film for so long, and on until something is to be seen, for a minute at most."""
        began = time.monotonic()
        while (now := time.monotonic()) - began < seconds or not until():
            if now - began > 60:
                raise RuntimeError("The page does not show what the film waits for.")
            made.add(page.screenshot(), now)
            page.wait_for_timeout(max(1.0, (FRAME_S - (time.monotonic() - now)) * 1000))

    page.goto(f"{stack.console_url}/")
    page.get_by_text("live", exact=True).wait_for()
    watch(1)
    _send(page, ALICE, "Your table is ready. Reply STOP to opt out.", watch)
    watch(1.5, lambda: _on_phone(page, "Your table") == 1 and "delivered" in page.locator("#talk").inner_text())
    page.get_by_role("radio", name="Queue").check(force=True)
    for part in range(1, 5):
        page.get_by_label("To", exact=True).fill(BOB)
        page.get_by_label("Message").fill(f"One a second, {part} of 4")
        page.get_by_role("button", name="Queue the text").click()
        watch(0.3)
    watch(1, lambda: _on_phone(page, "of 4") == 4)
    page.get_by_role("button", name="STOP", exact=True).click()
    watch(1, page.get_by_text("Opted out: the service refuses").is_visible)
    page.get_by_role("radio", name="Send").check(force=True)
    _send(page, BOB, "Are you there?", watch)
    watch(2, page.get_by_text("Text refused").is_visible)
    page.locator("#talk").get_by_role("article").filter(has_text="4 of 4").get_by_role("link").click()
    page.wait_for_load_state()
    watch(2.5, page.get_by_text("The way of the text").is_visible)
    page.goto(f"{stack.console_url}/dashboard")
    watch(2.5, page.locator(".widget").first.is_visible)
    page.close()
    return made


def _send(page: Page, number: str, words: str, watch: Callable[[float], None]) -> None:
    page.get_by_label("To", exact=True).fill(number)
    message = page.get_by_label("Message")
    message.fill("")
    for start in range(0, len(words), 6):
        message.press_sequentially(words[start : start + 6])
        watch(0.05)
    page.get_by_role("button", name="Send the text").click()


def _on_phone(page: Page, words: str) -> int:
    return page.locator("#talk").get_by_role("article").filter(has_text=words).count()


def stills(browser: Browser, stack: Stack, folder: Path) -> list[Path]:
    """Each page, light and dark, wide and narrow, as a whole."""
    pages = {"handset": "/", "texts": "/texts", "dashboard": "/dashboard", "reference": "/reference"}
    with closing(browser.new_page()) as page:
        page.goto(f"{stack.console_url}/texts")
        row = page.locator("#texts a").first
        row.wait_for()
        pages["text"] = row.get_attribute("href") or "/texts"
    written = []
    for colours in ("light", "dark"):
        for size, viewport in (("wide", WIDE), ("narrow", NARROW)):
            page = browser.new_page(viewport=viewport, color_scheme=colours)
            for name, path in pages.items():
                page.goto(f"{stack.console_url}{path}")
                page.get_by_role("main").wait_for()
                # The first data of a live page.
                page.wait_for_timeout(1500)
                written.append(folder / f"{name}-{colours}-{size}.png")
                page.screenshot(path=written[-1], full_page=name != "reference")
            page.close()
    return written
