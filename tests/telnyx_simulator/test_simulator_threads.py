"""Conversations, as the control API answers them."""

import pytest

from devtools.telnyx_simulator.ledger import THREAD
from tests.telnyx_simulator.world import RECIPIENT, Running, eventually

pytestmark = pytest.mark.enable_socket


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


def test_all_that_came_to_a_phone_is_counted_though_only_the_latest_is_kept(provider: Running) -> None:
    for number in range(THREAD + 2):
        provider.send(text=f"Number {number}")
    provider.control("inbound", **{"from": RECIPIENT}, text="Thank you")
    [thread] = provider.client.get("/_provider/threads").json()["threads"]
    assert (thread["to_phone"], len(thread["texts"])) == (THREAD + 2, THREAD)
