"""Delivering events to webhook subscriptions: in order for each text, again and again for a day."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from longcode.domain import deliveries, signing, webhook_body
from longcode.domain.deliveries import Attempt, Delivery, DeliveryState, QueuedEvent
from longcode.domain.errors import Unavailable
from longcode.domain.message import Message
from longcode.domain.metrics import Metric
from longcode.domain.subscriptions import DisabledReason, Subscription
from longcode.use_cases import slow_receivers, store_failures
from longcode.use_cases.delivery_ports import DeliveryLog, DeliveryQueue, Received
from longcode.use_cases.outbound_ports import CallFailed, Outbound, UrlRefused
from longcode.use_cases.ports import Clock, Logger, Messages, Metrics, Parallel
from longcode.use_cases.slow_receivers import SlowReceivers
from longcode.use_cases.subscription_cache import SubscriptionCache
from longcode.use_cases.subscription_store import Subscriptions

CALL_S = 10.0
# A call that begins must end before the invocation does, and be noted.
_ROOM_MS = 12_000
_GONE = 410
# What only a later release can read, or what a store was needed for that did not answer, is looked at again then.
_NEWER_S, _UNAVAILABLE_S = 300, 15
# What a fault of ours stopped comes again then: by a release that has it put right, or with no better end.
_CRASHED_S = 300
# How often what another worker has noted meanwhile is read, and written anew.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class DeliverDependencies:
    """What delivering needs. `jitter` is a chance from 0 to 1."""

    cache: SubscriptionCache
    subscriptions: Subscriptions
    log: DeliveryLog
    queue: DeliveryQueue
    messages: Messages
    outbound: Outbound
    slow: SlowReceivers
    clock: Clock
    metrics: Metrics
    logger: Logger
    parallel: Parallel
    jitter: Callable[[], float]


def deliver_batch(received: Sequence[Received], deps: DeliverDependencies, deadline_ms: int) -> list[Received]:
    """Deliver what was received, groups side by side. Returns what is not done with and stays in the queue.

    Where one of a group has to wait, all behind it wait as long: they must not overtake it.
    """
    groups: dict[str, list[Received]] = {}
    for one in received:
        groups.setdefault(one.group, []).append(one)
    batch: _Batch | None = None
    try:
        batch = _Batch.read(received, deps, deadline_ms)
    except Unavailable as exc:
        store_failures.note(exc, deps.metrics, deps.logger)
        for members in groups.values():
            _hide(members, _UNAVAILABLE_S, deps)
        return list(received)
    except Exception:
        # An item that can't be read must hold up its own group alone: each reads its own and finds out.
        deps.logger.exception("deliveries.unreadable")
    waiting: list[Received] = []
    deps.parallel(
        [partial(_deliver_group, members, batch, waiting, deps, deadline_ms) for members in groups.values()]
    )
    return waiting


def _deliver_group(
    members: Sequence[Received],
    batch: "_Batch | None",
    waiting: list[Received],
    deps: DeliverDependencies,
    deadline_ms: int,
) -> None:
    """Deliver the events of a group up to the first that has to wait; add that and the rest to `waiting`."""
    done = 0
    delay_s: int | None = None
    try:
        batch = batch or _Batch.read(members, deps, deadline_ms)
        while done < len(members) and (delay_s := batch.deliver(members[done])) is None:
            done += 1
    except Unavailable as exc:
        store_failures.note(exc, deps.metrics, deps.logger)
        delay_s = _UNAVAILABLE_S
    except Exception:
        # The one place that must survive anything: what the other groups have come to is still to be reported.
        deps.logger.exception("delivery.crashed", queue_id=members[done].queue_id)
        deps.metrics.count(Metric.CRASHED)
        delay_s = _CRASHED_S
    if delay_s is not None:
        waiting += members[done:]
        _hide(members[done:], delay_s, deps)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is known of a batch before its first call: what was noted of its events before, and their texts."""

    deps: DeliverDependencies
    deadline_ms: int
    known: Mapping[tuple[str, str], Delivery]
    texts: Mapping[str, Message]

    @classmethod
    def read(cls, received: Sequence[Received], deps: DeliverDependencies, deadline_ms: int) -> "_Batch":
        events = [one.event for one in received if one.event]
        known = deps.log.get([(event.subscription_id, event.event_id) for event in events]) if events else {}
        ids = list(dict.fromkeys(event.message_id for event in events if event.message_id))
        texts = {text.id: text for text in deps.messages.get_all(ids)} if ids else {}
        return cls(deps, deadline_ms, known, texts)

    def deliver(self, one: Received) -> int | None:
        """Deliver an event; for how many seconds it has to wait, None if it is done with."""
        event, deps = one.event, self.deps
        if event is None:
            return _unread(one, deps)
        known = self.known.get((event.subscription_id, event.event_id))
        if _is_done(one, event, known):
            # Only the queue did not hear of it.
            deps.logger.info("delivery.repeat", **_about(event))
            return None
        subscription = deps.cache.get(event.subscription_id)
        if subscription is None:
            deps.logger.warning("delivery.dropped", reason="no such subscription", **_about(event))
            return None
        if subscription.disabled:
            # Who disables it himself wants no more of it; otherwise it is lost, also where a worker died before
            # it had counted that the subscription was disabled.
            lost = subscription.disabled is not DisabledReason.REQUEST
            return self._give_up(event, known, "the subscription was disabled", lost=lost)
        if event.message_id and event.message_id not in self.texts:
            return self._give_up(event, known, "its text was erased")
        now = deps.clock.now_ms()
        if now + _ROOM_MS > self.deadline_ms:
            return 0
        if not deps.slow.may_call(subscription.id, now):
            return self._skip(one, event, known, now)
        return self._attempt(one, event, subscription, known)

    def _skip(self, one: Received, event: QueuedEvent, known: Delivery | None, now_ms: int) -> int | None:
        """Leave an event that its receiver would not answer to; for how many seconds."""
        age_ms = now_ms - one.sent_ms
        if age_ms >= deliveries.GIVE_UP_MS:
            return self._give_up(event, known, "the receiver did not answer in time for a day", lost=True)
        self.deps.logger.info("delivery.skipped", **_about(event))
        wait_ms = slow_receivers.wait_ms(age_ms) * (1 + deliveries.MOST_JITTER * self.deps.jitter())
        return math.ceil(wait_ms / 1000)

    def _attempt(
        self, one: Received, event: QueuedEvent, subscription: Subscription, known: Delivery | None
    ) -> int | None:
        deps = self.deps
        text = self.texts.get(event.message_id) if event.message_id else None
        attempt = _call(event, subscription, webhook_body.body(event.type, event.data, text), deps)
        now = deps.clock.now_ms()
        succeeded = attempt.status is not None and 200 <= attempt.status < 300
        deps.slow.note(subscription.id, failed=not succeeded, duration_ms=attempt.duration_ms, now_ms=now)
        if succeeded:
            deps.metrics.count(Metric.EVENTS_DELIVERED)
            self._note(event, known, attempt, DeliveryState.DELIVERED)
            # Another worker may have noted a failure of this very event.
            if subscription.failing_since_ms is not None or one.receives > 1:
                self._succeeds_again(subscription)
            return None
        deps.metrics.count(Metric.DELIVERY_ATTEMPTS_FAILED)
        disabled = self._fails(subscription, attempt, now, one.sent_ms)
        failures = (known.failures_since(one.sent_ms) if known else 0) + 1
        next_ms = deliveries.next_attempt_ms(failures, one.sent_ms, now, deps.jitter())
        if next_ms is None or disabled:
            if not self._note(event, known, attempt, DeliveryState.GAVE_UP):
                return _UNAVAILABLE_S
            deps.logger.warning("delivery.gave_up", failures=failures, **_about(event))
            deps.metrics.count(Metric.EVENTS_GIVEN_UP)
            return None
        self._note(event, known, attempt, DeliveryState.RETRYING, next_ms)
        return math.ceil((next_ms - now) / 1000)

    def _fails(self, subscription: Subscription, attempt: Attempt, now_ms: int, queued_ms: int) -> bool:
        """Note that deliveries to a subscription fail; whether it is disabled by that.

        Not by an event that was queued a moment ago: where there is one in days, the one before was given up, and
        this one's first attempt failed by chance.
        """
        deps = self.deps
        reason = DisabledReason.GONE if attempt.status == _GONE else DisabledReason.FAILING
        try:
            if reason is DisabledReason.FAILING:
                since_ms = subscription.failing_since_ms
                if since_ms is None or now_ms - since_ms >= deliveries.FAILING_MS:
                    # Also before it is disabled: another worker may have had a success since it was read.
                    found = deps.subscriptions.note_failing(subscription.id, attempt.at_ms)
                    if found is None:
                        deps.cache.forget()
                        return False
                    deps.cache.keep(found)
                    since_ms = found.failing_since_ms
                if since_ms is None or now_ms - since_ms < deliveries.FAILING_MS:
                    return False
                if now_ms - queued_ms < deliveries.FAILING_EVENT_MS:
                    return False
            first = deps.subscriptions.disable(subscription.id, reason)
            deps.cache.forget()
        except Unavailable as exc:
            # The next failure notes it.
            store_failures.note(exc, deps.metrics, deps.logger)
            return False
        if first:
            deps.logger.error("subscription.disabled", subscription_id=subscription.id, reason=reason.value)
            deps.metrics.count(Metric.SUBSCRIPTIONS_DISABLED)
        return True

    def _succeeds_again(self, subscription: Subscription) -> None:
        try:
            self.deps.subscriptions.note_success(subscription.id)
        except Unavailable as exc:
            store_failures.note(exc, self.deps.metrics, self.deps.logger)
        self.deps.cache.forget()

    def _give_up(self, event: QueuedEvent, known: Delivery | None, why: str, *, lost: bool = False) -> int | None:
        """Note that an event is not delivered, without a call. Until that is noted it waits, for so many seconds.

        By the note alone it is found and replayed.
        """
        attempt = Attempt(self.deps.clock.now_ms(), None, why, 0)
        if not self._note(event, known, attempt, DeliveryState.GAVE_UP):
            return _UNAVAILABLE_S
        self.deps.logger.warning("delivery.dropped", reason=why, **_about(event))
        if lost:
            self.deps.metrics.count(Metric.EVENTS_GIVEN_UP)
        return None

    def _note(
        self,
        event: QueuedEvent,
        known: Delivery | None,
        attempt: Attempt,
        state: DeliveryState,
        next_ms: int | None = None,
    ) -> bool:
        """Write an attempt down; whether it is. Without that it was made all the same."""
        deps = self.deps
        deps.logger.info(
            "delivery.attempt",
            state=state.value,
            status=attempt.status,
            error=attempt.error,
            duration_ms=attempt.duration_ms,
            **_about(event),
        )
        try:
            for _ in range(_TRIES):
                found = deps.log.save(deliveries.noted(event, known, attempt, state, next_ms), known)
                if found is None:
                    return True
                known = found
        except Unavailable as exc:
            store_failures.note(exc, deps.metrics, deps.logger)
        deps.logger.warning("delivery.unlogged", **_about(event))
        return False


