"""Counts and pauses of tags and carriers, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from longcode.domain.tag_brake import (
    SLOT_MS,
    WINDOW_SLOTS,
    Pause,
    Standing,
    Subject,
    SubjectKind,
    Tally,
    slot_of,
)
from tests.support.fakes.fault_injector import FaultInjector


@dataclass
class _Row:
    slots: dict[int, Tally] = field(default_factory=dict)
    began_ms: int = 0
    bad: set[str] = field(default_factory=set)
    resumed_ms: int = 0
    pause: Pause | None = None


class FakeBrakes:
    """brake_store.BrakeStore in memory. The contract tests hold it to what the real table does."""

    def __init__(self) -> None:
        self.faults = FaultInjector("add", "pause", "resume", "standings", "announce")
        self._rows: dict[Subject, _Row] = {}
        # What was added, one after the other, and what was announced.
        self.added: list[tuple[Subject, Tally]] = []
        self.announced: list[tuple[Subject, Pause | None, Tally]] = []

    def pauses(self, kind: SubjectKind) -> dict[str, Pause]:
        """The pauses of all tags, or of all carriers, by their names."""
        return {one.name: row.pause for one, row in self._rows.items() if one.kind is kind and row.pause}

    def add(
        self, subject: Subject, more: Tally, left_ms: int, now_ms: int, bad_tag: str | None = None
    ) -> Tally | None:
        with self.faults.around("add"):
            row = self._rows.setdefault(subject, _Row())
            if row.resumed_ms > left_ms or (row.pause and subject.kind is SubjectKind.TAG):
                return None
            last = max(row.slots, default=None)
            slot = max(slot_of(now_ms), last or 0)
            if last is None or last < slot - 1:
                row.began_ms, row.bad = now_ms, set()
            row.bad |= set() if bad_tag is None else {bad_tag}
            row.slots[slot] = row.slots.get(slot, Tally()).plus(more)
            self.added.append((subject, more))
            return _sum(row, slot, WINDOW_SLOTS)

    def pause(self, subject: Subject, pause: Pause, *, counted_ms: int | None = None) -> bool:
        with self.faults.around("pause"):
            row = self._rows.setdefault(subject, _Row())
            if row.pause or (counted_ms is not None and row.resumed_ms > counted_ms):
                return False
            row.pause = pause
            return True

    def resume(self, subject: Subject, now_ms: int) -> Pause | None:
        with self.faults.around("resume"):
            before = self._rows.get(subject, _Row()).pause
            self._rows[subject] = _Row(resumed_ms=now_ms)
            return before

    def standings(self, subjects: Sequence[Subject], now_ms: int) -> Mapping[Subject, Standing]:
        with self.faults.around("standings"):
            slot = slot_of(now_ms)
            return {
                one: Standing(
                    _sum(row, slot, WINDOW_SLOTS),
                    _sum(row, slot, 2).sent,
                    max((slot - 1) * SLOT_MS, row.began_ms),
                    row.pause,
                )
                for one in subjects
                if (row := self._rows.get(one))
            }

    def announce(self, subject: Subject, pause: Pause | None, tally: Tally, now_ms: int) -> None:
        with self.faults.around("announce"):
            self.announced.append((subject, pause, tally))


def _sum(row: _Row, slot: int, slots: int) -> Tally:
    found = Tally()
    for number, tally in row.slots.items():
        if number > slot - slots:
            found = found.plus(tally)
    return replace(found, tags=len(row.bad))
