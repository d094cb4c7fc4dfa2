"""The life of a message: due, held, sent, finalized, and the webhooks on the way."""

import asyncio
import uuid
from typing import Any

from . import outcomes, webhooks
from .carriers import Carriers
from .clock import Clock, iso
from .faults import Faults
from .ledger import FINAL, Ledger, Message
from .outcomes import Outcome, WebhookFault
from .registration import EVENT, Campaign
from .settings import Settings
from .webhooks import Deliverer

EVENT_IDS = uuid.UUID("6f0e4f6e-5d0f-4b3c-9a55-2f3f6f3b9d10")


class Lives:
    """Every message that is not over yet."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        faults: Faults,
        deliverer: Deliverer,
        clock: Clock,
        carriers: Carriers,
    ) -> None:
        self._settings, self._ledger, self._faults = settings, ledger, faults
        self._deliverer, self._clock, self._carriers = deliverer, clock, carriers
        self._lives: set[asyncio.Task[None]] = set()

    def resume(self) -> None:
        """Go on with the messages that an earlier run left unfinished."""
        for message in list(self._ledger.messages.values()):
            if message.kind == "text" and message.status != "cancelled":
                steps = outcomes.BY_NAME[message.outcome].steps
                if message.announced < len(steps):
                    self.start(message)
            elif message.kind == "inbound" and message.announced == 0:
                self.announce_inbound(message)

    async def stop(self) -> None:
        """Stop every life and delivery; a later run resumes them."""
        for life in list(self._lives):
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        await self._deliverer.stop()

    @property
    def pending(self) -> int:
        """Texts and webhooks that are not over yet: at 0 nothing more will come."""
        return len(self._lives) + self._deliverer.pending

    def start(self, message: Message) -> None:
        """Begin, or go on with, a message's life."""
        life = asyncio.create_task(self._live(message))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)

    async def _live(self, message: Message) -> None:
        if message.due_s is not None and message.status == "scheduled":
            await self._clock.until(message.due_s)
            if message.status == "cancelled":
                return
            self._admit(message)
        if message.release_s is not None:
            await self._clock.until(message.release_s)
        outcome = outcomes.BY_NAME[message.outcome]
        first = outcome.steps[message.announced].event
        reorder = self._faults.next_webhook(message.to, first, frozenset({WebhookFault.REORDER}))
        swap = outcome.webhook_fault is WebhookFault.REORDER or bool(reorder)
        before: asyncio.Task[None] | None = None
        held: tuple[webhooks.Event, int] | None = None
        for number, step in enumerate(outcome.steps, start=1):
            if number <= message.announced:
                continue
            if number > message.done:
                await asyncio.sleep(step.after * self._settings.webhook_delay_s)
                self._advance(message, number, step)
            event = self._outbound_event(message, number, step, outcome)
            if swap and held is None and number < len(outcome.steps):
                held = (event, number)
                continue
            before = self._post(message, event, number, before)
            if held is not None:
                before, held, swap = self._post(message, *held, before), None, False

    def _admit(self, message: Message) -> None:
        """Put a scheduled message, which is due, to its network's limits: it can't be refused any more."""
        segments = 1 if message.payload["type"] == "MMS" else message.payload["parts"]
        verdict = self._carriers.admit(
            message.sender, message.to, segments, self._clock.wall(), at_submission=False
        )
        self._ledger.advance(
            message,
            message.done,
            status="queued",
            wait_seconds=verdict.wait_s,
            release_s=verdict.release_s,
            outcome=verdict.outcome.name if verdict.outcome else message.outcome,
        )

    def _post(
        self,
        message: Message,
        event: webhooks.Event,
        number: int,
        after: asyncio.Task[None] | None,
    ) -> asyncio.Task[None]:
        return self._deliverer.post(event, after=after, then=lambda: self._ledger.announce(message, number))

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
        self._ledger.advance(message, number, **changes)

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
            urls += [self._settings.webhook_url, self._settings.failover_url]
        return tuple(dict.fromkeys(url for url in urls if url))

    def announce_inbound(self, message: Message) -> None:
        """Send the webhook on a text to one of our numbers."""
        event = webhooks.event(
            str(uuid.uuid5(EVENT_IDS, f"{message.id}/received")),
            "message.received",
            message.payload,
            number=message.sender,
            now_s=self._clock.wall(),
            urls=self._urls(message),
        )
        self._post(message, event, 1, None)

    def announce_campaign(self, campaign: Campaign, payload: dict[str, Any]) -> None:
        """Send the webhook on a campaign's new status, to the campaign's own URLs."""
        event = webhooks.event(
            str(uuid.uuid4()),
            EVENT,
            payload,
            number=campaign.tcr_id,
            now_s=self._clock.wall(),
            urls=tuple(url for url in (campaign.webhook_url, campaign.failover_url) if url),
            registration=True,
        )
        self._deliverer.post(event)
