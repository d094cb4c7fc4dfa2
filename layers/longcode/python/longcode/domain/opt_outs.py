"""Who wants no texts, and how that came about."""

import re
from dataclasses import dataclass

# What is revoked: everything. Another scope is the name of a program, as "reminders".
ALL = "all"

_SCOPE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class OptOutChange:
    """One change of mind: when, to what, who says so (keyword, provider, block, api or operator) and how.

    `scope` is of which texts. It is only kept for now: an opt-out of any scope stops all texts.
    """

    at_ms: int
    opted_out: bool
    source: str
    note: str = ""
    scope: str = ALL


@dataclass(frozen=True, slots=True)
class Unclear:
    """A text that may ask for an end, for a person to read: when it was said, and its id.

    `dismissed_ms` is when a person found that it meant something else, None as long as no one has.
    """

    at_ms: int
    message_id: str
    dismissed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    """Whether a number wants texts, and the changes of that, oldest first (`use_cases.opt_outs` keeps the last
    100). There are none of a number that has only sent unclear texts; of these the last 20 are kept.

    `said_ms` is when the present state was last said, also where that changed nothing; 0 if nothing was.
    `revision` counts the writes of the entry; 0 is one from before they were counted. `number` is in its canonical
    form.
    """

    number: str
    opted_out: bool
    changes: tuple[OptOutChange, ...]
    said_ms: int
    revision: int
    unclear: tuple[Unclear, ...] = ()

    @property
    def to_review(self) -> tuple[Unclear, ...]:
        """The unclear texts that are not answered, oldest first.

        What answers one is that it is dismissed, or an opt-out or an opt-in that was said later.
        """
        if self.opted_out:
            return ()
        return tuple(one for one in self.unclear if one.dismissed_ms is None and one.at_ms >= self.said_ms)

    @property
    def scopes(self) -> frozenset[str]:
        """What is revoked now: the scopes of the opt-outs since the last opt-in. Empty of one who wants texts."""
        found = set[str]()
        for change in reversed(self.changes):
            if not change.opted_out:
                break
            found.add(change.scope)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class ProviderOptOut:
    """A row of the provider's list: who is blocked there, since when (None if it does not say), by which word."""

    number: str
    at_ms: int | None
    keyword: str


@dataclass(frozen=True, slots=True)
class ProviderPage:
    """One page of that list, and whether it is the last one.

    `total` is how many rows all pages have, None if it does not say; `unreadable` how many of this one have no
    number.
    """

    rows: tuple[ProviderOptOut, ...]
    last: bool
    total: int | None
    unreadable: int


def is_scope(text: str) -> bool:
    """Whether `text` can name a scope: up to 64 of the characters a-z, 0-9, - and _.

    >>> is_scope("all"), is_scope("reminders"), is_scope("Our offers")
    (True, True, False)
    """
    return _SCOPE.fullmatch(text) is not None
