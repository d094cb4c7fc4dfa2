"""The three scanners, each run in the environment of locks/scan.txt, and what they find."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BIN = Path(".local/venv-scan/bin").absolute()
# What checkov skips everywhere, with reasons; the rest of its skips are comments in the templates.
CHECKOV = Path(__file__).parent / "checkov.yaml"
ADVISORIES = "https://api.osv.dev/v1/query"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault that a scanner found; `where` is a template's resource, a package or a workflow."""

    tool: str
    id: str
    where: str
    what: str


class NotReached(Exception):
    """The service that knows the advisories did not answer."""


class ScannerFailed(Exception):
    """A scanner ended without a result; the message is the last it said."""


def template(path: Path) -> list[Finding]:
    """What checkov finds in a template by its own rules and those in devtools/scan/checks."""
    arguments = ("--config-file", str(CHECKOV), "--file", str(path), "--output", "json", "--soft-fail")
    ran = _run("checkov", *arguments)
    found = _json(ran, "checkov")
    if not isinstance(found, dict) or not found.get("results") or found["summary"]["parsing_errors"]:
        raise ScannerFailed(f"checkov could not read {path}")
    return [
        Finding("checkov", row["check_id"], str(row["resource"]).split(".")[-1], row["check_name"])
        for row in found["results"]["failed_checks"]
    ]


def workflows(folder: Path) -> list[Finding]:
    """What zizmor finds in GitHub's workflows, without a network."""
    ran = _run("zizmor", "--offline", "--no-progress", "--no-exit-codes", "--format", "json-v1", str(folder))
    return [
        Finding("zizmor", row["ident"], _workflow(row), row["desc"])
        for row in _json(ran, "zizmor")
        if not row["ignored"]
    ]


def packages(lock: Path, advisories: str = ADVISORIES) -> list[Finding]:
    """The advisories on what a lock pins, by pip-audit. Raises NotReached."""
    ran = _run(
        "pip-audit",
        *("--requirement", str(lock), "--disable-pip", "--progress-spinner", "off", "--format", "json"),
        *("--vulnerability-service", "osv", "--osv-url", advisories),
    )
    if not ran.stdout.strip():
        if "requests.exceptions" in ran.stderr or "ServiceError" in ran.stderr:
            raise NotReached
        raise ScannerFailed(_last(ran))
    findings: list[Finding] = []
    for row in _json(ran, "pip-audit")["dependencies"]:
        if "skip_reason" in row:
            findings.append(Finding("pip-audit", "not-audited", row["name"], row["skip_reason"]))
        for advisory in row.get("vulns", ()):
            fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
            what = f"{row['version']} in {lock.name}; fixed in {fixed}"
            findings.append(Finding("pip-audit", advisory["id"], row["name"], what))
    return findings


# Any: a scanner's JSON.
def _workflow(row: dict[str, Any]) -> str:
    path: str = row["locations"][0]["symbolic"]["key"]["Local"]["verbatim_path"]
    return Path(path).name


def _run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: Sequence[str] = (str(BIN / tool), *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _json(ran: subprocess.CompletedProcess[str], tool: str) -> Any:
    try:
        return json.loads(ran.stdout)
    except ValueError:
        raise ScannerFailed(f"{tool}: {_last(ran)}") from None


def _last(ran: subprocess.CompletedProcess[str]) -> str:
    said = (ran.stderr.strip() or ran.stdout.strip() or f"exit code {ran.returncode}").splitlines()
    return said[-1]
