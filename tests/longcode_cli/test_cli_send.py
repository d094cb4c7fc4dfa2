"""`longcode send`: the preview, the question, what is sent and written down, and going on after it was stopped."""

import fcntl
import json
import os
import signal
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from longcode.domain.message import epoch_ms
from longcode_cli.commands.send.columns import Columns, Header
from longcode_cli.commands.send.results import Result, Results
from longcode_cli.commands.send.sheet import Sheet, open_source
from longcode_cli.commands.send.texts import Run
from tests.chance import FULL, drawn, showing
from tests.longcode_cli.campaigns import Campaign, number, results, rows
from tests.longcode_cli.test_cli_send_kills import start
from tests.support.batch_api import Answer, BatchApi, Died, serving

HI = ("--text", "Hi {first_name}")
ANN, BOB, CY = "+12025550123", "+12025550124", "+12025550125"
OPTED_OUT = {"error": "The recipient has opted out.", "code": "recipient_opted_out", "status_code": 403}
FORBIDDEN = {
    "error": "It may not be texted.",
    "code": "destination_not_allowed",
    "status_code": 403,
    "field": "to",
}
CAP = {"error": "The cap of the day is reached.", "code": "daily_limit", "status_code": 429}


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    api = BatchApi()
    with serving(api, tmp_path / "stack"):
        yield Campaign(tmp_path, api)


def once(many: int) -> Counter[tuple[str, str]]:
    """Each text of a file of so many rows, once."""
    return Counter({(number(place), f"Hi Name{place}"): 1 for place in range(many)})


# -------------------------------------------------------------------------------------------- the preview


def test_the_preview_shows_what_numbers_became_the_totals_and_the_problem_rows(campaign: Campaign) -> None:
    api = campaign.api
    api.refused = {BOB: OPTED_OUT, CY: FORBIDDEN}
    api.carriers, api.finishes_at = {ANN: "att"}, "2030-01-01T03:00:00.000Z"
    file = campaign.file(
        "phone;first_name\n(202) 555-0123;Ann\n202.555.0124;Bob\n+1 202 555 0125;Cy\n2025550123;Ann\n555-0123;Di\n"
    )

    result = campaign.send(file, *HI, "--dry-run", "--category", "marketing")

    said = " ".join(result.stdout.split())
    for words in (
        "row as written goes to segments text 2 (202) 555-0123 +12025550123 1 Hi Ann 5 2025550123",
        "texts 3 segments 2 cost about 0.0051 USD finished about 2030-01-01 03:00:00 UTC",
        "opted out 1 duplicates 1 wait for quiet hours 4 by carrier att 2",
        "priority bulk tag send-",
        "2 rows can't be sent: row line as written why not "
        "4 4 +1 202 555 0125 destination_not_allowed: It may not be texted. 6 6 555-0123 no area code",
        "Nothing was sent.",
    ):
        assert words in said
    assert "Bob" not in said
    assert result.exit_code == 1
    assert api.real() == []
    assert not (campaign.folder / "list.results.csv").exists()


def test_the_totals_are_those_of_all_batches_and_what_waits_already_counts_once(campaign: Campaign) -> None:
    minute = 60_000

    def finish(fields: dict[str, Any]) -> str:
        # An hour waits already, and each text takes a second.
        at = time.time() + 3_600 + len(fields["messages"])
        return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))

    def before(_number: int, _path: str, fields: dict[str, Any]) -> Answer | None:
        campaign.api.finishes_at = finish(fields)
        return None

    campaign.api.before = before
    result = campaign.send(
        campaign.file(rows(1_200) + f"{number(0)},Name0\n"),
        *HI,
        "--dry-run",
        "--json",
        "--priority",
        "transactional",
    )

    found = json.loads(result.stdout)
    assert (found["texts"], found["segments"], found["cost"]) == (1_201, 1_201, "0.0153")
    # The first and the last row are of different batches.
    assert found["duplicates"] == 1
    assert found["problems"] == 0
    takes = (epoch_ms(found["finishes_at"]) or 0) - time.time() * 1_000
    assert abs(takes - (3_600 + 1_201) * 1_000) < minute / 4
    assert {body["priority"] for _, body, _ in campaign.api.dry()} == {"transactional"}
    assert result.exit_code == 0


