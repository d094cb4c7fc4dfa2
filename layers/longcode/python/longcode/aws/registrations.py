"""What events say of our 10DLC registration, in the limits table: in the item that stops all sending."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from longcode.aws import carrier_codec
from longcode.aws.attributes import untyped_item
from longcode.aws.clients import ConditionFailed
from longcode.aws.dynamo import Table
from longcode.domain.campaign import CampaignFacts
from longcode.domain.errors import Unavailable
from longcode.domain.pacing import sender_key
from longcode.domain.registration import Lost

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WHAT = "The limits table"
_CONTROL = "control"
_TRIES = 3
_LATER = "(attribute_not_exists(registration_ms) OR registration_ms < :at)"


class DynamoRegistrations:
    """registration_store.Registrations over DynamoDB.

    The breaker's attributes are those of DynamoLimits; `registration_lost` is why events say that it is open, and
    `registration_ms` when the last of them happened.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table, _WHAT)

    def facts(self, sender: str) -> CampaignFacts | None:
        return carrier_codec.campaign(untyped_item(self._table.get(sender_key(sender)) or {}))

    def lose(self, reason: str, occurred_ms: int, now_ms: int, until_ms: int) -> bool:
        mark = secrets.token_hex(8)
        common = (
            "SET registration_lost = :reason, registration_ms = :at, opened_by = :by, "
            "breaker_since = if_not_exists(breaker_since, :now), breaker_reason = :reason"
        )
        ways = (
            (
                f"{common}, breaker_until = :until",
                "(attribute_not_exists(breaker_until) OR breaker_until < :until)",
            ),
            (common, "breaker_until >= :until"),
        )
        values = {":reason": reason, ":at": occurred_ms, ":by": mark, ":now": now_ms, ":until": until_ms}
        for changes, condition in ways * _TRIES:
            try:
                before = self._table.update(
                    _CONTROL,
                    f"{changes} REMOVE expires_at, suspects, suspect_since",
                    f"{_LATER} AND {condition}",
                    values,
                    "ALL_OLD",
                )
            except ConditionFailed as exc:
                item = untyped_item(exc.item)
                if item.get("opened_by") == mark:
                    # Done already, and only the answer was lost.
                    return item.get("breaker_since") == now_ms
                if item.get("registration_ms", 0) >= occurred_ms:
                    return False
                continue
            return "breaker_since" not in before
        # The breaker was opened and closed by others between each look and the write after it.
        raise Unavailable(_WHAT)

    def regain(self, lost: Sequence[Lost], occurred_ms: int, now_ms: int) -> bool:
        names = {f":lost{number}": each.value for number, each in enumerate(lost)}
        in_this_way = " OR ".join(f"begins_with(registration_lost, {name})" for name in names)
        noted = "SET registration_ms = :at, regained_by = :by"
        values = {":at": occurred_ms, ":by": secrets.token_hex(8)}
        # The last one so that what was lost before, and is reported later, opens nothing.
        for changes, condition, more in (
            (
                f"{noted}, sound = :now, closed = :now, opened = breaker_since "
                "REMOVE registration_lost, breaker_since, breaker_until, breaker_reason, probed_by",
                f"({in_this_way}) AND breaker_reason = registration_lost",
                names | {":now": now_ms},
            ),
            (f"{noted} REMOVE registration_lost", f"({in_this_way})", names),
            (noted, "attribute_not_exists(registration_lost)", {}),
        ):
            closes = "breaker_reason" in changes
            try:
                self._table.update(_CONTROL, changes, f"{_LATER} AND {condition}", values | more, "NONE")
            except ConditionFailed as exc:
                if untyped_item(exc.item).get("regained_by") != values[":by"]:
                    continue
                # Done already, and only the answer was lost.
            return closes
        return False

    def still_lost(self, now_ms: int, until_ms: int) -> None:
        with suppress(ConditionFailed):
            self._table.update(
                _CONTROL,
                "SET breaker_until = :until, breaker_reason = registration_lost, "
                "breaker_since = if_not_exists(breaker_since, :now)",
                "attribute_exists(registration_lost) AND "
                "(attribute_not_exists(breaker_until) OR breaker_until < :until)",
                {":until": until_ms, ":now": now_ms},
                "NONE",
            )
