"""How a simulated account is set up."""

from dataclasses import dataclass

PROFILE_ID = "4001a0ca-51b3-4c2e-9d7f-0c5a1e2b7f10"
ORGANIZATION_ID = "b448f9cc-0d5e-4f6a-8c9b-7e1d2a3c4b50"


@dataclass(slots=True)
class Settings:
    """How this provider behaves. Times are seconds; `rate_limit` is requests a second, 0: none."""

    api_key: str
    numbers: tuple[str, ...]
    webhook_url: str | None = None
    failover_url: str | None = None
    webhook_delay_s: float = 0.1
    latency_s: float = 0.02
    honour_idempotency: bool = True
    rate_limit: int = 0
    profile_id: str = PROFILE_ID
    # What may have been set otherwise in the portal.
    webhook_api_version: str = "2"
    profile_enabled: bool = True
    assigned: bool = True  # our numbers, to the profile
