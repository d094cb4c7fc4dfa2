"""Webhook subscriptions: which events go to which URL of the user's, signed with which secrets."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# All types of events.
EVERY = "*"
MOST_SUBSCRIPTIONS = 20


class DisabledReason(StrEnum):
    """Why nothing more is delivered: someone asked for it, its URL failed for days, or answered 410."""

    REQUEST = "by_request"
    FAILING = "failing"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret, `whsec_` and base64 of 32 bytes; `expires_ms` None for the one that does not end."""

    value: str
    expires_ms: int | None = None

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Secret(expires_ms={self.expires_ms})"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A URL that events are delivered to. `events` are the types, or EVERY alone.

    `failing_since_ms` is when deliveries began to fail without one that succeeded since, None while they succeed.
    """

    id: str
    url: str
    events: frozenset[str]
    secrets: tuple[Secret, ...]
    created_ms: int
    description: str = ""
    disabled: DisabledReason | None = None
    failing_since_ms: int | None = None

    def wants(self, event_type: str) -> bool:
        """Whether events of this type are delivered to it now."""
        return self.disabled is None and (EVERY in self.events or event_type in self.events)

    def valid_secrets(self, now_ms: int) -> Sequence[Secret]:
        """The secrets that a delivery is signed with now, the newest first."""
        return [one for one in self.secrets if one.expires_ms is None or one.expires_ms > now_ms]
