"""The budgets: what is compared, what is said where something is missing, and what is measured without a clock."""

import json
import py_compile
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench import budgets, calls, cold_report, functions, levers, memory, package, results, warm
from bench.cli import app
from bench.cold import Start, Subject
from bench.memory import Work
from devtools.cost.bill import Prices
from devtools.cost.count import Counts
from devtools.local_stack import sam_template
from devtools.local_stack.problems import LocalError
from tests.support.fakes import ROOT

FUNCTIONS = functions.names(sam_template.load(ROOT / "template.yaml"))


def test_a_figure_is_kept_up_to_its_budget_and_from_its_least_on() -> None:
    lines = budgets.compare({"writes": 10, "a second": {"least": 0.3}}, {"writes": 10, "a second": 0.3})
    assert [line.kept for line in lines] == [True, True]

    lines = budgets.compare({"writes": 10, "a second": {"least": 0.3}}, {"writes": 10.5, "a second": 0.29})
    assert [line.kept for line in lines] == [False, False]
    with pytest.raises(LocalError, match=r"writes: 10\.5, budget 10; a second: 0\.29, budget 0\.3") as failed:
        budgets.expect_kept(lines)
    assert "bench/budgets.toml" in str(failed.value.hint)


def test_a_budget_without_a_figure_is_named_with_the_figures_that_there_are() -> None:
    with pytest.raises(LocalError, match="no figure: wrote") as failed:
        budgets.compare({"wrote": 1}, {"writes": 1})
    assert "writes" in str(failed.value.hint)
    # Of one function alone, the budgets of the others are none.
    assert budgets.compare({"wrote": 1}, {"writes": 1}, whole=False) == []


def test_a_part_and_a_function_without_budgets_are_named() -> None:
    with pytest.raises(LocalError, match="has no part unknown"):
        budgets.read("unknown")
    with pytest.raises(LocalError, match="No budget in part modules: another"):
        budgets.each_has_one({"send": 1}, ["send", "another"], "modules")


def test_each_budget_of_the_file_is_of_a_figure_that_is_measured() -> None:
    texts = dict.fromkeys(("queued text", "text sent at once", "inbound text", "idle minute"), Counts())
    each = [one for name in FUNCTIONS for one in (_subject(name, "function"), _subject("sdk", "sdk"))]
    one = [warm.Warm(name, 256, 1, 0, [1.0], [1.0], [], 0, [0.0, 1.0]) for name in FUNCTIONS]

    for part, measured in {
        "modules": dict.fromkeys(FUNCTIONS, 0.0),
        "calls": calls.figures(texts) | {"a million queued texts: USD": 1.0},
        "package": package.figures([]),
        "cold": cold_report.figures([*each, _subject("floor", "floor")]),
        "warm": warm.figures(one),
    }.items():
        assert len(budgets.compare(budgets.read(part), measured)) > 0, part


def _subject(name: str, kind: Any) -> Subject:
    made = Subject(name, kind, 256, (), dict, {}, floor="floor" if kind == "function" else None)
    made.starts = [Start(100, 10, 90, 10, 1, 5)]
    return made


def test_a_cold_start_is_compared_round_by_round() -> None:
    mine, floor = _subject("webhook", "function"), _subject("floor", "floor")
    mine.starts = [Start(1, 1, cpu, 0, 1, 0) for cpu in (100, 200, 330)]
    floor.starts = [Start(1, 1, cpu, 0, 1, 0) for cpu in (100, 100, 300)]

    assert cold_report.figures([mine, floor])["webhook: CPU over the floor"] == pytest.approx(1.1)


def test_the_budgets_have_no_function_that_is_gone() -> None:
    assert set(budgets.read("modules")) == set(FUNCTIONS)


