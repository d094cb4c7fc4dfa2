"""Makes chosen calls of a fake fail, before or after they took effect, and remembers every call."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from longcode.domain.errors import Unavailable
from tests.support.interleave import pause


class Died(BaseException):
    """The worker is gone: the process was killed at this very point. Nothing of ours catches it."""


# Makes the error that a planned failure raises.
Failure = Callable[[], BaseException]


def unavailable() -> BaseException:
    """The store does not answer."""
    return Unavailable("A store")


@dataclass
class _Plan:
    call: str
    failure: Failure
    after: bool
    skip: int
    times: int
    about: str | None


class Tripwire:
    """Every fake has one as `trip`; `around` wraps each of its calls.

    >>> trip = Tripwire()
    >>> trip.fail("claim", after=True)
    >>> with trip.around("claim"):
    ...     pass
    Traceback (most recent call last):
    longcode.domain.errors.Unavailable: A store did not answer
    >>> trip.calls
    ['claim']
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._plans: list[_Plan] = []
        # What happens before a call has its effect: time that it takes, in which others get on.
        self.takes: Callable[[], None] = lambda: None

    def fail(
        self,
        call: str,
        failure: Failure = unavailable,
        *,
        after: bool = False,
        skip: int = 0,
        times: int = 1,
        about: str | None = None,
    ) -> None:
        """Let `call` fail `times` times, after `skip` good ones; `after`: it takes effect, its answer is lost.

        `about`: only calls about that message.
        """
        self._plans.append(_Plan(call, failure, after, skip, times, about))

    def clear(self) -> None:
        """Forget every plan; what was called stays known."""
        self._plans.clear()

    def count(self, *names: str) -> int:
        """How often any of `names` was called."""
        return sum(call in names for call in self.calls)

    @contextmanager
    def around(self, call: str, about: str = "") -> Iterator[None]:
        """One call of the fake. Jobs that run side by side (tests.interleave) take turns here."""
        pause(call)
        self.takes()
        self.calls.append(call)
        plan = self._due(call, about)
        if plan and not plan.after:
            raise plan.failure()
        yield
        if plan and plan.after:
            raise plan.failure()

    def _due(self, call: str, about: str) -> _Plan | None:
        due: _Plan | None = None
        for plan in self._plans:
            if plan.call != call or plan.about not in (None, about):
                continue
            if plan.skip:
                plan.skip -= 1
            elif plan.times and due is None:
                plan.times -= 1
                due = plan
        return due
