"""A provider in memory: what it took, what it said, and when it heard of it.

It answers with HTTP statuses and Telnyx's JSON, which `longcode.telnyx` reads as it reads the real one's.
"""

import json
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from longcode.domain.campaign import CampaignFacts
from longcode.domain.carriers import Subscription
from longcode.domain.errors import Unavailable
from longcode.domain.message import Fault, Message
from longcode.domain.outcomes import Answer, Record, Verdict
from longcode.telnyx import carriers, protocol
from longcode.telnyx.payload import STATUSES
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.fault_injector import Failure, FaultInjector

FINAL = ("delivered", "sending_failed", "delivery_failed", "delivery_unconfirmed", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the provider does with one request.

    `takes`: the text goes out, whatever is answered. `status` None: no answer comes, and `reached` says whether
    the request left at all. `word` is the status in a good answer, and `fields` are further ones of it. `dies`
    kills the worker before it has read the answer.
    """

    takes: bool = True
    status: int | None = 200
    code: str = ""
    title: str = ""
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    word: str = "queued"
    fields: Mapping[str, object] = field(default_factory=dict)
    reached: bool = True
    latency_ms: int | None = None
    # How much of the latency passes before the request arrives.
    way_ms: int = 0
    dies: Failure | None = None


def refuses(status: int, code: str = "", title: str = "", detail: str = "", **headers: str) -> Behaviour:
    """An error answer; nothing is sent. `retry_after="7"` is the header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Behaviour(takes=False, status=status, code=code, title=title, detail=detail, headers=named)


# What answers say of our registration, as the API has it.
REGISTERED: dict[str, Any] = {
    "tcr_campaign_id": "C751C6A",
    "tcr_campaign_billable": True,
    "tcr_campaign_registered": "REGISTERED",
}
UNREGISTERED: dict[str, Any] = {
    "tcr_campaign_id": None,
    "tcr_campaign_billable": False,
    "tcr_campaign_registered": None,
}

ACCEPTS = Behaviour()
ACCEPTS_AND_HANGS = Behaviour(status=None, latency_ms=10_000)
HANGS = Behaviour(takes=False, status=None, latency_ms=10_000)
ACCEPTS_THEN_500 = Behaviour(status=500, code="10007", title="Unexpected error")
ACCEPTS_THEN_DROPS = Behaviour(status=None, latency_ms=20)
ACCEPTS_AND_GARBLES = Behaviour(body=b'{"data": {"id": "40385f64-57')
FAILS_500 = refuses(500, "10007", "Unexpected error")
UNREACHABLE = Behaviour(takes=False, status=None, reached=False, latency_ms=3_000)
RATE_LIMITED = refuses(429, "10011", "Too many requests", retry_after="3")
OVERLOADED = refuses(503, "10037", "Service temporarily unavailable")
SLOW = Behaviour(latency_ms=8_000)
OPTED_OUT = refuses(403, "40300", "Blocked due to STOP message", "The recipient has opted out.")
BAD_KEY = refuses(401, "10009", "Authentication failed", "The API key looks malformed.")
NO_FUNDS = refuses(402, "20100", "Insufficient funds")
SPEND_LIMIT = refuses(429, "40333", "Daily spend limit reached")
NO_SUCH_NUMBER = refuses(400, "40310", "Invalid 'to' address")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the provider saw it. `took`: it led to a text going out that had not gone out before."""

    arrived_ms: int
    key: str
    recipient: str
    body: bytes
    took: bool
    status: int | None


@dataclass
class Text:
    """A text that the provider has taken."""

    telnyx_id: str
    key: str
    recipient: str
    sender: str
    text: str
    body: bytes
    webhook_url: str
    taken_ms: int
    status: str = "queued"
    faults: tuple[Fault, ...] = ()
    # How it ends, and why: what its last receipt is to say.
    ends: str = "delivered"
    ends_for: tuple[Fault, ...] = ()
    # The recipient's `carrier` and `line_type` in its answer and receipts, empty where they name none.
    network: Mapping[str, str] = field(default_factory=dict)


# Of a number or a message id: with which fault its texts are refused, until when, and by what that is said.
type _Refusal = tuple[Fault, int | None, Literal["answer", "receipt"]]


class FakeProvider:
    """ports.Provider that behaves as planned, and keeps a record.

    Behaviours are taken in turn: those for the message id, then those for the recipient, then those for everybody,
    then `usual`. With `honours_keys` a key that led to a text leads to the same answer and to no second text.
    """

    def __init__(
        self,
        clock: FakeClock,
        *,
        latency_ms: int = 40,
        honours_keys: bool = True,
        shows_queued: bool = True,
        sender: str = "",
    ) -> None:
        self.faults = FaultInjector("prepare", "send", "record_of", "campaign", "lookup")
        self.requests: list[Request] = []
        self.texts: list[Text] = []
        self.usual = ACCEPTS
        self.honours_keys = honours_keys
        # Whether the records can be read at all.
        self.records_readable = True
        # Whether the detail records show a message that is still queued (the real ones do not).
        self.shows_queued = shows_queued
        self.latency_ms = latency_ms
        # How many requests of a second it takes; those above are refused with 429.
        self.takes_a_second: int | None = None
        # By number the name of its carrier, and its line type, as answers, receipts and lookups have them. Of one
        # that is not here they have none; with `silent` answers and receipts never do.
        self.carriers: dict[str, tuple[str, str]] = {}
        self.silent = False
        # The numbers that were looked up.
        self.lookups: list[str] = []
        # Called with each text that goes out: what reports on it to us starts from there.
        self.on_taken: Callable[[Text], None] = lambda _text: None
        # What it knows of the campaign of our number, and what its good answers say of that.
        self.facts = CampaignFacts(0)
        self.registration: Mapping[str, Any] = {}
        self._clock = clock
        # The first text that went out for each message id.
        self._first: dict[str, Text] = {}
        self._next: deque[Behaviour] = deque()
        self._for: dict[str, deque[Behaviour]] = {}
        self._refused: dict[str, _Refusal] = {}

    # ---------------------------------------------------------------------------------- the scripting

    def then(self, *behaviours: Behaviour, to: str | None = None) -> None:
        """What it does next: for everybody, or for `to`, a message id or a recipient's number."""
        (self._next if to is None else self._for.setdefault(to, deque())).extend(behaviours)

    def refuse(
        self, code: str, *numbers: str, by: Literal["answer", "receipt"] = "answer", until_ms: int | None = None
    ) -> None:
        """Refuse all texts to `numbers` until then: at once, or once they were taken, by their last receipt."""
        fault = Fault(code, "Refused", "As the test wants it.")
        self._refused.update((number, (fault, until_ms, by)) for number in numbers)

    def arrivals(self, recipient: str | None = None) -> list[int]:
        """When texts that went out arrived here, for one recipient or all, oldest first."""
        return sorted(r.arrived_ms for r in self.requests if r.took and recipient in (None, r.recipient))

    def taken(self, message_id: str) -> int:
        """How many texts went out for one message id: more than one is the failure of everything."""
        return sum(text.key == message_id for text in self.texts)

    def text(self, message_id: str) -> Text:
        """The text that went out for a message id."""
        return next(text for text in self.texts if text.key == message_id)

    def finish(self, message_id: str, status: str = "delivered", *faults: Fault) -> Text:
        """Let a text reach `status` on the provider's records."""
        found = self.text(message_id)
        found.status, found.faults = status, faults
        return found

    # ----------------------------------------------------------------------------------- ports.Provider

    def prepare(self) -> None:
        with self.faults.around("prepare"):
            pass

    def send(self, message: Message) -> Answer:
        assert not message.test, "A test text has reached the provider."
        with self.faults.around("send"):
            return self._send(message)

    def record_of(self, message: Message) -> Record | None:
        assert not message.test, "A test text has reached the provider."
        with self.faults.around("record_of"):
            if not self.records_readable:
                raise Unavailable("The provider's records")
            for text in self.texts:
                if message.telnyx_id:
                    found = text.telnyx_id == message.telnyx_id
                else:
                    shown = self.shows_queued or text.status != "queued"
                    found = text.webhook_url == message.webhook_url and shown
                if found:
                    named = carriers.subscription(text.network, text.recipient, self._clock.now_ms())
                    status = STATUSES.get(text.status)
                    return Record(text.telnyx_id, text.status, status, text.faults, subscription=named)
            return None

    def campaign(self, number: str) -> CampaignFacts:
        with self.faults.around("campaign"):
            return replace(self.facts, read_ms=self._clock.now_ms())

    def lookup(self, number: str) -> Subscription | None:
        with self.faults.around("lookup"):
            self.lookups.append(number)
            self._clock.pass_ms(self.latency_ms)
            name, line_type = self.carriers.get(number, (None, None))
            content = json.dumps({"data": {"carrier": {"name": name, "type": line_type}}}).encode()
            answer = carriers.looked_up(content, number, self._clock.now_ms())
            return answer.found if answer else None

    def _send(self, message: Message) -> Answer:
        behaviour = self._behaviour(message)
        self._clock.pass_ms(behaviour.way_ms)
        arrived = self._clock.now_ms()
        body = protocol.request_body(message)
        before = self._first.get(message.id)
        status, took = behaviour.status, False
        if before and self.honours_keys:
            if before.body != body:
                behaviour = refuses(422, "10027", "Idempotency key reused")
                status = behaviour.status
        elif behaviour.takes:
            took = True
            before = self._take(message, body, behaviour, arrived)
        self.requests.append(Request(arrived, message.id, message.recipient, body, took, status))
        if behaviour.dies:
            raise behaviour.dies()
        latency_ms = self.latency_ms if behaviour.latency_ms is None else behaviour.latency_ms
        self._clock.pass_ms(max(0, latency_ms - behaviour.way_ms))
        if status is None:
            fault = Fault("provider_no_answer" if behaviour.reached else "provider_unreachable", "No answer came.")
            return Answer(Verdict.AMBIGUOUS if behaviour.reached else Verdict.NOT_SENT, fault)
        content, wall_s = self._content(behaviour, before), self._clock.now_ms() / 1000
        return protocol.classify(status, behaviour.headers, content, wall_s, message.recipient)

    def _behaviour(self, message: Message) -> Behaviour:
        second = self._clock.now_ms() // 1000
        taken = sum(request.took and request.arrived_ms // 1000 == second for request in self.requests[-200:])
        if self.takes_a_second is not None and taken >= self.takes_a_second:
            return refuses(429, "10011", "Too many requests", retry_after="1")
        for name in (message.id, message.recipient):
            if self._for.get(name):
                return self._for[name].popleft()
        if fault := self._refusal(message.recipient, "answer"):
            return refuses(400, fault.code, fault.title, fault.detail)
        return self._next.popleft() if self._next else self.usual

    def _refusal(self, recipient: str, by: str) -> Fault | None:
        fault, until_ms, how = self._refused.get(recipient, (None, None, ""))
        over = until_ms is not None and self._clock.now_ms() >= until_ms
        return None if over or how != by else fault

    def _take(self, message: Message, body: bytes, behaviour: Behaviour, arrived: int) -> Text:
        text = Text(
            # Not uuid4: two runs of a test see the same ids.
            telnyx_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{message.id}/{len(self.texts)}")),
            key=message.id,
            recipient=message.recipient,
            sender=message.sender,
            text=message.text or "",
            body=body,
            webhook_url=message.webhook_url,
            taken_ms=arrived,
            status=behaviour.word,
            network=self._network(message.recipient),
        )
        if fault := self._refusal(message.recipient, "receipt"):
            text.ends, text.ends_for = "delivery_failed", (fault,)
        self.texts.append(text)
        self._first.setdefault(text.key, text)
        self.on_taken(text)
        return text

    def _network(self, number: str) -> dict[str, str]:
        if self.silent or number not in self.carriers:
            return {}
        return dict(zip(("carrier", "line_type"), self.carriers[number], strict=True))

    def _content(self, behaviour: Behaviour, text: Text | None) -> bytes:
        if behaviour.body is not None:
            return behaviour.body
        fields: dict[str, Any]
        if behaviour.status == 200 and text is not None:
            fields = {
                "data": {
                    "record_type": "message",
                    "direction": "outbound",
                    "id": text.telnyx_id,
                    "type": "SMS",
                    "from": {"phone_number": text.sender},
                    "to": [{"phone_number": text.recipient, "status": behaviour.word, **text.network}],
                    "text": text.text,
                    "webhook_url": text.webhook_url,
                    "parts": 1,
                    "cost": None,
                    "errors": [],
                    **self.registration,
                    **behaviour.fields,
                }
            }
        else:
            fields = {
                "errors": [{"code": behaviour.code, "title": behaviour.title, "detail": behaviour.detail}]
                if behaviour.code
                else []
            }
        return json.dumps(fields).encode()