def test_a_list_that_is_not_through_before_its_texts_are_out_of_date_says_so(campaign: Campaign) -> None:
    api = campaign.api
    api.finishes_at, api.valid_until = "2030-01-02T03:00:00.000Z", "2030-01-02T04:00:00.000Z"
    assert "out of date" not in campaign.says(campaign.file(rows(1)), *HI, "--dry-run")

    api.valid_until = "2030-01-01T03:00:00.000Z"
    said = campaign.says(campaign.file(rows(1)), *HI, "--dry-run")

    assert "out of date what has not left by about 2030-01-01 03:00:00 UTC is not sent (ValidityMinutes)" in said


def test_a_long_reason_leaves_the_row_and_the_number_whole(campaign: Campaign) -> None:
    campaign.api.refused = {ANN: FORBIDDEN | {"error": "Long words. " * 20}}
    result = campaign.send(campaign.file(f"to,first_name\n{ANN},Ann\n"), *HI, "--dry-run")
    assert f"  2      2   {ANN}   destination_not_allowed: Long words." in result.stdout


def test_a_long_cell_leaves_the_row_and_the_reason_whole(campaign: Campaign) -> None:
    content = f"to,first_name\n{'call me at home ' * 9},Ann\n{' ' * 40}{ANN}{'(0)' * 60},Bob\n{ANN},Cy\n"
    result = campaign.send(campaign.file(content), *HI, "--dry-run")
    assert "  2      2   call me at home call me…   no number" in result.stdout
    assert f"  4   {ANN}   {ANN}          1   Hi Cy" in result.stdout


def test_a_cost_and_a_time_that_are_not_known_are_said_not_to_be(campaign: Campaign) -> None:
    campaign.api.cost = None
    said = campaign.says(campaign.file(rows(1)), *HI, "--dry-run")
    assert "cost not known finished not known" in said


def test_carriers_may_be_counted_by_texts_or_by_texts_and_segments(campaign: Campaign) -> None:
    def answer(_number: int, _path: str, fields: dict[str, Any]) -> Answer | None:
        rows = [{"valid": True, "segments": 2, "carrier": "att", "duplicate_of": None} for _ in fields["messages"]]
        by_carrier = {"att": {"messages": len(rows), "segments": 2 * len(rows)}}
        return Answer(200, {"messages": rows, "totals": {"segments": 4, "by_carrier": by_carrier}})

    campaign.api.before = answer
    assert "by carrier att 2" in campaign.says(campaign.file(rows(2)), *HI, "--dry-run")


def test_without_a_terminal_and_a_yes_nothing_is_sent(campaign: Campaign) -> None:
    said = campaign.refused(campaign.file(rows(3)), *HI)
    assert said == "There is no terminal to ask on. Add --yes."


def test_while_there_are_problem_rows_the_others_go_only_if_that_is_asked_for(campaign: Campaign) -> None:
    campaign.api.refused = {BOB: OPTED_OUT, CY: FORBIDDEN}
    file = campaign.file(f"to,first_name\n{ANN},Ann\n555-0123,Di\n{BOB},Bob\n{CY},Cy\n")
    assert "2 rows can't be sent, so nothing was sent." in campaign.refused(file, *HI, "--yes")

    said = campaign.says(file, *HI, "--yes", "--skip-problems")

    assert "1 text accepted, 1 opted out, 1 refused, 1 no texts." in said
    assert campaign.api.sent() == {(ANN, "Hi Ann"): 1}
    found = results(campaign.folder / "list.results.csv")
    assert [(row["row"], row["number"], row["status"], row["error"]) for row in found] == [
        ("2", ANN, "queued", ""),
        ("3", "555-0123", "problem", "no area code"),
        ("4", BOB, "opted_out", "recipient_opted_out: The recipient has opted out."),
        ("5", CY, "refused", "destination_not_allowed: It may not be texted."),
    ]
    assert found[0]["message_id"] in campaign.api.texts


# -------------------------------------------------------------------------------------------- what is sent


def test_all_fields_go_with_the_texts(campaign: Campaign) -> None:
    file = campaign.file("phone,text,key,send_at,timezone\n2025550123,A,k1,2026-12-01T09:30,America/Denver\n")
    options = ("--tag", "spring", "--category", "marketing", "--send-at", "2026-12-01T09:30:00-05:00")

    said = campaign.says(file, *options, "--yes")

    ((_, body, key),) = campaign.api.real()
    assert body == {
        "priority": "bulk",
        "metadata": {"tag": "spring"},
        "category": "marketing",
        "send_at": "2026-12-01T14:30:00.000Z",
        "messages": [
            {
                "to": ANN,
                "message": "A",
                "key": "k1",
                "send_at": "2026-12-01T09:30",
                "timezone": "America/Denver",
            }
        ],
    }
    assert key.startswith("send-")
    assert "longcode watch spring" in said


