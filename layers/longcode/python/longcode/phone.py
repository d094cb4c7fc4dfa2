"""Phone numbers: what we take for one, and how much of it a log may show."""

import re

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


def is_e164(text: str) -> bool:
    """Whether `text` has the form `+` and 7 to 15 digits, the first not 0 (ITU-T E.164).

    Whether the number exists is the carrier's to say.
    """
    return _E164.fullmatch(text) is not None


def mask(number: str) -> str:
    """`number` as logs may show it: the country's first digit and the last two."""
    return f"{number[:2]}…{number[-2:]}" if len(number) > 6 else "…"
