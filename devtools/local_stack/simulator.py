"""Starts the simulated provider, or takes the one that the environment names."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from .layout import ROOT, Layout
from .problems import LocalError
from .processes import Child, alive, free_port, spawn, stop

PYTHON = ROOT / ".venv" / "bin" / "python"
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that the stack sends through. `child` is None for one that is not ours.

    `simulator_url` is the simulator's control API, None where the provider is another.
    """

    base_url: str
    public_key: str
    simulator_url: str | None = None
    child: Child | None = None
    port: int | None = None


def external(environment: Mapping[str, str] = os.environ) -> Provider | None:
    """The provider double that TELNYX_BASE_URL and TELNYX_PUBLIC_KEY name, if both are set."""
    base_url, public_key = environment.get("TELNYX_BASE_URL"), environment.get("TELNYX_PUBLIC_KEY")
    if not base_url or not public_key:
        return None
    return Provider(base_url.rstrip("/"), public_key)


def start(layout: Layout, preferred_port: int | None, api_key: str, number: str) -> Provider:
    """Start the simulator and wait for its ready-file."""
    ready = layout.provider / "ready.json"
    ready.parent.mkdir(parents=True, exist_ok=True)
    ready.unlink(missing_ok=True)
    port = free_port(preferred_port)
    log = layout.log("provider")
    child = spawn(
        [
            *(str(PYTHON), "-m", "devtools.telnyx_simulator", "serve", "--port", str(port)),
            *("--api-key", api_key, "--number", number, "--ready-file", str(ready)),
            *("--key-file", str(key_file(layout)), "--state-dir", str(layout.provider)),
            # Each webhook under way is a worker process of the emulator: more of them than cores
            # only start each other late.
            *("--webhook-concurrency", "3"),
        ],
        env={
            "PATH": f"{PYTHON.parent}:/usr/bin:/bin",
            "HOME": str(layout.home),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
        },
        log=log,
        cwd=ROOT,
        register=layout.processes,
    )
    deadline = time.monotonic() + PATIENCE_S
    while alive(child) and time.monotonic() < deadline:
        if (found := _read(ready)) and found.get("pid") == child.pid:
            return Provider(
                found["base_url"].rstrip("/"),
                found["public_key"],
                found["control_url"].rstrip("/"),
                child,
                port,
            )
        time.sleep(0.05)
    stop([child])
    raise LocalError("The simulated provider did not start.", log=log)


def use_webhook_url(simulator_url: str, webhook_url: str) -> None:
    """Tell the simulator where inbound texts go, and a campaign's events: the portal's settings, so to say."""
    asked = {"profile": {"webhook_url": webhook_url}, "registration": {"campaign": {"webhook_url": webhook_url}}}
    for path, fields in asked.items():
        httpx.post(
            f"{simulator_url.rstrip('/')}/_provider/{path}", json=fields, trust_env=False
        ).raise_for_status()


def code() -> str:
    """A hash of the simulator's code: a running one with other code is restarted."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "devtools" / "telnyx_simulator").iterdir()):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def key_file(layout: Layout) -> Path:
    """The simulator's signing key."""
    return layout.provider / "signing.key"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found
