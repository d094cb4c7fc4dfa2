"""What joins the parts of a trace, without the X-Ray SDK: the header on a queue message, the id on a log line."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from longcode.aws.observability import LambdaLogger
from longcode.aws.queue import SqsQueue
from longcode.use_cases.backlog import waiting
from tests.contract.tables import create_queue
from tests.support.fakes.examples import make_message

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

ROOT_ID = "1-69258c3a-0123456789abcdef01234567"
# As Lambda sets it for each invocation of a traced function.
TRACE = f"Root={ROOT_ID};Parent=0123456789abcdef;Sampled=1;Lineage=1:a1b2c3d4:0"


@pytest.fixture
def headers(sqs: "SQSClient") -> Iterator[list[dict[str, str]]]:
    """The headers of each request to the queue, as they leave."""
    seen: list[dict[str, str]] = []

    # Any: botocore's own request.
    def look(request: Any, **_: Any) -> None:
        found = request.headers.items()
        seen.append({name: value.decode() if isinstance(value, bytes) else value for name, value in found})

    sqs.meta.events.register_first("before-send.sqs.SendMessageBatch", look)
    yield seen
    sqs.meta.events.unregister("before-send.sqs.SendMessageBatch", look)


def test_a_text_that_is_queued_in_a_traced_invocation_takes_the_trace_along(
    sqs: "SQSClient", headers: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = SqsQueue(sqs, create_queue(sqs, "SendQueue"))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "long-code-sms-queue")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    queue.put([waiting(make_message())])
    # A warm function has the same client and another trace.
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE.replace("0123", "4567"))
    queue.put([waiting(make_message())])
    monkeypatch.delenv("_X_AMZN_TRACE_ID")
    queue.put([waiting(make_message())])

    assert [sent.get("X-Amzn-Trace-Id") for sent in headers] == [TRACE, TRACE.replace("0123", "4567"), None]


def test_a_log_line_names_the_trace_of_its_invocation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    # A name of its own, as loggers are kept by their names, together with where they write to.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    logger = LambdaLogger()
    logger.info("send.accepted", message_id="m-1")
    monkeypatch.delenv("_X_AMZN_TRACE_ID")
    logger.info("send.accepted", message_id="m-2")

    traced, untraced = map(json.loads, capsys.readouterr().out.splitlines())
    assert (traced["message_id"], traced["xray_trace_id"]) == ("m-1", ROOT_ID)
    assert "xray_trace_id" not in untraced
