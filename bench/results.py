"""Keeps what a part of the benchmark measured, as JSON in bench/results/."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import ROOT

FOLDER = ROOT / "bench" / "results"


# Any: JSON.
def machine() -> dict[str, Any]:
    """What it was measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": f"Python {platform.python_version()}",
        "load": round(os.getloadavg()[0], 2),
    }


def commit() -> str:
    """The commit that was measured; with a `+` where something was changed since."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def write(part: str, found: Mapping[str, Any], out: Path | None = None) -> Path:
    """Write bench/results/PART.json, or `out`: when, which commit, on what, and `found`. Returns the path."""
    path = out or FOLDER / f"{part}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit(), "machine": machine()}
    path.write_text(json.dumps(head | dict(found), indent=1) + "\n")
    return path


def read(part: str) -> dict[str, Any] | None:
    """What was last measured of a part; None if it never was."""
    path = FOLDER / f"{part}.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found
