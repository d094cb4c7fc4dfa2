"""Events of the deployed stack at a receiver of this machine: verified, in order, after it was down, replayed."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]
ALL = "/webhooks/subscriptions"
STATUSES = ["queued", "sending", "submitted", "sent", "delivered"]


class Receiver:
    """A receiver that answers 503 while it is down, and keeps what it verified, by the library of the standard."""

    def __init__(self) -> None:
        self.down = True
        self.ident = ""
        self.secret = ""
        self.refused = 0
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.odd: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(receiver.answer(dict(self.headers.items()), body))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/sms"

    def answer(self, headers: dict[str, str], body: bytes) -> int:
        if self.down:
            self.refused += 1
            return 503
        try:
            event = Webhook(self.secret).verify(body, headers)
        except Exception as exc:
            self.odd.append(repr(exc))
            return 400
        lower = {name.lower(): value for name, value in headers.items()}
        self.taken.append((lower["webhook-id"], event))
        return 204

    def statuses(self, message_id: str) -> list[str]:
        """What it took of a text, in the order of its coming, each id once."""
        mine = {ident: event["data"] for ident, event in self.taken if event["data"]["message_id"] == message_id}
        return [data["status"] for data in mine.values()]


@pytest.fixture
def receiver(api: httpx.Client) -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,))
    thread.start()
    answer = api.post(ALL, json={"url": made.url, "events": ["sms.status_changed"]})
    assert answer.status_code == 201, answer.text
    made.secret = answer.json()["secret"]
    made.ident = answer.json()["id"]
    yield made
    api.delete(f"{ALL}/{answer.json()['id']}")
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_a_receiver_that_was_down_has_all_of_it_in_order_and_again_when_it_asks(
    api: httpx.Client, receiver: Receiver, eventually: Eventually
) -> None:
    ident = receiver.ident
    # The publisher knows the subscription for sure when it reads them anew.
    time.sleep(10.5)
    numbers = [f"+1202555018{digit}" for digit in range(3)]
    texts = [
        api.post("/sms/queue", json={"to": number, "message": "Hello", "metadata": {"order": number[-4:]}}).json()[
            "message_id"
        ]
        for number in numbers
    ]
    eventually(lambda: receiver.refused >= 3)
    waiting = api.get(f"{ALL}/{ident}/deliveries", params={"state": "retrying"}).json()["deliveries"]
    assert waiting[0]["attempts"][0]["status"] == 503
    eventually(lambda: api.get(f"{ALL}/{ident}").json()["failing_since"])
    receiver.down = False
    eventually(lambda: all(receiver.statuses(text) == STATUSES for text in texts))

    assert receiver.odd == []
    details = {event["data"]["message_id"]: event["data"] for _, event in receiver.taken}
    assert [details[text]["to"] for text in texts] == numbers
    assert [details[text]["metadata"]["order"] for text in texts] == [number[-4:] for number in numbers]
    assert "Hello" not in json.dumps(receiver.taken)
    eventually(lambda: api.get(f"{ALL}/{ident}").json()["failing_since"] is None)
    page = api.get(f"{ALL}/{ident}/deliveries", params={"limit": "100"}).json()
    rows = [row for row in page["deliveries"] if row["message_id"] in texts]
    assert {row["state"] for row in rows} == {"delivered"}
    assert len(rows) == len(STATUSES) * len(texts)

    before = len(receiver.taken)
    one = next(name for name, event in receiver.taken if event["data"]["message_id"] == texts[0])
    assert api.post(f"{ALL}/{ident}/replay", json={"event_ids": [one]}).json()["replayed"] == 1
    eventually(lambda: len(receiver.taken) > before)
    assert receiver.taken[-1][0] == one
    now = datetime.now(UTC)
    asked = {"since": (now - timedelta(hours=1)).isoformat(), "until": (now + timedelta(hours=1)).isoformat()}
    again = api.post(f"{ALL}/{ident}/replay", json=asked)
    assert again.status_code == 202, again.text
    assert again.json()["replayed"] >= len(rows)
    # Of a person who was erased nothing is sent once more.
    assert api.delete(f"/sms/recipients/{numbers[0]}").json()["erased"] == 1
