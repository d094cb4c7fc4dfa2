"""`longcode republish`: what the publisher gave up, published after all from the table's stream."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.progress import BarColumn, TextColumn

from longcode.domain.message import epoch_ms, iso
from longcode.entrypoints import stream
from longcode_cli import terminal
from longcode_cli.options import ANYWHERE, DryRun, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.queues import depth, receive, released_afterwards
from longcode_cli.stack import ALIAS, Stack
from longcode_cli.terminal import count, say, warn

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    # Any: a record of the stream, as DynamoDB or Lambda writes it.
    Record = dict[str, Any]

EXAMPLES = examples(
    "republish --dry-run",
    "republish",
    "republish --drop-lost --stack long-code-sms-prod --profile ops",
)

# A sequence number, as the stream takes one.
_NUMBER = re.compile(r"[0-9]{21,40}")
# Long enough for most runs. What shows again sooner can do no harm.
_HIDDEN_S = 900
# A part of the stream without records is passed over in empty pages, and their number is not known. At the tip of
# one that is still written to they never end.
_EMPTY_PAGES = 1000
# With so many in a row it is the publisher, and not a change that it can't bear.
_FAILED_MOST = 3
# The stream has forgotten the place, or the shard, or the stream is gone with its table.
_FORGOTTEN = ("TrimmedDataAccessException", "ResourceNotFoundException")


@stack_options(*ANYWHERE)
def command(
    where: Where,
    dry_run: DryRun = False,
    drop_lost: Annotated[
        bool, typer.Option("--drop-lost", help="Also take off the queue what can't be published any more.")
    ] = False,
) -> None:
    """Publish what the publisher gave up. The table's stream keeps a change for a day; what is older is lost.

    An event that came before comes again with the same sequence, and the counters count no change twice. What the
    publisher does not get done stays for the next run; after three of these in a row it stops.

    The exit code is 1 if something is not done or lost.
    """
    stack = where.open()
    hidden = depth(stack.sqs, stack.unpublished_queue_url).hidden
    if hidden:
        warn(f"{hidden:,} more in flight: a republish that was killed. They show again within minutes.")
    done = Republished()
    with terminal.progress(TextColumn("Publishing"), BarColumn()) as show:
        for done in republish(stack, dry_run=dry_run, drop_lost=drop_lost):
            show(completed=done.tried, total=done.batches)
    if not done.batches:
        say("Nothing was given up.")
        return
    what = count(done.changes, "change")
    say(f"{what} would be published again. Nothing was done." if dry_run else f"{what} published again.")
    stays = bool(done.lost) and (dry_run or not drop_lost)
    _warn_of_the_rest(stack, done, stays=stays)
    if done.failed or stays:
        raise typer.Exit(1)


def _warn_of_the_rest(stack: Stack, done: "Republished", *, stays: bool) -> None:
    for failure in done.failed:
        warn(f"{failure} {failure.hint}")
    if skipped := done.batches - done.tried:
        warn(f"Stopped after these in a row: {skipped:,} more of {done.batches:,} were not tried.")
    if done.lost:
        for words in _beyond_publishing(done.lost, int(stack.parameters["ValidityMinutes"]) * 60_000):
            warn(words)
    if stays:
        warn("longcode republish --drop-lost takes them off the queue, and ends the alarm.")


def _beyond_publishing(batches: "Sequence[Batch]", validity_ms: int) -> list[str]:
    """What to do about changes that the stream has forgotten. A text may wait for `validity_ms` before one."""
    first, last = min(batch.since_ms for batch in batches), max(batch.until_ms for batch in batches)
    # The times are whole seconds, rounded down.
    asked = f"GET /sms/messages?since={iso(first - validity_ms)}&until={iso(last + 1_000)}"
    return [
        f"{count(sum(batch.changes for batch in batches), 'change')} from {iso(first)} to {iso(last)} can't be "
        "published any more: the stream keeps them for a day. Counters stay off by them.",
        f"What has become of those texts: {asked}",
    ]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that was given up: where it is in the stream, how many changes it had, and from when to when.

    `first` and `last` are sequence numbers, as they are written: zeros in front belong to them.
    """

    stream_arn: str
    shard: str
    first: str
    last: str
    changes: int
    since_ms: int
    until_ms: int


@dataclass(slots=True)
class Republished:
    """How far it has come: batches there are, those done, the changes in these, what is lost, and what failed."""

    batches: int = 0
    done: int = 0
    changes: int = 0
    lost: list[Batch] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """The batches that were tried."""
        return self.done + len(self.lost) + len(self.failed)

    def add(self, batch: Batch, records: "list[Record] | None") -> None:
        """Count a batch that was read; it is lost where it has no `records`."""
        if records is None:
            self.lost.append(batch)
        else:
            self.done += 1
            self.changes += len(records)


