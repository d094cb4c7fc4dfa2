"""When texts may leave that keep quiet hours: the windows of a week, and the next moment that is in them."""

# Quiet hours are by what clocks show. Where clocks are put back, a quiet time that comes twice is quiet twice;
# where they are put forward, a window whose beginning is skipped begins with the change.

from collections.abc import Sequence

from longcode.domain import quiet_states, zones
from longcode.domain.quiet_hours import AHEAD_MS, ENDS_MS, NeverOpens, QuietHours
from longcode.domain.quiet_states import EVERY_DAY, Spans, Week

_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
# The first of January 1970 was a Thursday; weeks begin on Monday.
_FIRST_WEEKDAY = 3


def week_for(number: str, hours: QuietHours) -> Week:
    """When texts to a number may leave: outside of `hours`, and within the hours of its state if it has any."""
    week = EVERY_DAY
    for allowed in [(hours.open,) * 7, *(row.week for row in quiet_states.of_number(number))]:
        week = tuple(_both(ours, theirs) for ours, theirs in zip(week, allowed, strict=True))
    return week


def closed_states(hours: QuietHours) -> list[str]:
    """The names of the states whose hours are all quiet. Raises ValueError if their table can't be read."""
    return [
        row.name
        for row in quiet_states.table().rows
        if not any(_both(hours.open, allowed) for allowed in row.week)
    ]


def opens_ms(at_ms: int, week: Week, names: Sequence[str]) -> int:
    """The first moment from `at_ms` on (epoch milliseconds) that is in the windows of all these zones at once.

    Nor does a window end within ENDS_MS of it. Raises NeverOpens if there is none in the next nine days.
    """
    until_ms = at_ms + AHEAD_MS
    while at_ms <= until_ms:
        later = max(_next(at_ms, week, name) for name in names)
        if later == at_ms:
            return at_ms
        at_ms = later
    raise NeverOpens("There is no moment at which it is not quiet in one of the zones.")


def _next(at_ms: int, week: Week, name: str) -> int:
    """The same for one zone."""
    until_ms = at_ms + AHEAD_MS
    while at_ms <= until_ms:
        ahead = zones.offset_ms(at_ms, name)
        wait = _wait_ms(at_ms + ahead, week)
        if not wait:
            soon = at_ms + ENDS_MS
            if not _wait_ms(soon + zones.offset_ms(soon, name), week):
                return at_ms
            at_ms = soon
        elif zones.offset_ms(at_ms + wait, name) == ahead:
            at_ms += wait
        else:
            at_ms = _change_ms(at_ms, at_ms + wait, name)
    raise NeverOpens("It is always quiet.")


def _wait_ms(local_ms: int, week: Week) -> int:
    """How long after a moment of a zone's clock the next window begins, if the clock is not changed; 0 in one."""
    day, passed_ms = divmod(local_ms, _DAY_MS)
    minute = passed_ms // _MINUTE_MS
    for ahead in range(8):
        for begins, ends in week[(day + _FIRST_WEEKDAY + ahead) % 7]:
            if ahead == 0 and ends <= minute:
                continue
            if ahead == 0 and begins <= minute:
                return 0
            return ahead * _DAY_MS + begins * _MINUTE_MS - passed_ms
    raise NeverOpens("No day of the week has a window.")


def _change_ms(before_ms: int, after_ms: int, name: str) -> int:
    """When the clock is changed between two moments with different offsets."""
    ahead = zones.offset_ms(before_ms, name)
    while after_ms - before_ms > 1:
        middle = (before_ms + after_ms) // 2
        if zones.offset_ms(middle, name) == ahead:
            before_ms = middle
        else:
            after_ms = middle
    return after_ms


def _both(ours: Spans, theirs: Spans) -> Spans:
    """What two days' windows have in common."""
    common = ((max(one[0], other[0]), min(one[1], other[1])) for one in ours for other in theirs)
    return tuple(sorted(span for span in common if span[0] < span[1]))
