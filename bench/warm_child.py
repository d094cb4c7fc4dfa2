"""Calls one function again and again in this process: `python -S -P warm_child.py JOB.json RESULT.json`."""

# Started by bench/warm.py with what the function ships on its path, and nothing of the benchmark's. Its standard
# output is thrown away: the function logs there.

import gc
import importlib
import json
import os
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# What a request asks for: items by key, or one recipient's queue.
_KEYS = re.compile(r'"(?:pk|:line)": ?\{"S": ?"([^"]*)"')
# The moment from which a limiter's next slot is free: what a reservation makes it, and what an item says.
_TAKEN = re.compile(r'":end": ?\{"N": ?"(\d+)"')
_FREE = re.compile(rb'("tat": ?\{"N": ?")\d+')


# Any: botocore's clients, parameters and answers are made at run time.
class Tape:
    """What AWS answered to the first call of the function, given again for each later one without a network.

    An answer is chosen by the operation and, where it has several, by the keys that are asked for, then in turn. A
    limiter's is brought up to what was reserved last: an old one would have the function write more than it does.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[Any, str, Any]] = []
        # Requests to the provider: those of the first call, and how many there were at all.
        self.sent: list[tuple[str, str, bytes]] = []
        self.sends = 0
        self._answers: dict[str, list[tuple[str, Any]]] = {}
        self._turns: dict[tuple[str, str], int] = {}
        self._free: dict[str, bytes] = {}
        self._asked = threading.local()
        self.playing = False

    def again(self) -> None:
        """From the first answer on."""
        self._turns.clear()

    def watch(self, client: Any) -> None:
        """Take down, later give, the answers to this client."""
        events = client.meta.events
        events.register("provide-client-params", lambda params, model, **_: self._note(client, params, model))
        events.register("before-send", self._send)
        events.register("response-received", self._take)

    def _note(self, client: Any, params: Any, model: Any) -> None:
        if not self.playing:
            self.calls.append((client, model.name, params))

    def _send(self, request: Any, **_more: object) -> Any:
        target = request.headers["X-Amz-Target"]
        target = target.decode() if isinstance(target, bytes) else target
        self._asked.key = target, request.body
        if not self.playing:
            return None
        from botocore.awsrequest import AWSResponse

        status, headers, content = self._answer(target, request.body)
        content = self._now(content, request.body)
        made: Any = AWSResponse(request.url, status, headers, None)
        made._content = content
        return made

    def _answer(self, target: str, body: Any) -> Any:
        found = self._answers[target]
        if len(found) == 1:
            return found[0][1]
        keys = _keys(body)
        mine = (
            [answer for known, answer in found if known == keys]
            # What was read together may be asked for one by one.
            or [answer for known, answer in found if set(keys.split()) < set(known.split())]
            or [answer for _, answer in found]
        )
        turn = self._turns[target, keys] = self._turns.get((target, keys), -1) + 1
        return mine[turn % len(mine)]

    def _now(self, content: bytes, body: Any) -> bytes:
        """The answer as it is after the reservations so far."""
        asked = _keys(body)
        if taken := _TAKEN.search(body.decode() if isinstance(body, bytes) else str(body)):
            self._free[asked] = taken[1].encode()
        limiters = [key for key in asked.split() if key in self._free]
        return _FREE.sub(rb"\g<1>" + self._free[limiters[0]], content) if limiters else content

    def _take(self, response_dict: Any, **_more: object) -> None:
        if self.playing or response_dict is None:
            return
        target, body = self._asked.key
        answer = response_dict["status_code"], response_dict["headers"], response_dict["body"]
        self._answers.setdefault(target, []).append((_keys(body), answer))


def _keys(body: Any) -> str:
    text = body.decode() if isinstance(body, bytes) else str(body)
    return " ".join(sorted(set(_KEYS.findall(text))))


class Context:
    """Lambda's context of one invocation."""

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())
        self._end = time.monotonic() + 60

    def get_remaining_time_in_millis(self) -> int:
        """What is left of its time."""
        return int((self._end - time.monotonic()) * 1000)


