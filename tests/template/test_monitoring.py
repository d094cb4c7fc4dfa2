"""Monitoring=basic: how little it has, and that each fault which sets off an alarm of full sets one off.

What the service counts goes through the real meter. Its lines are read as CloudWatch reads them, metric filters
too.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping

import pytest

from devtools.local_stack.telemetry import alarms, deployed, emf, evidence, widgets
from devtools.local_stack.telemetry.alarms import State
from devtools.local_stack.telemetry.series import MetricKey, Telemetry
from longcode.aws.observability import FewMetrics, LambdaLogger
from longcode.domain import monitoring
from longcode.domain.metrics import NAMESPACE, Metric
from longcode.entrypoints import container
from tests.chance import showing
from tests.support.fakes import ROOT, make_settings
from tests.support.telemetry import FAULTS, SEEN, SEEN_TOO, WELL_COUNTS, WELL_PUBLISHED, Seen

pytestmark = pytest.mark.slow

MINUTE_MS = 60_000
START_MS = 1_700_000_000_000 // MINUTE_MS * MINUTE_MS
WELL_MIN = 70
OPERATIONS = deployed.read_operations(
    {"Apiv1Stage": "v1"}, {"Environment": "test", "StoreMedia": "on"}, "sms", "us-east-1"
)
FUNCTIONS = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
# What AWS gives for free, each month and for all of an account: devtools/cost/prices.toml has where that is from.
FREE_METRICS, FREE_ALARM_METRICS, FREE_METRICS_OF_A_DASHBOARD = 10, 10, 50

# What each invocation counts → the lines that it writes.
Write = Callable[[Mapping[Metric, list[float]]], list[str]]


def service(monkeypatch: pytest.MonkeyPatch) -> tuple[LambdaLogger, FewMetrics]:
    """The real log and meter, writing to what is the output now: loggers are kept by their names."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sms")
    logging.Logger.manager.loggerDict.pop("sms", None)
    logger = LambdaLogger(one_line=True)
    return logger, FewMetrics("test", logger)


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Write:
    made: list[tuple[LambdaLogger, FewMetrics]] = []

    def written(counts: Mapping[Metric, list[float]]) -> list[str]:
        if not made:
            made.append(service(monkeypatch))
        ((logger, meter),) = made
        for number in range(max(map(len, counts.values()), default=0)):
            logger.begin(f"invocation-{number}")
            for metric, values in counts.items():
                for value in values[number : number + 1]:
                    meter.count(metric, value)
            meter.flush()
        return capsys.readouterr().out.splitlines()

    return written


# ----------------------------------------------------------------------------------------------- how little it is


def published(lines: Iterable[str]) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """Name and dimensions of each metric that CloudWatch makes of these lines by itself."""
    return {(key.name, key.dimensions) for line in lines for key, _ in emf.metrics(json.loads(line))}


def test_whatever_is_counted_no_more_metrics_are_published_than_aws_gives_for_free(write: Write) -> None:
    found = published(write({metric: [1.0] for metric in Metric}))

    from_logs = {one.key for one in OPERATIONS.log_metrics}
    assert {name for name, _ in found} | {key.name for key in from_logs} == (
        {metric.value for metric in monitoring.PUBLISHED} | set(monitoring.SUMS)
    )
    assert {dimensions for _, dimensions in found} == {frozenset({("service", "sms"), ("environment", "test")})}
    assert len(found) + len(from_logs) <= FREE_METRICS


def test_its_alarms_read_no_more_metrics_than_aws_gives_for_free() -> None:
    read = [query.key for alarm in OPERATIONS.alarms.values() for query in alarm.queries if query.key]
    assert len(read) <= FREE_ALARM_METRICS
    assert len(OPERATIONS.alarms) <= FREE_ALARM_METRICS


def test_its_dashboard_is_small_enough_to_be_free() -> None:
    drawn = [one for one in OPERATIONS.widgets if one.kind == "metric"]
    assert len({key for one in drawn for key in widgets.read(one, OPERATIONS).keys}) <= FREE_METRICS_OF_A_DASHBOARD


