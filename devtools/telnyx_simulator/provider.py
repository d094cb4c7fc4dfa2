"""The simulated account: takes or refuses a text, lives its life, and hears inbound ones."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from . import errors, outages, outcomes, parts, validate, webhooks
from .clock import Clock, iso
from .errors import ApiError, Refused
from .faults import BadFault, Faults
from .ledger import FINAL, KeyInFlight, KeyReused, Ledger, Message, Request, Success
from .outcomes import Outcome, Reply, WebhookFault
from .webhooks import Deliverer

PART_PRICE = Decimal("0.0051")  # USD
VALID_S = 3600.0
CANCEL_MARGIN_S = 60.0  # a scheduled message can be cancelled until then
EVENT_IDS = uuid.UUID("6f0e4f6e-5d0f-4b3c-9a55-2f3f6f3b9d10")
PROFILE_ID = "4001a0ca-51b3-4c2e-9d7f-0c5a1e2b7f10"
ORGANIZATION_ID = "b448f9cc-0d5e-4f6a-8c9b-7e1d2a3c4b50"
AUTORESPONSES = {
    "STOP": "You are unsubscribed and will receive no more messages. Reply START to resubscribe.",
    "START": "You are resubscribed and will receive messages again. Reply STOP to unsubscribe.",
    "HELP": "Reply STOP to unsubscribe. Message and data rates may apply.",
}


@dataclass(slots=True)
class Settings:
    """How this provider behaves. Times are seconds; `rate_limit` is requests a second, 0: none."""

    api_key: str
    numbers: tuple[str, ...]
    webhook_url: str | None = None
    failover_url: str | None = None
    webhook_delay_s: float = 0.1
    latency_s: float = 0.02
    honour_idempotency: bool = True
    rate_limit: int = 0
    profile_id: str = PROFILE_ID
    # What somebody may have set otherwise in the portal.
    webhook_api_version: str = "2"
    profile_enabled: bool = True
    assigned: bool = True  # our numbers, to the profile


@dataclass(frozen=True, slots=True)
class Raw:
    """A send request as it came off the wire; times are ms."""

    path: str
    authorization: str | None
    idempotency_key: str | None
    body: bytes
    arrived_ms: float
    arrived_monotonic_ms: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What to write to the connection, and how."""

    status: int
    body: bytes
    reply: Reply = Reply.NORMAL
    headers: dict[str, str] = field(default_factory=dict)


def refusal(*faults: ApiError, headers: dict[str, str] | None = None) -> Answer:
    """The provider's error body; the HTTP status is the first error's."""
    body = dump({"errors": [fault.entry() for fault in faults]})
    return Answer(faults[0].status, body, Reply.ERROR, headers or {})


