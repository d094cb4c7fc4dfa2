"""`python -m devtools.scan`: run every scanner; end with 1 on a finding."""

# What is accepted all the same is said to the scanner itself, with its reason: devtools/scan/checkov.yaml and
# `checkov:skip` in the templates, `zizmor: ignore` in the workflows.

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from devtools.scan import scanners
from devtools.scan.scanners import Finding

# Not the others in operations/: checkov has no rule for what is in them. cfn-lint reads those.
TEMPLATES = (Path("template.yaml"), Path("operations/firewall.yaml"))


def main() -> int:
    """Scan this repository. 0: nothing found, 1: something found, or a scanner failed."""
    locks = sorted(Path("locks").glob("*.txt"))
    jobs: list[Callable[[], list[Finding]]] = [partial(scanners.workflows, Path(".github/workflows"))]
    jobs += [partial(scanners.template, path) for path in TEMPLATES]
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(job) for job in jobs]
        try:
            audited = True
            try:
                # The first alone: if it gets no answer, the others get none either.
                findings = scanners.packages(locks[0])
                findings += [finding for found in pool.map(scanners.packages, locks[1:]) for finding in found]
            except scanners.NotReached:
                findings, audited = [], False
            findings += [finding for done in running for finding in done.result()]
        except scanners.ScannerFailed as exc:
            print(f"A scanner failed: {exc}", file=sys.stderr)
            return 1
    for finding in findings:
        print(f"{finding.tool}: {finding.id} at {finding.where}: {finding.what}")
    if audited:
        print(f"Scanned: {len(locks)} locks, the templates, the workflows.")
        return int(bool(findings))
    print(f"PACKAGES NOT SCANNED: {scanners.ADVISORIES} was not reached. The templates and the workflows were.")
    # Where there is a network for it, no answer is no leave to pass.
    return int(bool(findings) or os.environ.get("GITHUB_ACTIONS") == "true")


if __name__ == "__main__":
    sys.exit(main())
