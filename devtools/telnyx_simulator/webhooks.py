"""Webhooks: built, signed and delivered as the provider does it, with the faults asked for."""

# Source: the provider's webhook pages. Exactly 200 within 2 s counts; three attempts a URL, then three
# on the next URL, then the event is gone; one on a campaign has five, 30 s apart. The signature is Ed25519
# over `{timestamp}|{raw body}`.

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from nacl.signing import SigningKey

from .clock import Clock, iso
from .faults import STALE_S, Faults, HookFault
from .outcomes import WebhookFault

ATTEMPTS = 3  # a URL
REGISTRATION_ATTEMPTS = 5  # a URL, of a 10dlc.* event
LOG = 50_000  # attempts kept in memory

EVENT_FAULTS = frozenset({WebhookFault.DELAY, WebhookFault.DOUBLE, WebhookFault.LOSE})
ATTEMPT_FAULTS = frozenset({WebhookFault.FORGE, WebhookFault.STALE, WebhookFault.TRUNCATE})


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `number` is the other party's, `urls` are tried in turn; `registration` is that of a 10dlc.* one.

    `fault` is that of a magic number; an attempt's fault spoils the first attempt only, so that the
    event still arrives.
    """

    id: str
    event_type: str
    message_id: str | None
    number: str
    status: str | None
    data: str
    urls: tuple[str, ...]
    fault: WebhookFault | None = None
    registration: bool = False


def event(
    event_id: str,
    event_type: str,
    payload: dict[str, Any],
    *,
    number: str,
    now_s: float,
    urls: tuple[str, ...],
    fault: WebhookFault | None = None,
    registration: bool = False,
) -> Event:
    """An event with its payload as it is now: later changes to `payload` don't show in it."""
    data = {
        "event_type": event_type,
        "id": event_id,
        "occurred_at": iso(now_s),
        "payload": payload,
        "record_type": "event",
    }
    return Event(
        id=event_id,
        event_type=event_type,
        message_id=payload.get("id"),
        number=number,
        status=payload["to"][0]["status"] if "to" in payload else None,
        data=json.dumps(data, separators=(",", ":"), ensure_ascii=False),
        urls=urls,
        fault=fault,
        registration=registration,
    )


def body(data: str, attempt: int, url: str) -> bytes:
    """The envelope around an event's `data`, for one attempt."""
    meta = json.dumps({"attempt": attempt, "delivered_to": url}, separators=(",", ":"))
    return f'{{"data":{data},"meta":{meta}}}'.encode()


def sign(key: SigningKey, timestamp: str, raw: bytes) -> str:
    """Base64 of the 64-byte signature."""
    return base64.b64encode(key.sign(timestamp.encode() + b"|" + raw).signature).decode()


def _headers(key: SigningKey, timestamp: str, raw: bytes) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "user-agent": "telnyx-webhooks (simulated)",
        "telnyx-timestamp": timestamp,
        "telnyx-signature-ed25519": sign(key, timestamp, raw),
    }


