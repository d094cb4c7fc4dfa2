"""Quiet hours for a request: where its recipient may be, and when a text may leave for there."""

from dataclasses import dataclass

from longcode.domain import quiet_states, quiet_windows
from longcode.domain.errors import InvalidRequest
from longcode.domain.quiet_hours import NeverOpens, QuietHours
from longcode.domain.quiet_request import QuietRequest
from longcode.domain.quiet_states import StateHours, Week

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class QuietOutlook:
    """When a text may leave that is to leave at `at_ms`, by the clocks of all of `zones`, and why.

    `opens_ms` is that moment, or else the first after it that is not quiet. `states` are those whose hours narrow
    the windows of `week`.
    """

    zones: tuple[str, ...]
    week: Week
    states: tuple[StateHours, ...]
    at_ms: int
    opens_ms: int

    @property
    def quiet(self) -> bool:
        """Whether it is quiet at `at_ms`."""
        return self.opens_ms > self.at_ms

    @property
    def open(self) -> dict[str, list[str]]:
        """The windows of each day of the week, as `08:00-21:00`."""
        return {
            day: [f"{_time(begins)}-{_time(ends)}" for begins, ends in spans]
            for day, spans in zip(_DAYS, self.week, strict=True)
        }


def outlook(wanted: QuietRequest, recipient: str, hours: QuietHours, at_ms: int) -> QuietOutlook:
    """Find out when a text to `recipient` may leave from `at_ms` on (epoch milliseconds).

    Raises InvalidRequest if the recipient's zone is not known, or it is always quiet in one of several.
    """
    zones, week = wanted.zones(recipient), quiet_windows.week_for(recipient, hours)
    try:
        opens_ms = quiet_windows.opens_ms(at_ms, week, zones)
    except NeverOpens:
        raise InvalidRequest(
            "At any moment it is quiet in one of the time zones that 'to' may be in: give 'timezone'.",
            field="timezone",
        ) from None
    return QuietOutlook(zones, week, tuple(quiet_states.of_number(recipient)), at_ms, opens_ms)


def _time(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
