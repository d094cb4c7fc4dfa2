"""The handset page and what it shows."""

import re

import pytest

from devtools.telnyx_simulator.app import CONSOLE
from tests.telnyx_simulator.world import RECIPIENT, Running, eventually

pytestmark = pytest.mark.enable_socket


def test_the_page_is_served_at_the_root_and_needs_nothing_from_elsewhere(provider: Running) -> None:
    answer = provider.client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == CONSOLE.read_text("utf-8")
    assert re.findall(r"""(?:src|href)=["'](?!data:)|https?://|@import""", answer.text) == []


def test_the_api_reference_is_a_page_without_a_script_whose_links_lead_somewhere(provider: Running) -> None:
    answer = provider.client.get("/api-reference")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    ids, links = (set(re.findall(found, answer.text)) for found in (r' id="([^"]+)"', r' href="([^"]+)"'))
    assert {"post-smsqueue", "get-openapijson", "message"} <= ids
    assert len(links) > 40
    assert {link.removeprefix("#") for link in links} <= ids
    assert re.findall(r"<script|src=|@import|href=.https?:", answer.text) == []


def test_the_page_never_turns_a_text_into_markup() -> None:
    page = CONSOLE.read_text("utf-8")
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", page) == []


def test_a_conversation_has_both_sides_and_says_who_has_opted_out(provider: Running) -> None:
    provider.send(text="Hello!")
    provider.control("inbound", **{"from": RECIPIENT}, text="STOP")

    def delivered() -> bool:
        texts = provider.client.get("/_provider/threads").json()["threads"][0]["texts"]
        return bool(texts[0]["status"] == "delivered")

    eventually(delivered)
    state = provider.client.get("/_provider/threads").json()
    [thread] = state["threads"]
    assert (thread["number"], thread["count"], thread["opted_out"]) == (RECIPIENT, 1, True)
    assert [text["kind"] for text in thread["texts"]] == ["text", "inbound", "autoresponse"]


def test_the_latest_conversation_comes_first(provider: Running) -> None:
    provider.send("+12025550124")
    provider.send("+12025550125")
    provider.send("+12025550124")
    threads = provider.client.get("/_provider/threads", params={"limit": "1"}).json()
    assert [thread["number"] for thread in threads["threads"]] == ["+12025550124"]
    assert threads["total"] == 2
