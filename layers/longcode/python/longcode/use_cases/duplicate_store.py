"""The port for which words were sent to a number of late, and how a request is guarded by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from longcode.domain.message import Message


@dataclass(frozen=True, slots=True)
class First:
    """The text that has the words, and since when."""

    message_id: str
    taken_ms: int


class SameWords(Protocol):
    """Which text has the words that a digest stands for. May raise Unavailable."""

    def take(
        self, digest: str, message_id: str, now_ms: int, since_ms: int, *, instead_of: str = ""
    ) -> First | None:
        """Let a text have the words from now on, unless another has taken them after `since_ms`: that one.

        `instead_of` is one that makes way. Of several at once, one gets them.
        """

    def give_back(self, digest: str, message_id: str) -> None:
        """The text does not have the words any more; nothing happens if another has them."""


class Guard(Protocol):
    """Does the work of accepting a text, or refuses it."""

    def __call__[T](self, message: Message, work: Callable[[], T]) -> T:
        """What `work` returns. Raises DuplicateText, with nothing done, or what `work` raises."""


def unguarded[T](message: Message, work: Callable[[], T]) -> T:  # noqa: ARG001
    """The Guard of a request that asked for none."""
    return work()