def republish(stack: Stack, *, dry_run: bool, drop_lost: bool) -> Iterator[Republished]:
    """Publish what was given up, in the order of the stream, and say after each batch how far it is.

    The queue names places in the stream, not the changes. The publisher is given the changes as Lambda gives them,
    each batch from its first on, so that the counters know what they have counted before. What was published
    comes with the same `sequence` again and is not counted again, and this may be stopped at any point. For the
    same reason a batch whose beginning the stream has forgotten is not published in part.

    A batch that fails stays where it is, and so does a lost one, unless `drop_lost`. It ends after some that fail
    in a row.
    """
    sqs, url = stack.sqs, stack.unpublished_queue_url
    publisher = f"{stack.stack_name}-publisher:{ALIAS}"
    at_most = _batch_size(stack, publisher)
    so_far = Republished()
    letters: list[MessageTypeDef] = []
    with released_afterwards(sqs, url, letters):
        while received := receive(sqs, url, hidden_s=_HIDDEN_S):
            letters += received
        found = sorted(((_batch(letter), letter) for letter in letters), key=lambda one: _place(one[0]))
        so_far.batches = len(found)
        in_a_row = 0
        for batch, letter in found:
            try:
                records = _read(stack, batch)
                if records and not dry_run:
                    _publish(stack, publisher, records, at_most)
            except Problem as problem:
                so_far.failed.append(Problem(f"{problem} It is about {_words(batch)}.", problem.hint))
                in_a_row += 1
                yield so_far
                if in_a_row == _FAILED_MOST:
                    return
                continue
            in_a_row = 0
            so_far.add(batch, records)
            if not dry_run and (records is not None or drop_lost):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
                letters.remove(letter)
            yield so_far


def _words(batch: Batch) -> str:
    return f"{batch.changes:,} changes from {iso(batch.since_ms)} to {iso(batch.until_ms)}, {batch.shard}"


def _batch(letter: "MessageTypeDef") -> Batch:
    try:
        info = json.loads(letter["Body"])["DDBStreamBatchInfo"]
        since_ms, until_ms = (epoch_ms(info[f"approximateArrivalOf{which}Record"]) for which in ("First", "Last"))
        first, last = info["startSequenceNumber"], info["endSequenceNumber"]
        if since_ms is None or until_ms is None or not (_NUMBER.fullmatch(first) and _NUMBER.fullmatch(last)):
            raise ValueError
        return Batch(info["streamArn"], info["shardId"], first, last, int(info["batchSize"]), since_ms, until_ms)
    except (ValueError, KeyError, TypeError):
        raise Problem(
            f"Message {letter['MessageId']} in the queue of what was given up is not Lambda's.",
            "Nothing was done. Look at it (aws sqs receive-message), and delete it by hand.",
        ) from None


def _place(batch: Batch) -> tuple[str, str, int]:
    # A shard's id begins with its time, and a parent's is earlier than its children's.
    return batch.stream_arn, batch.shard, int(batch.first)


def _read(stack: Stack, batch: Batch) -> "list[Record] | None":
    """The records of a batch that the publisher asks for, as Lambda has them; None if they are not all there.

    Raises Problem if its end was not reached.
    """
    streams, last = stack.client("dynamodbstreams"), int(batch.last)
    found: list[Record] = []
    try:
        iterator = streams.get_shard_iterator(
            StreamArn=batch.stream_arn,
            ShardId=batch.shard,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=batch.first,
        )["ShardIterator"]
        empty = 0
        while iterator and empty < _EMPTY_PAGES and not (found and _number(found[-1]) >= last):
            page = streams.get_records(ShardIterator=iterator)
            found += page["Records"]
            empty = 0 if page["Records"] else empty + 1
            iterator = page.get("NextShardIterator")
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in _FORGOTTEN:
            raise
        return None
    if iterator and not (found and _number(found[-1]) >= last):
        raise Problem("The stream was read for long, and the end not reached.", "Run it again.")
    found = [record for record in found if _number(record) <= last]
    if not found or (_number(found[0]), _number(found[-1])) != (int(batch.first), last):
        return None
    return [_as_lambda_has_it(record, batch.stream_arn) for record in found if stream.concerns(record)]


def _number(record: "Record") -> int:
    return int(record["dynamodb"]["SequenceNumber"])


def _as_lambda_has_it(record: "Record", stream_arn: str) -> "Record":
    change = record["dynamodb"]
    at = change["ApproximateCreationDateTime"].timestamp()
    return {**record, "eventSourceARN": stream_arn, "dynamodb": {**change, "ApproximateCreationDateTime": at}}


def _batch_size(stack: Stack, function: str) -> int:
    pages = stack.client("lambda").get_paginator("list_event_source_mappings").paginate(FunctionName=function)
    return min((row["BatchSize"] for page in pages for row in page["EventSourceMappings"]), default=100)


def _publish(stack: Stack, function: str, records: "Sequence[Record]", at_most: int) -> None:
    """Invoke the publisher with `records`, `at_most` at a time. Raises Problem if it does not get all done."""
    for portion in batched(records, at_most, strict=False):
        answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"Records": portion}))
        said = json.loads(answer["Payload"].read())
        goes_on = "Fix it (docs/operations.md, Publisher lag), then run longcode republish again."
        if "FunctionError" in answer:
            raise Problem(f"The publisher fails: {said.get('errorMessage', said)}.", goes_on)
        if said != {"batchItemFailures": []}:
            raise Problem("The publisher did not get all done: the bus or the counters take no more.", goes_on)
