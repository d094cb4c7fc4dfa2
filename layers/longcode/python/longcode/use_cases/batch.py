"""Accepting up to 500 texts with one request: each as POST /sms/queue would, with few calls for all of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING

from longcode.domain import pacing, phone
from longcode.domain.batch_request import BatchItem
from longcode.domain.batch_token import VALID
from longcode.domain.errors import (
    OPTED_OUT,
    DailyLimitReached,
    DestinationNotAllowed,
    RecipientOptedOut,
    RecipientQueueFull,
    RequestError,
    Unavailable,
)
from longcode.domain.message import Message, Place, may_be_known, same_request
from longcode.domain.metrics import Metric
from longcode.domain.priority import Priority
from longcode.domain.schedule import AHEAD_MS, Timer, timer_of
from longcode.domain.send_request import SendRequest
from longcode.domain.status import Status
from longcode.domain.times import check_times
from longcode.use_cases import backlog, enqueue, store_failures
from longcode.use_cases.enqueue import EnqueueDependencies
from longcode.use_cases.ports import OptOuts, Parallel
from longcode.use_cases.quota import Quota, Taken

if TYPE_CHECKING:
    from longcode.use_cases.duplicates import Duplicates

# So many calls to a store are made at a time: as many as Service.parallel has threads.
AT_ONCE = 10
# What one BatchGetItem reads, and what one call puts into the queue.
_READ = 100
_PUT = 10
_TABLE = "The messages table"

# Makes the message of a request under a key (None: a random id), accepted at that moment (epoch milliseconds).
type Make = Callable[[SendRequest, str | None, int], Message]
# Raises BatchChanged where the texts are not those of the dry run.
type Expect = Callable[[Sequence["BatchText"]], None]


@dataclass(frozen=True, slots=True)
class BatchDependencies:
    """Dependencies of accepting a batch."""

    enqueue: EnqueueDependencies
    optouts: OptOuts
    parallel: Parallel
    # The guard of texts that ask for one (`refuse_duplicates_s`), made where there are any.
    duplicates: Callable[[], "Duplicates"]
    # Refuses what carries media that no carrier takes.
    look_at_media: Callable[[Sequence["BatchText"]], None]


@dataclass(slots=True)
class BatchText:
    """One item on its way: its message, or why it has none.

    `existing` is the text that was accepted for the same request before. `ahead` is how many texts stand before it
    in its recipient queue.
    """

    item: BatchItem
    message: Message | None = None
    refused: RequestError | Unavailable | None = None
    existing: Message | None = None
    ahead: int = 0

    @property
    def new(self) -> bool:
        """Whether it is still to be stored."""
        return self.refused is None and self.existing is None

    @property
    def verdict(self) -> str:
        """`valid`, or the code of what it is refused with."""
        return self.refused.code if self.refused else VALID

    @property
    def asked(self) -> Message:
        """The message of a text that is not refused from the outset."""
        assert self.message
        return self.message


def prepare(items: Sequence[BatchItem], common_key: str | None, make: Make, now_ms: int) -> list[BatchText]:
    """The texts of a batch, each under its own key, or else that of all and its place.

    Texts of one recipient are accepted a millisecond apart, which keeps them in their order.
    """
    texts, seen = list[BatchText](), dict[str, int]()
    for place, item in enumerate(items):
        text = BatchText(item, refused=item.refused)
        texts.append(text)
        if item.wanted is None:
            continue
        # No key of a caller's has a line break in it.
        key = item.key or (f"{common_key}\n{place}" if common_key else None)
        later_ms = seen.get(item.wanted.recipient, 0)
        try:
            text.message = make(item.wanted, key, now_ms + later_ms)
        except RequestError as exc:
            text.refused = exc
        else:
            seen[item.wanted.recipient] = later_ms + 1
    return texts


def examine(texts: Sequence[BatchText], deps: BatchDependencies, quota: Quota) -> None:
    """Find out which were accepted before, and which would be refused for more than a day's limit.

    Nothing is stored or counted. Raises Unavailable.
    """
    _find_existing(texts, deps)
    now = deps.enqueue.clock.now_ms()
    for text in filter(_is_new, texts):
        try:
            check_times(text.asked, now)
        except RequestError as exc:
            text.refused = exc
        else:
            text.refused = quota.refusal(text.asked.recipient)
    _look_for_opt_outs(texts, deps)
    _count_queues(texts, deps)
    deps.look_at_media(texts)


def accept(
    texts: Sequence[BatchText], deps: BatchDependencies, quota: Quota, until_ms: int, expect: Expect
) -> None:
    """Put all texts that can be accepted into the queue and store them; each says what became of it.

    In the order of `enqueue`: the queue comes first, so that what is stored is known to be in it, or is marked for
    the reconciler. What is not stored by `until_ms` answers that the table is unavailable, as what a store has
    failed for does: the same request completes it. Raises BatchChanged or Unavailable, with nothing stored.
    """
    examine(texts, deps, quota)
    expect(texts)
    quota.note_refused(text.asked.recipient for text in texts if isinstance(text.refused, DestinationNotAllowed))
    new = [text for text in texts if text.new]
    taken: list[Taken] = []
    for text, counted in zip(new, quota.take_all([text.asked for text in new]) if new else [], strict=True):
        taken.append([] if isinstance(counted, DailyLimitReached) else counted)
        text.refused = counted if isinstance(counted, DailyLimitReached) else None
    try:
        expect(texts)
    except RequestError:
        quota.hand_back(taken)
        raise
    left = [text for text in new if text.new]
    _store(left, deps, until_ms)
    _set_timers(left, deps)
    quota.hand_back(counted for text, counted in zip(new, taken, strict=True) if not text.new)
    _put_in_missing(texts, deps)


def spread(jobs: Iterable[Callable[[], None]], parallel: Parallel) -> None:
    """Run jobs side by side, AT_ONCE at a time at the most."""
    every = list(jobs)
    if every:
        shares = (every[first::AT_ONCE] for first in range(min(AT_ONCE, len(every))))
        parallel([partial(_run, share) for share in shares])


def _run(jobs: Sequence[Callable[[], None]]) -> None:
    for job in jobs:
        job()


def _is_new(text: BatchText) -> bool:
    return text.new


# ------------------------------------------------------------------------------------------ what is known


def _find_existing(texts: Sequence[BatchText], deps: BatchDependencies) -> None:
    wanted = {text.asked.id: text for text in texts if text.new and may_be_known(text.asked.id)}

    def read(ids: Sequence[str]) -> None:
        for ident, existing in deps.enqueue.messages.read(ids).items():
            if existing is not None:
                _repeat(wanted[ident], existing)

    spread([partial(read, some) for some in batched(wanted, _READ, strict=False)], deps.parallel)


def _repeat(text: BatchText, existing: Message) -> None:
    """There is a text under its id: for the same request, or it is refused."""
    try:
        text.existing = same_request(existing, text.asked)
    except RequestError as exc:
        text.refused = exc


def _look_for_opt_outs(texts: Sequence[BatchText], deps: BatchDependencies) -> None:
    recipients: dict[str, list[BatchText]] = {}
    for text in filter(_is_new, texts):
        recipients.setdefault(phone.canonical(text.asked.recipient), []).append(text)

    def look(numbers: Sequence[str]) -> None:
        for number, entry in deps.optouts.get_all(numbers).items():
            for text in recipients[number] if entry.opted_out else ():
                text.refused = RecipientOptedOut(OPTED_OUT)

    spread([partial(look, some) for some in batched(recipients, _READ, strict=False)], deps.parallel)


def _count_queues(texts: Sequence[BatchText], deps: BatchDependencies) -> None:
    """Refuse what finds its recipient queue full; one query for each, another for each time of a held text."""
    queues: dict[tuple[str, Priority, Place | None], list[BatchText]] = {}
    together: dict[tuple[str, Priority], list[BatchText]] = {}
    for text in filter(_is_new, texts):
        message = text.asked
        held = message.place if message.status is Status.HELD else None
        queues.setdefault((message.recipient, message.priority, held), []).append(text)
        together.setdefault((message.recipient, message.priority), []).append(text)

    def count(group: Sequence[BatchText]) -> None:
        last = group[-1].asked
        waiting = deps.enqueue.messages.queue_length(
            last.queue_name, at_most=deps.enqueue.max_pending, before=last.place, priority=last.priority
        )
        for text in group:
            text.ahead = waiting

    spread([partial(count, group) for group in queues.values()], deps.parallel)
    for group in together.values():
        _refuse_full(group, deps.enqueue)


def _refuse_full(group: Sequence[BatchText], deps: EnqueueDependencies) -> None:
    """The same for the texts of one recipient queue, of which each is one that waits for those that come after."""
    before: list[Place] = []
    for text in group:
        text.ahead += sum(place < text.asked.place for place in before)
        if text.ahead < deps.max_pending:
            before.append(text.asked.place)
            continue
        text.refused = RecipientQueueFull(
            f"{text.ahead} texts already wait for this recipient.",
            retry_after_s=pacing.seconds_up(pacing.spacing(deps.pace.recipient_ms)),
        )


# ------------------------------------------------------------------------------------------ what is written


def _store(texts: Sequence[BatchText], deps: BatchDependencies, until_ms: int) -> None:
    """Put texts into the queue and store them, ten at a time, those of one recipient one after the other.

    The queue first, and soon after that the table: a consumer that finds a queue message without its text waits.
    """
    failures: list[Unavailable] = []

    def store(some: Sequence[BatchText]) -> None:
        if deps.enqueue.clock.now_ms() > until_ms:
            for text in some:
                text.refused = Unavailable(_TABLE)
            failures.append(Unavailable(_TABLE))
            return
        guarded = [text for text in some if text.item.wanted and text.item.wanted.refuse_duplicates_s]
        taken = _take_words(guarded, deps.duplicates()) if guarded else []
        some = [text for text in some if text.new]
        _put([text for text in some if text.asked.status is Status.QUEUED], deps.enqueue)
        failures.extend(_accept(some, deps.enqueue, until_ms))
        for text in taken:
            if text.refused:
                deps.duplicates().give_back_unless_stored(text.asked)

    spread([partial(store, some) for some in _portions(texts)], deps.parallel)
    if failures:
        store_failures.note(failures[0], deps.enqueue.metrics, deps.enqueue.logger, texts=len(failures))


def _take_words(texts: Sequence[BatchText], duplicates: "Duplicates") -> list[BatchText]:
    """Refuse texts whose words another text to that person had a while ago; those that have them now."""
    for text in texts:
        wanted = text.item.wanted
        try:
            duplicates.take(text.asked, (wanted and wanted.refuse_duplicates_s) or 0)
        except (RequestError, Unavailable) as exc:
            text.refused = exc
    return [text for text in texts if text.new]


def _portions(texts: Sequence[BatchText]) -> list[list[BatchText]]:
    """Ten at a time, or more where one recipient has more: all that one recipient has is in one of them."""
    recipients: dict[str, list[BatchText]] = {}
    for text in texts:
        recipients.setdefault(text.asked.recipient, []).append(text)
    portions: list[list[BatchText]] = [[]]
    for group in recipients.values():
        if portions[-1] and len(portions[-1]) + len(group) > _PUT:
            portions.append([])
        portions[-1] += group
    return portions


def _put(texts: Sequence[BatchText], deps: EnqueueDependencies) -> None:
    if not texts:
        return
    try:
        deps.queues.put([backlog.waiting(text.asked) for text in texts])
    except Unavailable as exc:
        # Stored, they are sent all the same: the reconciler puts them into the queue.
        store_failures.note(exc, deps.metrics, deps.logger, texts=len(texts))
        for text in texts:
            text.message = replace(text.asked, unqueued=True)


def _accept(texts: Sequence[BatchText], deps: EnqueueDependencies, until_ms: int) -> list[Unavailable]:
    """Store each by a put of its own; the failures of the table.

    Not by BatchWriteItem: that has no condition, and would overwrite a text that another request has stored under
    the same id, and that may be being sent.
    """
    failed: dict[str, Unavailable] = {}
    failures: list[Unavailable] = []
    for text in texts:
        recipient = text.asked.recipient
        try:
            if recipient in failed:
                # What stands behind a text that is not there must not leave before it.
                raise failed[recipient]
            if deps.clock.now_ms() > until_ms:
                raise Unavailable(_TABLE)
            existing = enqueue.accept_surely(text.asked, deps.messages)
        except Unavailable as exc:
            failed[recipient] = text.refused = exc
            failures.append(exc)
            continue
        if existing is not None:
            _repeat(text, existing)
    return failures


def _set_timers(texts: Sequence[BatchText], deps: BatchDependencies) -> None:
    """Set the timers of held texts that are due soon; where that fails, the reconciler does it within a minute."""
    latest_ms = deps.enqueue.clock.now_ms() + AHEAD_MS
    timers = dict.fromkeys(
        timer for text in texts if text.new and text.asked.status is Status.HELD
        if (timer := timer_of(text.asked)).at_ms <= latest_ms
    )  # fmt: skip

    def put(some: Sequence[Timer]) -> None:
        try:
            deps.enqueue.queues.set_timers(some)
        except Unavailable as exc:
            store_failures.note(exc, deps.enqueue.metrics, deps.enqueue.logger, texts=len(some))

    spread([partial(put, some) for some in batched(timers, _PUT, strict=False)], deps.parallel)


def _put_in_missing(texts: Sequence[BatchText], deps: BatchDependencies) -> None:
    """Count those that were accepted before, and put those of them into the queue that may not be in it."""
    repeated = [text.existing for text in texts if text.existing]
    if not repeated:
        return
    own = deps.enqueue
    own.metrics.count(Metric.DUPLICATES_SUPPRESSED, len(repeated))
    missing = (message for message in repeated if message.status is Status.QUEUED and message.unqueued)

    def put(some: Sequence[Message]) -> None:
        try:
            backlog.put_missing(some, own.messages, own.queues, own.metrics)
        except Unavailable as exc:
            # They are accepted, and the reconciler does the same.
            store_failures.note(exc, own.metrics, own.logger, texts=len(some))

    spread([partial(put, some) for some in batched(missing, _PUT, strict=False)], deps.parallel)
