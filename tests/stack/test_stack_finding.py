"""Finding, counting and erasing over HTTP: page by page, each message once, and gone when it is asked for."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]


def pages(api: httpx.Client, **parameters: str) -> list[list[str]]:
    """The ids of each page of a search, to the last."""
    found: list[list[str]] = []
    cursor: str | None = None
    while not found or cursor:
        answer = api.get("/sms/messages", params={**parameters, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        found.append([row["message_id"] for row in answer.json()["messages"]])
        cursor = answer.json()["cursor"]
    return found


def queue(api: httpx.Client, number: str, text: str, **metadata: str) -> str:
    answer = api.post("/sms/queue", json={"to": number, "message": text, "metadata": metadata})
    assert answer.status_code == 202, answer.text
    ident: str = answer.json()["message_id"]
    return ident


def test_the_texts_of_a_campaign_come_page_by_page_each_once_and_are_counted(
    api: httpx.Client, eventually: Eventually
) -> None:
    tag = "spring sale, 50 %"
    ids = [queue(api, f"+130355501{n:02d}", "Hello", tag=tag) for n in range(10, 22)]

    eventually(lambda: sum(map(len, pages(api, tag=tag, limit="100"))) == len(ids))
    found = pages(api, tag=tag, limit="5")

    assert [ident for page in found for ident in page] == ids[::-1]
    assert [len(page) for page in found] == [5, 5, 2]

    def counted() -> bool:
        view = api.get("/sms/tags/spring%20sale%2C%2050%20%25").json()
        done = (view["tag"], view["counts"], view["total"], view["sent"], view["finishes_at"], view["paused"])
        return done == (tag, {"delivered": 12}, 12, 12, None, None)

    eventually(counted)
    assert pages(api, tag=tag, status="delivered", limit="12")[0] == ids[::-1]


def test_what_a_person_sent_and_what_they_got_are_found_apart_and_by_time(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    number = "+14045550100"
    sent = api.post("/sms/send", json={"to": number, "message": "Where are you?"}).json()["message_id"]
    said = provider.post("/_provider/inbound", json={"from": number, "text": "Here"}).json()["message_id"]

    eventually(lambda: pages(api, **{"from": number}) == [[said]])
    accepted_at = api.get(f"/sms/status/{sent}").json()["accepted_at"]

    assert pages(api, to=number) == [[sent]]
    assert pages(api, to=number, since=accepted_at) == [[sent]]
    assert pages(api, to=number, until=accepted_at) == [[]]
    assert sent in [ident for page in pages(api, since=accepted_at) for ident in page]


def test_a_cursor_of_another_search_is_refused(api: httpx.Client, eventually: Eventually) -> None:
    number = "+14155550100"
    for n in range(2):
        queue(api, number, f"text {n}")

    def cursor() -> str | None:
        found: str | None = api.get("/sms/messages", params={"to": number, "limit": "1"}).json()["cursor"]
        return found

    here = eventually(cursor)
    for other in ({"to": "+14155550101"}, {"from": number}, {"to": number, "status": "delivered"}):
        refused = api.get("/sms/messages", params={**other, "cursor": here})
        assert (refused.status_code, refused.json()["field"]) == (400, "cursor")
    assert api.get("/sms/messages", params={"to": number, "cursor": here}).status_code == 200


def test_a_search_that_makes_no_sense_names_what_is_wrong(api: httpx.Client, anyone: httpx.Client) -> None:
    for parameters, field in (({}, None), ({"to": "Bob"}, "to"), ({"limit": "0", "tag": "a"}, "limit")):
        answer = api.get("/sms/messages", params=parameters)
        assert (answer.status_code, answer.json().get("field")) == (400, field)
    assert api.post("/sms/messages").status_code == 405
    assert anyone.get("/sms/messages", params={"tag": "a"}).status_code == 403


def test_an_erased_person_is_gone_and_still_opted_out_and_what_waited_never_leaves(
    api: httpx.Client, provider: httpx.Client, anyone: httpx.Client, eventually: Eventually
) -> None:
    number = "+16175550100"
    said = provider.post("/_provider/inbound", json={"from": number, "text": "Hello"}).json()["message_id"]
    sent = api.post("/sms/send", json={"to": number, "message": "Hello"}).json()
    eventually(lambda: api.get(f"/sms/status/{sent['message_id']}").json().get("status") == "delivered")
    eventually(lambda: pages(api, **{"from": number}) == [[said]])
    waiting = [queue(api, number, f"text {n}") for n in range(8)]
    api.put(f"/sms/optouts/{number}")
    erased = 0

    def nothing_is_left() -> bool:
        nonlocal erased
        answer = api.delete(f"/sms/recipients/{number}").json()
        erased += answer["erased"]
        return bool(answer == {"erased": 0, "kept": 0, "remaining": False})

    eventually(nothing_is_left)

    assert erased == 10
    for ident in (said, sent["message_id"], sent["telnyx_id"], *waiting):
        assert api.get(f"/sms/status/{ident}").status_code == 404
    assert api.get(f"/sms/optouts/{number}").json()["opted_out"] is True
    # What had left can't be taken back, but once it is gone here nothing leaves any more.
    left = provider.get("/_provider/requests", params={"to": number}).json()["requests"]
    eventually(lambda: anyone.get("/health").json().get("queue_size") == 0)
    assert provider.get("/_provider/requests", params={"to": number}).json()["requests"] == left
    assert len(left) < 8


# ---------------------------------------------------------------------------------- senders that are no number


def say(api: httpx.Client, provider: httpx.Client, eventually: Eventually, **said: Any) -> dict[str, Any]:
    """An inbound text as it is kept."""
    ident = provider.post("/_provider/inbound", json=said).json()["message_id"]
    row: dict[str, Any] = eventually(
        lambda: (answer := api.get(f"/sms/status/{ident}")).status_code == 200 and answer.json()
    )
    return row


def opted_out(api: httpx.Client) -> list[list[str]]:
    """The numbers on each page of the list."""
    found: list[list[str]] = []
    cursor: str | None = None
    while not found or cursor:
        answer = api.get("/sms/optouts", params={"cursor": cursor} if cursor else {})
        assert answer.status_code == 200, answer.text
        found.append([row["number"] for row in answer.json()["optouts"]])
        cursor = answer.json()["cursor"]
    return found


def test_senders_of_every_kind_are_listed_looked_at_changed_found_and_erased(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    names = ["optouts", "40404", "ACME Inc", "50%off", "Étoile", "A&B?x=1", "a/b", "0123456"]
    codes = [f"7{number:04}" for number in range(100)]
    for sender in (*names, *codes):
        provider.post("/_provider/inbound", json={"from": sender, "text": "“REVOKE”"})

    eventually(lambda: {*names, *codes} <= {number for page in opted_out(api) for number in page})
    listed = opted_out(api)
    assert len(listed) >= 2
    assert sum(map(len, listed)) == len({number for page in listed for number in page})
    for name in names:
        # A gateway takes a slash that was escaped once for a part of the path.
        path = quote(name.replace("/", "%2F"), safe="")
        answers = [api.request(method, f"/sms/optouts/{path}") for method in ("GET", "DELETE", "PUT")]
        assert [answer.json()["opted_out"] for answer in answers] == [True, False, True], name
        assert len(pages(api, **{"from": name})[0]) == 1, name
        assert api.delete(f"/sms/recipients/{path}").json() == {"erased": 1, "kept": 0, "remaining": False}, name


def test_a_text_that_may_ask_for_an_end_is_found_and_a_word_that_revokes_is_applied(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    number = "+17185550100"
    texts = {"Please stop": "unclear", "STOP\nBob Example": "unclear", "Stop by at 5": None}
    read = {text: say(api, provider, eventually, **{"from": number, "text": text}) for text in texts}

    assert {text: row["opt_out"] for text, row in read.items()} == texts
    entry = api.get(f"/sms/optouts/{number}").json()
    assert (entry["opted_out"], len(entry["unclear"])) == (False, 2), entry
    unclear = [row["message_id"] for row in read.values() if row["opt_out"]]
    eventually(lambda: sorted(pages(api, opt_out="unclear", **{"from": number})[0]) == sorted(unclear))

    row = say(api, provider, eventually, **{"from": number, "text": "OPT OUT", "autoresponse_type": "HELP"})

    assert (row["opt_out"], row["autoresponse"]) == ("stop", "HELP")
    # The text is kept first, and then the word is written into the ledger.
    eventually(lambda: api.get(f"/sms/optouts/{number}").json().get("opted_out"))
    assert api.post("/sms/send", json={"to": number, "message": "Hello"}).status_code == 403


def test_what_was_cancelled_never_leaves_and_the_rest_does(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually
) -> None:
    number, tag = "+16175550101", "called off"
    ids = [queue(api, number, f"text {n}", tag=tag) for n in range(12)]

    one = api.delete(f"/sms/queue/{ids[10]}")
    again = api.delete(f"/sms/queue/{ids[10]}")
    found: list[dict[str, Any]] = []

    def all_are_over() -> bool:
        found.append(api.delete("/sms/queue", params={"tag": tag}).json())
        return bool(found[-1] == {"cancelled": 0, "too_late": 0, "cursor": None})

    eventually(all_are_over)

    assert (one.status_code, one.json()) == (200, {"message_id": ids[10], "status": "cancelled"})
    assert (again.status_code, again.json()) == (one.status_code, one.json())
    states = {ident: api.get(f"/sms/status/{ident}").json()["status"] for ident in ids}
    cancelled = [ident for ident, state in states.items() if state == "cancelled"]
    assert len(cancelled) == 1 + sum(call["cancelled"] for call in found) > 3
    left = provider.get("/_provider/requests", params={"to": number}).json()["requests"]
    assert [row["idempotency_key"] for row in left] == [ident for ident in ids if ident not in cancelled]
    late = api.delete(f"/sms/queue/{left[0]['idempotency_key']}")
    assert (late.status_code, late.json()["code"], late.json()["status"]) == (409, "too_late", "delivered")
    counts = {"cancelled": len(cancelled), "delivered": 12 - len(cancelled)}
    eventually(lambda: api.get("/sms/tags/called%20off").json()["counts"] == counts)
