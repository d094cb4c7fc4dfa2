"""The provider's codes for texts that a filter stopped, or that carriers refused for how we send."""

# What they mean is in error_codes. That many texts fail by one of these says that the campaign is what is refused.
# Source: developers.telnyx.com, "Messaging Error Codes", as error_codes.

from longcode.domain.message import Fault

FILTERED = frozenset(("40002", "40011", "40015", "40016", "40017", "40018", "40019", "40020"))


def is_filtered(fault: Fault) -> bool:
    """Whether a fault is one of these."""
    return fault.code in FILTERED
