"""What a whole inbound text says about being texted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.keywords import Wish, wish


@pytest.mark.parametrize("word", ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"])
@pytest.mark.parametrize("shape", ["{}", "{}.", " {} ", "{}!!!", "\n{}\r\n", '"{}"', "*{}*"])
def test_a_keyword_alone_is_a_wish_to_stop(word: str, shape: str) -> None:
    for text in (word, word.lower(), word.title()):
        assert wish(shape.format(text), None) is Wish.STOP


@pytest.mark.parametrize("word", ["START", "unstop", "Start."])
def test_a_keyword_alone_is_a_wish_to_start(word: str) -> None:
    assert wish(word, None) is Wish.START


@pytest.mark.parametrize(
    "text",
    ["", " ", "...", "We have to STOP this bill", "Stop by at 5", "Please stop", "STOPP", "nonstop", "the end",
     "YES", "HELP", "start the car"],
)  # fmt: skip
def test_a_keyword_within_a_text_is_no_wish(text: str) -> None:
    assert wish(text, None) is None


@pytest.mark.parametrize("text", ["STOP. I mean it", "stop, please", "Quit! now", "UNSUBSCRIBE: me"])
def test_a_keyword_that_goes_on_is_for_a_person_to_read(text: str) -> None:
    assert wish(text, None) is Wish.UNCLEAR


@pytest.mark.parametrize(
    ("said", "meant"), [("STOP", Wish.STOP), ("START", Wish.START), ("HELP", None), ("OTHER", None)]
)
@pytest.mark.parametrize("text", ["STOP", "START", "arrêt", "anything"])
def test_the_carriers_own_reading_comes_first(said: str, meant: Wish | None, text: str) -> None:
    assert wish(text, said) is meant


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    assert wish(text, None) in (None, *Wish)
