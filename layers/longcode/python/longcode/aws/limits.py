"""The limits table: one item a limiter, and the item that stops all sending."""

import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from longcode.aws import brake_codec, carrier_codec, keys, limits_codec, opt_outs
from longcode.aws.attributes import typed, untyped_item
from longcode.aws.clients import ConditionFailed, Sleep, get_items
from longcode.aws.day_counts import DayCounts
from longcode.aws.stops import CONTROL, TRIES, WHAT, Stops
from longcode.domain import braking, test_mode
from longcode.domain.braking import Brake
from longcode.domain.errors import Unavailable
from longcode.domain.gate import Gate, Limiter, Refusal, Trouble
from longcode.domain.pacing import ACCOUNT_KEY, Reservation, account_key, bulk_key, recipient_key, sender_key
from longcode.domain.priority import Priority

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


class DynamoLimits(DayCounts, Stops):
    """ports.Limits over DynamoDB.

    A reservation is one write that guesses on which side of now the limiter's TAT lies and is repeated on the
    other side if it guessed wrong. Comparing and setting would collapse here: each loser of a race would have to
    read and try again, where this adds to whatever the value has become.

    Writes that add, take away or compare carry a mark of their own call, so that the client library may repeat
    one whose answer was lost. Only if another caller wrote in between is it added twice: a slot that is never
    used, a text counted twice.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        messages_table: str,
        *,
        account_limited: bool = True,
        hold_on_unclear: bool = False,
        sleep: Sleep = time.sleep,
    ) -> None:
        super().__init__(client, table, sleep)
        # An empty name is no one's. Without a limit of the account its item says nothing.
        unlimited = set[str]() if account_limited else {ACCOUNT_KEY, test_mode.marked(ACCOUNT_KEY)}
        self._unread = {recipient_key(""), sender_key("")} | unlimited
        # Whether the recipient has opted out is in the other table, and is asked in the same look.
        self._messages_table = messages_table
        self._hold_on_unclear = hold_on_unclear

    def reserve(self, key: str, weight: int, interval_ms: int, now_ms: int, *, ahead: bool = False) -> Reservation:
        length, mark = weight * interval_ms, secrets.token_hex(8)
        common: dict[str, str | int] = {":now": now_ms, ":expires": self._expiry(now_ms), ":by": mark}
        for _ in range(TRIES):
            try:
                item = self._update(
                    key,
                    f"SET tat = {'tat + :length' if ahead else ':end'}, expires_at = :expires, reserved_by = :by",
                    f"({'tat > :now' if ahead else 'attribute_not_exists(tat) OR tat <= :now'}) "
                    "AND (attribute_not_exists(reserved_by) OR reserved_by <> :by)",
                    common | ({":length": length} if ahead else {":end": now_ms + length}),
                )
            except ConditionFailed as exc:
                item = untyped_item(exc.item)
                if item.get("reserved_by") != mark:
                    ahead = not ahead
                    continue
            tat = int(item["tat"])
            return Reservation(tat - length, tat)
        # Both guesses lost each time: the TAT crossed now at every try, which only clocks far apart can do.
        raise Unavailable(WHAT)

    def reserve_free(
        self, key: str, length_ms: int, start_ms: int, latest_ms: int, *, keeps_away: bool = False
    ) -> tuple[Reservation | None, int]:
        mark, push, leave = secrets.token_hex(8), "", ""
        if keeps_away:
            assert latest_ms <= start_ms
            push, leave = ", not_before = :end", " AND (attribute_not_exists(not_before) OR not_before <= :start)"
        values: dict[str, str | int] = {":start": start_ms, ":expires": self._expiry(start_ms), ":by": mark}
        # What is free from `start_ms` on is taken from then; what is taken for a little longer, from its end.
        ways: list[tuple[str, str, dict[str, str | int]]] = [
            (
                f"tat = :end{push}",
                f"(attribute_not_exists(tat) OR tat <= :start){leave}",
                {":end": start_ms + length_ms},
            ),
            (
                "tat = tat + :length",
                "tat BETWEEN :start AND :latest",
                {":length": length_ms, ":latest": latest_ms},
            ),
        ]
        for change, condition, more in ways[: 1 if latest_ms <= start_ms else 2]:
            try:
                item = self._update(
                    key,
                    f"SET {change}, expires_at = :expires, reserved_by = :by",
                    f"{condition} AND (attribute_not_exists(reserved_by) OR reserved_by <> :by)",
                    values | more,
                )
            except ConditionFailed as exc:
                item = untyped_item(exc.item)
            tat = int(item.get("tat", 0))
            if item.get("reserved_by") == mark:
                return Reservation(tat - length_ms, tat), tat
            if tat > latest_ms:
                break
        return None, max(tat, int(item.get("not_before", 0)) if keeps_away else 0)

    def take_turn(self, sender: str, brake: Brake, now_ms: int) -> int:
        turn = self._take_turn(sender, brake, now_ms, None)
        assert turn is not None
        return turn

    def take_turn_by(self, sender: str, brake: Brake, now_ms: int, latest: int) -> int | None:
        return self._take_turn(sender, brake, now_ms, latest)

    def _take_turn(self, sender: str, brake: Brake, now_ms: int, latest: int | None) -> int | None:
        front, mark, ahead = braking.front(brake, now_ms), secrets.token_hex(8), True
        common: dict[str, str | int] = {":front": front, ":expires": self._expiry(now_ms), ":by": mark}
        by = "" if latest is None else " AND turns <= :latest"
        last: dict[str, str | int] = {} if latest is None else {":latest": latest}
        for _ in range(TRIES):
            try:
                item = self._update(
                    sender_key(sender),
                    f"SET turns = {'turns + :one' if ahead else ':end'}, expires_at = :expires, turn_by = :by",
                    f"({f'turns > :front{by}' if ahead else 'attribute_not_exists(turns) OR turns <= :front'}) "
                    "AND (attribute_not_exists(turn_by) OR turn_by <> :by)",
                    common | (last | {":one": braking.TEXT} if ahead else {":end": front + braking.TEXT}),
                )
            except ConditionFailed as exc:
                item = untyped_item(exc.item)
                if item.get("turn_by") != mark:
                    if latest is not None and int(item.get("turns", 0)) > max(latest, front):
                        return None
                    ahead = not ahead
                    continue
            return int(item["turns"]) - braking.TEXT
        raise Unavailable(WHAT)

    def refused(self, sender: str, recipient: str, now_ms: int) -> Refusal:
        values: dict[str, str | int] = {":to": recipient, ":now": now_ms, ":by": secrets.token_hex(8)}
        try:
            item = self._update(
                sender_key(sender),
                "SET before_for = if_not_exists(refused_for, :none), "
                "before_at = if_not_exists(refused_at, :never), "
                "refused_for = :to, refused_at = :now, refused_by = :by, expires_at = :expires",
                "attribute_not_exists(refused_by) OR refused_by <> :by",
                values | {":none": "", ":never": 0, ":expires": self._expiry(now_ms)},
            )
        except ConditionFailed as exc:
            # Noted already, and only the answer was lost.
            item = untyped_item(exc.item)
        return Refusal(
            str(item["before_for"]),
            int(item["before_at"]),
            limits_codec.brake(item),
            int(item.get("turns", 0)),
        )

    def set_brake(self, sender: str, seen: Brake | None, brake: Brake) -> bool:
        as_seen = "attribute_not_exists(brake_since)" if seen is None else "brake_since = :seen"
        mark = secrets.token_hex(8)
        values: dict[str, str | int] = {} if seen is None else {":seen": seen.since_ms}
        try:
            self._update(
                sender_key(sender),
                "SET brake_since = :since, brake_rate = :rate, brake_known = :known, brake_passed = :passed, "
                "brake_by = :by",
                as_seen,
                values
                | {
                    ":since": brake.since_ms,
                    ":rate": brake.rate,
                    ":known": brake.known,
                    ":passed": brake.passed,
                    ":by": mark,
                },
            )
        except ConditionFailed as exc:
            return exc.item.get("brake_by") == typed(mark)
        return True

    def cover(self, key: str, tat_ms: int) -> None:
        with suppress(ConditionFailed):
            self._update(
                key,
                "SET tat = :tat, expires_at = :expires",
                "attribute_not_exists(tat) OR tat < :tat",
                {":tat": tat_ms, ":expires": self._expiry(tat_ms)},
            )

    def give_back(self, key: str, reservation: Reservation, slots: int, interval_ms: int) -> None:
        with suppress(ConditionFailed):
            self._update(
                key,
                "SET tat = :less, given_by = :by",
                # Who took the slots meanwhile may have brought the TAT to where it was.
                "tat = :tat AND (attribute_not_exists(given_by) OR given_by <> :by)",
                {
                    ":tat": reservation.tat_ms,
                    ":less": reservation.tat_ms - slots * interval_ms,
                    ":by": secrets.token_hex(8),
                },
            )

    def push(self, key: str, not_before_ms: int) -> None:
        values = {":at": not_before_ms, ":expires": self._expiry(not_before_ms)}
        try:
            self._update(
                key,
                "SET not_before = :at, expires_at = :expires",
                "attribute_not_exists(not_before) OR not_before < :at",
                values,
            )
        except ConditionFailed:
            return

    def read_gate(
        self, recipient: str, sender: str, priority: Priority = Priority.TRANSACTIONAL, tag: str | None = None
    ) -> Gate:
        names = [recipient_key(recipient), sender_key(sender), account_key(sender), CONTROL]
        if priority is Priority.BULK:
            names += [bulk_key(name) for name in names[1:3] if name not in self._unread]
        tag_key = brake_codec.tag_key(tag) if tag else ""
        names += [tag_key] if tag else []
        wanted = {self._table.name: [key for key in names if key not in self._unread]}
        if recipient:
            wanted[self._messages_table] = [keys.opt_out(test_mode.unmarked(recipient))]
        rows = {table: [{"pk": typed(key)} for key in some] for table, some in wanted.items()}
        # All or nothing: not knowing whether sending is stopped is no leave to send.
        items = get_items(self._table.client, rows, WHAT, self._sleep)
        found = {item["pk"]["S"]: untyped_item(item) for item in items[self._table.name]}
        recipient_item, sender_item, account_item, control = (found.get(key, {}) for key in names[:4])
        ledger = [opt_outs.image(item) for item in items.get(self._messages_table, ())]
        unclear = [entry.to_review[0].at_ms for entry in ledger if self._hold_on_unclear and entry.to_review]
        return Gate(
            recipient=limits_codec.limiter(recipient_item),
            sender=limits_codec.limiter(sender_item),
            account=limits_codec.limiter(account_item),
            bulk_sender=limits_codec.limiter(found.get(bulk_key(names[1]), {})),
            bulk_account=limits_codec.limiter(found.get(bulk_key(names[2]), {})),
            control=limits_codec.control(control),
            opted_out=any(entry.opted_out for entry in ledger),
            unclear_ms=next(iter(unclear), None),
            subscription=carrier_codec.subscription(recipient_item),
            campaign=carrier_codec.campaign(sender_item),
            carrier_stops=carrier_codec.carrier_stops(sender_item),
            tag_pause=brake_codec.pause(found.get(tag_key, {})),
            carrier_pauses=brake_codec.carrier_pauses(control),
        )

    def trouble(self, recipient: str, trouble: Trouble, not_before_ms: int, now_ms: int) -> None:
        key = recipient_key(recipient)
        self.push(key, not_before_ms)
        values: dict[str, str | int] = {
            ":kind": trouble.kind,
            ":alone": trouble.alone,
            ":now": now_ms,
            ":one": 1,
            ":expires": self._expiry(now_ms),
        }
        values[":by"] = mark = secrets.token_hex(8)
        common = "trouble_kind = :kind, troubled = :now, alone = :alone, troubled_by = :by, expires_at = :expires"
        if trouble.doubt_id:
            common += ", doubt = :now, doubt_id = :id"
            values[":id"] = trouble.doubt_id
        again, anew = "SET troubles = troubles + :one, ", "SET troubles = :one, "
        for change, condition in ((again, "trouble_kind = :kind"), (anew, "trouble_kind <> :kind")) * TRIES:
            if change is anew:
                condition = f"(attribute_not_exists(trouble_kind) OR {condition})"
            try:
                self._update(
                    key,
                    change + common,
                    f"{condition} AND (attribute_not_exists(troubled_by) OR troubled_by <> :by)",
                    values,
                )
            except ConditionFailed as exc:
                if untyped_item(exc.item).get("troubled_by") != mark:
                    continue
            return
        raise Unavailable(WHAT)

    def take_queue(self, recipient: str, seen: Limiter, message_id: str, turn_ms: int, not_before_ms: int) -> bool:
        key = recipient_key(recipient)
        self.push(key, not_before_ms)
        values: dict[str, str | int] = {":id": message_id, ":turn": turn_ms, ":expires": self._expiry(turn_ms)}
        as_seen = "attribute_not_exists(line_id)"
        if seen.turn_id:
            as_seen = "line_id = :seen_id AND line_ms = :seen"
            values |= {":seen_id": seen.turn_id, ":seen": seen.turn_ms}
        try:
            self._update(key, "SET line_id = :id, line_ms = :turn, expires_at = :expires", as_seen, values)
        except ConditionFailed as exc:
            item = untyped_item(exc.item)
            return (item.get("line_id"), item.get("line_ms")) == (message_id, turn_ms)
        return True

    def leave_queue(self, recipient: str, message_id: str) -> None:
        with suppress(ConditionFailed):
            self._update(recipient_key(recipient), "REMOVE line_id, line_ms", "line_id = :id", {":id": message_id})

    def settle(self, recipient: str) -> None:
        with suppress(ConditionFailed):
            self._update(
                recipient_key(recipient),
                "REMOVE troubles, trouble_kind, troubled, alone",
                "attribute_exists(pk)",
                {},
            )
