"""The tables and the event bus of the service, made on demand as container.Service has all of its parts."""

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longcode.aws.clients import Sleep
    from longcode.entrypoints.config import Settings
    from longcode.use_cases import ports, publish_ports
    from longcode.use_cases.carrier_store import Carriers
    from longcode.use_cases.registration_store import Registrations


class StoreParts:
    """What container.Service has of stores, and of what is published from them."""

    settings: "Settings"
    sleep: "Sleep"

    @cached_property
    def messages(self) -> "ports.Messages":
        from longcode.aws import clients
        from longcode.aws.messages import DynamoMessages

        settings = self.settings
        return DynamoMessages(
            clients.dynamodb(),
            settings.messages_table,
            retention_days=settings.retention_days,
            validity_minutes=settings.validity_minutes,
            keep_text=settings.store_text == "always",
            sleep=self.sleep,
        )

    @cached_property
    def finder(self) -> "ports.Finder":
        from longcode.aws import clients
        from longcode.aws.search_index import DynamoFinder

        table, days = self.settings.messages_table, self.settings.retention_days
        return DynamoFinder(clients.dynamodb(), table, retention_days=days, sleep=self.sleep)

    @cached_property
    def limits(self) -> "ports.Limits":
        from longcode.aws import clients
        from longcode.aws.limits import DynamoLimits

        settings = self.settings
        return DynamoLimits(
            clients.dynamodb(),
            settings.limits_table,
            settings.messages_table,
            account_limited=settings.account_segment_ms > 0,
            hold_on_unclear=settings.hold_on_unclear,
            sleep=self.sleep,
        )

    @cached_property
    def carriers(self) -> "Carriers":
        from longcode.aws import clients
        from longcode.aws.carriers import DynamoCarriers

        return DynamoCarriers(clients.dynamodb(), self.settings.limits_table, sleep=self.sleep)

    @cached_property
    def registrations(self) -> "Registrations":
        from longcode.aws import clients
        from longcode.aws.registrations import DynamoRegistrations

        return DynamoRegistrations(clients.dynamodb(), self.settings.limits_table)

    @cached_property
    def optouts(self) -> "ports.OptOuts":
        from longcode.aws import clients
        from longcode.aws.opt_outs import DynamoOptOuts

        return DynamoOptOuts(clients.dynamodb(), self.settings.messages_table, sleep=self.sleep)

    @cached_property
    def counters(self) -> "publish_ports.Counters":
        from longcode.aws import clients
        from longcode.aws.counters import DynamoCounters

        return DynamoCounters(clients.dynamodb(), self.settings.messages_table, sleep=self.sleep)

    @cached_property
    def heartbeat(self) -> "publish_ports.Heartbeat":
        from longcode.aws import clients
        from longcode.aws.heartbeat import DynamoHeartbeat

        return DynamoHeartbeat(clients.dynamodb(), self.settings.messages_table)

    @cached_property
    def event_bus(self) -> "publish_ports.EventBus":
        from longcode.aws import clients
        from longcode.aws.event_bus import EventBridgeBus

        return EventBridgeBus(clients.events(), self.settings.event_bus, sleep=self.sleep)
