"""The composition root: the only place that knows which adapter stands behind which port."""

import logging
import os
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from longcode.domain.errors import Crashed, LongCodeError, Unavailable
from longcode.domain.metrics import Metric
from longcode.domain.priority import Priority
from longcode.entrypoints import api
from longcode.entrypoints.config import Settings, provider_key
from longcode.entrypoints.delivery_parts import DeliveryParts
from longcode.entrypoints.guard_parts import GuardParts, guard
from longcode.entrypoints.media_parts import MediaParts
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.entrypoints.store_parts import StoreParts
from longcode.entrypoints.system_clock import SystemClock
from longcode.entrypoints.test_parts import ModeParts
from longcode.entrypoints.webhook_parts import WebhookParts

if TYPE_CHECKING:
    from longcode.aws.observability import FewMetrics, LambdaLogger, LambdaMetrics
    from longcode.aws.queue import SqsQueue
    from longcode.domain import pacing
    from longcode.domain.message import Message
    from longcode.domain.smart_encoding import Replaced
    from longcode.use_cases import batch_results, ports, queue_ports, reconcile, send_attempt
    from longcode.use_cases.campaign import CampaignReader
    from longcode.use_cases.cancel import Canceller
    from longcode.use_cases.duplicate_store import Guard
    from longcode.use_cases.quota import Quota
    from longcode.use_cases.tag_brakes import Brakes

# Any: a Lambda event, context and answer are whatever their trigger makes them.
Handler = Callable[[Any, Any], Any]

# Kept free at the end of an invocation, for the answer itself.
_MARGIN_MS = 2_000


