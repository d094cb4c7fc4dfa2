"""What deploys of the way from the messages table to the event bus."""

import json
from typing import Any

from longcode.domain.metrics import Metric
from longcode.entrypoints import stream
from tests.template.test_operations import ALARMS, alarm_metrics
from tests.template.test_template import GLOBALS, TEMPLATE, properties, statements, timeout

MAPPING = properties("PublisherMapping")
DAY_S = 86_400


def arn(logical_id: str, attribute: str = "Arn") -> dict[str, list[str]]:
    return {"Fn::GetAtt": [logical_id, attribute]}


def allowed(function: str) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """(actions, resource) of each statement."""
    found = []
    for statement in statements(function):
        actions = statement["Action"]
        found.append((tuple([actions] if isinstance(actions, str) else actions), statement["Resource"]))
    return found


def test_the_stream_has_before_and_after() -> None:
    assert MAPPING["EventSourceArn"] == arn("MessagesTable", "StreamArn")
    assert properties("MessagesTable")["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_nothing_written_while_the_mapping_is_made_is_missed() -> None:
    assert MAPPING["StartingPosition"] == "TRIM_HORIZON"


def test_a_batch_is_answered_for_record_by_record_and_in_order() -> None:
    assert MAPPING["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # More batches of a shard at a time would each have a part of the items, with counters in common.
    assert MAPPING.get("ParallelizationFactor", 1) == 1
    # Halves would be published in another order than the whole.
    assert "BisectBatchOnFunctionError" not in MAPPING
    assert MAPPING["BatchSize"] <= 100


def test_changes_are_collected_for_as_long_as_the_parameter_says() -> None:
    assert MAPPING["MaximumBatchingWindowInSeconds"] == {"Ref": "EventDelaySeconds"}
    # The most that Lambda takes.
    assert TEMPLATE["Parameters"]["EventDelaySeconds"]["MaxValue"] == 300
    assert GLOBALS["Environment"]["Variables"]["STATUS_EVENTS"] == {"Ref": "StatusEvents"}


def test_what_is_given_up_leaves_a_trace_that_an_alarm_reports() -> None:
    assert MAPPING["DestinationConfig"]["OnFailure"]["Destination"] == arn("UnpublishedQueue")
    assert ALARMS["Unpublished"]["MetricName"] == Metric.UNPUBLISHED_NOW
    assert GLOBALS["Environment"]["Variables"]["UNPUBLISHED_QUEUE_URL"] == {"Ref": "UnpublishedQueue"}
    (looks,) = [s for s in statements("ReconcilerFunction") if s["Action"] == "sqs:GetQueueAttributes"]
    assert looks["Resource"] == [
        arn("DeadLetterQueue"),
        arn("UnpublishedQueue"),
    ]
    # A batch of the stream can't go to a FIFO queue.
    assert "FifoQueue" not in properties("UnpublishedQueue")
    assert properties("UnpublishedQueue")["MessageRetentionPeriod"] == 14 * DAY_S


def test_it_is_tried_again_by_age_and_given_up_before_the_stream_forgets() -> None:
    assert MAPPING["MaximumRetryAttempts"] == 10_000
    assert 6 * 3_600 <= MAPPING["MaximumRecordAgeInSeconds"] <= DAY_S // 2


def test_an_alarm_reports_the_lag_long_before_anything_is_given_up() -> None:
    alarm = ALARMS["PublisherLag"]
    assert {metric for _, metric, _ in alarm_metrics(alarm)} == {"PublisherLagS", "IteratorAge"}
    assert alarm["Threshold"] + 60 * alarm["EvaluationPeriods"] < MAPPING["MaximumRecordAgeInSeconds"] / 4


def test_only_messages_opt_outs_and_the_heartbeat_wake_the_publisher() -> None:
    (only,) = MAPPING["FilterCriteria"]["Filters"]
    keys = json.loads(only["Pattern"])["dynamodb"]["Keys"]
    assert keys == {"pk": {"S": [{"prefix": kind} for kind in stream.HEARD]}}


def test_the_publisher_may_write_counters_and_their_markers_only() -> None:
    (writes,) = [s for s in statements("PublisherFunction") if "dynamodb:PutItem" in s["Action"]]
    assert set(writes["Action"]) == {"dynamodb:PutItem", "dynamodb:UpdateItem"}
    assert writes["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["S#*", "B#*"]}}


def test_the_publisher_may_speak_on_this_bus_and_read_this_stream_only() -> None:
    rights = dict(allowed("PublisherFunction"))
    assert rights[("events:PutEvents",)] == arn("EventBus")
    (sends,) = [s for s in statements("PublisherFunction") if s["Action"] == "sqs:SendMessage"]
    assert sends["Resource"] == [arn("UnpublishedQueue"), arn("DeliveryQueue")]
    (stream,) = [actions for actions, on in rights.items() if on == arn("MessagesTable", "StreamArn")]
    assert set(stream) == {
        f"dynamodb:{it}" for it in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    }
    # The text that an opt-out answers, and who wants events delivered.
    queries = [s for s in statements("PublisherFunction") if s["Action"] == "dynamodb:Query"]
    assert [query["Resource"] for query in queries] == [
        {"Fn::Sub": "${MessagesTable.Arn}/index/by_peer"},
        arn("WebhooksTable"),
    ]
    assert queries[1]["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "subscriptions"}}
    assert rights[("dynamodb:BatchGetItem",)] == arn("MessagesTable")
    assert len(list(statements("PublisherFunction"))) == 7


def test_health_may_read_the_counters_of_all_and_no_message() -> None:
    (reads,) = [s for s in statements("HealthFunction") if s["Resource"] == arn("MessagesTable")]
    assert reads["Action"] == "dynamodb:BatchGetItem"
    assert reads["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "S#all*"}}


def test_the_bus_is_the_stacks_own_and_is_an_output() -> None:
    assert properties("EventBus")["Name"] == {"Ref": "AWS::StackName"}
    assert TEMPLATE["Outputs"]["EventBusName"]["Value"] == {"Ref": "EventBus"}
    assert GLOBALS["Environment"]["Variables"]["EVENT_BUS"] == {"Ref": "EventBus"}


def test_the_publisher_has_time_for_a_batch_of_refusals() -> None:
    assert timeout("PublisherFunction") >= 60
