"""Runs one text through the real handlers over AWS in this process, and counts each step."""

import contextlib
import io
import itertools
import json
import logging
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from moto import mock_aws

from devtools.cost import units
from devtools.cost.count import Counter, Counts
from devtools.local_stack import sam_template
from longcode.aws import clients
from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.message import iso
from longcode.domain.schedule import AHEAD_MS
from longcode.entrypoints import container
from longcode.entrypoints.config import WebhookSettings
from tests.contract.tables import REGION, RESOURCES, create_queue, create_table
from tests.support.fakes import (
    OURS,
    ROOT,
    SIGNER,
    THEIRS,
    FakeClock,
    FakeContext,
    FakeProvider,
    app,
    call,
    make_settings,
)
from tests.support.fakes.stream import event
from tests.support.fakes.webhooks import inbound, receipt

URL = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/v1/webhooks/message"
# One segment, as full as it gets.
TEXT = ("Your parcel has been handed to the courier and comes today between 9 and 12. " * 3)[:160]

TEMPLATE = sam_template.load(ROOT / "template.yaml")

_numbers = itertools.count(1)

# What Lambda itself writes of an invocation that went well, at its level INFO and with LogFormat JSON.
_PLATFORM_LINES = [
    '{"time":"2026-11-25T09:30:00.000Z","type":"platform.start","record":{"requestId":'
    '"8286a188-ba32-4475-8077-530cd35c09a9","version":"$LATEST"}}',
    '{"time":"2026-11-25T09:30:00.100Z","type":"platform.report","record":{"requestId":'
    '"8286a188-ba32-4475-8077-530cd35c09a9","metrics":{"durationMs":90.123,"billedDurationMs":91,'
    '"memorySizeMB":256,"maxMemoryUsedMB":120},"status":"success"}}',
]


