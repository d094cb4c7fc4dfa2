"""An outage is a pause: of each kind and length, nothing is lost, doubled or overtaken, and nothing is spent."""

import pytest

from tests.chance import FULL, SEED, drawn
from tests.faults import guarantees
from tests.faults.matrix import MINUTE
from tests.faults.outages import LENGTHS_MS, PROVIDER, STORES, outage, problems

pytestmark = pytest.mark.slow

EVERY = [(kind, length) for kind in (*PROVIDER, *STORES) for length in LENGTHS_MS]
# The provider is not asked for less by these: they come and go with each text, or ask to be asked again.
BUSY = ("429 for everybody", "409 without a reason", "503, overloaded")


def chosen() -> list[tuple[str, str]]:
    """Another few in each run: each kind for a minute or for twenty, and one for hours. `FULL=1` has all."""
    if FULL:
        return EVERY
    chance, kinds = drawn("outages"), [*PROVIDER, *STORES]
    chance.shuffle(kinds)
    short = [(kind, ("1 min", "20 min")[number % 2]) for number, kind in enumerate(kinds)]
    return short + chance.sample([case for case in EVERY if case[1] in ("5 h", "20 h")], 1)


def test_each_run_has_every_kind_and_every_length() -> None:
    assert {kind for kind, _ in chosen()} == {*PROVIDER, *STORES}
    assert {"1 min", "20 min"} < {length for _, length in chosen()}


def test_what_waits_through_an_outage_is_delivered_once_and_in_order() -> None:
    found = {case: said for case in chosen() if (said := problems(*case, outage(*case)))}
    assert not found, f"TEST_SEED={SEED}"


def test_the_page_on_guarantees_says_what_became_of_the_texts() -> None:
    page = guarantees.outages_on_page()
    found = {case: guarantees.aftermath(*case) for case in chosen()}
    wrong = {case: (said, page[case]) for case, said in found.items() if said != page[case]}
    assert not wrong, f"TEST_SEED={SEED}. Run: make guarantees"


def test_a_provider_that_is_gone_is_asked_now_and_then_and_not_for_every_text() -> None:
    """120 texts wait: some are refused before it is known, and then one tries at a time, ever more rarely."""
    for kind, length in chosen():
        if kind in PROVIDER and kind not in BUSY and length == "20 min":
            assert outage(kind, length).requests < 120 + 100, f"{kind}, TEST_SEED={SEED}"


def test_the_last_text_leaves_within_twenty_minutes_of_the_end() -> None:
    late = {
        case: waited
        for case in chosen()
        if case[1] in ("1 min", "20 min") and (waited := outage(*case).waited_ms) > 20 * MINUTE
    }
    assert not late, f"TEST_SEED={SEED}"
