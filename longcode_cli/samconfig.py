"""What samconfig.toml says of the stacks that `make deploy` knows: names, places, parameters and tags."""

import shlex
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longcode_cli import checkout
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack, on_aws

# What SAM calls the section of each.
SECTIONS = {"dev": "default", "prod": "prod"}


@dataclass(frozen=True, slots=True)
class Settings:
    """One environment of `file`. `parameters` and `tags` are those saved there."""

    file: Path
    env: str
    stack_name: str
    region: str | None = None
    profile: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def section(self) -> str:
        """What `sam deploy --config-env` is given."""
        return SECTIONS[self.env]

    def stack(self, profile: str | None = None, region: str | None = None) -> Stack:
        """Its stack, whether it is there or not; what is given here comes before what the file says."""
        return on_aws(self.stack_name, profile or self.profile, region or self.region)


def load(env: str, file: Path | None = None) -> Settings:
    """The settings of `env` in `file`, which is the checkout's own unless one is given.

    Raises Problem where there is no such environment or no checkout, or the file can't be read.
    """
    file = file or checkout.needed_for("--env", "Name the stack (--stack). Or: ") / "samconfig.toml"
    if env not in SECTIONS:
        raise Problem(f"There is no environment {env!r}.", "It is dev or prod.")
    try:
        read = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as exc:
        raise Problem(f"{file.name} can't be read: {exc}.", "git checkout it, or fix it.") from exc
    section = read.get(SECTIONS[env], {})
    # SAM looks for an option in the command's own table, then in that of all commands.
    found = section.get("global", {}).get("parameters", {}) | section.get("deploy", {}).get("parameters", {})
    return Settings(
        file,
        env,
        found.get("stack_name", f"long-code-sms-{env}"),
        found.get("region"),
        found.get("profile"),
        _pairs(found.get("parameter_overrides", "")),
        _pairs(found.get("tags", "")),
    )


# Any: TOML. SAM takes a string of pairs, a list of them, or a table.
def _pairs(given: Any) -> dict[str, str]:
    if isinstance(given, dict):
        return {str(name): str(value) for name, value in given.items()}
    words = (
        [word for text in given for word in shlex.split(text)] if isinstance(given, list) else shlex.split(given)
    )
    return {name: value for name, _, value in (word.partition("=") for word in words) if name}
