"""What the adapters make of AWS failing, and what only the real service has: its key, its workers, its metrics."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from longcode.aws import clients
from longcode.aws.limits import DynamoLimits
from longcode.aws.observability import LambdaLogger, LambdaMetrics
from longcode.aws.queue import SqsQueue
from longcode.aws.registrations import DynamoRegistrations
from longcode.domain.errors import Unavailable
from longcode.domain.metrics import Metric
from longcode.domain.registration import Lost
from longcode.entrypoints import container
from longcode.entrypoints.system_clock import SystemClock
from longcode.telnyx.client import SEND_S
from longcode.use_cases.backlog import waiting
from longcode.use_cases.queue_ports import Envelope
from tests.contract.tables import REGION
from tests.support.fakes import ROOT, make_settings
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, THEIRS, make_message

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager.client import SecretsManagerClient

ENVELOPE = Envelope("m", THEIRS, "q", "h", 1)
ERRORS = [
    ClientError({"Error": {"Code": "ThrottlingException"}}, "Op"),
    ClientError({"Error": {"Code": "AccessDeniedException"}}, "Op"),
    ReadTimeoutError(endpoint_url="https://aws.invalid"),
]


class Failing:
    """A client every call of which fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    # Any: whichever method of the client.
    def __getattr__(self, name: str) -> Any:
        def call(**_: object) -> None:
            raise self._error

        return call


@pytest.mark.parametrize("error", ERRORS, ids=["throttled", "denied", "timeout"])
@pytest.mark.parametrize("call", ["put", "receive", "hide", "delete", "size"])
def test_a_queue_that_fails_is_unavailable(error: Exception, call: str) -> None:
    queue = SqsQueue(Failing(error), "https://sqs.invalid/q")  # type: ignore[arg-type]
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: queue.put([waiting(make_message())]),
        "receive": queue.receive,
        "hide": lambda: queue.hide([ENVELOPE], [1]),
        "delete": lambda: queue.delete([ENVELOPE]),
        "size": queue.size,
    }

    with pytest.raises(Unavailable, match="The queue"):
        calls[call]()


@pytest.mark.parametrize("error", ERRORS, ids=["throttled", "denied", "timeout"])
@pytest.mark.parametrize(
    "call",
    ["look", "reserve", "push", "probe", "pause", "resume", "open_breaker", "count", "uncount", "read_counts"],
)
def test_a_limits_table_that_fails_is_unavailable(error: Exception, call: str) -> None:
    limits = DynamoLimits(Failing(error), "limits", "messages")  # type: ignore[arg-type]
    calls: dict[str, Callable[[], object]] = {
        "look": lambda: limits.read_gate(THEIRS, OURS),
        "reserve": lambda: limits.reserve("to#x", 1, 1_000, START_MS),
        "push": lambda: limits.push("to#x", START_MS),
        "probe": lambda: limits.probe(START_MS, START_MS, "m"),
        "pause": lambda: limits.pause(START_MS, ""),
        "resume": limits.resume,
        "count": lambda: limits.count("day#x", 1, START_MS),
        "uncount": lambda: limits.uncount("day#x"),
        "read_counts": lambda: limits.read_counts(["day#x"]),
        "open_breaker": lambda: limits.open_breaker(START_MS, START_MS, ""),
    }

    with pytest.raises(Unavailable, match="The limits table"):
        calls[call]()


@pytest.mark.parametrize("error", ERRORS, ids=["throttled", "denied", "timeout"])
@pytest.mark.parametrize("call", ["facts", "lose", "regain", "still_lost"])
def test_what_events_say_of_our_registration_is_kept_or_the_table_is_unavailable(
    error: Exception, call: str
) -> None:
    registrations = DynamoRegistrations(Failing(error), "limits")  # type: ignore[arg-type]
    calls: dict[str, Callable[[], object]] = {
        "facts": lambda: registrations.facts(OURS),
        "lose": lambda: registrations.lose("10dlc_expired", START_MS, START_MS, START_MS),
        "regain": lambda: registrations.regain([Lost.EXPIRED], START_MS, START_MS),
        "still_lost": lambda: registrations.still_lost(START_MS, START_MS),
    }

    with pytest.raises(Unavailable, match="The limits table"):
        calls[call]()