Invoke = Callable[[str], str]


def started(tape: Tape) -> Invoke:
    """The function, started as Lambda does, its clients watched."""
    import botocore.session

    create = botocore.session.Session.create_client

    def watched(self: Any, *args: Any, **more: Any) -> Any:
        client = create(self, *args, **more)
        tape.watch(client)
        return client

    botocore.session.Session.create_client = watched  # type: ignore[method-assign]
    app: Any = importlib.import_module("app")

    if (httpx := sys.modules.get("httpx")) is not None:
        send = httpx.Client.send

        def noted(self: Any, request: Any, **more: Any) -> Any:
            tape.sends += 1
            if not tape.playing:
                tape.sent.append((request.method, str(request.url), request.read()))
            return send(self, request, **more)

        httpx.Client.send = noted

    def handle(event: str) -> str:
        tape.again()
        # As the runtime's client does: from text to text.
        return json.dumps(app.lambda_handler(json.loads(event), Context()))

    return handle


def bare(tape: Tape) -> Invoke:
    """A handler that makes the same calls to AWS and to the provider with the same clients, and nothing else."""
    from botocore import xform_name
    from botocore.exceptions import ClientError

    calls = [
        (getattr(client, xform_name(name)), params)
        for client, name, params in tape.calls
        # Read once in the life of a process.
        if name != "GetSecretValue"
    ]
    http: Any = sys.modules["httpx"].Client() if tape.sent else None

    def handle(event: str) -> str:
        tape.again()
        json.loads(event)
        for call, params in calls:
            try:
                call(**params)
            except ClientError:
                # A condition that fails is an answer like another.
                continue
        for method, url, content in tape.sent:
            http.request(method, url, content=content).read()
        return json.dumps({"statusCode": 200})

    return handle


def cpu_ms(invoke: Invoke, events: Sequence[str], times: int) -> float:
    """The CPU time of one call, all threads."""
    began = time.process_time()
    for _ in range(times):
        for event in events:
            invoke(event)
    return (time.process_time() - began) * 1000 / times


def wall_ms(invoke: Invoke, events: Sequence[str]) -> float:
    """How long all of these take, one after the other."""
    began = time.perf_counter()
    for event in events:
        invoke(event)
    return (time.perf_counter() - began) * 1000


def resident_kb() -> float:
    """The process's memory, once what is garbage is gone."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Do what the job says."""
    tape = Tape()
    invoke = started(tape)
    first = invoke(job["event"])
    tape.playing = True
    second = invoke(job["event"])
    found: dict[str, Any] = {
        "first": json.loads(first),
        "second": json.loads(second),
        "provider_calls": len(tape.sent),
    }
    plain = bare(tape)
    found["aws_calls"] = sum(name != "GetSecretValue" for _, name, _ in tape.calls)
    for one in (invoke, plain) if job["rounds"] else (invoke,):
        cpu_ms(one, [job["event"]], job["warm_up"])
    pairs = [[cpu_ms(one, [job["event"]], job["block"]) for one in (invoke, plain)] for _ in range(job["rounds"])]
    found["function_cpu_ms"], found["bare_cpu_ms"] = zip(*pairs, strict=True) if pairs else ((), ())
    before = tape.sends
    found["walls_ms"] = [[wall_ms(invoke, events) for events in job["walls"]] for _ in range(job["wall_rounds"])]
    found["wall_sends"] = tape.sends - before
    if job["growth"]:
        steps = 10
        found["resident_kb"] = [resident_kb()]
        for _ in range(steps):
            cpu_ms(invoke, [job["event"]], job["growth"] // steps)
            found["resident_kb"].append(resident_kb())
    found["last"] = json.loads(invoke(job["event"]))
    return found


if __name__ == "__main__":
    _result = main(json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(_result))
