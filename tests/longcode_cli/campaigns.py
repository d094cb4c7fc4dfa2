"""A file of a campaign, the API that takes its texts, and the command between them."""

import csv
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from typer.testing import Result

from devtools.local_stack.layout import ROOT
from tests.longcode_cli.world import run
from tests.support.batch_api import BatchApi


@dataclass
class Campaign:
    """A folder with files, and the API that `longcode send` in it reaches."""

    folder: Path
    api: BatchApi

    @property
    def home(self) -> Path:
        return self.folder / "stack"

    def file(self, content: str | bytes, name: str = "list.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def send(self, *arguments: object, typed: str | bytes | None = None) -> Result:
        return run("send", *map(str, arguments), "--dir", str(self.home), typed=typed)  # type: ignore[arg-type]

    def refused(self, *arguments: object, code: int = 1) -> str:
        """What a command that fails says on its last line; it sends nothing."""
        result = self.send(*arguments)
        assert result.exit_code == code, result.output
        assert self.api.real() == []
        return " ".join(result.stderr.replace("│", " ").split())

    def says(self, *arguments: object) -> str:
        """What a command that succeeds prints, with its spaces as one."""
        result = self.send(*arguments)
        assert result.exit_code == 0, result.output
        return " ".join(result.stdout.split())


def results(path: Path) -> list[dict[str, str]]:
    """The rows of a result file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def number(place: int) -> str:
    """One of a hundred example numbers of each of 800 area codes."""
    return f"+1{200 + place // 100 % 800:03}55501{place % 100:02}"


def rows(many: int, first: int = 0) -> str:
    """A file of so many texts, each of its own recipient and words."""
    lines = [f"{number(place)},Name{place}" for place in range(first, first + many)]
    return "\n".join(["phone,first_name", *lines]) + "\n"


def program(
    arguments: Sequence[str], *, stdout: int, stderr: int, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "layers/longcode/python")))
    return subprocess.Popen(
        [sys.executable, "-m", "longcode_cli", *arguments],
        # Compiled once: a test starts it many times.
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "", **(env or {})},
        stdout=stdout,
        stderr=stderr,
        text=True,
    )
