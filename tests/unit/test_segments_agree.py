"""Our count of segments against the simulator's, which is written from the standard by itself."""

from pathlib import Path

import pytest

from devtools.telnyx_simulator import parts
from docs import segments as segments_page
from longcode.domain import segments
from longcode.domain.smart_encoding import REPLACEMENTS
from tests.chance import drawn, showing

# Characters that are easily miscounted, and plain ones, by which most texts are long.
PLAIN = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.,!?0123456789\r\n"
EXTENSION = "^{}\\[~]|€\f"
NATIONAL = "ÇéèùìòÄÖÜäöüñßÅåÆæØø" + "ΔΦΓΛΩΠΨΣΘΞ" + "@£$¥§¿¡¤_"
UCS2 = "çê`½\t\u0391\u0392ы中あ\u0301\u0308" + "".join(REPLACEMENTS)
PAIRS = "\U0001f44b\U0001f1e9\U0001f1ea\U0001f468\U0001f4a9\U0001d11e"
JOINERS = "\u200d\ufe0f\u20e3"
ALPHABETS = (
    PLAIN,
    PLAIN + EXTENSION,
    EXTENSION,
    PLAIN + NATIONAL + EXTENSION,
    PLAIN + NATIONAL + EXTENSION + UCS2,
    PLAIN * 5 + PAIRS + JOINERS,
    PAIRS + JOINERS,
)
# Where a segment ends, in units, and so where a count may be off by one.
EDGES = (1, 66, 67, 68, 69, 70, 71, 134, 135, 152, 153, 154, 159, 160, 161, 305, 306, 307, 670, 1_530)


def test_a_thousand_texts_take_as_many_segments_as_the_simulator_counts() -> None:
    chance = drawn("segments")
    encodings = set()
    for number in range(1_000):
        alphabet = ALPHABETS[number % len(ALPHABETS)]
        length = chance.choice(EDGES) + chance.randint(-2, 2) if number % 2 else chance.randint(0, 700)
        text = "".join(chance.choices(alphabet, k=max(0, length)))
        with showing(ascii(text)):
            ours, theirs = segments.measure(text), parts.measure(text)
            assert (ours.units, ours.segments) == (theirs.units, theirs.parts)
            assert ours.encoding == {"GSM-7": "gsm7", "UCS-2": "ucs2"}[theirs.encoding]
            assert 0 <= ours.left <= 160
        encodings.add((ours.encoding, min(ours.segments, 2)))
    assert len(encodings) == 4


def test_the_hard_cases_of_the_page_take_as_many_segments_as_the_simulator_counts() -> None:
    for what, text in segments_page.CASES:
        ours, theirs = segments.measure(text), parts.measure(text)
        assert (ours.units, ours.segments) == (theirs.units, theirs.parts), what


def test_the_simulator_counts_by_itself() -> None:
    source = Path(parts.__file__).read_text()

    assert "longcode" not in source


def test_the_page_is_made_of_the_code_as_it_is() -> None:
    assert segments_page.PAGE.read_text() == segments_page.page(), "Run `make docs`."


def test_the_page_script_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_page, "PAGE", tmp_path / "segments.md")

    segments_page.write()

    assert (tmp_path / "segments.md").read_text() == segments_page.page()
