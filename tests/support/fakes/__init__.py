"""The world of the service in memory: a fake for each port, and the service over them in one call.

`make_world()` gives every fake by name; `make_service(clock=…, provider=…)` gives the service alone.
"""

import importlib.util
import sys
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from longcode.domain import destinations
from longcode.domain.campaign import CampaignSettings
from longcode.domain.priority import Priority
from longcode.domain.tag_brake import BrakeSetting
from longcode.entrypoints import container
from longcode.entrypoints.config import Settings, WebhookSettings
from longcode.telnyx import webhook_settings
from longcode.telnyx.filter_codes import is_filtered
from longcode.use_cases.tag_brakes import Brakes
from tests.support import contract
from tests.support.fakes.api_keys import FakeApiKeys
from tests.support.fakes.brakes import FakeBrakes
from tests.support.fakes.carriers import FakeCarriers
from tests.support.fakes.clock import FakeClock, FakeContext
from tests.support.fakes.counters import FakeCounters
from tests.support.fakes.deliveries import FakeDeliveryLog, FakeDeliveryQueue, FakeReceivers
from tests.support.fakes.departures import FakeDepartures
from tests.support.fakes.event_bus import FakeEventBus
from tests.support.fakes.finder import FakeFinder
from tests.support.fakes.gateway import API_KEY_ID, Reply, call
from tests.support.fakes.heartbeat import FakeHeartbeat
from tests.support.fakes.limits import FakeLimits
from tests.support.fakes.logger import FakeLogger
from tests.support.fakes.media import FakeMediaBucket, FakeMediaJobs, FakeMediaNotes
from tests.support.fakes.messages import FakeMessages
from tests.support.fakes.metrics import FakeMetrics
from tests.support.fakes.optouts import FakeOptOuts
from tests.support.fakes.outbound import Names
from tests.support.fakes.provider import FakeProvider, Text
from tests.support.fakes.queue import DeadLetters, FakeQueue, Mapping
from tests.support.fakes.registrations import FakeRegistrations
from tests.support.fakes.same_words import FakeSameWords
from tests.support.fakes.subscriptions import FakeSubscriptions
from tests.support.fakes.webhooks import Signer, receipt

__all__ = [
    "OURS",
    "ROOT",
    "SIGNER",
    "THEIRS",
    "WEBHOOK_URL",
    "FakeBrakes",
    "FakeCarriers",
    "FakeClock",
    "FakeContext",
    "FakeCounters",
    "FakeDeliveryLog",
    "FakeDeliveryQueue",
    "FakeEventBus",
    "FakeFinder",
    "FakeHeartbeat",
    "FakeLimits",
    "FakeLogger",
    "FakeMessages",
    "FakeMetrics",
    "FakeOptOuts",
    "FakeProvider",
    "FakeQueue",
    "FakeReceivers",
    "FakeRegistrations",
    "FakeSubscriptions",
    "Mapping",
    "Names",
    "Reply",
    "Signer",
    "World",
    "app",
    "call",
    "make_service",
    "make_settings",
    "make_world",
]

ROOT = Path(__file__).resolve().parents[3]
OURS = "+12025550100"
THEIRS = "+12025550123"
WEBHOOK_URL = "https://example.com/webhooks/message"

SIGNER = Signer()


# Any: the name and type of each setting.
def make_settings(**changes: Any) -> Settings:
    """Settings as the template's defaults have them."""
    return replace(
        Settings(
            messages_table="messages",
            limits_table="limits",
            event_bus="long-code-sms",
            queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/send.fifo",
            bulk_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/bulk.fifo",
            dead_letter_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/dead.fifo",
            unpublished_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/unpublished",
            secret_id="telnyx",
            public_keys=(webhook_settings.public_key(SIGNER.public),),
            long_code=OURS,
            environment="test",
            monitoring="basic",
            provider_url="https://provider.invalid/v2",
            webhook_url=WEBHOOK_URL,
            recipient_interval_ms=1000,
            recipient_limits=(),
            sender_segment_ms=0,
            account_segment_ms=0,
            campaign=CampaignSettings(),
            number_lookup="off",
            quiet_hours=None,
            tag_brake=BrakeSetting.parse("50:20,10,2"),
            max_pending_per_recipient=100,
            allowed_destinations=destinations.own_country(OURS),
            daily_texts_per_key=10_000,
            validity_minutes=1440,
            retention_days=90,
            ambiguous_sends="resolve",
            store_text="always",
            hold_on_unclear=False,
            status_events="all",
            webhook_sources=(),
            stack_key_id=API_KEY_ID,
            webhooks=WebhookSettings(
                "webhooks",
                delivery_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/deliveries.fifo",
            ),
        ),
        **changes,
    )


