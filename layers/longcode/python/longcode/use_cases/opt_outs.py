"""Who may be texted: of all that a number ever said, the latest word counts, by the time at which it was said."""

# Words come late, twice and side by side, so the order of their coming has no say. Of two words of one moment STOP
# counts: a text too few does less harm than one too many. The ledger (ports.OptOuts) only reads, and writes if the
# number was not written since. What to write is decided here.

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from longcode.domain import phone
from longcode.domain.errors import Unavailable
from longcode.domain.opt_outs import ALL, OptOut, OptOutChange, Unclear
from longcode.use_cases.ports import OptOuts

# The history of a number is an item of a table, which has an end, and so has a reader's patience.
KEPT_CHANGES = 100
NOTE_CHARACTERS = 200
KEPT_UNCLEAR = 20
# How old a word may be when it is first received, and still count for when it was said.
REACH_MS = 7 * 24 * 3_600_000
# How far two clocks of ours may be apart.
_CLOCKS_MS = 5 * 60_000
# Each try that fails is another write of this one number that succeeded.
_TRIES = 10


def said_ms(occurred_ms: int | None, received_ms: int, opted_out: bool) -> int:
    """When a word counts as said that carries the time `occurred_ms`.

    Never after it was first received: a START dated ahead would outlive each STOP until then. What has no date
    is as old as its receipt. What is older than is likely counts against the texts: a STOP as new as its
    receipt, a START as old as is likely.
    """
    earliest_ms = received_ms - REACH_MS
    if occurred_ms is None or (opted_out and occurred_ms < earliest_ms):
        return received_ms
    return max(earliest_ms, min(occurred_ms, received_ms))