def dump(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class Provider:
    """One account with its numbers on one messaging profile."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        faults: Faults,
        deliverer: Deliverer,
        clock: Clock,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.settings, self.ledger, self.faults = settings, ledger, faults
        self.deliverer, self._clock, self._new_id = deliverer, clock, new_id
        self._initial = (settings.latency_s, settings.honour_idempotency)
        self._lives: set[asyncio.Task[None]] = set()
        self._window = (0, 0)
        self._outage: outages.Outage | None = None

    # --- the life of the program ----------------------------------------------------------------

    def resume(self) -> None:
        """Go on with the messages that an earlier run left unfinished."""
        for message in list(self.ledger.messages.values()):
            if message.kind == "text" and message.status != "cancelled":
                steps = outcomes.BY_NAME[message.outcome].steps
                if message.announced < len(steps):
                    self._start(message)
            elif message.kind == "inbound" and message.announced == 0:
                self._announce_inbound(message)

    async def stop(self) -> None:
        """Stop every life and delivery; a later run resumes them."""
        for life in list(self._lives):
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        await self.deliverer.stop()

    @property
    def pending(self) -> int:
        """Texts and webhooks that are not over yet: at 0 nothing more will come."""
        return len(self._lives) + self.deliverer.pending

    async def reset(self) -> None:
        """Back to an account that has never sent anything; the profile's URLs stay."""
        await self.stop()
        self.clear_faults()
        self.ledger.reset()
        self.deliverer.log.clear()

    # --- sending --------------------------------------------------------------------------------

    def authorised(self, authorization: str | None) -> bool:
        """Whether the Authorization header carries our API key."""
        return authorization == f"Bearer {self.settings.api_key}"

    def limit_headers(self) -> tuple[dict[str, str], bool]:
        """The rate-limit headers of one request, and whether it is within the limit."""
        second = int(self._clock.wall())
        started, count = self._window
        self._window = (second, count + 1 if started == second else 1)
        rate_limit = outage.rate if (outage := self.outage) and outage.rate else self.settings.rate_limit
        limit = rate_limit or 3000
        left = limit - self._window[1]
        headers = {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(left, 0)),
            "x-ratelimit-reset": "1",
        }
        within = left >= 0 or not rate_limit
        return headers if within else headers | {"retry-after": "1"}, within

    @property
    def outage(self) -> outages.Outage | None:
        """The outage that the whole API is in."""
        if self._outage and self._outage.over(self._clock.monotonic()):
            self._outage = None
        return self._outage

    def in_outage(self) -> Answer | None:
        """What every request gets just now, whatever it asks; None if it is looked at."""
        fate = outages.fate(self.outage.kind) if self.outage else None
        if fate is None:
            return None
        if fate.reply is Reply.ERROR:
            return refusal(errors.UNEXPECTED)
        return Answer(fate.status, fate.body, fate.reply, fate.headers)

    async def send(self, raw: Raw) -> Answer:
        """Decide on one send request: take it, refuse it, or lose track of it as asked."""
        request = self.ledger.arrive(
            raw.path,
            raw.idempotency_key,
            wall_ms=raw.arrived_ms,
            monotonic_ms=raw.arrived_monotonic_ms,
        )
        request.to = validate.recipient(raw.body)
        if (answer := self.in_outage()) and self.outage:
            request.outcome = f"outage_{self.outage.kind}"
            self._log(request, answer)
            return answer
        programmed = self.faults.next_outcome(request.to)
        headers, within = self.limit_headers()
        try:
            if not self.authorised(raw.authorization):
                raise Refused(errors.UNAUTHENTICATED)
            if not within:
                raise Refused(errors.TOO_MANY_REQUESTS)
            if programmed is not None and not programmed.taken:
                await asyncio.sleep(self.settings.latency_s + programmed.wait)
                answer = _unhappy(programmed)
                request.outcome = programmed.name
            else:
                answer = await self._keyed(request, raw, programmed)
        except Refused as exc:
            answer = refusal(*exc.errors)
            request.code = exc.errors[0].code
        self._log(request, answer)
        return Answer(answer.status, answer.body, answer.reply, headers | answer.headers)

    def _log(self, request: Request, answer: Answer) -> None:
        unanswered = answer.reply in (Reply.HANG, Reply.RESET)
        request.status = None if unanswered else answer.status
        if answer.reply is Reply.ERROR and request.code is None:
            request.code = json.loads(answer.body)["errors"][0]["code"]
        self.ledger.decided(request)

    async def _keyed(self, request: Request, raw: Raw, programmed: Outcome | None) -> Answer:
        key = validate.idempotency_key(raw.idempotency_key)
        digest = hashlib.sha256(raw.body).hexdigest()
        if key is None or not self.settings.honour_idempotency:
            return await self._decide(request, raw, programmed, digest, None)
        record = f"POST {raw.path} {key}"
        try:
            known = self.ledger.begin(record, digest, self._clock.wall())
        except KeyReused as exc:
            raise Refused(errors.KEY_REUSED) from exc
        except KeyInFlight as exc:
            raise Refused(errors.KEY_IN_FLIGHT) from exc
        if known is not None:
            request.replayed, request.message_id = True, known.message_id
            request.outcome = programmed.name if programmed else "replayed"
            await asyncio.sleep(self.settings.latency_s)
            replay = Answer(200, known.body.encode(), headers={"idempotent-replayed": "true"})
            return _spoil(replay, programmed) if programmed else replay
        try:
            return await self._decide(request, raw, programmed, digest, record)
        finally:
            self.ledger.end(record)

    async def _decide(
        self,
        request: Request,
        raw: Raw,
        programmed: Outcome | None,
        digest: str,
        record: str | None,
    ) -> Answer:
        asked = validate.send_request(
            raw.body,
            numbers=frozenset(self.settings.numbers),
            profile_id=self.settings.profile_id,
            now=datetime.fromtimestamp(self._clock.wall(), UTC),
            long_code=raw.path.endswith("/long_code"),
        )
        request.sender, request.webhook_url = asked.sender, asked.webhook_url
        if not self.settings.assigned:
            raise Refused(errors.FROM_NOT_ON_PROFILE)
        if not self.settings.profile_enabled:
            raise Refused(errors.PROFILE_DISABLED)
        outcome = programmed or self._of_number(asked.to, raw.idempotency_key or digest)
        request.outcome = outcome.name
        await asyncio.sleep(self.settings.latency_s + outcome.wait)
        if asked.to in self.ledger.optouts:
            request.outcome = "opted_out"
            raise Refused(_stopped(asked.sender, asked.to))
        if not outcome.taken:
            return _unhappy(outcome, asked.sender, asked.to)
        message = self._message(asked, outcome, raw)
        answer = Answer(200, dump({"data": message.payload}))
        success = Success(digest, answer.body.decode(), message.id, self._clock.wall())
        self.ledger.take(message, record, success if record else None)
        request.accepted, request.message_id = True, message.id
        self._start(message)
        return _spoil(answer, outcome)

    def _of_number(self, to: str, identity: str) -> Outcome:
        outcome = outcomes.of(to)
        if outcome.tries is not None and self.ledger.tried(to, identity) > outcome.tries:
            return outcomes.DEFAULT
        return outcome

    def _message(self, asked: validate.SendRequest, outcome: Outcome, raw: Raw) -> Message:
        now = self._clock.wall()
        profile = asked.use_profile_webhooks
        amount = str(PART_PRICE * asked.size.parts)
        rate = {"amount": amount, "currency": "USD"}
        due_s = asked.send_at.timestamp() if asked.send_at else None
        payload: dict[str, Any] = {
            "record_type": "message",
            "direction": "outbound",
            "id": self._new_id(),
            "type": asked.kind,
            "messaging_profile_id": self.settings.profile_id,
            "organization_id": ORGANIZATION_ID,
            "from": {"phone_number": asked.sender, "carrier": "TELNYX LLC", "line_type": "VoIP"},
            "to": [
                {
                    "phone_number": asked.to,
                    "status": "scheduled" if due_s else outcome.first_status,
                    "carrier": "T-MOBILE USA, INC.",
                    "line_type": "Wireless",
                }
            ],
            "cc": [],
            "text": asked.text,
            "subject": asked.subject,
            "media": [_medium(url) for url in asked.media_urls],
            "webhook_url": asked.webhook_url or (self.settings.webhook_url if profile else None),
            "webhook_failover_url": asked.webhook_failover_url
            or (self.settings.failover_url if profile else None),
            "encoding": asked.size.encoding,
            "smart_encoding_applied": False,
            "num_chars": len(asked.text),
            "parts": asked.size.parts,
            "tags": [],
            "cost": rate,
            "cost_breakdown": {"rate": rate, "carrier_fee": {"amount": "0", "currency": "USD"}},
            "tcr_campaign_id": None,
            "tcr_campaign_billable": False,
            "tcr_campaign_registered": None,
            "received_at": iso(now),
            "sent_at": None,
            "completed_at": None,
            "valid_until": iso((due_s or now) + VALID_S),
            "wait_seconds": 0.0,
            "errors": [],
        }
        return Message(
            payload,
            now,
            outcome.name,
            arrived_monotonic_ms=raw.arrived_monotonic_ms,
            due_s=due_s,
            use_profile_webhooks=profile,
        )

    def cancel(self, message_id: str) -> dict[str, Any]:
        """Cancel a scheduled message and give it back. Raises Refused: unknown, or too late."""
        now = self._clock.wall()
        message = self.ledger.message(message_id, now)
        if message is None:
            raise Refused(errors.NOT_FOUND)
        if message.status != "scheduled" or message.due_s is None or message.due_s - now <= CANCEL_MARGIN_S:
            raise Refused(errors.NOT_CANCELLABLE)
        self.ledger.advance(message, message.done, status="cancelled", completed_at=iso(now))
        return message.payload

    # --- the life of a message ------------------------------------------------------------------

    def _start(self, message: Message) -> None:
        life = asyncio.create_task(self._live(message))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)

    async def _live(self, message: Message) -> None:
        if message.due_s is not None and message.status == "scheduled":
            await asyncio.sleep(max(message.due_s - self._clock.wall(), 0.0))
            if message.status == "cancelled":
                return
            self.ledger.advance(message, message.done, status="queued")
        outcome = outcomes.BY_NAME[message.outcome]
        first = outcome.steps[message.announced].event
        reorder = self.faults.next_webhook(message.to, first, frozenset({WebhookFault.REORDER}))
        swap = outcome.webhook_fault is WebhookFault.REORDER or bool(reorder)
        before: asyncio.Task[None] | None = None
        held: tuple[webhooks.Event, int] | None = None
        for number, step in enumerate(outcome.steps, start=1):
            if number <= message.announced:
                continue
            if number > message.done:
                await asyncio.sleep(step.after * self.settings.webhook_delay_s)
                self._advance(message, number, step)
            event = self._outbound_event(message, number, step, outcome)
            if swap and held is None and number < len(outcome.steps):
                held = (event, number)
                continue
            before = self._post(message, event, number, before)
            if held is not None:
                before, held, swap = self._post(message, *held, before), None, False

    def _post(
        self,
        message: Message,
        event: webhooks.Event,
        number: int,
        after: asyncio.Task[None] | None,
    ) -> asyncio.Task[None]:
        return self.deliverer.post(event, after=after, then=lambda: self.ledger.announce(message, number))

    def _advance(self, message: Message, number: int, step: outcomes.Step) -> None:
        now, changes = iso(self._clock.wall()), dict[str, Any]()
        # A message that was delivered at once is not taken back by its own `sent`.
        if step.status != "sent" or message.status not in FINAL:
            changes["status"] = step.status
        if step.status == "sent":
            changes["sent_at"] = now
        else:
            changes["completed_at"] = now
            changes["errors"] = [step.error.entry()] if step.error else []
        self.ledger.advance(message, number, **changes)

    def _outbound_event(
        self, message: Message, number: int, step: outcomes.Step, outcome: Outcome
    ) -> webhooks.Event:
        payload = dict(message.payload)
        payload["to"] = [payload["to"][0] | {"status": step.status}]
        payload["errors"] = [step.error.entry()] if step.error else []
        if step.status == "sent":
            payload["completed_at"] = None
        return webhooks.event(
            # Derived, so that an event which a restart repeats is a duplicate and not a new event.
            str(uuid.uuid5(EVENT_IDS, f"{message.id}/{number}")),
            step.event,
            payload,
            number=message.to,
            now_s=self._clock.wall(),
            urls=self._urls(message),
            fault=outcome.webhook_fault,
        )

    def _urls(self, message: Message) -> tuple[str, ...]:
        urls = [message.payload["webhook_url"], message.payload["webhook_failover_url"]]
        if message.use_profile_webhooks:
            urls += [self.settings.webhook_url, self.settings.failover_url]
        return tuple(dict.fromkeys(url for url in urls if url))

    # --- inbound --------------------------------------------------------------------------------

    def inbound(self, asked: dict[str, Any]) -> Message:
        """Somebody texts one of our numbers. Raises BadFault for a request that makes no sense."""
        known = {"from", "to", "text", "media_urls", "webhook_url", "is_spam", "autoresponse_type"}
        if unknown := asked.keys() - known:
            raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
        texter, to = asked.get("from"), asked.get("to", self.settings.numbers[0])
        text = asked.get("text", "")
        # Short codes and names text as well.
        if not isinstance(texter, str) or not texter.strip():
            raise BadFault("from must be a number, a short code or a name")
        if to not in self.settings.numbers:
            raise BadFault(f"to must be one of {', '.join(self.settings.numbers)}")
        if not isinstance(text, str):
            raise BadFault("text must be a string")
        now = self._clock.wall()
        keyword = self.ledger.hear(texter, text, iso(now))
        if "autoresponse_type" in asked:
            # As a profile with keywords of its own would read it.
            keyword = asked["autoresponse_type"]
            if keyword is not None and not isinstance(keyword, str):
                raise BadFault("autoresponse_type must be a string or null")
        message = self._inbound_message(asked, texter, to, text, keyword)
        self.ledger.take(message)
        self._announce_inbound(message)
        if keyword in AUTORESPONSES and validate.E164.fullmatch(texter):
            self._autorespond(keyword, to, texter)
        return message

    def _inbound_message(
        self, asked: dict[str, Any], texter: str, to: str, text: str, keyword: str | None
    ) -> Message:
        now, size = self._clock.wall(), parts.measure(text)
        media = [_medium(url) for url in asked.get("media_urls") or ()]
        payload: dict[str, Any] = {
            "record_type": "message",
            "direction": "inbound",
            "id": self._new_id(),
            "type": "MMS" if media else "SMS",
            "messaging_profile_id": self.settings.profile_id,
            "organization_id": ORGANIZATION_ID,
            "from": {
                "phone_number": texter,
                "carrier": "T-MOBILE USA, INC.",
                "line_type": "Wireless",
                "status": "received",
            },
            "to": [
                {
                    "phone_number": to,
                    "status": "webhook_delivered",
                    "carrier": "TELNYX LLC",
                    "line_type": "VoIP",
                }
            ],
            "cc": [],
            "text": text,
            "subject": None,
            "media": media,
            "webhook_url": asked.get("webhook_url") or self.settings.webhook_url,
            "webhook_failover_url": self.settings.failover_url,
            "encoding": size.encoding,
            "num_chars": len(text),
            "parts": size.parts,
            "tags": [],
            "cost": {"amount": str(PART_PRICE * size.parts), "currency": "USD"},
            "received_at": iso(now),
            "sent_at": None,
            "completed_at": None,
            "valid_until": None,
            "errors": [],
            "autoresponse_type": keyword,
            "is_spam": bool(asked.get("is_spam", False)),
        }
        return Message(payload, now, "received", kind="inbound")

    def _announce_inbound(self, message: Message) -> None:
        event = webhooks.event(
            str(uuid.uuid5(EVENT_IDS, f"{message.id}/received")),
            "message.received",
            message.payload,
            number=message.sender,
            now_s=self._clock.wall(),
            urls=self._urls(message),
        )
        self._post(message, event, 1, None)

    def _autorespond(self, keyword: str, sender: str, to: str) -> None:
        now, text = self._clock.wall(), AUTORESPONSES[keyword]
        payload: dict[str, Any] = {
            "record_type": "message",
            "direction": "outbound",
            "id": self._new_id(),
            "type": "SMS",
            "from": {"phone_number": sender},
            "to": [{"phone_number": to, "status": "delivered"}],
            "text": text,
            "received_at": iso(now),
            "errors": [],
            "webhook_url": None,
        }
        self.ledger.take(Message(payload, now, "autoresponse", kind="autoresponse"))

    # --- the control API ------------------------------------------------------------------------

    def program(self, asked: dict[str, Any]) -> None:
        """Program one fault or outage, or change `latency_ms` and `idempotency`. Raises BadFault."""
        if "outage" in asked:
            self._outage = outages.asked(asked, self._clock.monotonic())
            self._window = (0, 0)
            return
        rest = dict(asked)
        latency, mode = rest.pop("latency_ms", None), rest.pop("idempotency", None)
        if latency is not None and not (isinstance(latency, int | float) and latency >= 0):
            raise BadFault("latency_ms must be a number, 0 or more")
        if mode not in (None, "honour", "ignore"):
            raise BadFault("idempotency must be honour or ignore")
        if rest:
            self.faults.add(rest)
        elif latency is None and mode is None:
            raise BadFault("nothing asked: give outcome, webhook, outage, latency_ms or idempotency")
        if latency is not None:
            self.settings.latency_s = latency / 1000
        if mode is not None:
            self.settings.honour_idempotency = mode == "honour"

    def programmed(self) -> dict[str, Any]:
        """The faults and the outage that are programmed."""
        outage = self.outage
        return self.faults.public() | {"outage": outage.public(self._clock.monotonic()) if outage else None}

    def clear_faults(self) -> None:
        """No faults and no outage; latency and idempotency as at the start."""
        self.faults.requests.clear()
        self.faults.webhooks.clear()
        self._outage = None
        self.settings.latency_s, self.settings.honour_idempotency = self._initial


