"""Of all that a number said the latest word counts, by when it was said; of two words of one moment, STOP."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from longcode.domain.errors import Unavailable
from longcode.domain.opt_outs import OptOut, OptOutChange, Unclear
from longcode.use_cases import opt_outs
from tests.chance import showing
from tests.support.fakes import FakeOptOuts
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import THEIRS
from tests.support.fakes.fault_injector import Died

MINUTE, DAY = 60_000, 86_400_000
NOW = START_MS + 10 * MINUTE


def word(after_ms: int, out: bool, note: str = "") -> OptOutChange:
    return OptOutChange(START_MS + after_ms, out, "keyword", note)


def after(*words: OptOutChange) -> OptOut:
    entry: OptOut | None = None
    for said in words:
        entry = opt_outs.decide(THEIRS, entry, said, NOW) or entry
    assert entry
    return entry


# ------------------------------------------------------------------------------------------- the register


def test_words_in_any_order_end_with_the_latest_and_a_tie_is_a_stop() -> None:
    for times, states in itertools.product(
        itertools.product((0, 1, 2), repeat=3), itertools.product((True, False), repeat=3)
    ):
        with showing((times, states)):
            words = [word(time, out) for time, out in zip(times, states, strict=True)]
            last = max(times)
            out = any(said.opted_out for said in words if said.at_ms == START_MS + last)

            for order in itertools.permutations(words):
                entry = after(*order)
                assert (entry.opted_out, entry.said_ms) == (out, START_MS + last)
                assert entry.changes[-1].opted_out is out
                assert all(one.opted_out is not two.opted_out for one, two in itertools.pairwise(entry.changes))


def test_the_first_word_of_a_number_makes_its_entry() -> None:
    assert after(word(0, True, "m-1")) == OptOut(THEIRS, True, (word(0, True, "m-1"),), START_MS, 1)


def test_the_same_word_later_moves_its_time_and_is_no_entry_in_the_history() -> None:
    entry = after(word(0, True), word(5, True))

    assert entry == OptOut(THEIRS, True, (word(0, True),), START_MS + 5, 2)
    assert opt_outs.decide(THEIRS, entry, word(3, False), NOW) is None


def scoped(after_ms: int, scope: str) -> OptOutChange:
    return replace(word(after_ms, True), scope=scope)


def test_what_revokes_more_is_an_entry_in_the_history_and_what_revokes_no_more_is_none() -> None:
    wider = after(scoped(0, "reminders"), scoped(1, "reminders"), scoped(2, "offers"), word(3, True))
    narrower = after(word(0, True), scoped(1, "reminders"))
    anew = after(word(0, True), word(1, False), scoped(2, "reminders"))

    assert [change.scope for change in wider.changes] == ["reminders", "offers", "all"]
    assert (set(wider.scopes), wider.said_ms) == ({"reminders", "offers", "all"}, START_MS + 3)
    assert [change.scope for change in narrower.changes] == ["all"]
    assert (set(narrower.scopes), narrower.said_ms) == ({"all"}, START_MS + 1)
    assert anew.scopes == {"reminders"}
    assert after(word(0, True), word(1, False)).scopes == frozenset()


@pytest.mark.parametrize("said", [word(5, True), word(5, False), word(4, False), word(4, True)])
def test_what_has_no_say_is_not_written(said: OptOutChange) -> None:
    assert opt_outs.decide(THEIRS, after(word(0, False), word(5, True)), said, NOW) is None


def test_the_history_keeps_the_last_hundred_changes() -> None:
    entry = after(*(word(number, number % 2 == 0) for number in range(251)))

    assert [row.at_ms - START_MS for row in entry.changes] == list(range(151, 251))
    assert (entry.opted_out, entry.revision) == (True, 251)


def test_a_long_note_is_cut() -> None:
    assert after(word(0, True, "x" * 300)).changes[0].note == "x" * 200


@pytest.mark.parametrize("out", [True, False], ids=["stop", "start"])
def test_an_entry_of_an_earlier_version_that_is_dated_ahead_gives_way(out: bool) -> None:
    ahead = replace(after(word(0, not out)), said_ms=NOW + 365 * DAY, revision=0)

    entry = opt_outs.decide(THEIRS, ahead, word(1, out), NOW)

    assert entry
    assert (entry.opted_out, entry.said_ms) == (out, START_MS + 1)


def test_a_clock_that_is_a_little_fast_is_no_date_ahead() -> None:
    stop = replace(after(word(0, True)), said_ms=NOW + 2 * MINUTE)

    assert opt_outs.decide(THEIRS, stop, word(1, False), NOW) is None


# --------------------------------------------------------------------------------------- when it was said


def test_a_time_out_of_reason_never_counts_against_a_stop() -> None:
    cases: list[tuple[int | None, int, int]] = [
        (NOW - 3_000, NOW - 3_000, NOW - 3_000),
        (NOW, NOW, NOW),
        (NOW + 1, NOW, NOW),
        (NOW + 4 * MINUTE, NOW, NOW),
        (NOW + 365 * DAY, NOW, NOW),
        (None, NOW, NOW),
        (NOW - 7 * DAY, NOW - 7 * DAY, NOW - 7 * DAY),
        (NOW - 7 * DAY - 1, NOW, NOW - 7 * DAY),
        (0, NOW, NOW - 7 * DAY),
        (-1, NOW, NOW - 7 * DAY),
    ]
    for occurred_ms, stop_ms, start_ms in cases:
        with showing((occurred_ms, stop_ms, start_ms)):
            assert opt_outs.said_ms(occurred_ms, NOW, True) == stop_ms
            assert opt_outs.said_ms(occurred_ms, NOW, False) == start_ms


# -------------------------------------------------------------------------------------------- written down


def test_it_says_whether_the_state_changed() -> None:
    ledger = FakeOptOuts()

    changed = [
        opt_outs.apply(ledger, THEIRS, said, NOW) for said in (word(0, True), word(5, True), word(3, False))
    ]

    assert changed == [True, False, False]
    assert ledger.entries[THEIRS] == after(word(0, True), word(5, True))


def test_a_write_whose_answer_was_lost_is_known_to_have_been_made() -> None:
    ledger = FakeOptOuts()
    ledger.faults.fail("replace", after=True)

    assert opt_outs.apply(ledger, THEIRS, word(0, True), NOW)

    assert ledger.faults.calls == ["get", "replace", "get"]
    assert ledger.entries[THEIRS] == after(word(0, True))


def test_a_write_that_was_not_made_is_reported() -> None:
    ledger = FakeOptOuts()
    ledger.faults.fail("replace")

    with pytest.raises(Unavailable):
        opt_outs.apply(ledger, THEIRS, word(0, True), NOW)

    assert ledger.entries == {}


class Busy(FakeOptOuts):
    """A ledger in which another writer always comes first, up to `times`."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._left = times

    def replace(self, seen: OptOut | None, entry: OptOut) -> bool:
        if self._left:
            self._left -= 1
            there = self.entries.get(THEIRS) or after(word(-9 * MINUTE, False))
            self.entries[THEIRS] = replace(there, revision=there.revision + 1)
        return super().replace(seen, entry)


