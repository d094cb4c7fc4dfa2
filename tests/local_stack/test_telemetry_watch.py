"""An alarm that is followed minute by minute is as if worked out at once; with its reason and since when."""

import pytest

from devtools.local_stack.telemetry import alarms
from devtools.local_stack.telemetry.alarms import Alarm, State
from devtools.local_stack.telemetry.watch import Watch, reason
from tests.chance import showing
from tests.local_stack.test_telemetry_alarms import MINUTE_MS, START_MS, properties, telemetry

VALUES = (5, 11, 12, 5, None, None, 13, 14, None, None, None, 5, 5, 12, None)


def alarm(**changes: object) -> Alarm:
    return Alarm.of("old", properties(**changes))


@pytest.mark.parametrize("missing", ["breaching", "notBreaching", "ignore", "missing"])
def test_it_is_in_the_state_of_a_whole_evaluation_at_each_moment(missing: str) -> None:
    watched, data = alarm(TreatMissingData=missing), telemetry(*VALUES)
    watch = Watch(watched, START_MS)
    for minute in range(1, len(VALUES)):
        now_ms = START_MS + minute * MINUTE_MS - 1
        whole = alarms.states(watched, data, START_MS, now_ms + 1)
        found = watch.at(data, now_ms, now_ms - MINUTE_MS)
        assert found.state is whole[-1][1], minute
        turns = [at for (at, state), (_, before) in zip(whole[1:], whole, strict=False) if state is not before]
        assert found.since_ms == (turns[-1] if turns else None)


def test_what_comes_late_still_counts_until_its_minute_is_settled() -> None:
    watched = alarm(EvaluationPeriods=1, DatapointsToAlarm=1)
    now_ms = START_MS + 2 * MINUTE_MS
    for settled_ms, since_ms in ((now_ms - MINUTE_MS, now_ms), (now_ms, now_ms + MINUTE_MS)):
        watch = Watch(watched, START_MS)
        assert watch.at(telemetry(5), now_ms, settled_ms).since_ms is None
        # In the minute that ends now.
        late = watch.at(telemetry(5, 99), now_ms, settled_ms)
        assert (late.state, late.since_ms) == (State.ALARM, since_ms)


def test_the_reason_says_what_was_seen_and_what_it_takes() -> None:
    three = alarm()
    one = alarm(EvaluationPeriods=1, DatapointsToAlarm=1, Period=300, ComparisonOperator="LessThanThreshold")
    cases: list[tuple[Alarm, list[float | None], str]] = [
        (three, [None, None, 5, 11, 12], "2 of 3 values are > 10; it takes 2. The latest is 12."),
        (three, [99, 99, 5, 5, 12.3456], "1 of 3 values is > 10; it takes 2. The latest is 12.35."),
        (three, [None, None, None, None, 0], "None of 1 values is > 10; it takes 2. The latest is 0."),
        (one, [None, None, 7], "7 in 5 min; it takes < 10."),
        (three, [None] * 5, "No value in 3 min, which counts as in order."),
        (alarm(TreatMissingData="breaching"), [None] * 5, "No value in 3 min, which counts as breaching."),
        (alarm(TreatMissingData="ignore"), [None] * 5, "No value in 3 min, so the state stays."),
        (alarm(TreatMissingData="missing"), [None] * 5, "No value in 3 min, so nothing is known."),
    ]
    for watched, found, expected in cases:
        with showing(expected):
            assert reason(watched, found) == expected
