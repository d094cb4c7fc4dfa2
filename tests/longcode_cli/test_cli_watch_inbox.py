"""`longcode watch` and `longcode inbox`: counts of a tag as they change, and the texts that came in."""

import itertools
import json
import os
import pty
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType
from typer.testing import Result

from longcode.domain.message import iso
from longcode_cli.api import api_of
from longcode_cli.commands.inbox import Inbox
from longcode_cli.commands.watch import look
from longcode_cli.stack import on_this_machine
from longcode_cli.terminal import now_ms, say
from tests.chance import showing
from tests.longcode_cli.campaigns import program
from tests.longcode_cli.world import ident, run
from tests.support.batch_api import Answer, BatchApi, serving

THEIRS = "+12025550123"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[BatchApi]:
    made = BatchApi()
    with serving(made, tmp_path / "stack"):
        yield made


@pytest.fixture
def home(api: BatchApi, tmp_path: Path) -> Path:
    return tmp_path / "stack"


def longcode(home: Path, *arguments: str) -> Result:
    return run(*arguments, "--dir", str(home))


# ------------------------------------------------------------------------------------------------- watch


def counts(**by_status: int) -> dict[str, Any]:
    return {"tag": "spring", "counts": by_status, "total": sum(by_status.values())}


def _answered(fields: dict[str, Any], _query: dict[str, str]) -> Answer:
    return Answer(200, fields)


def looked(*answers: dict[str, Any]) -> tuple[list[dict[str, int]], float]:
    """What a watch of these counts, two seconds apart, shows, and how long it takes."""
    clock, waits = [0.0], itertools.chain(answers, itertools.repeat(answers[-1]))

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    found = look(lambda: next(waits), 2.0, lambda: clock[0], sleep)
    return [one.by_status for one in found], clock[0]


def test_a_watch_shows_changes_alone_and_ends_when_nothing_waits_and_the_counts_stand_still() -> None:
    early, late = counts(queued=2, held=1), counts(queued=1, delivered=2)
    done = counts(delivered=3)
    shown, took_s = looked(early, early, late, late, late, done)
    assert shown == [early["counts"], late["counts"], done["counts"]]
    # Of texts that have ended the counts are waited for, of others a receipt.
    assert took_s == 5 * 2 + 16
    assert looked(counts(delivered=1, sent=2))[1] == 60
    assert looked(counts())[1] == 16
    for waits in ("held", "queued", "sending", "unknown"):
        with showing(waits):
            many = [counts(**{waits: 1})] * 500
            assert looked(*many, done)[1] == 1_000 + 16


def test_an_estimate_that_moves_is_no_change() -> None:
    moving = [counts(queued=1) | {"finishes_at": f"2030-01-01T00:00:0{place}.000Z"} for place in range(9)]
    assert looked(*moving, counts(delivered=1))[0] == [{"queued": 1}, {"delivered": 1}]


def test_a_watch_says_of_the_tag_what_the_api_does(
    api: BatchApi, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longcode_cli.commands.watch._BEHIND_S", 0)
    more = {"cost": {"amount": "2.1165", "currency": "USD"}, "opted_out": 2, "opt_out_rate": 0.0048}
    more |= {"paused": {"since": "2030-01-01T00:00:00.000Z", "reason": "Too many \x1b[2J failed.", "by": "brake"}}
    more |= {"finishes_at": "2030-01-01T00:00:00.000Z"}
    answers = iter([counts(queued=1, delivered=2) | more])
    api.answers["GET /sms/tags/spring"] = lambda _: Answer(200, next(answers, counts(delivered=3)))
    monkeypatch.setattr("longcode_cli.commands.watch.Live", EachTable)
    said = " ".join(longcode(home, "watch", "spring", "--every", "0.2").stdout.split())
    assert (
        "paused since 2030-01-01T00:00:00.000Z: Too many \\u001b[2J failed. cost so far 2.1165 USD "
        "opted out 2 (0.5% of those sent) finished about 2030-01-01 00:00:00 UTC" in said
    )


class EachTable:
    """Prints each table, where a terminal would show the last."""

    def __init__(self, **_: object) -> None:
        pass

    def __enter__(self) -> "EachTable":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, table: RenderableType, **_: object) -> None:
        say(table)