def test_a_word_is_tried_again_while_others_write() -> None:
    ledger = Busy(times=9)

    assert opt_outs.apply(ledger, THEIRS, word(0, True), NOW)

    assert ledger.entries[THEIRS].opted_out


def test_a_word_that_never_gets_in_is_no_word_applied() -> None:
    ledger = Busy(times=10)

    with pytest.raises(Unavailable, match="The opt-out ledger"):
        opt_outs.apply(ledger, THEIRS, word(0, True), NOW)

    assert not ledger.entries[THEIRS].opted_out
    assert ledger.faults.count("replace") == 10


# ------------------------------------------------------------------------------------------ unclear texts


def test_unclear_texts_and_words_in_any_order_end_with_the_same_to_review() -> None:
    said: list[OptOutChange | Unclear] = [word(0, True), word(2, False), *(unclear(at) for at in (1, 2, 3))]
    for order in itertools.permutations(said):
        with showing(order):
            ledger = FakeOptOuts()
            for one in order:
                if isinstance(one, Unclear):
                    opt_outs.note_unclear(ledger, THEIRS, one)
                else:
                    opt_outs.apply(ledger, THEIRS, one, NOW)

            entry = ledger.entries[THEIRS]
            assert entry.unclear == (unclear(1), unclear(2), unclear(3))
            # In the same moment as an opt-in it still counts.
            assert entry.to_review == (unclear(2), unclear(3))
            assert (entry.opted_out, entry.said_ms) == (False, START_MS + 2)


def unclear(after_ms: int) -> Unclear:
    return Unclear(START_MS + after_ms, f"m-{after_ms}")


