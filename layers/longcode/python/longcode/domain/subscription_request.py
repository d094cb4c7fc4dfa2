"""The bodies of the requests about webhook subscriptions."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from longcode.domain.errors import InvalidRequest
from longcode.domain.event_types import EVENT_TYPES
from longcode.domain.subscriptions import EVERY

MOST_DESCRIPTION = 200
# Both secrets are valid for so long after a rotation.
OVERLAP_S, MOST_OVERLAP_S = 86_400, 604_800
_ID = re.compile(r"whs_[A-Za-z0-9_-]{22}", re.ASCII)
_KNOWN = f"Known are: {', '.join(EVENT_TYPES)}; or {EVERY} alone, for all of them."


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """What is said of a subscription. None: it is not said."""

    url: str | None = None
    events: frozenset[str] | None = None
    description: str | None = None
    enabled: bool | None = None


def is_subscription_id(text: str) -> bool:
    """Whether `text` can be the id of a subscription."""
    return _ID.fullmatch(text) is not None


def parse_create(body: object) -> SubscriptionRequest:
    """Read the body of a creation, which has `url` and `events`. Raises InvalidRequest that names the field."""
    fields = _fields(body, ("url", "events", "description"))
    for name in ("url", "events"):
        if name not in fields:
            raise InvalidRequest("This field is required.", field=name)
    return _said(fields)


def parse_change(body: object) -> SubscriptionRequest:
    """Read the body of a change, which has what changes. Raises InvalidRequest that names the field."""
    fields = _fields(body, ("url", "events", "description", "enabled"))
    if not fields:
        raise InvalidRequest("Say what is to be changed: url, events, description, enabled.")
    return _said(fields)


def parse_rotation(body: object) -> int:
    """Read for how many seconds the secret before is valid still. Raises InvalidRequest that names the field."""
    value = _fields(body, ("overlap_s",)).get("overlap_s", OVERLAP_S)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidRequest("This field must be a whole number of seconds, 0 or more.", field="overlap_s")
    if value > MOST_OVERLAP_S:
        # A number without an end would be a long answer.
        given = value if value < 10**15 else None
        raise InvalidRequest(
            f"At most {MOST_OVERLAP_S} seconds, which is a week.",
            field="overlap_s",
            given=given,
            limit=MOST_OVERLAP_S,
        )
    return value


# Any: a body is JSON.
def _fields(body: object, known: Collection[str]) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    unknown = sorted(set(body) - set(known), key=str)
    if unknown:
        raise InvalidRequest(f"Unknown field. Known are: {', '.join(known)}.", field=str(unknown[0])[:64])
    return body


def _said(fields: dict[str, Any]) -> SubscriptionRequest:
    return SubscriptionRequest(
        url=_text(fields["url"], "url") if "url" in fields else None,
        events=_events(fields["events"]) if "events" in fields else None,
        description=_description(fields["description"]) if "description" in fields else None,
        enabled=_enabled(fields["enabled"]) if "enabled" in fields else None,
    )


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest("This field must be text.", field=field)
    return value


def _description(value: object) -> str:
    text = _text(value, "description")
    if len(text) > MOST_DESCRIPTION:
        raise InvalidRequest(
            f"A description has at most {MOST_DESCRIPTION} characters.",
            field="description",
            given=len(text),
            limit=MOST_DESCRIPTION,
        )
    if not text.isprintable():
        raise InvalidRequest("A description is one line of visible characters.", field="description")
    return text


def _enabled(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest("This field must be true or false.", field="enabled")
    return value


def _events(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not value:
        raise InvalidRequest(f"This field must be a list of types of events. {_KNOWN}", field="events")
    seen: set[str] = set()
    for place, kind in enumerate(value):
        field = f"events[{place}]"
        if kind != EVERY and kind not in EVENT_TYPES:
            raise InvalidRequest(f"There is no such type of events. {_KNOWN}", field=field)
        if kind in seen:
            raise InvalidRequest("This type is in the list already.", field=field)
        seen.add(kind)
    if EVERY in seen and len(seen) > 1:
        raise InvalidRequest(f"{EVERY} stands for all types, and alone.", field=f"events[{value.index(EVERY)}]")
    return frozenset(seen)
