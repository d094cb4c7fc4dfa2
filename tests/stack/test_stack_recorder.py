"""The flight recorder over the deployed local stack: each text's way is complete, from call to receipts."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import Layout
from tests.longcode_cli.world import run

Eventually = Callable[[Callable[[], Any]], Any]


class Recorder:
    """Asks the deployed API for texts, and the command for their ways."""

    def __init__(self, api: httpx.Client, layout: Layout, folder: Path, eventually: Eventually) -> None:
        self._api = api
        self._layout = layout
        self._file = folder / "way.html"
        self._eventually = eventually

    def queue(self, to: str, **fields: Any) -> str:
        answer = self._api.post("/sms/queue", json={"to": to, "message": "Hello", **fields})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["message_id"])

    # Any: JSON.
    def way(self, ident: str) -> dict[str, Any]:
        """What the file has of a text, as it is now."""
        result = run("status", ident, "--dir", str(self._layout.home), "--trace", str(self._file))
        assert result.exit_code == 0, result.output
        found = re.search(r'id="recorder-data">(.*?)</script>', self._file.read_text(), re.DOTALL)
        assert found
        trace: dict[str, Any] = json.loads(found[1])
        assert trace["notes"] == []
        return trace

    # Any: JSON.
    def complete(self, ident: str, *labels: str, status: str = "delivered") -> dict[str, Any]:
        """The way of a text that has ended, once all of these are on it: the last lines come a moment later."""

        def look() -> dict[str, Any] | None:
            trace = self.way(ident)
            there = {span["label"] for span in trace["spans"]}
            return trace if trace["status"] == status and set(labels) <= there else None

        trace: dict[str, Any] = self._eventually(look)
        assert all(span["end_ms"] is not None for span in trace["spans"])
        return trace


@pytest.fixture
def recorder(api: httpx.Client, run_layout: Layout, tmp_path: Path, eventually: Eventually) -> Recorder:
    return Recorder(api, run_layout, tmp_path, eventually)


# Any: JSON.
def of(trace: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [span for span in trace["spans"] if span["kind"] == kind]


def test_a_text_that_is_sent_at_once_has_its_call_its_request_and_its_receipts(
    api: httpx.Client, recorder: Recorder
) -> None:
    answer = api.post("/sms/send", json={"to": "+13105550121", "message": "Hello"})
    assert answer.status_code == 200, answer.text

    trace = recorder.complete(
        answer.json()["message_id"],
        "POST /sms/send: 200", "Stored: sending", "Request: taken", "Status: submitted", "Status: delivered",
        "Receipt: sent", "Receipt: delivered", "With the carrier", "Event published",
    )  # fmt: skip
    # A first receipt may come to a cold function, and then once more: the provider waits for two seconds.
    faults = [span["label"] for span in trace["spans"] if span["state"] == "fault"]
    assert [label for label in faults if "(again)" not in label] == []
    (call,), (request,) = of(trace, "call"), of(trace, "request")
    assert call["start_ms"] <= request["start_ms"] <= request["end_ms"] <= call["end_ms"] + 5
    assert "+13105550121" not in json.dumps(trace)


def test_ten_texts_to_one_number_wait_for_its_rate_one_after_the_other(recorder: Recorder) -> None:
    idents = [recorder.queue("+13105550122") for _ in range(10)]
    traces = [
        recorder.complete(ident, "Queue put", "Claimed, up to its slot", "Request: taken", "Receipt: delivered")
        for ident in idents
    ]

    starts = [of(trace, "request")[0]["start_ms"] for trace in traces]
    assert all(later - earlier >= 950 for earlier, later in pairwise(starts)), starts
    for trace in traces[2:]:
        bars = of(trace, "wait.recipient_rate")
        assert bars, trace["spans"]
        # What held it is said up to the request itself.
        assert abs(bars[-1]["end_ms"] - of(trace, "request")[0]["start_ms"]) <= 100
        assert bars[-1]["lines"]


def test_a_failing_number_and_a_provider_that_is_busy_are_seen_as_faults(recorder: Recorder) -> None:
    failing, busy = recorder.queue("+13105550140"), recorder.queue("+13105550158")

    trace = recorder.complete(failing, "Receipt: delivery failed", status="delivery_failed")
    (receipt,) = [span for span in trace["spans"] if span["label"] == "Receipt: delivery failed"]
    assert (trace["state"], receipt["state"]) == ("fault", "fault")
    assert "40008" in receipt["detail"]

    # 503, twice, and then it takes the text.
    trace = recorder.complete(busy, "Request 3: taken", "Receipt: delivered")
    assert [span["state"] for span in of(trace, "request.refused")] == ["fault", "fault"]
    assert sum(span["end_ms"] - span["start_ms"] for span in of(trace, "wait.provider_backoff")) >= 1_500


def test_an_answer_of_500_leaves_a_doubt_that_the_receipt_ends(recorder: Recorder) -> None:
    trace = recorder.complete(recorder.queue("+13105550170"), "Outcome in doubt", "Receipt: delivered")

    (request,), (doubt,) = of(trace, "request.refused"), of(trace, "doubt")
    assert (request["label"], request["state"]) == ("Request: no clear answer", "fault")
    assert doubt["state"] == "fault"
    assert doubt["start_ms"] >= request["start_ms"]


def test_a_scheduled_text_that_is_cancelled_shows_both(api: httpx.Client, recorder: Recorder) -> None:
    at = datetime.now(UTC) + timedelta(hours=2)
    ident = recorder.queue("+13105550123", send_at=at.isoformat())
    (bar,) = of(recorder.way(ident), "wait.schedule")
    assert bar["end_ms"] is None
    assert api.delete(f"/sms/queue/{ident}").status_code == 200

    trace = recorder.complete(ident, "Cancelled by its caller: 200", "Stored: held", status="cancelled")
    (bar,) = of(trace, "wait.schedule")
    assert bar["end_ms"] - bar["start_ms"] < 3_600_000
    assert of(trace, "request") == []
