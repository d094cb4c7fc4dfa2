"""A sample of a run leaves out no two values that can meet, and its seed repeats it."""

import itertools

from tests.chance import drawn, meeting, pairs

ROWS = [row for row in itertools.product("abcde", "12345", "xyz") if row[:2] != ("a", "1")]


def test_every_two_values_that_can_meet_do_and_most_rows_are_left_out() -> None:
    wanted = {pair for row in ROWS for pair in pairs(row)}
    for seed in range(50):
        chosen = meeting(ROWS, lambda row: row, seed)
        assert {pair for row in chosen for pair in pairs(row)} == wanted, seed
        assert len(chosen) < len(ROWS) * 0.6, seed


def test_a_seed_repeats_its_sample_and_another_gives_another() -> None:
    assert meeting(ROWS, lambda row: row, 7) == meeting(ROWS, lambda row: row, 7)
    assert meeting(ROWS, lambda row: row, 7) != meeting(ROWS, lambda row: row, 8)


def test_two_purposes_of_a_run_have_nothing_to_do_with_each_other() -> None:
    assert drawn("one", 7).random() != drawn("two", 7).random()
    assert drawn("one", 7).random() == drawn("one", 7).random()