def test_an_invocation_writes_one_line_with_all_that_it_counted(write: Write) -> None:
    (line,) = write({Metric.SENT: [1], Metric.PROVIDER_LATENCY: [41], Metric.SEGMENTS: [3]})

    fields = json.loads(line)
    assert (fields["Sent"], fields["ProviderLatencyMs"], fields["Segments"]) == (1, 41, 3)
    assert {name for name, _ in published([line])} == {"Sent"}


def test_what_is_counted_often_in_an_invocation_is_added_up_and_of_times_the_longest_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, meter = service(monkeypatch)
    for value in (20, 70, 30):
        meter.count(Metric.PROVIDER_LATENCY, value)
        meter.count(Metric.SENT)
    meter.flush()
    meter.flush()

    (line,) = capsys.readouterr().out.splitlines()
    assert (json.loads(line)["Sent"], json.loads(line)["ProviderLatencyMs"]) == (3, 70)


def test_the_log_of_each_function_is_searched_for_its_faults() -> None:
    groups = [one.group for one in OPERATIONS.log_metrics]
    assert sorted(groups) == sorted(f"/aws/lambda/sms-{name}" for name in FUNCTIONS)
    assert {one.key for one in OPERATIONS.log_metrics} == {MetricKey.of(f"{NAMESPACE}/sms", "FunctionFaults", {})}


def test_the_line_names_the_runbooks_of_what_needs_attention(write: Write) -> None:
    (line,) = write({Metric.STOPPED_KEY: [1], Metric.DEAD_LETTERS_NOW: [2], Metric.STRANDED_NOW: [0]})
    assert json.loads(line)["attention"] == ["dead-letters", "provider-key-refused"]
    (line,) = write({Metric.STOPPED_KEY: [0], Metric.UNKNOWN_NOW: [10], Metric.PUBLISHER_LAG: [900]})
    assert "attention" not in json.loads(line)
    assert json.loads(line)["NeedsAttention"] == 0


# ------------------------------------------------------------------------------------- that it sees every fault


def test_each_alarm_of_full_has_its_fault_here() -> None:
    assert set(SEEN) == set(FAULTS)
    assert {name.partition(",")[0] for name in SEEN_TOO} <= set(FAULTS)
    every = {name for seen in (*SEEN.values(), *SEEN_TOO.values()) for name in seen.alarms}
    assert every == set(OPERATIONS.alarms), "An alarm of basic is for no fault."


class Life:
    """A stack, minute by minute: what it writes and what AWS publishes of it."""

    def __init__(self, write: Write) -> None:
        self._write, self.telemetry, self.now = write, Telemetry(), START_MS

    def minutes(self, count: int, seen: Seen | None = None) -> None:
        counts = {**WELL_COUNTS, **(seen.counts if seen else {})}
        published = {**WELL_PUBLISHED, **(seen.published if seen else {})}
        for _ in range(count):
            for line in self._write(counts):
                self._read(json.loads(line), "consumer")
            for function, times in (seen.failed if seen else {}).items():
                for _ in range(times):
                    self._read(evidence.FAILED, function)
            for (namespace, name, named), values in published.items():
                dimensions = dict(pair.split("=") for pair in named.split(","))
                for value in values:
                    self.telemetry.add(MetricKey.of(namespace, name, dimensions), self.now + 1, value, "None")
            self.now += MINUTE_MS

    def _read(self, fields: Mapping[str, object], function: str) -> None:
        for key, sample in emf.metrics(fields):
            self.telemetry.add(key, self.now + 1, sample.value, sample.unit)
        for one in OPERATIONS.log_metrics:
            if one.group == f"/aws/lambda/sms-{function}" and one.matches(fields):
                self.telemetry.add(one.key, self.now + 1, one.value, "None")

    def in_alarm(self, since_ms: int = START_MS) -> dict[str, int]:
        """Alarm → the minute after `since_ms` at which it went off."""
        found = {}
        for name, alarm in OPERATIONS.alarms.items():
            states = alarms.states(alarm, self.telemetry, START_MS, self.now)
            went_off = [
                at for at, state in states if state is State.ALARM and at > max(since_ms, START_MS + 1800_000)
            ]
            if went_off:
                found[name] = (went_off[0] - since_ms) // MINUTE_MS
        return found

    def states(self) -> set[State]:
        """The states of all alarms, now."""
        return {
            alarms.states(alarm, self.telemetry, START_MS, self.now)[-1][1] for alarm in OPERATIONS.alarms.values()
        }