@dataclass(frozen=True, slots=True)
class Step:
    """One invocation or several of one function, and what they came to."""

    name: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that stay: of the table, of the table with its indexes, and how many entries that is."""

    table_bytes: int
    all_bytes: int
    entries: int


@dataclass(frozen=True, slots=True)
class Run:
    """All that was counted.

    A publisher's step is a text's share of a batch at A_MONTH; `alone` is a batch of one text, `beat` one of a
    heartbeat. `tagged` is what a tag adds to a queued text, `learnt` what a number of an unknown carrier adds.
    `scheduled` is a text that no other is due with: a timer of its own.
    """

    send: list[Step]
    queue: list[Step]
    scheduled: list[Step]
    cancelled: list[Step]
    inbound: list[Step]
    status: Step
    reconcile: Step
    beat: Step
    alone: Step
    tagged: Counts
    learnt: Counts
    stored: Stored


class _Life:
    """The service over tables of its own, counted."""

    def __init__(self) -> None:
        tables: Any = boto3.client("dynamodb", region_name=REGION)
        self.queues: Any = boto3.client("sqs", region_name=REGION)
        names = {name: create_table(tables, name) for name in ("MessagesTable", "LimitsTable")}
        properties = {name: RESOURCES[name]["Properties"] for name in names}
        self.table = names["MessagesTable"]
        self.indexes = properties["MessagesTable"]["GlobalSecondaryIndexes"]
        self.tables = tables
        self.counter = Counter(
            {names[name]: properties[name].get("GlobalSecondaryIndexes", []) for name in names}, tables
        )
        boto3.client("events", region_name=REGION).create_event_bus(Name="long-code-sms")
        self.url = create_queue(self.queues, "SendQueue")
        self.clock = FakeClock()
        self.provider = FakeProvider(self.clock, latency_ms=0)
        self.log = io.StringIO()
        for client in (clients.dynamodb(), clients.sqs(), clients.events()):
            self.counter.watch(client)
        with contextlib.redirect_stdout(self.log):
            self.service = container.Service(
                make_settings(
                    messages_table=self.table,
                    limits_table=names["LimitsTable"],
                    queue_url=self.url,
                    bulk_queue_url=create_queue(self.queues, "BulkQueue"),
                    dead_letter_queue_url=create_queue(self.queues, "DeadLetterQueue"),
                    unpublished_queue_url=self.queues.create_queue(QueueName="unpublished")["QueueUrl"],
                    webhook_url=URL,
                    webhooks=WebhookSettings(),
                    status_events=TEMPLATE["Parameters"]["StatusEvents"]["Default"],
                ),
                clock=self.clock,
                provider=self.provider,
                parallel=self.clock.side_by_side,
            )
            # Made now, while what it writes to is ours.
            assert self.service.logger
            assert self.service.metrics
        self._knows(THEIRS)

    def _knows(self, number: str) -> None:
        """A person who had a text before, so that their carrier is known."""
        self.provider.carriers[number] = ("T-MOBILE USA, INC.", "Wireless")
        known = Subscription(Carrier.T_MOBILE, "wireless", self.clock.now_ms())
        self.service.carriers.learn(number, known)

    def step(self, name: str, function: str, *events: Any, api: bool = False, again: bool = False) -> Step:
        """Invoke `function` with each of these events; `again`: what they hold is to come once more."""
        properties = sam_template.functions(TEMPLATE)[f"{function.title()}Function"]
        memory = properties.get("MemorySize", TEMPLATE["Globals"]["Function"]["MemorySize"])
        counts = self.counter.now = Counts(memory_mb=memory)
        for one in events:
            self._invoke(function, one, again=again)
            counts.invocations += 1
            counts.api_requests += api
        return Step(name, counts)

    def _invoke(self, function: str, one: Any, *, again: bool) -> None:
        start, requests = self.clock.now_ms(), len(self.provider.requests)
        self.log.seek(0)
        self.log.truncate()
        with contextlib.redirect_stdout(self.log):
            self.answer = app(function).handler(self.service)(one, FakeContext(self.clock))
        counts = self.counter.now
        lines = self.log.getvalue().splitlines()
        if self.service.settings.monitoring == "full":
            lines += _PLATFORM_LINES
        counts.log_lines += len(lines)
        counts.log_bytes += sum(len(line.encode()) for line in lines)
        counts.wait_ms += self.clock.now_ms() - start
        counts.provider_calls += len(self.provider.requests) - requests
        failures = self.answer.get("batchItemFailures")
        assert bool(failures) is again, f"{function} handed back {failures}"
        assert int(self.answer.get("statusCode", 200)) < 300, self.answer
        # Far enough for the next step to find every limit free.
        self.clock.pass_ms(5_000)

    def request(self, name: str, function: str, method: str, resource: str, body: Any = None, **more: Any) -> Step:
        """Call a route."""
        return self.step(name, function, call(method, resource, body, **more), api=True)

    def webhook(self, name: str, body: bytes, path_id: str | None = None) -> Step:
        """Let the provider call."""
        resource = "/webhooks/message" + ("/{message_id}" if path_id else "")
        parameters = {"message_id": path_id} if path_id else None
        headers = SIGNER.headers(body, self.clock.now_ms())
        return self.request(name, "webhook", "POST", resource, body, parameters=parameters, headers=headers)

    def received(self) -> list[dict[str, Any]]:
        """What is in the queue, as the records of an event."""
        found = self.queues.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )["Messages"]
        return [{name[:1].lower() + name[1:]: value for name, value in message.items()} for message in found]

    def consume(self, name: str = "consumer") -> Step:
        """Let Lambda take what is in the queue to the consumer."""
        records = self.received()
        made = self.step(name, "consumer", {"Records": records})
        # Lambda's own: the receive and the delete.
        for record in records:
            self.queues.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])
        made.counts.queue_requests += 2
        return made

    def time(self, due_ms: int) -> list[Step]:
        """Let Lambda take a timer to the consumer, which hides it, and once more when it is due."""
        event = {"Records": self.received()}
        hides = self.step("consumer: hides the timer", "consumer", event, again=True)
        self.clock.now = due_ms
        puts = self.step("consumer: puts it into its recipient queue", "consumer", event)
        # Lambda's own receives. The consumer deletes a timer.
        hides.counts.queue_requests += 1
        puts.counts.queue_requests += 1
        return [hides, puts]

    def receipts(self) -> list[Step]:
        """The provider's two receipts for the text that it took last."""
        text = self.provider.texts[-1]
        steps = []
        for number, word in enumerate(("sent", "delivered"), 1):
            body = receipt(text, word, self.clock.now_ms(), event_id=str(uuid.UUID(int=number)))
            steps.append(self.webhook(f"receipt: {word}", body, text.key))
        return steps

    def publish(self, texts: int) -> Step:
        """Tell of all that was written, of so many texts in one batch; what one of them comes to."""
        # The mapping's filter lets nothing else through.
        writes = [
            write for write in self.counter.written if (write[1] or write[0])["pk"]["S"].startswith(("M#", "O#"))
        ]
        batch = event(*_copies(writes, texts))
        for number, record in enumerate(batch["Records"], 1):
            # As long as DynamoDB makes it.
            record["eventID"] = f"{number:032x}"
        step = self.step("publisher", "publisher", batch)
        return Step(step.name, Counts().plus(step.counts, 1 / texts))


