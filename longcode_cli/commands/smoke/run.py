"""The steps of a smoke test: the gateway, two real texts, their receipts, their distance; then it cleans up."""

import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any

import httpx

from longcode.use_cases.recipient_worker import LEAD_MS
from longcode_cli.commands.smoke.answers import LOGS, WEBHOOKS, became, fields_of, in_words, sending_hint
from longcode_cli.stack import Stack

TAG = "smoke"
_WORDS = "Smoke test "
POLL_S = 0.5
# A key and a stage that were made a moment ago are refused for a while.
_KNOWN_AFTER_S = 120.0
# Statuses of a text that has not left, or did not get to leave.
_NOT_SENT = ("queued", "sending", "unknown", "failed", "suppressed", "cancelled", "expired_unsent")


@dataclass(frozen=True, slots=True)
class Step:
    """One step that was made: what it proved or how it failed, and what to do then."""

    name: str
    ok: bool
    took_s: float
    said: str
    hint: str = ""


class _Found(Enum):
    """What is stored of the messages with a number."""

    NOTHING = auto()
    SMOKE = auto()
    OTHERS = auto()


class Failed(Exception):
    """A step did not come to what it should; `hint` is what to do."""

    def __init__(self, said: str, hint: str) -> None:
        super().__init__(said)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Left:
    """What stays behind: the message ids, and why nothing was erased."""

    ids: list[str]
    why: str


