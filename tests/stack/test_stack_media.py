"""Pictures with a text, and the conversation with one person, over HTTP on the deployed stack."""

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.stack.pictures import serving
from tests.support.fakes.web import PICTURE

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]
THEM = "+12024010101"


@pytest.fixture(scope="module")
def pictures() -> Iterator[str]:
    with serving() as url:
        yield url


def test_a_picture_leaves_as_an_mms_and_its_answer_joins_it_in_the_thread(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually, pictures: str
) -> None:
    url = f"{pictures}/a.png"
    for route, status in (("/sms/send", 200), ("/sms/queue", 202)):
        answer = api.post(route, json={"to": THEM, "message": "Look", "media_urls": [url]})
        assert answer.status_code == status, answer.text
    ident = answer.json()["message_id"]
    eventually(lambda: api.get(f"/sms/status/{ident}").json()["status"] in ("submitted", "sent", "delivered"))
    rows = provider.get("/_provider/messages", params={"to": THEM}).json()["messages"]
    assert [(row["type"], row["media"]) for row in rows] == [("MMS", [url])] * 2

    inbound = {"from": THEM, "text": "Nice", "media_urls": ["https://media.example/theirs.png"]}
    assert provider.post("/_provider/inbound", json=inbound).is_success

    def thread() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = api.get("/sms/threads/%2B12024010101").json()["messages"]
        return found

    eventually(lambda: len(thread()) == 3)
    assert [(row["direction"], row["text"]) for row in thread()] == [
        ("inbound", "Nice"),
        ("outbound", "Look"),
        ("outbound", "Look"),
    ]
    assert thread()[0]["media"][0]["url"] == "https://media.example/theirs.png"
    assert thread()[1]["media_urls"] == [url]


def test_what_is_no_picture_or_leads_inside_is_refused_and_nothing_is_stored(
    api: httpx.Client, pictures: str
) -> None:
    cases = [
        f"{pictures}/page",
        f"{pictures}/moved.png",
        "http://127.0.0.1:1/a.png",
        "http://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/a.png",
    ]
    for url in cases:
        answer = api.post("/sms/queue", json={"to": "+12024010102", "message": "Look", "media_urls": [url]})
        assert (answer.status_code, answer.json()["field"]) == (400, "media_urls[0]"), url
    assert api.get("/sms/threads/%2B12024010102").json()["messages"] == []


def test_what_a_person_sends_is_in_the_bucket_within_a_minute_and_goes_with_the_person(
    api: httpx.Client, provider: httpx.Client, eventually: Eventually, pictures: str
) -> None:
    them = "+12024010102"
    urls = [f"{pictures}/a.png", f"{pictures}/page", f"{pictures}/moved.png"]
    began = time.monotonic()
    inbound = {"from": them, "text": "Look", "media_urls": urls}
    assert provider.post("/_provider/inbound", json=inbound).is_success

    def media() -> list[dict[str, Any]]:
        found = api.get(f"/sms/threads/{quote(them)}").json()["messages"]
        return found[0]["media"] if found else []

    # What redirects is tried again for hours.
    eventually(lambda: [row.get("stored") for row in media()] == [True, False, None], 60)
    assert time.monotonic() - began < 60
    picture, page, _ = media()
    assert (picture["sha256"], picture["size"]) == (hashlib.sha256(PICTURE).hexdigest(), str(len(PICTURE)))
    assert "type" in page["problem"]
    saved = httpx.get(picture["download_url"], trust_env=False)
    assert (saved.status_code, saved.content) == (200, PICTURE)
    assert saved.headers["content-type"] == "image/png"

    assert api.delete(f"/sms/recipients/{quote(them)}").json()["erased"] == 1

    assert httpx.get(picture["download_url"], trust_env=False).status_code == 404
    assert media() == []
