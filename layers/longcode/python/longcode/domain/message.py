"""A message, its statuses, and the order they may come in."""

import base64
import hashlib
import json
import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from longcode.domain import test_mode, visible
from longcode.domain.errors import IdempotencyMismatch
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy, Status

if TYPE_CHECKING:
    from longcode.domain.carriers import Subscription

# How many parts each group of the index by due time has: one key could not take every write.
DUE_PARTS = 8

# How many parts a tag and a day have in the indexes that texts are found by, for the same reason.
FIND_SHARDS = 8
MAX_TAG_CHARACTERS = 64
# What joins letters and emoji, and keeps others apart.
_JOINERS = frozenset("\u200c\u200d")

# A claim older than this is dead: the longest function timeout (60 s) and a margin for its clock.
CLAIM_MS = 75_000
# A text that was stored and may not have got into the queue is put there by the reconciler after this, while SQS
# still drops the second of two (5 minutes).
ENQUEUE_CHECK_MS = 60_000
# A queue message whose text is not in the table may have come before it: the API puts it into the queue first.
# Longer than the API's functions may run (30 s), with a margin for clocks.
UNSTORED_MS = 60_000
# The longest that ValidityMinutes allows a text to wait: 14 days.
LONGEST_VALIDITY_MS = 20_160 * 60_000
# A message keeps so many entries of its history; what comes later changes its status and leaves no entry.
KEPT_ENTRIES = 100
# For so long something may be learnt of a text that left, or may have: the provider's records go back ten days.
EVIDENCE_MS = 10 * 86_400_000
# Without a final receipt the provider's records are read after this.
RECEIPT_CHECK_MS = 15 * 60_000
# As an entry of the history has it that its caller changed it while it was held.
CHANGED = "changed"
# So much later than a claim is dead is the receipt of a text overdue that left with it. One entry of the index by
# due time stands for both moments.
RECEIPT_AFTER_CLAIM_MS = RECEIPT_CHECK_MS - CLAIM_MS


# What is known of a medium that came with a text: the provider's words (`url`, `content_type`, `size`, `sha256`).
# Once it was fetched, or never will be, `stored` says whether we have it. If so the others are ours; if not,
# `problem` says why.
type MediaRow = Mapping[str, str | bool]


class DueGroup(IntEnum):
    """The groups of the index by due time. Those of one group may be so many that others would have to wait."""

    # In doubt, or perhaps not in the queue.
    URGENT = 0
    # The provider has it, and its records were read. Or a test text that waits in the queue: what is read of the
    # first of QUEUED and EXPIRING is about live ones.
    RECEIPT = 1
    # Waits in the queue, and needs no look before it expires: the first of each part is the oldest.
    QUEUED = 2
    # Claimed. Once it has left its entry stays as it is until the final receipt, which mostly takes seconds.
    CLAIMED = 3
    # Held until its time. All texts of one recipient are in one part: see `held_shard`.
    HELD = 4
    # As QUEUED, of a text with an `expires_ms` of its own: those are in no order of acceptance.
    EXPIRING = 5
    # As HELD, of the priority bulk.
    HELD_BULK = 6

    @property
    def shards(self) -> range:
        """The numbers of its parts."""
        return range(self * DUE_PARTS, (self + 1) * DUE_PARTS)


DUE_SHARDS = len(DueGroup) * DUE_PARTS
HELD_GROUPS = {Priority.TRANSACTIONAL: DueGroup.HELD, Priority.BULK: DueGroup.HELD_BULK}


