"""Write docs/commands.md from `longcode --help` and the Makefile: `python docs/commands.py`."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    # Run as a script, it has to find the packages first.
    sys.path[:1] = [str(HERE.parent), str(HERE.parent / "layers/longcode/python")]

from typer import Typer  # noqa: E402 (see above)
from typer.testing import CliRunner  # noqa: E402 (see above)

from longcode_cli.main import COMMANDS, app  # noqa: E402 (see above)

PAGE = HERE / "commands.md"

_HEAD = """\
# Commands

<!-- Made by docs/commands.py from longcode_cli/ and the Makefile: change these, not this page. -->

`./longcode` is the operator's command of a checkout; it runs after `make install`. `pip install .` (or
`uv tool install .`) installs the same command as `longcode`, which then works in any directory. Only what builds a
stack from this repository's files, or finds one by them, needs a checkout: `deploy`, `--env`, and a local stack
without `--dir`.

Exit codes: 0 done; 1 something is wrong, in one line that says what to do; 2 a wrong option. `--json` prints JSON
for scripts. Phone numbers are masked and texts hidden unless `--full` is given; only `send` shows what is in your
own file.

## longcode

| Command | Does |
|---|---|
"""

_MAKE = """\
## make

| Target | Does |
|---|---|
"""


def page() -> str:
    """The whole page."""
    helps = {name: _help(name) for name in names()}
    rows = "".join(
        f"| [`{name}`](#longcode-{name.replace(' ', '-')}) | {_summary(words)} |\n"
        for name, words in helps.items()
    )
    sections = "".join(f"### longcode {name}\n\n```\n{words}```\n\n" for name, words in helps.items())
    return f"{_HEAD}{rows}\n{sections}{_MAKE}{_targets()}"


def names() -> list[str]:
    """Every command as it is typed after `longcode`, those of a group behind its name."""
    found: list[str] = []
    for name, command in COMMANDS.items():
        inner = command.registered_commands if isinstance(command, Typer) else ()
        found += [f"{name} {one.name}" for one in inner] or [name]
    return found


def _help(command: str) -> str:
    found = CliRunner().invoke(app, [*command.split(), "--help"], prog_name="longcode", env={"COLUMNS": "80"})
    return "".join(f"{line.rstrip()}\n" for line in found.stdout.strip().splitlines())


def _summary(words: str) -> str:
    """The first sentence of a command's help."""
    description = " ".join(words.split("\n\n")[1].split())
    return re.split(r"(?<=\.) ", description)[0]


def _targets() -> str:
    """What `make help` lists."""
    makefile = (HERE.parent / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"^([a-z-]+):.*?## (.*)$", makefile, re.MULTILINE)
    return "".join(f"| `make {target}` | {words} |\n" for target, words in found)


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
