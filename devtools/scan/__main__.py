"""`python -m devtools.scan`: run every scanner; end with 1 on a finding that no skip covers."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from devtools.scan import scanners, skips
from devtools.scan.scanners import Finding


def main() -> int:
    """Scan this repository. 0: nothing found, 1: something found, or a scanner failed."""
    allowed = skips.read(skips.FILE.read_text())
    locks = sorted(Path("locks").glob("*.txt"))
    jobs: list[Callable[[], list[Finding]]] = [partial(scanners.workflows, Path(".github/workflows"))]
    # Not operations/template.yaml: checkov has no rule for what is in it. cfn-lint reads that one.
    jobs.append(partial(scanners.template, Path("template.yaml")))
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
    # Whether an advisory that was not asked for still needs its skip is unknown.
    relevant = [skip for skip in allowed if audited or skip.tool != "pip-audit"]
    left, unused = skips.sift(findings, relevant)
    for finding in left:
        print(f"{finding.tool}: {finding.id} at {finding.where}: {finding.what}")
    for name in unused:
        print(f"devtools/scan/skips.toml: nothing is left for this skip, delete it: {name}")
    bad = bool(left or unused)
    if audited:
        print(f"Scanned: {len(locks)} locks, the template, the workflows.")
    else:
        print(f"PACKAGES NOT SCANNED: {scanners.ADVISORIES} was not reached. The template and the workflows were.")
        # Where there is a network for it, no answer is no leave to pass.
        bad |= os.environ.get("GITHUB_ACTIONS") == "true"
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
