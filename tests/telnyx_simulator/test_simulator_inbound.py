"""Inbound texts, and the provider's own keywords."""

import pytest

from tests.telnyx_simulator.world import OURS, Inbox, Running

pytestmark = pytest.mark.enable_socket

TEXTER = "+12025550123"


@pytest.mark.parametrize("is_spam", [True, False])
def test_an_inbound_text_arrives_signed_at_the_profiles_url(
    provider: Running, inbox: Inbox, *, is_spam: bool
) -> None:
    provider.control("profile", webhook_url=f"{inbox.url}/hook")
    answer = provider.control("inbound", **{"from": TEXTER}, text="Who is this?", is_spam=is_spam)
    [hook] = inbox.wait(1)
    payload = hook.body["data"]["payload"]
    assert hook.is_signed_with(provider.public_key)
    assert hook.event == "message.received"
    assert payload["id"] == answer["message_id"]
    assert payload["direction"] == "inbound"
    assert payload["from"]["phone_number"] == TEXTER
    assert payload["to"][0]["phone_number"] == OURS
    assert (payload["text"], payload["is_spam"]) == ("Who is this?", is_spam)
    assert payload["autoresponse_type"] is None


def test_an_inbound_picture_is_an_mms_with_media(provider: Running, inbox: Inbox) -> None:
    picture = "https://example.com/cat.png"
    provider.control("inbound", **{"from": TEXTER}, media_urls=[picture], webhook_url=f"{inbox.url}/hook")
    payload = inbox.wait(1)[0].body["data"]["payload"]
    assert (payload["type"], payload["media"][0]["url"]) == ("MMS", picture)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("STOP", "STOP"),
        (" stop\n", "STOP"),
        ("Stop  All", "STOP"),
        ("unsubscribe", "STOP"),
        ("QUIT", "STOP"),
        ("START", "START"),
        ("unstop", "START"),
        ("help", "HELP"),
        ("INFO", "HELP"),
        ("please stop", None),
        ("stop!", None),
        ("", None),
    ],
)
def test_a_keyword_is_a_whole_text_in_any_case(
    provider: Running, inbox: Inbox, text: str, kind: str | None
) -> None:
    provider.control("inbound", **{"from": TEXTER}, text=text, webhook_url=f"{inbox.url}/hook")
    [hook] = inbox.wait(1)
    assert hook.body["data"]["payload"]["autoresponse_type"] == kind
    replies = [
        message
        for message in provider.client.get("/_provider/messages").json()["messages"]
        if message["kind"] == "autoresponse"
    ]
    assert len(replies) == (1 if kind else 0)


def test_stop_blocks_later_sends_and_start_lifts_the_block(provider: Running) -> None:
    provider.control("inbound", **{"from": TEXTER}, text="STOP")
    blocked = provider.send(TEXTER)
    [error] = blocked.json()["errors"]
    assert (blocked.status_code, error["code"]) == (403, "40300")
    assert error["title"] == "Blocked due to STOP message"
    assert provider.send("+12025550124").status_code == 200
    provider.control("inbound", **{"from": TEXTER}, text="START")
    assert provider.send(TEXTER).status_code == 200


def test_opt_outs_can_be_listed(provider: Running) -> None:
    provider.control("inbound", **{"from": TEXTER}, text="quit")
    answer = provider.get("/v2/messaging_optouts")
    [row] = answer["data"]
    assert (row["from"], row["to"], row["keyword"]) == (OURS, TEXTER, "QUIT")
    assert answer["meta"]["total_results"] == 1
    assert provider.get("/v2/messaging_optouts", **{"filter[from]": "+12025550199"})["data"] == []


def test_an_inbound_text_can_be_read_back(provider: Running) -> None:
    answer = provider.control("inbound", **{"from": TEXTER}, text="Hi")
    assert provider.get(f"/v2/messages/{answer['message_id']}")["data"]["text"] == "Hi"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"from": " "},
        {"from": TEXTER, "autoresponse_type": 7},
        {"from": TEXTER, "to": TEXTER},
        {"from": TEXTER, "body": "Hi"},
    ],
)
def test_an_inbound_request_that_makes_no_sense_is_refused_with_a_reason(
    provider: Running, asked: dict[str, str]
) -> None:
    answer = provider.client.post("/_provider/inbound", json=asked)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_any_bytes_are_signed_and_posted_and_the_answer_is_printed(provider: Running, inbox: Inbox) -> None:
    raw = b'{"data": {"id": "\\ud800", "event_type": "message.received", "payload": {}}, "odd": "\xff"}'

    to_one = provider.client.post("/_provider/signed", params={"url": f"{inbox.url}/hook"}, content=raw)
    provider.control("profile", webhook_url=f"{inbox.url}/profile")
    to_the_profile = provider.client.post("/_provider/signed", content=raw)

    (first,), (second,) = inbox.at("/hook"), inbox.at("/profile")
    assert first.raw == second.raw == raw
    assert first.is_signed_with(provider.public_key)
    assert to_one.json()["http_status"] == to_the_profile.json()["http_status"] == 200


def test_bytes_that_reach_no_server_say_so(provider: Running) -> None:
    nowhere = provider.client.post("/_provider/signed", params={"url": "http://127.0.0.1:9/hook"}, content=b"x")
    provider.control("profile", webhook_url=None)
    to_nothing = provider.client.post("/_provider/signed", content=b"x")

    assert (nowhere.status_code, nowhere.json()) == (502, {"error": "ConnectError"})
    assert to_nothing.status_code == 400


@pytest.mark.parametrize("sender", ["40404", "ACME Inc", "12025550123", "optouts"])
def test_a_short_code_or_a_name_texts_too_and_is_not_answered(
    provider: Running, inbox: Inbox, sender: str
) -> None:
    provider.control("inbound", **{"from": sender}, text="STOP", webhook_url=f"{inbox.url}/hook")
    [hook] = inbox.wait(1)
    payload = hook.body["data"]["payload"]
    assert (payload["from"]["phone_number"], payload["autoresponse_type"]) == (sender, "STOP")
    kinds = [row["kind"] for row in provider.client.get("/_provider/messages").json()["messages"]]
    assert kinds == ["inbound"]


@pytest.mark.parametrize("said", ["HELP", "INFO", None])
def test_a_profile_with_keywords_of_its_own_reads_a_text_otherwise(
    provider: Running, inbox: Inbox, said: str | None
) -> None:
    provider.control(
        "inbound", **{"from": TEXTER}, text="STOP", autoresponse_type=said, webhook_url=f"{inbox.url}/hook"
    )
    [hook] = inbox.wait(1)
    assert hook.body["data"]["payload"]["autoresponse_type"] == said
