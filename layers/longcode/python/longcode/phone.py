"""Phone numbers: what we take for one, and how much of it a log may show."""

import re

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
# As others write them: with the plus; ten digits or more that stand alone, which no id of ours does; or as North
# America groups them.
_WRITTEN = re.compile(
    r"\+[1-9][0-9]{6,14}|(?<![\w-])0{0,2}[1-9][0-9]{8,14}(?![\w-])"
    r"|(?<![\w-])(?:1[ .-])?\(?[2-9][0-9]{2}\)?[ .-]{1,2}[2-9][0-9]{2}[ .-][0-9]{4}(?![\w-])",
    re.ASCII,
)


def is_e164(text: str) -> bool:
    """Whether `text` has the form `+` and 7 to 15 digits, the first not 0 (ITU-T E.164).

    Whether the number exists is the carrier's to say.
    """
    return _E164.fullmatch(text) is not None


def mask(number: str) -> str:
    """`number` as logs may show it: the country's first digit and the last two."""
    return f"{number[:2]}…{number[-2:]}" if len(number) > 6 else "…"


def masked(text: str) -> str:
    """`text`, which may be the words of others, with every number in it as logs may show it."""
    return _WRITTEN.sub(lambda found: mask(found[0]), text)
