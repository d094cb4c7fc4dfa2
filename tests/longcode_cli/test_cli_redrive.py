"""`longcode redrive` where it can be tried without a queue's own order: on AWS, and what it says."""

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest

from longcode_cli import queues
from longcode_cli.commands import redrive
from longcode_cli.commands.redrive import Progress
from longcode_cli.problems import Problem
from tests.longcode_cli.world import OTHERS, World, answer_instead, ident

pytestmark = pytest.mark.disable_socket


class Mover:
    """SQS's own redrive: a list of tasks, the newest first, of which the newest makes a step at each look."""

    def __init__(self, world: World) -> None:
        self.started: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.steps: Iterator[dict[str, Any]] = repeat({})
        self.lag = 0
        answer_instead(world.stack.sqs, "StartMessageMoveTask", self._start)
        answer_instead(world.stack.sqs, "ListMessageMoveTasks", self._list)

    def _start(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.started.append(asked)
        self.lag += 1
        self.tasks.insert(0, {"StartedTimestamp": len(self.started), "Status": "RUNNING"})
        return {"TaskHandle": "handle"}

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.lag:
            # A task is listed a moment after it was started.
            self.lag -= 1
            return {"Results": self.tasks[1:2]}
        if self.tasks and self.tasks[0]["Status"] == "RUNNING":
            self.tasks[0] |= next(self.steps, {})
        return {"Results": self.tasks[:1]}


def _step(moved: int, of: int, status: str = "RUNNING", **more: Any) -> dict[str, Any]:
    return {
        "ApproximateNumberOfMessagesMoved": moved,
        "ApproximateNumberOfMessagesToMove": of,
        "Status": status,
        **more,
    }


def _run(world: World) -> list[Progress]:
    naps: list[float] = []
    return list(redrive.redrive(world.stack, naps.append))


def test_on_aws_the_queues_own_task_is_started_and_followed_to_its_end(world: World) -> None:
    mover = Mover(world)
    mover.steps = iter([_step(0, 3), _step(2, 3), _step(3, 3, "COMPLETED")])
    assert _run(world) == [Progress(0, 3), Progress(2, 3), Progress(3, 3)]
    (asked,) = mover.started
    assert "DeadLetterQueue" in asked["SourceArn"]
    # So each letter goes back to its own queue.
    assert "DestinationArn" not in asked


def test_an_earlier_task_that_has_ended_is_not_taken_for_the_new_one(world: World) -> None:
    mover = Mover(world)
    mover.tasks = [{"StartedTimestamp": -1, **_step(99, 99, "COMPLETED")}]
    mover.steps = iter([_step(1, 1, "COMPLETED")])
    assert _run(world) == [Progress(1, 1)]
    assert len(mover.started) == 1


def test_a_task_that_is_under_way_is_followed_and_no_second_one_started(world: World) -> None:
    mover = Mover(world)
    mover.tasks = [{"StartedTimestamp": -1, "Status": "RUNNING"}]
    mover.steps = iter([_step(1, 5), _step(5, 5, "COMPLETED")])
    assert _run(world)[-1] == Progress(5, 5)
    assert mover.started == []


def test_a_task_that_failed_says_why_and_how_far_it_came(world: World) -> None:
    mover = Mover(world)
    mover.steps = iter([_step(2, 5, "FAILED", FailureReason="CouldNotDetermineMessageSource")])
    with pytest.raises(Problem, match="after 2 dead letters: CouldNotDetermineMessageSource"):
        _run(world)


def test_a_task_that_is_never_listed_is_not_waited_for_for_ever(world: World) -> None:
    mover = Mover(world)
    mover.lag = 1_000
    with pytest.raises(Problem, match="lists no such task"):
        _run(world)


def test_a_dry_run_says_what_would_become_of_each_and_moves_nothing(world: World) -> None:
    world.accept(ident(1))
    world.submit(ident(2), "telnyx-2", to=OTHERS)
    world.die(ident(1))
    world.die(ident(2), OTHERS)
    world.die(ident(3), "+12025550125", body="not ours")
    world.die(ident(4), "+12025550126", body='{"v":3}')
    printed = world.says("redrive", "--dry-run")
    assert "4 dead letters in stack long-code-test in eu-west-1. Nothing was moved." in printed
    assert "1 queued puts it back into its recipient's queue" in printed
    assert "1 submitted takes it off: nothing is sent again" in printed
    assert "1 not known takes it off" in printed
    assert "1 of a later release puts it back, where it waits for that release" in printed
    assert queues.depth(world.stack.sqs, world.stack.dead_letter_queue_url) == queues.Depth(4, 0)


def test_without_dead_letters_a_dry_run_says_so(world: World) -> None:
    assert world.says("redrive", "--dry-run") == "There are no dead letters to put back."
