"""Crash, provider fault and queue fault together: never twice, never lost unsaid, and the recipient queue moves
on.

A run has some of the cells, so that every two faults meet, and other ones each time. `make guarantees` has all.
"""

import pytest

from longcode.domain.status import Status
from tests.chance import FULL, SEED
from tests.faults import expected
from tests.faults.matrix import (
    INTERVAL_MS,
    PROVIDER,
    Cell,
    Crash,
    Evidence,
    Mode,
    Outcome,
    Queue,
    Run,
    cells,
    met,
    outcome,
    sample,
)

CELLS = list(cells()) if FULL else sample(SEED)


def problems(cell: Cell, found: Outcome) -> list[str]:
    """What is not as it must be: what the provider did, what we say that it did, and those around the text."""
    wanted = {
        "crashed": (found.crashed, cell.crash is not Crash.NEVER),
        "accepted": (found.accepted, expected.accepted(cell)),
        "status": (found.status, expected.status(cell)),
        "behind": (found.behind, (1, 1)),
        "in order": (found.in_order, True),
        "far enough apart": (found.least_gap_ms >= INTERVAL_MS, True),
        "another recipient's": (found.other in expected.others(cell), True),
        "left in the queue": (found.left_in_queue, 0),
    }
    return [f"{what}: {is_} and not {must}" for what, (is_, must) in wanted.items() if is_ != must]


def test_in_each_run_every_two_faults_meet() -> None:
    assert {pair for cell in CELLS for pair in met(cell)} == {pair for cell in cells() for pair in met(cell)}
    assert len(CELLS) > 70


def test_a_text_through_crash_provider_fault_and_queue_fault() -> None:
    found = {str(cell): said for cell in CELLS if (said := problems(cell, outcome(cell)))}
    assert not found, f"TEST_SEED={SEED}"


def test_nothing_is_taken_twice_where_the_key_is_honoured_or_the_replay_is_off() -> None:
    safe = [cell for cell in CELLS if cell.mode is not Mode.IGNORED]
    assert {outcome(cell).accepted for cell in safe} == {0, 1}


def test_without_keys_only_a_provider_that_tells_nothing_can_take_a_text_twice() -> None:
    twice = [cell for cell in CELLS if outcome(cell).accepted > 1]
    assert {(cell.mode, cell.evidence) for cell in twice} <= {(Mode.IGNORED, Evidence.NOTHING)}


def test_a_text_that_never_left_says_so_for_as_long_as_that_is_not_known() -> None:
    never = [outcome(cell) for cell in CELLS if outcome(cell).accepted == 0]
    assert {found.status for found in never} <= {Status.UNKNOWN}


def test_a_text_that_another_invocation_is_sending_is_left_to_it_and_holds_its_recipient_queue() -> None:
    """The queue shows it again while its claim may still be alive: it is neither sent nor given up before then."""
    run = Run(Cell(Crash.AFTER_CLAIM, "works", Queue.WORKS, Mode.HONOURED, Evidence.RECEIPTS))
    run.begin()
    for stored in run.queue.stored:
        stored.visible_ms = run.clock.now_ms() + 10_000
    run.run(60_000)
    message = run.world.messages.get(run.ids[0])
    assert message
    assert message.status is Status.SENDING
    assert [run.world.provider.taken(ident) for ident in run.ids[:3]] == [0, 0, 0]
    run.run(60_000)
    # Its time was over after 75 s: those behind it left then, after three receives at most.
    assert [run.world.provider.taken(ident) for ident in run.ids[:3]] == [0, 1, 1]
    assert max(run.queue.receives.values()) <= 3


DOUBTFUL = [name for name in PROVIDER if name not in (*expected.ANSWERS, *expected.REFUSALS)]


def test_a_text_in_doubt_says_so_at_once() -> None:
    """And not only when the reconciler finds a claim that was not ended."""
    for provider in DOUBTFUL:
        run = Run(Cell(Crash.NEVER, provider, Queue.WORKS, Mode.HONOURED, Evidence.NOTHING))
        run.begin()
        message = run.world.messages.get(run.ids[0])
        assert message
        assert (message.status, bool(message.faults)) == (Status.UNKNOWN, True), provider


@pytest.mark.parametrize(
    ("crash", "within_ms"), [(Crash.NEVER, 40_000), *((c, 440_000) for c in Crash if c is not Crash.NEVER)]
)
def test_the_recipient_queue_moves_on_as_soon_as_the_queue_shows_it_again(crash: Crash, within_ms: int) -> None:
    ready = [cell for cell in CELLS if cell.crash is crash and cell.queue in (Queue.WORKS, Queue.DUPLICATES)]
    late = {str(cell): last for cell in ready if (last := outcome(cell).behind_ms[-1]) > within_ms}
    assert not late, f"TEST_SEED={SEED}"


@pytest.mark.parametrize(
    "cell",
    [
        Cell(crash, "takes it, hangs", Queue.WORKS, Mode.IGNORED, evidence)
        for crash in (Crash.NEVER, Crash.AFTER_CLAIM, Crash.REQUEST_LEFT)
        for evidence in Evidence
    ],
    ids=str,
)
def test_runs_of_the_reconciler_that_find_nothing_change_nothing(cell: Cell) -> None:
    """The matrix leaves them out to be quick."""
    run = Run(cell, idle_reconciles=True)
    assert run.outcome() == outcome(cell)
    assert run.world.metrics.flushes > 25 * 60
