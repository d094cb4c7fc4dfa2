"""Runs schemathesis, which is in an environment of its own, over a local stack."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devtools.local_stack.layout import ROOT, Layout, Stack
from devtools.local_stack.problems import LocalError
from devtools.local_stack.simulator import key_file

HERE = Path(__file__).parent
PROGRAM = ROOT / ".local/venv-contract/bin/schemathesis"


@dataclass(frozen=True, slots=True)
class Attempt:
    """How it went: whether nothing was wrong, what it wrote, and how many routes and requests it tried."""

    good: bool
    output: str
    routes: int
    requests: int


def attempt(
    layout: Layout,
    stack: Stack,
    document: Path,
    *,
    examples: int,
    seconds: int | None,
    seed: int,
    all_phases: bool = True,
) -> Attempt:
    """Try each route with up to so many `examples`, again and again for about so many `seconds`; None: once.

    Without `all_phases` the bounds of each field are left out, and requests that lead to each other. Raises
    LocalError if schemathesis is not installed.
    """
    if not PROGRAM.exists():
        raise LocalError("Schemathesis is not installed.", hint="make install")
    done = subprocess.run(
        [
            *(str(PROGRAM), "--no-color", "--config-file", str(HERE / "schemathesis.toml"), "run", str(document)),
            *("--url", stack.api_url, "--max-examples", str(examples)),
            *([] if seconds is None else ["--max-time", str(seconds)]),
            *("--seed", str(seed), "--workers", "2"),
            *([] if all_phases else ["--phases", "examples,fuzzing"]),
        ],
        env=_environment(layout, stack),
        cwd=layout.home,
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    routes, requests = (re.search(words, output) for words in (r"Tested: (\d+)", r"(\d+) generated"))
    tried = [int(found[1]) if found else 0 for found in (routes, requests)]
    return Attempt(done.returncode == 0, output, *tried)


def _environment(layout: Layout, stack: Stack) -> dict[str, str]:
    """What the configuration and the hooks read."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(layout.home),
        "LANG": "C.UTF-8",
        "API_KEY": stack.api_key,
        "SIGNING_KEY": str(key_file(layout)),
        "CONTRACT_HOOKS": str(HERE / "hooks.py"),
    }
