"""The browser tests see what they are there to see: on pages of their own, each with one thing wrong."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import Problems, findings, narrow, tab_to, too_wide

pytestmark = pytest.mark.slow

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'"
FILES = {
    "/": '<button id="ring">Ring</button><label>Words <input></label><p id="said"></p>',
    "/inline": '<p style="color: red">Red</p>',
    "/nameless": "<button></button>",
    "/wide": f"<pre>{'wide' * 25}</pre>",
    "/unseen": '<button id="ring">Ring</button><link rel="stylesheet" href="/unseen.css">',
    "/unseen.css": "button:focus { outline: none }",
    "/page.js": """
        document.querySelector('#ring')?.addEventListener('click', () => {
            document.querySelector('#said').textContent = 'It rings';
            fetch('/missing').catch(() => {});
            setTimeout(() => thereIsNoSuchThing());
        });""",
}


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = FILES.get(self.path)
        kind = {"js": "text/javascript", "css": "text/css"}.get(self.path.rpartition(".")[2], "text/html")
        if content is not None and kind == "text/html":
            content = (
                '<!doctype html><html lang="en"><title>T</title><link rel="icon" href="data:,">'
                f'<main><h1>A page</h1>{content}</main><script type="module" src="/page.js"></script>'
            )
        self.send_response(404 if content is None else 200)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-security-policy", f"{POLICY}; img-src data:; connect-src 'self'")
        self.end_headers()
        self.wfile.write((content or "").encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = Thread(target=partial(server.serve_forever, poll_interval=0.05))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def go(site: str, page: Page) -> Callable[[str], Page]:
    def visit(path: str) -> Page:
        page.goto(site + path)
        return page

    return visit


@pytest.mark.also_firefox
def test_a_page_works_and_has_nothing_to_complain_of(go: Callable[[str], Page]) -> None:
    page = go("/")
    tab_to(page, page.get_by_label("Words"))
    page.keyboard.type("Hello")
    narrow(page)

    expect(page.get_by_label("Words")).to_have_value("Hello")
    assert findings(page) == []
    assert too_wide(page) == []


@pytest.mark.also_firefox
def test_an_exception_in_a_page_is_seen(go: Callable[[str], Page], problems: Problems) -> None:
    problems.expect("thereIsNoSuchThing")
    problems.expect("404")
    page = go("/")
    with page.expect_event("pageerror"):
        page.get_by_role("button", name="Ring").click()

    expect(page.get_by_text("It rings")).to_be_visible()
    assert any("thereIsNoSuchThing" in line for line in problems.seen)
    assert problems.unexpected() == []
    problems.expected.remove("thereIsNoSuchThing")
    assert len(problems.unexpected()) == 1
    problems.seen.clear()


@pytest.mark.also_firefox
def test_what_the_policy_blocks_is_seen(go: Callable[[str], Page], problems: Problems) -> None:
    go("/inline")

    assert any(re.search("inline style.*violates", line) for line in problems.unexpected())
    problems.seen.clear()


@pytest.mark.also_firefox
def test_an_element_without_a_name_is_found(go: Callable[[str], Page]) -> None:
    assert [line.partition(":")[0] for line in findings(go("/nameless"))] == ["button-name (critical)"]


def test_what_is_too_wide_is_found(go: Callable[[str], Page]) -> None:
    page = go("/wide")
    assert too_wide(page) == []
    narrow(page)
    assert any("PRE" in line for line in too_wide(page))


def test_a_focus_that_does_not_show_is_found(go: Callable[[str], Page]) -> None:
    page = go("/unseen")
    with pytest.raises(AssertionError, match="button"):
        tab_to(page, page.get_by_role("button", name="Ring"))


def test_what_tab_does_not_reach_is_found(go: Callable[[str], Page]) -> None:
    page = go("/")
    with pytest.raises(AssertionError, match="not among the first 5"):
        tab_to(page, page.get_by_role("heading"), at_most=5)