def test_all_is_well_and_no_alarm_goes_off(write: Write) -> None:
    life = Life(write)
    life.minutes(WELL_MIN)

    assert life.in_alarm() == {}
    assert life.states() == {State.OK}


def test_each_fault_that_sets_off_an_alarm_of_full_sets_one_off_here_and_ends_with_the_fault(write: Write) -> None:
    for name, seen in {**SEEN, **SEEN_TOO}.items():
        with showing(name):
            life = Life(write)
            life.minutes(WELL_MIN)
            sick_ms = life.now
            life.minutes(seen.within_min + 3, seen)
            went_off = life.in_alarm(sick_ms)
            life.minutes(WELL_MIN)

            assert set(went_off) == seen.alarms
            assert max(went_off.values()) <= seen.within_min
            assert life.states() == {State.OK}


def test_what_lasts_a_moment_or_is_rare_wakes_no_one(write: Write) -> None:
    rare: list[Mapping[Metric, list[float]]] = [
        {Metric.STORE_UNAVAILABLE: [1]},
        {Metric.CRASHED: [1]},
        {Metric.STOPPED_OUTAGE: [1]},
        {Metric.STRANDED_NOW: [5]},
        {Metric.RATE_LIMITED: [1]},
        {Metric.WEBHOOK_DUPLICATES: [1]},
        {Metric.SIGNATURES_REFUSED: [1, 1, 1], Metric.WEBHOOKS: [0, 0, 0]},
    ]
    for counts in rare:
        with showing(str(counts)):
            life = Life(write)
            life.minutes(WELL_MIN)
            life.minutes(2, Seen(set(), 0, counts))
            life.minutes(10)
            assert life.in_alarm() == {}


def test_an_api_that_fails_because_sending_is_stopped_or_paused_has_alarms_of_its_own_or_none(
    write: Write,
) -> None:
    failing = {("AWS/ApiGateway", "5XXError", "ApiName=sms,Stage=v1"): [1.0, 1.0]}
    for stop, expected in ((Metric.PAUSED, set[str]()), (Metric.STOPPED_KEY, {"NeedsAttention"})):
        with showing(stop):
            life = Life(write)
            life.minutes(WELL_MIN)
            life.minutes(10, Seen(set(), 0, {stop: [1]}, published=failing))
            assert set(life.in_alarm()) == expected


def test_an_attacker_who_sends_some_webhooks_beside_the_providers_wakes_no_one(write: Write) -> None:
    life = Life(write)
    life.minutes(WELL_MIN)
    life.minutes(
        20, Seen(set(), 0, {Metric.SIGNATURES_REFUSED: [0, 0, 0, 1, 1], Metric.WEBHOOKS: [1, 1, 1, 0, 0]})
    )
    assert life.in_alarm() == {}


def test_the_setting_says_how_much_is_published(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    for setting, lines, found in (("basic", 1, {"Sent"}), ("full", 2, {"Sent", "Segments"})):
        with showing(setting):
            monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"{request.node.name}-{setting}")
            made = container.Service(make_settings(monitoring=setting))

            def work(_event: object, _context: object, made: container.Service = made) -> None:
                made.metrics.count(Metric.SENT)
                made.metrics.count(Metric.SEGMENTS)
                made.logger.info("batch")

            made.job(work)({}, None)
            written = capsys.readouterr().out.splitlines()
            assert len(written) == lines
            assert {name for name, _ in published(written)} == found
