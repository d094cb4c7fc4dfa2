"""Builds the template with SAM, once for each state of the sources: a build is named after its content."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import sam_template
from .layout import BUILDS, ROOT
from .problems import LocalError
from .processes import locked

SOURCES = (
    "template.yaml",
    "operations",
    "functions",
    "layers",
    "locks/runtime.txt",
    "locks/sam.txt",
    ".python-version",
)
SAM = ROOT / ".local" / "venv-sam" / "bin" / "sam"
PYTHON = ROOT / ".venv" / "bin" / "python"
# What the layer leaves out: another state of it is no other build.
NOT_SHIPPED = ROOT / "layers" / "longcode" / "python" / "longcode" / "client"
KEEP = 4  # builds; older ones go


@dataclass(frozen=True, slots=True)
class Build:
    """A finished build: `path` holds `template.yaml` and a folder for each function and layer."""

    path: Path
    fingerprint: str
    fresh: bool  # made by this call

    @property
    def template(self) -> Path:
        return self.path / "template.yaml"


def architecture() -> str:
    """This machine's processor in Lambda's words."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"


def fingerprint(root: Path = ROOT) -> str:
    """A hash of everything that decides what a build holds."""
    digest = hashlib.sha256(f"{architecture()}\n".encode())
    not_shipped = root / NOT_SHIPPED.relative_to(ROOT)
    for path in _files(root):
        if path.is_relative_to(not_shipped):
            continue
        name = path.relative_to(root).as_posix().encode()
        content = hashlib.sha256(path.read_bytes()).digest()
        digest.update(name + b"\0" + content)
    return digest.hexdigest()[:16]


def _files(root: Path) -> Iterator[Path]:
    for source in SOURCES:
        path = root / source
        if path.is_file():
            yield path
        else:
            yield from sorted(
                file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts
            )


def build(log: Path) -> Build:
    """The build of the sources as they are now; made if there is none yet. Safe to call in parallel."""
    with locked(BUILDS / "lock"):
        for _ in range(3):
            wanted = fingerprint()
            path = BUILDS / wanted
            if (path / "template.yaml").exists():
                os.utime(path)
                return Build(path, wanted, fresh=False)
            partial = BUILDS / f"{wanted}.partial"
            _sam_build(partial, log)
            if fingerprint() == wanted:
                partial.rename(path)
                _forget_old_builds()
                return Build(path, wanted, fresh=True)
            # A file was saved meanwhile: what was built is of no one state.
            shutil.rmtree(partial)
    raise LocalError("The sources kept changing while they were built.", hint="Run it again.")


def _sam_build(target: Path, log: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    uv = shutil.which("uv") or str(PYTHON.with_name("uv"))
    arguments = ["--template-file", str(ROOT / "template.yaml"), "--build-dir", str(target)]
    environment = sam_environment() | {"UV": uv, "PYTHON": str(PYTHON), "ARCHITECTURE": architecture()}
    run_sam(
        ["build", *arguments, "--parameter-overrides", f"Architecture={architecture()}"],
        environment,
        log,
        failure="sam build failed.",
    )
    # JSON is YAML, and each deployment reads it several times: that takes SAM a fifth of it otherwise.
    for template in (target / "template.yaml", *target.glob("*/template.yaml")):
        template.write_text(json.dumps(sam_template.load(template), default=str))


def sam_environment() -> dict[str, str]:
    """Our environment without AWS's variables, and SAM without calls to anywhere else."""
    home = ROOT / ".local" / "sam-home"
    home.mkdir(parents=True, exist_ok=True)
    # Young enough, and SAM doesn't ask the package index for its newest version.
    (home / "metadata.json").write_text('{"telemetryEnabled": false, "lastVersionCheck": 9999999999.0}')
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_", "TELNYX_"))}
    return kept | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2", "__SAM_CLI_APP_DIR": str(home)}


def run_sam(
    arguments: list[str], environment: dict[str, str], log: Path, *, failure: str, hint: str | None = None
) -> None:
    """Run SAM with its output in `log`. Raises LocalError with `failure` unless it exits with 0."""
    if not SAM.exists():
        raise LocalError("The SAM CLI is not installed.", hint="make install")
    log.parent.mkdir(parents=True, exist_ok=True)
    # SAM makes a folder for each function that it uploads, and leaves them all.
    with log.open("wb") as output, tempfile.TemporaryDirectory(prefix="sam-") as temporary:
        done = subprocess.run(
            [str(SAM), *arguments],
            cwd=ROOT,
            env=environment | {"TMPDIR": temporary},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise LocalError(failure, log=log, hint=hint)


def _forget_old_builds() -> None:
    builds = [path for path in BUILDS.iterdir() if path.is_dir()]
    for path in sorted(builds, key=lambda path: path.stat().st_mtime, reverse=True)[KEEP:]:
        shutil.rmtree(path, ignore_errors=True)