def _copies(writes: list[tuple[Any, Any]], count: int) -> Iterator[tuple[Any, Any]]:
    """The life of a text, `count` times over side by side, each with an id of its own."""
    for before, after in writes:
        for number in range(count):
            ident = {"S": f"M#{uuid.UUID(int=number)}"}
            yield before and {**before, "pk": ident}, after and {**after, "pk": ident}


# The texts of a month in which a batch of the stream is as full as it is counted here, and how many that are.
A_MONTH = 1_000_000
BATCH = round(A_MONTH / (730 * 3600) * TEMPLATE["Parameters"]["EventDelaySeconds"]["Default"])


def run() -> Run:
    """Count every step once, each text in a world of its own."""
    body = {"to": THEIRS, "message": TEXT}
    with _life() as life:
        queue = _queued(life, body)
        status = life.request(
            "GET /sms/status/{id}",
            *("status", "GET", "/sms/status/{id}"),
            parameters={"id": life.provider.texts[-1].key},
        )
        stored = _stored(life)
    with _life() as life:
        tagged = total(_queued(life, body | {"metadata": {"tag": "parcels"}}))
    with _life() as life:
        life.service.carriers.forget(THEIRS)
        stranger = total(_queued(life, body))
    with _life() as life:
        alone = _queued(life, body, batch=1)[-1]
    with _life() as life:
        first = life.request("POST /sms/send", "send", "POST", "/sms/send", body)
        send = [first, *life.receipts(), life.publish(BATCH)]
    with _life() as life:
        scheduled = _scheduled(life, body)
    with _life() as life:
        cancelled = _cancelled(life, body)
    with _life() as life:
        ids = [str(uuid.UUID(int=number)) for number in (7, 8)]
        said = inbound(THEIRS, TEXT, life.clock.now_ms(), to=OURS, telnyx_id=ids[0], event_id=ids[1])
        incoming = [life.webhook("inbound text", said), life.publish(BATCH)]
        # The first run of a process, which lives for hours, looks at the last texts (`webhook_watch`) and keeps
        # what the provider knows of the campaign, as one run an hour does: a write more.
        life.step("reconciler, its first run", "reconciler", {"source": "aws.events"})
        reconcile = life.step("reconciler, nothing to do", "reconciler", {"source": "aws.events"})
        *_, heartbeat = [after for _, after in life.counter.written if after and after["pk"]["S"] == "H#publisher"]
        beat = life.step("publisher, the reconciler's heartbeat", "publisher", event((None, heartbeat)))
    tagged, learnt = (more.plus(total(queue), -1) for more in (tagged, stranger))
    return Run(send, queue, scheduled, cancelled, incoming, status, reconcile, beat, alone, tagged, learnt, stored)


