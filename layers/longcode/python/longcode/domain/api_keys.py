"""API keys: what kind each is, and what it may do."""

from dataclasses import dataclass, field
from enum import StrEnum


class Scope(StrEnum):
    """What a key may do. None of them includes another."""

    SEND = "send"
    READ = "read"
    ADMIN = "admin"


class KeyKind(StrEnum):
    """Whom the texts of a key reach: everyone, the numbers on its guest list, or no one."""

    LIVE = "live"
    GUEST_LIST = "guest-list"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as the table has it, by the id that API Gateway gave it; never the key itself.

    `guests` are the numbers (E.164) that a key of the kind guest-list may text. `expires_ms` is the end of a key
    that was rotated, None of one that has none.
    """

    id: str
    name: str
    kind: KeyKind
    scopes: frozenset[Scope]
    created_ms: int
    guests: frozenset[str] = field(default_factory=frozenset)
    expires_ms: int | None = None
