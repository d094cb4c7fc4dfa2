"""What the dashboard, the alarms and the saved queries name is really there.

A stack of its own is given every trouble there is, and its log is then read as CloudWatch reads it.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from devtools.local_stack import sam_template, signing
from devtools.local_stack import stack as stacks
from devtools.local_stack.layout import ROOT, Layout, Stack
from devtools.local_stack.release import alias_of
from devtools.local_stack.telemetry import deployed, evidence, insights, widgets
from devtools.local_stack.telemetry.insights import LogLine
from devtools.local_stack.telemetry.operations import Operations
from devtools.local_stack.telemetry.series import MetricKey, Telemetry
from longcode.aws import queue
from longcode.domain.message import RECEIPT_CHECK_MS
from longcode.domain.metrics import DIMENSIONS, NAMESPACE, Metric
from longcode.use_cases.send_attempt import BREAKER_RECIPIENTS
from longcode_cli import queues
from longcode_cli.stack import on_this_machine
from tests.stack.world import RUNS, Silent
from tests.support.telemetry import FAULTS, FIELDS_IN_VIRTUAL_TIME, IN_VIRTUAL_TIME, PUBLISHED_BY_AWS

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]
MINUTE_MS = 60_000
PATIENCE_S = 180.0
# An area code that takes one text a day, and one that is another country's.
CAPPED, ELSEWHERE = "303", "876"


def number(last: str, area: str = "202") -> str:
    return f"+1{area}555{last}"


@dataclass
class Provoked:
    """A stack that has seen every trouble, and what it wrote."""

    stack: Stack
    operations: Operations
    lines: list[LogLine] = field(default_factory=list)
    telemetry: Telemetry = field(default_factory=Telemetry)

    def read(self) -> None:
        """Read the log again, from its beginning."""
        self.lines = evidence.log_lines(self.stack)
        self.telemetry = Telemetry()
        gateway = evidence.Gateway.of(sam_template.load(deployed.TEMPLATE), self.stack.stack_name, deployed.STAGE)
        evidence.add_lines(self.telemetry, self.lines, evidence.functions_of(self.stack), gateway)

    def values(self, metric: str) -> list[float]:
        """Every value of a metric of ours."""
        return [sample.value for sample in self.telemetry.samples(self.ours(metric))]

    def ours(self, metric: str) -> MetricKey:
        """The key of a metric of ours on this stack."""
        return MetricKey.of(NAMESPACE, metric, {"service": self.stack.stack_name, "environment": "dev"})


class Trouble:
    """Makes every trouble."""

    def __init__(self, layout: Layout, stack: Stack, eventually: Eventually) -> None:
        self.layout, self.stack = layout, stack
        self.at = on_this_machine(layout.home)
        self._eventually = eventually
        self._api = httpx.Client(
            base_url=self.stack.api_url, headers={"x-api-key": self.stack.api_key}, timeout=170, trust_env=False
        )

    def make(self) -> None:
        """All of it. What needs sending to be stopped comes last, as it holds up the rest."""
        with self._api:
            self.texts_that_end_in_every_way()
            self.webhooks_of_every_kind()
            self.rubbish()
            self.lost_receipts_and_texts_in_doubt()
            self.while_paused()
            self.purged()
            self.given_up()
            self.stops()

    # ---------------------------------------------------------------------------------------- what is asked for

    def text(self, via: str, to: str, key: str | None = None) -> str:
        """The id of a text that was accepted, whatever became of it at once."""
        headers = {"idempotency-key": key} if key else {}
        answer = self._api.post(f"/sms/{via}", json={"to": to, "message": "Hello"}, headers=headers)
        ident = answer.json().get("message_id")
        assert ident, answer.text
        return str(ident)

    def provider(self, path: str, body: Mapping[str, Any]) -> None:
        assert self.stack.simulator_url
        httpx.post(f"{self.stack.simulator_url}/_provider/{path}", json=body, timeout=30).raise_for_status()

    def says(self, who: str, words: str) -> None:
        self.provider("inbound", {"from": who, "text": words})

    def aws(self, service: str) -> Any:
        return evidence.client(self.stack, service)

    def reconcile(self) -> None:
        self.aws("lambda").invoke(FunctionName=alias_of(self.stack.functions["reconciler"]), Payload=b"{}")

    def due(self, ident: str, **earlier: int) -> None:
        """Let the reconciler look at a text now, `earlier` times of which are so many minutes ago."""
        now = round(time.time() * 1000)
        overdue = now - RECEIPT_CHECK_MS
        changes = {"due_at_ms": overdue, "updated_ms": overdue}
        changes |= {name: now - minutes * MINUTE_MS for name, minutes in earlier.items()}
        self.aws("dynamodb").update_item(
            TableName=self.stack.messages_table,
            Key={"pk": {"S": f"M#{ident}"}},
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in changes),
            ConditionExpression="attribute_exists(due_shard)",
            ExpressionAttributeValues={f":{name}": {"N": str(value)} for name, value in changes.items()},
        )

    def status(self, ident: str) -> str:
        return str(self._api.get(f"/sms/status/{ident}").json().get("status"))

    def until(self, ident: str, *wanted: str) -> None:
        self._eventually(lambda: self.status(ident) in wanted, PATIENCE_S)

    # ------------------------------------------------------------------------------------------- what happens

    def texts_that_end_in_every_way(self) -> None:
        for last in ("0101", "0101", "0101", "0130", "0140", "0141", "0144", "0151", "0154"):
            self.text("queue", number(last))
        self.provider("limits", {"enforce": True, "per_number": {"us_cellular": 1}})
        for last in ("0194", "0195"):
            self.text("queue", number(last))
        self.text("send", number("0102"), key="once")
        self.text("send", number("0102"), key="once")
        self.text("queue", number("0108", CAPPED))
        for area, code in ((CAPPED, "daily_limit"), (ELSEWHERE, "destination_not_allowed")):
            answer = self._api.post("/sms/queue", json={"to": number("0108", area), "message": "Hello"})
            assert answer.json()["code"] == code, answer.text

    def webhooks_of_every_kind(self) -> None:
        for words in ("Hello", "Stop, will you", "STOP"):
            self.says(number("0120"), words)
        self._api.post("/webhooks/message", json={"data": {}})
        self.provider("signed", {"data": {"event_type": "message.received"}})
        receipt = signing.webhook(
            self.layout, self.stack, "delivered", other=number("0121"), text="Of another service"
        )
        httpx.post(receipt.url, content=receipt.body, headers=receipt.headers, timeout=170)

    def rubbish(self) -> None:
        later = f'{{"v": {queue.READS + 1}}}'
        for group, body in (("a", "rubbish"), ("c", later)):
            self.in_queue(group, body)
        junk = {"pk": {"S": "M#of-another-version"}, "status": {"S": "unheard-of"}}
        self.aws("dynamodb").put_item(TableName=self.stack.messages_table, Item=junk)
        self.aws("lambda").invoke(
            FunctionName=alias_of(self.stack.functions["consumer"]), Payload=b'{"Records": 5}'
        )
        self._api.get("/sms/status/of-nothing")

    def in_queue(self, group: str, body: str) -> None:
        self.aws("sqs").send_message(
            QueueUrl=self.stack.queue_url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=group
        )

    def lost_receipts_and_texts_in_doubt(self) -> None:
        unread = self.text("queue", number("0132"))
        to = number("0170")
        self.provider("faults", {"webhook": "lose", "to": to, "times": None})
        doubted = self.text("queue", to)
        # The gauge reads the counters, which the publisher keeps.
        self._eventually(lambda: self._api.get("/health").json().get("by_status", {}).get("unknown"), PATIENCE_S)
        self.reconcile()
        self.due(doubted, claimed_ms=11)
        self.until(unread, "submitted")
        self.due(unread)
        self.reconcile()

    def while_paused(self) -> None:
        stopper, erased = number("0103"), number("0104")
        self.at.limits.pause(round(time.time() * 1000), "a test")
        waiting = [self.text("queue", to) for to in (stopper, erased, number("0105"), number("0106"))]
        self.says(stopper, "STOP")
        self._api.delete(f"/sms/recipients/{erased}").raise_for_status()
        self.due(waiting[2], accepted_ms=3 * 24 * 60)
        self.due(waiting[3])
        self.reconcile()
        self.until(waiting[2], "expired_unsent")
        self._eventually(lambda: self._api.get(f"/sms/optouts/{stopper}").json().get("opted_out"), PATIENCE_S)
        self.at.limits.resume()
        self._api.post("/sms/queue/process")
        self.until(waiting[0], "suppressed")
        self.says(number("0120"), "START")

    def purged(self) -> None:
        self.at.limits.pause(round(time.time() * 1000), "a test")
        lost = self.text("queue", number("0109"))
        self.aws("sqs").purge_queue(QueueUrl=self.stack.queue_url)
        self._eventually(lambda: not queues.depth(self.at.sqs, self.stack.queue_url).total, PATIENCE_S)
        self.due(lost, accepted_ms=16)
        self.reconcile()
        self.at.limits.resume()
        # A drain puts back what the queue has lost.
        self._api.post("/sms/queue/process").raise_for_status()
        # Its text may still be on its way into the table, for a minute: until then it is not known to be missing.
        self.in_queue("b", queue.body("5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a10"))

    def given_up(self) -> None:
        """A letter among the dead ones and a batch that was given up, which would take days."""
        for url in (self.stack.dead_letter_queue_url, self.at.outputs["UnpublishedQueueUrl"]):
            more = {"MessageGroupId": "a", "MessageDeduplicationId": "a"} if url.endswith(".fifo") else {}
            self.aws("sqs").send_message(QueueUrl=url, MessageBody="{}", **more)
        self.reconcile()

    def stops(self) -> None:
        for outcome, several in (
            ("unauthenticated", 1),
            ("no_funds", 1),
            ("from_not_on_profile", BREAKER_RECIPIENTS),
        ):
            for to in (number("0107"), number("0110"), number("0111"))[:several]:
                self.provider("faults", {"outcome": outcome, "to": to})
                self.text("send", to)
            self.stopped()
        self.provider("faults", {"outage": "502"})
        for to in (number("0107"), number("0110"), number("0111")):
            self.text("send", to)
        self.stopped()
        self.provider("faults", {"outage": None})

    def stopped(self) -> None:
        """Store that sending is stopped, and let it go on."""
        self.reconcile()
        self.at.limits.close_breaker(int(time.time() * 1000))


@pytest.fixture(scope="module")
def provoked(eventually: Eventually) -> Iterator[Provoked]:
    layout = Layout.of(RUNS / f"telemetry-{os.getpid()}")
    try:
        # The setting in which there is an alarm for each trouble; and traces, whose ids are in the log.
        parameters = {"AllowedDestinations": f"+1,+1{CAPPED}:1", "Monitoring": "full", "TraceSampling": "0.05"}
        stack = stacks.up(layout, Silent(), environment={}, parameters=parameters)
        made = Provoked(stack, deployed.of_stack(stack))
        Trouble(layout, stack, eventually).make()

        def complete() -> bool:
            made.read()
            return all(made.values(metric) for metric in Metric if metric not in IN_VIRTUAL_TIME)

        # What is missing is reported by the test that looks for it.
        deadline = time.monotonic() + PATIENCE_S / 2
        while not complete() and time.monotonic() < deadline:
            time.sleep(1)
        yield made
    finally:
        stacks.down(layout, Silent(), forget=True)


# ----------------------------------------------------------------------------------------- what is emitted


def test_every_metric_is_emitted_and_none_that_is_not_in_the_list(provoked: Provoked) -> None:
    emitted = {key.name for key in provoked.telemetry if key.namespace == NAMESPACE}
    assert set(map(str, Metric)) - set(map(str, IN_VIRTUAL_TIME)) - emitted == set()
    assert emitted <= set(map(str, Metric))


UNITS = {metric.value: metric.unit for metric in Metric}


def test_every_metric_has_exactly_our_dimensions_and_the_unit_of_the_list(provoked: Provoked) -> None:
    for key in provoked.telemetry:
        if key.namespace == NAMESPACE:
            assert key == provoked.ours(key.name)
            assert {name for name, _ in key.dimensions} == DIMENSIONS
            assert {sample.unit for sample in provoked.telemetry.samples(key)} == {UNITS[key.name]}


# -------------------------------------------------------------------------------------------- what is named


def named(operations: Operations) -> set[MetricKey]:
    """Every metric that the dashboard or an alarm looks at."""
    drawn = {
        key
        for widget in operations.widgets
        if widget.kind == "metric"
        for key in widgets.read(widget, operations).keys
    }
    return drawn | {query.key for alarm in operations.alarms.values() for query in alarm.queries if query.key}


def test_every_metric_that_is_looked_at_is_emitted_or_published_under_these_dimensions(provoked: Provoked) -> None:
    for key in named(provoked.operations):
        if key.namespace == NAMESPACE:
            assert key in provoked.telemetry or key.name in set(map(str, IN_VIRTUAL_TIME)), key
            assert key == provoked.ours(key.name)
        else:
            sets = PUBLISHED_BY_AWS[key.namespace, key.name]
            assert {name for name, _ in key.dimensions} in sets, key


def test_every_resource_in_a_dimension_exists(provoked: Provoked) -> None:
    template = sam_template.load(ROOT / "template.yaml")
    aws = {service: evidence.client(provoked.stack, service) for service in ("sqs", "apigateway")}
    queues = {url.rsplit("/", 1)[-1] for url in aws["sqs"].list_queues()["QueueUrls"]}
    indexes = {
        (name, index["IndexName"])
        for name, logical in (("messages", "MessagesTable"), ("limits", "LimitsTable"))
        for index in template["Resources"][logical]["Properties"].get("GlobalSecondaryIndexes", [])
        if name == "messages"
    }
    gateway = evidence.Gateway.of(template, provoked.stack.stack_name, deployed.STAGE)
    exist: dict[str, Callable[[str], bool]] = {
        "QueueName": queues.__contains__,
        "FunctionName": set(provoked.stack.functions.values()).__contains__,
        "TableName": {provoked.stack.messages_table, provoked.stack.limits_table}.__contains__,
        "GlobalSecondaryIndexName": {index for _, index in indexes}.__contains__,
        "ApiName": {api["name"] for api in aws["apigateway"].get_rest_apis()["items"]}.__contains__,
        "Stage": {deployed.STAGE}.__contains__,
        "Resource": gateway.methods.__contains__,
        "Method": set(gateway.methods.values()).__contains__,
        "service": {provoked.stack.stack_name}.__contains__,
        "environment": {"dev"}.__contains__,
    }
    missing = {
        f"{name}={value}"
        for key in named(provoked.operations)
        for name, value in key.dimensions
        if not exist[name](value)
    }
    assert missing == set()


def test_every_index_is_watched_for_throttling(provoked: Provoked) -> None:
    template = sam_template.load(ROOT / "template.yaml")
    declared = template["Resources"]["MessagesTable"]["Properties"]["GlobalSecondaryIndexes"]
    watched = {
        dict(query.key.dimensions).get("GlobalSecondaryIndexName")
        for query in provoked.operations.alarms["TableThrottled"].queries
        if query.key
    }
    assert watched - {None} == {index["IndexName"] for index in declared}


def test_every_field_that_a_query_names_is_in_some_line(provoked: Provoked) -> None:
    written = {name for line in provoked.lines for name in line.fields()}
    queries = [query.text for query in provoked.operations.queries]
    queries += [w.properties["query"] for w in provoked.operations.widgets if w.kind == "log"]
    asked = {name for text in queries for name in insights.read(text).used}
    assert asked - written <= set(FIELDS_IN_VIRTUAL_TIME)


def test_every_saved_query_finds_something(provoked: Provoked) -> None:
    ident = next(
        fields["message_id"] for line in provoked.lines if (fields := line.fields()).get("code") == "40310"
    )
    for query in provoked.operations.queries:
        groups = set(query.log_groups)
        assert groups <= set(provoked.stack.log_groups.values())
        lines = [line for line in provoked.lines if line.group in groups]
        found = insights.read(query.text.replace("MESSAGE-ID", ident)).run(lines)
        assert found, query.name


# ------------------------------------------------------------------------------------------------ the alarms


@pytest.mark.parametrize("name", FAULTS)
def test_the_values_of_ours_that_set_an_alarm_off_were_really_emitted(name: str, provoked: Provoked) -> None:
    keys = {query.id: query.key for query in provoked.operations.alarms[name].queries if query.key}
    for ident, values in FAULTS[name].sick.items():
        key = keys[ident]
        if key.namespace == NAMESPACE and key.name not in set(map(str, IN_VIRTUAL_TIME)):
            emitted = [sample.value for sample in provoked.telemetry.samples(key)]
            assert {value > 0 for value in values} <= {value > 0 for value in emitted}, key


# -------------------------------------------------------------------------------------------------- the page


def test_the_consoles_dashboard_shows_what_the_stack_did(provoked: Provoked) -> None:
    url = f"{provoked.stack.console_url}/api/dashboard"
    with httpx.stream("GET", url, params={"range": "start"}, timeout=PATIENCE_S, trust_env=False) as answer:
        shown = json.loads(next(line for line in answer.iter_lines() if line.startswith("data:"))[5:])
    assert [widget["title"] for widget in shown["widgets"]] == [w.title for w in provoked.operations.widgets]
    series = {one["label"] for widget in shown["widgets"] for one in widget.get("series", ()) if one["points"]}
    # Ours, a stand-in of the log's, and one that is sampled.
    assert {"accepted", "invocations", "waiting"} <= series
    cells = {cell for widget in shown["widgets"] for row in widget.get("rows", ()) for cell in row}
    assert "send.refused" in cells
    states = [alarm["state"] for widget in shown["widgets"] for alarm in widget.get("alarms", ())]
    assert len(states) == shown["alarms"]["all"]
    assert "ALARM" in states
