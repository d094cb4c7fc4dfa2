"""Runs jobs side by side, one call to a store at a time, in an order that the test says.

A job is a callable without arguments: a request, a recipient's worker, a run of the reconciler. Each has a
greenlet of its own and stops right before each of its calls to a store; a schedule says who makes the next call.
One thread does it all, so a schedule always gives the same run. Jobs share nothing but what the test gives them.

Where a job stops:

- each fake stops by itself: `FaultInjector.around` calls `pause`;
- an adapter over moto stops at each attempt of its client while `stopping(client)` holds;
- anything else may call `pause("name")`. Outside of a job that does nothing.

Who goes next:

- `every(make)` tries all orders that there are. The number of calls of a job may depend on the order;
- `sample(make, times, seed)` tries some, where all are too many;
- `replay(make, schedule)` tries one: the test of a known race, or of what one of the others found.

`make` builds a fresh world and returns the trial: the jobs, and what to check once all have ended. It has to build
the same world each time. A schedule is the number of the job that goes, call by call: with jobs 0 and 1 of two
calls each, (0, 1, 1, 0) puts the second job between the two calls of the first. Before the first call of all, each
job runs up to its own first call, in the order of their numbers.

A job catches by itself what it expects to go wrong, a kill (`fault_injector.Died`) too: what it does not catch
ends the run. Whatever a run or its check raises carries a note with the schedule, to be replayed, and the seed.

>>> seen = []
>>> def job(name):
...     for step in (1, 2):
...         pause("write")
...         seen.append(f"{name}{step}")
>>> def make():
...     seen.clear()
...     return [lambda: job("a"), lambda: job("b")], lambda _: None
>>> replay(make, (0, 1, 1, 0)).schedule, seen
((0, 1, 1, 0), ['a1', 'b1', 'b2', 'a2'])
>>> every(make)
6
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from greenlet import getcurrent, greenlet

Job = Callable[[], object]


@dataclass(frozen=True)
class Run:
    """One order: who went at each step, which calls those were, and what each job returned."""

    schedule: tuple[int, ...]
    calls: tuple[str, ...]
    returned: tuple[object, ...]


# The jobs, and the check of what they left behind.
Trial = tuple[Sequence[Job], Callable[[Run], object]]
# Which of those that can go on does: an index into their numbers.
Choose = Callable[[Sequence[int]], int]


class _Task(greenlet):
    """One job: where it stands, and the call that it makes next."""

    def __init__(self, job: Job) -> None:
        super().__init__(self._work)
        # Itself, or a greenlet that the job has made.
        self.at: greenlet = self
        self.call = ""
        self.returned: object = None
        self._job = job

    def _work(self) -> None:
        self.returned = self._job()


def pause(call: str) -> None:
    """Let the schedule say who goes next, before `call` is made."""
    here = getcurrent()
    task: greenlet | None = here
    # A job may have greenlets of its own.
    while task is not None and not isinstance(task, _Task):
        task = task.parent
    if task is None:
        return
    task.at, task.call = here, call
    assert task.parent, "A job runs under its schedule."
    task.parent.switch()


# Any: a client of boto3, whichever, and what botocore hands to a handler.
@contextmanager
def stopping(client: Any) -> Iterator[None]:
    """Let `client` stop before each attempt of each call, also one that botocore makes by itself."""

    def stop(event_name: str, **_: Any) -> None:
        pause(event_name.rpartition(".")[2])

    client.meta.events.register_first("before-send", stop)
    try:
        yield
    finally:
        client.meta.events.unregister("before-send", stop)


def every(make: Callable[[], Trial]) -> int:
    """Check `make`'s trial in every order; how many there are."""
    prefix: list[int] = []
    for runs in count(1):
        choices: list[tuple[int, int]] = []
        _check(make, _follow(prefix, choices))
        while choices and choices[-1][0] + 1 == choices[-1][1]:
            choices.pop()
        if not choices:
            return runs
        prefix = [chosen for chosen, _ in choices]
        prefix[-1] += 1
    raise AssertionError("unreachable")


def sample(make: Callable[[], Trial], times: int, seed: int) -> None:
    """Check `make`'s trial in `times` orders drawn at random."""
    chance = random.Random(seed)
    for _ in range(times):
        _check(make, lambda ready: chance.randrange(len(ready)), f"seed {seed}")


def replay(make: Callable[[], Trial], schedule: Sequence[int]) -> Run:
    """Check `make`'s trial in one order. Past its end the first that can go on does."""
    left = list(schedule)

    def choose(ready: Sequence[int]) -> int:
        wanted = left.pop(0) if left else ready[0]
        assert wanted in ready, f"Job {wanted} has ended; {list(ready)} go on."
        return ready.index(wanted)

    run = _check(make, choose)
    assert not left, f"All jobs have ended before {left} of the schedule."
    return run


def _follow(prefix: Sequence[int], choices: list[tuple[int, int]]) -> Choose:
    def choose(ready: Sequence[int]) -> int:
        chosen = prefix[len(choices)] if len(choices) < len(prefix) else 0
        assert chosen < len(ready), "The trial is not the same each time that it is made."
        choices.append((chosen, len(ready)))
        return chosen

    return choose


def _check(make: Callable[[], Trial], choose: Choose, origin: str = "") -> Run:
    schedule: list[int] = []
    calls: list[str] = []
    try:
        jobs, check = make()
        returned = _play(jobs, choose, schedule, calls)
        run = Run(tuple(schedule), tuple(calls), returned)
        check(run)
    except BaseException as exc:
        exc.add_note(f"schedule {tuple(schedule)}: {', '.join(calls)} {origin}".rstrip())
        raise
    return run


def _play(jobs: Sequence[Job], choose: Choose, schedule: list[int], calls: list[str]) -> tuple[object, ...]:
    tasks = [_Task(job) for job in jobs]
    try:
        for task in tasks:
            task.switch()
        while ready := [number for number, task in enumerate(tasks) if not task.dead]:
            number = ready[choose(ready)]
            schedule.append(number)
            calls.append(f"{number} {tasks[number].call}")
            tasks[number].at.switch()
    finally:
        for task in tasks:
            task.throw()
    return tuple(task.returned for task in tasks)
