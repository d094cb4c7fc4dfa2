"""What is counted of the texts of one tag beyond their statuses: by carrier, what they cost, who opted out."""

# A count is one attribute of the counters' items, by the names below. A status has its own word as its name, so
# none of these may be a status. An earlier version of this service reads the statuses and passes over the others.

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from longcode.domain.message import Message
from longcode.domain.status import Status

Number = int | Decimal

# Texts that the provider has taken, and their parts; people who opted out after one of them.
TAKEN, SEGMENTS, OPTED_OUT = "taken", "segments", "opted_out"
_COST = "cost."
# Of a text whose carrier no one has named yet.
UNKNOWN_CARRIER = "unknown"
# So long after the last text to a person an opt-out is counted for that text's tag.
OPT_OUT_AFTER_MS = 72 * 3_600_000


@dataclass(frozen=True, slots=True)
class TagCounts:
    """The counts of one tag.

    `by_status` and `by_carrier` (carrier → status → texts) are of the texts that are kept. The others are of all
    that there ever were: the texts that were `taken` by the provider and their `segments`, the `cost` by currency,
    and the people who `opted_out` within 72 hours of a text.
    """

    by_status: Mapping[str, int] = field(default_factory=dict)
    by_carrier: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    cost: Mapping[str, Decimal] = field(default_factory=dict)
    segments: int = 0
    taken: int = 0
    opted_out: int = 0

    @property
    def waiting(self) -> int:
        """The texts that are still to be sent."""
        return sum(self.by_status.get(status, 0) for status in Status if status.waiting)

    @property
    def opt_out_rate(self) -> float | None:
        """Who opted out as a share of the texts that the provider took; None as long as it took none."""
        return self.opted_out / self.taken if self.taken else None


def differences(before: Message | None, after: Message | None) -> dict[tuple[str, str], Number]:
    """What a change of a text adds to the counts of its tag, by tag and name: nothing of one that is not ours.

    What has left stays in the sums when the text is forgotten. A text that is held may get another tag.
    """
    found: dict[tuple[str, str], Number] = {}
    for message, by in ((before, -1), (after, 1)):
        if message and message.tag and message.direction == "outbound":
            for name, value in _rows(message, gone=after is None):
                found[message.tag, name] = found.get((message.tag, name), 0) + by * value
    return {key: value for key, value in found.items() if value}


def _rows(message: Message, *, gone: bool) -> list[tuple[str, Number]]:
    rows: list[tuple[str, Number]] = [(f"{message.carrier or UNKNOWN_CARRIER}.{message.status}", 1)]
    if message.test:
        # They are counted with no others, and so not where the statuses are.
        rows.append((message.status, 1))
    if gone:
        return rows
    if message.telnyx_id is not None:
        rows += [(TAKEN, 1), (SEGMENTS, message.parts or message.segments)]
    if message.cost is not None and message.currency:
        rows.append((_COST + message.currency, message.cost))
    return rows


def read(rows: Mapping[str, Number]) -> TagCounts:
    """The counts of a tag, of which each is under its name. What is none is passed over, as what is below one."""
    by_carrier: dict[str, dict[str, int]] = {}
    cost: dict[str, Decimal] = {}
    statuses = set(Status)
    for name, value in rows.items():
        carrier, dot, status = name.partition(".")
        if name.startswith(_COST) and value:
            cost[name.removeprefix(_COST)] = Decimal(value)
        elif dot and status in statuses and value > 0:
            by_carrier.setdefault(carrier, {})[status] = int(value)
    return TagCounts(
        {name: int(value) for name, value in rows.items() if name in statuses and value > 0},
        by_carrier,
        cost,
        *(max(0, int(rows.get(name, 0))) for name in (SEGMENTS, TAKEN, OPTED_OUT)),
    )
