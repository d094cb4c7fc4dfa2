"""The package that `pip install .` installs: it works outside of a checkout, and says where it needs one."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from dataclasses import dataclass
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from devtools.local_stack.layout import ROOT
from longcode_cli import __version__

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """A wheel that was unpacked into `site`, far from the checkout."""

    names: list[str]
    site: Path

    def metadata(self, name: str) -> str:
        return (self.site / f"long_code_sms-{__version__}.dist-info" / name).read_text()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command as its entry point does, in a directory with nothing in it."""
        empty = self.site.parent / "empty"
        empty.mkdir(exist_ok=True)
        # -I: no environment variable and no current directory leads to the checkout.
        program = f"import sys; sys.path.insert(0, {str(self.site)!r}); from longcode_cli.main import main; main()"
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LONGCODE_"))
        }
        return subprocess.run(
            [sys.executable, "-I", "-c", program, *arguments],
            cwd=empty,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of this checkout. It is built from its sources alone and without a network."""
    base = tmp_path_factory.mktemp("install")
    sources = base / "sources"
    for name in ("pyproject.toml", "README.md", "LICENSE", "template.yaml"):
        (sources / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, sources)
    for name in ("longcode_cli", "layers/longcode/python/longcode"):
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(base / "dist")],
        cwd=sources,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"hatchling has to be in locks/dev.txt: {done.stderr}"
    (wheel,) = (base / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(base / "site")
        return Installed(archive.namelist(), base / "site")


def test_the_wheel_holds_the_command_the_layers_package_and_the_template(installed: Installed) -> None:
    packages = {name.split("/")[0] for name in installed.names if name.endswith(".py")}
    assert packages == {"longcode", "longcode_cli"}
    for package, folder in (("longcode_cli", ROOT), ("longcode", ROOT / "layers/longcode/python")):
        modules = {str(path.relative_to(folder)) for path in (folder / package).rglob("*.py")}
        assert modules == {
            name for name in installed.names if name.split("/")[0] == package and name.endswith(".py")
        }
    assert (installed.site / "longcode_cli/template.yaml").read_text() == (ROOT / "template.yaml").read_text()


def test_it_installs_the_program_with_its_version(installed: Installed) -> None:
    scripts = ConfigParser()
    scripts.read_string(installed.metadata("entry_points.txt"))
    assert dict(scripts["console_scripts"]) == {"longcode": "longcode_cli.main:main"}
    assert Parser().parsestr(installed.metadata("METADATA"))["Version"] == __version__
    done = installed.run("--version")
    assert (done.returncode, done.stdout) == (0, f"longcode {__version__}\n"), done.stderr


def test_its_help_is_that_of_the_checkout(installed: Installed) -> None:
    for command in ((), ("doctor",), ("deploy",)):
        here = subprocess.run(
            [ROOT / "longcode", *command, "--help"], capture_output=True, text=True, check=True
        ).stdout
        done = installed.run(*command, "--help")
        assert (done.returncode, done.stdout) == (0, here), done.stderr


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["deploy", "dev"], "which longcode deploy needs"),
        (["smoke", "--env", "dev"], "which --env needs"),
        (["queue"], "which a local stack without --dir needs"),
    ],
)
def test_what_needs_a_checkout_says_so(installed: Installed, arguments: list[str], what: str) -> None:
    done = installed.run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"There is no checkout of the service, {what}")
    assert done.stderr.endswith("Run ./longcode in a checkout.\n")


def test_what_reads_the_template_reads_the_one_that_was_installed(installed: Installed) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(installed.site)!r})\n"
        "from longcode_cli import template\nprint(len(template.functions()), template.TEMPLATE)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program],
        cwd=installed.site.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    count, path = done.stdout.split()
    assert int(count) > 10
    assert path == str(installed.site / "longcode_cli/template.yaml")


def test_the_command_imports_only_what_the_package_brings_or_depends_on() -> None:
    distributions = packages_distributions()
    imported: dict[str, str] = {}
    for path in sorted((ROOT / "longcode_cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported[str(node.module).partition(".")[0]] = path.name
            elif isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0]: path.name for alias in node.names}
    # Stubs are imported for the type checker alone.
    others = {
        name: path
        for name, path in imported.items()
        if name not in sys.stdlib_module_names and not name.startswith(("longcode", "mypy_boto3"))
    }
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    # zoneinfo reads it where the machine has no zones.
    by_import = set(declared) - {"tzdata"}
    assert {distributions[name][0].lower() for name in others if name in distributions} == by_import, others
    assert others.keys() <= distributions.keys()
