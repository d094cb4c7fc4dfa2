"""docs/guarantees.md says what the code does: by chance a part of it in each run."""

import os
import random
import secrets

from tests.faults import guarantees, outages
from tests.faults.matrix import Crash

SEED = int(os.environ.get("DOCUMENT_SEED", "0")) or secrets.randbelow(10**6)


def test_the_table_of_a_crash_is_what_running_the_matrix_gives() -> None:
    crash = random.Random(SEED).choice(list(Crash))
    assert guarantees.section(crash) in guarantees.DOCUMENT.read_text(), (
        f"DOCUMENT_SEED={SEED}. Run: make guarantees"
    )


def test_rows_of_the_outages_are_what_running_them_gives() -> None:
    kinds = random.Random(SEED).sample([*outages.CARRIER, *outages.STORES], 2)
    rows = guarantees.outage_table(kinds).splitlines()[2:]
    page = guarantees.DOCUMENT.read_text().splitlines()
    assert [row for row in rows if row not in page] == [], f"DOCUMENT_SEED={SEED}. Run: make guarantees"
