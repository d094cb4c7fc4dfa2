"""Ports: what the use cases need of the world."""

# Times are epoch milliseconds. Every port may raise errors.Unavailable.
#
# The types are for checkers only, so that a function starts with no more of the domain than it uses.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from longcode.domain.priority import Priority

if TYPE_CHECKING:
    from longcode.domain.braking import Brake
    from longcode.domain.campaign import CampaignFacts
    from longcode.domain.carriers import Subscription
    from longcode.domain.gate import Gate, Limiter, Refusal, Trouble
    from longcode.domain.message import Entry, Fault, Message, Place
    from longcode.domain.metrics import Metric
    from longcode.domain.opt_outs import OptOut, ProviderPage
    from longcode.domain.outcomes import Answer, Code, Receipt, Record, Recording
    from longcode.domain.pacing import Reservation
    from longcode.domain.search import Found, Position, Search, TagEnds
    from longcode.domain.status import HeldBy, Status


class Clock(Protocol):
    """The time, and the only way to let it pass."""

    def now_ms(self) -> int: ...
    def sleep_until(self, at_ms: int) -> None: ...


class Provider(Protocol):
    """The one who really sends."""

    def prepare(self) -> None:
        """Have all that a send needs at hand, before anything is claimed. May raise Unavailable."""

    def send(self, message: Message) -> Answer:
        """Ask for `message` to be sent, under its id as idempotency key. Never raises, never retries."""

    def record_of(self, message: Message) -> Record | None:
        """What the provider knows of `message`, by its telnyx id or its webhook URL.

        None: its records could be read, to their end, and have nothing. Raises Unavailable where they could not.
        """

    def campaign(self, number: str) -> CampaignFacts:
        """What the provider knows of our number's campaign (10DLC). Raises Unavailable as `record_of`."""

    def lookup(self, number: str) -> Subscription | None:
        """Ask, for money, which carrier a number is on; None: it is not known. Takes 3 s at most."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The outcome of asking for the right to send: `won`, or the message as it stood (None: no such id)."""

    won: bool
    message: Message | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """One text that stands in its recipient queue, or will when it is due."""

    message_id: str
    recipient: str
    place: Place
    priority: Priority = Priority.TRANSACTIONAL


class Messages(Protocol):
    """The messages and their histories. Each write states its condition, and enforces it."""

    def accept(self, message: Message) -> Message | None:
        """Store a new message. Returns the one already there under its id, None if there was none.

        A message that is known not to have been sent and is `safe_to_retry` gives way to a new one
        with the same fingerprint, and one that was erased gives way to any.
        """

    def get(self, message_id: str) -> Message | None: ...

    def find(self, either_id: str) -> Message | None:
        """By our id or the provider's."""

    def claim(self, message_id: str, claim_id: str, now_ms: int) -> Claim:
        """Take the right to send what waits: not what `forbid` was said of, nor what is not due yet."""

    def release(
        self,
        message: Message,
        now_ms: int,
        *,
        slot_ms: int,
        held_by: HeldBy,
        turn: int | None = None,
    ) -> bool:
        """Give claim and attempt back: it was not sent, or provably not taken. Keeps `message.cap_day`."""

    def submitted(self, message: Message, answer: Answer, now_ms: int) -> bool:
        """The provider has it."""

    def ambiguous(self, message: Message, fault: Fault, now_ms: int) -> bool:
        """The provider may have it: `unknown` until evidence says."""

    def mark_replayed(self, message: Message, now_ms: int, *, undo: bool = False) -> bool:
        """Take the next replay of an unknown message, as it was read; `undo` gives it back after a proven
        non-send.
        """

    def end(
        self, message: Message, status: Status, entry: Entry, now_ms: int, *, safe_to_retry: bool = False
    ) -> bool:
        """A final status before the provider had it."""

    def hold(
        self,
        message: Message,
        slot_ms: int,
        held_by: HeldBy,
        turn: int | None = None,
        cap_day: str | None = None,
    ) -> None:
        """Note on a message that waits, or is in doubt, when it may leave, and why not before.

        One that was held until now is `queued` from then on.
        """

    def put_off(self, message: Message, not_before_ms: int, held_by: HeldBy, now_ms: int) -> bool:
        """Hold a message that waits, or was claimed and not sent, without its slot; False if it has changed."""

    def change(self, seen: Message, changed: Message) -> bool:
        """Write a held message with a later `updated_ms`, texts and times; False if it is not as `seen` now."""

    def queued(self, message: Message) -> None:
        """The queue is known to have it: the reconciler need not look before it expires. It is `queued` now."""

    def forbid(self, message: Message) -> bool:
        """Let nothing send a message any more that is being sent or in doubt; False if it is neither."""

    def record(self, message_id: str, receipt: Receipt, now_ms: int) -> Recording:
        """Keep a receipt, once, and move the status forward if it does: only then is a carrier replaced."""

    def receive(self, message: Message) -> bool:
        """Store an inbound text; False if it was there."""

    def queue_length(
        self, recipient: str, *, at_most: int, before: Place, priority: Priority = Priority.TRANSACTIONAL
    ) -> int:
        """How many texts of a priority wait for `recipient` and stand before a place, counted up to `at_most`."""

    def recipient_queue(
        self, recipient: str, *, until: Place, at_most: int, priority: Priority = Priority.TRANSACTIONAL
    ) -> Sequence[Waiting]:
        """Texts that wait for `recipient` and stand there up to a place, the first to leave first.

        It may lag behind the writes by a moment, both ways: what it names may have left.
        """

    def waiting(self, at_most: int) -> tuple[list[Waiting], bool]:
        """Texts that wait, also the held, each queue in its order, and whether there are more than `at_most`."""

    def oldest(self, at_most: int, *, expiring: bool = False) -> Sequence[str]:
        """Texts that wait and that the queue has, by when they expire, the first of all first.

        That is the order in which they may leave, unless ValidityMinutes was changed. One that has just left may
        be there. Of those that are `expiring`, at a moment of their own, none is among the others.
        """

    def held(
        self, shard: int, since_ms: int, until_ms: int, at_most: int, after: tuple[int, str] | None = None
    ) -> Sequence[tuple[int, str]]:
        """Held texts of one part of DueGroup.HELD: when they are due (or expire before that), and their ids.

        By time, from `since_ms` on and before `until_ms`; those that come `after` one that was returned before.
        """

    def due_messages(self, shard: int, now_ms: int, at_most: int) -> Sequence[str]:
        """Ids whose due time has come, oldest first: of a text that was claimed, when its receipt is overdue."""

    def old_claims(self, now_ms: int, at_most: int) -> Sequence[str]:
        """Ids of texts that were claimed CLAIM_MS ago or earlier and have no final receipt, the latest first.

        Those of them that are still being sent lost their invocation. One whose overdue receipt was looked for is
        not among them. It may lag behind by a moment.
        """

    def set_due(self, message: Message, at_ms: int | None) -> None:
        """Set when to look at the message next, None: never; unless it has changed since it was read."""

    def get_all(self, message_ids: Sequence[str]) -> Sequence[Message]:
        """Those that there are, in the order asked for."""

    def read(self, message_ids: Sequence[str]) -> Mapping[str, Message | None]:
        """Those that there are by their ids. None: erased while it waited."""

    def erase(self, message: Message) -> bool:
        """Leave nothing of a message that can't be sent any more; False if it still can."""


