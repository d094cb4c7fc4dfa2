"""When a text in doubt is looked at again, and when its request is repeated."""

from longcode.domain.gate import Gate
from longcode.domain.message import Message
from longcode.use_cases.send_attempt import REPLAY_AFTER_MS

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
# When a request is repeated whose last repetition had no clear answer either: rarely, in case the provider should
# ignore keys. After an outage, and where no other text tries whether it is over, it is repeated sooner.
_REPLAY_AGES_MS = (REPLAY_AFTER_MS, _HOUR, 4 * _HOUR, 10 * _HOUR, 21 * _HOUR)
# How soon to look again at a text in doubt while sending is stopped.
_STOPPED_MS = 2 * _MINUTE


def is_due(message: Message, age: int, gate: Gate, now: int) -> bool:
    """Whether it is time for the next replay: by the age of the doubt, or since the provider takes texts again."""
    if message.replays < len(_REPLAY_AGES_MS) and age >= _REPLAY_AGES_MS[message.replays]:
        return True
    control, last_ms = gate.control, message.replayed_ms or 0
    if control.breaker_until_ms is not None:
        # Its records can be read again, and no text tries.
        return now > control.breaker_until_ms + _STOPPED_MS and now - last_ms > age // 2
    return control.closed_ms is not None and last_ms < control.closed_ms


def next_due(age: int, now: int, *, replays: bool) -> int:
    """When to look at a text in doubt again: the older the doubt, the later; soon, while it may be repeated."""
    if replays and age < REPLAY_AFTER_MS:
        return now - age + REPLAY_AFTER_MS
    if replays:
        return _together(now + 5 * _MINUTE, 10 * _MINUTE)
    return now + max(5 * _MINUTE, min(age // 4, 6 * _HOUR))


def while_stopped(now: int) -> int:
    """When to look again while sending is stopped, or the provider's records can't be read."""
    return _together(now + _STOPPED_MS, _STOPPED_MS)


def _together(at_ms: int, grid_ms: int) -> int:
    """A moment at which all texts in doubt are looked at, so that those to one recipient are, in their order."""
    return -(-at_ms // grid_ms) * grid_ms
