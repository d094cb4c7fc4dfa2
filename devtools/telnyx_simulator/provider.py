"""The simulated account: takes or refuses a text, lives its life, and hears inbound ones."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from . import errors, outages, outcomes, payloads, validate, webhooks
from .answers import Answer, dump, refusal, spoil, stopped, unhappy
from .clock import Clock, iso
from .errors import Refused
from .faults import BadFault, Faults
from .ledger import FINAL, KeyInFlight, KeyReused, Ledger, Message, Request, Success
from .outcomes import Outcome, Reply, WebhookFault
from .settings import Settings
from .validate import Raw, SendRequest
from .webhooks import Deliverer

CANCEL_MARGIN_S = 60.0  # a scheduled message can be cancelled until then
EVENT_IDS = uuid.UUID("6f0e4f6e-5d0f-4b3c-9a55-2f3f6f3b9d10")


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
                answer = unhappy(programmed)
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
            return spoil(replay, programmed) if programmed else replay
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
            raise Refused(stopped(asked.sender, asked.to))
        if not outcome.taken:
            return unhappy(outcome, asked.sender, asked.to)
        message = self._made(asked, outcome, raw)
        answer = Answer(200, dump({"data": message.payload}))
        success = Success(digest, answer.body.decode(), message.id, self._clock.wall())
        self.ledger.take(message, record, success if record else None)
        request.accepted, request.message_id = True, message.id
        self._start(message)
        return spoil(answer, outcome)

    def _made(self, asked: SendRequest, outcome: Outcome, raw: Raw) -> Message:
        return payloads.outbound(
            asked,
            outcome,
            self.settings,
            message_id=self._new_id(),
            now_s=self._clock.wall(),
            arrived_ms=raw.arrived_monotonic_ms,
        )

    def _of_number(self, to: str, identity: str) -> Outcome:
        outcome = outcomes.of(to)
        if outcome.tries is not None and self.ledger.tried(to, identity) > outcome.tries:
            return outcomes.DEFAULT
        return outcome

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
        """A text to one of our numbers. Raises BadFault for a request that makes no sense."""
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
        message = payloads.inbound(
            asked, self.settings, message_id=self._new_id(), now_s=now, to=to, keyword=keyword
        )
        self.ledger.take(message)
        self._announce_inbound(message)
        if keyword in payloads.AUTORESPONSES and validate.E164.fullmatch(texter):
            self.ledger.take(
                payloads.autoresponse(keyword, message_id=self._new_id(), now_s=now, sender=to, to=texter)
            )
        return message

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