class Finder(Protocol):
    """Which messages there are, newest first. It may lag behind the store of messages by a moment."""

    def find(self, wanted: Search, after: Position | None, at_most: int, now_ms: int) -> Found:
        """One page. It may hold few or none and still not be the last: a request looks at only so many."""

    def ends(self, tag: str) -> TagEnds | None:
        """The first and the last texts of a tag, None if there is none."""


class Limits(Protocol):
    """The limiters, and the switch that stops all sending."""

    def read_gate(
        self, recipient: str, sender: str, priority: Priority = Priority.TRANSACTIONAL, tag: str | None = None
    ) -> Gate:
        """All that stands between a text and the provider. Of an empty recipient or sender nothing is read.

        Of a bulk text also the limiters of bulk, and the pause of its `tag`.
        """

    def reserve(self, key: str, weight: int, interval_ms: int, now_ms: int, *, ahead: bool = False) -> Reservation:
        """Reserve `weight` slots, `interval_ms` apart. `ahead` is a guess: are the next slots in the future?

        A slot is a text of one recipient's limit, and a segment of one that recipients share.

        A wrong guess costs a second write.
        """

    def reserve_free(
        self, key: str, length_ms: int, start_ms: int, latest_ms: int, *, keeps_away: bool = False
    ) -> tuple[Reservation | None, int]:
        """Reserve `length_ms` from `start_ms` on, unless the limiter is taken beyond `latest_ms`; and its TAT.

        With `keeps_away` it is reserved only if something may leave at `start_ms`, and nothing else may until its
        end, as after `push`: also what has a slot from before.
        """

    def take_turn(self, sender: str, brake: Brake, now_ms: int) -> int:
        """Take the next turn at a sender's brake."""

    def take_turn_by(self, sender: str, brake: Brake, now_ms: int, latest: int) -> int | None:
        """The same if that is no later turn than `latest`; None if it is, and nothing taken."""

    def refused(self, sender: str, recipient: str, now_ms: int) -> Refusal:
        """Note a 429 for a text to `recipient`; what the one before was."""

    def set_brake(self, sender: str, seen: Brake | None, brake: Brake) -> bool:
        """Put `brake` in the place of the one that was seen; False if another is there by now."""

    def cover(self, key: str, tat_ms: int) -> None:
        """Let the next slot not be free before then; never moves it earlier."""

    def give_back(self, key: str, reservation: Reservation, slots: int, interval_ms: int) -> None:
        """Free the last `slots` of a reservation, if nothing was reserved after it."""

    def push(self, key: str, not_before_ms: int) -> None:
        """Let nothing leave before `not_before_ms`; never moves anything earlier."""

    def count(self, key: str, at_most: int, now_ms: int, many: int = 1) -> int:
        """Count so many more under `key`, as far as they fit below `at_most`: how many of them did.

        `key` has its day in it: a count is forgotten two days after its last change.
        """

    def uncount(self, key: str, many: int = 1) -> None:
        """Take so many of a count back; none, if there are fewer."""

    def read_counts(self, keys: Sequence[str]) -> Mapping[str, int]:
        """How many were counted under each of up to 100 keys; 0 under one that nothing was."""

    def pause(self, now_ms: int, reason: str, priority: Priority | None = None) -> None:
        """Stop sending, of one priority or altogether."""

    def resume(self, priority: Priority | None = None) -> None:
        """End such a pause. An open breaker stays open: its fault is not fixed by a resume."""

    def open_breaker(self, now_ms: int, until_ms: int, reason: str) -> bool:
        """Stop sending until `until_ms`; keeps the first opening's time, and never ends a longer stop sooner.

        Whether it was closed before.
        """

    def probe(self, now_ms: int, until_ms: int, message_id: str) -> bool:
        """Take the right to try one send through an open breaker whose time has passed.

        The text that tried last leaves it to others for another minute.
        """

    def suspect(self, kind: str, recipient: str, now_ms: int) -> int:
        """Note that the provider did not take a text to `recipient`; to how many in this way, of late."""

    def clear_suspects(self, now_ms: int) -> None:
        """The provider took a text: what it did not take of others is about them."""

    def trouble(self, recipient: str, trouble: Trouble, not_before_ms: int, now_ms: int) -> None:
        """Note one more answer that did not take a text to `recipient`; nothing goes to them before then.

        The count begins anew with another kind.
        """

    def take_queue(self, recipient: str, seen: Limiter, message_id: str, turn_ms: int, not_before_ms: int) -> bool:
        """Keep a recipient queue clear for a text in doubt, from `turn_ms` until `not_before_ms`.

        False: another text has it by now.
        """

    def leave_queue(self, recipient: str, message_id: str) -> None:
        """A text in doubt no longer needs the recipient queue to itself."""

    def settle(self, recipient: str) -> None:
        """Forget the troubles that `trouble` counted. A doubt is settled by its text's own status."""

    def close_breaker(self, now_ms: int, *, registered: bool = False) -> None:
        """The provider takes texts again; only if `registered` after an event that our registration was lost."""


