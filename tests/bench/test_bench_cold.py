"""The quota of a cold start, and what a start is measured with. Nothing here is timed."""

import json
import time
from pathlib import Path

import pytest

from bench import cold, cold_report, floor, functions, quota, results
from bench.cold import Start, Subject
from devtools.local_stack import sam_template
from devtools.local_stack.problems import LocalError
from longcode.domain.errors import SignatureRefused
from longcode.telnyx import signature, webhook_settings
from tests.support.fakes import ROOT, SIGNER

FUNCTIONS = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}


def version_1(root: Path) -> Path:
    """A tree as the kernel's first version of control groups shows it."""
    for name in ("cpu", "cpuacct"):
        (root / name).mkdir()
    return root


def version_2(root: Path) -> Path:
    (root / "cgroup.controllers").write_text("cpu memory\n")
    (root / "cgroup.subtree_control").write_text("memory\n")
    return root


def test_a_function_gets_its_memorys_share_of_a_cpu() -> None:
    assert quota.share(1769) == 1.0
    assert round(quota.share(256), 3) == 0.145


def test_with_version_1_the_quota_is_microseconds_of_each_period(tmp_path: Path) -> None:
    with quota.group(version_1(tmp_path)) as group:
        group.allow(0.145)
        (group.usage / "cpuacct.usage").write_text("2500000\n")

        assert (group.limit / "cpu.cfs_period_us").read_text() == "20000"
        assert (group.limit / "cpu.cfs_quota_us").read_text() == "2900"
        assert group.used_ms() == 2.5
        assert {Path(file).parent.parent for file in group.members} == {tmp_path / "cpu", tmp_path / "cpuacct"}
        group.allow(None)
        assert (group.limit / "cpu.cfs_quota_us").read_text() == "-1"
        _empty(group)
    assert not list((tmp_path / "cpu").iterdir())


def test_with_version_2_quota_and_period_are_one_line(tmp_path: Path) -> None:
    root = version_2(tmp_path)
    group = quota.Group(root / "bench", root / "bench")
    group.limit.mkdir()
    (group.limit / "cpu.max").write_text("max 100000\n")
    (group.limit / "cpu.stat").write_text("usage_usec 2500\nuser_usec 2000\n")

    group.allow(0.5)

    assert (group.limit / "cpu.max").read_text() == "10000 20000"
    assert group.used_ms() == 2.5
    assert len(group.members) == 1


def test_with_version_2_the_root_hands_the_cpu_down(tmp_path: Path) -> None:
    with quota.group(version_2(tmp_path)) as group:
        assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu"
        _empty(group)


def _empty(group: quota.Group) -> None:
    # The kernel's own files go with their folder; these are plain ones.
    for folder in {group.limit, group.usage}:
        for file in folder.iterdir():
            file.unlink()


def test_where_there_can_be_no_quota_nothing_is_measured(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="No CPU quota can be set here"), quota.group(tmp_path / "none"):
        pytest.fail("went on without one")


def test_every_function_of_the_template_has_an_event_that_wakes_it() -> None:
    template = sam_template.load(ROOT / "template.yaml")

    assert set(functions.names(template)) == FUNCTIONS
    assert {name: functions.sample(name).partition("-")[0] for name in FUNCTIONS} == {n: n for n in FUNCTIONS}
    assert "webhook" in functions.routes(template)
    assert "consumer" not in functions.routes(template)
    with pytest.raises(LocalError, match="no sample event of another"):
        functions.sample("another")


def test_a_floor_can_be_run_and_a_client_that_it_cannot_use_is_named() -> None:
    compile(floor.program(("dynamodb", "events", "http", "secretsmanager", "sqs")), "floor", "exec")
    with pytest.raises(LocalError, match="No floor uses kinesis"):
        floor.program(("dynamodb", "kinesis"))


def test_the_webhook_that_is_given_has_a_signature_of_now() -> None:
    event = functions.event_of("webhook")

    keys, body = [webhook_settings.public_key(SIGNER.public)], event["body"].encode()
    at_ms = int(event["headers"]["Telnyx-Timestamp"]) * 1000
    assert abs(time.time() * 1000 - at_ms) < 60_000
    signature.verify(keys, event["headers"], body, at_ms)
    with pytest.raises(SignatureRefused):
        signature.verify(keys, event["headers"], body + b" ", at_ms)


def test_an_answer_that_is_none_stops_the_benchmark() -> None:
    assert cold.refusal({"statusCode": 200}, 200) is None
    assert cold.refusal({"statusCode": 503}, 200) == '{"statusCode": 503}'
    assert cold.refusal({"batchItemFailures": [{"itemIdentifier": "1"}]}, None)
    assert cold.refusal({"batchItemFailures": []}, None) is None


def test_the_report_names_the_worst_start_and_how_much_of_the_quota_was_had(tmp_path: Path) -> None:
    made = Subject("webhook", "function", 256, (), dict, {})
    share = quota.share(256)
    made.starts = [Start(1000, 100, 500 * share, 10, 1, 5), Start(2000, 300, 1000 * share, 10, 1, 5)]

    results.write("cold", cold_report.as_json([made], None, "build"), tmp_path / "new" / "cold.json")

    found = json.loads((tmp_path / "new" / "cold.json").read_text())["subjects"][0]
    assert (found["quota_used_by_init"], len(found["starts"])) == (0.5, 2)
    assert made.most(lambda start: start.answer_ms) == 2300
