"""Servers of others, in memory: what is at each URL, as outbound_ports.Outbound calls it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from longcode.use_cases.outbound_ports import CallFailed, OutboundAnswer, UrlRefused
from tests.support.interleave import pause

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(192)


@dataclass(frozen=True, slots=True)
class Page:
    """What one URL answers. Without `head` its server answers no HEAD, without `says_length` no body's length."""

    body: bytes = PICTURE
    content_type: str = "image/png"
    status: int = 200
    head: bool = True
    says_length: bool = True
    fails: str = ""
    refused: str = ""
    packed: str = ""
    # How long it takes; an answer that takes longer than its caller waits is none.
    takes_ms: int = 0
    # What it answers to HEAD, where that differs.
    other_head: "Page | None" = None


@dataclass
class FakeWeb:
    """outbound_ports.Outbound over `pages`; `calls` has each (method, URL)."""

    pages: dict[str, Page] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    before_call: Callable[[], object] = lambda: None
    # Lets virtual time pass, where a page takes any.
    wait: Callable[[int], object] = lambda _ms: None

    def check(self, url: str) -> None:
        if (page := self.pages.get(url)) and page.refused:
            raise UrlRefused(page.refused)

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        timeout_s: float = 10.0,
        at_most: int = 4096,
    ) -> OutboundAnswer:
        self.calls.append((method, url))
        self.before_call()
        self.check(url)
        page = self.pages.get(url, Page(b"not found", "text/html", 404))
        if method == "HEAD" and page.other_head:
            page = page.other_head
        pause("call")
        self.wait(min(page.takes_ms, round(timeout_s * 1000)))
        if page.takes_ms > timeout_s * 1000:
            raise CallFailed("timed out")
        if page.fails:
            raise CallFailed(page.fails)
        if method == "HEAD" and not page.head:
            return OutboundAnswer(405, {}, b"")
        answer = {"content-type": page.content_type}
        if page.says_length:
            answer["content-length"] = str(len(page.body))
        if page.packed:
            answer["content-encoding"] = page.packed
        body = b"" if method == "HEAD" else page.body
        return OutboundAnswer(page.status, answer, body[:at_most], len(body) > at_most)
