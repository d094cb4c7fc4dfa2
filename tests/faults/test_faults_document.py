"""docs/guarantees.md says what the code does: by chance a part of it in each run."""

import pytest

from tests.chance import SEED, drawn
from tests.faults import guarantees
from tests.faults.matrix import Crash

pytestmark = pytest.mark.slow


def test_the_table_of_a_crash_is_what_running_the_matrix_gives() -> None:
    crash = drawn("document").choice(list(Crash))
    assert guarantees.section(crash) in guarantees.DOCUMENT.read_text(), f"TEST_SEED={SEED}. Run: make guarantees"