def test_a_package_is_measured_zipped_and_its_bytecode_by_how_python_takes_it(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text("a = 1\n" * 1000)
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    (checked,) = tmp_path.rglob("*.pyc")
    found = package.size(tmp_path)
    assert (found.sources, found.compiled, found.files) == (1, 0, 2)
    assert found.unzipped == 6000 + checked.stat().st_size > found.zipped

    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert package.size(tmp_path).compiled == 1


def test_log_bytes_have_what_cloudwatch_adds_to_each_line() -> None:
    found = calls.figures({"text": Counts(log_bytes=1000, log_lines=10, table_writes=3)})

    assert (found["text: log bytes"], found["text: table writes"]) == (1260, 3)


# ------------------------------------------------------------------------------- memory

WEBHOOK = Work("webhook", 1024, cold_cpu_ms=290, warm_cpu_ms=1.2, aws_calls=1, provider_calls=0)


def test_more_memory_makes_the_cpu_part_shorter_and_not_the_waits() -> None:
    small, large = memory.choices(WEBHOOK, Prices.read(), (256, 512))

    assert small.warm_ms - 8 == pytest.approx(2 * (large.warm_ms - 8))
    assert small.cold_ms - 8 == pytest.approx(2 * (large.cold_ms - 8))
    assert small.usd == pytest.approx(0.2 + 1e6 * small.mean_ms / 1000 * 0.25 * 1.33334e-05)


def test_the_memory_of_the_webhook_answers_in_time_from_cold() -> None:
    every = memory.choices(WEBHOOK, Prices.read())

    assert memory.best(WEBHOOK, every).cold_ms <= memory.WEBHOOK_MS
    other = replace(WEBHOOK, name="send", cold_cpu_ms=10, provider_calls=1)
    every = memory.choices(other, Prices.read())
    assert memory.best(other, every).memory_mb == 128
    assert memory.best(replace(other, resident_mb=100), every).memory_mb == 256, "it would not fit into 128 MB"


def test_without_a_result_the_table_of_memories_says_what_to_run() -> None:
    with pytest.raises(LocalError, match="no result of cold and warm") as failed:
        memory.works(None, None)
    assert "ARGS=cold" in str(failed.value.hint)


# ------------------------------------------------------------------------------- the command


def test_a_result_says_when_and_what_was_measured(tmp_path: Path) -> None:
    path = results.write("any", {"figures": {"a": 1}}, tmp_path / "new" / "any.json")

    found = json.loads(path.read_text())
    assert found["figures"] == {"a": 1}
    assert set(found) == {"when", "commit", "machine", "figures"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cold", "--build", "nowhere"], "nowhere is no build"),
        (["pacing", "--virtual", "--only", "unknown"], "There is no scenario unknown"),
    ],
)
def test_a_wrong_argument_says_what_there_is(arguments: list[str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_every_part_is_a_command_with_help() -> None:
    said = CliRunner().invoke(app, ["--help"]).output

    for part in (
        *[
            "cold",
            "warm",
            "webhook",
            "batch",
            "throughput",
            "package",
            "calls",
            "modules",
            "memory",
            "pacing",
            "check",
        ],
        "quick",
    ):
        assert part in said


# ------------------------------------------------------------------------------- levers


def test_each_lever_is_a_change_of_the_copy(tmp_path: Path) -> None:
    code, packages, ours = (tmp_path / name for name in ("code", "packages", "ours"))
    for folder in (code, packages, ours):
        folder.mkdir()
        (folder / "app.py").write_text("a = 1\n")
    for folder in (packages, ours):
        levers._compile(folder, py_compile.PycInvalidationMode.UNCHECKED_HASH)

    def unchecked() -> list[int]:
        return [package.size(folder).compiled for folder in (code, packages, ours)]

    assert unchecked() == [0, 1, 1]
    levers.CHANGES["the function's own file compiled, too"](code, packages, ours)
    assert unchecked() == [1, 1, 1]
    levers.CHANGES["bytecode that is checked against its source"](code, packages, ours)
    assert unchecked() == [1, 0, 0]
    levers.CHANGES["no bytecode"](code, packages, ours)
    assert not [*packages.rglob("*.pyc"), *ours.rglob("*.pyc")]
    levers.CHANGES["PyNaCl loaded where nothing is verified"](code, packages, ours)
    assert (code / "app.py").read_text() == "import nacl.signing\na = 1\n"
