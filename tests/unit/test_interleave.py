"""The test support that runs jobs side by side: it tries every order, and a failure says which one."""

import math
from collections.abc import Callable

import pytest
from greenlet import greenlet

from tests.support import interleave
from tests.support.interleave import Run, Trial, pause


def steps(name: str, seen: list[str], count: int) -> Callable[[], str]:
    def job() -> str:
        for number in range(count):
            pause("write")
            seen.append(f"{name}{number}")
        return name

    return job


@pytest.mark.parametrize(("first", "second", "third"), [(2, 2, 0), (3, 2, 0), (1, 1, 1), (2, 2, 2)])
def test_every_order_is_tried_and_each_once(first: int, second: int, third: int) -> None:
    orders: list[tuple[str, ...]] = []

    def make() -> Trial:
        seen: list[str] = []
        jobs = [steps("a", seen, first), steps("b", seen, second), steps("c", seen, third)]
        return jobs, lambda _: orders.append(tuple(seen))

    tried = interleave.every(make)

    total = first + second + third
    factorials = math.factorial(first) * math.factorial(second) * math.factorial(third)
    assert tried == len(orders) == len(set(orders)) == math.factorial(total) // factorials


def test_a_job_may_take_more_steps_in_one_order_than_in_another() -> None:
    def make() -> Trial:
        box = [0]

        def add() -> int:
            tries = 0
            while True:
                tries += 1
                pause("read")
                seen = box[0]
                pause("replace")
                if box[0] == seen:
                    box[0] = seen + 1
                    return tries

        def check(run: Run) -> None:
            assert box == [2]
            tries.add(run.returned)

        return [add, add], check

    tries: set[tuple[object, ...]] = set()
    assert interleave.every(make) == 6
    assert tries == {(1, 1), (1, 2), (2, 1)}


def test_a_failure_says_in_which_order_and_that_order_can_be_replayed() -> None:
    def make() -> Trial:
        seen: list[str] = []

        def check(run: Run) -> None:
            assert seen != ["a0", "b0", "b1", "a1"]

        return [steps("a", seen, 2), steps("b", seen, 2)], check

    with pytest.raises(AssertionError) as every:
        interleave.every(make)
    with pytest.raises(AssertionError) as sampled:
        interleave.sample(make, 100, seed=7)
    with pytest.raises(AssertionError) as replayed:
        interleave.replay(make, (0, 1, 1, 0))

    schedule = "schedule (0, 1, 1, 0): 0 write, 1 write, 1 write, 0 write"
    assert every.value.__notes__ == replayed.value.__notes__ == [schedule]
    assert sampled.value.__notes__ == [f"{schedule} seed 7"]


def test_what_a_job_does_not_catch_ends_the_run_and_the_others() -> None:
    ended: list[str] = []

    def fail() -> None:
        pause("read")
        raise ZeroDivisionError

    def wait() -> None:
        try:
            pause("read")
        finally:
            ended.append("wait")

    with pytest.raises(ZeroDivisionError) as failed:
        interleave.replay(lambda: ([fail, wait], lambda _: None), (0,))

    assert failed.value.__notes__ == ["schedule (0,): 0 read"]
    assert ended == ["wait"]


def test_a_job_may_run_greenlets_of_its_own() -> None:
    seen: list[str] = []

    def outer() -> None:
        greenlet(steps("a", seen, 2)).switch()
        seen.append("done")

    interleave.replay(lambda: ([outer, steps("b", seen, 2)], lambda _: None), (0, 1, 0, 1))

    assert seen == ["a0", "b0", "a1", "done", "b1"]


def test_outside_of_a_job_nothing_stops() -> None:
    seen: list[str] = []

    steps("a", seen, 2)()

    assert seen == ["a0", "a1"]


@pytest.mark.parametrize("schedule", [(0, 0, 0), (0, 0, 1, 1, 1)])
def test_a_schedule_that_does_not_fit_is_refused(schedule: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError, match="ended"):
        interleave.replay(lambda: ([steps("a", [], 2), steps("b", [], 2)], lambda _: None), schedule)
