"""Starts the console of a stack, and waits until it answers."""

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import httpx

from .layout import ROOT, Layout, Stack
from .problems import LocalError
from .processes import Child, alive, free_port, spawn, stop
from .simulator import PYTHON

PATIENCE_S = 30.0
# What of a stack's record changes with each start, and what the console doesn't read.
_CHANGES = ("pids", "started", "console_url")
_SOURCES = ("devtools/console", "devtools/local_stack", "longcode_cli", "layers/longcode/python/longcode")


def start(layout: Layout, preferred_port: int | None) -> tuple[Child, int]:
    """Start it for the stack that is recorded in `layout`, and answer the process and its port."""
    log = layout.log("console")
    port = free_port(preferred_port)
    child = spawn(
        [
            *(str(PYTHON), "-m", "devtools.console"),
            *("--dir", str(layout.home), "--port", str(port)),
        ],
        env={
            "PATH": f"{PYTHON.parent}:/usr/bin:/bin",
            "HOME": str(layout.home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT / "layers/longcode/python"),
            "PYTHONUNBUFFERED": "1",
        },
        log=log,
        cwd=ROOT,
        register=layout.processes,
    )
    deadline = time.monotonic() + PATIENCE_S
    while alive(child) and time.monotonic() < deadline:
        if _answers(port, child):
            return child, port
        time.sleep(0.05)
    stop([child])
    raise LocalError("The console did not start.", log=log)


def code(stack: Stack) -> str:
    """A hash of the console's code and of its stack: one that runs with another is started again."""
    shown = {name: value for name, value in asdict(stack).items() if name not in _CHANGES}
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode())
    for path in sorted(_files()):
        digest.update(f"{path}\0{path.stat().st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def _files() -> Iterable[Path]:
    for folder in _SOURCES:
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc")


def _answers(port: int, child: Child) -> bool:
    try:
        found = httpx.get(f"http://127.0.0.1:{port}/api/process", trust_env=False, timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return False
    return isinstance(found, dict) and found.get("pid") == child.pid
