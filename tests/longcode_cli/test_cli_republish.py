"""`longcode republish`: what it reads of the stream, what the publisher is handed, and what stays to be done."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from devtools.local_stack import sam_template
from devtools.local_stack.layout import ROOT
from longcode.aws.counters import DynamoCounters
from longcode.domain.message import Message
from longcode.domain.status import Status
from longcode_cli import queues
from tests.longcode_cli.world import NAME, NOW_MS, REGION, Ok, World, hooked, ident, text
from tests.support import fakes
from tests.support.fakes.stream import Image, record

pytestmark = pytest.mark.disable_socket

STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/MessagesTable/stream/2026-11-18T00:00:00.000"
SHARD = "shardId-00000001795000000000-0a1b2c3d"
FIRST_AT = datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)
COUNTER: Image = {"pk": {"S": "S#all"}, "queued": {"N": "1"}}


def _written(number: int) -> str:
    """A sequence number as it is written: some have zeros in front."""
    return f"{number:030}"


def _refused(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "It said no."}}, operation)


@dataclass
class Relay:
    """The table's stream, and Lambda with the real publisher over a bus in memory and the real counters.

    The stream has forgotten what is before `horizon`, and hands out so many records a page, the first of them
    empty. What the publisher is invoked with is in `events`; `dies` is what it says in the place of an answer.
    """

    world: World
    publisher: fakes.World
    records: list[Image] = field(default_factory=list)
    horizon: int = 0
    batch_size: int = 100
    empty_pages: int = 1
    events: list[Image] = field(default_factory=list)
    dies: Image | None = None

    def write(self, before: Message | Image | None, after: Message | Image | None) -> int:
        """One more change in the stream; its sequence number."""
        made = record(before, after, len(self.records) + 1)
        made["dynamodb"] |= {
            "ApproximateCreationDateTime": FIRST_AT,
            "SequenceNumber": _written(int(made["dynamodb"]["SequenceNumber"])),
        }
        made |= {"eventVersion": "1.1", "awsRegion": REGION}
        self.records.append(made)
        return int(made["dynamodb"]["SequenceNumber"])

    def give_up(self, first: int, last: int, shard: str = SHARD) -> None:
        """Let Lambda give up a batch."""
        self.world.stack.sqs.send_message(QueueUrl=self.url, MessageBody=self.body(first, last, shard))

    @staticmethod
    def body(first: int, last: int, shard: str = SHARD) -> str:
        """What it puts into the queue then."""
        fields = {
            "requestContext": {
                "requestId": "12a8a0fa-f8d2-4d42-a6e3-72bae7d1e2f9",
                "functionArn": f"arn:aws:lambda:{REGION}:123456789012:function:{NAME}-publisher",
                "condition": "RecordAgeExceeded",
                "approximateInvokeCount": 720,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": "2026-11-18T23:06:41.479Z",
            "DDBStreamBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": _written(first),
                "endSequenceNumber": _written(last),
                "approximateArrivalOfFirstRecord": "2026-11-18T11:06:40Z",
                "approximateArrivalOfLastRecord": "2026-11-18T11:07:00Z",
                "batchSize": last - first + 1,
                "streamArn": STREAM,
            },
        }
        return json.dumps(fields)

    @property
    def url(self) -> str:
        return self.world.stack.outputs["UnpublishedQueueUrl"]

    @property
    def left(self) -> queues.Depth:
        """What is in the queue."""
        return queues.depth(self.world.stack.sqs, self.url)

    def published(self, number: int) -> list[tuple[str, str]]:
        """Sequence and status of what the bus heard of a text."""
        heard = self.publisher.event_bus.about(ident(number))
        return [(str(one.detail["sequence"]), str(one.detail["status"])) for one in heard]

    def counts(self) -> dict[str, int]:
        return self.publisher.counters.read(None)

    # ------------------------------------------------------------------------------------ the services

    def get_shard_iterator(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert (asked["StreamArn"], asked["ShardIteratorType"]) == (STREAM, "AT_SEQUENCE_NUMBER")
        if asked["ShardId"] != SHARD:
            raise _refused("GetShardIterator", "ResourceNotFoundException")
        wanted = int(asked["SequenceNumber"])
        assert asked["SequenceNumber"] == _written(wanted)
        number = next(n for n, one in enumerate(self.records) if int(one["dynamodb"]["SequenceNumber"]) >= wanted)
        if number < self.horizon:
            raise _refused("GetShardIterator", "TrimmedDataAccessException")
        return {"ShardIterator": f"{number}:{self.empty_pages}"}

    def get_records(self, asked: dict[str, Any]) -> dict[str, Any]:
        start, empty = asked["ShardIterator"].split(":")
        if int(empty):
            return {"Records": [], "NextShardIterator": f"{start}:{int(empty) - 1}"}
        # As boto3 has it, without what only Lambda's records have.
        page = self.records[int(start) : int(start) + 3]
        return {"Records": page, "NextShardIterator": f"{int(start) + len(page)}:0"}

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        self.events.append(event)
        if self.dies:
            return {"Payload": io.BytesIO(json.dumps(self.dies).encode()), "FunctionError": "Unhandled"}
        answer = self.publisher.invoke("publisher", event)
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture
def relay(world: World) -> Iterator[Relay]:
    table = boto3.client("dynamodb", region_name=REGION)
    counters = DynamoCounters(table, "MessagesTable")
    made = Relay(world, fakes.make_world(counters=counters))

    def body(reply: Callable[[Any], Any]) -> Callable[..., Any]:
        return lambda params, **_: (Ok(), reply(json.loads(params["body"])))

    def mappings(**_: Any) -> Any:
        return Ok(), {"EventSourceMappings": [{"BatchSize": made.batch_size}]}

    with hooked(
        ("before-call.dynamodb-streams.GetShardIterator", body(made.get_shard_iterator)),
        ("before-call.dynamodb-streams.GetRecords", body(made.get_records)),
        ("before-call.lambda.ListEventSourceMappings", mappings),
        ("before-call.lambda.Invoke", body(made.invoke)),
    ):
        yield made


def _lives(relay: Relay, number: int) -> tuple[int, int]:
    """A text is accepted, counted, and sent; the sequence numbers of the first and last of these changes."""
    queued = text(ident(number))
    first = relay.write(None, queued)
    relay.write(COUNTER, COUNTER | {"queued": {"N": "2"}})
    last = relay.write(queued, replace(queued, status=Status.SENDING, updated_ms=NOW_MS + 10))
    return first, last


def _fails(world: World, *arguments: str) -> str:
    result = world.run("republish", *arguments)
    assert result.exit_code == 1, result.output
    return " ".join(result.output.split())


def test_what_was_given_up_is_reported_and_counted_and_leaves_the_queue(world: World, relay: Relay) -> None:
    _lives(relay, 1)
    first, _ = _lives(relay, 2)
    _, last = _lives(relay, 3)
    _lives(relay, 4)
    relay.give_up(first, last)
    assert world.says("republish") == "4 changes published again."
    assert [status for _, status in relay.published(2)] == ["queued", "sending"]
    assert [status for _, status in relay.published(3)] == ["queued", "sending"]
    # Neither what was before nor what comes after.
    assert relay.published(1) == relay.published(4) == []
    assert relay.counts() == {"sending": 2}
    assert relay.left.total == 0
    assert world.says("republish") == "Nothing was given up."


def test_a_batch_of_nothing_but_heartbeats_leaves_the_queue_and_publishes_nothing(
    world: World, relay: Relay
) -> None:
    beat: Image = {"pk": {"S": "H#publisher"}, "at_ms": {"N": "1"}, "since_ms": {"N": "1"}}
    first = relay.write(None, beat)
    last = relay.write(beat, beat | {"at_ms": {"N": "2"}})
    relay.give_up(first, last)

    assert world.says("republish") == "0 changes published again."
    assert relay.events == []
    assert relay.left.total == 0


def test_the_publisher_gets_what_lambda_would_hand_it(world: World, relay: Relay) -> None:
    sample = json.loads((ROOT / "events" / "publisher-done-text-and-stop.json").read_text())
    relay.give_up(*_lives(relay, 1))
    world.says("republish")
    (event,) = relay.events
    assert event.keys() == sample.keys()
    inserted, like = event["Records"][0], sample["Records"][0]
    assert inserted.keys() == like.keys()
    assert inserted["eventSourceARN"] == STREAM
    change = inserted["dynamodb"]
    assert change.keys() == like["dynamodb"].keys() - {"SizeBytes"}
    assert change["ApproximateCreationDateTime"] == FIRST_AT.timestamp()
    # Counters only wake it.
    assert [one["dynamodb"]["Keys"]["pk"]["S"] for one in event["Records"]] == [f"M#{ident(1)}"] * 2


def test_it_gets_as_many_at_a_time_as_its_mapping_says_in_the_order_of_the_stream(
    world: World, relay: Relay
) -> None:
    relay.batch_size = 3
    spans = [_lives(relay, number) for number in range(8)]
    # The queue keeps no order.
    relay.give_up(spans[4][0], spans[7][1])
    relay.give_up(spans[0][0], spans[3][1])
    assert world.says("republish") == "16 changes published again."
    assert [len(event["Records"]) for event in relay.events] == [3, 3, 2, 3, 3, 2]
    numbers = [int(one["dynamodb"]["SequenceNumber"]) for event in relay.events for one in event["Records"]]
    assert numbers == sorted(set(numbers))
    assert relay.counts() == {"sending": 8}


def test_what_comes_again_has_the_same_sequence_and_is_not_counted_again(world: World, relay: Relay) -> None:
    relay.batch_size = 3
    first, _ = _lives(relay, 1)
    _, last = _lives(relay, 2)
    for _ in range(2):
        relay.give_up(first, last)
    assert world.says("republish") == "8 changes published again."
    assert relay.counts() == {"sending": 2}
    printed = relay.published(1)
    assert printed[:2] == printed[2:]
    # Cut in another way than before.
    relay.batch_size = 100
    relay.give_up(first, last)
    world.says("republish")
    assert relay.counts() == {"sending": 2}


def test_one_that_is_not_done_holds_up_no_other_and_stays_until_it_is_fixed(world: World, relay: Relay) -> None:
    spans = [_lives(relay, number) for number in range(3)]
    for span in spans:
        relay.give_up(*span)
    relay.publisher.event_bus.refuse = {ident(1)}
    said = _fails(world)
    assert said.startswith(
        "4 changes published again. The publisher did not get all done: the bus or the counters"
    )
    assert f"It is about 3 changes from 2026-11-18T11:06:40.000Z to 2026-11-18T11:07:00.000Z, {SHARD}." in said
    assert "then run longcode republish again." in said
    assert (len(relay.published(0)), relay.published(1), len(relay.published(2))) == (2, [], 2)
    # To be had again at once.
    assert relay.left == queues.Depth(1, 0)
    relay.publisher.event_bus.refuse = set()
    assert world.says("republish") == "2 changes published again."
    assert relay.counts() == {"sending": 3}


def test_after_three_in_a_row_it_is_the_publisher_and_no_more_is_tried(world: World, relay: Relay) -> None:
    for number in range(6):
        relay.give_up(*_lives(relay, number))
    relay.publisher.event_bus.refuse = {ident(number) for number in (0, 1, 3, 4, 5)}
    relay.publisher.event_bus.refuse.remove(ident(1))
    said = _fails(world)
    assert said.startswith("4 changes published again.")
    assert said.count("The publisher did not get all done") == 4
    relay.dies = {"errorType": "Crashed", "errorMessage": "KeyError"}
    relay.publisher.event_bus.refuse = set()
    relay.events.clear()
    said = _fails(world)
    assert said.count("The publisher fails: KeyError.") == 3
    assert "Stopped after these in a row: 1 more of 4 were not tried." in said
    assert len(relay.events) == 3
    assert relay.left == queues.Depth(4, 0)


def test_a_batch_that_is_done_in_part_is_begun_anew_and_counts_once(world: World, relay: Relay) -> None:
    first, _ = _lives(relay, 1)
    _, last = _lives(relay, 2)
    relay.give_up(first, last)
    relay.publisher.event_bus.refuse = {ident(2)}
    _fails(world)
    assert relay.counts() == {"sending": 1}
    relay.publisher.event_bus.refuse = set()
    world.says("republish")
    assert relay.counts() == {"sending": 2}
    assert [len(relay.published(number)) for number in (1, 2)] == [4, 2]


def test_an_invocation_is_waited_for_as_long_as_the_publisher_may_take(world: World) -> None:
    # Who stops waiting would invoke it again, beside the one that goes on.
    properties = sam_template.functions(sam_template.load(ROOT / "template.yaml"))["PublisherFunction"]
    assert world.stack.client("lambda").meta.config.read_timeout > properties["Timeout"]


def test_a_publisher_that_dies_says_of_what(world: World, relay: Relay) -> None:
    relay.give_up(*_lives(relay, 1))
    relay.dies = {"errorType": "Crashed", "errorMessage": "KeyError: see job.crashed in the log"}
    assert "The publisher fails: KeyError: see job.crashed in the log. It is about 3 changes" in _fails(world)
    assert relay.left == queues.Depth(1, 0)


def _forget_its_beginning(relay: Relay, first: int, last: int) -> None:
    # Without it the counters could not know what of the rest they have.
    relay.horizon = 1
    relay.give_up(first, last)


def _forget_its_shard(relay: Relay, first: int, last: int) -> None:
    relay.give_up(first, last, shard="shardId-00000001790000000000-0a1b2c3d")


@pytest.mark.parametrize("forget", [_forget_its_beginning, _forget_its_shard])
def test_what_the_stream_has_forgotten_stays_until_it_is_dropped(
    world: World, relay: Relay, forget: Callable[[Relay, int, int], None]
) -> None:
    forget(relay, *_lives(relay, 1))
    relay.give_up(*_lives(relay, 2))
    said = _fails(world)
    assert said.startswith("2 changes published again. 3 changes from 2026-11-18T11:06:40.000Z to ")
    assert "2026-11-18T11:07:00.000Z can't be published any more: the stream keeps them for a day." in said
    # A day of waiting before, and the rest of the last second.
    assert "GET /sms/messages?since=2026-11-17T11:06:40.000Z&until=2026-11-18T11:07:01.000Z" in said
    assert "longcode republish --drop-lost" in said
    assert (relay.published(1), len(relay.published(2))) == ([], 2)
    assert relay.left == queues.Depth(1, 0)

    dropped = world.run("republish", "--drop-lost")
    assert dropped.exit_code == 0
    assert "can't be published any more" in dropped.output
    assert "--drop-lost" not in dropped.output
    assert relay.published(1) == []
    assert relay.left.total == 0


def test_a_batch_whose_end_is_not_reached_is_not_waited_for_for_ever_and_not_taken_for_lost(
    world: World, relay: Relay
) -> None:
    first, last = _lives(relay, 1)
    relay.give_up(first, last + 1)
    assert "The stream was read for long, and the end not reached." in _fails(world, "--drop-lost")
    assert relay.events == []
    assert relay.left == queues.Depth(1, 0)


def test_an_hour_in_which_nothing_happened_is_passed_over(world: World, relay: Relay) -> None:
    relay.empty_pages = 300
    relay.give_up(*_lives(relay, 1))
    assert world.says("republish") == "2 changes published again."


def test_a_dry_run_says_how_much_and_publishes_nothing(world: World, relay: Relay) -> None:
    for number in range(12):
        relay.give_up(*_lives(relay, number))
    assert world.says("republish", "--dry-run") == "24 changes would be published again. Nothing was done."
    relay.horizon = 1
    assert "can't be published any more" in _fails(world, "--dry-run", "--drop-lost")
    assert relay.events == []
    assert relay.left == queues.Depth(12, 0)


@pytest.mark.parametrize("body", ["not JSON", '{"DDBStreamBatchInfo": {}}', None])
def test_what_is_not_lambdas_is_left_for_a_person_to_look_at(world: World, relay: Relay, body: str | None) -> None:
    relay.give_up(*_lives(relay, 1))
    body = body or relay.body(1, 2).replace(_written(1), "1")
    sent = world.stack.sqs.send_message(QueueUrl=relay.url, MessageBody=body)
    said = _fails(world)
    assert said.startswith(f"Message {sent['MessageId']} in the queue of what was given up is not Lambda's.")
    assert relay.events == []
    assert relay.left == queues.Depth(2, 0)


def test_one_that_was_killed_is_heard_of(world: World, relay: Relay) -> None:
    relay.give_up(*_lives(relay, 1))
    queues.receive(world.stack.sqs, relay.url, hidden_s=60)
    result = world.run("republish")
    assert result.exit_code == 0
    assert "1 more in flight: a republish that was killed." in result.stderr
    assert result.stdout == "Nothing was given up.\n"
