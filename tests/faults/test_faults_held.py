"""Texts that are sent later, and everything goes wrong with them: once each, in order, not before their time."""

import pytest

from longcode.domain.status import Status
from tests.chance import FULL, SEED, drawn, showing
from tests.faults import guarantees, held

pytestmark = pytest.mark.slow


def test_whatever_fails_a_held_text_leaves_once_in_order_and_in_time() -> None:
    for cell in held.held_cells() if FULL else held.sample(SEED):
        with showing(cell):
            found = held.held_outcome(cell)
            gone = int(found.cancelled == 200)
            assert len(found.taken) == 4
            if gone:
                assert found.taken == (1, 0, 1, 1)
                assert found.ends == {Status.DELIVERED, Status.CANCELLED}
            else:
                assert found.taken == (1, 1, 1, 1)
                assert found.ends == {Status.DELIVERED}
            assert found.in_order or cell.doubt
            assert found.left == 0
            # Not before its time, by the clock of the machine that sends it.
            assert found.first_ms >= -max(0, *cell.clocks_ms)
            # Three texts a second apart.
            assert found.latest_ms <= cell.late_ms + 2_100


def test_the_page_on_guarantees_says_how_late_a_held_text_leaves() -> None:
    page = guarantees.DOCUMENT.read_text()
    every = [*held.TROUBLES, *held.POINTS]
    for what in every if FULL else drawn("held").sample(every, 2):
        assert guarantees.held_row(what) in page, f"TEST_SEED={SEED}. Run: make guarantees"
