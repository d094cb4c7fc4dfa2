"""The console in a real browser, over the stack that tests/stack uses.

A test takes `page`, an empty page that any browser shows; `visit("/dashboard")` opens a page of the console in it.
After each test, an error in the browser's console or a breach of the page's policy fails it: see `problems`.
All tests run in Chromium; one marked with `@pytest.mark.also_firefox` runs in Firefox, too.
"""

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from devtools.local_stack.layout import Layout, Stack
from tests.browser import browsers
from tests.browser.checks import Problems
from tests.stack.conftest import PARAMETERS, api, aws, eventually, provider, run_layout
from tests.stack.world import forget_old_runs, shared_stack

__all__ = ["api", "aws", "eventually", "provider", "run_layout"]

# tests/conftest.py says that they were not run.
collect_ignore_glob = [] if browsers.found("chromium") else ["test_*.py"]

# Patience, not a rate: a page waits for functions that start on a busy machine.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
FAILED = pytest.StashKey[bool]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Chromium for all, Firefox for those that are marked, if it is there."""
    if "browser_name" in metafunc.fixturenames:
        names = browsers.NAMES if metafunc.definition.get_closest_marker("also_firefox") else ("chromium",)
        # What holds in one browser mostly holds in the other.
        marks = {"chromium": (), "firefox": (pytest.mark.slow,)}
        cases = [pytest.param(name, marks=marks[name]) for name in names if browsers.found(name)]
        metafunc.parametrize("browser_name", cases, scope="module")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember which tests failed, for the picture of the page."""
    report = yield
    if report.failed:  # type: ignore[attr-defined]
        item.stash[FAILED] = True
    return report


@pytest.fixture(scope="session")
def stack(run_layout: Layout) -> Iterator[Stack]:
    """The stack of this test run, with its console: use numbers of your own, and pause nothing but them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "only")
    forget_old_runs()
    with shared_stack(run_layout.home, f"browser-{worker}", parameters=PARAMETERS) as found:
        yield found


@pytest.fixture(scope="module")
def browser(browser_name: str) -> Iterator[Browser]:
    """A browser for a module: while one is open, nothing else in this process can run an event loop."""
    with browsers.opened(browser_name) as opened:
        yield opened


@pytest.fixture
def problems() -> Problems:
    """What went wrong in the pages of a test; `problems.expect("status of 409")` lets something pass."""
    return Problems()


@pytest.fixture
def page(browser: Browser, problems: Problems, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page in a profile of its own. What no one expected in its console fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    problems.watch(page)
    try:
        yield page
        seen = problems.unexpected()
        if request.node.stash.get(FAILED, False):
            page.screenshot(path=browsers.picture_of_failure(request.node.name))
    finally:
        context.close()
    assert seen == []


@pytest.fixture
def visit(stack: Stack, page: Page) -> Callable[[str], Page]:
    """`visit("/dashboard")` opens a page of the console."""

    def go(path: str = "/") -> Page:
        page.goto(f"{stack.console_url}{path}")
        return page

    return go
