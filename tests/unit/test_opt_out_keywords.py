"""What a whole inbound text says about being texted."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.domain.opt_out_keywords import OptOutKeyword, read_keyword
from tests.unit import opt_out_phrases as phrases

# What revokes by itself, by the FCC's list, and what may stand around it: in any order and number.
PER_SE = ("STOP", "QUIT", "END", "REVOKE", "OPT OUT", "OPT-OUT", "OPTOUT", "CANCEL", "UNSUBSCRIBE", "STOP ALL")
AROUND = (
    " \n\t.,!?;:'\"`*-_()[]{}<>«»“”„‘’「」…\u00a0\u3000\u200b\u200d\u200e\u200f\u202e\u2066\u2069\ufeff🛑😡✋❗"
)


def test_two_hundred_phrases_are_labelled_once_each() -> None:
    lists = (phrases.STOP, phrases.SHOWN, phrases.NEITHER, phrases.START)
    labelled = [phrase for group in lists for phrase in group]

    assert len(labelled) >= 200
    assert len(set(labelled)) == len(labelled)


def test_each_word_that_revokes_by_itself_is_a_stop() -> None:
    assert [text for text in phrases.STOP if read_keyword(text, None) is not OptOutKeyword.STOP] == []


def test_each_text_that_may_ask_for_an_end_is_at_least_shown_to_a_person() -> None:
    assert [
        text
        for text in phrases.SHOWN
        if read_keyword(text, None) not in (OptOutKeyword.STOP, OptOutKeyword.UNCLEAR)
    ] == []


def test_no_other_text_is_a_stop_or_bothers_anybody() -> None:
    assert [text for text in phrases.NEITHER if read_keyword(text, None) is not None] == []


def test_a_start_is_the_word_alone() -> None:
    others = (*phrases.STOP, *phrases.SHOWN, *phrases.NEITHER)

    assert [text for text in phrases.START if read_keyword(text, None) is not OptOutKeyword.START] == []
    assert [text for text in others if read_keyword(text, None) is OptOutKeyword.START] == []


@given(st.sampled_from(PER_SE), st.text(AROUND, max_size=8), st.text(AROUND, max_size=8), st.integers(0, 2))
def test_nothing_around_it_hides_a_word(word: str, before: str, after: str, case: int) -> None:
    cased = (word, word.lower(), word.title())[case]

    assert read_keyword(before + cased + after, None) is OptOutKeyword.STOP


@pytest.mark.parametrize("said", ["HELP", "INFO", "OTHER", "stop ", "", " ", None, "\u202e", "x" * 500])
def test_whatever_else_the_provider_made_of_it_a_text_means_what_it_says(said: str | None) -> None:
    for text in phrases.STOP:
        assert read_keyword(text, said) is OptOutKeyword.STOP, text
    if said != "stop ":
        assert [text for text in phrases.SHOWN if read_keyword(text, said) is None] == []
        assert [text for text in phrases.NEITHER if read_keyword(text, said) is not None] == []


def test_the_providers_stop_counts_whatever_the_text_is() -> None:
    for text in (*phrases.STOP, *phrases.SHOWN, *phrases.NEITHER, *phrases.START):
        assert {read_keyword(text, said) for said in ("STOP", "stop", " Stop ")} == {OptOutKeyword.STOP}, text


def test_the_providers_start_counts_unless_the_text_may_ask_for_an_end() -> None:
    assert {read_keyword(text, "START") for text in (*phrases.START, *phrases.NEITHER)} == {OptOutKeyword.START}
    assert {read_keyword(text, "START") for text in phrases.STOP} == {OptOutKeyword.STOP}
    assert {read_keyword(text, "START") for text in phrases.SHOWN} <= {OptOutKeyword.STOP, OptOutKeyword.UNCLEAR}


@given(st.text(max_size=60), st.none() | st.text(max_size=10))
def test_any_text_can_be_read(text: str, said: str | None) -> None:
    assert read_keyword(text, said) in (None, *OptOutKeyword)


@pytest.mark.parametrize("part", ["STOP ", "please ", "don't ", "a.", "\u200b", "opt ", "to stop no more ", "停"])
def test_a_long_text_is_read_in_no_time(part: str) -> None:
    began = time.process_time()

    assert read_keyword(part * 2_000, "HELP") in (None, *OptOutKeyword)

    # Of the two seconds that a webhook has. It takes some milliseconds.
    assert time.process_time() - began < 1
