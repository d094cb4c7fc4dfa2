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

    Whether the number exists is the provider's to say.
    """
    return _E164.fullmatch(text) is not None


# The form that a number has in two ways, and the one that stands for both.
_WAYS = (
    # Mexico: mobile numbers had a 1 after the country code until 2019; none of its area codes begins with 1.
    (re.compile(r"\+521([0-9]{10})", re.ASCII), r"+52\1"),
    # Argentina: a 9 after the country code marks a mobile number; none of its area codes begins with 9.
    (re.compile(r"\+549([0-9]{10})", re.ASCII), r"+54\1"),
    # Brazil: mobile numbers got a 9 in front until 2016. Of eight digits, those from 6 on were mobile ones. Radio
    # phones, from 7 on, got none; their network was shut down in 2018.
    (re.compile(r"\+55([1-9][1-9])([6-9][0-9]{7})", re.ASCII), r"+55\g<1>9\2"),
)
# A sender longer than this is known by its beginning.
SENDER_CHARACTERS = 100


def canonical(sender: str) -> str:
    """The one form of all ways to write a number, for whatever is kept about a person and looked up again.

    A sender that is no number, as a short code or a name, stays as it is. Nothing is ever sent to this form.

    >>> canonical("+5215512345678"), canonical(" 12025550123"), canonical("40404"), canonical("ACME Inc")
    ('+525512345678', '+12025550123', '40404', 'ACME Inc')
    """
    name = sender.strip()[:SENDER_CHARACTERS].strip()
    number = name if name.startswith("+") else f"+{name.removeprefix('00')}"
    if not is_e164(number):
        return name
    for way, form in _WAYS:
        if way.fullmatch(number):
            return way.sub(form, number)
    return number


def mask(number: str) -> str:
    """`number` as logs may show it: the country's first digit and the last two."""
    return f"{number[:2]}…{number[-2:]}" if len(number) > 6 else "…"


def masked(text: str) -> str:
    """`text`, which may be the words of others, with every number in it as logs may show it."""
    return _WRITTEN.sub(lambda found: mask(found[0]), text)
