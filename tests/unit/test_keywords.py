"""What a whole inbound text says about being texted."""

from hypothesis import given
from hypothesis import strategies as st

from longcode.keywords import Wish, wish


def wishes(*texts: str) -> dict[str, Wish | None]:
    return {text: wish(text, None) for text in texts}


def test_a_keyword_alone_is_a_wish_to_stop() -> None:
    words = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT")
    cased = [case for word in words for case in (word, word.lower(), word.title())]
    shapes = ("{}", "{}.", " {} ", "{}!!!", "\n{}\r\n", '"{}"', "*{}*")
    read = wishes(*(shape.format(word) for word in cased for shape in shapes))

    assert {text: meant for text, meant in read.items() if meant is not Wish.STOP} == {}


def test_a_keyword_alone_is_a_wish_to_start() -> None:
    assert set(wishes("START", "unstop", "Start.").values()) == {Wish.START}


def test_a_keyword_within_a_text_is_no_wish() -> None:
    read = wishes(
        *("", " ", "...", "We have to STOP this bill", "Stop by at 5", "Please stop", "STOPP", "nonstop"),
        *("the end", "YES", "HELP", "start the car"),
    )

    assert {text: meant for text, meant in read.items() if meant is not None} == {}


def test_a_keyword_that_goes_on_is_for_a_person_to_read() -> None:
    read = wishes("STOP. I mean it", "stop, please", "Quit! now", "UNSUBSCRIBE: me")

    assert set(read.values()) == {Wish.UNCLEAR}


def test_the_carriers_own_reading_comes_first() -> None:
    meanings = {"STOP": Wish.STOP, "START": Wish.START, "HELP": None, "OTHER": None}
    for text in ("STOP", "START", "arrêt", "anything"):
        assert {said: wish(text, said) for said in meanings} == meanings, text


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    assert wish(text, None) in (None, *Wish)
