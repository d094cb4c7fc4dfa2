"""Proves a deployed stack end to end: its gateway, two real texts, their receipts, their distance; then cleans up.

The provider's own test path is a text from one of your numbers to another of yours, which never leaves its
network.
"""

import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any

import httpx

from longcode.domain import phone
from longcode.use_cases.recipient_worker import LEAD_MS
from longcode_cli.problems import Problem
from longcode_cli.site import Site, described, outputs_of
from longcode_cli.target import Target

TAG = "smoke"
_WORDS = "Smoke test "
POLL_S = 0.5
# A key and a stage that were made a moment ago are refused for a while.
_KNOWN_AFTER_S = 120.0
TIMEOUT_S = 40.0
# The simulated provider delivers to it, and nobody's stack texts it otherwise.
EXAMPLE_NUMBER = "+12025550119"

_LOGS = "The logs are in the group /aws/lambda/<stack>-{}; locally, .local/logs/emulator.log."


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


def door(place: Site) -> httpx.Client:
    """The stack's API with its key, whoever asks; closed by the caller."""
    if place.local:
        url, key = place.local.api_url, place.local.api_key
    else:
        outputs = outputs_of(described(place))
        try:
            url, key_id = outputs["ApiUrl"], outputs["ApiKeyId"]
        except KeyError as exc:
            raise Problem(
                f"{place.name[:1].upper()}{place.name[1:]} says nothing of {exc.args[0]}.",
                "Is it a stack of this service, deployed to the end?",
            ) from exc
        key = place.client("apigateway").get_api_key(apiKey=key_id, includeValue=True)["value"]
    # The proxy of a workstation may stand between it and AWS, but never between it and itself.
    return httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=TIMEOUT_S, trust_env=place.local is None)


