"""The first scenario on the local stack: real processes, real time, measured where the texts arrive."""

# The consumer runs as deployed, behind a wrapper that notes how often SQS says each message was received. Beside
# it, and at the same time, a plain loop sends one text an interval straight to the simulated provider: what that
# loop loses, the machine has taken.

# ruff: noqa: ARG002  # who says nothing has no use for what is to be said

import importlib.util
import json
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from bench import ROOT, deployed, report
from bench.figures import Figures, Gaps, at_the_provider, percentile
from devtools.local_stack import stack as stacks
from devtools.local_stack.layout import Layout, Stack
from devtools.local_stack.problems import LocalError
from devtools.local_stack.progress import ConsoleProgress, Progress
from devtools.local_stack.release import ALIAS
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


class Silent:
    """ports.Metrics and ports.Logger that say nothing."""

    def count(self, name: str, value: float = 1) -> None:
        return

    def flush(self) -> None:
        return

    def begin(self, function_request_id: str | None) -> None:
        return

    def bind(self, **fields: object) -> None:
        return

    def info(self, event: str, **fields: object) -> None:
        return

    warning = error = exception = info


def queue_handler(stack: Stack) -> Handler:
    """The queue function's handler, run here, in the environment that it was deployed with."""
    function = deployed.client(stack, "lambda").get_function_configuration(
        FunctionName=stack.functions["queue"], Qualifier=ALIAS
    )
    os.environ.update(stack.aws())
    settings = Settings.from_env(function["Environment"]["Variables"])
    path = ROOT / "functions" / "queue" / "app.py"
    spec = importlib.util.spec_from_file_location("bench_queue_app", path)
    if spec is None or spec.loader is None:
        raise LocalError(f"There is no {path}.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = module.handler(Service(settings, metrics=Silent(), logger=Silent()))
    return handler


def enqueue(queue: Handler, stack: Stack, recipient: str) -> Sent:
    """Queue a text by the function behind POST /sms/queue: the gateway would only make it slower."""
    answer = queue(
        {
            "httpMethod": "POST",
            "path": "/sms/queue",
            "headers": {"x-api-key": stack.api_key},
            "body": json.dumps({"to": recipient, "message": "Hello"}),
        },
        None,
    )
    if answer["statusCode"] != 202:
        raise LocalError(f"POST /sms/queue answers {answer['statusCode']}: {answer['body']}")
    return Sent(json.loads(answer["body"])["message_id"], recipient)


class _Measurement:
    """One run on one stack."""

    def __init__(self, stack: Stack, receives: Path, progress: Progress) -> None:
        self._stack = stack
        self._receives = receives
        self._progress = progress
        self._http = httpx.Client(trust_env=False, timeout=30)
        if stack.simulator_url is None:
            raise LocalError("The benchmark needs the simulated provider.", hint="Unset TELNYX_BASE_URL.")
        self._simulator_url = stack.simulator_url

    def run(self, long: int, others: int, batches: int) -> Live:
        recipients = [LONG_QUEUE] * long + [other_number(number) for number in range(others) for _ in range(3)]
        # The long queue's texts stand evenly among the others'.
        step = len(recipients) / long
        places = [n * step if n < long else float(n * 7919 % len(recipients)) for n in range(len(recipients))]
        order = sorted(range(len(recipients)), key=places.__getitem__)
        with self._progress.step("Put a wrapper around the consumer that notes receives"):
            self._wrap()
        with self._progress.step(f"Warm up {batches} consumers"):
            deployed.multiply(self._stack, batches)
            warm = [self._enqueue(warm_number(number)) for number in range(10 * batches)]
            self._wait({message.id for message in warm}, patience_s=120)
            mappings = deployed.poll(self._stack, enabled=False)
            self._receives.unlink(missing_ok=True)
        with self._progress.step(f"Fill the queue with {len(recipients)} texts, the consumer at rest"):
            messages = [self._enqueue(recipients[number]) for number in order]
        ideal_ms = (long - 1) * float(INTERVAL_MS)
        control = threading.Thread(target=self._loop, args=(long,), daemon=True)
        with self._progress.step(f"Let them go; the ideal is {ideal_ms / 1000:.0f} s"):
            began_ms = time.time() * 1000
            deployed.poll(self._stack, enabled=True)
            control.start()
            self._wait({message.id for message in messages}, patience_s=ideal_ms / 1000 * 5 + 60)
            control.join()
        return self._figures(messages, began_ms, ideal_ms, mappings)

    # -------------------------------------------------------------------------------------- the stack

    def _wrap(self) -> None:
        self._receives.unlink(missing_ok=True)
        files = {"observed.py": _WRAPPER.format(path=str(self._receives))}
        deployed.serve(
            self._stack, "consumer", deployed.publish(self._stack, "consumer", files, "observed.lambda_handler")
        )

    def _enqueue(self, recipient: str) -> Sent:
        return enqueue(self._queue, self._stack, recipient)

    @cached_property
    def _queue(self) -> Handler:
        return queue_handler(self._stack)

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
        answer = self._http.get(f"{self._simulator_url}/_provider/requests", params={"limit": 10_000})
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
        dead = deployed.client(self._stack, "sqs").get_queue_attributes(
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


def warm_number(number: int) -> str:
    """A number for the texts that only start the consumers."""
    area, last = divmod(number, 25)
    return f"+1{301 + area}55501{3 + last:02d}"


def other_number(number: int) -> str:
    """One of 200 numbers of fiction, all of which the simulated provider delivers to."""
    area, last = divmod(number, 25)
    return f"+1{(202, 205, 206, 207, 208, 209, 210, 212)[area]}55501{3 + last:02d}"
