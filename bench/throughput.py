"""Accepts and sends a second on the local stack, in turn with trivial handlers that are deployed there too."""

# The trivial consumer posts each text of its batch to the provider and is done: no table, no limits, no statuses.
# The trivial API answers 202 to whatever it gets. Both run where ours do, behind the same queue and gateway.

import json
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from bench import deployed, live
from devtools.local_stack import stack as stacks
from devtools.local_stack.layout import Layout, Stack
from devtools.local_stack.problems import LocalError
from devtools.local_stack.progress import ConsoleProgress, Progress
from longcode.aws.queue import body

_CONSUMER = """import httpx
http = httpx.Client(trust_env=False, headers={{"authorization": "Bearer {key}"}})

def lambda_handler(event, context):
    for record in event["Records"]:
        text = {{"from": "{sender}", "to": record["attributes"]["MessageGroupId"], "text": record["body"]}}
        http.post("{url}/messages", json=text).raise_for_status()
    print("sent")
    return {{"batchItemFailures": []}}
"""
_API = """import json

def lambda_handler(event, context):
    print("accepted")
    return {"statusCode": 202, "headers": {"Content-Type": "application/json"}, "body": json.dumps({"ok": True})}
"""
# As many numbers as the simulated provider delivers to; each gets one text a round, so no text waits for another.
TEXTS = 200
REQUESTS = 150
_CALLERS = 4
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Throughput:
    """A second, round by round: ours, and the trivial handler's in the same round."""

    batches: int
    sends: list[tuple[float, float]]
    accepts: list[tuple[float, float]]


def run(home: Path, console: Console, *, rounds: int, batches: int, keep: bool) -> Throughput:
    """Bring up a fresh stack in `home`, measure, and forget it."""
    layout, progress = Layout.of(home), ConsoleProgress(console)
    stacks.down(layout, progress, forget=True)
    stack = stacks.up(layout, progress)
    try:
        return _Rounds(stack, progress).run(rounds, batches)
    finally:
        if not keep:
            stacks.down(layout, progress, forget=True)


class _Rounds:
    def __init__(self, stack: Stack, progress: Progress) -> None:
        if stack.simulator_url is None:
            raise LocalError("The benchmark needs the simulated provider.", hint="Unset TELNYX_BASE_URL.")
        self._stack, self._progress, self._simulator_url = stack, progress, stack.simulator_url
        self._http = httpx.Client(trust_env=False, timeout=30, headers={"x-api-key": stack.api_key})
        self._queue = live.queue_handler(stack)
        self._sqs = deployed.client(stack, "sqs")

    def run(self, rounds: int, batches: int) -> Throughput:
        """Each round ours and the trivial one; a round before is for the processes to start."""
        stack = self._stack
        key, sender = stack.parameters["TelnyxApiKey"], stack.from_number
        with self._progress.step("Deploy the trivial handlers beside ours"):
            trivial = _CONSUMER.format(key=key, sender=sender, url=stack.telnyx_base_url)
            consumers = self._versions("consumer", trivial)
            apis = self._versions("queue", _API)
            deployed.multiply(stack, batches)
            deployed.poll(stack, enabled=False)
        sends, accepts = [], []
        for number in range(rounds + 1):
            with self._progress.step(f"Send {TEXTS} texts each" if number else "Warm the consumers up"):
                ours, theirs = (
                    self._send(version, add) for version, add in zip(consumers, self._adds(), strict=True)
                )
                sends.append((ours, theirs))
        for number in range(rounds + 1):
            with self._progress.step(f"Accept {REQUESTS} requests each" if number else "Warm the API up"):
                accepts.append((self._accept(apis[0]), self._accept(apis[1])))
        return Throughput(batches, sends[1:], accepts[1:])

    def _versions(self, name: str, trivial: str) -> tuple[str, str]:
        """The version that is deployed, and one of a trivial handler."""
        return deployed.version(self._stack, name), deployed.publish(
            self._stack, name, {"trivial.py": trivial}, "trivial.lambda_handler"
        )

    def _adds(self) -> tuple[Callable[[], None], Callable[[], None]]:
        return self._add_texts, self._add_queue_messages

    def _add_texts(self) -> None:
        """Texts as the API accepts them."""
        for number in range(TEXTS):
            live.enqueue(self._queue, self._stack, live.other_number(number))

    def _add_queue_messages(self) -> None:
        """Only the queue's part, as the trivial consumer asks no table."""
        for start in range(0, TEXTS, 10):
            entries = [
                {
                    "Id": str(number),
                    "MessageBody": body(ident := str(uuid.uuid4())),
                    "MessageGroupId": live.other_number(number),
                    "MessageDeduplicationId": ident,
                }
                for number in range(start, start + 10)
            ]
            self._sqs.send_message_batch(QueueUrl=self._stack.queue_url, Entries=entries)

    def _send(self, version: str, add: Callable[[], None]) -> float:
        """Texts a second at the provider, from when the consumer may begin."""
        deployed.serve(self._stack, "consumer", version)
        before = len(self._arrivals())
        add()
        began_ms = time.time() * 1000
        deployed.poll(self._stack, enabled=True)
        try:
            deadline = time.monotonic() + _PATIENCE_S
            while len(found := self._arrivals()) < before + TEXTS:
                if time.monotonic() > deadline:
                    raise LocalError(f"Of {TEXTS} texts {len(found) - before} came to the provider.")
                time.sleep(0.5)
        finally:
            deployed.poll(self._stack, enabled=False)
        # What is still to be deleted or written down.
        time.sleep(2)
        return TEXTS / ((max(found) - began_ms) / 1000)

    def _arrivals(self) -> list[float]:
        answer = self._http.get(f"{self._simulator_url}/_provider/requests", params={"limit": 10_000})
        rows: list[dict[str, Any]] = answer.raise_for_status().json()["requests"]
        return [float(row["arrived_ms"]) for row in rows if row["accepted"]]

    def _accept(self, version: str) -> float:
        """Requests a second that POST /sms/queue answers with 202, from some callers at once."""
        deployed.serve(self._stack, "queue", version)

        def ask(number: int) -> None:
            content = json.dumps({"to": live.other_number(number % TEXTS), "message": "Hello"})
            answer = self._http.post(f"{self._stack.api_url}/sms/queue", content=content)
            if answer.status_code != 202:
                raise LocalError(f"POST /sms/queue answers {answer.status_code}: {answer.text[:200]}")

        with ThreadPoolExecutor(_CALLERS) as pool:
            list(pool.map(ask, range(_CALLERS)))
            began = time.perf_counter()
            list(pool.map(ask, range(REQUESTS)))
            return REQUESTS / (time.perf_counter() - began)


def ratio(rounds: Sequence[tuple[float, float]]) -> float:
    """Ours over the trivial handler's, the median of the rounds."""
    return median(ours / theirs for ours, theirs in rounds)


def figures(found: Throughput) -> dict[str, float]:
    """What has a budget."""
    return {
        "sends over the trivial consumer's": ratio(found.sends),
        "accepts over the trivial API's": ratio(found.accepts),
    }


def table(found: Throughput) -> Table:
    """A line for each."""
    title = f"On the local stack, a second; {found.batches} batches at a time"
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    made.add_column("")
    for head in ("ours", "trivial", "ratio", "rounds"):
        made.add_column(head, justify="right")
    for words, rounds in (("sends", found.sends), ("accepts", found.accepts)):
        ours, theirs = zip(*rounds, strict=True)
        made.add_row(
            words, f"{median(ours):.1f}", f"{median(theirs):.1f}", f"{ratio(rounds):.2f}", f"{len(rounds)}"
        )
    return made
