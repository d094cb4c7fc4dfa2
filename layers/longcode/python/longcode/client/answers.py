"""The answers of the API: texts, batches, tags, people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from longcode.client.reading import Answer

__all__ = [
    "Answer",
    "Attempt",
    "Batch",
    "BatchRow",
    "Cancelled",
    "Cost",
    "Delivery",
    "DryRun",
    "DryRunRow",
    "Erased",
    "Health",
    "Message",
    "OptOut",
    "Pause",
    "Preview",
    "Processed",
    "ProcessedText",
    "Queued",
    "Replayed",
    "Sent",
    "Subscription",
    "Tag",
    "TagCancelled",
    "Totals",
    "Unclear",
]


@dataclass(frozen=True, kw_only=True)
class Cost(Answer):
    """What something costs."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class Sent(Answer):
    """A text that the provider has taken. `status` is the provider's first word; `sender` is `from` in JSON."""

    _names: ClassVar[Mapping[str, str]] = {"sender": "from"}
    message_id: str
    status: str
    sender: str = ""
    to: str = ""
    telnyx_id: str | None = None
    segments: int | None = None
    replaced: tuple[Mapping[str, Any], ...] = ()
    test: bool = False


@dataclass(frozen=True, kw_only=True)
class Queued(Answer):
    """A text that was accepted. `eta` is about when it leaves, and `held_by` what it waits for."""

    message_id: str
    status: str
    position: int = 0
    eta: datetime | None = None
    held_by: str | None = None
    segments: int | None = None
    replaced: tuple[Mapping[str, Any], ...] = ()
    test: bool = False


