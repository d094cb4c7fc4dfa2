"""The deployed stack under real faults: workers killed, the emulator restarted, a carrier that keeps its answer.

A stack of its own: what is killed here would hold up everybody else's texts for minutes.
"""

import contextlib
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from local import emulator as emulators
from local import processes
from local import stack as stacks
from local.emulator import REGION
from local.layout import Layout
from local.processes import Child
from tests.stack.world import RUNS, Silent, up

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

Eventually = Callable[..., Any]
# Instead of six minutes, so that a test can see a killed worker's texts come back.
VISIBILITY_S = 15
TEN_MINUTES_MS = 10 * 60_000


class Bench:
    """The stack under test, and what a test does to it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.stack = up(layout)
        self.aws("sqs").set_queue_attributes(
            QueueUrl=self.stack.queue_url, Attributes={"VisibilityTimeout": str(VISIBILITY_S)}
        )

    def aws(self, service: str) -> Any:
        """A boto3 client of this stack's emulated AWS."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.stack.aws_endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    # ---------------------------------------------------------------------------------- texts and the carrier

    def enqueue(self, to: str, count: int = 1) -> list[str]:
        """Ids of so many texts, accepted with 202."""
        ids: list[str] = []
        for number in range(count):
            answer = httpx.post(
                f"{self.stack.api_url}/sms/queue",
                json={"to": to, "message": f"text {number}"},
                headers={"x-api-key": self.stack.api_key},
                timeout=40,
            )
            assert answer.status_code == 202, answer.text
            ids.append(answer.json()["message_id"])
        return ids

    def status(self, ident: str) -> dict[str, Any]:
        """GET /sms/status/{id}."""
        fields: dict[str, Any] = httpx.get(
            f"{self.stack.api_url}/sms/status/{ident}", headers={"x-api-key": self.stack.api_key}, timeout=40
        ).json()
        return fields

    def carrier(self, path: str, **parameters: Any) -> Any:
        """What the carrier knows."""
        return httpx.get(f"{self.stack.console_url}/_carrier/{path}", params=parameters, timeout=10).json()

    def program(self, **fault: Any) -> None:
        """Let something go wrong at the carrier."""
        answer = httpx.post(f"{self.stack.console_url}/_carrier/faults", json=fault, timeout=10)
        assert answer.status_code < 300, answer.text

    def accepted(self, ids: list[str]) -> list[dict[str, Any]]:
        """The requests by which the carrier took any of these messages, in order."""
        rows = self.carrier("requests", limit=100_000)["requests"]
        return [row for row in rows if row["accepted"] and row["idempotency_key"] in ids]

    # --------------------------------------------------------------------------------------------- the faults

    def kill_consumers(self) -> int:
        """SIGKILL the consumer's worker processes of this stack; how many."""
        mark = f"{self.layout.emulator}/tmp/ministack-lambda-{self.stack.functions['consumer']}-"
        killed = 0
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if any(part.startswith(mark) and part.endswith("/_worker.py") for part in command):
                os.kill(int(entry.name), signal.SIGKILL)
                killed += 1
        return killed

    def stop_emulator(self) -> None:
        """Stop it as `make down` does: what it holds is saved."""
        emulator = Child(self.stack.pids["emulator"], self.stack.started["emulator"])
        assert processes.stop([emulator]) == []

    def start_emulator(self) -> None:
        """Start it again where it was; the rest of the stack has run on."""
        port = httpx.URL(self.stack.aws_endpoint_url).port
        child = emulators.start(self.layout, port, enforce_iam=True).child
        self.stack = replace(
            self.stack,
            pids=self.stack.pids | {"emulator": child.pid},
            started=self.stack.started | {"emulator": child.started},
        )
        self.stack.save(self.layout)

    def let_time_pass(self, ident: str, claimed_before_ms: float = float("inf")) -> None:
        """Make a claim as old as the sweeper wants it for a replay, and run the sweeper."""
        now = round(time.time() * 1000)
        table = self.aws("dynamodb")
        with contextlib.suppress(table.exceptions.ConditionalCheckFailedException):
            table.update_item(
                TableName=self.stack.messages_table,
                Key={"pk": {"S": f"M#{ident}"}},
                UpdateExpression="SET claimed_ms = :then, attention_ms = :now",
                ConditionExpression="claimed_ms < :before AND attribute_exists(attention)",
                ExpressionAttributeValues={
                    ":then": {"N": str(now - TEN_MINUTES_MS - 1000)},
                    ":now": {"N": str(now)},
                    ":before": {"N": str(round(min(now, claimed_before_ms)))},
                },
            )
        self.aws("lambda").invoke(FunctionName=self.stack.functions["sweeper"], Payload=b"{}")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    layout = Layout.of(RUNS / f"faults-{os.getpid()}")
    try:
        yield Bench(layout)
    finally:
        stacks.down(layout, Silent(), forget=True)


