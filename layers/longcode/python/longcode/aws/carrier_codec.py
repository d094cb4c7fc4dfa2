"""What is known of carriers in the items of the limits table, read as the domain has it."""

# A module of its own, as the webhook has no use for the rest of limits_codec.

from dataclasses import fields
from typing import Any

from longcode.domain.campaign import CampaignFacts
from longcode.domain.carriers import Carrier, CarrierStop, Subscription
from longcode.domain.status import HeldBy


# Any: an item is whatever JSON the table holds.
def subscription(item: dict[str, Any]) -> Subscription | None:
    """The carrier of the recipient whose item it is, None if nothing is known of it."""
    if "carrier" not in item:
        return None
    # A later release may know more of them.
    carrier = Carrier(item["carrier"]) if item["carrier"] in set(Carrier) else Carrier.OTHER
    return Subscription(carrier, str(item.get("line_type", "")), int(item["carrier_seen"]))


def campaign(item: dict[str, Any]) -> CampaignFacts | None:
    """What the provider reported of the campaign of the sender whose item it is."""
    reported = item.get("campaign")
    if reported is None:
        return None
    # A later release may report more.
    ours = {each.name for each in fields(CampaignFacts)}
    words = {name: value for name, value in reported.items() if name in ours and isinstance(value, str)}
    att, day = (reported.get(name) for name in ("att_per_minute", "t_mobile_per_day"))
    return CampaignFacts(
        int(reported["read_ms"]),
        att_per_minute=None if att is None else int(att),
        t_mobile_per_day=None if day is None else int(day),
        **words,
    )


def carrier_stops(item: dict[str, Any]) -> tuple[CarrierStop, ...]:
    """Which carriers the sender sends nothing to, whether or not the stop is over."""
    return tuple(stop for carrier in Carrier if (stop := carrier_stop(item, carrier)))


def carrier_stop(item: dict[str, Any], carrier: Carrier) -> CarrierStop | None:
    """The last stop of one carrier, None if it never had one."""
    name = f"stop_{carrier}"
    if name not in item:
        return None
    times = int(item.get(f"{name}_times", 1))
    # A later release may hold texts for more.
    held_by = item[f"{name}_by"]
    held_by = HeldBy(held_by) if held_by in set(HeldBy) else HeldBy.PROVIDER_BACKOFF
    return CarrierStop(carrier, int(item[name]), held_by, times)