def _unread(one: Received, deps: DeliverDependencies) -> int | None:
    if one.newer:
        deps.metrics.count(Metric.NEWER_VERSION)
        return _NEWER_S
    deps.logger.error("delivery.unreadable", queue_id=one.queue_id)
    deps.metrics.count(Metric.UNREADABLE)
    return None


def _is_done(one: Received, event: QueuedEvent, known: Delivery | None) -> bool:
    """Whether an event was delivered already: by this queue message, or before it by one that came twice."""
    if known is None or known.state is not DeliveryState.DELIVERED:
        return False
    return not event.replay or (one.receives > 1 and known.failures_since(one.sent_ms) > 0)


def _call(event: QueuedEvent, subscription: Subscription, content: bytes, deps: DeliverDependencies) -> Attempt:
    """Call the URL of a subscription as it is now."""
    at_ms = deps.clock.now_ms()
    headers = signing.headers(event.event_id, at_ms, content, subscription.valid_secrets(at_ms))
    status, error = None, None
    try:
        answer = deps.outbound.call(
            "POST", subscription.url, headers=headers, content=content, timeout_s=CALL_S, at_most=1024
        )
        status = answer.status
    except (CallFailed, UrlRefused) as exc:
        # It says why without the URL.
        error = str(exc)
    return Attempt(at_ms, status, error, deps.clock.now_ms() - at_ms)


def _hide(received: Sequence[Received], delay_s: int, deps: DeliverDependencies) -> None:
    try:
        deps.queue.hide(received, delay_s)
    except Unavailable as exc:
        # They show up when the queue's own time is over.
        store_failures.note(exc, deps.metrics, deps.logger)


def _about(event: QueuedEvent) -> dict[str, object]:
    return {
        "subscription_id": event.subscription_id,
        "event_id": event.event_id,
        "type": event.type,
        "message_id": event.message_id,
    }
