"""The brakes of campaigns over the settings of a service: a part of `container`."""

from typing import TYPE_CHECKING

from longcode.aws import clients
from longcode.aws.tag_brakes import DynamoBrakes
from longcode.telnyx.filter_codes import is_filtered
from longcode.use_cases.tag_brakes import Brakes

if TYPE_CHECKING:
    from longcode.entrypoints.container import Service


def make_brakes(service: "Service") -> Brakes:
    """The brakes, which count nothing where TagBrake is empty."""
    settings = service.settings
    store = DynamoBrakes(clients.dynamodb(), settings.limits_table, settings.messages_table, sleep=service.sleep)
    return Brakes(store, settings.tag_brake, is_filtered, service.clock, service.metrics, service.logger)
