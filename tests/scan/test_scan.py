"""The scanners find what they are there for, and every skip of ours has a reason."""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from devtools.scan import scanners
from devtools.scan.__main__ import TEMPLATES
from devtools.scan.scanners import Finding
from tests.support.fakes import ROOT

pytestmark = pytest.mark.slow

ADVISORY = {
    "id": "PYSEC-0000-1",
    "aliases": ["CVE-0000-1"],
    "summary": "An example.",
    "affected": [
        {
            "package": {"name": "known-bad", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
            "versions": ["1.0"],
        }
    ],
}
HASH = "--hash=sha256:" + "0" * 64


class Advisories(BaseHTTPRequestHandler):
    """The advisory service, which knows of one package."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        known = (asked["package"]["name"], asked["version"]) == ("known-bad", "1.0")
        answer = json.dumps({"vulns": [ADVISORY]} if known else {}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_request(self, *_arguments: object) -> None:
        return


@pytest.fixture(scope="module")
def advisories() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Advisories)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_pin_with_an_advisory_is_found_and_its_neighbour_is_not(advisories: str, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"known-bad==1.0 \\\n    {HASH}\nharmless==2.0 \\\n    {HASH}\n")

    (found,) = scanners.packages(lock, advisories)

    assert found == Finding("pip-audit", "PYSEC-0000-1", "known-bad", "1.0 in lock.txt; fixed in 1.1")


def test_every_lock_of_ours_can_be_read_by_the_auditor(advisories: str) -> None:
    locks = sorted((ROOT / "locks").glob("*.txt"))
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda lock: scanners.packages(lock, advisories), locks))

    assert len(locks) == 10
    assert found == [[]] * len(locks)


def test_an_advisory_service_that_does_not_answer_is_not_taken_for_a_clean_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"harmless==2.0 \\\n    {HASH}\n")

    with pytest.raises(scanners.NotReached):
        scanners.packages(lock, "http://127.0.0.1:9/v1/query")


def test_a_lock_that_cannot_be_read_is_a_failure_and_not_a_service_that_is_away(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("known-bad>=1.0\n")

    with pytest.raises(scanners.ScannerFailed):
        scanners.packages(lock, "http://127.0.0.1:9/v1/query")


# checkov takes four seconds to start, so that both tests read what it has found at once.
QUEUES = """\
Resources:
  Open: {Type: 'AWS::SQS::Queue', Properties: {SqsManagedSseEnabled: false}}
  Ours: {Type: 'AWS::SQS::Queue', Properties: {SqsManagedSseEnabled: true}}
  Keyed: {Type: 'AWS::SQS::Queue', Properties: {KmsMasterKeyId: alias/example}}
  Skipped:
    # checkov:skip=CKV2_LONGCODE_1: an example
    Type: AWS::SQS::Queue
    Properties:
      SqsManagedSseEnabled: false
  AfterIt:
    Type: AWS::SQS::Queue
    Properties:
      SqsManagedSseEnabled: false
"""


@pytest.fixture(scope="module")
def unencrypted(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The queues of which the rule of encryption says something."""
    path = tmp_path_factory.mktemp("scan") / "template.yaml"
    path.write_text(QUEUES)
    return [finding.where for finding in scanners.template(path) if finding.id == "CKV2_LONGCODE_1"]


def test_a_queue_without_encryption_is_found(unencrypted: list[str]) -> None:
    assert "Open" in unencrypted
    assert not {"Ours", "Keyed"} & set(unencrypted)


def test_a_template_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("Resources: [")

    with pytest.raises(scanners.ScannerFailed):
        scanners.template(path)


def test_an_action_that_is_pinned_by_a_tag_is_found(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    ours = (ROOT / ".github/workflows/ci.yml").read_text()
    (folder / "ci.yml").write_text(ours.replace("@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0", "@v5"))

    (found,) = scanners.workflows(folder)

    assert (found.id, found.where) == ("unpinned-uses", "ci.yml")


# --------------------------------------------------------------------------------------- skips


def test_a_skip_in_a_template_covers_its_own_resource_only(unencrypted: list[str]) -> None:
    assert unencrypted == ["Open", "AfterIt"]


def test_every_skip_of_ours_has_a_reason() -> None:
    beside = "".join(path.read_text() for path in TEMPLATES)
    reasons = re.findall(r"checkov:skip=CKV\w+: (.*)", beside)
    assert len(reasons) == beside.count("checkov:skip") > 0
    everywhere = re.findall(r"^  # (.*\n(?:  # .*\n)*)  - CKV", scanners.CHECKOV.read_text(), re.MULTILINE)
    assert len(everywhere) == scanners.CHECKOV.read_text().count("- CKV") > 0
    assert all(len(reason) > 20 for reason in reasons + everywhere)