@cache
def app(function: str) -> ModuleType:
    """The module functions/<function>/app.py; there are several of that name, so it is loaded by its path."""
    name = f"functions_{function}_app"
    spec = importlib.util.spec_from_file_location(name, ROOT / "functions" / function / "app.py")
    assert spec, f"There is no function {function!r}."
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@dataclass
class World:
    """The service and all that surrounds it, in memory and in virtual time."""

    settings: Settings
    clock: FakeClock
    messages: FakeMessages
    limits: FakeLimits
    carriers: FakeCarriers
    registrations: FakeRegistrations
    optouts: FakeOptOuts
    queue: FakeQueue
    bulk_queue: FakeQueue
    event_bus: FakeEventBus
    counters: FakeCounters
    heartbeat: FakeHeartbeat
    unpublished: FakeQueue
    provider: FakeProvider
    metrics: FakeMetrics
    logger: FakeLogger
    service: container.Service
    signer: Signer = field(default_factory=lambda: SIGNER)

    def handler(self, function: str) -> container.Handler:
        """The Lambda handler of a function over this world."""
        made: container.Handler = app(function).handler(self.service)
        return made

    def invoke(self, function: str, event: object, timeout_ms: int = 29_000) -> Any:
        """Invoke a function with an event as it is."""
        return self.handler(function)(event, FakeContext(self.clock, timeout_ms))

    def request(self, function: str, method: str, resource: str, body: object = None, **more: Any) -> Reply:
        """Call a route; `more` as gateway.call takes it. Its answer has to be as the OpenAPI document says."""
        event = call(method, resource, body, **more)
        reply = Reply.of(self.invoke(function, event))
        contract.expect_described(method, resource, event["path"], reply.status, reply.fields, reply.headers)
        return reply

    @property
    def finder(self) -> FakeFinder:
        """The indexes that messages are found by."""
        made = self.service.finder
        assert isinstance(made, FakeFinder)
        return made

    @property
    def brakes(self) -> FakeBrakes:
        """The counts and pauses of tags and carriers."""
        made = self.service.brakes.store
        assert isinstance(made, FakeBrakes)
        return made

    @property
    def api_keys(self) -> FakeApiKeys:
        """What keys other than the stack's own may do."""
        made = self.service.api_keys
        assert isinstance(made, FakeApiKeys)
        return made

    # ------------------------------------------------------------------------------- the six routes

    def send(self, to: str = THEIRS, message: str = "Hello", *, key: str | None = None, **fields: Any) -> Reply:
        """POST /sms/send."""
        headers = {"Idempotency-Key": key} if key is not None else None
        body = {"to": to, "message": message, **fields}
        return self.request("send", "POST", "/sms/send", body, headers=headers)

    def enqueue(self, to: str = THEIRS, message: str = "Hello", *, key: str | None = None, **fields: Any) -> Reply:
        """POST /sms/queue."""
        headers = {"Idempotency-Key": key} if key is not None else None
        body = {"to": to, "message": message, **fields}
        self.clock.pass_ms(1)  # no two requests of a caller come in the same millisecond
        return self.request("queue", "POST", "/sms/queue", body, headers=headers)

    def process(self) -> Reply:
        """POST /sms/queue/process."""
        return self.request("process", "POST", "/sms/queue/process")

    def status(self, ident: str) -> Reply:
        """GET /sms/status/{id}."""
        return self.request("status", "GET", "/sms/status/{id}", parameters={"id": ident})

    def health(self) -> Reply:
        """GET /health."""
        return self.request("health", "GET", "/health")

    def webhook(self, body: bytes, *, path_id: str | None = None, signer: Signer | None = None) -> Reply:
        """POST /webhooks/message, signed now; with `path_id` on that message's own address."""
        headers = (signer or self.signer).headers(body, self.clock.now_ms())
        resource = "/webhooks/message/{message_id}" if path_id else "/webhooks/message"
        parameters = {"message_id": path_id} if path_id else None
        return self.request("webhook", "POST", resource, body, parameters=parameters, headers=headers)

    def report(self, after_ms: int = 500) -> None:
        """Have the provider report on each text that it takes from now on, so long after it took it."""

        def finalized(text: Text) -> None:
            self.provider.finish(text.key, text.ends, *text.ends_for)
            reply = self.webhook(receipt(text, text.ends, self.clock.now_ms(), faults=text.ends_for))
            assert reply.status == 200, reply.fields

        self.provider.on_taken = lambda text: self.clock.at(
            self.clock.now_ms() + after_ms, lambda: finalized(text)
        )

    # ------------------------------------------------------------------------------- behind the API

    def mapping(self, priority: Priority = Priority.TRANSACTIONAL, **options: Any) -> Mapping:
        """The event source mapping between a queue and the consumer."""
        queue = self.bulk_queue if priority is Priority.BULK else self.queue
        return Mapping(queue, self.handler("consumer"), **options)

    def consume(self, priority: Priority = Priority.TRANSACTIONAL, **options: Any) -> Mapping:
        """Let the consumer empty a queue, in virtual time; `options` as Mapping.run takes them."""
        made = self.mapping(priority)
        made.run(**options)
        return made

    def reconcile(self) -> int:
        """One run of the reconciler; how many messages it looked at."""
        looked: int = self.invoke("reconciler", {"source": "aws.events"}, timeout_ms=60_000)["looked"]
        return looked