def test_a_watch_ends_with_the_last_counts_and_what_has_no_receipt(
    api: BatchApi, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longcode_cli.commands.watch._BEHIND_S", 0)
    monkeypatch.setattr("longcode_cli.commands.watch._RECEIPTS_S", 0)
    cases = {
        "spring: 3 texts, 0 waiting status texts sent 1 delivered 2": counts(sent=1, delivered=2),
        "Nothing waits; 1 text without a receipt": counts(sent=1, delivered=2),
        "Nothing waits, and every text has ended.": counts(failed=1),
        "No text has the tag spring.": counts(),
    }
    for words, fields in cases.items():
        with showing(words):
            api.answers["GET /sms/tags/spring"] = partial(_answered, fields)
            result = longcode(home, "watch", "spring")
            assert result.exit_code == 0
            assert words in " ".join(result.stdout.split())
            # What it ends with is a line of its own, also in a file.
            assert result.stdout.splitlines()[-2].endswith(" UTC")


def test_a_watch_for_a_program_is_a_line_for_each_change(
    api: BatchApi, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longcode_cli.commands.watch._BEHIND_S", 0)
    answers = iter([counts(queued=2), counts(queued=2), counts(queued=1, delivered=1), counts(delivered=2)])
    api.answers["GET /sms/tags/a b"] = lambda _: Answer(200, next(answers))
    result = longcode(home, "watch", "a b", "--json", "--every", "0.2")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["counts"], one["waiting"], one["final"]) for one in found] == [
        ({"queued": 2}, 2, 0),
        ({"queued": 1, "delivered": 1}, 1, 1),
        ({"delivered": 2}, 0, 2),
    ]


def test_a_watch_writes_over_its_table_where_it_stands_and_only_on_a_change(api: BatchApi, home: Path) -> None:
    answers = iter([counts(queued=3)] * 3 + [counts(queued=2, delivered=1)])
    over = threading.Event()

    def answer(_query: dict[str, str]) -> Answer:
        found = next(answers, None)
        if found is None:
            over.set()
        return Answer(200, found or counts(queued=2, delivered=1))

    api.answers["GET /sms/tags/spring"] = answer
    ours, theirs = pty.openpty()
    arguments = ["watch", "spring", "--every", "0.2", "--dir", str(home)]
    process = program(arguments, stdout=theirs, stderr=theirs, env={"TERM": "xterm", "COLUMNS": "80"})
    os.close(theirs)
    assert over.wait(30)
    process.terminate()
    process.wait(10)
    said = b""
    try:
        while chunk := os.read(ours, 65_536):
            said += chunk
    except OSError:
        # The other end of a terminal is closed.
        pass
    os.close(ours)
    assert said.count(b"waiting") == 2
    # Up to where it began, and no screen is emptied.
    assert b"\x1b[1A" in said
    assert b"\x1b[2J" not in said


def test_what_can_be_no_tag_is_usage(home: Path) -> None:
    assert longcode(home, "watch", " ").exit_code == 2


# ------------------------------------------------------------------------------------------------- inbox


class Inbound:
    """Inbound texts, in pages of two: the first page of a search may be empty."""

    def __init__(self, api: BatchApi) -> None:
        self.rows: list[dict[str, Any]] = []
        self.queries: list[dict[str, str]] = []
        api.answers["GET /sms/messages"] = self._answer

    def receive(self, number: int, at_ms: int, text: str = "Yes please", **more: Any) -> None:
        row: dict[str, Any] = {
            "message_id": ident(number),
            "status": "received",
            "direction": "inbound",
            "from": THEIRS,
        }
        row |= {"to": "+12025550100", "text": text, "accepted_at": iso(at_ms), "opt_out": None, "media": []}
        self.rows.insert(0, row | more)

    def _answer(self, query: dict[str, str]) -> Answer:
        self.queries.append(query)
        found = [row for row in self.rows if row["accepted_at"] >= query["since"]]
        if "cursor" not in query:
            return Answer(200, {"messages": [], "cursor": "0"})
        first = int(query["cursor"])
        last = first + 2 >= len(found)
        return Answer(200, {"messages": found[first : first + 2], "cursor": None if last else str(first + 2)})


