"""The items of the limits table, read as the domain has them."""

from typing import Any

from longcode.domain.braking import Brake
from longcode.domain.gate import Control, Limiter
from longcode.domain.priority import Priority
from longcode.domain.tag_brake import Pause


# Any: an item is whatever JSON the table holds.
def limiter(item: dict[str, Any]) -> Limiter:
    """One limiter; the item of one that nothing has left through yet is empty."""
    return Limiter(
        tat_ms=_whole(item.get("tat")),
        not_before_ms=_whole(item.get("not_before")),
        troubles=int(item.get("troubles", 0)),
        trouble_kind=str(item.get("trouble_kind", "")),
        troubled_ms=_whole(item.get("troubled")),
        alone=int(item.get("alone", 0)),
        doubt_ms=_whole(item.get("doubt")),
        doubt_id=item.get("doubt_id"),
        turn_ms=int(item.get("line_ms", 0)),
        turn_id=str(item.get("line_id", "")),
        brake=brake(item),
        turns=int(item.get("turns", 0)),
        departures=departures(item),
    )


def departures(item: dict[str, Any]) -> tuple[int, ...]:
    """When the last texts left to a recipient."""
    return tuple(int(at_ms) for at_ms in item.get("departures", ()))


def brake(item: dict[str, Any]) -> Brake | None:
    """The brake of a sender, None if it has none."""
    if "brake_since" not in item:
        return None
    return Brake(*(int(item[f"brake_{name}"]) for name in ("since", "rate", "known", "passed")))


def pause_names(priority: Priority | None) -> tuple[str, str]:
    """The attributes of a pause, of one priority or of all: since when, and why."""
    of = f"_{priority}" if priority else ""
    return f"paused_since{of}", f"pause_reason{of}"


def _pauses(item: dict[str, Any]) -> dict[Priority, Pause]:
    names = {priority: pause_names(priority) for priority in Priority}
    return {
        priority: Pause(int(item[since]), str(item.get(why, "")))
        for priority, (since, why) in names.items()
        if since in item
    }


def control(item: dict[str, Any]) -> Control:
    """What stops all sending, and what speaks for stopping it."""
    return Control(
        paused_since_ms=_whole(item.get("paused_since")),
        pause_reason=str(item.get("pause_reason", "")),
        pauses=_pauses(item),
        breaker_since_ms=_whole(item.get("breaker_since")),
        breaker_until_ms=_whole(item.get("breaker_until")),
        breaker_reason=str(item.get("breaker_reason", "")),
        suspects=frozenset(item.get("suspects", ())),
        sound_ms=_whole(item.get("sound")),
        opened_ms=_whole(item.get("opened")),
        closed_ms=_whole(item.get("closed")),
        registration_lost=str(item.get("registration_lost", "")),
    )


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