def test_the_standard_input_is_a_file_too(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(campaign.folder)
    for _ in range(2):
        result = campaign.send("-", *HI, "--yes", typed=rows(2))
        assert result.exit_code == 0, result.output
    assert campaign.api.sent() == once(2)
    assert len(campaign.api.real()) == 1
    (path,) = campaign.folder.glob("standard-input-*.results.csv")
    assert [row["row"] for row in results(path)] == ["2", "3"]
    empty = campaign.send("-", *HI, "--yes", typed="")
    assert empty.exit_code == 1
    assert "The standard input is empty. It can be read once." in empty.stderr


def test_batches_are_of_500_and_keep_the_order(campaign: Campaign) -> None:
    campaign.says(campaign.file(rows(1_200)), *HI, "--yes")
    assert [len(body["messages"]) for _, body, _ in campaign.api.real()] == [500, 500, 200]
    assert len({key for _, _, key in campaign.api.real()}) == 3
    assert [one["to"] for one in campaign.api.texts.values()] == [number(place) for place in range(1_200)]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    many = 100_000 if FULL else 10_000

    def peak(texts: int) -> int:
        path = tmp_path / "list.csv"
        path.write_text(rows(texts))
        tracemalloc.start()
        with open_source(str(path)) as source:
            sheet = Sheet(source)
            run = Run(sheet, Columns.find(Header(sheet.header), None, HI[1], None), "US", {}, "here")
            assert sum(len(batch.items) for batch in run.batches()) == texts
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    # What is more is the file, which is on the disk if it is large.
    assert peak(many) < peak(1_000) + 3 * len(rows(many)) + 100_000


def test_many_rows_that_are_no_texts_change_no_batch_and_all_are_written_down(campaign: Campaign) -> None:
    bad = "".join(f"x{place},y\n" for place in range(1_100))
    file = campaign.file(rows(600) + bad + "\n".join(rows(601).splitlines()[-1:]) + "\n")
    campaign.says(file, *HI, "--yes", "--skip-problems")
    assert [len(body["messages"]) for _, body, _ in campaign.api.real()] == [500, 101]
    found = results(campaign.folder / "list.results.csv")
    assert Counter(row["status"] for row in found) == {"queued": 601, "problem": 1_100}
    assert len({row["row"] for row in found}) == 1_701


# ------------------------------------------------------------------------------------------------ going on


def test_cut_off_anywhere_the_result_file_is_completed_and_nothing_is_sent_twice(campaign: Campaign) -> None:
    file, path = campaign.file(rows(1_200)), campaign.folder / "list.results.csv"
    campaign.says(file, *HI, "--yes")
    whole, ids = path.read_bytes(), set(campaign.api.texts)
    chance = drawn("cuts of a result file")
    header, line = whole.index(b"\n") + 1, whole.index(b"\n", 40_000) + 1
    cuts = [0, 1, header - 1, header, header + 1, line - 1, line, line + 1, line - 12, len(whole) - 1, len(whole)]
    cuts += [chance.randrange(len(whole)) for _ in range(50 if FULL else 4)]
    for cut in cuts:
        with showing(cut):
            path.write_bytes(whole[:cut])
            campaign.says(file, *HI, "--yes")
            assert set(campaign.api.texts) == ids
            assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_half_a_line_in_the_middle_is_asked_for_again(campaign: Campaign) -> None:
    file, path = campaign.file(rows(3)), campaign.folder / "list.results.csv"
    campaign.says(file, *HI, "--yes")
    header, first, second, third = path.read_text().splitlines()
    for half in (second[:30], second[:-4], "", second[:9] + "\r" + second[9:], "x" * 140_000):
        with showing(half):
            path.write_text("\n".join([header, first, half, third, ""]), newline="")
            campaign.says(file, *HI, "--yes")
            assert second in path.read_text().split("\n")
            assert campaign.api.sent() == once(3)


def test_a_result_file_that_is_lost_costs_requests_and_no_text(campaign: Campaign) -> None:
    file, path = campaign.file(rows(700)), campaign.folder / "list.results.csv"
    campaign.says(file, *HI, "--yes")
    before = path.read_bytes()
    path.unlink()
    # Nor does another name for the file make it another campaign.
    file.rename(campaign.folder / "other.csv")
    said = campaign.says(campaign.folder / "other.csv", *HI, "--yes")
    assert "texts 700 accepted before 700, which are not sent again segments 0" in said
    assert "cost about 0 finished not known opted out 0 duplicates 0" in said
    assert campaign.api.sent() == once(700)
    assert (campaign.folder / "other.results.csv").read_bytes() == before


def test_what_is_done_is_neither_looked_at_nor_sent_again(campaign: Campaign) -> None:
    file = campaign.file(rows(3))
    campaign.says(file, *HI, "--yes")
    came = len(campaign.api.requests)
    said = campaign.says(file, *HI)
    assert "3 of 3 rows are done" in said
    assert "--again NAME" in said
    assert len(campaign.api.requests) == came


def test_again_sends_it_once_more_under_its_name(campaign: Campaign) -> None:
    file = campaign.file(f"to,key,first_name\n{ANN},k1,Ann\n{BOB},,Bob\n")
    for options in ((), ("--again", "monday"), ("--again", "monday")):
        campaign.says(file, *HI, "--yes", *options)
    assert campaign.api.sent() == {(ANN, "Hi Ann"): 2, (BOB, "Hi Bob"): 2}
    assert len(results(campaign.folder / "list.monday.results.csv")) == 2


def test_another_file_and_another_name_are_other_texts_whatever_their_tag(campaign: Campaign) -> None:
    """Nothing but the idempotency key tells them apart."""
    one, other = campaign.file(f"to,n\n{ANN},1\n", "one.csv"), campaign.file(f"to,n\n{ANN},2\n", "other.csv")
    for file in (one, other):
        for options in ((), ("--again", "monday")):
            campaign.says(file, "--text", "Hi", "--tag", "x", "--yes", *options)
    assert campaign.api.sent() == {(ANN, "Hi"): 4}


def test_results_of_another_file_or_of_other_options_are_refused(campaign: Campaign) -> None:
    file, path = campaign.file(rows(2)), campaign.folder / "list.results.csv"
    campaign.says(file, *HI, "--yes")
    came, whole = len(campaign.api.requests), path.read_bytes()

    def refused(*options: str) -> str:
        result = campaign.send(file, *HI, "--yes", *options)
        assert result.exit_code == 1, result.output
        assert len(campaign.api.requests) == came
        return result.stderr

    for options in (
        ("--tag", "x"),
        ("--category", "marketing"),
        ("--priority", "transactional"),
        ("--send-at", "2030-01-01T00:00:00Z"),
        ("--default-country", "CA"),
    ):
        with showing(options):
            assert "list.results.csv is of other options. To go on with that run, use its file" in refused(
                *options
            )
    campaign.file(rows(3))
    assert "list.results.csv is of another file." in refused()
    assert path.read_bytes() == whole
    for content in ("phone,name\n2025550123,A\n", "row,number\n"):
        path.write_text(content)
        assert "is no result file of longcode send" in refused()
        assert path.read_text() == content
    campaign.says(file, *HI, "--yes", "--results", str(campaign.folder / "elsewhere.csv"))
    assert len(results(campaign.folder / "elsewhere.csv")) == 3


def test_a_result_file_that_can_not_be_written_or_is_in_use_stops_it_before_anything_is_sent(
    campaign: Campaign,
) -> None:
    file = campaign.file(rows(2))
    assert "can't be written" in campaign.refused(
        file, *HI, "--yes", "--results", campaign.folder / "no" / "r.csv"
    )
    with (campaign.folder / "list.results.csv").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "Another longcode send writes to" in campaign.refused(file, *HI, "--yes")


def test_ctrl_c_says_what_is_done_and_the_same_command_goes_on(tmp_path: Path) -> None:
    arrived = threading.Event()

    def slow(number: int, _path: str, fields: dict[str, Any]) -> Answer | None:
        if len(api.real()) == 2 and not arrived.is_set():
            arrived.set()
            time.sleep(0.5)
        return None

    api = BatchApi(before=slow)
    file = tmp_path / "list.csv"
    file.write_text(rows(1_200))
    with serving(api, tmp_path / "stack"):
        process = start(file, tmp_path / "stack")
        assert arrived.wait(30)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "Stopped. 500 of 1,200 rows have results. The same command goes on where it was" in said
        process = start(file, tmp_path / "stack")
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "500 of 1,200 rows are done" in said
    assert api.sent() == once(1_200)


# ---------------------------------------------------------------------------------- an API that does not take it


def test_what_has_no_room_today_is_sent_by_the_same_command_later(campaign: Campaign) -> None:
    file = campaign.file(f"to,first_name\n{ANN},Ann\n{BOB},Bob\n")

    def full(_number: int, _path: str, fields: dict[str, Any]) -> Answer | None:
        if not fields.get("dry_run"):
            campaign.api.refused = {BOB: CAP}
        return None

    campaign.api.before = full
    result = campaign.send(file, *HI, "--yes")
    assert result.exit_code == 1
    assert "1 text accepted, 1 not yet." in result.stdout
    assert "The same command sends what is not yet accepted" in result.stderr

    campaign.api.before, campaign.api.refused = None, {}
    assert "1 of 2 rows are done" in campaign.says(file, *HI, "--yes")
    assert campaign.api.sent() == {(ANN, "Hi Ann"): 1, (BOB, "Hi Bob"): 1}
    found = results(campaign.folder / "list.results.csv")
    assert [(row["row"], row["status"]) for row in found] == [("2", "queued"), ("3", "not_yet"), ("3", "queued")]


def test_what_a_store_did_not_take_is_asked_for_again_at_once(campaign: Campaign) -> None:
    failing = {"error": "A table does not answer.", "code": "unavailable", "status_code": 503}

    def fail_once(_number: int, _path: str, _fields: dict[str, Any]) -> Answer | None:
        campaign.api.refused = {BOB: failing} if len(campaign.api.real()) == 1 else {}
        return None

    campaign.api.before = fail_once
    result = campaign.send(campaign.file(f"to,first_name\n{ANN},Ann\n{BOB},Bob\n"), *HI, "--yes")
    assert result.exit_code == 0, result.output
    assert campaign.api.sent() == {(ANN, "Hi Ann"): 1, (BOB, "Hi Bob"): 1}
    assert "1 of 2 texts were not stored" in result.stderr


def test_what_the_preview_took_and_the_api_then_refuses_is_a_failure(campaign: Campaign) -> None:
    def change(_number: int, _path: str, fields: dict[str, Any]) -> Answer | None:
        campaign.api.refused = {} if fields.get("dry_run") else {BOB: FORBIDDEN}
        return None

    campaign.api.before = change
    result = campaign.send(campaign.file(f"to,first_name\n{ANN},Ann\n{BOB},Bob\n"), *HI, "--yes")
    assert result.exit_code == 1
    assert "1 text accepted, 1 refused." in result.stdout
    assert "Texts were refused: the result file says why." in result.stderr
    assert "the result file says why" in result.stderr


def test_a_batch_that_is_refused_as_a_whole_says_why_and_what_to_do(campaign: Campaign) -> None:
    answers = {
        "field send_at": Answer(400, {"error": "It is past.", "code": "invalid_request", "field": "send_at"}),
        "does longcode doctor find its API key": Answer(403, {"error": "No key.", "code": "forbidden"}),
        "same version as this command": Answer(404, {"error": "No route.", "code": "not_found"}),
        "does not say what became of each text": Answer(200, {"messages": []}),
    }
    for words, answer in answers.items():
        with showing(words):
            campaign.api.before = lambda *_, answer=answer: answer
            assert words.lower() in campaign.refused(campaign.file(rows(2)), *HI, "--yes").lower()


def test_an_api_that_is_gone_is_given_up_in_time_and_the_same_command_goes_on(campaign: Campaign) -> None:
    def die(_number: int, _path: str, fields: dict[str, Any]) -> Answer | None:
        if len(campaign.api.real()) > 1:
            raise Died
        return None

    campaign.api.before = die
    file = campaign.file(rows(700))
    result = campaign.send(file, *HI, "--yes", "--patience", "1")
    assert result.exit_code == 1
    assert "500 of 700 rows have results. Check the network; locally, make up. The same command" in result.stderr
    campaign.api.before = None
    campaign.says(file, *HI, "--yes")
    assert campaign.api.sent() == once(700)


# ------------------------------------------------------------------------------------------- the result file


def test_a_result_is_a_line_whatever_the_api_says(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    with Results(path, "file-options") as found:
        found.add([Result(3, "a\nb", "problem", error='no "number",\r\nreally'), Result(2, ANN, "queued", "id")])
    assert path.read_text().count("\n") == 3
    with Results(path, "file-options") as found:
        assert found.has(2)
        assert found.has(3)
        assert found.counts() == {"queued": 1, "problem": 1}
    assert results(path)[1]["error"] == 'no "number", really'
    assert os.stat(path).st_mode & 0o777 == 0o600
