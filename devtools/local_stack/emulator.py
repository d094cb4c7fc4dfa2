"""Starts the AWS emulator (ministack) on a loopback port, in an environment that holds nothing of ours."""

import json
import secrets
import shutil
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from .layout import ROOT, Layout, write_json
from .problems import LocalError
from .processes import Child, alive, free_port, spawn, stop

REGION = "us-east-1"
PYTHON = ROOT / ".local" / "venv-emulator" / "bin" / "python"
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator."""

    child: Child
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def start(layout: Layout, preferred_port: int | None, *, enforce_iam: bool = False) -> Emulator:
    """Start it and wait until it answers, and until it is certain that it is ours that answers."""
    if not PYTHON.exists():
        raise LocalError("The AWS emulator is not installed.", hint="make install")
    log = layout.log("emulator")
    for _ in range(3):
        port = free_port(preferred_port)
        nonce = secrets.token_hex(8)
        temporary = layout.emulator / "tmp"
        # The emulator unpacks the layers for each worker it starts and never removes them.
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        forget_stream_positions(layout.emulator / "state" / "lambda.json")
        child = spawn(
            [str(PYTHON), str(Path(__file__).with_name("emulator_main.py")), str(layout.emulator / "python")],
            env=_environment(layout, port, nonce, enforce_iam=enforce_iam),
            log=log,
            cwd=layout.emulator,
            register=layout.processes,
        )
        if _wait(child, port, nonce):
            return Emulator(child, port)
        stop([child])
        if "already in use" not in log.read_text(errors="replace"):
            break
        preferred_port = None  # taken between our look and its bind
    raise LocalError("The AWS emulator did not start.", log=log)


def forget_stream_positions(state: Path) -> None:
    """Let each mapping of a table's stream begin again at its starting position.

    The emulator keeps how far a mapping has read, but not the stream, which begins anew with each start: a mapping
    would sleep through as many changes as it has ever read.
    """
    try:
        content = json.loads(state.read_text())
        forgotten = content["payload"].pop("dynamodb_stream_positions", None)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return
    if forgotten is not None:
        write_json(state, content)


def _environment(layout: Layout, port: int, nonce: str, *, enforce_iam: bool) -> dict[str, str]:
    """All of it: the functions inherit this, so that what is here is what Lambda would have too."""
    home = layout.emulator
    return {
        "PATH": f"{PYTHON.parent}:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AUTH": "true" if enforce_iam else "false",
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        # Echoed by its health page: what answers with it is the process that we started.
        "MINISTACK_EDITION": nonce,
        "STATE_DIR": str(home / "state"),
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(home / "s3"),
        "S3_PERSIST": "1",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
        "LAMBDA_EXECUTOR": "local",
    }


def _wait(child: Child, port: int, nonce: str) -> bool:
    """Whether the emulator that answers on `port` is `child`."""
    deadline = time.monotonic() + PATIENCE_S
    while alive(child) and time.monotonic() < deadline:
        ready = _get(f"http://127.0.0.1:{port}/_ministack/ready")
        if ready and ready.get("status") == "completed":
            health = _get(f"http://127.0.0.1:{port}/_ministack/health") or {}
            return health.get("edition") == nonce and alive(child)
        time.sleep(0.05)
    return False


def answers(url: str) -> bool:
    """Whether an emulator is up at `url`."""
    return _get(f"{url}/_ministack/ready") is not None


def _get(url: str) -> dict[str, object] | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            found = json.loads(response.read())
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