def _queued(life: _Life, body: Any, *, batch: int = BATCH) -> list[Step]:
    """All the steps of a text that is queued."""
    return [
        life.request("POST /sms/queue", "queue", "POST", "/sms/queue", body),
        life.consume(),
        *life.receipts(),
        life.publish(batch),
    ]


def batched(life: _Life, texts: int) -> Step:
    """POST /sms/batch with so many texts to different people; what one of them comes to."""
    rows = [{"to": f"+1202555{100 + number:04d}", "message": TEXT} for number in range(1, texts + 1)]
    step = life.request("POST /sms/batch", "queue", "POST", "/sms/batch", {"messages": rows})
    assert json.loads(life.answer["body"])["accepted"] == texts
    return Step(step.name, Counts().plus(step.counts, 1 / texts))


def _scheduled(life: _Life, body: Any) -> list[Step]:
    """All the steps of a text with a `send_at` that leaves alone."""
    minute = {"source": "aws.events"}
    due_ms = life.clock.now + 600_000
    first = life.request("POST /sms/queue", "queue", "POST", "/sms/queue", body | {"send_at": iso(due_ms)})
    life.clock.now = due_ms - AHEAD_MS - 30_000
    # The first run of a process does more.
    _, idle = (life.step("reconciler", "reconciler", minute) for _ in range(2))
    life.clock.now = due_ms - AHEAD_MS + 1_000
    # Each run sets the timers of all that is due so soon; the queue drops those that it has.
    more = life.step("reconciler", "reconciler", minute).counts.plus(idle.counts, -1)
    timer = Step("reconciler: its timer", Counts().plus(more, AHEAD_MS / 60_000))
    life.clock.now = due_ms - 60_000
    return [
        *(first, timer, *life.time(due_ms), life.consume("consumer: sends it")),
        *life.receipts(),
        life.publish(BATCH),
    ]


def _cancelled(life: _Life, body: Any) -> list[Step]:
    """All the steps of a text that is queued and then cancelled."""
    first = life.request("POST /sms/queue", "queue", "POST", "/sms/queue", body)
    ident = {"id": json.loads(life.answer["body"])["message_id"]}
    second = life.request("DELETE /sms/queue/{id}", "queue", "DELETE", "/sms/queue/{id}", parameters=ident)
    # Its queue message comes all the same.
    return [first, second, life.consume(), life.publish(BATCH)]


def total(steps: Sequence[Step]) -> Counts:
    """All steps together."""
    return summed([step.counts for step in steps])


def summed(counts: Sequence[Counts]) -> Counts:
    """All counts together."""
    made = Counts()
    for one in counts:
        made = made.plus(one)
    return made


def _stored(life: _Life) -> Stored:
    items = life.tables.scan(TableName=life.table)["Items"]
    # What stays as long as the text does: not the counters, and not the markers of two days.
    items = [item for item in items if item["pk"]["S"][:2] in ("M#", "T#")]
    entries = [found for item in items for index in life.indexes if (found := units.entry(index, "pk", item))]
    table = sum(map(units.size, items))
    return Stored(table, table + sum(map(units.size, entries)), len(items) + len(entries))


@contextlib.contextmanager
def _life() -> Iterator[_Life]:
    """A service over AWS in this process, with the environment that the functions have."""
    before = dict(os.environ)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        os.environ.pop(name, None)
    os.environ |= {
        "AWS_DEFAULT_REGION": REGION,
        # A logger is one for each service name and keeps what it wrote to first; each life needs its own.
        "POWERTOOLS_SERVICE_NAME": f"long-code-{next(_numbers):03}",
        "POWERTOOLS_METRICS_NAMESPACE": "LongCodeSms",
    }
    cached = (clients.dynamodb, clients.sqs, clients.events, clients.secretsmanager)
    for client in cached:
        client.cache_clear()
    quiet = logging.getLogger("botocore").level
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        with mock_aws():
            yield _Life()
    finally:
        logging.getLogger("botocore").setLevel(quiet)
        for client in cached:
            client.cache_clear()
        os.environ.clear()
        os.environ.update(before)
