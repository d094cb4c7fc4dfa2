"""What a whole inbound text says about being texted: stop, start, or something for a person to read.

Source: Telnyx's opt-out keywords. The carrier's own reading (`autoresponse_type`) comes first; these rules are
for where it sent none. The carrier answers the texter itself, so this service never does.
"""

from enum import StrEnum

_STOP = frozenset(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"))
_START = frozenset(("START", "UNSTOP"))
_AROUND = " \t\r\n.!,;:\"'`*-"


class Wish(StrEnum):
    """What a texter wants."""

    STOP = "stop"
    START = "start"
    # Begins with a keyword and goes on: too likely a wish to stop for a machine to pass over or to grant.
    UNCLEAR = "unclear"


def wish(text: str, autoresponse: str | None) -> Wish | None:
    """The wish in a text, None if it has none.

    The whole message must be the keyword: "We have to STOP this bill" is no wish.
    """
    if autoresponse in ("STOP", "START"):
        return Wish(autoresponse.lower())
    if autoresponse:
        return None
    word = text.strip(_AROUND).upper()
    if word in _STOP:
        return Wish.STOP
    if word in _START:
        return Wish.START
    first, _, rest = word.partition(" ")
    return Wish.UNCLEAR if rest and first.rstrip(_AROUND) != first and first.rstrip(_AROUND) in _STOP else None
