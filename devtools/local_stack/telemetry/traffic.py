"""A minute of varied traffic: lines, failures, people who text back, and callers who get it wrong."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator

import httpx

from devtools.local_stack.demo import AREA_CODES, number_of
from devtools.local_stack.layout import Stack
from devtools.local_stack.problems import LocalError

PEOPLE = tuple(f"01{number:02d}" for number in range(1, 13))
# What becomes of these the simulated provider knows by their last digits (`python -m devtools.telnyx_simulator
# --help`).
TROUBLED = ("0130", "0131", "0140", "0140", "0141", "0144", "0145", "0146", "0150", "0151", "0154", "0158")
SLOW = ("0164", "0171", "0175", "0176")
EVERY_S = 0.3


class Traffic:
    """Calls the stack's API as its users would."""

    def __init__(self, stack: Stack, seed: int = 4711) -> None:
        self._stack = stack
        self._dice = random.Random(seed)
        # What an earlier run left in a recipient queue does not hold up this one.
        self._area_code = random.choice(AREA_CODES)
        self._sent: list[str] = []
        self._api = httpx.Client(
            base_url=stack.api_url, headers={"x-api-key": stack.api_key}, timeout=40, trust_env=False
        )

    def run(self, seconds: float) -> None:
        """Go on for so long. Raises LocalError if the API does not take even the first text."""
        with self._api:
            self._go_on(seconds)

    def _go_on(self, seconds: float) -> None:
        begun = time.monotonic()
        try:
            self._text("queue", PEOPLE[0]).raise_for_status()
        except httpx.HTTPError as exc:
            raise LocalError(f"The API takes no text: {exc}", hint="make up") from exc
        kinds: list[tuple[int, Callable[[], object]]] = [
            (36, lambda: self._text("queue", self._dice.choice(PEOPLE))),
            (12, lambda: self._text("send", self._dice.choice(PEOPLE))),
            (16, lambda: self._text("queue", self._dice.choice(TROUBLED))),
            (3, lambda: self._text("queue", self._dice.choice(SLOW))),
            (5, self._repeat),
            (10, self._look),
            (6, self._text_back),
            (5, lambda: self._api.get("/health")),
            (4, self._get_it_wrong),
            (2, self._forge),
        ]
        weights = [weight for weight, _ in kinds]
        while (passed := time.monotonic() - begun) < seconds:
            # A rush in the middle.
            for _ in range(4 if 0.4 < passed / seconds < 0.5 else 1):
                (kind,) = self._dice.choices(kinds, weights)
                # What does not answer on a busy machine is part of the picture.
                with contextlib.suppress(httpx.HTTPError):
                    kind[1]()
            time.sleep(self._dice.uniform(0.3, 1.7) * EVERY_S)

    def _repeat(self) -> None:
        who, key = self._dice.choice(PEOPLE), f"order-{self._dice.randrange(1_000_000)}"
        for _ in range(2):
            self._text("queue", who, key)

    def _text(self, via: str, who: str, key: str | None = None) -> httpx.Response:
        body = {
            "to": number_of(who, self._area_code),
            "message": "Your parcel comes today",
            "metadata": {"tag": "parcels"},
        }
        headers = {"idempotency-key": key} if key else None
        answer = self._api.post(f"/sms/{via}", json=body, headers=headers)
        if not answer.is_error and "message_id" in answer.json():
            self._sent.append(answer.json()["message_id"])
        return answer

    def _look(self) -> None:
        self._api.get(f"/sms/status/{self._dice.choice(self._sent[-20:])}")

    def _text_back(self) -> None:
        words = self._dice.choice(("Thanks!", "When does it come?", "STOP", "Stop, will you", "START"))
        who = number_of(self._dice.choice(("0120", "0121", "0122")), self._area_code)
        if self._stack.simulator_url:
            url = f"{self._stack.simulator_url}/_provider/inbound"
            httpx.post(url, json={"from": who, "text": words}, timeout=10, trust_env=False)

    def _get_it_wrong(self) -> None:
        if self._dice.random() < 0.5:
            self._api.post("/sms/send", json={"to": "12", "message": "Hello"})
        else:
            self._api.get("/sms/status/of-nothing")

    def _forge(self) -> None:
        self._api.post("/webhooks/message", json={"data": {"event_type": "message.received"}})


@contextlib.contextmanager
def watched(stack: Stack) -> Iterator[None]:
    """Look at the console's dashboard while the block runs, as a page does that is open."""
    over = threading.Event()

    def look() -> None:
        url = f"{stack.console_url}/api/dashboard?range=15m"
        # Without it the queues' charts are empty, and that is all.
        with contextlib.suppress(httpx.HTTPError), httpx.stream("GET", url, timeout=30, trust_env=False) as answer:
            for _ in answer.iter_lines():
                if over.is_set():
                    return

    threading.Thread(target=look, daemon=True).start()
    try:
        yield
    finally:
        over.set()
