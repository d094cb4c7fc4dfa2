"""How a campaign stands: the counts of a tag, when the last of its texts will leave, and whether it is paused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from longcode.domain import campaign, pacific
from longcode.domain.campaign import CampaignSettings
from longcode.domain.finish import Rest, Speed, finishes_ms
from longcode.domain.gate import Gate
from longcode.domain.message import Message
from longcode.domain.pacing import Pace
from longcode.domain.priority import Priority
from longcode.domain.status import Status
from longcode.domain.tag_brake import Standing, Subject, SubjectKind
from longcode.domain.tag_counts import UNKNOWN_CARRIER, TagCounts
from longcode.use_cases.brake_store import BrakeStore
from longcode.use_cases.carrier_store import Carriers
from longcode.use_cases.ports import Finder, Limits, Messages
from longcode.use_cases.publish_ports import Counters


@dataclass(frozen=True, slots=True)
class TagView:
    """One tag. Times are epoch milliseconds; `first_ms` and `last_ms` are acceptances of texts that are kept.

    `finishes_ms` is None if nothing waits, or if it waits for an operator.
    """

    tag: str
    counts: TagCounts
    first_ms: int | None
    last_ms: int | None
    finishes_ms: int | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class TagReader:
    """Reads how tags stand."""

    counters: Counters
    finder: Finder
    messages: Messages
    limits: Limits
    carriers: Carriers
    brakes: BrakeStore
    pace: Pace
    campaign: CampaignSettings
    sender: str

    def view(self, tag: str, now_ms: int) -> TagView:
        """How a tag stands; all of it is none of one that no text has. Raises Unavailable."""
        counts, ends, standing = self.counters.read_tag(tag), self.finder.ends(tag), self.standing(tag, now_ms)
        finishes = None
        if counts.waiting and not standing.pause:
            latest = self.messages.get_all(ends.last_ids) if ends else []
            finishes = self._finishes_ms(counts, latest, standing, now_ms)
        return TagView(
            tag, counts, ends.first_ms if ends else None, ends.last_ms if ends else None, finishes, standing
        )

    def standing(self, tag: str, now_ms: int) -> Standing:
        """What its brake has counted, and its pause."""
        subject = Subject(SubjectKind.TAG, tag)
        return self.brakes.standings([subject], now_ms).get(subject, Standing())

    def _finishes_ms(
        self, counts: TagCounts, latest: Sequence[Message], standing: Standing, now_ms: int
    ) -> int | None:
        gate = self.limits.read_gate("", self.sender)
        bulk = any(message.priority is Priority.BULK for message in latest)
        if gate.control.paused(Priority.BULK if bulk else Priority.TRANSACTIONAL):
            return None
        held = [message.ready_ms for message in latest if message.status is Status.HELD]
        # While the breaker is open, or the provider has asked for a wait, nothing leaves at all.
        ready_ms = max(gate.control.breaker_until_ms or 0, gate.sender.not_before_ms or 0, *held)
        rest = Rest(counts.waiting, _segments(counts, latest), ready_ms, _shares(counts))
        speed = self._speed(gate, standing, 100 - self.campaign.transactional if bulk else 100, now_ms)
        return finishes_ms(rest, speed, now_ms)

    def _speed(self, gate: Gate, standing: Standing, percent: int, now_ms: int) -> Speed:
        limits = campaign.limits(self.campaign, gate.campaign)
        day = pacific.open_day(now_ms).name if limits.per_day else ""
        counted = {carrier: self.carriers.read_count(carrier, day) for carrier in limits.per_day}
        recent_in_ms = now_ms - standing.recent_from_ms
        return Speed(self.pace, limits, percent, counted, standing.recent, recent_in_ms)


def _segments(counts: TagCounts, latest: Sequence[Message]) -> float:
    """Of how many segments a text is, on the average of those that left, or else of the latest."""
    if counts.taken:
        return counts.segments / counts.taken
    return sum(message.segments for message in latest) / len(latest) if latest else 1


def _shares(counts: TagCounts) -> Mapping[str, float]:
    texts = {
        carrier: sum(statuses.values())
        for carrier, statuses in counts.by_carrier.items()
        if carrier != UNKNOWN_CARRIER
    }
    total = sum(texts.values())
    return {carrier: number / total for carrier, number in texts.items()} if total else {}
