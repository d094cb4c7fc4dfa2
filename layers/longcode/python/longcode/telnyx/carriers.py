"""Which carrier Telnyx means by a name, what kind of line a number is, and its answer to a number lookup."""

# Telnyx gives the company that a number is assigned or ported to, and no brand: as the numbering plan's
# administrator lists it (`NEW CINGULAR WIRELESS PCS, LLC - GA`), or as the number portability database does
# (`Verizon Wireless:6006 - SVR/2`, `Cingular Wireless/2`). One carrier has many such names, also those of
# companies that it bought long ago.
#
# Sources of the names: the examples of Telnyx's API reference (2026), the code openings that NANPA publishes, and
# the names that a public program saw in 10,000 of Telnyx's lookups (2026-06-25). Names that are added here should
# be taken from `carrier` of a real answer.

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from longcode.domain import untrusted
from longcode.domain.carriers import Carrier, Subscription, is_north_american

_MOST_NAME = 200

# T-Mobile counts the texts to Sprint and Metro as its own, and AT&T those to Cricket. T-Mobile bought UScellular's
# customers in August 2025; as long as their numbers are listed apart they are counted apart.
_NAMES = (
    (
        Carrier.ATT,
        # Of AT&T's own names all but those of its landline companies.
        r"\bAT ?& ?T\b(?!/1| (?:ALASKA|COMMUNICATIONS|CORP|ENTERPRISES|LOCAL|NODAL|SERVICES|WIRELINE)\b)"
        r"|\bATT (?:MOBILITY|WIRELESS)\b|\bCINGULAR\b|^CRICKET\b",
    ),
    (
        Carrier.T_MOBILE,
        r"\bT MOBILE\b|\bTMOBILE\b|\bMETRO ?PCS\b|^SPRINT$|\bSPRINT (?:NEXTEL|PCS|SPECTRUM|WIRELESS)\b|^NEXTEL\b"
        r"|\bOMNIPOINT\b|^POWERTEL\b|^SUNCOM\b|^VOICESTREAM\b|^AERIAL COMMUNICATIONS\b",
    ),
    # Not Verizon's local telephone companies: `VERIZON NEW YORK, INC.`, `Verizon/1`.
    (Carrier.VERIZON, r"\bCELLCO\b|\bVERIZON WIRELESS\b|^VERIZON$|^BELL ATLANTIC MOBILE\b"),
    (Carrier.US_CELLULAR, r"\bUNITED STATES CELLULAR\b|\bU ?S ?CELLULAR\b|^USCC\b"),
)
_PATTERNS = tuple((carrier, re.compile(pattern, re.ASCII)) for carrier, pattern in _NAMES)
_UNNAMED = frozenset(("", "N/A", "NONE", "NULL", "UNKNOWN"))

# The words of a number lookup that mean the same as one of a message (`Wireline`, `Wireless`, `VoWiFi`, `VoIP`,
# `Pre-Paid Wireless`): two words for one fact would be written down twice.
_WORDS = {"mobile": "wireless", "fixed line": "wireline", "landline": "wireline"}
_NO_MOBILE_LINES = frozenset(("wireline", "voip"))


def carrier(name: object, line_type: str = "") -> Carrier | None:
    """The carrier that a name stands for on a line of this type; None if it names none.

    The limits of 10DLC are the mobile networks' own, so what a carrier has of other lines is `other`, whatever
    its name. Where the type is missing the name decides: a text that is counted for nothing costs a little
    throughput, and one that is not counted may be refused and is charged.
    """
    said = _plain(name)
    if said in _UNNAMED:
        return None
    if line_type in _NO_MOBILE_LINES:
        return Carrier.OTHER
    return next((found for found, pattern in _PATTERNS if pattern.search(said)), Carrier.OTHER)


def line_type(value: object) -> str:
    """The kind of line, in a message's word for it and lower case; empty if it is not said."""
    word = untrusted.word(value)
    return _WORDS.get(word, "" if word == "unknown" else word)


def subscription(row: Mapping[str, Any], number: str, seen_ms: int) -> Subscription | None:
    """The carrier of `number` as a row of `to` or `from` has it; None if the row names none, or is about another
    number. An empty `number` is the row's own.
    """
    said = untrusted.number(row.get("phone_number"))
    if number and said and said != number:
        return None
    return _subscription((row.get("carrier"),), line_type(row.get("line_type")), number or said, seen_ms)


@dataclass(frozen=True, slots=True)
class Lookup:
    """An answer to a number lookup: what it found, None for a number that the provider does not know."""

    found: Subscription | None


def looked_up(content: bytes, number: str, seen_ms: int) -> Lookup | None:
    """Read an answer to `GET /number_lookup/{number}?type=carrier`; None: it can't be read.

    `normalized_carrier`, the network behind a reseller, comes before `name`; `spid_carrier_name` is the same as
    that of a number that was ported.
    """
    data = untrusted.loads(content).get("data")
    if not isinstance(data, dict):
        return None
    found, ported = (_object(data.get(name)) for name in ("carrier", "portability"))
    kind = line_type(found.get("type")) or line_type(ported.get("line_type"))
    names = (found.get("normalized_carrier"), found.get("name"), ported.get("spid_carrier_name"))
    return Lookup(_subscription(names, kind, number, seen_ms))


def _subscription(names: tuple[object, ...], kind: str, number: str, seen_ms: int) -> Subscription | None:
    """By the first of `names` that is a US carrier's, else `other` if there is any."""
    known = [one for name in names if (one := carrier(name, kind)) is not None]
    if not known:
        return None
    # `T-Mobile Polska` is none of the US carriers.
    ours = [one for one in known if one is not Carrier.OTHER] if is_north_american(number) or not number else []
    return Subscription(ours[0] if ours else Carrier.OTHER, kind, seen_ms)


def _plain(name: object) -> str:
    """A name in capitals, with blanks for all that is neither a letter nor a digit nor the & of AT&T.

    What comes after a slash stays a part of its word, as it marks the kind of line: `Verizon/1` is a landline. A 2
    is a mobile one, and goes.
    """
    said = untrusted.line(name, _MOST_NAME).upper().replace(".", "")
    return " ".join(re.sub(r"[^A-Z0-9&/]+", " ", said).split()).removesuffix("/2")


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
