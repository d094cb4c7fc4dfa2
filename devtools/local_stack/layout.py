"""Where a local stack keeps its files, and the record of what runs."""

# One directory is one stack: `.local` is the everyday one, `--dir` names another that shares nothing
# with it but the built functions.

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_HOME = ROOT / ".local"
BUILDS = ROOT / ".local" / "build"


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of the stack that lives in `home`."""

    home: Path

    @classmethod
    def of(cls, home: Path | None) -> Self:
        return cls((home or DEFAULT_HOME).resolve())

    @property
    def record(self) -> Path:
        return self.home / "stack.json"

    @property
    def identity(self) -> Path:
        return self.home / "identity.json"

    @property
    def lock(self) -> Path:
        return self.home / "stack.lock"

    @property
    def processes(self) -> Path:
        """A file for each process that was started, named by its pid."""
        return self.home / "processes"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def emulator(self) -> Path:
        """State, buckets and temporary files of the emulator."""
        return self.home / "emulator"

    @property
    def provider(self) -> Path:
        """State and key of the simulated provider."""
        return self.home / "provider"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


@dataclass(slots=True)
class Identity:
    """What a stack keeps from one start to the next, so that its addresses stay the same."""

    emulator_port: int | None = None
    provider_port: int | None = None
    provider_code: str | None = None
    console_port: int | None = None
    console_code: str | None = None
    telnyx_api_key: str = field(default_factory=lambda: f"KEY{secrets.token_hex(16)}")

    @classmethod
    def load(cls, layout: Layout) -> Self:
        try:
            return cls(**json.loads(layout.identity.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return cls()

    def save(self, layout: Layout) -> None:
        write_json(layout.identity, asdict(self))


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that runs: what `stack.json` holds. URLs have no trailing slash."""

    api_url: str
    api_key: str
    aws_endpoint_url: str
    region: str
    telnyx_base_url: str
    telnyx_public_key: str
    simulator_url: str | None  # its control API; None where the provider is another
    console_url: str
    pids: dict[str, int]
    started: dict[str, str]  # what `processes.started_at` says of each pid: a reused pid differs
    from_number: str
    stack_name: str
    queue_url: str
    dead_letter_queue_url: str
    messages_table: str
    limits_table: str
    functions: dict[str, str]  # folder in functions/ → the function's name
    log_groups: dict[str, str]
    parameters: dict[str, str]
    enforce_iam: bool
    build: str
    logs: dict[str, str]

    @classmethod
    def load(cls, layout: Layout) -> Self | None:
        """The record, or None if there is none that this version understands."""
        try:
            return cls(**json.loads(layout.record.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def save(self, layout: Layout) -> None:
        write_json(layout.record, asdict(self))

    def aws(self) -> dict[str, str]:
        """The environment in which any AWS tool talks to this stack and to nothing else."""
        return aws_environment(self.aws_endpoint_url, self.region)


def aws_environment(endpoint_url: str, region: str) -> dict[str, str]:
    """Variables for any AWS tool: this endpoint, and no one's credentials or profile."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def write_json(path: Path, value: Any) -> None:
    """Write so that a reader sees the old file or the new one, and no other user sees the keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
    partial.replace(path)
