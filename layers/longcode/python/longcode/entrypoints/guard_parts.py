"""The parts of the service that guard people, made on demand as container.Service has all of its parts."""

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longcode.domain.send_request import SendRequest
    from longcode.entrypoints.config import Settings
    from longcode.entrypoints.container import Service
    from longcode.use_cases.duplicate_store import Guard, SameWords
    from longcode.use_cases.duplicates import Duplicates
    from longcode.use_cases.media_check import MediaCheck
    from longcode.use_cases.recipient_store import Departures


class GuardParts:
    """What container.Service has of limits for a recipient, and against the same words twice."""

    settings: "Settings"

    @cached_property
    def departures(self) -> "Departures":
        """When the last texts left to a recipient."""
        from longcode.aws import clients
        from longcode.aws.recipient_limits import DynamoDepartures

        return DynamoDepartures(clients.dynamodb(), self.settings.limits_table)

    @cached_property
    def same_words(self) -> "SameWords":
        """Which text has which words."""
        from longcode.aws import clients
        from longcode.aws.duplicates import DynamoSameWords

        return DynamoSameWords(clients.dynamodb(), self.settings.limits_table)


def duplicates(service: "Service") -> "Duplicates":
    """The guard against the same words to the same number twice."""
    from longcode.use_cases.duplicates import Duplicates

    return Duplicates(service.same_words, service.messages, service.clock, service.metrics, service.logger)


def guard(service: "Service", wanted: "SendRequest") -> "Guard":
    """What a text has to pass before it is stored: as long as it asks for nothing, nothing more is loaded."""
    from longcode.use_cases.duplicate_store import unguarded

    window_s = wanted.refuse_duplicates_s
    inner = unguarded if window_s is None else duplicates(service).for_window(window_s)
    return media_check(service).guard(inner) if wanted.media_urls else inner


def media_check(service: "Service") -> "MediaCheck":
    """The look at what a text carries."""
    from longcode.use_cases.media_check import MediaCheck

    return MediaCheck(service.outbound, service.parallel, service.clock)