class Deliverer:
    """Delivers events in the background: at most `concurrency` at a time, in order where asked."""

    def __init__(
        self,
        *,
        key: SigningKey,
        client: httpx.AsyncClient,
        faults: Faults,
        clock: Clock,
        timeout_s: float,
        retry_s: float,
        registration_retry_s: float,
        concurrency: int,
    ) -> None:
        self._key, self._forger = key, SigningKey.generate()
        self._client, self._faults, self._clock = client, faults, clock
        self._timeout_s, self._retry_s, self._registration_retry_s = timeout_s, retry_s, registration_retry_s
        self._free = asyncio.Semaphore(concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG)

    def post(
        self,
        event: Event,
        *,
        after: asyncio.Task[None] | None = None,
        then: Callable[[], None] | None = None,
    ) -> asyncio.Task[None]:
        """Deliver `event` once `after` is over; call `then` when it is delivered or given up."""
        return self._spawn(event, after, then)

    async def post_raw(self, url: str, raw: bytes) -> httpx.Response:
        """Sign `raw` as it is and post it, once; the answer. Raises httpx.HTTPError or InvalidURL."""
        headers = _headers(self._key, str(int(self._clock.real())), raw)
        return await self._client.post(url, content=raw, headers=headers, timeout=30.0)

    @property
    def pending(self) -> int:
        """Events that are not over yet."""
        return len(self._tasks)

    async def stop(self) -> None:
        """Drop everything that is on its way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _spawn(
        self,
        event: Event,
        after: asyncio.Task[None] | None,
        then: Callable[[], None] | None,
        delay_s: float | None = None,
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(self._deliver(event, after, then, delay_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _deliver(
        self,
        event: Event,
        after: asyncio.Task[None] | None,
        then: Callable[[], None] | None,
        delay_s: float | None,
    ) -> None:
        copies = 1
        if delay_s is None:
            if after is not None:
                await asyncio.wait([after])
            faults = self._faults.next_webhook(event.number, event.event_type, EVENT_FAULTS)
            kinds = {fault.webhook for fault in faults} | {event.fault}
            if WebhookFault.LOSE in kinds:
                self._record(event, None, 0, error="lost")
                if then:
                    then()
                return
            copies = 2 if WebhookFault.DOUBLE in kinds else 1
            for fault in faults:
                if fault.webhook is WebhookFault.DELAY:
                    # In a task of its own: the message's next event must be able to overtake it.
                    for _ in range(copies):
                        self._spawn(event, None, then, fault.seconds)
                    return
        else:
            await asyncio.sleep(delay_s)
        for _ in range(copies):
            await self._attempts(event)
        if then:
            then()

    async def _attempts(self, event: Event) -> None:
        attempt, attempts, retry_s = 0, ATTEMPTS, self._retry_s
        if event.registration:
            attempts, retry_s = REGISTRATION_ATTEMPTS, self._registration_retry_s
        for url in event.urls:
            for _ in range(attempts):
                attempt += 1
                if attempt > 1:
                    await asyncio.sleep(retry_s)
                async with self._free:
                    if await self._attempt(event, url, attempt):
                        return
        if not event.urls:
            self._record(event, None, 0, error="no URL")

    async def _attempt(self, event: Event, url: str, attempt: int) -> bool:
        faults = self._faults.next_webhook(event.number, event.event_type, ATTEMPT_FAULTS)
        if attempt == 1 and event.fault in ATTEMPT_FAULTS:
            faults.append(HookFault(event.fault, seconds=STALE_S))
        spoilt = {fault.webhook: fault.seconds for fault in faults}
        raw = body(event.data, attempt, url)
        if WebhookFault.TRUNCATE in spoilt:
            raw = raw[: len(raw) // 2]
        timestamp = str(int(self._clock.real() - spoilt.get(WebhookFault.STALE, 0)))
        key = self._forger if WebhookFault.FORGE in spoilt else self._key
        headers = _headers(key, timestamp, raw)
        started, status, error = self._clock.monotonic(), None, None
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.post(url, content=raw, headers=headers)
            status = answer.status_code
        except TimeoutError:
            error = "timeout"
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            error = type(exc).__name__
        self._record(
            event,
            url,
            attempt,
            status=status,
            error=error,
            faults=sorted(spoilt),
            latency_ms=round((self._clock.monotonic() - started) * 1000, 3),
        )
        # Exactly 200: the provider takes a 202 or a 204 for a failure.
        return status == 200

    def _record(
        self,
        event: Event,
        url: str | None,
        attempt: int,
        *,
        status: int | None = None,
        error: str | None = None,
        faults: list[WebhookFault] | None = None,
        latency_ms: float | None = None,
    ) -> None:
        self.log.append(
            {
                "at_ms": round(self._clock.wall() * 1000, 3),
                "event_id": event.id,
                "event_type": event.event_type,
                "message_id": event.message_id,
                "number": event.number,
                "message_status": event.status,
                "url": url,
                "attempt": attempt,
                "http_status": status,
                "error": error,
                "faults": faults or [],
                "latency_ms": latency_ms,
            }
        )
