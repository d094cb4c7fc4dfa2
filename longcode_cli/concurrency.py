"""Whether the account lets as many functions run side by side as a stack asks for."""

from collections.abc import Mapping
from typing import Any

from longcode_cli import template

# What the API and the webhooks are left with. Lambda itself keeps as much free of any reservation.
FREE = 100
_CONSUMER = "ConsumerConcurrency"


def wanted(parameters: Mapping[str, str]) -> int:
    """How many concurrent executions the account should have for a stack with these parameters."""
    defaults, names = template.defaults(), (_CONSUMER, "BulkConcurrency", "WebhookConcurrency")
    return FREE + sum(int(parameters.get(name) or defaults[name]) for name in names)


# Any: a boto3 client.
def limit(functions: Any) -> int:
    """How many the account may have in this region."""
    return int(functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"])


def short(have: int, parameters: Mapping[str, str]) -> tuple[str, str] | None:
    """What is wrong and what to do, where the account has too few; None where it has enough."""
    want, consumer = wanted(parameters), int(parameters.get(_CONSUMER) or template.defaults()[_CONSUMER])
    if have >= want:
        return None
    return (
        f"The account may run {have} functions side by side, and this stack wants {want}: the queue alone can use "
        "them up, and the API then answers 500, webhooks too.",
        "Have it raised (Service Quotas, AWS Lambda, Concurrent executions), or lower ConsumerConcurrency to "
        f"{max(2, have - (want - consumer))}.",
    )