def decide(number: str, seen: OptOut | None, change: OptOutChange, now_ms: int) -> OptOut | None:
    """What `change` makes of the entry that was read; None if it has no say, or says nothing new."""
    if seen is None or not seen.changes:
        first = OptOut(number, change.opted_out, (_row(change),), change.at_ms, 1)
        return first if seen is None else replace(first, revision=seen.revision + 1, unclear=seen.unclear)
    if (change.at_ms, change.opted_out) <= (_since_ms(seen, now_ms), seen.opted_out):
        return None
    after = replace(seen, said_ms=change.at_ms, revision=seen.revision + 1)
    if seen.opted_out is change.opted_out and not _widens(seen, change):
        # Said once more: it holds from now on, and is no entry in the history.
        return after
    return replace(after, opted_out=change.opted_out, changes=(*seen.changes, _row(change))[-KEPT_CHANGES:])


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a list of opt-outs would do to the ledger.

    `new`: how many numbers it opts out; `known`: that are opted out already; `later`: that have opted in since.
    `to_write` is what it has to write, by number: the new ones, and of the known ones those that hold longer or
    revoke more by it.
    """

    new: int
    known: int
    later: int
    to_write: dict[str, OptOutChange]


def compare(optouts: OptOuts, changes: Mapping[str, OptOutChange], now_ms: int) -> Comparison:
    """What `apply_all` would do with these opt-outs, up to 100 of them. Nothing is written."""
    seen = optouts.get_all(list(changes))
    entries = {number: decide(number, seen.get(number), change, now_ms) for number, change in changes.items()}
    known = [number for number in changes if number in seen and seen[number].opted_out]
    later = [number for number, entry in entries.items() if entry is None and number not in known]
    return Comparison(
        new=len(changes) - len(known) - len(later),
        known=len(known),
        later=len(later),
        to_write={number: change for number, change in changes.items() if entries[number] is not None},
    )


def apply(optouts: OptOuts, number: str, change: OptOutChange, now_ms: int) -> bool:
    """Write `change` into the ledger if it is the latest word. Whether it changed what the ledger says.

    All ways to write a number are one in the ledger.
    Raises Unavailable if the ledger does not answer, or others write this number without an end.
    """
    number = phone.canonical(number)
    return _apply(optouts, number, optouts.get(number), change, now_ms)


def apply_all(optouts: OptOuts, changes: Mapping[str, OptOutChange], now_ms: int) -> int:
    """The same for up to 100 numbers, of which each key is one in its canonical form. How many it changed.

    If it raises Unavailable, some are written. To do it again does no harm, and writes the rest.
    """
    seen = optouts.get_all(list(changes))
    return sum(_apply(optouts, number, seen.get(number), change, now_ms) for number, change in changes.items())


def _apply(optouts: OptOuts, number: str, seen: OptOut | None, change: OptOutChange, now_ms: int) -> bool:
    """`apply`, with the entry as it was just read."""
    written = _write(optouts, number, seen, lambda entry: decide(number, entry, change, now_ms))
    if written is None:
        return False
    before, after = written
    return before is None or before.opted_out is not after.opted_out


def note_unclear(optouts: OptOuts, number: str, text: Unclear) -> bool:
    """Write down a text that may ask for an end, for a person to read. Whether it was new.

    Raises Unavailable as `apply` does.
    """
    number = phone.canonical(number)

    def noted(seen: OptOut | None) -> OptOut | None:
        before = seen or OptOut(number, False, (), 0, 0)
        if any(one.message_id == text.message_id for one in before.unclear):
            return None
        kept = tuple(sorted((*before.unclear, text), key=lambda one: one.at_ms)[-KEPT_UNCLEAR:])
        return replace(before, unclear=kept, revision=before.revision + 1) if text in kept else None

    return _write(optouts, number, optouts.get(number), noted) is not None


def dismiss(optouts: OptOuts, number: str, message_id: str | None, now_ms: int) -> int:
    """Write down that an unclear text of this number meant something else, or all that are to review where no
    `message_id` is given. How many these were.

    Raises Unavailable as `apply` does.
    """
    number = phone.canonical(number)

    def dismissed(seen: OptOut | None) -> OptOut | None:
        found = {one for one in (seen.to_review if seen else ()) if message_id in (None, one.message_id)}
        if seen is None or not found:
            return None
        rows = tuple(replace(one, dismissed_ms=now_ms) if one in found else one for one in seen.unclear)
        return replace(seen, unclear=rows, revision=seen.revision + 1)

    written = _write(optouts, number, optouts.get(number), dismissed)
    return len(written[0].to_review) - len(written[1].to_review) if written and written[0] else 0


def _write(
    optouts: OptOuts, number: str, seen: OptOut | None, decided: Callable[[OptOut | None], OptOut | None]
) -> tuple[OptOut | None, OptOut] | None:
    """Write what is `decided` of the entry as it stands; the entry before and after, None if it is to stay."""
    for _ in range(_TRIES):
        entry = decided(seen)
        if entry is None:
            return None
        if _replaced(optouts, seen, entry):
            return seen, entry
        seen = optouts.get(number)
    raise Unavailable("The opt-out ledger")


def _replaced(optouts: OptOuts, seen: OptOut | None, entry: OptOut) -> bool:
    try:
        return optouts.replace(seen, entry)
    except Unavailable:
        # Only the answer may be lost.
        if optouts.get(entry.number) == entry:
            return True
        raise


def _since_ms(seen: OptOut, now_ms: int) -> int:
    """When the present state was said. A moment that is still to come is none: an earlier version of this service
    took any date, and such an entry could not be changed until then.
    """
    return seen.said_ms if seen.said_ms <= now_ms + _CLOCKS_MS else 0


def _widens(seen: OptOut, change: OptOutChange) -> bool:
    """Whether an opt-out revokes more than the ledger has as revoked."""
    return change.opted_out and seen.scopes.isdisjoint((change.scope, ALL))


def _row(change: OptOutChange) -> OptOutChange:
    return replace(change, note=change.note[:NOTE_CHARACTERS])
