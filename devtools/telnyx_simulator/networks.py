"""Which mobile network a number is on, by its last four digits, and as whom the provider names that network."""

# The provider names the operating company and not the brand, so one network comes under several names.
# The names here were seen in its answers and in number lookups; a deployer will see others.

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from . import fields
from .faults import BadFault
from .outcomes import FICTION
from .validate import E164


class Network(StrEnum):
    """The networks that the simulator tells apart. `unknown` is one that the provider doesn't name."""

    ATT = "att"
    T_MOBILE = "t_mobile"
    VERIZON = "verizon"
    US_CELLULAR = "us_cellular"
    OTHER = "other"
    VOIP = "voip"
    LANDLINE = "landline"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Carrier:
    """How one network shows: `names` and `line_type` in messages, `brand` and `kind` in a number lookup."""

    names: tuple[str, ...]
    line_type: str
    brand: str | None
    kind: str


CARRIERS = {
    Network.ATT: Carrier(
        ("AT&T Mobility LLC", "NEW CINGULAR WIRELESS PCS, LLC - IL", "NEW CINGULAR WIRELESS PCS, LLC - DC"),
        "Wireless",
        "AT&T",
        "mobile",
    ),
    Network.T_MOBILE: Carrier(("T-MOBILE USA, INC.",), "Wireless", "T-Mobile", "mobile"),
    Network.VERIZON: Carrier(
        ("CELLCO PARTNERSHIP DBA VERIZON WIRELESS - OH", "Verizon Wireless:6006 - SVR/2"),
        "Wireless",
        "Verizon Wireless",
        "mobile",
    ),
    Network.US_CELLULAR: Carrier(("UNITED STATES CELLULAR CORP. - IOWA",), "Wireless", "US Cellular", "mobile"),
    Network.OTHER: Carrier(
        ("GCI COMMUNICATION CORP. DBA GENERAL COMMUNICATION",), "Pre-Paid Wireless", None, "mobile"
    ),
    Network.VOIP: Carrier(("ONVOY, LLC - TN",), "VoIP", None, "voip"),
    Network.LANDLINE: Carrier(("CINCINNATI BELL",), "Wireline", None, "fixed line"),
    Network.UNKNOWN: Carrier(("",), "", None, "unknown"),
}

# The last four digits of +1 NXX 555 01xx, from and to; all others are on T-Mobile.
RULE: tuple[tuple[str, str, Network], ...] = (
    ("0146", "0146", Network.LANDLINE),
    ("0166", "0169", Network.T_MOBILE),
    ("0180", "0189", Network.ATT),
    ("0190", "0193", Network.VERIZON),
    ("0194", "0195", Network.US_CELLULAR),
    ("0196", "0196", Network.OTHER),
    ("0197", "0197", Network.VOIP),
    ("0198", "0198", Network.UNKNOWN),
)
# T-Mobile's older names: they count as T-Mobile all the same.
MERGED = {"0166": "SPRINT SPECTRUM, L.P.", "0167": "METRO PCS, INC.", "0168": "T-Mobile USA, Inc."}


@dataclass(frozen=True, slots=True)
class Subscription:
    """The network that a number is on, with the name and the line type that the provider gives it."""

    network: Network
    name: str
    line_type: str

    def public(self) -> dict[str, str]:
        """The fields of `to[0]` and `from`."""
        return {"carrier": self.name, "line_type": self.line_type}


class Networks:
    """Every number's network: the rule's, unless the number has moved."""

    def __init__(self) -> None:
        self._moved: dict[str, Subscription] = {}

    def of(self, number: str) -> Subscription:
        """Where a number is. One of another country, or a short code, is `unknown`."""
        return self._moved.get(number) or by_rule(number)

    def has_moved(self, number: str) -> bool:
        """Whether a number is elsewhere than where the rule has it."""
        return number in self._moved

    def move(self, asked: dict[str, Any]) -> None:
        """Move a number to another network (null: back to the rule's). Raises BadFault."""
        asked = fields.mapping(asked, ("number", "network", "name", "line_type"))
        number, network = asked.get("number"), asked.get("network")
        if not isinstance(number, str) or not E164.fullmatch(number):
            raise BadFault("number must be an E.164 number")
        if network is None:
            self._moved.pop(number, None)
            return
        if network not in set(Network):
            raise BadFault(f"network must be null or one of {', '.join(Network)}")
        carrier = CARRIERS[Network(network)]
        name, line_type = asked.get("name", carrier.names[0]), asked.get("line_type", carrier.line_type)
        if not isinstance(name, str) or not isinstance(line_type, str):
            raise BadFault("name and line_type must be strings")
        self._moved[number] = Subscription(Network(network), name, line_type)

    def public(self) -> dict[str, Any]:
        """The rule and the numbers that have moved."""
        moved = {number: {"network": one.network, **one.public()} for number, one in self._moved.items()}
        rule = [{"from": first, "to": last, "network": network} for first, last, network in RULE]
        return {"rule": [*rule, {"from": None, "to": None, "network": Network.T_MOBILE}], "moved": moved}

    def clear(self) -> None:
        """Every number back to where the rule has it."""
        self._moved.clear()


def by_rule(number: str) -> Subscription:
    """Where the rule has a number."""
    match = FICTION.fullmatch(number)
    suffix = match[1] if match else ""
    network = Network.T_MOBILE if number.startswith("+1") else Network.UNKNOWN
    network = next((one for first, last, one in RULE if first <= suffix <= last), network)
    carrier = CARRIERS[network]
    # Neighbouring numbers show a network's different names.
    name = MERGED.get(suffix) or carrier.names[ord(number[-1]) % len(carrier.names)]
    return Subscription(network, name, carrier.line_type)


def table() -> str:
    """The rule as plain text, one line a range."""
    lines = []
    for first, last, network in RULE:
        names = sorted({by_rule(f"+1202555{n:04}").name for n in range(int(first), int(last) + 1)})
        digits = first if first == last else f"{first}-{last[-1]}"
        shown = "; ".join(names) if names != [""] else "(no name)"
        lines.append(f"+1 NXX 555 {digits:<6}  {network:<11}  {CARRIERS[network].line_type:<17}  {shown}")
    carrier = CARRIERS[Network.T_MOBILE]
    lines.append(f"any other +1       {Network.T_MOBILE:<11}  {carrier.line_type:<17}  {carrier.names[0]}")
    return "\n".join(lines)
