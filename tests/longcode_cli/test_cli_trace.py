"""`longcode status ID --trace FILE`: one file with the way of a text, which can be shared and lets nothing run."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from longcode.domain.message import Fault, iso
from longcode.domain.outcomes import Receipt
from longcode.domain.status import Status
from longcode_cli import stack as stacks
from longcode_cli.trace import evidence, page, spans
from longcode_cli.trace.model import Evidence, Line
from tests.longcode_cli.world import NAME, NOW_MS, REGION, THEIRS, Ok, World, hooked, ident
from tests.support.fakes.examples import make_message

pytestmark = pytest.mark.disable_socket

ID = ident(1)
NASTY = "</script><script>alert(1)</script><b>x</b>&amp; \u2028 ]]>"


# Any: JSON.
def row(at_ms: int, function: str, event: str, **fields: Any) -> list[dict[str, str]]:
    """A row of a query's results."""
    line = {"level": "INFO", "message": event, "timestamp": iso(at_ms), "service": NAME, **fields}
    return [
        {"field": "@timestamp", "value": iso(at_ms)[:-1].replace("T", " ")},
        {"field": "@log", "value": f"123456789012:/aws/lambda/{NAME}-{function}"},
        {"field": "@message", "value": json.dumps(line)},
        {"field": "@ptr", "value": "x"},
    ]


ROWS = [
    row(NOW_MS + 40, "queue", "request", message_id=ID, route="/sms/queue", status=202, duration_ms=41),
    row(NOW_MS + 4_330, "consumer", "send.accepted", message_id=ID, telnyx_id="telnyx-1", provider_ms=90),
    [
        {"field": "@timestamp", "value": "2026-11-18 10:00:00.000"},
        {"field": "@message", "value": f"not ours {ID}"},
    ],
]


# Any: what the calls are given, and their answers.
@contextmanager
def logs(rows: list[Any] | str, status: str = "Complete") -> Iterator[list[dict[str, Any]]]:
    """CloudWatch Logs that answers any query with these rows, or refuses it; the queries."""
    asked: list[dict[str, Any]] = []

    def start(params: dict[str, Any], **_: Any) -> tuple[Ok, dict[str, Any]]:
        asked.append(json.loads(params["body"]))
        if isinstance(rows, str):
            raise ClientError({"Error": {"Code": rows, "Message": "no"}}, "StartQuery")
        return Ok(), {"queryId": str(len(asked))}

    def results(params: dict[str, Any], **_: Any) -> tuple[Ok, dict[str, Any]]:
        first = json.loads(params["body"])["queryId"] == "1"
        return Ok(), {"status": status, "results": rows if first else []}

    def stop(**_: Any) -> tuple[Ok, dict[str, Any]]:
        asked.append({"stopped": True})
        return Ok(), {"success": True}

    name = "before-call.cloudwatch-logs"
    with hooked((f"{name}.StartQuery", start), (f"{name}.GetQueryResults", results), (f"{name}.StopQuery", stop)):
        yield asked


