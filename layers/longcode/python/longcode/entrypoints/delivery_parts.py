"""Deliveries to the user's own URLs, made on demand as container.Service has all of its parts."""

import random
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longcode.aws.clients import Sleep
    from longcode.entrypoints.config import Settings
    from longcode.entrypoints.container import Service
    from longcode.use_cases.deliver import DeliverDependencies
    from longcode.use_cases.delivery_ports import DeliveryLog, DeliveryQueue
    from longcode.use_cases.fan_out import FanOut


class DeliveryParts:
    """What container.Service has of deliveries to webhook subscriptions."""

    settings: "Settings"
    sleep: "Sleep"

    @cached_property
    def delivery_queue(self) -> "DeliveryQueue":
        """The queue of events for subscriptions."""
        from longcode.aws import clients
        from longcode.aws.delivery_queue import SqsDeliveryQueue

        return SqsDeliveryQueue(clients.sqs(), self.settings.webhooks.delivery_queue_url, sleep=self.sleep)

    @cached_property
    def delivery_log(self) -> "DeliveryLog":
        """What became of each event at each subscription."""
        from longcode.aws import clients
        from longcode.aws.deliveries import DynamoDeliveryLog

        return DynamoDeliveryLog(clients.dynamodb(), self.settings.webhooks.table, sleep=self.sleep)


def fan_out(service: "Service") -> "FanOut | None":
    """What hands events to subscriptions; None where nothing is delivered."""
    if not service.settings.webhooks.delivery_queue_url:
        return None
    from longcode.use_cases.fan_out import FanOut
    from longcode.use_cases.subscription_cache import SubscriptionCache

    return FanOut(SubscriptionCache(service.subscriptions, service.clock), service.delivery_queue)


def deliver_dependencies(service: "Service") -> "DeliverDependencies":
    """What delivering needs."""
    from longcode.use_cases.deliver import DeliverDependencies
    from longcode.use_cases.slow_receivers import SlowReceivers
    from longcode.use_cases.subscription_cache import SubscriptionCache

    return DeliverDependencies(
        cache=SubscriptionCache(service.subscriptions, service.clock),
        subscriptions=service.subscriptions,
        log=service.delivery_log,
        queue=service.delivery_queue,
        messages=service.messages,
        outbound=service.outbound,
        slow=SlowReceivers(),
        clock=service.clock,
        metrics=service.metrics,
        logger=service.logger,
        parallel=service.parallel,
        jitter=random.random,
    )