@pytest.fixture
def inbound(api: BatchApi) -> Inbound:
    return Inbound(api)


def test_the_inbox_is_the_newest_first_and_masked_unless_it_is_to_be_full(inbound: Inbound, home: Path) -> None:
    now = now_ms()
    for place in range(5):
        inbound.receive(place, now - 10_000 + place * 1_000, f"Text {place}")
    inbound.receive(9, now, "STOP\x1b[2J", opt_out="stop", media=[{"url": "https://example.com/a"}])

    lines = longcode(home, "inbox").stdout.splitlines()
    assert [line.split()[2] for line in lines] == [ident(place) for place in (9, 4, 3, 2, 1, 0)]
    assert "from +1…23  opts out  1 attached" in lines[0]
    assert THEIRS not in "".join(lines)
    assert "Text" not in "".join(lines)

    full = longcode(home, "inbox", "--full", "--limit", "3", "--from", THEIRS).stdout
    assert [line.strip() for line in full.splitlines()[1::2]] == ["STOP\\u001b[2J", "Text 4", "Text 3"]
    assert full.count(THEIRS) == 3
    assert {query["status"] for query in inbound.queries} == {"received"}
    assert inbound.queries[-1]["from"] == THEIRS

    (first, *_) = json.loads(longcode(home, "inbox", "--json").stdout)["messages"]
    assert (first["message_id"], first["from"], first["text"]) == (ident(9), "+1…23", None)


def test_an_inbox_without_texts_says_since_when_it_looked(inbound: Inbound, home: Path) -> None:
    inbound.receive(1, now_ms() - 8 * 86_400_000)
    assert longcode(home, "inbox").stdout.startswith("None since 20")
    assert len(longcode(home, "inbox", "--since", "2020-01-01T00:00:00Z").stdout.splitlines()) == 1
    assert longcode(home, "inbox", "--since", "yesterday").exit_code == 2


def test_to_follow_gives_each_text_once_in_its_order_also_one_that_is_found_late(
    inbound: Inbound, home: Path
) -> None:
    now = now_ms()
    inbound.receive(1, now)
    with api_of(on_this_machine(home)) as opened:
        inbox = Inbox(opened)
        known = inbox.newest(now - 1_000, 20)
        late = {**inbound.rows[0], "message_id": ident(4)}

        def two_come() -> None:
            inbound.receive(2, now + 1_000)
            inbound.receive(3, now + 2_000)

        steps: Iterator[Callable[[], None]] = iter(
            [
                lambda: None,
                two_come,
                # Accepted before those, and found only now.
                lambda: inbound.rows.insert(2, late),
                lambda: inbound.receive(5, now + 300_000),
                lambda: inbound.receive(6, now + 300_001),
            ]
        )

        def step(_seconds: float) -> None:
            next(steps)()

        coming = inbox.coming(known, 3.0, step)
        assert [row["message_id"] for row in itertools.islice(coming, 5)] == [ident(n) for n in (2, 3, 4, 5, 6)]


def test_followed_it_prints_the_oldest_first_and_ends_by_ctrl_c(inbound: Inbound, home: Path) -> None:
    now = now_ms()
    inbound.receive(1, now - 2_000)
    inbound.receive(2, now - 1_000)
    arguments = ["inbox", "--follow", "--json", "--full", "--every", "0.2", "--dir", str(home)]
    process = program(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    first = [json.loads(process.stdout.readline())["message_id"] for _ in range(2)]
    inbound.receive(3, now + 1_000)
    third = json.loads(process.stdout.readline())
    process.send_signal(2)
    _, errors = process.communicate(timeout=10)
    assert (first, third["message_id"], third["from"]) == ([ident(1), ident(2)], ident(3), THEIRS)
    assert (process.returncode, errors) == (0, "")