class Reader(HTMLParser):
    """What a browser would find in the file: its elements, and the text of each script and style."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag if tag == "style" else str(dict(attrs).get("type")) if tag == "script" else ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open] = self.texts.get(self._open, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


# Any: JSON.
def read(path: Path) -> tuple[Reader, dict[str, Any]]:
    reader = Reader()
    reader.feed(path.read_text())
    return reader, json.loads(reader.texts["application/json"])


@pytest.fixture
def delivered(world: World) -> World:
    world.submit(ID, "telnyx-1", metadata={"tag": NASTY, "order": "4711"}, text=f"The words {NASTY}")
    fault = Fault("40001", NASTY, f"{THEIRS} can't be reached")
    receipt = Receipt("e", "telnyx-1", Status.DELIVERY_FAILED, "delivery_failed", NOW_MS + 5_000, faults=(fault,))
    world.stack.messages.record(ID, receipt, NOW_MS + 5_100)
    return world


def test_the_file_has_the_way_and_the_log_lines_behind_it(delivered: World, tmp_path: Path) -> None:
    path = tmp_path / "out.html"
    with logs(ROWS) as asked:
        assert f"Its way is in {path}." in delivered.says("status", ID, "--trace", str(path))

    _, trace = read(path)
    assert (trace["id"], trace["title"], trace["state"]) == (ID, "Not delivered", "fault")
    labels = [span["label"] for span in trace["spans"]]
    assert {"POST /sms/queue: 202", "Request: taken", "Receipt: delivery failed"} <= set(labels)
    (request,) = [span for span in trace["spans"] if span["kind"] == "request"]
    assert request["end_ms"] - request["start_ms"] == 90
    assert trace["lines"][request["lines"][0]]["event"] == "send.accepted"
    assert f"filter @message like /{ID}/" in asked[0]["queryString"]
    assert f"limit {evidence.MOST_LINES}" in asked[0]["queryString"]
    assert f"/aws/lambda/{NAME}-consumer" in asked[0]["logGroupNames"]
    assert (NOW_MS - asked[0]["startTime"] * 1000) < 3_600_000
    assert trace["notes"] == []


def test_it_lets_nothing_run_but_its_own_script_and_needs_no_network(delivered: World, tmp_path: Path) -> None:
    path = tmp_path / "out.html"
    with logs(ROWS):
        delivered.says("status", ID, "--trace", str(path), "--full")

    reader, trace = read(path)
    (policy,) = [found["content"] for _, found in reader.elements if "http-equiv" in found]
    hashes = {
        name: base64.b64encode(hashlib.sha256(reader.texts[name].encode()).digest()).decode()
        for name in ("style", "module")
    }
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes['module']}'; style-src 'sha256-{hashes['style']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert [tag for tag, _ in reader.elements].count("script") == 2
    assert not [name for _, found in reader.elements for name in found if name in ("src", "href", "style")]
    assert not re.search(r"\bimport\b.*from|@import|url\(|https?://|innerHTML|insertAdjacent", path.read_text())
    assert ["metadata.tag", NASTY] in trace["facts"]
    assert "<script>alert" not in path.read_text()
    assert "b" not in {tag for tag, _ in reader.elements}


def test_numbers_and_words_are_in_it_only_if_asked_for(delivered: World, tmp_path: Path) -> None:
    secret, full = tmp_path / "masked.html", tmp_path / "full.html"
    with logs([*ROWS, row(NOW_MS + 50, "queue", "odd", message_id=ID, to=f"call {THEIRS}")]):
        delivered.says("status", ID, "--trace", str(secret))
        delivered.says("status", ID, "--trace", str(full), "--full")

    for hidden in (THEIRS, THEIRS[1:], "The words", "4711"):
        assert hidden not in secret.read_text(), hidden
    assert ["to", "+1…23"] in read(secret)[1]["facts"]
    assert ["to", THEIRS] in read(full)[1]["facts"]
    assert "The words" in full.read_text()


@pytest.mark.parametrize(
    ("rows", "status", "note"),
    [
        ("AccessDeniedException", "", "It takes logs:StartQuery and logs:GetQueryResults"),
        ("ResourceNotFoundException", "", "(ResourceNotFoundException): what is drawn is from the messages table"),
        ([], "Complete", "No log line names this text: they are kept for 30 days"),
        ([], "Failed", "could not search the log (Failed)"),
        ([ROWS[0]] * evidence.MOST_LINES, "Complete", "the later ones are left out"),
    ],
)
def test_what_was_not_read_is_said(
    delivered: World, tmp_path: Path, rows: list[Any] | str, status: str, note: str
) -> None:
    path = tmp_path / "out.html"
    with logs(rows, status):
        delivered.says("status", ID, "--trace", str(path))

    _, trace = read(path)
    assert note in " ".join(trace["notes"])
    assert {"call", "write", "request", "receipt"} <= {span["kind"] for span in trace["spans"]}


def test_a_search_that_takes_too_long_is_stopped(delivered: World) -> None:
    message = delivered.stack.messages.get(ID)
    assert message
    waits: list[float] = []
    with logs(ROWS, "Running") as asked:
        stack = stacks.on_aws(NAME, None, REGION)
        found = evidence.read(stack, message, NOW_MS + 60_000, sleep=waits.append)

    assert evidence.PATIENCE_S <= sum(waits) <= evidence.PATIENCE_S + 1
    assert {"stopped": True} in asked
    assert "was stopped" in found.notes[0]
    # What was found until then is not thrown away.
    assert [line.event for line in found.lines] == ["request", "send.accepted"]


def test_a_waiting_text_has_its_open_bar_and_the_json_stays_alone_on_stdout(world: World, tmp_path: Path) -> None:
    world.accept(ID, send_at_ms=4_000_000_000_000, not_before_ms=4_000_000_000_000, status=Status.HELD)
    path = tmp_path / "out.html"
    with logs([]):
        printed = world.run("status", ID, "--json", "--trace", str(path))

    assert json.loads(printed.stdout)["status"] == "held"
    assert "Its way is in" in printed.stderr
    _, trace = read(path)
    (bar,) = [span for span in trace["spans"] if span["kind"] == "wait.schedule"]
    assert (bar["end_ms"], trace["ended_ms"]) == (None, None)
    assert ["send at", "2096-10-02T07:06:40.000Z"] in trace["facts"]


def test_a_file_that_can_not_be_written_is_one_line(delivered: World, tmp_path: Path) -> None:
    with logs(ROWS):
        result = delivered.run("status", ID, "--trace", str(tmp_path / "no" / "out.html"))
    assert result.exit_code == 1
    assert "can't be written" in result.stderr


def test_what_happened_to_a_text_decides_in_which_times_lines_are_looked_for() -> None:
    minute, day = 60_000, 86_400_000
    accepted = NOW_MS
    held = make_message(
        accepted_ms=accepted, updated_ms=accepted, status=Status.HELD, not_before_ms=accepted + 3 * day
    )
    assert evidence.windows(held, accepted + day) == [(accepted - 5 * minute, accepted + 5 * minute)]
    late = evidence.windows(held, accepted + 3 * day + minute)
    assert late[1] == (accepted + 3 * day - 5 * minute, accepted + 3 * day + 6 * minute)
    # The provider's clock may say anything.
    wrong = make_message(accepted_ms=accepted, updated_ms=10**15, status=Status.DELIVERED)
    for begin, end in evidence.windows(wrong, accepted + minute):
        assert accepted - 5 * minute <= begin < end <= accepted + 6 * minute


def test_a_trace_in_a_script_element_ends_nothing() -> None:
    line = Line(1, NASTY, "INFO", NASTY, {NASTY: [NASTY]})

    made = spans.trace(Evidence(make_message(), [line], [NASTY], NASTY), NOW_MS)
    text = page.data(made)
    assert "<" not in text
    assert text.isascii()
    assert json.loads(text)["notes"] == [NASTY]
