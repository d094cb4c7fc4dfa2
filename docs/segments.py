"""Write docs/segments.md from domain/segments.py and domain/smart_encoding.py: `python docs/segments.py`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    # Run as a script, it has to find the layer first; and this folder has modules of the names of ours.
    sys.path[0] = str(HERE.parent / "layers/longcode/python")

from longcode.domain import segments, smart_encoding  # noqa: E402 (see above)

PAGE = HERE / "segments.md"

# What it is, and a text of it.
CASES: tuple[tuple[str, str], ...] = (
    ("160 plain characters", "a" * 160),
    ("161 plain characters", "a" * 161),
    ("10 segments", "a" * 1530),
    ("an extension character: an escape and a character", "€"),
    ("80 extension characters", "€" * 80),
    ("81 extension characters", "€" * 81),
    ("151 plain characters, a pair, 153 plain ones: two full segments", "a" * 151 + "€" + "a" * 153),
    ("as long, but the pair does not fit into the first segment", "a" * 152 + "€" + "a" * 152),
    ("a C with cedilla, which the alphabet has in capitals only", "\N{LATIN CAPITAL LETTER C WITH CEDILLA}" * 160),
    ("the small one, which it does not have", "\N{LATIN SMALL LETTER C WITH CEDILLA}" * 71),
    ("letters with accents that it has", "éèùìòà" + "äöüñåøæß"),
    ("a letter with an accent that it does not have", "ê"),
    ("Greek capitals that it has", "ΔΦΓΛΩΠΨΣΘΞ"),
    ("a Greek capital that looks like a Latin one", "\N{GREEK CAPITAL LETTER ALPHA}"),
    ("a Greek small letter", "\N{GREEK SMALL LETTER LAMDA}"),
    ("a letter and a combining accent, which look like one that it has", "e\N{COMBINING ACUTE ACCENT}"),
    ("a grave accent", "`"),
    ("a tab", "a\tb"),
    ("a line feed", "a\nb"),
    ("a carriage return and a line feed", "a\r\nb"),
    ("a carriage return by itself", "a\rb"),
    ("a half", "\N{VULGAR FRACTION ONE HALF}"),
    ("a curly apostrophe in 71 characters", "\N{RIGHT SINGLE QUOTATION MARK}" + "a" * 70),
    ("an ellipsis in 70 characters", "a" * 69 + "\N{HORIZONTAL ELLIPSIS}"),
    ("a no-break space in 71 characters", "a" * 70 + "\N{NO-BREAK SPACE}"),
    ("a zero-width space, which no one sees, in 71 characters", "a" * 70 + "\N{ZERO WIDTH SPACE}"),
    ("an emoji: a pair of UTF-16 units", "\N{WAVING HAND SIGN}"),
    ("35 of them", "\N{WAVING HAND SIGN}" * 35),
    ("67 of them: 33 fit into a segment, and one unit is left unused", "\N{WAVING HAND SIGN}" * 67),
    ("an emoji with a colour of skin", "\N{WAVING HAND SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}"),
    ("a family: three emoji and two joiners", "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"),
    ("nine families: a segment may end inside of one", "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}" * 9),
    ("a heart with its variation selector", "\N{HEAVY BLACK HEART}\ufe0f"),
    ("a flag: two letters of two units each", "\U0001f1fa\U0001f1f8"),
    ("a digit on a key", "1\ufe0f\u20e3"),
    (
        "a curly apostrophe and an emoji in 71 units",
        "\N{RIGHT SINGLE QUOTATION MARK}\N{WAVING HAND SIGN}" + "a" * 68,
    ),
)

_HEAD = f"""\
# Segments

<!-- Made by docs/segments.py from domain/segments.py and domain/smart_encoding.py: change those, not this. -->

A text is billed by its segments, and US carriers limit them. How many it takes depends on its encoding:

| | `gsm7` | `ucs2` |
|---|---|---|
| for | a text of the GSM 7-bit alphabet alone (3GPP TS 23.038) | any other text, all of it |
| counted in | septets | UTF-16 units |
| two of them take | form feed and `^ {{ }} \\ [ ~ ] \\| €` | characters beyond U+FFFF, as most emoji |
| a segment alone has | 160 | 70 |
| each of several has | 153 | 67 |

What takes two units is never split over two segments. A text has at most {segments.MAX_PARTS} segments. The count
is ours; what is billed is the provider's, which `segments` of `GET /sms/status/{{id}}` shows once it is known.
On [Telnyx's page](https://developers.telnyx.com/docs/messaging/messages/message-encoding), as of 2026-11-27, the
list of the alphabet does not name the capital C with cedilla, the Greek capitals, U+00A4 and the form feed, while
the examples of code below it count all of them but the form feed. Here they count as the standard has it; a text
with one of them may be billed as `ucs2`.

## Hard cases

| A text of | Characters | Encoding | Units | Segments | Left | With smart encoding |
|---|---:|---|---:|---:|---:|---:|
"""

_SMART = """
*Characters* are code points. *Left* is how many more units the last segment takes. A test counts all of these, and
1,000 random texts, a second time with the simulated provider, which has a count of its own.

## Smart encoding

One curly apostrophe makes a text of 160 characters three segments instead of one. With `"smart_encoding": true` in
[the body](api.md#the-body-of-send-and-queue) the characters below are replaced before the text is stored:

- Only if the text takes fewer segments then. Otherwise not one character is changed.
- What was replaced is in the answer's `replaced`. The text that `/sms/status` shows is the one that was sent.
- Replaced is what keeps its meaning. Letters are not, with an accent or without; nor are fractions (a half after
  a 1 would be 11/2), grave accents and fullwidth forms (they may be part of a code), joiners and variation
  selectors (emoji are made of them), and marks of direction.

Without it a text is sent as it is. Smart encoding in the provider's messaging profile is another thing: it changes
a text after this service has counted and stored it, so leave it off.

| Character | | Becomes |
|---|---|---|
"""

_TAIL = """
The table is of 2026-11-27, after
[the list of Twilio](https://www.twilio.com/docs/messaging/services/smart-encoding-char-list),
[that of Sinch](https://developers.sinch.com/docs/sms/resources/message-info/auto-encoding) and
[what Telnyx says](https://developers.telnyx.com/docs/messaging/messages/smart-encoding). It is in
`longcode/domain/smart_encoding.py`.
"""


def _case(what: str, text: str) -> str:
    size = segments.measure(text)
    shorter, replaced = smart_encoding.shorten(text)
    smart = segments.count(shorter) if replaced else ""
    figures = f"{size.units:,} | {size.segments} | {size.left} | {smart}"
    return f"| {what} | {len(text):,} | `{size.encoding}` | {figures} |\n"


def _replacement(character: str, replacement: str) -> str:
    words = {"": "nothing", " ": "a space", "\n": "a line feed"}
    shown = words.get(replacement) or f"`{replacement}`"
    return f"| U+{ord(character):04X} | {smart_encoding.name(character)} | {shown} |\n"


def page() -> str:
    """The whole page."""
    cases = (_case(what, text) for what, text in CASES)
    replacements = (_replacement(*pair) for pair in smart_encoding.REPLACEMENTS.items())
    return _HEAD + "".join(cases) + _SMART + "".join(replacements) + _TAIL


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
