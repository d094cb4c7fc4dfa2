"""A sample of a run leaves out no two values that can meet, and its seed repeats it."""

import itertools

import pytest

from tests.chance import drawn, groups_meeting, meeting, pairs, showing

ROWS = [row for row in itertools.product("abcde", "12345", "xyz") if row[:2] != ("a", "1")]


def test_every_two_values_that_can_meet_do_and_most_rows_are_left_out() -> None:
    wanted = {pair for row in ROWS for pair in pairs(row)}
    for seed in range(50):
        chosen = meeting(ROWS, pairs, seed)
        assert {pair for row in chosen for pair in pairs(row)} == wanted, seed
        assert len(chosen) < len(ROWS) * 0.6, seed


def test_a_seed_repeats_its_sample_and_another_gives_another() -> None:
    assert meeting(ROWS, pairs, 7) == meeting(ROWS, pairs, 7)
    assert meeting(ROWS, pairs, 7) != meeting(ROWS, pairs, 8)


def test_two_purposes_of_a_run_have_nothing_to_do_with_each_other() -> None:
    assert drawn("one", 7).random() != drawn("two", 7).random()
    assert drawn("one", 7).random() == drawn("one", 7).random()


def test_every_two_members_are_in_a_group_together_and_most_groups_are_left_out() -> None:
    for seed in range(50):
        groups = groups_meeting("abcdef", 3, seed)
        together = {two for group in groups for two in itertools.combinations(group, 2)}
        assert together == set(itertools.combinations("abcdef", 2))
        assert len(groups) < 12, seed


def test_a_failure_says_which_of_several_cases_it_was_and_the_seed() -> None:
    with pytest.raises(AssertionError) as caught, showing("the third"):
        raise AssertionError("No.")
    (note,) = caught.value.__notes__
    assert note.startswith("the third, TEST_SEED=")
