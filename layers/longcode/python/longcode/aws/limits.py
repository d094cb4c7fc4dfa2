"""The limits table: one item a limiter, and the item that stops all sending."""

import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from longcode.aws import brake_codec, carrier_codec, keys, limits_codec, opt_outs
from longcode.aws.attributes import typed, untyped_item
from longcode.aws.clients import ConditionFailed, Sleep, get_items
from longcode.aws.dynamo import Table
from longcode.domain import braking
from longcode.domain.braking import Brake
from longcode.domain.errors import Unavailable
from longcode.domain.gate import Gate, Limiter, Refusal, Trouble
from longcode.domain.pacing import ACCOUNT_KEY, Reservation, recipient_key, sender_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WHAT = "The limits table"
# Longer than the longest validity, as no slot that a text waits for lies further ahead; and than the 30 days for
# which a carrier that was learnt is believed.
_KEEP_S = 31 * 86_400
# A day's count: that day, and one more to be looked up.
_KEEP_COUNT_S = 2 * 86_400
_TRIES = 6
_CONTROL = "control"
# What the provider did not take longer ago than this is no evidence any more.
_SUSPECT_MS = 15 * 60_000
# For so long the text that tried last leaves the next try to others.
_OTHERS_FIRST_MS = 60_000


class DynamoLimits:
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
        self._table = Table(client, table, _WHAT)
        self._sleep = sleep
        # An empty name is no one's. Without a limit of the account its item says nothing.
        self._unread = {recipient_key(""), sender_key("")} | (set() if account_limited else {ACCOUNT_KEY})
        # Whether the recipient has opted out is in the other table, and is asked in the same look.
        self._messages_table = messages_table
        self._hold_on_unclear = hold_on_unclear

    def reserve(self, key: str, weight: int, interval_ms: int, now_ms: int, *, ahead: bool = False) -> Reservation:
        length, mark = weight * interval_ms, secrets.token_hex(8)
        common: dict[str, str | int] = {":now": now_ms, ":expires": self._expiry(now_ms), ":by": mark}
        for _ in range(_TRIES):
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
        raise Unavailable(_WHAT)

    def take_turn(self, sender: str, brake: Brake, now_ms: int) -> int:
        front, mark, ahead = braking.front(brake, now_ms), secrets.token_hex(8), True
        common: dict[str, str | int] = {":front": front, ":expires": self._expiry(now_ms), ":by": mark}
        for _ in range(_TRIES):
            try:
                item = self._update(
                    sender_key(sender),
                    f"SET turns = {'turns + :one' if ahead else ':end'}, expires_at = :expires, turn_by = :by",
                    f"({'turns > :front' if ahead else 'attribute_not_exists(turns) OR turns <= :front'}) "
                    "AND (attribute_not_exists(turn_by) OR turn_by <> :by)",
                    common | ({":one": braking.TEXT} if ahead else {":end": front + braking.TEXT}),
                )
            except ConditionFailed as exc:
                item = untyped_item(exc.item)
                if item.get("turn_by") != mark:
                    ahead = not ahead
                    continue
            return int(item["turns"]) - braking.TEXT
        raise Unavailable(_WHAT)

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

    def count(self, key: str, at_most: int, now_ms: int) -> bool:
        mark = secrets.token_hex(8)
        try:
            self._update(
                key,
                "SET expires_at = :expires, counted_by = :by ADD counted :one",
                "(attribute_not_exists(counted) OR counted < :most) "
                "AND (attribute_not_exists(counted_by) OR counted_by <> :by)",
                {":one": 1, ":most": at_most, ":expires": now_ms // 1000 + _KEEP_COUNT_S, ":by": mark},
            )
        except ConditionFailed as exc:
            return untyped_item(exc.item).get("counted_by") == mark
        return True

    def uncount(self, key: str) -> None:
        with suppress(ConditionFailed):
            self._update(
                key,
                "SET counted_by = :by ADD counted :less",
                "counted > :none AND (attribute_not_exists(counted_by) OR counted_by <> :by)",
                {":less": -1, ":none": 0, ":by": secrets.token_hex(8)},
            )

    def read_gate(self, recipient: str, sender: str, tag: str | None = None) -> Gate:
        tag_key = brake_codec.tag_key(tag) if tag else ""
        names = (recipient_key(recipient), sender_key(sender), ACCOUNT_KEY, _CONTROL, *([tag_key] if tag else ()))
        wanted = {self._table.name: [key for key in names if key not in self._unread]}
        if recipient:
            wanted[self._messages_table] = [keys.opt_out(recipient)]
        rows = {table: [{"pk": typed(key)} for key in some] for table, some in wanted.items()}
        # All or nothing: not knowing whether sending is stopped is no leave to send.
        items = get_items(self._table.client, rows, _WHAT, self._sleep)
        found = {item["pk"]["S"]: untyped_item(item) for item in items[self._table.name]}
        recipient_item, sender_item, account_item, control = (found.get(key, {}) for key in names[:4])
        ledger = [opt_outs.image(item) for item in items.get(self._messages_table, ())]
        unclear = [entry.to_review[0].at_ms for entry in ledger if self._hold_on_unclear and entry.to_review]
        return Gate(
            recipient=limits_codec.limiter(recipient_item),
            sender=limits_codec.limiter(sender_item),
            account=limits_codec.limiter(account_item),
            control=limits_codec.control(control),
            opted_out=any(entry.opted_out for entry in ledger),
            unclear_ms=next(iter(unclear), None),
            subscription=carrier_codec.subscription(recipient_item),
            campaign=carrier_codec.campaign(sender_item),
            carrier_stops=carrier_codec.carrier_stops(sender_item),
            tag_pause=brake_codec.pause(found.get(tag_key, {})),
            carrier_pauses=brake_codec.carrier_pauses(control),
        )

    def pause(self, now_ms: int, reason: str) -> None:
        self._update(
            _CONTROL,
            "SET paused_since = if_not_exists(paused_since, :now), pause_reason = :reason REMOVE expires_at",
            "",
            {":now": now_ms, ":reason": reason},
        )

    def resume(self) -> None:
        self._update(_CONTROL, "REMOVE paused_since, pause_reason, expires_at", "", {})

    def open_breaker(self, now_ms: int, until_ms: int, reason: str) -> bool:
        mark = secrets.token_hex(8)
        try:
            before = self._update(
                _CONTROL,
                "SET breaker_since = if_not_exists(breaker_since, :now), breaker_until = :until, "
                "breaker_reason = :reason, opened_by = :by REMOVE expires_at, suspects, suspect_since",
                "attribute_not_exists(breaker_until) OR breaker_until < :until",
                {":now": now_ms, ":until": until_ms, ":reason": reason, ":by": mark},
                returns="ALL_OLD",
            )
        except ConditionFailed as exc:
            # Opened already, and only the answer was lost.
            item = untyped_item(exc.item)
            return (item.get("opened_by"), item.get("breaker_since")) == (mark, now_ms)
        return "breaker_since" not in before

    def probe(self, now_ms: int, until_ms: int, message_id: str) -> bool:
        try:
            self._update(
                _CONTROL,
                "SET breaker_until = :until, probed_by = :id",
                "breaker_until <= :now AND "
                "(attribute_not_exists(probed_by) OR probed_by <> :id OR breaker_until <= :late)",
                {":until": until_ms, ":now": now_ms, ":id": message_id, ":late": now_ms - _OTHERS_FIRST_MS},
            )
        except ConditionFailed as exc:
            # Taken already, and only the answer was lost.
            item = untyped_item(exc.item)
            return (item.get("breaker_until"), item.get("probed_by")) == (until_ms, message_id)
        return True

    def suspect(self, kind: str, recipient: str, now_ms: int) -> int:
        values: dict[str, str | int | set[str]] = {
            ":new": {f"{kind} {recipient}"},
            ":now": now_ms,
            ":old": now_ms - _SUSPECT_MS,
        }
        # The second begins anew where all is old, and only one of several may: it would forget the others.
        ways = (
            (
                "SET suspect_since = if_not_exists(suspect_since, :now) ADD suspects :new",
                "attribute_not_exists(suspect_since) OR suspect_since > :old",
            ),
            ("SET suspect_since = :now, suspects = :new", "suspect_since <= :old"),
        )
        for number in range(_TRIES):
            with suppress(ConditionFailed):
                item = self._update(_CONTROL, *ways[number % 2], values)
                return sum(name.startswith(f"{kind} ") for name in item["suspects"])
        raise Unavailable(_WHAT)

    def clear_suspects(self, now_ms: int) -> None:
        self._update(_CONTROL, "SET sound = :now REMOVE suspects, suspect_since", "", {":now": now_ms})

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
        for change, condition in ((again, "trouble_kind = :kind"), (anew, "trouble_kind <> :kind")) * _TRIES:
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
        raise Unavailable(_WHAT)

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

    def close_breaker(self, now_ms: int, *, registered: bool = False) -> None:
        try:
            self._update(
                _CONTROL,
                "SET sound = :now, closed = :now, opened = breaker_since REMOVE breaker_since, breaker_until, "
                "breaker_reason, probed_by, suspects, suspect_since, registration_lost",
                "attribute_exists(breaker_since)"
                + ("" if registered else " AND attribute_not_exists(registration_lost)"),
                {":now": now_ms},
            )
        except ConditionFailed:
            # It was closed, or has to stay open.
            self.clear_suspects(now_ms)

    def _expiry(self, at_ms: int) -> int:
        return at_ms // 1000 + _KEEP_S

    # Any: the table's JSON, read by the callers above.
    def _update(
        self,
        key: str,
        changes: str,
        condition: str,
        values: Mapping[str, str | int | set[str]],
        returns: Literal["ALL_NEW", "ALL_OLD"] = "ALL_NEW",
    ) -> dict[str, Any]:
        return untyped_item(self._table.update(key, changes, condition, values, returns))