@dataclass
class Smoke:
    """One run, from the stack's own number to `to`.

    A text between two numbers of one account never leaves the provider's network. `patience_s` is how long the
    texts may take to arrive. `watched` wraps each step, to show that it runs.
    """

    stack: Stack
    api: httpx.Client
    to: str
    patience_s: float
    watched: Callable[[str], AbstractContextManager[object]]
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    ids: list[str] = field(default_factory=list)
    left: Left | None = None
    sleep: Callable[[float], None] = time.sleep
    _counted: int = 0

    def run(self, report: Callable[[Step], None]) -> list[Step]:
        """Make each step until one fails, then clean up, whatever happened; `report` is given each as it ends."""
        steps: list[Step] = []

        def make(name: str, work: Callable[[], str]) -> bool:
            steps.append(self._made(name, work))
            report(steps[-1])
            return steps[-1].ok

        try:
            for name, work in self._plan():
                if not make(name, work):
                    break
        finally:
            # Also after an interruption: the texts are there all the same.
            if self.ids:
                make("cleaned up", self._clean_up)
        return steps

    def _plan(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("GET /health", self._health),
            ("a request without a key is refused", self._no_key),
            ("bad input is refused by its field", self._bad_input),
            ("an unsigned webhook is refused", self._unsigned),
            ("what is stored about that number", self._look_before),
            ("POST /sms/send", self._send),
            ("POST /sms/queue", self._queue),
            ("the same send again is no second text", self._send_again),
            ("the queued text leaves the queue", self._leaves),
            ("both arrived, by signed webhook", self._arrived),
            ("they kept their distance", self._distance),
            ("the table's stream counted them", self._counts),
        ]

    def _made(self, name: str, work: Callable[[], str]) -> Step:
        began = time.monotonic()
        with self.watched(name):
            try:
                said, hint, ok = work(), "", True
            except Failed as exc:
                said, hint, ok = str(exc), exc.hint, False
            except httpx.HTTPError as exc:
                said, ok = f"The API does not answer: {exc or type(exc).__name__}", False
                hint = "Check the network and the address; locally, make up."
        return Step(name, ok, time.monotonic() - began, said, hint)

    # ------------------------------------------------------------------------------------- the gateway

    def _health(self) -> str:
        answer, after = self._known(lambda: self.api.get("/health"))
        fields = fields_of(answer)
        if answer.status_code != 200 or fields.get("status") != "healthy":
            raise Failed(in_words(answer), "longcode queue says what it can see. " + LOGS.format("health"))
        return f"{fields.get('queue_size')} wait{after}"

    def _known(self, call: Callable[[], httpx.Response]) -> tuple[httpx.Response, str]:
        """The answer of `call`, made again while a gateway on AWS may not know its stage or key yet.

        And how often it did not, in words.
        """
        patience = int(_KNOWN_AFTER_S / POLL_S) if self.stack.local is None else 0
        for refusals in range(patience + 1):
            answer = call()
            if answer.status_code not in (403, 404):
                break
            if refusals < patience:
                self.sleep(POLL_S)
        after = f", {refusals * POLL_S:.0f} s after the first try: the gateway was new" if refusals else ""
        return answer, after

    def _no_key(self) -> str:
        answer = self.api.get("/sms/messages", params={"to": self.to}, headers={"x-api-key": ""})
        return self._refused(
            answer, 403, "forbidden", "The API lets in who has no key: look at Auth in template.yaml."
        )

    def _bad_input(self) -> str:
        # Both routes, which starts the functions behind them: two texts must come close to show their distance.
        waited = ""
        for route in ("send", "queue"):
            bad = self.api.build_request("POST", f"/sms/{route}", json={"to": "12", "message": "never sent"})
            answer, after = self._known(partial(self.api.send, bad))
            waited = waited or after
            hint = "Is ApiUrl the address of this stack, and its key the key of it? " + LOGS.format(route)
            self._refused(answer, 400, "invalid_request", hint)
            if fields_of(answer).get("field") != "to":
                raise Failed(in_words(answer), hint)
        return f"400, field to{waited}"

    def _unsigned(self) -> str:
        answer = self.api.post("/webhooks/message", json={"data": {}}, headers={"x-api-key": ""})
        hint = "Anyone can report to this stack what became of its texts: stop, and look at the webhook function."
        return self._refused(answer, 401, "invalid_signature", hint)

    @staticmethod
    def _refused(answer: httpx.Response, status: int, code: str, hint: str) -> str:
        if answer.status_code != status or fields_of(answer).get("code") != code:
            raise Failed(f"It answers {in_words(answer)}, not {status} {code}.", hint)
        return f"{status} {code}"

    # --------------------------------------------------------------------------------------- the texts

    def _look_before(self) -> str:
        self._counted = self._delivered_of_tag()
        if self._found(self.to) is _Found.OTHERS:
            return "other messages, so nothing will be erased"
        return "nothing but smoke tests"

    def _found(self, number: str) -> "_Found":
        """What is stored of the messages with `number`, both ways."""
        found = _Found.NOTHING
        for direction in ("to", "from"):
            cursor: str | None = ""
            while cursor is not None:
                query = {direction: number, "limit": "100"} | ({"cursor": cursor} if cursor else {})
                fields = self._ok(self.api.get("/sms/messages", params=query), 200, LOGS.format("messages"))
                for row in fields["messages"]:
                    if not _is_smoke(row):
                        return _Found.OTHERS
                    found = _Found.SMOKE
                cursor = fields["cursor"]
        return found

    def _body(self, what: str) -> dict[str, Any]:
        return {
            "to": self.to,
            "message": f"{_WORDS}{self.run_id}: {what}. No answer is needed.",
            "metadata": {"tag": TAG, "run": self.run_id},
        }

    def _post_send(self) -> httpx.Response:
        return self.api.post(
            "/sms/send", json=self._body("sent"), headers={"Idempotency-Key": f"smoke-{self.run_id}"}
        )

    def _send(self) -> str:
        answer = self._post_send()
        fields = fields_of(answer)
        if "message_id" in fields:
            self.ids.append(fields["message_id"])
        self._ok(answer, 200, sending_hint(fields))
        return f"200, the provider says {fields['status']}"

    def _queue(self) -> str:
        answer = self.api.post(
            "/sms/queue", json=self._body("queued"), headers={"Idempotency-Key": f"smoke-{self.run_id}-queued"}
        )
        fields = self._ok(answer, 202, LOGS.format("queue"))
        self.ids.append(fields["message_id"])
        held_by = f", held by {fields['held_by']}" if fields.get("held_by") else ""
        return f"202, number {fields['position']} for its recipient{held_by}"

    def _send_again(self) -> str:
        fields = self._ok(
            self._post_send(), 200, "Repeating a request may send a second text: " + LOGS.format("send")
        )
        if fields["message_id"] != self.ids[0]:
            self.ids.append(fields["message_id"])
            raise Failed(
                "It is another message.", "Repeating a request sends a second text: stop, and look at send."
            )
        return "200, the same message_id"

    def _leaves(self) -> str:
        found = self._until(self.ids[1], lambda fields: fields["status"] not in ("queued", "sending"))
        # Whether it arrives is the next step's.
        if found["status"] in _NOT_SENT:
            raise Failed(became(found), sending_hint(found))
        return f"{found['status']} at attempt {found['attempts']}"

    def _arrived(self) -> str:
        for ident in self.ids:
            found = self._until(ident, lambda fields: fields["status"] not in ("submitted", "sent", "unknown"))
            how = [entry["source"] for entry in found["history"] if entry["status"] == "delivered"]
            if found["status"] != "delivered":
                raise Failed(became(found), sending_hint(found))
            if "webhook" not in how:
                raise Failed(f"It was delivered, but {how[0] if how else 'no record'} said so.", WEBHOOKS)
        return f"{len(self.ids)} delivered"

    def _distance(self) -> str:
        sent, queued = (self.stack.messages.get(ident) for ident in self.ids)
        if not sent or not queued or sent.claimed_ms is None or queued.claimed_ms is None:
            raise Failed("Their records are gone.", "Were they erased meanwhile? Run it again.")
        # A queued text is claimed a moment before its slot, at which it leaves.
        apart = queued.claimed_ms + LEAD_MS - sent.claimed_ms
        if apart < self.stack.pace.recipient_ms:
            raise Failed(
                f"They left {apart} ms apart; the interval is {self.stack.pace.recipient_ms} ms.",
                "The limits table does not hold the pace: keep the two ids, and file it as a bug.",
            )
        return f"{apart} ms, of at least {self.stack.pace.recipient_ms} ms"

    def _counts(self) -> str:
        deadline = time.monotonic() + self.patience_s
        while (found := self._delivered_of_tag()) < self._counted + len(self.ids):
            if time.monotonic() > deadline:
                raise Failed(
                    f"/sms/tags/{TAG} counts {found} delivered, not {self._counted + len(self.ids)}.",
                    "No event reaches your own systems either. " + LOGS.format("publisher"),
                )
            time.sleep(POLL_S)
        return f"{found} delivered with the tag {TAG}"

    def _delivered_of_tag(self) -> int:
        fields = self._ok(self.api.get(f"/sms/tags/{TAG}"), 200, LOGS.format("tags"))
        return int(fields["counts"].get("delivered", 0))

    def _until(self, ident: str, over: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The status of `ident` as soon as it is `over`, or as it is when patience ends."""
        deadline = time.monotonic() + self.patience_s
        while True:
            found = self._ok(self.api.get(f"/sms/status/{ident}"), 200, LOGS.format("status"))
            if over(found) or time.monotonic() > deadline:
                return found
            time.sleep(POLL_S)

    @staticmethod
    def _ok(answer: httpx.Response, status: int, hint: str) -> dict[str, Any]:
        fields = fields_of(answer)
        if answer.status_code != status:
            raise Failed(in_words(answer), hint)
        return fields

    # -------------------------------------------------------------------------------------- afterwards

    def _clean_up(self) -> str:
        erased, ours = 0, ""
        # Where both numbers are on one profile, the provider hands our own texts back, as inbound from ourselves.
        for number in (self.to, self.stack.sender):
            match self._found(number):
                case _Found.SMOKE:
                    answer = self.api.delete(f"/sms/recipients/{number}")
                    erased += self._ok(answer, 200, LOGS.format("recipients"))["erased"]
                case _Found.OTHERS if number == self.to:
                    self.left = Left(
                        list(self.ids), "there are other messages with that number, which would go too"
                    )
                    return f"nothing was erased: {self.left.why}"
                case _Found.OTHERS:
                    ours = "; what came back to our own number stays, as there are other messages from it"
        # A text that is being sent, or in doubt, keeps its record: without it, it could leave twice.
        still = [ident for ident in self.ids if self.api.get(f"/sms/status/{ident}").status_code != 404]
        if still:
            self.left = Left(still, "being sent or in doubt, and without its record a text could leave twice")
            return f"{erased} erased, {len(still)} left: {self.left.why}{ours}"
        return f"{erased} erased{ours}"


def _is_smoke(row: dict[str, Any]) -> bool:
    """Whether a message is a smoke test's: ours by its tag, one that came back to us by its words."""
    if row["direction"] == "outbound":
        return (row.get("metadata") or {}).get("tag") == TAG
    return str(row.get("text") or "").startswith(_WORDS)
