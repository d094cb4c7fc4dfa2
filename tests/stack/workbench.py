"""A stack under test, and what a test does to it: its texts, its provider, its workers, its clock."""

import contextlib
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import httpx

from devtools.local_stack import emulator as emulators
from devtools.local_stack import processes
from devtools.local_stack.emulator import REGION
from devtools.local_stack.layout import Layout
from devtools.local_stack.processes import Child
from devtools.local_stack.release import alias_of
from longcode.domain.message import RECEIPT_CHECK_MS
from tests.stack.world import up

# Instead of six minutes, so that a test can see a killed worker's texts come back.
VISIBILITY_S = 15
TEN_MINUTES_MS = 10 * 60_000
# After that the provider has given up on a receipt.
TRIES_S = 15.0


class Bench:
    """The stack under test, and what a test does to it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.stack = up(layout)
        self.left_at: dict[str, float] = {}
        self._clients: dict[str, Any] = {}
        self.aws("sqs").set_queue_attributes(
            QueueUrl=self.stack.queue_url, Attributes={"VisibilityTimeout": str(VISIBILITY_S)}
        )

    def aws(self, service: str) -> Any:
        """A boto3 client of this stack's emulated AWS, whose address outlives a restart."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.stack.aws_endpoint_url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self._clients[service]

    # ---------------------------------------------------------------------------------- texts and the provider

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

    def provider(self, path: str, **parameters: Any) -> Any:
        """What the provider knows."""
        return httpx.get(f"{self.stack.simulator_url}/_provider/{path}", params=parameters, timeout=10).json()

    def program(self, **fault: Any) -> None:
        """Let something go wrong at the provider."""
        answer = httpx.post(f"{self.stack.simulator_url}/_provider/faults", json=fault, timeout=10)
        assert answer.status_code < 300, answer.text

    def accepted(self, ids: list[str]) -> list[dict[str, Any]]:
        """The requests by which the provider took any of these messages, in order."""
        rows = self.provider("requests", limit=100_000)["requests"]
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
        # As long as it takes: a state that was not saved would be another test.
        assert processes.stop([emulator], patience_s=30) == []

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
        """Make a text as old as the reconciler wants it for a replay or an overdue receipt, and run it."""
        now = round(time.time() * 1000)
        table = self.aws("dynamodb")
        with contextlib.suppress(table.exceptions.ConditionalCheckFailedException):
            table.update_item(
                TableName=self.stack.messages_table,
                Key={"pk": {"S": f"M#{ident}"}},
                UpdateExpression="SET claimed_ms = :then, due_at_ms = :overdue, updated_ms = :overdue",
                ConditionExpression="claimed_ms < :before AND attribute_exists(due_shard)",
                ExpressionAttributeValues={
                    ":then": {"N": str(now - TEN_MINUTES_MS - 1000)},
                    ":overdue": {"N": str(now - RECEIPT_CHECK_MS)},
                    ":before": {"N": str(round(min(now, claimed_before_ms)))},
                },
            )
        self.aws("lambda").invoke(FunctionName=alias_of(self.stack.functions["reconciler"]), Payload=b"{}")

    def delivered(self, ids: list[str]) -> bool:
        """Whether all these texts have arrived. A busy machine may miss all tries of a receipt, which the provider
        does not repeat then: what has left and heard nothing for a while is read from its records.
        """
        found = {ident: self.status(ident)["status"] for ident in ids}
        for ident, status in found.items():
            if status in ("submitted", "sent"):
                left_at = self.left_at.setdefault(ident, time.monotonic())
                if time.monotonic() - left_at > TRIES_S:
                    self.let_time_pass(ident)
        return set(found.values()) == {"delivered"}