@dataclass(frozen=True, kw_only=True)
class BatchRow(Answer):
    """What became of a text of a batch: it has a `message_id` and no `code` if it was accepted."""

    message_id: str | None = None
    status: str | None = None
    segments: int | None = None
    send_at: datetime | None = None
    eta: datetime | None = None
    held_by: str | None = None
    replaced: tuple[Mapping[str, Any], ...] = ()
    test: bool = False
    index: int | None = None
    status_code: int | None = None
    code: str | None = None
    error: str | None = None
    field: str | None = None
    retry_after_s: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether the text was accepted."""
        return self.code is None

    @property
    def passing(self) -> bool:
        """Whether the same text may be accepted a moment later."""
        return (self.status_code or 0) >= 500 or self.code == "idempotency_key_in_use"


@dataclass(frozen=True, kw_only=True)
class Batch(Answer):
    """What became of the texts of a batch: a row for each, in their order."""

    messages: tuple[BatchRow, ...]
    accepted: int = 0
    refused: int = 0


@dataclass(frozen=True, kw_only=True)
class DryRunRow(Answer):
    """What would become of a text of a batch. `duplicate_of` is the place or id of the text that it repeats."""

    valid: bool
    encoding: str | None = None
    segments: int | None = None
    carrier: str | None = None
    duplicate_of: Any = None
    message_id: str | None = None
    status: str | None = None
    eta: datetime | None = None
    held_by: str | None = None
    index: int | None = None
    status_code: int | None = None
    code: str | None = None
    error: str | None = None
    field: str | None = None


@dataclass(frozen=True, kw_only=True)
class Totals(Answer):
    """What a batch would come to."""

    messages: int = 0
    valid: int = 0
    refused: int = 0
    segments: int = 0
    cost: Decimal | None = None
    currency: str | None = None
    opted_out: int = 0
    duplicates: int = 0
    held_by_quiet_hours: int = 0
    expired_unsent: int = 0
    finishes_at: datetime | None = None
    valid_until: datetime | None = None
    by_carrier: Mapping[str, Any] = field(default_factory=dict)
    into_tomorrow: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DryRun(Answer):
    """What a batch would do. `token` sends exactly that list, once."""

    messages: tuple[DryRunRow, ...]
    token: str | None = None
    totals: Totals = field(default_factory=Totals)


@dataclass(frozen=True, kw_only=True)
class Preview(Answer):
    """What a text would take. `left` is how many units its last segment has left."""

    segments: int
    encoding: str = ""
    units: int = 0
    left: int = 0
    forced_by: tuple[Mapping[str, Any], ...] = ()
    forced_by_total: int = 0
    smart_encoding: Mapping[str, Any] = field(default_factory=dict)
    cost: Cost | None = None
    outlook: Mapping[str, Any] | None = None
    quiet_hours: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Message(Answer):
    """A text, out or in, as it is now. `sender` is `from` in JSON. `history` and `errors` only come one by one."""

    _names: ClassVar[Mapping[str, str]] = {"sender": "from"}
    message_id: str
    status: str
    direction: str = "outbound"
    telnyx_id: str | None = None
    sender: str = ""
    to: str = ""
    text: str | None = None
    timestamp: datetime | None = None
    accepted_at: datetime | None = None
    segments: int | None = None
    carrier: str | None = None
    line_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    attempts: int | None = None
    priority: str | None = None
    category: str | None = None
    send_at: datetime | None = None
    expires_at: datetime | None = None
    position: int | None = None
    eta: datetime | None = None
    held_by: str | None = None
    cost: Cost | None = None
    completed_at: datetime | None = None
    history: tuple[Mapping[str, Any], ...] = ()
    errors: tuple[Mapping[str, Any], ...] = ()
    replaced: tuple[Mapping[str, Any], ...] = ()
    media: tuple[Any, ...] = ()
    is_spam: bool = False
    autoresponse: str | None = None
    opt_out: str | None = None
    test: bool = False


@dataclass(frozen=True, kw_only=True)
class Pause(Answer):
    """Since when bulk texts are paused, and why. `by` is `brake` or `operator`."""

    since: datetime | None = None
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Tag(Answer):
    """How the texts of a tag stand."""

    tag: str
    counts: Mapping[str, int] = field(default_factory=dict)
    total: int = 0
    by_carrier: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sent: int = 0
    segments: int = 0
    cost: Cost | None = None
    opted_out: int = 0
    opt_out_rate: float | None = None
    first_accepted_at: datetime | None = None
    last_accepted_at: datetime | None = None
    finishes_at: datetime | None = None
    paused: Pause | None = None


@dataclass(frozen=True, kw_only=True)
class Cancelled(Answer):
    """A text that will never be sent."""

    message_id: str
    status: str


@dataclass(frozen=True, kw_only=True)
class TagCancelled(Answer):
    """How many texts of a tag will never be sent. With a `cursor` there are more: call again with it."""

    cancelled: int
    too_late: int = 0
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProcessedText(Answer):
    """What became of a text that was processed: `code` and `error` if the provider did not take it."""

    _names: ClassVar[Mapping[str, str]] = {"sender": "from"}
    message_id: str | None = None
    status: str | None = None
    sender: str = ""
    to: str = ""
    telnyx_id: str | None = None
    segments: int | None = None
    code: str | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Processed(Answer):
    """What a run through the recipient queues came to. `remaining` is about how many texts still wait."""

    processed: int
    failed: int = 0
    results: tuple[ProcessedText, ...] = ()
    remaining: int = 0


@dataclass(frozen=True, kw_only=True)
class OptOut(Answer):
    """Whether a number wants no texts, and how it came to that."""

    number: str
    opted_out: bool = False
    source: str | None = None
    scope: str | None = None
    timestamp: datetime | None = None
    history: tuple[Mapping[str, Any], ...] = ()
    unclear: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Unclear(Answer):
    """A number that has sent texts which a person has to read."""

    number: str
    texts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Erased(Answer):
    """How many texts of a person are gone. With `kept` or `remaining`: call again later, or at once."""

    erased: int
    kept: int = 0
    remaining: bool = False


@dataclass(frozen=True, kw_only=True)
class Health(Answer):
    """That the stores answer, how much waits, and where all messages stand."""

    status: str
    queue_size: int = 0
    tracked_messages: int = 0
    by_status: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Subscription(Answer):
    """A URL that events are posted to. `secret` only comes when it is made: keep it then."""

    id: str
    url: str = ""
    events: tuple[str, ...] = ()
    description: str = ""
    enabled: bool = True
    created_at: datetime | None = None
    disabled_reason: str | None = None
    failing_since: datetime | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Attempt(Answer):
    """One attempt to post an event. `status` is the HTTP status, None where no answer came."""

    at: datetime
    status: int | None = None
    error: str | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Delivery(Answer):
    """How an event stands: `delivered`, `retrying` or `gave_up`, with its attempts."""

    event_id: str
    type: str = ""
    message_id: str | None = None
    state: str = ""
    attempts: tuple[Attempt, ...] = ()
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Replayed(Answer):
    """How many events are posted again. Where there are more of that time, `cursor` says where to go on."""

    replayed: int
    remaining: bool = False
    cursor: str | None = None
