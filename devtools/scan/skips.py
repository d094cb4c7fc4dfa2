"""What is not held against us, each with its reason: devtools/scan/skips.toml."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devtools.scan.scanners import Finding

FILE = Path(__file__).parent / "skips.toml"
_KNOWN = {"tool", "id", "where", "reason"}


@dataclass(frozen=True, slots=True)
class Skip:
    """One finding that is wrong or accepted; without `where`, wherever it is found."""

    tool: str
    id: str
    reason: str
    where: tuple[str, ...] = field(default=())

    def covers(self, finding: Finding) -> bool:
        """Whether this is what `finding` is about."""
        same = (self.tool, self.id) == (finding.tool, finding.id)
        return same and (not self.where or finding.where in self.where)


def read(text: str) -> list[Skip]:
    """The skips in a file's text. Raises ValueError where one has no reason."""
    skips = []
    for number, row in enumerate(tomllib.loads(text).get("skip", []), 1):
        if unknown := sorted(row.keys() - _KNOWN):
            raise ValueError(f"skip {number}: unknown field {unknown[0]}")
        if missing := [name for name in ("tool", "id", "reason") if not str(row.get(name, "")).strip()]:
            raise ValueError(f"skip {number} ({row.get('id', '')}): {missing[0]} is missing")
        skips.append(Skip(row["tool"], row["id"], row["reason"], tuple(row.get("where", ()))))
    return skips


def sift(findings: Iterable[Finding], skips: Sequence[Skip]) -> tuple[list[Finding], list[str]]:
    """The findings that no skip covers, and what of the skips covers nothing any more."""
    found = list(findings)
    left = [finding for finding in found if not any(skip.covers(finding) for skip in skips)]
    unused: list[str] = []
    for skip in skips:
        covered = {finding.where for finding in found if skip.covers(finding)}
        gone = [place for place in skip.where if place not in covered]
        if gone or not covered:
            unused.append(" ".join((skip.tool, skip.id, *gone)))
    return left, unused
