"""An outage is a pause: of each kind and length, nothing is lost, doubled or overtaken, and nothing is spent."""

import os
import random
import secrets

import pytest

from tests.faults.matrix import MINUTE
from tests.faults.outages import CARRIER, STORES, outage, problems

SEED = int(os.environ.get("OUTAGE_SEED", "0")) or secrets.randbelow(10**6)
LONG = [(kind, length) for kind in (*CARRIER, *STORES) for length in ("5 h", "20 h")]


@pytest.mark.parametrize("kind", [*CARRIER, *STORES])
def test_what_waits_through_twenty_minutes_of_it_is_delivered_once_and_in_order(kind: str) -> None:
    assert problems(kind, "20 min", outage(kind, "20 min")) == []


def test_what_waits_through_hours_of_it_is_delivered_once_and_in_order() -> None:
    """Another few of them in each run: `make guarantees` runs all."""
    chosen = random.Random(SEED).sample(LONG, 5)
    found = {case: said for case in chosen if (said := problems(*case, outage(*case)))}
    assert not found, f"OUTAGE_SEED={SEED}"


def test_a_minute_of_it_loses_and_doubles_nothing() -> None:
    found = {
        kind: said for kind in (*CARRIER, *STORES) if (said := problems(kind, "1 min", outage(kind, "1 min")))
    }
    assert not found


def test_a_carrier_that_is_gone_is_asked_now_and_then_and_not_for_every_text() -> None:
    """120 texts wait: some are refused before it is known, and then one tries at a time, ever more rarely."""
    for kind in CARRIER:
        if kind in ("429 for everybody", "409 without a reason", "503, overloaded"):
            continue
        assert outage(kind, "20 min").requests < 120 + 100, kind


def test_the_last_text_leaves_within_twenty_minutes_of_the_end() -> None:
    late = {
        (kind, length): outage(kind, length).waited_ms
        for kind in (*CARRIER, *STORES)
        for length in ("1 min", "20 min")
        if outage(kind, length).waited_ms > 20 * MINUTE
    }
    assert not late