@dataclass
class Smoke:
    """One run, from `at`'s own number to `to`.

    `patience_s` is how long the texts may take to arrive. `watched` wraps each step, so that somebody can be told.
    """

    at: Target
    api: httpx.Client
    to: str
    patience_s: float
    watched: Callable[[str], AbstractContextManager[None]]
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    ids: list[str] = field(default_factory=list)
    left: Left | None = None
    sleep: Callable[[float], None] = time.sleep
    _counted: int = 0

    def run(self, told: Callable[[Step], None]) -> list[Step]:
        """Make each step until one fails, then clean up, whatever happened; `told` of each as it ends."""
        steps: list[Step] = []

        def make(name: str, work: Callable[[], str]) -> bool:
            steps.append(self._made(name, work))
            told(steps[-1])
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
            ("the queued text leaves its line", self._leaves),
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
        fields = _fields(answer)
        if answer.status_code != 200 or fields.get("status") != "healthy":
            raise Failed(_told(answer), "longcode queue says what it can see. " + _LOGS.format("health"))
        return f"{fields.get('queue_size')} wait{after}"

    def _known(self, call: Callable[[], httpx.Response]) -> tuple[httpx.Response, str]:
        """The answer of `call`, made again while a gateway on AWS may not know its stage or key yet.

        And how often it did not, in words.
        """
        patience = int(_KNOWN_AFTER_S / POLL_S) if self.at.place.endpoint_url is None else 0
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
            hint = "Is ApiUrl the address of this stack, and its key the key of it? " + _LOGS.format(route)
            self._refused(answer, 400, "invalid_request", hint)
            if _fields(answer).get("field") != "to":
                raise Failed(_told(answer), hint)
        return f"400, field to{waited}"

    def _unsigned(self) -> str:
        answer = self.api.post("/webhooks/message", json={"data": {}}, headers={"x-api-key": ""})
        hint = (
            "Whoever likes can tell this stack what became of its texts: stop, and look at the webhook function."
        )
        return self._refused(answer, 401, "invalid_signature", hint)

    @staticmethod
    def _refused(answer: httpx.Response, status: int, code: str, hint: str) -> str:
        if answer.status_code != status or _fields(answer).get("code") != code:
            raise Failed(f"It answers {_told(answer)}, not {status} {code}.", hint)
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
                fields = self._ok(self.api.get("/sms/messages", params=query), 200, _LOGS.format("messages"))
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
        fields = _fields(answer)
        if "message_id" in fields:
            self.ids.append(fields["message_id"])
        self._ok(answer, 200, _sending_hint(fields))
        return f"200, the provider says {fields['status']}"

    def _queue(self) -> str:
        answer = self.api.post(
            "/sms/queue", json=self._body("queued"), headers={"Idempotency-Key": f"smoke-{self.run_id}-queued"}
        )
        fields = self._ok(answer, 202, _LOGS.format("queue"))
        self.ids.append(fields["message_id"])
        held_by = f", held by {fields['held_by']}" if fields.get("held_by") else ""
        return f"202, number {fields['position']} in its line{held_by}"

    def _send_again(self) -> str:
        fields = self._ok(
            self._post_send(), 200, "Repeating a request may send a second text: " + _LOGS.format("send")
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
        if found["status"] in (
            "queued",
            "sending",
            "unknown",
            "failed",
            "suppressed",
            "cancelled",
            "expired_unsent",
        ):
            raise Failed(_became(found), _sending_hint(found))
        return f"{found['status']} at attempt {found['attempts']}"

    def _arrived(self) -> str:
        for ident in self.ids:
            found = self._until(ident, lambda fields: fields["status"] not in ("submitted", "sent", "unknown"))
            how = [entry["source"] for entry in found["history"] if entry["status"] == "delivered"]
            if found["status"] != "delivered":
                raise Failed(_became(found), _sending_hint(found))
            if "webhook" not in how:
                raise Failed(f"It was delivered, but {how[0] if how else 'nobody'} said so.", _WEBHOOKS)
        return f"{len(self.ids)} delivered"

    def _distance(self) -> str:
        sent, queued = (self.at.messages.get(ident) for ident in self.ids)
        if not sent or not queued or sent.claimed_ms is None or queued.claimed_ms is None:
            raise Failed("Their records are gone.", "Has somebody erased them meanwhile? Run it again.")
        # A queued text is claimed a moment before its slot, at which it leaves.
        apart = queued.claimed_ms + LEAD_MS - sent.claimed_ms
        if apart < self.at.pace.recipient_ms:
            raise Failed(
                f"They left {apart} ms apart; the interval is {self.at.pace.recipient_ms} ms.",
                "The limits table does not hold the pace: keep the two ids, and file it as a bug.",
            )
        return f"{apart} ms, of at least {self.at.pace.recipient_ms} ms"

    def _counts(self) -> str:
        deadline = time.monotonic() + self.patience_s
        while (found := self._delivered_of_tag()) < self._counted + len(self.ids):
            if time.monotonic() > deadline:
                raise Failed(
                    f"/sms/tags/{TAG} counts {found} delivered, not {self._counted + len(self.ids)}.",
                    "No event reaches your own systems either. " + _LOGS.format("publisher"),
                )
            time.sleep(POLL_S)
        return f"{found} delivered with the tag {TAG}"

    def _delivered_of_tag(self) -> int:
        fields = self._ok(self.api.get(f"/sms/tags/{TAG}"), 200, _LOGS.format("tags"))
        return int(fields["counts"].get("delivered", 0))

    def _until(self, ident: str, over: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The status of `ident` as soon as it is `over`, or as it is when patience ends."""
        deadline = time.monotonic() + self.patience_s
        while True:
            found = self._ok(self.api.get(f"/sms/status/{ident}"), 200, _LOGS.format("status"))
            if over(found) or time.monotonic() > deadline:
                return found
            time.sleep(POLL_S)

    @staticmethod
    def _ok(answer: httpx.Response, status: int, hint: str) -> dict[str, Any]:
        fields = _fields(answer)
        if answer.status_code != status:
            raise Failed(_told(answer), hint)
        return fields

    # -------------------------------------------------------------------------------------- afterwards

    def _clean_up(self) -> str:
        erased, ours = 0, ""
        # Where both numbers are on one profile, the provider hands our own texts back, as inbound from ourselves.
        for number in (self.to, self.at.sender):
            match self._found(number):
                case _Found.SMOKE:
                    answer = self.api.delete(f"/sms/recipients/{number}")
                    erased += self._ok(answer, 200, _LOGS.format("recipients"))["erased"]
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


_WEBHOOKS = (
    "The provider's webhooks do not come through: is WebhookUrl (or the profile's address) this stack's, and "
    "TelnyxPublicKey the account's key? Look for 401s: " + _LOGS.format("webhook")
)


# Any: JSON of the API.
def _fields(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _told(answer: httpx.Response) -> str:
    fields = _fields(answer)
    provider = fields.get("provider") or {}
    why = " ".join(str(provider[name]) for name in ("code", "title") if provider.get(name))
    said = f"{fields.get('code', '')}: {fields.get('error', answer.text[:80])}" if fields else answer.text[:80]
    return f"{answer.status_code} {said}" + (f" The provider: {why}." if why else "")


def _became(found: dict[str, Any]) -> str:
    errors = "; ".join(f"{error.get('code', '')} {error.get('title', '')}".strip() for error in found["errors"])
    return f"The text is {found['status']}" + (f": {errors}." if errors else ".")


_HINTS = {
    "provider_unauthorized": "Deploy with a valid TelnyxApiKey. longcode queue says what waits meanwhile.",
    "recipient_opted_out": "That number sent STOP: text START from it, or take another number of yours.",
    "sending_stopped": "longcode queue says why; longcode resume [--breaker] once it is mended.",
    "submitted": "No receipt came yet. " + _WEBHOOKS,
    "sent": "The provider passed it on, and nothing more came: try again with more --patience. " + _WEBHOOKS,
    "queued": "longcode queue says what it waits for. " + _LOGS.format("consumer"),
    "sending": "Its invocation died, or still runs. " + _LOGS.format("consumer"),
    "unknown": "Nobody knows whether the provider took it. The service finds out: longcode status ID.",
}


def _sending_hint(fields: dict[str, Any]) -> str:
    explained = [(error.get("explanation") or {}).get("next") for error in fields.get("errors") or []]
    explained.append(((fields.get("provider") or {}).get("explanation") or {}).get("next"))
    key = str(fields.get("code") or fields.get("status") or "")
    said = next(filter(None, explained), None)
    return str(said or _HINTS.get(key) or "docs/errors.md has what each error means and what to do.")


def number(given: str | None, *, on_this_machine: bool, sender: str) -> str:
    """The number to text. Raises Problem where there is none, or it is no number of somebody else's."""
    if given is None:
        if on_this_machine:
            return EXAMPLE_NUMBER
        raise Problem(
            "Which number shall be texted?",
            "Give a second Telnyx number of yours: --to +12025550123, or make smoke TO=+12025550123.",
        )
    if not phone.is_e164(given):
        raise Problem("--to must be one number in E.164 format, as +12025550100.", "Nothing was sent.")
    if given == sender:
        raise Problem("--to is the number that texts leave from.", "Give a second number of yours.")
    return given
