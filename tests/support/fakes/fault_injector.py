"""Makes chosen calls of a fake fail, before or after they took effect, and remembers every call."""

from collections.abc import Callable
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


class FaultInjector:
    """Every fake has one as `faults`, made with the names of its calls; `around` wraps each of them.

    >>> injector = FaultInjector("claim", "get")
    >>> injector.fail("claim", after=True)
    >>> with injector.around("claim"):
    ...     pass
    Traceback (most recent call last):
    longcode.domain.errors.Unavailable: A store did not answer
    >>> injector.calls
    ['claim']
    >>> injector.fail("clam")
    Traceback (most recent call last):
    ValueError: no call of this fake is named 'clam', only: claim, get
    """

    def __init__(self, *names: str) -> None:
        self.names = frozenset(names)
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

        `about`: only calls about that message. Raises ValueError for a call that the fake does not have: a plan
        for it would never come to anything, and the test that made it would test nothing.
        """
        self._expect(call)
        self._plans.append(_Plan(call, failure, after, skip, times, about))

    def clear(self) -> None:
        """Forget every plan; what was called stays known."""
        self._plans.clear()

    def count(self, *names: str) -> int:
        """How often any of `names` was called. Raises ValueError for one that the fake does not have."""
        for name in names:
            self._expect(name)
        return sum(call in names for call in self.calls)

    def around(self, call: str, about: str = "") -> "_Call":
        """One call of the fake. Jobs that run side by side (tests.interleave) take turns here."""
        self._expect(call)
        return _Call(self, call, about)

    def begin(self, call: str, about: str) -> Failure | None:
        """Let a call begin; answers how it ends, if its answer is to be lost."""
        pause(call)
        self.takes()
        self.calls.append(call)
        plan = self._due(call, about) if self._plans else None
        if plan and not plan.after:
            raise plan.failure()
        return plan.failure if plan else None

    def _expect(self, call: str) -> None:
        if call not in self.names:
            raise ValueError(f"no call of this fake is named {call!r}, only: {', '.join(sorted(self.names))}")

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


class _Call:
    """What `contextmanager` would make of a call, in a third of the time: there are millions."""

    __slots__ = ("_about", "_call", "_failure", "_injector")

    def __init__(self, injector: FaultInjector, call: str, about: str) -> None:
        self._injector, self._call, self._about = injector, call, about

    def __enter__(self) -> None:
        self._failure = self._injector.begin(self._call, self._about)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._failure:
            raise self._failure()