class OptOuts(Protocol):
    """The ledger of who wants no texts. `opt_outs.apply` is how a change gets into it."""

    def get(self, number: str) -> OptOut | None:
        """The entry with every write that has ended, in whichever way the number is written."""

    def get_all(self, numbers: Sequence[str]) -> dict[str, OptOut]:
        """The same of up to 100 numbers at once, by their canonical form. One without an entry is not in it."""

    def replace(self, seen: OptOut | None, entry: OptOut) -> bool:
        """Write `entry` in the place of `seen`, as `get` read it; False, and nothing written, if that
        number was written since.

        Of several calls with one `seen` one writes, also where their entries are the same. If it raises
        Unavailable, it may have written.
        """

    def page(self, after: tuple[int, str] | None, at_most: int) -> Sequence[OptOut]:
        """The opted-out, the longest first, after the one that changed then with that number."""

    def unclear_page(self, after: tuple[int, str] | None, at_most: int) -> Sequence[OptOut]:
        """Those with unclear texts to review, by the first of these, the longest first."""


class ProviderOptOuts(Protocol):
    """The provider's own list of who has sent STOP to us."""

    def page(self, number: int) -> ProviderPage:
        """One page of it, from 1 on. Raises Unavailable if it can't be read."""


class Metrics(Protocol):
    """Counts and durations for the dashboard."""

    def count(self, metric: Metric, value: float = 1) -> None: ...


class Logger(Protocol):
    """The log. Fields are never text, keys or whole numbers."""

    def bind(self, **fields: object) -> None:
        """Put `fields` on every log entry from here to the end of the invocation: what it is about."""

    def info(self, event: str, **fields: object) -> None: ...
    def warning(self, event: str, **fields: object) -> None: ...
    def error(self, event: str, **fields: object) -> None: ...
    def exception(self, event: str, **fields: object) -> None:
        """An error with the trace of the exception being handled."""


# What a fault means, by its code. It knows the codes of the provider and those of this service.
type Explain = Callable[[Fault], Code]

# Runs jobs side by side and returns when all have ended.
Parallel = Callable[[Sequence[Callable[[], None]]], None]
