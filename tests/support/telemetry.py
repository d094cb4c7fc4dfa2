"""What dashboard, alarms and saved queries may name, where it is really emitted, and what each alarm is for.

A metric of ours or a field of the log is emitted on the live stack (tests/stack/test_stack_telemetry.py) or, where
that would take hours or a store that fails, in tests/functional/test_telemetry_in_virtual_time.py. One of AWS's is
in the table below, with the sets of dimensions under which AWS says that it publishes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from longcode.domain.metrics import Metric

IN_VIRTUAL_TIME = {
    Metric.FAILED_CONTENT: "no number of the simulated provider is refused for its words",
    Metric.FAILED_ACCOUNT: "what is the account's fault stops all sending, and fails a text only by a receipt",
    Metric.FAILED_PROVIDER: "the simulated provider is reached",
    Metric.FAILED_SERVICE: "it takes a fault of ours",
    Metric.UNREGISTERED: "the simulated provider's numbers are registered",
    Metric.EVENTS_REFUSED: "the emulator's bus refuses nothing",
    Metric.NUMBER_LOOKUPS: "no number is looked up unless NumberLookup asks for it",
    Metric.STORE_UNAVAILABLE: "the emulator's stores are there, or nothing is",
    Metric.CAMPAIGN_PAUSED: "it takes fifty texts of a campaign, many of which fail",
    Metric.EVENTS_DELIVERED: "the stack has no receiver while telemetry is looked at",
    Metric.DELIVERY_ATTEMPTS_FAILED: "the same",
    Metric.EVENTS_GIVEN_UP: "it takes a day",
    Metric.SUBSCRIPTIONS_DISABLED: "it takes three days",
    Metric.WEBHOOKS_SILENT: "it takes seven texts, five minutes, and the runs of a reconciler that remembers",
}
FIELDS_IN_VIRTUAL_TIME = {
    "what": "which store did not answer",
    "fault": "what the bus refused with",
}

_QUEUE = ({"QueueName"},)
_FUNCTION = ({"FunctionName"}, {"FunctionName", "Resource"}, set[str]())
_TABLE = ({"TableName"}, {"TableName", "GlobalSecondaryIndexName"})
# The last one only for methods with detailed metrics.
_API = ({"ApiName"}, {"ApiName", "Stage"}, {"ApiName", "Stage", "Resource", "Method"})

# Namespace and metric → the sets of dimensions under which it is published.
PUBLISHED_BY_AWS: dict[tuple[str, str], tuple[set[str], ...]] = {
    # Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS". The groups are for FIFO queues.
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): _QUEUE,
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"): _QUEUE,
    ("AWS/SQS", "ApproximateNumberOfGroupsWithInflightMessages"): _QUEUE,
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): _QUEUE,
    # AWS Lambda Developer Guide, "Types of metrics for Lambda functions".
    ("AWS/Lambda", "Invocations"): _FUNCTION,
    ("AWS/Lambda", "Errors"): _FUNCTION,
    ("AWS/Lambda", "Throttles"): _FUNCTION,
    ("AWS/Lambda", "Duration"): _FUNCTION,
    ("AWS/Lambda", "ConcurrentExecutions"): _FUNCTION,
    # For event source mappings that read a stream.
    ("AWS/Lambda", "IteratorAge"): _FUNCTION,
    # Amazon DynamoDB Developer Guide, "DynamoDB Metrics and dimensions".
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"): _TABLE,
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): _TABLE,
    ("AWS/DynamoDB", "ReadThrottleEvents"): _TABLE,
    ("AWS/DynamoDB", "WriteThrottleEvents"): _TABLE,
    # API Gateway Developer Guide, "Amazon API Gateway dimensions and metrics".
    ("AWS/ApiGateway", "Count"): _API,
    ("AWS/ApiGateway", "4XXError"): _API,
    ("AWS/ApiGateway", "5XXError"): _API,
    ("AWS/ApiGateway", "Latency"): _API,
}


@dataclass(frozen=True)
class Fault:
    """What an alarm is for: what each minute has of it, and what each minute has of it while all is well.

    By the id of the alarm's query. A metric of ours that has more than 0 must have had that on the live stack too.
    """

    sick: Mapping[str, list[float]]
    well: Mapping[str, list[float]]
    within_min: int


STOP = Fault(sick={"m1": [1]}, well={"m1": [0]}, within_min=3)
FAULTS: dict[str, Fault] = {
    # A text among the dead letters.
    "DeadLetters": Fault(sick={"m1": [1]}, well={"m1": [0]}, within_min=2),
    # What should have left does not.
    "OldestText": Fault(sick={"m1": [960]}, well={"m1": [30]}, within_min=16),
    # The queue was purged.
    "Stranded": Fault(sick={"m1": [3]}, well={"m1": [0]}, within_min=11),
    # The provider answers nothing that can be read: eleven in doubt, and they stay so.
    "UnknownPilingUp": Fault(sick={"m1": [11]}, well={"m1": [0]}, within_min=16),
    # A provider filters everything.
    "DeliveryFailing": Fault(
        sick={"failed": [1, 1, 1], "delivered": [0, 0, 0]},
        well={"failed": [0, 0, 0], "delivered": [1, 1, 1]},
        within_min=60,
    ),
    "ProviderKeyRefused": STOP,
    "SpendLimit": STOP,
    "ProviderSetup": STOP,
    # One text that went without a registration.
    "Unregistered": Fault(sick={"m1": [1]}, well={}, within_min=2),
    # The provider is down, for longer than a moment.
    "ProviderOutage": Fault(sick={"m1": [1]}, well={"m1": [0]}, within_min=6),
    # Three answers a minute that ask for less.
    "RateLimited": Fault(sick={"m1": [1, 1, 1]}, well={}, within_min=16),
    # A campaign larger than its cap.
    "DailyLimit": Fault(sick={"m1": [1]}, well={}, within_min=5),
    # More than T-Mobile takes of us in a day.
    "CarrierRefused": Fault(sick={"m1": [4]}, well={}, within_min=5),
    "CampaignPaused": Fault(sick={"m1": [1]}, well={}, within_min=5),
    # One of the user's own systems was down for a day.
    "WebhookDeliveries": Fault(sick={"m1": [1]}, well={}, within_min=6),
    # The public key is another one: every webhook is refused.
    "SignaturesRefused": Fault(
        sick={"refused": [1, 1], "signed": [0, 0]}, well={"refused": [0, 0], "signed": [1, 1]}, within_min=5
    ),
    # The address that the provider calls leads nowhere.
    "WebhooksSilent": Fault(sick={"m1": [1]}, well={"m1": [0]}, within_min=6),
    # A cold start that takes too long, often.
    "WebhookSlow": Fault(
        sick={"receipts": [300, 1900], "others": [200]},
        well={"receipts": [300, 400], "others": [200]},
        within_min=11,
    ),
    # A store is down: every request answers 503.
    "ApiFailing": Fault(
        sick={
            "failures": [1, 1, 1],
            "requests": [1, 1, 1],
            "key": [0],
            "funds": [0],
            "setup": [0],
            "outage": [0],
            "paused": [0],
        },
        well={
            "failures": [0, 0, 0],
            "requests": [1, 1, 1],
            "key": [0],
            "funds": [0],
            "setup": [0],
            "outage": [0],
            "paused": [0],
        },
        within_min=6,
    ),
    # One function dies at each call.
    "FunctionErrors": Fault(sick={"consumer": [1, 1]}, well={"consumer": [0, 0]}, within_min=4),
    # Erasing a person dies at each call.
    "LesserFunctionErrors": Fault(sick={"recipients": [1]}, well={"recipients": [0]}, within_min=4),
    # The queue's consumer uses up the account's concurrency, and webhooks are turned away.
    "Throttled": Fault(
        sick={"webhook": [3], "consumer": [9]}, well={"webhook": [0], "consumer": [0]}, within_min=4
    ),
    # The schedule is off: nothing at all is reported.
    "ReconcilerSilent": Fault(sick={}, well={"m1": [1]}, within_min=25),
    # A hot key on one index.
    "TableThrottled": Fault(sick={"by_tag": [10]}, well={}, within_min=11),
    # The publisher is handed nothing, so that Lambda tells no age. (Another shard that stands still: test_alarms.)
    "PublisherLag": Fault(sick={"heartbeat": [1000]}, well={"heartbeat": [60], "iterator": [200]}, within_min=6),
    # The consumer may not read the secret: it puts back each batch.
    "StoreUnavailable": Fault(sick={"m1": [1]}, well={}, within_min=4),
    # A batch of events was given up.
    "Unpublished": Fault(sick={"m1": [1]}, well={"m1": [0]}, within_min=2),
}


# ------------------------------------------------------------------------------------------- Monitoring=basic


@dataclass(frozen=True)
class Seen:
    """How the fault of an alarm of full shows where Monitoring is basic, and which alarms go off then.

    What each minute has of it: what the service counts in one invocation, how many invocations of which function
    Lambda reports as failed, and what AWS publishes, by namespace, name and dimensions.
    """

    alarms: set[str]
    within_min: int
    counts: Mapping[Metric, list[float]] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[tuple[str, str, str], list[float]] = field(default_factory=dict)


_ALL_OF_API = "ApiName=sms,Stage=v1"
SEEN: dict[str, Seen] = {
    "DeadLetters": Seen({"NeedsAttention"}, 6, {Metric.DEAD_LETTERS_NOW: [1]}),
    "OldestText": Seen({"OldestText"}, 16, {Metric.OVERDUE: [960]}),
    "Stranded": Seen({"NeedsAttention"}, 6, {Metric.STRANDED_NOW: [3]}),
    "UnknownPilingUp": Seen({"NeedsAttention"}, 6, {Metric.UNKNOWN_NOW: [11]}),
    "DeliveryFailing": Seen({"DeliveryFailing"}, 60, {Metric.DELIVERY_FAILED: [1, 1, 1], Metric.DELIVERED: [0]}),
    "ProviderKeyRefused": Seen({"NeedsAttention"}, 6, {Metric.STOPPED_KEY: [1]}),
    "SpendLimit": Seen({"NeedsAttention"}, 6, {Metric.STOPPED_FUNDS: [1]}),
    "ProviderSetup": Seen({"NeedsAttention"}, 6, {Metric.STOPPED_SETUP: [1]}),
    "ProviderOutage": Seen({"NeedsAttention"}, 6, {Metric.STOPPED_OUTAGE: [1]}),
    "Unregistered": Seen({"NeedsAttention"}, 2, {Metric.UNREGISTERED: [1]}),
    "RateLimited": Seen({"NeedsAttention"}, 6, {Metric.RATE_LIMITED: [1, 1, 1]}),
    "DailyLimit": Seen({"NeedsAttention"}, 2, {Metric.DAILY_LIMIT_REACHED: [1]}),
    "CarrierRefused": Seen({"NeedsAttention"}, 2, {Metric.REFUSED_BY_CARRIER: [4]}),
    "CampaignPaused": Seen({"NeedsAttention"}, 2, {Metric.CAMPAIGN_PAUSED: [1]}),
    "WebhookDeliveries": Seen(
        {"NeedsAttention"}, 2, {Metric.EVENTS_GIVEN_UP: [1], Metric.SUBSCRIPTIONS_DISABLED: [1]}
    ),
    "SignaturesRefused": Seen({"WebhooksRefused"}, 4, {Metric.SIGNATURES_REFUSED: [1, 1], Metric.WEBHOOKS: [0]}),
    "WebhooksSilent": Seen({"NeedsAttention"}, 6, {Metric.WEBHOOKS_SILENT: [1], Metric.WEBHOOKS: [0]}),
    # The provider repeats what took over two seconds, and its second try finds the event recorded.
    "WebhookSlow": Seen({"NeedsAttention"}, 6, {Metric.WEBHOOKS: [1, 1], Metric.WEBHOOK_DUPLICATES: [1]}),
    "ApiFailing": Seen({"ApiErrors"}, 4, published={("AWS/ApiGateway", "5XXError", _ALL_OF_API): [1, 1, 1]}),
    "FunctionErrors": Seen({"FunctionFaults"}, 4, failed={"consumer": 2}),
    "LesserFunctionErrors": Seen({"FunctionFaults"}, 4, failed={"recipients": 1}),
    "Throttled": Seen(
        {"WebhooksThrottled"}, 4, published={("AWS/Lambda", "Throttles", "FunctionName=sms-webhook"): [3]}
    ),
    "ReconcilerSilent": Seen(
        {"ReconcilerSilent"}, 25, published={("AWS/Lambda", "Invocations", "FunctionName=sms-reconciler"): []}
    ),
    # What is turned away for longer than its repeats.
    "TableThrottled": Seen({"FunctionFaults"}, 4, {Metric.STORE_UNAVAILABLE: [1]}),
    "PublisherLag": Seen({"NeedsAttention"}, 6, {Metric.PUBLISHER_LAG: [1000]}),
    "StoreUnavailable": Seen({"FunctionFaults"}, 4, {Metric.STORE_UNAVAILABLE: [1]}),
    "Unpublished": Seen({"NeedsAttention"}, 6, {Metric.UNPUBLISHED_NOW: [1]}),
}
# Further ways to an alarm of full, which are no less to be seen.
SEEN_TOO: dict[str, Seen] = {
    "FunctionErrors, caught": Seen({"FunctionFaults"}, 4, {Metric.CRASHED: [1]}),
    "FunctionErrors, of a function that serves a route": Seen({"FunctionFaults"}, 4, failed={"send": 1}),
    "Throttled, a request": Seen(
        {"ApiErrors"}, 4, published={("AWS/ApiGateway", "5XXError", _ALL_OF_API): [1, 0, 0]}
    ),
    "Throttled, the consumer": Seen({"OldestText"}, 16, {Metric.OVERDUE: [960]}),
    "Throttled, the publisher": Seen({"NeedsAttention"}, 6, {Metric.PUBLISHER_LAG: [1000]}),
    "PublisherLag, the bus refuses": Seen({"NeedsAttention"}, 6, {Metric.EVENTS_REFUSED: [1]}),
}
# What each minute has while all is well, of the service and of AWS.
WELL_COUNTS: Mapping[Metric, list[float]] = {
    Metric.STOPPED_KEY: [0],
    Metric.STOPPED_FUNDS: [0],
    Metric.STOPPED_SETUP: [0],
    Metric.STOPPED_OUTAGE: [0],
    Metric.PAUSED: [0],
    Metric.DEAD_LETTERS_NOW: [0],
    Metric.UNPUBLISHED_NOW: [0],
    Metric.STRANDED_NOW: [0],
    Metric.OVERDUE: [0],
    Metric.UNKNOWN_NOW: [2],
    Metric.PUBLISHER_LAG: [60],
    Metric.WEBHOOKS_SILENT: [0],
    Metric.ACCEPTED: [1],
    Metric.DELIVERED: [1, 1, 1],
    Metric.DELIVERY_FAILED: [0, 0, 0],
    Metric.WEBHOOKS: [1, 1],
    Metric.SIGNATURES_REFUSED: [0, 0],
}
WELL_PUBLISHED: Mapping[tuple[str, str, str], list[float]] = {
    ("AWS/ApiGateway", "5XXError", _ALL_OF_API): [0, 0, 0],
    ("AWS/Lambda", "Throttles", "FunctionName=sms-webhook"): [0],
    ("AWS/Lambda", "Invocations", "FunctionName=sms-reconciler"): [1],
}
