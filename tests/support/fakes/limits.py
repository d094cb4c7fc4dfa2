"""The limits table in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from longcode.domain import braking, pacing, phone, test_mode
from longcode.domain.braking import Brake
from longcode.domain.gate import Control, Gate, Limiter, Refusal, Trouble
from longcode.domain.priority import Priority
from longcode.domain.tag_brake import Pause, SubjectKind
from tests.support.fakes.brakes import FakeBrakes
from tests.support.fakes.carriers import FakeCarriers
from tests.support.fakes.fault_injector import FaultInjector
from tests.support.fakes.optouts import FakeOptOuts


class FakeLimits:
    """ports.Limits in memory. The contract tests hold it to what the real table does."""

    def __init__(
        self,
        optouts: FakeOptOuts | None = None,
        carriers: FakeCarriers | None = None,
        brakes: FakeBrakes | None = None,
        *,
        hold_on_unclear: bool = False,
    ) -> None:
        self.faults = FaultInjector(
            "count", "uncount", "read_counts", "read_gate", "reserve", "reserve_free", "take_turn",
            "take_turn_by", "refused",
            "set_brake",
            "cover", "give_back", "push", "pause", "resume", "open_breaker", "probe", "suspect", "clear_suspects",
            "trouble", "take_queue", "leave_queue", "settle", "close_breaker",
        )  # fmt: skip
        self.optouts = optouts or FakeOptOuts()
        self.carriers = carriers or FakeCarriers()
        self.brakes = brakes or FakeBrakes()
        self.control = Control()
        self._hold_on_unclear = hold_on_unclear
        self.limiters: dict[str, Limiter] = {}
        self.counted: Counter[str] = Counter()
        # The key of each reservation so far.
        self.reserved: list[str] = []
        self._suspect_since_ms: int | None = None
        self._probed_by: str | None = None
        self._refusals: dict[str, tuple[str, int]] = {}

    def count(self, key: str, at_most: int, now_ms: int, many: int = 1) -> int:
        with self.faults.around("count"):
            fits = max(0, min(many, at_most - self.counted[key]))
            self.counted[key] += fits
            return fits

    def uncount(self, key: str, many: int = 1) -> None:
        with self.faults.around("uncount"):
            if self.counted[key] >= many:
                self.counted[key] -= many

    def read_counts(self, keys: Sequence[str]) -> Mapping[str, int]:
        with self.faults.around("read_counts"):
            return {key: self.counted[key] for key in keys}

    def read_gate(
        self, recipient: str, sender: str, priority: Priority = Priority.TRANSACTIONAL, tag: str | None = None
    ) -> Gate:
        with self.faults.around("read_gate"):
            entry = self.optouts.entries.get(phone.canonical(test_mode.unmarked(recipient)))
            unclear = entry.to_review if entry and self._hold_on_unclear else ()
            return Gate(
                recipient=self._limiter(pacing.recipient_key(recipient)),
                sender=self._limiter(pacing.sender_key(sender)),
                account=self._limiter(pacing.account_key(sender)),
                bulk_sender=self._bulk(pacing.sender_key(sender), priority),
                bulk_account=self._bulk(pacing.account_key(sender), priority),
                control=self.control,
                opted_out=entry is not None and entry.opted_out,
                unclear_ms=unclear[0].at_ms if unclear else None,
                subscription=self.carriers.known.get(recipient),
                campaign=self.carriers.facts.get(sender),
                carrier_stops=self.carriers.stops_of(sender),
                tag_pause=self.brakes.pauses(SubjectKind.TAG).get(tag) if tag else None,
                carrier_pauses=self.brakes.pauses(SubjectKind.CARRIER),
            )

    def _bulk(self, key: str, priority: Priority) -> Limiter:
        return self._limiter(pacing.bulk_key(key)) if priority is Priority.BULK else Limiter()

    def reserve_free(
        self, key: str, length_ms: int, start_ms: int, latest_ms: int, *, keeps_away: bool = False
    ) -> tuple[pacing.Reservation | None, int]:
        with self.faults.around("reserve_free"):
            found = self._limiter(key)
            tat = max(found.tat_ms or 0, (found.not_before_ms or 0) if keeps_away else 0)
            if tat > max(latest_ms, start_ms):
                return None, tat
            self.reserved.append(key)
            reservation = pacing.reserve(found.tat_ms, start_ms, 1, length_ms)
            self.limiters[key] = replace(found, tat_ms=reservation.tat_ms)
            if keeps_away:
                self.limiters[key] = replace(self.limiters[key], not_before_ms=reservation.tat_ms)
            return reservation, reservation.tat_ms

    def reserve(
        self, key: str, weight: int, interval_ms: int, now_ms: int, *, ahead: bool = False
    ) -> pacing.Reservation:
        with self.faults.around("reserve"):
            self.reserved.append(key)
            found = self._limiter(key)
            reservation = pacing.reserve(found.tat_ms, now_ms, weight, interval_ms)
            self.limiters[key] = replace(found, tat_ms=reservation.tat_ms)
            return reservation

    def take_turn(self, sender: str, brake: Brake, now_ms: int) -> int:
        with self.faults.around("take_turn"):
            key = pacing.sender_key(sender)
            found = self._limiter(key)
            turn = max(found.turns, braking.front(brake, now_ms))
            self.limiters[key] = replace(found, turns=turn + braking.TEXT)
            return turn

    def take_turn_by(self, sender: str, brake: Brake, now_ms: int, latest: int) -> int | None:
        with self.faults.around("take_turn_by"):
            front, found = braking.front(brake, now_ms), self._limiter(pacing.sender_key(sender))
            if found.turns > max(latest, front):
                return None
            turn = max(found.turns, front)
            self.limiters[pacing.sender_key(sender)] = replace(found, turns=turn + braking.TEXT)
            return turn

    def refused(self, sender: str, recipient: str, now_ms: int) -> Refusal:
        with self.faults.around("refused"):
            key = pacing.sender_key(sender)
            found = self.limiters.setdefault(key, Limiter())
            before = self._refusals.get(key, ("", 0))
            self._refusals[key] = recipient, now_ms
            return Refusal(*before, found.brake, found.turns)

    def set_brake(self, sender: str, seen: Brake | None, brake: Brake) -> bool:
        with self.faults.around("set_brake"):
            key = pacing.sender_key(sender)
            found = self._limiter(key)
            if (found.brake and found.brake.since_ms) != (seen and seen.since_ms):
                return False
            self.limiters[key] = replace(found, brake=brake)
            return True

    def cover(self, key: str, tat_ms: int) -> None:
        with self.faults.around("cover"):
            found = self._limiter(key)
            self.limiters[key] = replace(found, tat_ms=max(found.tat_ms or 0, tat_ms))

    def give_back(self, key: str, reservation: pacing.Reservation, slots: int, interval_ms: int) -> None:
        with self.faults.around("give_back"):
            found = self._limiter(key)
            if found.tat_ms == reservation.tat_ms:
                self.limiters[key] = replace(found, tat_ms=reservation.tat_ms - slots * interval_ms)

    def push(self, key: str, not_before_ms: int) -> None:
        with self.faults.around("push"):
            self._push(key, not_before_ms)

    def pause(self, now_ms: int, reason: str, priority: Priority | None = None) -> None:
        with self.faults.around("pause"):
            if priority:
                first = self.control.pauses.get(priority, Pause(now_ms))
                pauses = {**self.control.pauses, priority: Pause(first.since_ms, reason)}
                self.control = replace(self.control, pauses=pauses)
                return
            since = self.control.paused_since_ms
            self.control = replace(
                self.control, paused_since_ms=now_ms if since is None else since, pause_reason=reason
            )

    def resume(self, priority: Priority | None = None) -> None:
        with self.faults.around("resume"):
            if priority:
                pauses = {name: pause for name, pause in self.control.pauses.items() if name is not priority}
                self.control = replace(self.control, pauses=pauses)
                return
            self.control = replace(self.control, paused_since_ms=None, pause_reason="")

    def open_breaker(self, now_ms: int, until_ms: int, reason: str) -> bool:
        with self.faults.around("open_breaker"):
            since, until = self.control.breaker_since_ms, self.control.breaker_until_ms
            if until is not None and until >= until_ms:
                return False
            self.control = replace(
                self.control,
                breaker_since_ms=now_ms if since is None else since,
                breaker_until_ms=until_ms,
                breaker_reason=reason,
                suspects=frozenset(),
            )
            self._suspect_since_ms = None
            return since is None

    def probe(self, now_ms: int, until_ms: int, message_id: str) -> bool:
        with self.faults.around("probe"):
            until = self.control.breaker_until_ms
            if until is None or until > now_ms:
                return False
            if self._probed_by == message_id and until > now_ms - 60_000:
                return False
            self._probed_by = message_id
            self.control = replace(self.control, breaker_until_ms=until_ms)
            return True

    def suspect(self, kind: str, recipient: str, now_ms: int) -> int:
        with self.faults.around("suspect"):
            since = self._suspect_since_ms
            if since is None or since <= now_ms - 15 * 60_000:
                self._suspect_since_ms, known = now_ms, frozenset[str]()
            else:
                known = self.control.suspects
            self.control = replace(self.control, suspects=known | {f"{kind} {recipient}"})
            return sum(name.startswith(f"{kind} ") for name in self.control.suspects)

    def clear_suspects(self, now_ms: int) -> None:
        with self.faults.around("clear_suspects"):
            self._suspect_since_ms = None
            self.control = replace(self.control, suspects=frozenset(), sound_ms=now_ms)

    def trouble(self, recipient: str, trouble: Trouble, not_before_ms: int, now_ms: int) -> None:
        key = pacing.recipient_key(recipient)
        # Two writes in the real table.
        with self.faults.around("push"):
            self._push(key, not_before_ms)
        with self.faults.around("trouble"):
            found = self._limiter(key)
            self.limiters[key] = replace(
                found,
                troubles=found.troubles + 1 if found.trouble_kind == trouble.kind else 1,
                trouble_kind=trouble.kind,
                troubled_ms=now_ms,
                alone=trouble.alone,
                doubt_ms=now_ms if trouble.doubt_id else found.doubt_ms,
                doubt_id=trouble.doubt_id or found.doubt_id,
            )

    def take_queue(self, recipient: str, seen: Limiter, message_id: str, turn_ms: int, not_before_ms: int) -> bool:
        key = pacing.recipient_key(recipient)
        with self.faults.around("push"):
            self._push(key, not_before_ms)
        with self.faults.around("take_queue"):
            found = self._limiter(key)
            if (found.turn_id, found.turn_ms) != (seen.turn_id, seen.turn_ms):
                return False
            self.limiters[key] = replace(found, turn_id=message_id, turn_ms=turn_ms)
            return True

    def leave_queue(self, recipient: str, message_id: str) -> None:
        with self.faults.around("leave_queue"):
            key = pacing.recipient_key(recipient)
            if self._limiter(key).turn_id == message_id:
                self.limiters[key] = replace(self.limiters[key], turn_id="", turn_ms=0)

    def settle(self, recipient: str) -> None:
        with self.faults.around("settle"):
            key = pacing.recipient_key(recipient)
            if key in self.limiters:
                self.limiters[key] = replace(
                    self.limiters[key],
                    troubles=0,
                    trouble_kind="",
                    troubled_ms=None,
                    alone=0,
                )

    def close_breaker(self, now_ms: int, *, registered: bool = False) -> None:
        with self.faults.around("close_breaker"):
            self._suspect_since_ms = None
            since = self.control.breaker_since_ms
            if self.control.registration_lost and not registered:
                self.control = replace(self.control, suspects=frozenset(), sound_ms=now_ms)
                return
            if since is not None:
                self._probed_by = None
                self.control = replace(self.control, opened_ms=since, closed_ms=now_ms)
            self.control = replace(
                self.control,
                breaker_since_ms=None,
                breaker_until_ms=None,
                breaker_reason="",
                suspects=frozenset(),
                sound_ms=now_ms,
                registration_lost="",
            )

    def forget_suspects(self) -> None:
        """Of the item that events on our registration write too."""
        self._suspect_since_ms = None
        self.control = replace(self.control, suspects=frozenset())

    def forget_probe(self) -> None:
        """The same."""
        self._probed_by = None

    def _push(self, key: str, not_before_ms: int) -> None:
        found = self._limiter(key)
        if found.not_before_ms is None or found.not_before_ms < not_before_ms:
            self.limiters[key] = replace(found, not_before_ms=not_before_ms)

    def _limiter(self, key: str) -> Limiter:
        return self.limiters.get(key, Limiter())
