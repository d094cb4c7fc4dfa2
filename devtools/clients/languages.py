"""How a client is generated, built and run in each language."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools.local_stack.layout import ROOT
from devtools.local_stack.problems import LocalError

HERE = Path(__file__).parent
BIN = ROOT / ".local/venv-clients/bin"
DOCUMENT = ROOT / "docs/openapi.json"


@dataclass(frozen=True, slots=True)
class Language:
    """One language: the programs that it needs of the machine, how its client is made, and what runs that."""

    name: str
    needs: tuple[str, ...]
    make: Callable[[Path], None]
    command: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """What of it is not on this machine."""
        return [program for program in self.needs if shutil.which(program) is None]

    def build(self, folder: Path) -> None:
        """Make its client anew in a folder. Raises LocalError if that fails."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(HERE / self.name, folder)
        self.make(folder)


def run(command: Sequence[str | Path], folder: Path, **variables: str) -> str:
    """Run a program in a folder; what it wrote. Raises LocalError if it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TELNYX_"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LocalError(f"{command[0]} failed: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def _python(folder: Path) -> None:
    # Its formatter is one of the environment's programs.
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    made = folder / "longcode_generated"
    words = [
        "generate",
        "--path",
        str(DOCUMENT),
        "--output-path",
        str(made),
        "--meta",
        "none",
        "--fail-on-warning",
    ]
    run([BIN / "openapi-python-client", *words], folder, PATH=path)


def _generated(folder: Path, generator: str, properties: str) -> None:
    words = ["generate", "-i", str(DOCUMENT), "-g", generator, "-o", str(folder / "generated")]
    run([BIN / "openapi-generator-cli", *words, f"--additional-properties={properties}"], folder)


def _typescript(folder: Path) -> None:
    _generated(folder, "typescript-fetch", "npmName=longcode")
    run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], folder)
    run([folder / "node_modules/.bin/tsc", "-p", "."], folder)


def _go(folder: Path) -> None:
    _generated(folder, "go", "packageName=longcode,withGoMod=true,enumClassPrefix=true")
    # The folder's own files say which module it is: nothing is fetched.
    (folder / "generated/go.mod").write_text(
        "module example.com/longcode\n\ngo 1.19\n\nrequire gopkg.in/validator.v2 v2.0.1\n"
    )
    # Its own tests need more modules.
    shutil.rmtree(folder / "generated/test", ignore_errors=True)
    run(["go", "build", "-o", "check", "."], folder, GOFLAGS="-mod=mod", GOPROXY="off", GOTOOLCHAIN="local")


LANGUAGES = (
    Language("python", (), _python, (str(BIN / "python"), "send.py")),
    Language("typescript", ("node", "npm"), _typescript, ("node", "dist/send.js")),
    Language("go", ("go",), _go, ("./check",)),
)
