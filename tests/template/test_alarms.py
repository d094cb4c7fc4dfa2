"""Every alarm goes off on the data of the fault that it is for, and is quiet otherwise.

The states are worked out as CloudWatch does, by devtools/local_stack/telemetry/alarms.py, over the template as it
is deployed.
"""

from collections.abc import Mapping

from devtools.local_stack.telemetry import alarms, deployed, expressions
from devtools.local_stack.telemetry.alarms import Alarm, State
from devtools.local_stack.telemetry.series import Telemetry
from tests.chance import showing
from tests.support.telemetry import FAULTS

OPERATIONS = deployed.read_operations({}, {"Monitoring": "full"}, "sms", "us-east-1")
MINUTE_MS = 60_000
START_MS = 1_700_000_000_000 // MINUTE_MS * MINUTE_MS


def test_every_alarm_has_its_fault() -> None:
    assert set(FAULTS) == set(OPERATIONS.alarms)
    for name, fault in FAULTS.items():
        known = {query.id for query in OPERATIONS.alarms[name].queries if query.key}
        assert set(fault.sick) | set(fault.well) <= known


WELL_MIN = 90


def reported(alarm: Alarm, *minutes: tuple[Mapping[str, list[float]], int]) -> Telemetry:
    """Samples of the alarm's metrics: so many minutes of each kind, one after the other."""
    telemetry = Telemetry()
    at = START_MS
    keys = {query.id: query.key for query in alarm.queries if query.key}
    for values, count in minutes:
        for _ in range(count):
            for ident, samples in values.items():
                for value in samples:
                    telemetry.add(keys[ident], at + 1, value, "None")
            at += MINUTE_MS
    return telemetry


def test_each_alarm_goes_off_on_the_fault_that_it_is_for_and_only_then() -> None:
    for name in FAULTS:
        with showing(name):
            alarm, fault = OPERATIONS.alarms[name], FAULTS[name]
            sick_from = START_MS + WELL_MIN * MINUTE_MS
            sick_until = sick_from + (fault.within_min + 5) * MINUTE_MS
            telemetry = reported(
                alarm, (fault.well, WELL_MIN), (fault.sick, fault.within_min + 5), (fault.well, WELL_MIN)
            )
            found = alarms.states(alarm, telemetry, START_MS, sick_until + WELL_MIN * MINUTE_MS)

            # It has been well for long enough to be judged by nothing else.
            before = {state for at, state in found if START_MS + 30 * MINUTE_MS <= at <= sick_from}
            assert before == {State.OK}
            went_off = next((at for at, state in found if at > sick_from and state is State.ALARM), None)
            assert went_off is not None
            assert went_off <= sick_from + fault.within_min * MINUTE_MS
            assert found[-1][1] is State.OK


def test_an_expression_uses_every_metric_that_its_alarm_fetches() -> None:
    for name, alarm in OPERATIONS.alarms.items():
        fetched = {query.id for query in alarm.queries if query.key}
        made = {query.id for query in alarm.queries if query.expression}
        used = {ident for query in alarm.queries for ident in expressions.names(query.expression or "0")} - made
        everything = any("METRICS()" in query.expression for query in alarm.queries)
        assert everything or not used or used == fetched, name


def test_an_api_that_fails_because_sending_is_stopped_has_alarms_of_its_own() -> None:
    alarm, fault = OPERATIONS.alarms["ApiFailing"], FAULTS["ApiFailing"]
    for stop in ("key", "funds", "setup", "outage", "paused"):
        telemetry = reported(alarm, ({**fault.sick, stop: [1]}, 20))
        found = alarms.states(alarm, telemetry, START_MS, START_MS + 20 * MINUTE_MS)
        assert {state for _, state in found[10:]} == {State.OK}


def test_one_shard_of_the_stream_that_stands_still_is_seen_though_the_heartbeat_goes_through_another() -> None:
    alarm = OPERATIONS.alarms["PublisherLag"]
    telemetry = reported(alarm, ({"heartbeat": [60], "iterator": [200, 1_000_000]}, 20))
    found = alarms.states(alarm, telemetry, START_MS, START_MS + 20 * MINUTE_MS)
    assert {state for _, state in found[8:]} == {State.ALARM}


def test_a_quarter_of_the_texts_of_an_hour_is_seen_at_whatever_minute_it_begins() -> None:
    # CloudWatch's windows slide (its guide, "Alarm evaluation window"); a wall clock one is asked for.
    alarm, fault = OPERATIONS.alarms["DeliveryFailing"], FAULTS["DeliveryFailing"]
    for minutes in range(60, 120, 7):
        telemetry = reported(alarm, (fault.well, minutes), (fault.sick, 40))
        found = alarms.states(alarm, telemetry, START_MS, START_MS + (minutes + 40) * MINUTE_MS)
        went_off = next(at for at, state in found if state is State.ALARM)
        assert went_off <= START_MS + (minutes + 20) * MINUTE_MS


def test_a_few_slow_webhooks_which_are_cold_starts_set_nothing_off() -> None:
    alarm = OPERATIONS.alarms["WebhookSlow"]
    for each_five_minutes, expected in ((4, {State.OK}), (5, {State.ALARM})):
        slow = {"receipts": [1900.0] * (each_five_minutes - 1), "others": [1900.0]}
        telemetry = reported(alarm, *[(slow, 1), ({}, 4)] * 12)
        found = alarms.states(alarm, telemetry, START_MS, START_MS + 60 * MINUTE_MS)
        assert {state for _, state in found[10:]} == expected