def _once_in_order_and_apart(bench: Bench, lines: dict[str, list[str]]) -> None:
    """Each text taken once; each recipient's in the order of its line, and no two closer than a second."""
    ids = [ident for line in lines.values() for ident in line]
    rows = bench.accepted(ids)
    assert Counter(row["idempotency_key"] for row in rows) == Counter(ids)
    arrived: dict[str, list[float]] = defaultdict(list)
    keys: dict[str, list[str]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["arrived_ms"]):
        arrived[row["to"]].append(row["arrived_ms"])
        keys[row["to"]].append(row["idempotency_key"])
    assert min((b - a for times in arrived.values() for a, b in pairwise(times)), default=1000) >= 1000
    for to, line in lines.items():
        doubted = {
            ident for ident in line if "unknown" in {entry["status"] for entry in bench.status(ident)["history"]}
        }
        sure = [ident for ident in line if ident not in doubted]
        assert [key for key in keys[to] if key in sure] == sure


def test_workers_killed_in_the_middle_of_a_send_double_nothing_and_lose_nothing(
    bench: Bench, eventually: Eventually
) -> None:
    taken, lost = "+12124010101", "+12124010102"
    bench.program(outcome="accepted_then_hang", to=taken)
    bench.program(outcome="lost_then_hang", to=lost)
    lines = {taken: bench.enqueue(taken, 3), lost: bench.enqueue(lost, 2)}
    # Both first texts are with the carrier, which does not answer.
    eventually(lambda: bench.carrier("messages", to=taken)["messages"])
    eventually(lambda: bench.status(lines[lost][0])["status"] == "sending")
    eventually(lambda: bench.carrier("faults")["requests"] == [])
    assert bench.kill_consumers() > 0
    # Others do not wait for what was killed.
    other = "+12124010103"
    lines[other] = bench.enqueue(other, 2)
    eventually(lambda: len(bench.accepted(lines[other])) == 2)
    # Nothing tells of the one that was not taken: the replay sends it.
    assert bench.accepted(lines[lost][:1]) == []

    def replayed() -> bool:
        bench.let_time_pass(lines[lost][0])
        return bool(bench.accepted(lines[lost][:1]))

    eventually(replayed, 60)
    # The receipt tells of the other one; and both lines go on when the queue shows them again.
    eventually(lambda: all(bench.status(ident)["status"] == "delivered" for ident in lines[taken]), 60)
    eventually(lambda: all(bench.status(ident)["status"] == "delivered" for ident in lines[lost]), 60)
    _once_in_order_and_apart(bench, lines)


def test_a_carrier_that_keeps_its_answer_to_itself_is_not_asked_again(
    bench: Bench, eventually: Eventually
) -> None:
    numbers = [f"+1213555{suffix}" for suffix in ("0170", "0171", "0172", "0173", "0174", "0175")]
    lines = {number: bench.enqueue(number) for number in numbers}
    eventually(lambda: all(bench.status(line[0])["status"] == "delivered" for line in lines.values()), 60)
    _once_in_order_and_apart(bench, lines)
    asked = [row for row in bench.carrier("requests", limit=100_000)["requests"] if row["to"] in numbers]
    assert len(asked) == len(numbers)


def test_without_receipts_the_carriers_records_tell(bench: Bench, eventually: Eventually) -> None:
    number = "+12145550101"
    bench.program(webhook="lose", to=number, times=None)
    bench.program(outcome="accepted_then_500", to=number)
    ident = bench.enqueue(number)[0]
    eventually(lambda: bench.status(ident)["status"] == "unknown")

    def resolved() -> bool:
        bench.let_time_pass(ident)
        return bool(bench.status(ident)["telnyx_id"])

    eventually(resolved)
    assert bench.status(ident)["status"] in ("submitted", "sent", "delivered")
    _once_in_order_and_apart(bench, {number: [ident]})


def test_an_emulator_restarted_in_the_middle_of_a_burst_doubles_nothing_and_loses_nothing(
    bench: Bench, eventually: Eventually
) -> None:
    lines = {number: bench.enqueue(number, 14) for number in (f"+121540101{n:02d}" for n in range(3))}
    ids = [ident for line in lines.values() for ident in line]
    eventually(lambda: len(bench.accepted(ids)) >= 4)
    bench.stop_emulator()
    stopped_ms = time.time() * 1000
    assert len(bench.accepted(ids)) < len(ids)
    bench.start_emulator()

    waiting = list(ids)

    def settled() -> bool:
        for ident in list(waiting):
            status = bench.status(ident)["status"]
            if status == "delivered":
                waiting.remove(ident)
            elif status != "queued":
                # A claim that died with the emulator, or a receipt that found nobody in and will not come again.
                bench.let_time_pass(ident, stopped_ms)
        return not waiting

    eventually(settled, 120)
    _once_in_order_and_apart(bench, lines)


def test_webhooks_doubled_reordered_and_forged_end_in_the_same_status(
    bench: Bench, eventually: Eventually
) -> None:
    numbers = [f"+1216555{suffix}" for suffix in ("0130", "0131", "0133", "0134")]
    lines = {number: bench.enqueue(number) for number in numbers}

    def whole(ident: str) -> bool:
        words = [entry["status"] for entry in bench.status(ident)["history"] if entry["source"] == "webhook"]
        return sorted(words) == ["delivered", "sent"]

    eventually(lambda: all(whole(line[0]) for line in lines.values()), 60)
    assert {bench.status(line[0])["status"] for line in lines.values()} == {"delivered"}
    # Each was tried at least once more than it was taken.
    attempts = [bench.carrier("webhooks", number=number)["webhooks"] for number in numbers]
    assert all(len(rows) >= 2 for rows in attempts)
    assert 401 in {row["http_status"] for rows in attempts for row in rows}
    _once_in_order_and_apart(bench, lines)
