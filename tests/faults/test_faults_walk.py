"""A random walk over everything that may happen, each time another one."""

import pytest

from tests.chance import SEED
from tests.faults import walk

pytestmark = pytest.mark.slow

# Enough to see a fault of one in a hundred; for long: python -m tests.faults.walk --runs 20000.
RUNS = 60


def test_random_walks_keep_what_is_promised() -> None:
    found = {}
    for number in range(RUNS):
        walked = walk.walked(SEED * 1000 + number)
        if faults := walked.faults():
            found[walked.seed] = faults
    assert not found, (
        f"TEST_SEED={SEED}; one of them: python -m tests.faults.walk --seed {min(found)} --runs 1 --tell"
    )


def test_a_walk_is_wholly_determined_by_its_seed() -> None:
    one, other = walk.walked(7), walk.walked(7)
    assert one.story == other.story
    assert one.world.provider.requests == other.world.provider.requests
    assert len(one.story) > 5


def test_walks_do_a_bit_of_everything() -> None:
    story = " ".join(text for seed in range(40) for _, text in walk.walked(seed).story)
    for word in (
        "queue to",
        "send to",
        "STOP",
        "START",
        "erased",
        "paused",
        "will die",
        "gone for",
        "provider:",
        "purged",
        "200 cancelled",
        "409 s",
        "send_at",
        "put off",
    ):
        assert word in story
