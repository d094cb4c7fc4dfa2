"""What is asked of the deliveries to a subscription: a page of them, or that some are delivered again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from longcode.domain.deliveries import DAY_MS, KEPT_DAYS, DeliveryState, is_event_id
from longcode.domain.errors import InvalidRequest
from longcode.domain.message import epoch_ms

LIMIT, LIMIT_MOST = 50, 100
# So many ids in one replay.
IDS_MOST = 100
_PARAMETERS = ("state", "since", "until", "limit", "cursor")


@dataclass(frozen=True, slots=True)
class DeliveryQuery:
    """Which deliveries are wanted: of events from `since_ms` on and before `until_ms`, behind that of `after`."""

    since_ms: int
    until_ms: int
    state: DeliveryState | None
    limit: int
    after: str | None


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """Which events are to be delivered again: by their ids, or all of a time, behind that of `after`."""

    event_ids: tuple[str, ...] = ()
    since_ms: int = 0
    until_ms: int = 0
    after: str | None = None


def parse_query(parameters: Mapping[str, str], now_ms: int) -> DeliveryQuery:
    """Read the parameters of a list. Raises InvalidRequest that names the one at fault."""
    unknown = sorted(set(parameters) - set(_PARAMETERS))
    if unknown:
        raise InvalidRequest(f"Unknown parameter. Known are: {', '.join(_PARAMETERS)}.", field=unknown[0][:64])
    state = parameters.get("state")
    if state is not None and state not in set(DeliveryState):
        raise InvalidRequest(f"There is no such state. It is one of {', '.join(DeliveryState)}.", field="state")
    since, until = (_moment(parameters.get(name), name) for name in ("since", "until"))
    since_ms, until_ms = _range(since, until, now_ms)
    return DeliveryQuery(
        since_ms,
        until_ms,
        DeliveryState(state) if state else None,
        _limit(parameters.get("limit")),
        _after(parameters.get("cursor")),
    )


def parse_replay(body: object, now_ms: int) -> ReplayRequest:
    """Read the body of a replay: `event_ids`, or `since` and `until`. Raises InvalidRequest with the field."""
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    known = ("event_ids",) if "event_ids" in body else ("since", "until", "cursor")
    unknown = sorted(set(body) - set(known), key=str)
    if unknown:
        raise InvalidRequest(
            "Say which events are wanted by event_ids, or from which time by since and until (and cursor).",
            field=str(unknown[0])[:64],
        )
    if "event_ids" in body:
        return ReplayRequest(event_ids=_ids(body["event_ids"]))
    for name in ("since", "until"):
        if name not in body:
            raise InvalidRequest("This field is required, unless event_ids says which events.", field=name)
    since, until = (_moment(body[name], name) for name in ("since", "until"))
    since_ms, until_ms = _range(since, until, now_ms)
    return ReplayRequest(since_ms=since_ms, until_ms=until_ms, after=_after(body.get("cursor")))


# Any: a value of JSON.
def _ids(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidRequest("This field must be a list of ids of events.", field="event_ids")
    if len(value) > IDS_MOST:
        raise InvalidRequest(f"At most {IDS_MOST} ids.", field="event_ids", given=len(value), limit=IDS_MOST)
    for place, one in enumerate(value):
        if not isinstance(one, str) or not is_event_id(one):
            raise InvalidRequest("This is not the id of an event.", field=f"event_ids[{place}]")
    return tuple(dict.fromkeys(value))


# Any: a parameter, or a value of JSON.
def _moment(value: Any, field: str) -> int | None:
    if value is None:
        return None
    at_ms = epoch_ms(value) if isinstance(value, str) else None
    if at_ms is None:
        raise InvalidRequest("This must be a moment as ISO 8601, as 2026-01-31T12:00:00Z.", field=field)
    return at_ms


def _range(since: int | None, until: int | None, now_ms: int) -> tuple[int, int]:
    """From when on and before when, within what is kept."""
    if since is not None and until is not None and since >= until:
        raise InvalidRequest("'until' must be later than 'since'.", field="until")
    first_ms = (now_ms // DAY_MS - KEPT_DAYS) * DAY_MS
    # An event's moment may be a little ahead of this machine's clock.
    last_ms = now_ms + DAY_MS
    return max(since or 0, first_ms), min(last_ms if until is None else until, last_ms)


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    if not re.fullmatch("[0-9]{1,9}", text, re.ASCII) or not 1 <= int(text) <= LIMIT_MOST:
        raise InvalidRequest(f"'limit' must be a whole number from 1 to {LIMIT_MOST}.", field="limit")
    return int(text)


# Any: a parameter, or a value of JSON.
def _after(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not is_event_id(value):
        raise InvalidRequest("This cursor is not one of ours.", field="cursor")
    return value
