"""The first scenario on the local stack: real processes, real time, measured where the texts arrive."""

# The consumer runs as deployed, behind a wrapper that notes how often SQS says each message was received. Beside
# it, and at the same time, a plain loop sends one text an interval straight to the simulated provider: what that
# loop loses, the machine has taken.

# ruff: noqa: ARG002  # who says nothing has no use for what is to be said

import importlib.util
import io
import json
import os
import threading
import time
import urllib.request
import zipfile
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import httpx
from rich.console import Console

from bench import ROOT, report
from bench.figures import Figures, Gaps, at_the_provider, percentile
from devtools.local_stack import stack as stacks
from devtools.local_stack.layout import Layout, Stack
from devtools.local_stack.problems import LocalError
from devtools.local_stack.progress import ConsoleProgress, Progress
from devtools.local_stack.release import ALIAS, alias_of
from longcode.domain.pacing import spacing
from longcode.entrypoints.config import Settings
from longcode.entrypoints.container import Handler, Service

LONG_QUEUE = "+12025550101"
CONTROL = "+13035550102"
# As the template's interval.
INTERVAL_MS = 1000

_WRAPPER = """import json, os, time
import app

def lambda_handler(event, context):
    rows = [(r["messageId"], int(r["attributes"]["ApproximateReceiveCount"])) for r in event.get("Records", [])]
    log = os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(log, (json.dumps(rows) + chr(10)).encode())
    os.close(log)
    return app.lambda_handler(event, context)
"""


@dataclass(frozen=True, slots=True)
class Live:
    """What was measured: the stack, and the loop that ran beside it."""

    stack: Figures
    control: Figures
    invocations: int
    mappings: int


def run(home: Path, console: Console, *, quick: bool, keep: bool, batches: int) -> Live:
    """Bring up a fresh stack in `home`, measure with so many batches at a time, and forget it."""
    layout, progress = Layout.of(home), ConsoleProgress(console)
    stacks.down(layout, progress, forget=True)
    stack = stacks.up(layout, progress)
    try:
        return _Measurement(stack, layout.home / "receives.log", progress).run(
            *((20, 40) if quick else (60, 200)), batches
        )
    finally:
        if not keep:
            stacks.down(layout, progress, forget=True)


def show(console: Console, measured: Live) -> None:
    """The table."""
    rows = [("local stack", measured.stack), ("plain loop beside it", measured.control)]
    words = f"{measured.mappings} batches at a time, {measured.invocations} invocations"
    console.print(report.table(f"On the local stack: one long queue among three each to others; {words}", rows))
    ratio = measured.stack.ratio / measured.control.ratio if measured.control.ratio else 0.0
    console.print(f"Drained in {ratio:.3f} x the time of the loop that ran beside it (each over its own ideal).")


@dataclass(frozen=True, slots=True)
class Sent:
    """A text in the queue."""

    id: str
    recipient: str


class _Silent:
    """ports.Metrics and ports.Logger that say nothing."""

    def count(self, name: str, value: float = 1) -> None:
        return

    def flush(self) -> None:
        return

    def info(self, event: str, **fields: object) -> None:
        return

    warning = error = exception = info


