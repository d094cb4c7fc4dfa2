"""The item of the limits table that stops all sending: pauses, the breaker, and what speaks for a stop."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from longcode.aws import limits_codec
from longcode.aws.attributes import untyped_item
from longcode.aws.clients import ConditionFailed
from longcode.aws.dynamo import Table
from longcode.domain.errors import Unavailable
from longcode.domain.priority import Priority

WHAT = "The limits table"
# Longer than the longest validity, as no slot that a text waits for lies further ahead; and than the 30 days for
# which a carrier that was learnt is believed.
_KEEP_S = 31 * 86_400
TRIES = 6
CONTROL = "control"
# What the provider did not take longer ago than this is no evidence any more.
_SUSPECT_MS = 15 * 60_000
# For so long the text that tried last leaves the next try to others.
_OTHERS_FIRST_MS = 60_000


class Stops:
    """The part of ports.Limits that stops sending and lets it go on, over DynamoDB."""

    _table: Table

    def pause(self, now_ms: int, reason: str, priority: Priority | None = None) -> None:
        since, why = limits_codec.pause_names(priority)
        self._update(
            CONTROL,
            f"SET {since} = if_not_exists({since}, :now), {why} = :reason REMOVE expires_at",
            "",
            {":now": now_ms, ":reason": reason},
        )

    def resume(self, priority: Priority | None = None) -> None:
        self._update(CONTROL, f"REMOVE {', '.join(limits_codec.pause_names(priority))}, expires_at", "", {})

    def open_breaker(self, now_ms: int, until_ms: int, reason: str) -> bool:
        mark = secrets.token_hex(8)
        try:
            before = self._update(
                CONTROL,
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
                CONTROL,
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
        for number in range(TRIES):
            with suppress(ConditionFailed):
                item = self._update(CONTROL, *ways[number % 2], values)
                return sum(name.startswith(f"{kind} ") for name in item["suspects"])
        raise Unavailable(WHAT)

    def clear_suspects(self, now_ms: int) -> None:
        self._update(CONTROL, "SET sound = :now REMOVE suspects, suspect_since", "", {":now": now_ms})

    def close_breaker(self, now_ms: int, *, registered: bool = False) -> None:
        try:
            self._update(
                CONTROL,
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
