"""Webhooks to the user's own URLs, made on demand as container.Service has all of its parts."""

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longcode.aws.clients import Sleep
    from longcode.entrypoints.config import Settings
    from longcode.use_cases.outbound_ports import Outbound
    from longcode.use_cases.subscription_store import Subscriptions


class WebhookParts:
    """What container.Service has of webhook subscriptions and of calls to the URLs of users."""

    settings: "Settings"
    sleep: "Sleep"

    @cached_property
    def subscriptions(self) -> "Subscriptions":
        """The webhook subscriptions."""
        from longcode.aws import clients
        from longcode.aws.subscriptions import DynamoSubscriptions

        return DynamoSubscriptions(clients.dynamodb(), self.settings.webhooks.table, sleep=self.sleep)

    @cached_property
    def outbound(self) -> "Outbound":
        """Calls to URLs that a user gave."""
        from longcode.outbound.client import GuardedClient

        return GuardedClient(allow_loopback=self.settings.webhooks.allow_loopback)
