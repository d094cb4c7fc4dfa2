"""API keys: what kind each is, and what it may do."""

from dataclasses import dataclass, field
from enum import StrEnum

from longcode.domain import phone

# Numbers on a guest list.
GUESTS_MOST = 100


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

    `guests` are the numbers that a key of the kind guest-list may text, each in the one form of
    `phone.canonical`. `expires_ms` is the end of a key that was rotated or revoked, None of one that has none.
    `owner_id` is the id of the first key of those that were rotated into one another, empty of that first one.
    """

    id: str
    name: str
    kind: KeyKind
    scopes: frozenset[Scope]
    created_ms: int
    guests: frozenset[str] = field(default_factory=frozenset)
    expires_ms: int | None = None
    owner_id: str = ""

    @property
    def owner(self) -> str:
        """Who calls with it: the same before and after a rotation, so that a request can be repeated across it."""
        return self.owner_id or self.id

    def ended(self, now_ms: int) -> bool:
        """Whether its time is over."""
        return self.expires_ms is not None and now_ms >= self.expires_ms

    def may_text(self, number: str) -> bool:
        """Whether it may ask for a text to `number` (E.164)."""
        return self.kind is not KeyKind.GUEST_LIST or phone.canonical(number) in self.guests
