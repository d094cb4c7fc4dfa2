"""The simulated account: takes or refuses a text, lives its life, and hears inbound ones."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from . import errors, outages, outcomes, payloads, validate
from .answers import Answer, dump, refusal, spoil, stopped, unhappy
from .carriers import Carriers, Verdict
from .clock import Clock, iso
from .errors import Refused
from .faults import BadFault, Faults
from .ledger import KeyInFlight, KeyReused, Ledger, Message, Request, Success
from .lives import Lives
from .networks import Network
from .outcomes import Outcome, Reply
from .registration import Campaign, Registration
from .settings import Settings
from .validate import Raw, SendRequest
from .webhooks import Deliverer

CANCEL_MARGIN_S = 60.0  # a scheduled message can be cancelled until then


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
        self.deliverer, self.clock, self._new_id = deliverer, clock, new_id
        self._initial = (settings.latency_s, settings.honour_idempotency)
        registration = Registration(settings.numbers, self._campaign_changed)
        self.carriers = Carriers(registration, lambda: ledger.usage, ledger.count)
        self.lives = Lives(settings, ledger, faults, deliverer, clock, self.carriers)
        self._window = (0, 0)
        self._outage: outages.Outage | None = None

    async def reset(self) -> None:
        """Back to an account that has never sent anything; the profile's URLs stay."""
        await self.lives.stop()
        self.clear_faults()
        self.carriers.reset()
        self.clock.move(0.0)
        self.ledger.reset()
        self.deliverer.log.clear()

    # --- sending --------------------------------------------------------------------------------

    def authorised(self, authorization: str | None) -> bool:
        """Whether the Authorization header carries our API key."""
        return authorization == f"Bearer {self.settings.api_key}"

    def limit_headers(self) -> tuple[dict[str, str], bool]:
        """The rate-limit headers of one request, and whether it is within the limit."""
        second = int(self.clock.wall())
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
        if self._outage and self._outage.over(self.clock.monotonic()):
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
            known = self.ledger.begin(record, digest, self.clock.wall())
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
            now=datetime.fromtimestamp(self.clock.wall(), UTC),
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
        try:
            verdict = self._admitted(asked)
        except Refused:
            request.outcome = "over_limit"
            raise
        message = self._made(asked, outcome, raw, verdict)
        answer = Answer(200, dump({"data": message.payload}))
        success = Success(digest, answer.body.decode(), message.id, self.clock.wall())
        self.ledger.take(message, record, success if record else None)
        request.accepted, request.message_id = True, message.id
        self.lives.start(message)
        return spoil(answer, outcome)

    def _admitted(self, asked: SendRequest) -> Verdict:
        """What its network makes of a text; a scheduled one is put to it when it is due."""
        if asked.send_at is not None:
            return Verdict()
        return self.carriers.admit(asked.sender, asked.to, asked.segments, self.clock.wall())

    def _made(self, asked: SendRequest, outcome: Outcome, raw: Raw, verdict: Verdict) -> Message:
        return payloads.outbound(
            asked,
            outcome,
            self.settings,
            message_id=self._new_id(),
            now_s=self.clock.wall(),
            arrived_ms=raw.arrived_monotonic_ms,
            carriers=self.carriers,
            verdict=verdict,
        )

    def _of_number(self, to: str, identity: str) -> Outcome:
        outcome = outcomes.of(to)
        if outcome is outcomes.DEFAULT and self.carriers.networks.of(to).network is Network.LANDLINE:
            return outcomes.BY_NAME["landline"]
        if outcome.tries is not None and self.ledger.tried(to, identity) > outcome.tries:
            return outcomes.DEFAULT
        return outcome

    def cancel(self, message_id: str) -> dict[str, Any]:
        """Cancel a scheduled message and give it back. Raises Refused: unknown, or too late."""
        now = self.clock.wall()
        message = self.ledger.message(message_id, now)
        if message is None:
            raise Refused(errors.NOT_FOUND)
        if message.status != "scheduled" or message.due_s is None or message.due_s - now <= CANCEL_MARGIN_S:
            raise Refused(errors.NOT_CANCELLABLE)
        self.ledger.advance(message, message.done, status="cancelled", completed_at=iso(now))
        return message.payload

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
        now = self.clock.wall()
        keyword = self.ledger.hear(texter, text, iso(now))
        if "autoresponse_type" in asked:
            # As a profile with keywords of its own would read it.
            keyword = asked["autoresponse_type"]
            if keyword is not None and not isinstance(keyword, str):
                raise BadFault("autoresponse_type must be a string or null")
        message = payloads.inbound(
            asked,
            self.settings,
            message_id=self._new_id(),
            now_s=now,
            to=to,
            keyword=keyword,
            networks=self.carriers.networks,
        )
        self.ledger.take(message)
        self.lives.announce_inbound(message)
        if keyword in payloads.AUTORESPONSES and validate.E164.fullmatch(texter):
            self.ledger.take(
                payloads.autoresponse(keyword, message_id=self._new_id(), now_s=now, sender=to, to=texter)
            )
        return message

    # --- the control API ------------------------------------------------------------------------

    def program(self, asked: dict[str, Any]) -> None:
        """Program one fault or outage, or change `latency_ms` and `idempotency`. Raises BadFault."""
        if "outage" in asked:
            self._outage = outages.asked(asked, self.clock.monotonic())
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

    def _campaign_changed(self, campaign: Campaign, payload: dict[str, Any]) -> None:
        self.lives.announce_campaign(campaign, payload)

    def set_clock(self, offset_s: float) -> None:
        """Set the clock ahead of the machine's."""
        self.ledger.clock_set(offset_s)
        self.clock.move(offset_s)

    def programmed(self) -> dict[str, Any]:
        """The faults and the outage that are programmed."""
        outage = self.outage
        return self.faults.public() | {"outage": outage.public(self.clock.monotonic()) if outage else None}

    def clear_faults(self) -> None:
        """No faults and no outage; latency and idempotency as at the start."""
        self.faults.requests.clear()
        self.faults.webhooks.clear()
        self._outage = None
        self.settings.latency_s, self.settings.honour_idempotency = self._initial
