"""Phone numbers as people write them, and what they are in the form that is sent to."""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from longcode.domain import phone

# What the library says is wrong with a number, for a person.
WRONG = {
    ValidationResult.TOO_SHORT: "too short for a number",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "no area code",
    ValidationResult.TOO_LONG: "too long for a number",
    ValidationResult.INVALID_LENGTH: "not as many digits as a number of its country has",
    ValidationResult.INVALID_COUNTRY_CODE: "no country has that code",
}
# In North America neither an area code nor what follows it begins with 0 or 1.
_NORTH_AMERICA = re.compile(r"\+1[2-9][0-9]{2}[2-9][0-9]{6}", re.ASCII)
_COUNTRY_CODE = 1
# As nearly all are written there. The library takes a second for some thousand of them, and says the same.
_USUAL = re.compile(
    r"\s*(?:(?P<plus>\+)?1[\s.-]?)?(?:(?P<area>[2-9][0-9]{2})|\((?P<bracketed>[2-9][0-9]{2})\))[\s.-]?"
    r"(?P<office>[2-9][0-9]{2})[\s.-]?(?P<line>[0-9]{4})\s*"
)
# As it is on a keyboard, and as wide as an ideograph.
_PLUS = "+\N{FULLWIDTH PLUS SIGN}"


def is_region(region: str) -> bool:
    """Whether numbers of a country (two capital letters) are known."""
    return region in phonenumbers.SUPPORTED_REGIONS


def e164(written: str, region: str) -> str:
    """A number as a person wrote it, in E.164 format. Numbers without a plus or 00 are of `region` (two letters).

    Raises ValueError with what is wrong, without the number.

    >>> e164("(202) 555-0123", "US"), e164("0044 20 7946 0123", "US"), e164("020 7946 0123", "GB")
    ('+12025550123', '+442079460123', '+442079460123')
    """
    usual = _USUAL.fullmatch(written)
    if usual and (usual["plus"] or phonenumbers.country_code_for_region(region) == _COUNTRY_CODE):
        return f"+1{usual['area'] or usual['bracketed']}{usual['office']}{usual['line']}"
    if not any(char.isdigit() for char in written):
        raise ValueError("no number" if written.strip() else "empty")
    if any(char.isalpha() for char in written):
        raise ValueError("letters in the number")
    try:
        parsed = phonenumbers.parse(_with_plus(written, region), region)
        number = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
        # The library no longer knows Mexico's former 1, which phones still take.
        possible = phonenumbers.is_possible_number_with_reason(phonenumbers.parse(phone.canonical(number)))
    except NumberParseException:
        raise ValueError("no number") from None
    if parsed.extension:
        raise ValueError("more than one number, or one with an extension")
    if possible != ValidationResult.IS_POSSIBLE:
        raise ValueError(WRONG[possible])
    # Its length is all that is asked of a number: is_valid_number refuses ranges that are kept for examples, as
    # +44 7700 900123, and new ones that the library does not know yet. Whether it exists is the provider's to say.
    if parsed.country_code == _COUNTRY_CODE and not _NORTH_AMERICA.fullmatch(number):
        raise ValueError("no area code of North America begins like that")
    if not phone.is_e164(number):
        raise ValueError("too short for a number")
    return number


def _with_plus(written: str, region: str) -> str:
    """`written` with a plus in the place of 00, where that stands for a plus."""
    digits = "".join(char for char in written if char.isdigit())
    if not set(written).isdisjoint(_PLUS) or not re.match(r"\W*0\W*0", written) or digits.startswith("000"):
        return written
    # From the US a number abroad begins with 011, but people write 00 all the same; no number there begins with 0.
    if phonenumbers.country_code_for_region(region) == _COUNTRY_CODE:
        return f"+{digits.removeprefix('00')}"
    return written