class _Measurement:
    """One run on one stack."""

    def __init__(self, stack: Stack, receives: Path, progress: Progress) -> None:
        self._stack = stack
        self._receives = receives
        self._progress = progress
        self._session = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=stack.region
        )
        self._http = httpx.Client(trust_env=False, timeout=30)
        if stack.console_url is None:
            raise LocalError("The benchmark needs the simulated provider.", hint="Unset TELNYX_BASE_URL.")
        self._console_url = stack.console_url

    def run(self, long: int, others: int, batches: int) -> Live:
        recipients = [LONG_QUEUE] * long + [_other(number) for number in range(others) for _ in range(3)]
        # The long queue's texts stand evenly among the others'.
        step = len(recipients) / long
        places = [n * step if n < long else float(n * 7919 % len(recipients)) for n in range(len(recipients))]
        order = sorted(range(len(recipients)), key=places.__getitem__)
        with self._progress.step("Put a wrapper around the consumer that notes receives"):
            self._wrap()
        with self._progress.step(f"Warm up {batches} consumers"):
            self._multiply(batches)
            warm = [self._enqueue(_warm(number)) for number in range(10 * batches)]
            self._wait({message.id for message in warm}, patience_s=120)
            mappings = self._mappings(enabled=False)
            self._receives.unlink(missing_ok=True)
        with self._progress.step(f"Fill the queue with {len(recipients)} texts, the consumer at rest"):
            messages = [self._enqueue(recipients[number]) for number in order]
        ideal_ms = (long - 1) * float(INTERVAL_MS)
        control = threading.Thread(target=self._loop, args=(long,), daemon=True)
        with self._progress.step(f"Let them go; the ideal is {ideal_ms / 1000:.0f} s"):
            began_ms = time.time() * 1000
            self._mappings(enabled=True)
            control.start()
            self._wait({message.id for message in messages}, patience_s=ideal_ms / 1000 * 5 + 60)
            control.join()
        return self._figures(messages, began_ms, ideal_ms, mappings)

    # -------------------------------------------------------------------------------------- the stack

    def _client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self._stack.aws_endpoint_url)  # type: ignore[call-overload]

    def _wrap(self) -> None:
        functions, name = self._client("lambda"), self._stack.functions["consumer"]
        self._receives.unlink(missing_ok=True)
        found = functions.get_function(FunctionName=name)
        with urllib.request.urlopen(found["Code"]["Location"], timeout=30) as answer:
            code = io.BytesIO(answer.read())
        with zipfile.ZipFile(code, "a") as archive:
            archive.writestr("observed.py", _WRAPPER.format(path=str(self._receives)))
        functions.update_function_code(FunctionName=name, ZipFile=code.getvalue())
        functions.update_function_configuration(FunctionName=name, Handler="observed.lambda_handler")
        version = functions.publish_version(FunctionName=name)["Version"]
        functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)

    def _multiply(self, batches: int) -> None:
        """A mapping of the emulator works on one batch at a time: as many mappings as there shall be batches."""
        functions, name = self._client("lambda"), alias_of(self._stack.functions["consumer"])
        found = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        for _ in range(batches - len(found)):
            functions.create_event_source_mapping(
                EventSourceArn=found[0]["EventSourceArn"],
                FunctionName=name,
                BatchSize=found[0]["BatchSize"],
                FunctionResponseTypes=found[0]["FunctionResponseTypes"],
            )

    def _mappings(self, *, enabled: bool) -> int:
        functions = self._client("lambda")
        found = functions.list_event_source_mappings(FunctionName=alias_of(self._stack.functions["consumer"]))
        for mapping in found["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
        return len(found["EventSourceMappings"])

    def _enqueue(self, recipient: str) -> Sent:
        """Through the function behind POST /sms/queue, run here: the gateway would only make it slower."""
        answer = self._queue(
            {
                "httpMethod": "POST",
                "path": "/sms/queue",
                "headers": {"x-api-key": self._stack.api_key},
                "body": json.dumps({"to": recipient, "message": "Hello"}),
            },
            None,
        )
        if answer["statusCode"] != 202:
            raise LocalError(f"POST /sms/queue answers {answer['statusCode']}: {answer['body']}")
        return Sent(json.loads(answer["body"])["message_id"], recipient)

    @cached_property
    def _queue(self) -> Handler:
        """The queue function's handler, in the environment that it was deployed with."""
        function = self._client("lambda").get_function_configuration(
            FunctionName=self._stack.functions["queue"], Qualifier=ALIAS
        )
        os.environ.update(self._stack.aws())
        settings = Settings.from_env(function["Environment"]["Variables"])
        path = ROOT / "functions" / "queue" / "app.py"
        spec = importlib.util.spec_from_file_location("bench_queue_app", path)
        if spec is None or spec.loader is None:
            raise LocalError(f"There is no {path}.")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        handler: Handler = module.handler(Service(settings, metrics=_Silent(), logger=_Silent()))
        return handler

    # ------------------------------------------------------------------------------------ the provider

    def _loop(self, count: int) -> None:
        """One text after the other, as far apart as the slots of the service are."""
        key = {"authorization": f"Bearer {self._stack.parameters['TelnyxApiKey']}"}
        began = time.monotonic()
        with httpx.Client(trust_env=False, timeout=30, headers=key) as client:
            for number in range(count):
                time.sleep(max(0.0, began + number * spacing(INTERVAL_MS) / 1000 - time.monotonic()))
                client.post(
                    f"{self._stack.telnyx_base_url}/messages",
                    json={"from": self._stack.from_number, "to": CONTROL, "text": f"Control {number}"},
                ).raise_for_status()

    def _requests(self) -> list[dict[str, Any]]:
        answer = self._http.get(f"{self._console_url}/_provider/requests", params={"limit": 10_000})
        found: list[dict[str, Any]] = answer.raise_for_status().json()["requests"]
        return found

    def _wait(self, ids: set[str], patience_s: float) -> None:
        """Until the provider has all of these."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if ids <= {row["idempotency_key"] for row in self._requests() if row["accepted"]}:
                break
            time.sleep(2)
        time.sleep(2)  # for one too many, and for what is still to be deleted

    # ------------------------------------------------------------------------------------ the figures

    def _figures(self, messages: list[Sent], began_ms: float, ideal_ms: float, mappings: int) -> Live:
        rows = [row for row in self._requests() if row["accepted"] and row["arrived_ms"] >= began_ms]
        arrived = {row["idempotency_key"]: float(row["arrived_ms"]) for row in rows}
        copies = Counter(row["idempotency_key"] for row in rows if row["to"] != CONTROL)
        gaps = at_the_provider((message.recipient, arrived.get(message.id)) for message in messages)
        sent = [arrived[message.id] for message in messages if message.id in arrived]
        notes = [json.loads(line) for line in self._receives.read_text().splitlines()]
        receives: dict[str, int] = {}
        for queue_id, count in (row for note in notes for row in note):
            receives[queue_id] = max(count, receives.get(queue_id, 0))
        dead = self._client("sqs").get_queue_attributes(
            QueueUrl=self._stack.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]["ApproximateNumberOfMessages"]
        stack = _live_figures(
            gaps,
            texts=len(messages),
            sent=len(sent),
            ideal_ms=ideal_ms,
            drain_ms=max(sent, default=began_ms) - began_ms,
            receives=[float(count) for count in receives.values()],
            dead=int(dead),
            doubled=sum(count > 1 for count in copies.values()),
        )
        loop = [float(row["arrived_ms"]) for row in rows if row["to"] == CONTROL]
        beside = at_the_provider((CONTROL, at) for at in loop)
        control = _live_figures(
            beside,
            texts=len(loop),
            sent=len(loop),
            ideal_ms=ideal_ms,
            drain_ms=max(loop) - min(loop),
            receives=[],
            dead=0,
            doubled=0,
        )
        return Live(stack, control, len(notes), mappings)


def _live_figures(
    gaps: Gaps,
    *,
    texts: int,
    sent: int,
    ideal_ms: float,
    drain_ms: float,
    receives: list[float],
    dead: int,
    doubled: int,
) -> Figures:
    return Figures(
        texts=texts,
        sent=sent,
        ideal_ms=ideal_ms,
        drain_ms=drain_ms,
        least_gap_ms=min(gaps.gaps_ms, default=None),
        gaps=len(gaps.gaps_ms),
        short_gaps=sum(gap < INTERVAL_MS for gap in gaps.gaps_ms),
        shared_load=None,
        receives_mean=sum(receives) / len(receives) if receives else None,
        receives_p99=percentile(receives, 0.99) if receives else None,
        receives_max=max(receives, default=None),
        recipient_writes=None,
        shared_writes=None,
        dead=dead,
        doubled=doubled,
        overtaken=gaps.overtaken,
        wait_p50_ms=None,
        wait_p99_ms=None,
        late_max_ms=None,
    )


def _warm(number: int) -> str:
    """A number for the texts that only start the consumers."""
    area, last = divmod(number, 25)
    return f"+1{301 + area}55501{3 + last:02d}"


def _other(number: int) -> str:
    """One of 200 numbers of fiction, all of which the simulated provider delivers to."""
    area, last = divmod(number, 25)
    return f"+1{(202, 205, 206, 207, 208, 209, 210, 212)[area]}55501{3 + last:02d}"
