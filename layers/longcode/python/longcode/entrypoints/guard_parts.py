"""The parts of the service that guard people, made on demand as container.Service has all of its parts."""

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longcode.entrypoints.config import Settings
    from longcode.use_cases.recipient_store import Departures


class GuardParts:
    """What container.Service has of limits for a recipient."""

    settings: "Settings"

    @cached_property
    def departures(self) -> "Departures":
        """When the last texts left to a recipient."""
        from longcode.aws import clients
        from longcode.aws.recipient_limits import DynamoDepartures

        return DynamoDepartures(clients.dynamodb(), self.settings.limits_table)
