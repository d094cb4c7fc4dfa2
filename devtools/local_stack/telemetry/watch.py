"""Follows an alarm from minute to minute, and says why it is in its state."""

from collections.abc import Sequence
from dataclasses import dataclass

from .alarms import MINUTE_MS, SIGNS, Alarm, State, evaluated, values
from .series import Telemetry

_MISSING = {
    "breaching": "which counts as breaching",
    "notBreaching": "which counts as in order",
    "ignore": "so the state stays",
    "missing": "so nothing is known",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of an alarm, why, and since when; None if it was so from the beginning."""

    state: State
    reason: str
    since_ms: int | None


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """What an alarm was found to be at one moment."""

    state: State
    since_ms: int | None
    values: Sequence[float | None]


class Watch:
    """One alarm from `start_ms` on. It begins in INSUFFICIENT_DATA."""

    def __init__(self, alarm: Alarm, start_ms: int) -> None:
        self.alarm = alarm
        self._step_ms = min(MINUTE_MS, alarm.period_s * 1000)
        self._next_ms = -(-start_ms // self._step_ms) * self._step_ms
        self._last: _Evaluation | None = None

    def at(self, telemetry: Telemetry, now_ms: int, settled_ms: int) -> Verdict:
        """What it is at the end of this minute. Raises BadExpression.

        Numbers from before `settled_ms` don't change any more: what ended by then is evaluated once.
        """
        while self._next_ms <= settled_ms:
            self._last = self._evaluate(telemetry, self._next_ms, self._last)
            self._next_ms += self._step_ms
        last = self._last
        # What has just come is in the periods that end with this minute.
        end_ms = (now_ms // self._step_ms + 1) * self._step_ms
        for at_ms in range(self._next_ms, end_ms + 1, self._step_ms):
            last = self._evaluate(telemetry, at_ms, last)
        assert last is not None
        return Verdict(last.state, reason(self.alarm, last.values), last.since_ms)

    def _evaluate(self, telemetry: Telemetry, at_ms: int, before: _Evaluation | None) -> _Evaluation:
        found = values(self.alarm, telemetry, at_ms)
        was = before.state if before else State.INSUFFICIENT_DATA
        state = evaluated(self.alarm, found, was)
        since_ms = None if before is None else before.since_ms if state is was else at_ms
        return _Evaluation(state, since_ms, found)


def reason(alarm: Alarm, found: Sequence[float | None]) -> str:
    """Why the alarm is in its state, given the values that it looked at, oldest first."""
    known = [value for value in found if value is not None][-alarm.evaluation_periods :]
    if not known:
        return f"No value in {_span(alarm.period_s * alarm.evaluation_periods)}, {_MISSING[alarm.missing]}."
    limit, latest = f"{SIGNS[alarm.comparison]} {alarm.threshold:g}", f"{known[-1]:.4g}"
    if alarm.evaluation_periods == 1:
        return f"{latest} in {_span(alarm.period_s)}; it takes {limit}."
    bad = sum(map(alarm.breaches, known))
    counted = f"{bad or 'None'} of {len(known)} values {'are' if bad > 1 else 'is'} {limit}"
    return f"{counted}; it takes {alarm.datapoints}. The latest is {latest}."


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
