"""Texts that a carrier refused for how much it takes of us: found, and put back as new ones."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from longcode.domain import destinations, phone, segments
from longcode.domain.carriers import Carrier
from longcode.domain.destinations import Destination
from longcode.domain.errors import (
    DailyLimitReached,
    DestinationNotAllowed,
    RecipientOptedOut,
    RecipientQueueFull,
    RequestError,
)
from longcode.domain.message import Message, fingerprint, message_id
from longcode.domain.search import Position, Search
from longcode.domain.send_request import MAX_METADATA_BYTES
from longcode.domain.status import Status
from longcode.entrypoints.system_clock import SystemClock
from longcode.telnyx import error_codes
from longcode.use_cases import carrier_stops, enqueue
from longcode.use_cases.enqueue import EnqueueDependencies
from longcode.use_cases.quota import Quota
from longcode_cli.quiet import Uncounted, Unlogged
from longcode_cli.stack import Stack
from longcode_cli.terminal import now_ms

# The field of metadata that names the text which was refused.
FIELD = "requeued_from"
# In the place of an API key's id, with which that of the old text makes the new one's.
_CALLER = "longcode requeue"
# As many as a page of a search looks at, at most.
_PAGE = 500
_WORKERS = 10
_ENDED = frozenset((Status.FAILED, Status.SENDING_FAILED, Status.DELIVERY_FAILED, Status.EXPIRED))


class LeftOut(StrEnum):
    """Why a refused text is not put back."""

    DONE = "put back already"
    NO_WORDS = "whose words are not kept any more"
    FORBIDDEN = "that nothing may send any more"
    OPTED_OUT = "to people who have opted out"
    DESTINATION = "to numbers that may not be texted"
    QUEUE_FULL = "whose recipient queues are full"
    DAILY_LIMIT = "over a cap of the day"


# These may be put back by another run.
LATER = frozenset((LeftOut.QUEUE_FULL, LeftOut.DAILY_LIMIT))
_REFUSED_AS: dict[type[RequestError], LeftOut] = {
    RecipientOptedOut: LeftOut.OPTED_OUT,
    DestinationNotAllowed: LeftOut.DESTINATION,
    RecipientQueueFull: LeftOut.QUEUE_FULL,
    DailyLimitReached: LeftOut.DAILY_LIMIT,
}


@dataclass(frozen=True, slots=True)
class Found:
    """The texts that were refused: those to put back, in the order of acceptance, and how many of the others."""

    texts: list[Message]
    left_out: Counter[LeftOut]


def find(stack: Stack, since_ms: int, show: Callable[[int], object]) -> Found:
    """Look through all texts that were accepted since then; `show` is called with how many were looked at."""
    now, looked, refused = now_ms(), 0, list[Message]()
    after: Position | None = None
    while True:
        page = stack.finder.find(Search(since_ms=since_ms), after, _PAGE, now)
        refused += [message for message in stack.messages.get_all(page.ids) if is_refused(message)]
        looked, after = looked + len(page.ids), page.next
        show(looked)
        if after is None:
            break
    texts, left_out = list[Message](), Counter[LeftOut]()
    # The search begins with the newest.
    for message, why in _sorted_out(stack, refused[::-1]):
        if why:
            left_out[why] += 1
        else:
            texts.append(message)
    return Found(texts, left_out)


def is_refused(message: Message) -> bool:
    """Whether a text of ours ended because its carrier takes no more of us."""
    ended = message.direction == "outbound" and message.status in _ENDED
    return ended and carrier_stops.is_refusal(message.faults, error_codes.explain)


def carrier_of(message: Message) -> Carrier | None:
    """The carrier that refused a text, as far as the code or the provider named it."""
    named = [code.carrier for code in map(error_codes.explain, message.faults) if code.brakes and code.carrier]
    if named:
        return named[0]
    return Carrier(message.carrier) if message.carrier in set(Carrier) else None


def _sorted_out(stack: Stack, refused: Sequence[Message]) -> Iterator[tuple[Message, LeftOut | None]]:
    """Each of them, with why it is left out."""
    done = stack.messages.read([new_id(message) for message in refused])
    allowed = allowed_destinations(stack)
    numbers = sorted({phone.canonical(message.recipient) for message in refused})
    opted_out = {entry.number for entry in stack.optouts.get_all(numbers).values() if entry.opted_out}
    for message in refused:
        why = None
        if done.get(new_id(message)):
            why = LeftOut.DONE
        elif message.no_resend:
            why = LeftOut.FORBIDDEN
        elif message.text is None:
            why = LeftOut.NO_WORDS
        elif phone.canonical(message.recipient) in opted_out:
            why = LeftOut.OPTED_OUT
        elif destinations.find(message.recipient, allowed) is None:
            why = LeftOut.DESTINATION
        yield message, why


def allowed_destinations(stack: Stack) -> tuple[Destination, ...]:
    """Where the stack may text."""
    said = stack.parameters.get("AllowedDestinations", "").strip()
    return destinations.parse(said) if said else destinations.own_country(stack.sender)


# --------------------------------------------------------------------------------------------- putting back


def new_id(old: Message) -> str:
    """The id of the text that `old` is put back as: the same each time, so that none is put back twice."""
    return message_id(_CALLER, old.id)


def anew(old: Message, sender: str, accepted_ms: int) -> Message:
    """`old` as a new text, with what it was asked for and, if there is room, the id that it had."""
    assert old.text is not None
    ident, metadata = new_id(old), dict(old.metadata)
    is_ours = message_id(_CALLER, metadata.get(FIELD, "")) == old.id
    if FIELD not in metadata or is_ours:
        metadata[FIELD] = old.id
    if sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items()) > MAX_METADATA_BYTES:
        metadata = dict(old.metadata)
    return Message(
        id=ident,
        direction="outbound",
        status=Status.QUEUED,
        sender=sender,
        recipient=old.recipient,
        text=old.text,
        accepted_ms=accepted_ms,
        updated_ms=accepted_ms,
        route="queue",
        segments=segments.count(old.text),
        metadata=metadata,
        fingerprint=fingerprint("queue", old.recipient, old.text, metadata),
        webhook_url=f"{old.webhook_url.removesuffix(f'/{old.id}')}/{ident}" if old.webhook_url else "",
        category=old.category,
        quiet_zones=old.quiet_zones,
    )


def put_back(stack: Stack, texts: Iterable[Message]) -> Iterator[Counter[LeftOut | None]]:
    """Queue new texts for these, and say after each recipient what became of theirs; None is queued.

    Each is asked for as `POST /sms/queue` does it, under an id made of the old one's. So it may be killed at any
    point and run again, and side by side: what is there already is queued no second time.
    """
    by_recipient: dict[str, list[Message]] = {}
    for text in texts:
        by_recipient.setdefault(text.recipient, []).append(text)
    deps, quota = _dependencies(stack)
    pool = ThreadPoolExecutor(_WORKERS)
    try:
        yield from pool.map(lambda theirs: _queue(stack.sender, theirs, deps, quota), by_recipient.values())
    finally:
        # What has not begun is left out, where a person has stopped it or a store fails.
        pool.shutdown(cancel_futures=True)


def _queue(
    sender: str, texts: Sequence[Message], deps: EnqueueDependencies, quota: Quota
) -> Counter[LeftOut | None]:
    """Queue one recipient's, in their order; after one that can't be, none that comes behind it."""
    became, now = Counter[LeftOut | None](), now_ms()
    for number, old in enumerate(texts):
        # Each a moment later than the one before: that is the order in which they leave.
        try:
            enqueue.enqueue(anew(old, sender, now + number), deps, quota)
        except RequestError as exc:
            why = _REFUSED_AS.get(type(exc))
            if why is None:
                raise
            became[why] += len(texts) - number
            break
        became[None] += 1
    return became


def _dependencies(stack: Stack) -> tuple[EnqueueDependencies, Quota]:
    metrics, logger = Uncounted(), Unlogged()
    deps = EnqueueDependencies(
        messages=stack.messages,
        queues=stack.queues,
        limits=stack.limits,
        clock=SystemClock(),
        metrics=metrics,
        logger=logger,
        pace=stack.pace,
        max_pending=int(stack.parameters["MaxPendingPerRecipient"]),
        quiet_hours=stack.quiet_hours,
    )
    # No API key asks for these; the caps of destinations are for all together.
    quota = Quota(stack.limits, metrics, logger, allowed_destinations(stack), texts_per_key=0, caller=_CALLER)
    return deps, quota