def test_not_knowing_whether_sending_is_stopped_is_no_leave_to_send() -> None:
    class Half:
        """A client that never can read everything."""

        def batch_get_item(self, RequestItems: dict[str, Any]) -> object:
            asked.append(sum(len(wanted["Keys"]) for wanted in RequestItems.values()))
            return {"Responses": {}, "UnprocessedKeys": {"limits": {"Keys": [{"pk": {"S": "control"}}]}}}

    asked: list[int] = []
    waits: list[float] = []
    limits = DynamoLimits(Half(), "limits", "messages", sleep=waits.append)  # type: ignore[arg-type]

    with pytest.raises(Unavailable, match="The limits table"):
        limits.read_gate(THEIRS, OURS)

    # All five, and then what is left, as long as it may be a moment's trouble.
    assert asked == [5, 1, 1, 1]
    assert waits == [0.05, 0.1, 0.2]


def test_each_call_that_may_leave_something_out_is_one_that_is_tried_again() -> None:
    """A new one has to be looked at: the client library does not try what a batch call left out."""
    partial = re.compile(
        r"\b(batch_\w+_item|batch_write\w*|batch_execute\w+|put_events|put_records|\w+_message\w*_batch)\b"
    )
    sources = [
        path
        for folder in ("layers/longcode", "functions", "longcode_cli")
        for path in (ROOT / folder).rglob("*.py")
    ]

    found = {(path.name, call) for path in sources for call in partial.findall(path.read_text())}

    assert found == {
        ("clients.py", "batch_get_item"),
        ("event_bus.py", "put_events"),
        ("queue.py", "send_message_batch"),
        ("queue.py", "delete_message_batch"),
        ("queue.py", "change_message_visibility_batch"),
        ("delivery_queue.py", "send_message_batch"),
        ("delivery_queue.py", "change_message_visibility_batch"),
        # By the queue's own loop.
        ("media_queue.py", "send_message_batch"),
    }


# --------------------------------------------------------------------------------------------------- the key


@pytest.fixture
def secrets(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator["SecretsManagerClient"]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    client = boto3.client("secretsmanager", region_name=REGION)
    client.create_secret(Name="telnyx", SecretString="KEY_old\n")
    yield client
    client.delete_secret(SecretId="telnyx", ForceDeleteWithoutRecovery=True)


def test_the_key_is_read_once_and_anew_when_asked_for(secrets: "SecretsManagerClient") -> None:
    read = container.Service(make_settings())._api_key
    assert read(False) == "KEY_old"
    secrets.put_secret_value(SecretId="telnyx", SecretString="KEY_new")

    assert read(False) == "KEY_old"
    assert read(True) == "KEY_new"
    assert read(False) == "KEY_new"


def test_a_key_that_is_not_there_is_unavailable(secrets: "SecretsManagerClient") -> None:
    read = container.Service(make_settings(secret_id="nothing"))._api_key

    with pytest.raises(Unavailable, match="The secret store"):
        read(False)


def test_a_key_is_read_within_the_half_of_a_send_that_is_kept_for_it(secrets: "SecretsManagerClient") -> None:
    # Any: botocore makes its options into attributes at run time.
    config: Any = clients.secretsmanager().meta.config
    once_s = config.connect_timeout + config.read_timeout
    tries = config.retries["total_max_attempts"]

    # Between two tries botocore waits for up to 1 s, then 2.
    assert tries * once_s + sum(2**number for number in range(tries - 1)) <= SEND_S / 2


def test_clients_are_made_once(secrets: "SecretsManagerClient") -> None:
    assert clients.secretsmanager() is clients.secretsmanager()


# ------------------------------------------------------------------------------------- workers and metrics


def test_the_recipient_queues_of_a_batch_run_side_by_side_and_a_crash_is_not_lost() -> None:
    parallel = container.Service(make_settings()).parallel
    both = threading.Barrier(2, timeout=5)
    met: list[bool] = []

    def meet() -> None:
        both.wait()
        met.append(True)

    def crash() -> None:
        raise RuntimeError("a bug")

    parallel([meet, meet])

    assert met == [True, True]
    with pytest.raises(RuntimeError, match="a bug"):
        parallel([crash])


def test_a_clock_that_sleeps_until_the_past_does_not_sleep() -> None:
    clock = SystemClock()
    before = clock.now_ms()

    clock.sleep_until(before - 60_000)
    clock.sleep_until(before + 5)

    assert before + 5 <= clock.now_ms() + 1


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> LambdaMetrics:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "long-code-sms")
    return LambdaMetrics("prod")