class Place(NamedTuple):
    """A text's place in its recipient queue: by when it may leave, and of one moment by acceptance.

    Both are epoch milliseconds.
    """

    ready_ms: int
    accepted_ms: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason that a message carries for not having arrived, in the provider's words or ours."""

    code: str
    title: str
    detail: str = ""
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a message's history. `at_ms` is epoch milliseconds."""

    at_ms: int
    status: str
    source: Literal["api", "consumer", "webhook", "reconciler", "operator"]
    note: str | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A text and all that is known of it. Times are epoch milliseconds."""

    id: str
    direction: Literal["outbound", "inbound"]
    status: Status
    sender: str
    recipient: str
    # None once it was removed: see the setting StoreText.
    text: str | None
    accepted_ms: int
    updated_ms: int
    route: Literal["send", "queue", "webhook"]
    segments: int
    metadata: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    webhook_url: str = ""
    # When the caller wants it sent; and the moment before which it does not leave, which is that or the end of
    # quiet hours. From `expires_ms` on it is not sent, whatever ValidityMinutes says.
    send_at_ms: int | None = None
    not_before_ms: int | None = None
    expires_ms: int | None = None
    # What its sender called it, and the recipient's zones, with commas between, if it keeps quiet hours.
    category: Literal["transactional", "marketing"] | None = None
    # Which of the two queues it waits in, and which share of the limits it has.
    priority: Priority = Priority.TRANSACTIONAL
    quiet_zones: str = ""
    telnyx_id: str | None = None
    provider_status: str | None = None
    claim_id: str | None = None
    claimed_ms: int | None = None
    attempts: int = 0
    slot_ms: int | None = None
    # Its turn at a brake of the sender (`braking`).
    turn: int | None = None
    held_by: HeldBy | None = None
    # The day (`campaign.day_of`) on whose count of the recipient's carrier it stands.
    cap_day: str | None = None
    # The other person's, as the provider named them for this text, both or neither: `carriers.Carrier` and
    # `Subscription.line_type`.
    carrier: str | None = None
    line_type: str | None = None
    # How often its request was repeated under its idempotency key, and when last.
    replays: int = 0
    replayed_ms: int | None = None
    # Nothing may send it any more; only evidence moves it: restored from a copy, or its recipient was erased.
    no_resend: bool = False
    # Stored without knowing that the queue has it.
    unqueued: bool = False
    # It came with a test key, and no one gets it: see `test_mode`.
    test: bool = False
    safe_to_retry: bool = False
    parts: int | None = None
    cost: Decimal | None = None
    currency: str | None = None
    faults: tuple[Fault, ...] = ()
    history: tuple[Entry, ...] = ()
    # What an inbound text brought; and what one that we send carries, which makes it an MMS.
    media: tuple[MediaRow, ...] = ()
    media_urls: tuple[str, ...] = ()
    autoresponse: str | None = None
    # What an inbound text was read as (`opt_out_keywords.OptOutKeyword`), whether or not it changed anything.
    opt_out: str | None = None
    is_spam: bool = False
    sent_ms: int | None = None
    completed_ms: int | None = None

    @property
    def peer(self) -> str:
        """The other person's number, whichever way the text went."""
        return self.recipient if self.direction == "outbound" else self.sender

    @property
    def queue_name(self) -> str:
        """The name of its recipient queue: the recipient's number, marked for a test text."""
        return test_mode.marked(self.recipient) if self.test else self.recipient

    @property
    def ready_ms(self) -> int:
        """From when on it may be sent: its acceptance, or what it is held until."""
        return max(self.accepted_ms, self.not_before_ms or 0)

    @property
    def place(self) -> Place:
        """Where it stands in its recipient queue."""
        return Place(self.ready_ms, self.accepted_ms)

    def valid_until_ms(self, validity_ms: int) -> int:
        """From when on it is not sent any more: `validity_ms` after it may be sent, or at its own `expires_ms`."""
        end_ms = self.ready_ms + validity_ms
        return end_ms if self.expires_ms is None else min(end_ms, self.expires_ms)

    def on(self, subscription: "Subscription | None") -> "Message":
        """The same with the other person's carrier and kind of line; as it is, if they were not named."""
        if subscription is None:
            return self
        return replace(self, carrier=subscription.carrier.value, line_type=subscription.line_type)

    @property
    def due_group(self) -> DueGroup:
        """Where it is found when the reconciler next has to look at it."""
        if self.status is Status.HELD:
            return HELD_GROUPS[self.priority]
        if self.status is Status.QUEUED:
            return DueGroup.URGENT if self.unqueued else self.waiting_group
        if self.status is Status.SENDING:
            return DueGroup.CLAIMED
        return DueGroup.RECEIPT if self.status.rank >= Status.SUBMITTED.rank else DueGroup.URGENT

    @property
    def waiting_group(self) -> DueGroup:
        """The group that it is in while it waits in the queue."""
        if self.test:
            return DueGroup.RECEIPT
        return DueGroup.QUEUED if self.expires_ms is None else DueGroup.EXPIRING

    @property
    def tag(self) -> str | None:
        """What it is counted and found by: `shown_tag`, marked for a test text."""
        shown = self.shown_tag
        return test_mode.marked_tag(shown) if shown and self.test else shown

    @property
    def shown_tag(self) -> str | None:
        """What the caller groups its texts by: `metadata.tag`, None where nothing can be found by it."""
        value = self.metadata.get("tag")
        return value if value is not None and is_tag(value) else None


