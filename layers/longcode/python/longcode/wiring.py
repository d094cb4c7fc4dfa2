"""The composition root: the only place that knows which adapter stands behind which port.

A `Service` makes each part when it is first asked for and imports what that part needs only then, so that a
function pays at its cold start for no more than it uses. A function asks for all that it will surely need while it
starts, not in its first call: see `start`. Tests hand in parts of their own.
"""

import logging
import os
import random
import time
import uuid
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from longcode import http
from longcode.config import Settings, carrier_key
from longcode.errors import Crashed, LongCodeError, Unavailable
from longcode.metrics import Metric

if TYPE_CHECKING:
    from longcode import attempt, lane, pacing, ports, sweep
    from longcode.guard import Guard
    from longcode.message import Message
    from longcode.observability import LambdaJournal, LambdaMeter

# Any: a Lambda event, context and answer are whatever their trigger makes them.
Handler = Callable[[Any, Any], Any]

# Kept free at the end of an invocation, for the answer itself.
_MARGIN_MS = 2_000


class SystemClock:
    """ports.Clock by the machine's own clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def sleep_until(self, at_ms: int) -> None:
        time.sleep(max(0.0, at_ms / 1000 - time.time()))


class Service:
    """Every part of the service, made on demand from the settings; `parts` replaces any of them."""

    def __init__(self, settings: Settings, **parts: object) -> None:
        self.settings = settings
        # A cached property gives way to what the instance already has under its name.
        vars(self).update(parts)

    @cached_property
    def clock(self) -> "ports.Clock":
        return SystemClock()

    @cached_property
    def journal(self) -> "LambdaJournal":
        from longcode.observability import LambdaJournal

        return LambdaJournal()

    @cached_property
    def meter(self) -> "LambdaMeter":
        from longcode.observability import LambdaMeter

        return LambdaMeter(self.settings.environment)

    @cached_property
    def messages(self) -> "ports.Messages":
        from longcode import aws
        from longcode.messages import DynamoMessages

        settings = self.settings
        return DynamoMessages(
            aws.dynamodb(),
            settings.messages_table,
            retention_days=settings.retention_days,
            validity_minutes=settings.validity_minutes,
            keep_text=settings.store_text == "always",
            sleep=self._sleep,
        )

    @cached_property
    def finder(self) -> "ports.Finder":
        from longcode import aws
        from longcode.finder import DynamoFinder

        return DynamoFinder(
            aws.dynamodb(), self.settings.messages_table, retention_days=self.settings.retention_days
        )

    @cached_property
    def limits(self) -> "ports.Limits":
        from longcode import aws
        from longcode.limits import DynamoLimits

        settings = self.settings
        return DynamoLimits(aws.dynamodb(), settings.limits_table, settings.messages_table, sleep=self._sleep)

    @cached_property
    def optouts(self) -> "ports.OptOuts":
        from longcode import aws
        from longcode.optouts import DynamoOptOuts

        return DynamoOptOuts(aws.dynamodb(), self.settings.messages_table)

    @cached_property
    def counters(self) -> "ports.Counters":
        from longcode import aws
        from longcode.counters import DynamoCounters

        return DynamoCounters(aws.dynamodb(), self.settings.messages_table, sleep=self._sleep)

    @cached_property
    def heartbeat(self) -> "ports.Heartbeat":
        from longcode import aws
        from longcode.heartbeat import DynamoHeartbeat

        return DynamoHeartbeat(aws.dynamodb(), self.settings.messages_table)

    @cached_property
    def bus(self) -> "ports.Bus":
        from longcode import aws
        from longcode.events import EventBridgeBus

        return EventBridgeBus(aws.events(), self.settings.event_bus, sleep=self._sleep)

    @cached_property
    def outbox(self) -> "ports.Outbox":
        from longcode import aws
        from longcode.outbox import SqsOutbox

        return SqsOutbox(aws.sqs(), self.settings.queue_url, sleep=self._sleep)

    @cached_property
    def dead_letters(self) -> "ports.Depth":
        from longcode import aws
        from longcode.outbox import SqsOutbox

        return SqsOutbox(aws.sqs(), self.settings.dead_letter_queue_url)

    @cached_property
    def unpublished(self) -> "ports.Depth":
        from longcode import aws
        from longcode.outbox import SqsOutbox

        return SqsOutbox(aws.sqs(), self.settings.unpublished_queue_url)

    @cached_property
    def carrier(self) -> "ports.Carrier":
        from longcode import transport
        from longcode.carrier import Telnyx

        # It logs each URL, and some have a number in them.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        return Telnyx(transport.client(), self.settings.carrier_url, self._api_key)

    @cached_property
    def pace(self) -> "pacing.Pace":
        from longcode.pacing import Pace

        settings = self.settings
        return Pace(settings.recipient_interval_ms, settings.sender_interval_ms, settings.account_interval_ms)

    @cached_property
    def desk(self) -> "attempt.Desk":
        from longcode import pacing
        from longcode.attempt import Desk

        return Desk(
            messages=self.messages,
            limits=self.limits,
            optouts=self.optouts,
            carrier=self.carrier,
            clock=self.clock,
            meter=self.meter,
            journal=self.journal,
            pace=self.pace,
            latency=pacing.Latency(),
            sender=self.settings.long_code,
            validity_ms=self.settings.validity_minutes * 60_000,
            policy=self.settings.ambiguous_sends,
            new_id=lambda: str(uuid.uuid4()),
            jitter=random.random,
        )

    @cached_property
    def sweeper(self) -> "sweep.Sweeper":
        from longcode.gauges import Gauges
        from longcode.sweep import Sweeper

        gauges = Gauges(self.desk, self.outbox, self.counters, self.heartbeat, self.dead_letters, self.unpublished)
        return Sweeper(desk=self.desk, outbox=self.outbox, gauges=gauges)

    @cached_property
    def parallel(self) -> "ports.Parallel":
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(max_workers=10)

        def run(jobs: Sequence[Callable[[], None]]) -> None:
            for future in [pool.submit(job) for job in jobs]:
                future.result()

        return run

    def asked_for(self, request: http.Request, route: str) -> "Message":
        """The message that a send or queue request asks for. Raises InvalidRequest."""
        from longcode import accept

        settings = self.settings
        message = accept.new_message(
            accept.draft(request.json, settings.long_code),
            route=route,
            sender=settings.long_code,
            caller=request.caller,
            key=accept.idempotency_key(request.header("Idempotency-Key")),
            webhook_url=request.webhook_url(settings.webhook_url),
            now_ms=self.clock.now_ms(),
        )
        self.journal.bind(message_id=message.id)
        return message

    def guard(self, request: http.Request) -> "Guard":
        """The guard before what this caller asks for."""
        from longcode.guard import Guard

        return Guard(
            limits=self.limits,
            meter=self.meter,
            journal=self.journal,
            allowed=self.settings.allowed_destinations,
            texts_per_key=self.settings.daily_texts_per_key,
            caller=request.caller_mark,
        )

    # Any: Lambda's context object, which only the runtime makes.
    def deadline_ms(self, context: Any, at_most_ms: int) -> int:
        """When this invocation must have ended its work: its own time, or `at_most_ms` if that is sooner."""
        remaining = context.get_remaining_time_in_millis() - _MARGIN_MS if context else at_most_ms
        return self.clock.now_ms() + min(int(remaining), at_most_ms)

    @cached_property
    def send_batch(self) -> "Callable[[int], Callable[[list[ports.Envelope]], list[lane.Result]]]":
        """deliver.send_batch, with everything but the deadline and the batch."""
        from longcode.deliver import send_batch

        desk, outbox, parallel = self.desk, self.outbox, self.parallel
        return lambda deadline_ms: lambda envelopes: send_batch(envelopes, desk, outbox, deadline_ms, parallel)

    def api(self, serve: Callable[[http.Request], http.Response]) -> Handler:
        """The Lambda handler of a route."""
        journal, meter, clock = self.journal, self.meter, self.clock
        return self.job(lambda event, _context: http.answer(event, serve, journal, meter, clock))

    def job(self, work: Handler) -> Handler:
        """The Lambda handler of `work`, which writes its metrics at the end whatever happened."""
        journal, meter = self.journal, self.meter

        def handle(event: Any, context: Any) -> Any:
            journal.begin(getattr(context, "aws_request_id", None))
            try:
                return work(event, context)
            except LongCodeError:
                raise
            except Exception as exc:
                journal.exception("job.crashed")
                meter.count(Metric.CRASHED)
                raise Crashed(f"{type(exc).__name__}: see job.crashed in the log") from None
            finally:
                meter.flush()

        return handle

    def _sleep(self, seconds: float) -> None:
        """What the adapters wait by, between two tries of what a batch call has left out."""
        self.clock.sleep_until(self.clock.now_ms() + round(seconds * 1000))

    @cached_property
    def _api_key(self) -> Callable[[bool], str]:
        from longcode import aws

        known: list[str] = []
        store = aws.secretsmanager()

        def read(fresh: bool) -> str:
            if fresh or not known:
                with aws.translated("The secret store"):
                    secret = store.get_secret_value(SecretId=self.settings.secret_id)
                try:
                    known[:] = [carrier_key(secret["SecretString"])]
                except ValueError as exc:
                    # To be found out before a text is claimed.
                    raise Unavailable(f"The carrier's API key {exc}; it") from None
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