def test_metrics_are_one_line_for_the_service_and_for_no_one_in_particular(
    metrics: LambdaMetrics, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics.count(Metric.SENT)
    metrics.count(Metric.SENT)
    metrics.count(Metric.PROVIDER_LATENCY, 41)
    metrics.flush()

    (line,) = capsys.readouterr().out.splitlines()
    fields = json.loads(line)
    (described,) = fields["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "LongCodeSms"
    assert [set(names) for names in described["Dimensions"]] == [{"service", "environment"}]
    assert (fields["service"], fields["environment"]) == ("long-code-sms", "prod")
    assert {(metric["Name"], metric["Unit"]) for metric in described["Metrics"]} == {
        ("Sent", "Count"),
        ("ProviderLatencyMs", "Milliseconds"),
    }
    assert fields["Sent"] == [1.0, 1.0]


def test_an_invocation_that_counted_nothing_writes_nothing(
    metrics: LambdaMetrics, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics.flush()
    metrics.count(Metric.SENT)
    metrics.flush()
    metrics.flush()

    assert len(capsys.readouterr().out.splitlines()) == 1


def test_ten_workers_that_count_at_once_lose_and_double_nothing(
    metrics: LambdaMetrics, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        for _ in range(500):
            metrics.count(Metric.SENT)
            metrics.count(Metric.PROVIDER_LATENCY, 41)

    workers = [threading.Thread(target=work) for _ in range(10)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    metrics.flush()

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    values = [line[name] for line in lines for name in ("Sent", "ProviderLatencyMs") if name in line]
    assert sum(map(len, values)) == 10_000
    # CloudWatch takes no more of one metric in a line.
    assert max(map(len, values)) <= 100


# ------------------------------------------------------------------------------------------- one line for a call


def one_line(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LambdaLogger:
    # A name of its own, as loggers are kept by their names, together with where they write to.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)
    return LambdaLogger(one_line=True)


def test_what_goes_well_in_an_invocation_is_one_line_with_its_steps(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = one_line(request, monkeypatch)
    logger.begin("r-1")
    logger.info("webhook.receipt", word="delivered", status="of the receipt")
    logger.info("request", status=200)
    assert capsys.readouterr().out == ""
    logger.end(Webhooks=1)
    logger.end()

    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["message"], line["status"], line["word"], line["Webhooks"]) == ("request", 200, "delivered", 1)
    # What the line has under that name is another's.
    assert line["steps"] == [{"event": "webhook.receipt", "status": "of the receipt"}]


def test_what_comes_several_times_is_in_the_steps_alone(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = one_line(request, monkeypatch)
    for number in range(2):
        logger.info("send.accepted", message_id=f"m-{number}")
    logger.info("batch", done=2)
    logger.end()

    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert "message_id" not in line
    assert [step["message_id"] for step in line["steps"]] == ["m-0", "m-1"]


def test_of_very_much_that_goes_well_no_line_is_too_long_and_nothing_is_left_out(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = one_line(request, monkeypatch)
    for number in range(120):
        logger.info("send.accepted", message_id=f"m-{number}", telnyx_id=f"t-{number}")
    logger.end(Sent=120)

    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [1 + len(line["steps"]) for line in found] == [50, 50, 20]
    named = [row["message_id"] for line in found for row in (*line["steps"], line)]
    assert named == [f"m-{number}" for number in range(120)]
    assert [line.get("Sent") for line in found] == [None, None, 120]


def test_what_is_about_another_text_is_in_the_steps_alone(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = one_line(request, monkeypatch)
    logger.info("send.accepted", message_id="m-1", telnyx_id="t-1")
    logger.info("send.expired", message_id="m-2")
    logger.end()

    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["message"], line["message_id"]) == ("send.expired", "m-2")
    assert "telnyx_id" not in line
    assert line["steps"] == [{"event": "send.accepted", "message_id": "m-1", "telnyx_id": "t-1"}]


def test_a_warning_is_written_at_once_and_what_an_invocation_that_died_had_held_is_on_no_later_line(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = one_line(request, monkeypatch)
    logger.begin("r-1")
    logger.info("queue.accepted", message_id="m-1")
    logger.warning("send.refused", code="40001")
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["message"], line["code"]) == ("send.refused", "40001")

    logger.begin("r-2")
    logger.end(Sent=1)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert ("m-1" in json.dumps(line), line["Sent"]) == (False, 1)
