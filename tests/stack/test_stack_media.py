"""Pictures with a text, and the conversation with one person, over HTTP on the deployed stack."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.support.fakes.web import PICTURE

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]
THEM = "+12024010101"


class _Pictures(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved.png":
            self.send_response(302)
            self.send_header("Location", "/a.png")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "image/png" if self.path == "/a.png" else "text/html")
        self.send_header("Content-Length", str(len(PICTURE)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(PICTURE)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def pictures() -> Iterator[str]:
    """A server of pictures on this machine, which a stack of this machine may call."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pictures)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


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