class Service(StoreParts, GuardParts, ModeParts, WebhookParts, DeliveryParts, MediaParts):
    """Every part of the service, made on demand from the settings; `parts` replaces any of them, as in tests.

    A part is made and imports what it needs when it is first asked for, so that a function pays at its cold start
    for no more than it uses. A function asks for all that it will surely need while it starts: see `start`.
    """

    def __init__(self, settings: Settings, **parts: object) -> None:
        self.settings = settings
        # A cached property gives way to what the instance already has under its name.
        vars(self).update(parts)

    @cached_property
    def clock(self) -> "ports.Clock":
        return SystemClock()

    @cached_property
    def logger(self) -> "LambdaLogger":
        from longcode.aws.observability import LambdaLogger

        return LambdaLogger(one_line=self.settings.monitoring == "basic")

    @cached_property
    def metrics(self) -> "FewMetrics | LambdaMetrics":
        from longcode.aws.observability import FewMetrics, LambdaMetrics

        if self.settings.monitoring == "full":
            return LambdaMetrics(self.settings.environment)
        return FewMetrics(self.settings.environment, self.logger)

    @cached_property
    def brakes(self) -> "Brakes":
        from longcode.entrypoints.brake_parts import make_brakes

        return make_brakes(self)

    @cached_property
    def queue(self) -> "queue_ports.Queue":
        return self._sqs_queue(self.settings.queue_url)

    @cached_property
    def bulk_queue(self) -> "queue_ports.Queue":
        return self._sqs_queue(self.settings.bulk_queue_url)

    @cached_property
    def queues(self) -> "queue_ports.Queues":
        from longcode.use_cases.queue_ports import Queues

        return Queues(self.queue, self.bulk_queue)

    @cached_property
    def dead_letters(self) -> "queue_ports.Depth":
        return self._sqs_queue(self.settings.dead_letter_queue_url)

    @cached_property
    def unpublished(self) -> "queue_ports.Depth":
        return self._sqs_queue(self.settings.unpublished_queue_url)

    def _sqs_queue(self, url: str) -> "SqsQueue":
        from longcode.aws import clients
        from longcode.aws.queue import SqsQueue

        return SqsQueue(clients.sqs(), url, sleep=self.sleep)

    @cached_property
    def provider(self) -> "ports.Provider":
        from longcode.outbound import transport
        from longcode.telnyx.client import Telnyx

        # It logs each URL, and some have a number in them.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        return Telnyx(transport.client(), self.settings.provider_url, self._api_key)

    @cached_property
    def explain(self) -> "ports.Explain":
        from longcode.telnyx import error_codes

        return error_codes.explain

    @cached_property
    def pace(self) -> "pacing.Pace":
        from longcode.domain.pacing import Pace

        settings = self.settings
        segments = settings.sender_segment_ms, settings.account_segment_ms
        return Pace(settings.recipient_interval_ms, *segments, settings.recipient_limits)

    @cached_property
    def deps(self) -> "send_attempt.SendDependencies":
        from longcode.domain import pacing
        from longcode.use_cases.send_attempt import SendDependencies

        return SendDependencies(
            messages=self.messages,
            limits=self.limits,
            departures=lambda: self.departures,
            carriers=self.carriers,
            registrations=self.registrations,
            brakes=self.brakes,
            optouts=self.optouts,
            provider=self.provider,
            clock=self.clock,
            metrics=self.metrics,
            logger=self.logger,
            pace=self.pace,
            campaign=self.settings.campaign,
            quiet_hours=self.settings.quiet_hours,
            latency=pacing.Latency(),
            sender=self.settings.long_code,
            validity_ms=self.settings.validity_minutes * 60_000,
            policy=self.settings.ambiguous_sends,
            number_lookup=self.settings.number_lookup,
            explain=self.explain,
            new_id=lambda: str(uuid.uuid4()),
            jitter=random.random,
        )

    @cached_property
    def reconciler(self) -> "reconcile.Reconciler":
        from longcode.use_cases.gauges import Gauges
        from longcode.use_cases.reconcile import Reconciler
        from longcode.use_cases.replays import Replays
        from longcode.use_cases.webhook_watch import WebhookWatch

        gauges = Gauges(
            self.deps,
            self.queues,
            self.counters,
            self.heartbeat,
            self.dead_letters,
            self.unpublished,
            WebhookWatch(self.finder, self.messages),
        )
        return Reconciler(deps=self.deps, queues=self.queues, gauges=gauges, replays=Replays(self.deps))

    @cached_property
    def canceller(self) -> "Canceller":
        from longcode.use_cases.cancel import Canceller

        return Canceller(self.messages, self.finder, self.carriers, self.clock, self.metrics, self.logger)

    @cached_property
    def campaign_reader(self) -> "CampaignReader":
        from longcode.use_cases.campaign import CampaignReader

        return CampaignReader(self.deps)

    @cached_property
    def parallel(self) -> "ports.Parallel":
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(max_workers=10)

        def run(jobs: Sequence[Callable[[], None]]) -> None:
            for future in [pool.submit(job) for job in jobs]:
                future.result()

        return run

    def asked_for(self, request: Request, route: str) -> "tuple[Message, tuple[Replaced, ...], Guard]":
        """The message that a send or queue request asks for, what smart encoding replaced in it, and its guard.

        Raises InvalidRequest.
        """
        from longcode.domain import send_request
        from longcode.use_cases import enqueue

        settings = self.settings
        wanted = send_request.parse_send_request(request.json, settings.long_code, later=route == "queue")
        self.expect_listed(request, wanted.recipient)
        message = enqueue.new_message(
            wanted,
            route=route,
            sender=settings.long_code,
            caller=request.caller,
            key=send_request.idempotency_key(request.header("Idempotency-Key")),
            webhook_url=request.webhook_url(settings.webhook_url),
            quiet_hours=settings.quiet_hours,
            now_ms=self.clock.now_ms(),
        )
        message = self.in_mode(request, message)
        self.logger.bind(message_id=message.id)
        return message, wanted.replaced, guard(self, wanted)

    def quota(self, request: Request) -> "Quota":
        """The quota of this caller."""
        from longcode.use_cases.quota import Quota

        quota = Quota(
            limits=self.limits,
            metrics=self.metrics,
            logger=self.logger,
            allowed=self.settings.allowed_destinations,
            texts_per_key=self.settings.daily_texts_per_key,
            caller=request.caller_mark,
        )
        return self.counting(request, quota)

    # Any: Lambda's context object, which only the runtime makes.
    def deadline_ms(self, context: Any, at_most_ms: int) -> int:
        """When this invocation must have ended its work: its own time, or `at_most_ms` if that is sooner."""
        remaining = context.get_remaining_time_in_millis() - _MARGIN_MS if context else at_most_ms
        return self.clock.now_ms() + min(int(remaining), at_most_ms)

    def send_batch(
        self, priority: Priority, *, answered: bool
    ) -> "Callable[[int], Callable[[list[queue_ports.Envelope]], list[batch_results.Result]]]":
        """consume.send_batch, with everything but the deadline and the batch."""
        from longcode.use_cases.consume import send_batch

        deps, queue, parallel = replace(self.deps, priority=priority), self.queues.of(priority), self.parallel
        return lambda deadline_ms: (
            lambda envelopes: send_batch(envelopes, deps, queue, deadline_ms, parallel, answered=answered)
        )

    def api(self, serve: Callable[[Request], Response]) -> Handler:
        """The Lambda handler of a route, for calls that its scope allows."""
        parts, allowed = (self.logger, self.metrics, self.clock), self.checked(serve)
        return self.job(lambda event, _context: api.answer(event, allowed, *parts))

    def job(self, work: Handler) -> Handler:
        """The Lambda handler of `work`, which writes its metrics at the end whatever happened."""
        logger, metrics = self.logger, self.metrics

        def handle(event: Any, context: Any) -> Any:
            logger.begin(getattr(context, "aws_request_id", None))
            try:
                return work(event, context)
            except LongCodeError:
                raise
            except Exception as exc:
                logger.exception("job.crashed")
                metrics.count(Metric.CRASHED)
                raise Crashed(f"{type(exc).__name__}: see job.crashed in the log") from None
            finally:
                metrics.flush()

        return handle

    def sleep(self, seconds: float) -> None:
        """What the adapters wait by, between two tries of what a batch call has left out."""
        self.clock.sleep_until(self.clock.now_ms() + round(seconds * 1000))

    @cached_property
    def _api_key(self) -> Callable[[bool], str]:
        from longcode.aws import clients

        known: list[str] = []
        store = clients.secretsmanager()

        def read(fresh: bool) -> str:
            if fresh or not known:
                with clients.translated("The secret store"):
                    secret = store.get_secret_value(SecretId=self.settings.secret_id)
                try:
                    known[:] = [provider_key(secret["SecretString"])]
                except ValueError as exc:
                    raise Unavailable(f"The provider's API key {exc}; it") from None  # before a text is claimed
            return known[0]

        return read


def start(handler: Callable[[Service], Handler]) -> Handler:
    """The entry point of a function: `handler` over the real service.

    Inside Lambda it is made at once, while the function starts, and with it every part that `handler` asks for
    outside of the call that it returns. So a bad setting fails the start and names itself, and the first call
    finds the AWS clients made. Elsewhere, as where a test imports the function, it is made with the first call.
    """
    made: list[Handler] = []

    def entry(event: Any, context: Any) -> Any:
        if not made:
            made.append(handler(Service(Settings.from_env(os.environ))))
        return made[0](event, context)

    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        made.append(handler(Service(Settings.from_env(os.environ))))
    return entry