def _stopped(sender: str, to: str) -> ApiError:
    return errors.STOPPED.saying(
        f"Messages cannot be sent from '{sender}' to '{to}' due to an existing block rule."
    )


def _unhappy(outcome: Outcome, sender: str | None = None, to: str | None = None) -> Answer:
    """The answer of an outcome that takes no message."""
    error = outcome.error
    if error is errors.STOPPED and sender and to:
        error = _stopped(sender, to)
    if outcome.reply is Reply.ERROR and error is not None:
        wait = outcome.retry_after
        return refusal(error, headers={} if wait is None else {"retry-after": str(wait)})
    return _spoil(Answer(outcome.status, b""), outcome)


def _spoil(answer: Answer, outcome: Outcome) -> Answer:
    """What an outcome does to the answer of a message that was taken."""
    if outcome.reply is Reply.ERROR and outcome.error is not None:
        return refusal(outcome.error)
    if outcome.reply is Reply.GATEWAY:
        body = f"<html><head><title>{outcome.status}</title></head><body>Bad gateway</body></html>"
        return Answer(outcome.status, body.encode(), Reply.GATEWAY)
    if outcome.reply is Reply.TRUNCATED:
        return Answer(200, answer.body[: len(answer.body) // 2], Reply.TRUNCATED, answer.headers)
    return Answer(answer.status, answer.body, outcome.reply, answer.headers)


def _medium(url: str) -> dict[str, Any]:
    return {"url": url, "content_type": None, "sha256": None, "size": None}