def _messages(settings: Settings, clock: FakeClock) -> FakeMessages:
    keep_text = settings.store_text == "always"
    return FakeMessages(validity_minutes=settings.validity_minutes, keep_text=keep_text, now_ms=clock.now_ms)


# Any: the parts that a caller puts in the place of ours, by the names that container.Service has for them.
def make_world(settings: Settings | None = None, **parts: Any) -> World:
    """A world over `settings`; `parts` (clock, messages, limits, queue, provider, …) replace the fakes."""
    settings = settings or make_settings()
    clock = parts.setdefault("clock", FakeClock())
    messages = parts.setdefault("messages", _messages(settings, clock))
    optouts = parts.setdefault("optouts", FakeOptOuts())
    carriers = parts.setdefault("carriers", FakeCarriers())
    limits = parts.setdefault("limits", FakeLimits(optouts, carriers, hold_on_unclear=settings.hold_on_unclear))
    registrations = parts.setdefault("registrations", FakeRegistrations(limits))
    parts.setdefault("departures", FakeDepartures(limits))
    parts.setdefault("same_words", FakeSameWords())
    parts.setdefault("api_keys", FakeApiKeys())
    parts.setdefault("subscriptions", FakeSubscriptions())
    parts.setdefault("delivery_queue", FakeDeliveryQueue(clock))
    parts.setdefault("delivery_log", FakeDeliveryLog())
    parts.setdefault("outbound", Names().client())
    parts.setdefault("media_web", parts["outbound"])
    parts.setdefault("media_bucket", FakeMediaBucket())
    parts.setdefault("media_notes", FakeMediaNotes(messages))
    parts.setdefault("media_jobs", FakeMediaJobs(clock))
    queue = parts.setdefault("queue", FakeQueue(clock))
    bulk_queue = parts.setdefault("bulk_queue", FakeQueue(clock, name="bulk.fifo"))
    event_bus = parts.setdefault("event_bus", FakeEventBus())
    counters = parts.setdefault("counters", FakeCounters())
    heartbeat = parts.setdefault("heartbeat", FakeHeartbeat())
    unpublished = parts.setdefault("unpublished", FakeQueue(clock))
    parts.setdefault("dead_letters", DeadLetters(queue))
    provider = parts.setdefault("provider", FakeProvider(clock))
    metrics = parts.setdefault("metrics", FakeMetrics())
    logger = parts.setdefault("logger", FakeLogger())
    parts.setdefault("finder", FakeFinder(messages))
    parts.setdefault("parallel", clock.side_by_side)
    parts.setdefault("brakes", Brakes(limits.brakes, settings.tag_brake, is_filtered, clock, metrics, logger))
    service = container.Service(settings, **parts)
    return World(
        settings, clock, messages, limits, carriers, registrations, optouts, queue, bulk_queue, event_bus,
        counters, heartbeat, unpublished, provider, metrics, logger, service,
    )  # fmt: skip


def make_service(settings: Settings | None = None, **parts: Any) -> container.Service:
    """The service of `make_world` alone."""
    return make_world(settings, **parts).service