def held_shard(recipient: str, priority: Priority) -> int:
    """The part of its group that all held texts of one recipient and priority are in, as their order matters."""
    return HELD_GROUPS[priority].shards[hashlib.sha256(recipient.encode()).digest()[0] % DUE_PARTS]


def held_shards() -> list[int]:
    """The parts of all that is held."""
    return [shard for group in HELD_GROUPS.values() for shard in group.shards]


NAMESPACE = uuid.UUID("6f0d1c52-8f0b-5a53-9c3e-1c6b7f0a4d11")


def message_id(caller: str, key: str | None) -> str:
    """The id of a new message.

    With an idempotency `key` it is a UUIDv5 of caller and key, so that one conditional put is the
    whole mechanism; without one it is random.
    """
    if key is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(NAMESPACE, f"{caller}\n{key}"))


def may_be_known(message_id: str) -> bool:
    """Whether there may be a message already under a new one's id: only if that was made of an idempotency key."""
    return uuid.UUID(message_id).version == 5


def is_tag(text: str) -> bool:
    """Whether texts can be found and counted by `text`: 1 to 64 visible characters.

    Blanks of any width, and what joins two characters, may stand between them. U+FFFD is what is left of bytes
    that were not UTF-8, so it is no tag.
    """
    if not 0 < len(text) <= MAX_TAG_CHARACTERS or "\ufffd" in text or not visible.seen(text):
        return False
    inside = all(_in_tag(character) for character in text)
    return inside and text == text.strip() and text[0] not in _JOINERS and text[-1] not in _JOINERS


def _in_tag(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"


def is_message_id(text: str) -> bool:
    """Whether `text` is a UUID in its canonical form, as our ids and Telnyx's are."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,20})?)?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.ASCII,
)
# The first and the last moment that have a date.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999


def utc(at_ms: int) -> datetime:
    """Epoch milliseconds as a date and time in UTC; what lies beyond the calendar is its end."""
    return datetime.fromtimestamp(min(max(at_ms, _FIRST_MS), _LAST_MS) / 1000, UTC)


def iso(at_ms: int) -> str:
    """Epoch milliseconds as ISO 8601 in UTC with milliseconds, which also sorts as text."""
    return utc(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(text: str | None) -> int | None:
    """ISO 8601 as epoch milliseconds, None where it is missing or unreadable.

    Only as it is mostly written, with its hyphens and colons: bare digits may be meant as something else.

    >>> epoch_ms("2026-11-23T15:48:14Z"), epoch_ms("1795448894")
    (1795448894000, None)
    """
    if not text or not _TIME.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def fingerprint(
    route: str,
    recipient: str,
    text: str,
    metadata: dict[str, str],
    *,
    smart_encoding: bool = False,
    more: Mapping[str, object] = MappingProxyType({}),
) -> str:
    """What makes two requests the same one, for an idempotency key: 128 bits as 22 characters.

    `text` is the text as it was asked for. What smart encoding makes of it may differ from one release to the
    next, and a request that is repeated over a release is still the same. `more` is what else was asked for.
    """
    wanted = [
        route,
        recipient,
        text,
        sorted(metadata.items()),
        *(["smart_encoding"] if smart_encoding else []),
        *([sorted(more.items())] if more else []),
    ]
    parts = json.dumps(wanted, ensure_ascii=True)
    return base64.urlsafe_b64encode(hashlib.sha256(parts.encode()).digest()[:16]).decode().rstrip("=")


def same_request(existing: Message, message: Message) -> Message:
    """`existing`, if `message` asks for the same. Raises IdempotencyMismatch otherwise."""
    if existing.fingerprint != message.fingerprint:
        raise IdempotencyMismatch(
            "This Idempotency-Key was used with another request. Use a fresh key for a new text."
        )
    return existing