def test_nothing_is_to_review_of_who_has_opted_out() -> None:
    ledger = FakeOptOuts()
    opt_outs.apply(ledger, THEIRS, word(5, True), NOW)
    opt_outs.note_unclear(ledger, THEIRS, unclear(9))

    assert ledger.entries[THEIRS].to_review == ()
    assert ledger.entries[THEIRS].opted_out


def test_an_unclear_text_that_comes_again_stays_dismissed() -> None:
    ledger = FakeOptOuts()
    opt_outs.note_unclear(ledger, THEIRS, unclear(1))

    assert opt_outs.dismiss(ledger, THEIRS, "m-1", NOW) == 1
    assert not opt_outs.note_unclear(ledger, THEIRS, unclear(1))
    assert opt_outs.dismiss(ledger, THEIRS, "m-1", NOW + 1) == 0

    assert ledger.entries[THEIRS].unclear == (Unclear(START_MS + 1, "m-1", NOW),)
    assert ledger.faults.count("replace") == 2


def test_the_last_twenty_unclear_texts_are_kept_and_all_can_be_dismissed_at_once() -> None:
    ledger = FakeOptOuts()
    for number in range(25):
        opt_outs.note_unclear(ledger, THEIRS, unclear(number))
    assert not opt_outs.note_unclear(ledger, THEIRS, unclear(0))

    assert [one.at_ms - START_MS for one in ledger.entries[THEIRS].unclear] == list(range(5, 25))
    assert opt_outs.dismiss(ledger, THEIRS, None, NOW) == 20
    assert ledger.entries[THEIRS].to_review == ()
    assert opt_outs.dismiss(ledger, "+12025550999", None, NOW) == 0


# ------------------------------------------------------------------------------------------- whole lists


def numbered(number: int) -> str:
    return f"+1202555{number:04}"


def a_list(many: int, after_ms: int = 5) -> dict[str, OptOutChange]:
    return {
        numbered(number): OptOutChange(START_MS + after_ms, True, "import", "old.csv") for number in range(many)
    }


def test_a_list_is_compared_with_the_ledger_and_nothing_is_written() -> None:
    ledger = FakeOptOuts()
    for number, said in enumerate((word(9, True), word(2, True), word(9, False), word(2, False))):
        opt_outs.apply(ledger, numbered(number), said, NOW)
    before = dict(ledger.entries)

    found = opt_outs.compare(ledger, a_list(10), NOW)

    assert (found.new, found.known, found.later) == (7, 2, 1)
    # Of those who are opted out already, the one who said so before the list.
    assert sorted(found.to_write) == [numbered(1), *(numbered(number) for number in range(3, 10))]
    assert ledger.entries == before


def test_a_list_is_written_once_and_a_later_start_stays() -> None:
    ledger = FakeOptOuts()
    opt_outs.apply(ledger, numbered(0), word(9, False), NOW)

    assert opt_outs.apply_all(ledger, a_list(10), NOW) == 9

    assert [entry.opted_out for _, entry in sorted(ledger.entries.items())] == [False, *[True] * 9]
    once, writes = dict(ledger.entries), ledger.faults.count("replace")
    assert opt_outs.apply_all(ledger, a_list(10), NOW + DAY) == 0
    assert (ledger.entries, ledger.faults.count("replace")) == (once, writes)


def test_a_list_that_was_killed_at_any_write_is_complete_after_another_run() -> None:
    for survived in range(10):
        for after in (False, True):
            with showing((survived, after)):
                ledger = FakeOptOuts()
                ledger.faults.fail("replace", Died, after=after, skip=survived)
                with pytest.raises(Died):
                    opt_outs.apply_all(ledger, a_list(10), NOW)
                assert len(ledger.entries) == survived + after

                opt_outs.apply_all(ledger, a_list(10), NOW)

                assert {number: entry.changes for number, entry in ledger.entries.items()} == {
                    number: (change,) for number, change in a_list(10).items()
                }


def test_a_word_that_comes_between_the_look_and_the_write_of_a_list_counts_by_its_time() -> None:
    for said, out in ((word(9, False), False), (word(2, False), True)):
        with showing(said):

            class Overtaken(FakeOptOuts):
                """A word comes right after each look."""

                def get_all(self, numbers: Sequence[str]) -> dict[str, OptOut]:
                    found = super().get_all(numbers)
                    opt_outs.apply(self, numbered(0), said, NOW)  # noqa: B023  # called in this very turn
                    return found

            ledger = Overtaken()
            opt_outs.apply_all(ledger, a_list(1), NOW)

            assert ledger.entries[numbered(0)].opted_out is out
